/* SPDX-License-Identifier: Apache-2.0
 * Characters, comments, strings and keys. */
#include <stdarg.h>

#include "base/toml-internal.h"

int toml_bad(struct toml_parser *t, const char *fmt, ...)
{
	int line = 1;
	const char *bol = t->start;
	char reason[256];
	va_list ap;

	for (const char *p = t->start; p < t->p; p++)
		if (*p == '\n') {
			line++;
			bol = p + 1;
		}
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return fail(t->err, ERROR_INVALID, "%s:%d:%d: %s", t->what, line, (int)(t->p - bol) + 1, reason);
}

/* ---- characters ---- */
int toml_peek(const struct toml_parser *t)
{
	return t->p < t->end ? (unsigned char)*t->p : -1;
}

bool toml_accept(struct toml_parser *t, char c)
{
	if (toml_peek(t) != c)
		return false;
	t->p++;
	return true;
}

bool toml_starts(const struct toml_parser *t, const char *s)
{
	size_t n = strlen(s);
	return (size_t)(t->end - t->p) >= n && memcmp(t->p, s, n) == 0;
}

void toml_blanks(struct toml_parser *t)
{
	while (toml_peek(t) == ' ' || toml_peek(t) == '\t')
		t->p++;
}

static bool newline(struct toml_parser *t)
{
	if (toml_starts(t, "\r\n")) {
		t->p += 2;
		return true;
	}
	return toml_accept(t, '\n');
}

/* Goes over printable ASCII eight bytes at a time, up to the first eight that hold anything else. Below 0x20 a byte
 * borrows its top bit when 0x20 is taken from it, 0x7f and above have it when 1 is added. */
static void printable(struct toml_parser *t)
{
	const uint64_t each = 0x0101010101010101;
	uint64_t w;

	for (; t->end - t->p >= (ptrdiff_t)sizeof(w); t->p += sizeof(w)) {
		memcpy(&w, t->p, sizeof(w));
		if (((w - 0x20 * each) | (w + each) | w) & 0x80 * each)
			return;
	}
}

static int comment(struct toml_parser *t)
{
	if (!toml_accept(t, '#'))
		return 0;
	printable(t);   /* a configuration file is mostly this, and every command reads one */
	while (t->p < t->end && *t->p != '\n') {
		unsigned char c = (unsigned char)*t->p;
		if (c >= 0x20 && c < 0x7f) {
			t->p++;
			continue;
		}
		if (toml_starts(t, "\r\n"))
			break;
		size_t n = utf8_length(t->p, t->end - t->p);
		if ((c < 0x20 && c != '\t') || c == 0x7f || n == 0)
			return toml_bad(t, "control character or invalid UTF-8 in a comment");
		t->p += n;
	}
	return 0;
}

int toml_filler(struct toml_parser *t)
{
	for (;;) {
		toml_blanks(t);
		TRY(comment(t));
		if (!newline(t))
			return 0;
	}
}

int toml_end_of_line(struct toml_parser *t)
{
	toml_blanks(t);
	TRY(comment(t));
	if (t->p < t->end && !newline(t))
		return toml_bad(t, "expected the end of the line");
	return 0;
}

/* ---- strings ---- */
static int add_code_point(struct toml_parser *t, struct buf *b, int digits)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++, t->p++) {
		int d = toml_peek(t);
		const char *hex = "0123456789abcdef", *at = d > 0 ? strchr(hex, d | 0x20) : NULL;
		if (!at || (d < '0'))
			return toml_bad(t, "expected %d hexadecimal digits", digits);
		c = c << 4 | (uint32_t)(at - hex);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c == 0)
		return toml_bad(t, "escape is no character");
	if (c < 0x80) {
		buf_add_char(b, (char)c);
	} else if (c < 0x800) {
		buf_add_char(b, (char)(0xc0 | c >> 6));
		buf_add_char(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_add_char(b, (char)(0xe0 | c >> 12));
		buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_add_char(b, (char)(0x80 | (c & 63)));
	} else {
		buf_add_char(b, (char)(0xf0 | c >> 18));
		buf_add_char(b, (char)(0x80 | (c >> 12 & 63)));
		buf_add_char(b, (char)(0x80 | (c >> 6 & 63)));
		buf_add_char(b, (char)(0x80 | (c & 63)));
	}
	return 0;
}

/* Behind a backslash. In a multi-line string "\<newline>" swallows all white space up to the next character. */
static int escape(struct toml_parser *t, struct buf *b, bool multi)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
	const char *save = t->p;
	int c = toml_peek(t);

	if (multi) {
		toml_blanks(t);
		if (newline(t)) {
			do
				toml_blanks(t);
			while (newline(t));
			return 0;
		}
		t->p = save;
	}
	const char *at = c > 0 ? strchr(from, c) : NULL;
	if (at && c != 'e') {
		t->p++;
		buf_add_char(b, to[at - from]);
		return 0;
	}
	if (c == 'u' || c == 'U') {
		t->p++;
		return add_code_point(t, b, c == 'u' ? 4 : 8);
	}
	return toml_bad(t, "unknown escape in a string");
}

/* The body of a string behind its opening quotes, up to and with the closing ones. */
static int string_body(struct toml_parser *t, struct buf *b, char quote, bool multi)
{
	char closing[4] = { quote, multi ? quote : 0, quote, 0 };

	if (multi)
		newline(t);   /* a newline right behind the opening quotes is not part of the text */
	for (;;) {
		if (t->p >= t->end)
			return toml_bad(t, "string is not closed");
		if (toml_starts(t, closing)) {
			t->p += strlen(closing);
			/* """"" : up to two more quotes belong to the text */
			for (int i = 0; multi && i < 2 && toml_accept(t, quote); i++)
				buf_add_char(b, quote);
			return 0;
		}
		if (quote == '"' && toml_accept(t, '\\')) {
			TRY(escape(t, b, multi));
			continue;
		}
		unsigned char c = *t->p;
		size_t n = utf8_length(t->p, t->end - t->p);
		if (n == 0)
			return toml_bad(t, "invalid UTF-8 in a string");
		if ((c < 0x20 && c != '\t' && !(multi && (c == '\n' || toml_starts(t, "\r\n")))) || c == 0x7f)
			return toml_bad(t, c == '\n' ? "string is not closed" : "control character in a string");
		buf_add(b, t->p, n);
		t->p += n;
	}
}

int toml_string(struct toml_parser *t, char **ret, bool key)
{
	auto_buf b = BUF_INIT(TOML_BYTES_MAX);
	char quote = *t->p, three[4] = { quote, quote, quote, 0 };
	bool multi = !key && toml_starts(t, three);

	t->p += multi ? 3 : 1;
	TRY(string_body(t, &b, quote, multi));
	char *s = buf_steal(&b);
	if (!s)
		return fail_oom(t->err);
	*ret = s;
	return 0;
}

/* ---- keys ---- */
bool toml_is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

int toml_key(struct toml_parser *t, struct strv *parts)
{
	for (;;) {
		toml_blanks(t);
		if (toml_peek(t) == '"' || toml_peek(t) == '\'') {
			char *s = NULL;
			TRY(toml_string(t, &s, true));
			TRY(strv_add_owned(parts, s, t->err));
		} else {
			const char *start = t->p;
			while (toml_is_bare(toml_peek(t)))
				t->p++;
			if (t->p == start)
				return toml_bad(t, "expected a key");
			TRY(strv_add_n(parts, start, t->p - start, t->err));
		}
		if (parts->n > TOML_DEPTH_MAX)
			return toml_bad(t, "key has too many parts");
		toml_blanks(t);
		if (!toml_accept(t, '.'))
			return 0;
	}
}

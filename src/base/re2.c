/* SPDX-License-Identifier: Apache-2.0
 * base/re2.c - Go's (RE2) regular expressions on top of POSIX ones. */
#include "base/re2.h"

#include "base/str.h"

#define MAX_PATTERN 4096
#define MAX_REPEAT 1000          /* of one {n,m}, as RE2 */
#define MAX_REPEATS 100000       /* of all of them multiplied: glibc unrolls them */

struct translation {
	const char *p;
	struct buf *to;
	uint64_t repeats;
	bool operand;    /* something that may be repeated stands before p */
	bool *fold;
	struct error *err;
};

static int bad(struct translation *t, const char *reason, const char *at)
{
	return fail(t->err, ERROR_INVALID, "error parsing regexp: %s: `%.20s`", reason, at);
}

/* Perl classes, outside and inside of brackets. */
static const struct { char c; const char *outside, *inside; } classes[] = {
	{ 'd', "[0-9]", "0-9" },
	{ 'D', "[^0-9]", NULL },
	{ 's', "[[:space:]]", "[:space:]" },
	{ 'S', "[^[:space:]]", NULL },
	{ 'w', "[0-9A-Za-z_]", "0-9A-Za-z_" },
	{ 'W', "[^0-9A-Za-z_]", NULL },
};

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The single character an escape stands for, t->p behind its letter; 0 when it is none. */
static char escaped_char(struct translation *t, char c)
{
	static const char letters[] = "afnrtv", meaning[] = "\a\f\n\r\t\v";
	const char *letter = strchr(letters, c);

	if (c && letter)
		return meaning[letter - letters];
	if (c == 'x' && hex_digit(t->p[0]) >= 0 && hex_digit(t->p[1]) >= 0) {
		t->p += 2;
		return (char)(hex_digit(t->p[-2]) * 16 + hex_digit(t->p[-1]));
	}
	return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c) ? c : '\0';
}

static void add_literal(struct buf *to, char c)
{
	if (strchr(".[]{}()\\*+?|^$", c))
		buf_add_char(to, '\\');
	buf_add_char(to, c);
}

/* ---- [...] ---- */
/* POSIX knows no escapes in brackets: ']' must come first, '-' last, '^' not first. */
struct set {
	struct buf body;
	bool negated, bracket, dash, caret;
};

static void set_add(struct set *s, char c)
{
	s->bracket |= c == ']';
	s->dash |= c == '-';
	s->caret |= c == '^';
	if (!strchr("]-^", c))
		buf_add_char(&s->body, c);
}

static int set_add_escape(struct translation *t, struct set *s)
{
	const char *start = t->p - 1;
	char c = *t->p;

	if (!c)
		return bad(t, "trailing backslash at end of expression", start);
	t->p++;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].c == c) {
			if (!classes[i].inside)
				return bad(t, "negated class inside of brackets is not supported", start);
			buf_add_str(&s->body, classes[i].inside);
			return 0;
		}
	char literal = escaped_char(t, c);
	if (!literal)
		return bad(t, "invalid escape sequence", start);
	set_add(s, literal);
	return 0;
}

static int read_set(struct translation *t, struct set *s)
{
	const char *start = t->p;

	t->p++;
	if (*t->p == '^') {
		s->negated = true;
		t->p++;
	}
	for (bool first = true; *t->p != ']' || first; first = false) {
		if (!*t->p)
			return bad(t, "missing closing ]", start);
		const char *named = t->p[0] == '[' && t->p[1] == ':' ? strstr(t->p + 2, ":]") : NULL;
		if (named) {
			buf_add(&s->body, t->p, named + 2 - t->p);
			t->p = named + 2;
		} else if (*t->p == '\\') {
			t->p++;
			TRY(set_add_escape(t, s));
		} else if (*t->p == '-' && s->body.len && t->p[1] != ']') {
			buf_add_char(&s->body, '-');   /* a range */
			t->p++;
		} else {
			set_add(s, *t->p++);
		}
	}
	t->p++;
	return 0;
}

static int translate_set(struct translation *t)
{
	struct set s = { .body = BUF_INIT(MAX_PATTERN * 2) };
	int r = read_set(t, &s);

	if (r == 0 && s.caret && !s.negated && !s.bracket && !s.dash && !s.body.len) {
		buf_add_str(t->to, "\\^");
	} else if (r == 0) {
		buf_addf(t->to, "[%s%s%s%s%s]", s.negated ? "^" : "", s.bracket ? "]" : "", s.body.data ? s.body.data : "",
			 s.caret ? "^" : "", s.dash ? "-" : "");
	}
	buf_done(&s.body);
	return r;
}

/* ---- the rest ---- */
static int translate_escape(struct translation *t)
{
	const char *start = t->p++;
	char c = *t->p;

	if (!c)
		return bad(t, "trailing backslash at end of expression", start);
	t->p++;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].c == c) {
			buf_add_str(t->to, classes[i].outside);
			return 0;
		}
	if (c == 'b' || c == 'B') {
		buf_addf(t->to, "\\%c", c);
	} else if (c == 'A' || c == 'z') {
		buf_add_char(t->to, c == 'A' ? '^' : '$');
	} else if (c == 'Q') {
		const char *end = strstr(t->p, "\\E");
		const char *stop = end ? end : t->p + strlen(t->p);
		while (t->p < stop)
			add_literal(t->to, *t->p++);
		t->p = end ? end + 2 : stop;
	} else {
		char literal = escaped_char(t, c);
		if (!literal)
			return bad(t, "invalid escape sequence", start);
		add_literal(t->to, literal);
	}
	return 0;
}

/* "(?i)", "(?:", "(?P<name>" and the plain one. */
static int translate_group(struct translation *t)
{
	const char *start = t->p++;

	t->operand = false;
	if (*t->p != '?') {
		buf_add_char(t->to, '(');
		return 0;
	}
	const char *flags = t->p + 1, *end = flags + strspn(flags, "imsU");
	if (*flags == 'P' && flags[1] == '<')
		flags++;
	if (*flags == '<' && flags[1] != '=' && flags[1] != '!' && strchr(flags, '>')) {
		t->p = strchr(flags, '>') + 1;
		buf_add_char(t->to, '(');
		return 0;
	}
	if (*end != ')' && *end != ':')
		return bad(t, "invalid or unsupported Perl syntax", start);
	*t->fold |= memchr(flags, 'i', end - flags) != NULL;
	if (*end == ':')
		buf_add_char(t->to, '(');
	t->p = end + 1;
	return 0;
}

/* "{2}", "{2,}", "{2,5}": its length, 0 when the brace is only a brace. */
static size_t repeat_length(const char *p, uint64_t *ret_most)
{
	size_t n = 1 + strspn(p + 1, "0123456789");

	if (n == 1)
		return 0;
	*ret_most = strtoull(p + 1, NULL, 10);
	if (p[n] == ',') {
		n++;
		uint64_t most = strtoull(p + n, NULL, 10);
		if (most > *ret_most)
			*ret_most = most;
		n += strspn(p + n, "0123456789");
	}
	return p[n] == '}' ? n + 1 : 0;
}

static int translate_repeat(struct translation *t)
{
	uint64_t most = 1;
	size_t n = *t->p == '{' ? repeat_length(t->p, &most) : 1;

	if (!n) {
		buf_add_str(t->to, "\\{");
		t->p++;
		t->operand = true;
		return 0;
	}
	if (!t->operand)
		return bad(t, "missing argument to repetition operator", t->p);
	t->repeats *= most ? most : 1;
	if (most > MAX_REPEAT || t->repeats > MAX_REPEATS)
		return bad(t, "invalid repeat count", t->p);
	buf_add(t->to, t->p, n);
	t->p += n;
	if (*t->p == '?')   /* lazy: which match is found does not matter here */
		t->p++;
	if (*t->p && strchr("*+?", *t->p))
		return bad(t, "invalid nested repetition operator", t->p - n);
	return 0;
}

static int translate_one(struct translation *t)
{
	char c = *t->p;

	if (strchr("*+?{", c))
		return translate_repeat(t);
	if (c == '(')
		return translate_group(t);
	t->operand = c != '|' && c != '^';
	if (c == '\\')
		return translate_escape(t);
	if (c == '[')
		return translate_set(t);
	if (c == '}' || c == ']')
		buf_add_char(t->to, '\\');
	buf_add_char(t->to, c);
	t->p++;
	return 0;
}

int regex_translate(const char *pattern, struct buf *to, bool *ret_fold, struct error *err)
{
	struct translation t = { .p = pattern, .to = to, .repeats = 1, .fold = ret_fold, .err = err };

	*ret_fold = false;
	if (strlen(pattern) > MAX_PATTERN)
		return fail(err, ERROR_INVALID, "regular expression is longer than %d bytes", MAX_PATTERN);
	while (*t.p)
		TRY(translate_one(&t));
	return buf_ok(to, "regular expression", err);
}

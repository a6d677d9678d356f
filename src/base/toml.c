/* SPDX-License-Identifier: Apache-2.0
 * base/toml.c - TOML 1.0 (toml.io/en/v1.0.0) read into a json-c tree.
 *
 * A recursive-descent parser over the text. What may be extended later is tracked beside the tree, because TOML
 * forbids what JSON cannot express: a table may be opened by [header] once, a table made by a dotted key or an inline
 * table is closed, an array of tables is not an ordinary array. `seen` lists those paths with their kind. */
#include "base/toml.h"

#include <stdarg.h>
#include <math.h>

#include "base/str.h"

#define MAX_BYTES ((size_t)4 << 20)
#define MAX_DEPTH 32

/* How a table or array came to be; decides what may still be added. */
enum origin {
	ORIGIN_IMPLICIT,   /* parent of a [a.b] header: may still get its own header */
	ORIGIN_HEADER,     /* [a]: no second header */
	ORIGIN_DOTTED,     /* a.b = 1: no header, more dotted keys of the same table only */
	ORIGIN_CLOSED,     /* inline table or array value */
	ORIGIN_TABLES,     /* [[a]] */
};

struct mark {
	struct json_object *object;   /* borrowed from the tree */
	enum origin origin;
	struct json_object *owner;    /* ORIGIN_DOTTED: the table whose line made it */
};

struct parser {
	const char *what, *start, *p, *end;
	struct json_object *root;
	struct mark *marks;
	size_t marks_n, marks_cap;
	struct error *err;
};

static int __attribute__((format(printf, 2, 3))) bad(struct parser *t, const char *fmt, ...)
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

/* ---- marks ---- */
static struct mark *mark_of(struct parser *t, struct json_object *o)
{
	for (size_t i = t->marks_n; i-- > 0;)
		if (t->marks[i].object == o)
			return &t->marks[i];
	return NULL;
}

static int mark(struct parser *t, struct json_object *o, enum origin origin, struct json_object *owner)
{
	if (t->marks_n == t->marks_cap) {
		size_t cap = t->marks_cap ? 2 * t->marks_cap : 32;
		struct mark *m = reallocarray(t->marks, cap, sizeof(*m));
		if (!m)
			return fail_oom(t->err);
		t->marks = m;
		t->marks_cap = cap;
	}
	t->marks[t->marks_n++] = (struct mark){ o, origin, owner };
	return 0;
}

/* ---- characters ---- */
static int peek(const struct parser *t)
{
	return t->p < t->end ? (unsigned char)*t->p : -1;
}

static bool accept(struct parser *t, char c)
{
	if (peek(t) != c)
		return false;
	t->p++;
	return true;
}

static bool starts(const struct parser *t, const char *s)
{
	size_t n = strlen(s);
	return (size_t)(t->end - t->p) >= n && memcmp(t->p, s, n) == 0;
}

static void blanks(struct parser *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->p++;
}

static bool newline(struct parser *t)
{
	if (starts(t, "\r\n")) {
		t->p += 2;
		return true;
	}
	return accept(t, '\n');
}

/* Goes over printable ASCII eight bytes at a time, up to the first eight that hold anything else. Below 0x20 a byte
 * borrows its top bit when 0x20 is taken from it, 0x7f and above have it when 1 is added. */
static void printable(struct parser *t)
{
	const uint64_t each = 0x0101010101010101;
	uint64_t w;

	for (; t->end - t->p >= (ptrdiff_t)sizeof(w); t->p += sizeof(w)) {
		memcpy(&w, t->p, sizeof(w));
		if (((w - 0x20 * each) | (w + each) | w) & 0x80 * each)
			return;
	}
}

static int comment(struct parser *t)
{
	if (!accept(t, '#'))
		return 0;
	printable(t);   /* a configuration file is mostly this, and every command reads one */
	while (t->p < t->end && *t->p != '\n') {
		unsigned char c = (unsigned char)*t->p;
		if (c >= 0x20 && c < 0x7f) {
			t->p++;
			continue;
		}
		if (starts(t, "\r\n"))
			break;
		size_t n = utf8_length(t->p, t->end - t->p);
		if ((c < 0x20 && c != '\t') || c == 0x7f || n == 0)
			return bad(t, "control character or invalid UTF-8 in a comment");
		t->p += n;
	}
	return 0;
}

/* Blanks, comments and newlines between values of an array and between lines. */
static int filler(struct parser *t)
{
	for (;;) {
		blanks(t);
		TRY(comment(t));
		if (!newline(t))
			return 0;
	}
}

static int end_of_line(struct parser *t)
{
	blanks(t);
	TRY(comment(t));
	if (t->p < t->end && !newline(t))
		return bad(t, "expected the end of the line");
	return 0;
}

/* ---- strings ---- */
static int add_code_point(struct parser *t, struct buf *b, int digits)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++, t->p++) {
		int d = peek(t);
		const char *hex = "0123456789abcdef", *at = d > 0 ? strchr(hex, d | 0x20) : NULL;
		if (!at || (d < '0'))
			return bad(t, "expected %d hexadecimal digits", digits);
		c = c << 4 | (uint32_t)(at - hex);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c == 0)
		return bad(t, "escape is no character");
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
static int escape(struct parser *t, struct buf *b, bool multi)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
	const char *save = t->p;
	int c = peek(t);

	if (multi) {
		blanks(t);
		if (newline(t)) {
			do
				blanks(t);
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
	return bad(t, "unknown escape in a string");
}

/* The body of a string behind its opening quotes, up to and with the closing ones. */
static int string_body(struct parser *t, struct buf *b, char quote, bool multi)
{
	char closing[4] = { quote, multi ? quote : 0, quote, 0 };

	if (multi)
		newline(t);   /* a newline right behind the opening quotes is not part of the text */
	for (;;) {
		if (t->p >= t->end)
			return bad(t, "string is not closed");
		if (starts(t, closing)) {
			t->p += strlen(closing);
			/* """"" : up to two more quotes belong to the text */
			for (int i = 0; multi && i < 2 && accept(t, quote); i++)
				buf_add_char(b, quote);
			return 0;
		}
		if (quote == '"' && accept(t, '\\')) {
			TRY(escape(t, b, multi));
			continue;
		}
		unsigned char c = *t->p;
		size_t n = utf8_length(t->p, t->end - t->p);
		if (n == 0)
			return bad(t, "invalid UTF-8 in a string");
		if ((c < 0x20 && c != '\t' && !(multi && (c == '\n' || starts(t, "\r\n")))) || c == 0x7f)
			return bad(t, c == '\n' ? "string is not closed" : "control character in a string");
		buf_add(b, t->p, n);
		t->p += n;
	}
}

static int string(struct parser *t, char **ret, bool key)
{
	auto_buf b = BUF_INIT(MAX_BYTES);
	char quote = *t->p, three[4] = { quote, quote, quote, 0 };
	bool multi = !key && starts(t, three);

	t->p += multi ? 3 : 1;
	TRY(string_body(t, &b, quote, multi));
	char *s = buf_steal(&b);
	if (!s)
		return fail_oom(t->err);
	*ret = s;
	return 0;
}

/* ---- keys ---- */
static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* a.b."c d": appends the parts. */
static int dotted_key(struct parser *t, struct strv *parts)
{
	for (;;) {
		blanks(t);
		if (peek(t) == '"' || peek(t) == '\'') {
			char *s = NULL;
			TRY(string(t, &s, true));
			TRY(strv_add_owned(parts, s, t->err));
		} else {
			const char *start = t->p;
			while (is_bare(peek(t)))
				t->p++;
			if (t->p == start)
				return bad(t, "expected a key");
			TRY(strv_add_n(parts, start, t->p - start, t->err));
		}
		if (parts->n > MAX_DEPTH)
			return bad(t, "key has too many parts");
		blanks(t);
		if (!accept(t, '.'))
			return 0;
	}
}

/* ---- tables ---- */
static int new_table(struct parser *t, struct json_object *in, const char *key, enum origin origin,
		     struct json_object *owner, struct json_object **ret)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return fail_oom(t->err);
	TRY(json_add(in, key, o, t->err));
	*ret = o;
	return mark(t, o, origin, owner);
}

/* The table to go on in behind one part of a [header]: an existing table, or the last element of [[...]]. */
static int step_header(struct parser *t, struct json_object **table, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(*table, key, &v))
		return new_table(t, *table, key, ORIGIN_IMPLICIT, NULL, table);
	struct mark *m = mark_of(t, v);
	if (m && m->origin == ORIGIN_TABLES) {
		*table = json_object_array_get_idx(v, json_object_array_length(v) - 1);
		return 0;
	}
	if (!json_object_is_type(v, json_type_object) || (m && m->origin == ORIGIN_CLOSED))
		return bad(t, "key \"%s\" is already used and cannot be extended", key);
	*table = v;
	return 0;
}

static int open_table(struct parser *t, const struct strv *path, struct json_object **ret)
{
	struct json_object *table = t->root, *v;

	for (size_t i = 0; i + 1 < path->n; i++)
		TRY(step_header(t, &table, path->v[i]));
	const char *last = path->v[path->n - 1];
	if (!json_object_object_get_ex(table, last, &v))
		return new_table(t, table, last, ORIGIN_HEADER, NULL, ret);
	struct mark *m = mark_of(t, v);
	if (!json_object_is_type(v, json_type_object) || !m || m->origin != ORIGIN_IMPLICIT)
		return bad(t, "table [%s] is already defined", last);
	m->origin = ORIGIN_HEADER;
	*ret = v;
	return 0;
}

static int open_array(struct parser *t, const struct strv *path, struct json_object **ret)
{
	struct json_object *table = t->root, *v;

	for (size_t i = 0; i + 1 < path->n; i++)
		TRY(step_header(t, &table, path->v[i]));
	const char *last = path->v[path->n - 1];
	if (!json_object_object_get_ex(table, last, &v)) {
		v = json_object_new_array();
		if (!v)
			return fail_oom(t->err);
		TRY(json_add(table, last, v, t->err));
		TRY(mark(t, v, ORIGIN_TABLES, NULL));
	}
	struct mark *m = mark_of(t, v);
	if (!m || m->origin != ORIGIN_TABLES)
		return bad(t, "\"%s\" is already defined and is no array of tables", last);
	struct json_object *o = json_object_new_object();
	if (!o || json_object_array_add(v, o) < 0)
		return fail_oom(t->err);
	*ret = o;
	return mark(t, o, ORIGIN_HEADER, NULL);
}

static int header(struct parser *t, struct json_object **ret)
{
	auto_strv path = {};
	bool array = starts(t, "[[");

	t->p += array ? 2 : 1;
	TRY(dotted_key(t, &path));
	if (!accept(t, ']') || (array && !accept(t, ']')))
		return bad(t, "expected %s behind the table's name", array ? "]]" : "]");
	TRY(array ? open_array(t, &path, ret) : open_table(t, &path, ret));
	return end_of_line(t);
}

/* ---- values ---- */
static int value(struct parser *t, int depth, struct json_object **ret);
static int key_value(struct parser *t, struct json_object *table, int depth);

static int array(struct parser *t, int depth, struct json_object **ret)
{
	auto_json *a = json_object_new_array();

	if (!a)
		return fail_oom(t->err);
	t->p++;
	for (;;) {
		TRY(filler(t));
		if (accept(t, ']'))
			break;
		struct json_object *v = NULL;
		if (value(t, depth + 1, &v) < 0 || json_object_array_add(a, v) < 0) {
			json_object_put(v);
			return t->err->kind ? -1 : fail_oom(t->err);
		}
		TRY(filler(t));
		if (!accept(t, ',') && peek(t) != ']')
			return bad(t, "expected , or ] in an array");
	}
	*ret = take_ptr(a);
	return 0;
}

static int inline_table(struct parser *t, int depth, struct json_object **ret)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(t->err);
	t->p++;
	blanks(t);
	for (bool first = true; !accept(t, '}'); first = false) {
		if (!first && !accept(t, ','))
			return bad(t, "expected , or } in an inline table");
		TRY(key_value(t, o, depth + 1));
		blanks(t);
	}
	*ret = take_ptr(o);
	return 0;
}

/* Copies the digits of a number without underscores; every underscore must stand between two digits. */
static int digits(struct parser *t, const char *s, size_t n, char *out, size_t size)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '_' && (i == 0 || i + 1 == n || !is_bare(s[i - 1]) || !is_bare(s[i + 1]) || s[i - 1] == '_'))
			return bad(t, "misplaced _ in a number");
		if (s[i] == '_')
			continue;
		if (k + 1 >= size)
			return bad(t, "number is too long");
		out[k++] = s[i];
	}
	out[k] = '\0';
	return 0;
}

static int integer(struct parser *t, const char *s, struct json_object **ret)
{
	int64_t n = 0;
	int base = s[0] != '0' ? 10 : s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : s[1] == 'b' ? 2 : 10;

	if (base == 10) {
		const char *d = s + (*s == '+' || *s == '-');
		if ((d[0] == '0' && d[1]) || !parse_i64(s, &n))
			return bad(t, "invalid number \"%s\"", s);
	}
	for (const char *p = s + 2; base != 10; p++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = *p ? strchr(hex, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p) : NULL;
		if (!*p && p > s + 2)
			break;
		if (!at || at - hex >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, at - hex, &n))
			return bad(t, "invalid number \"%s\"", s);
	}
	*ret = json_object_new_int64(n);
	return *ret ? 0 : fail_oom(t->err);
}

/* digits [. digits] [e [sign] digits], no leading zeros: what strtod would also take is refused before it is called. */
static bool is_float(const char *s)
{
	const char *p = s + (*s == '+' || *s == '-');
	size_t n = strspn(p, "0123456789");

	if (n == 0 || (n > 1 && *p == '0'))
		return false;
	p += n;
	if (*p == '.') {
		n = strspn(p + 1, "0123456789");
		if (n == 0)
			return false;
		p += n + 1;
	}
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '+' || p[1] == '-');
		n = strspn(p, "0123456789");
		if (n == 0)
			return false;
		p += n;
	}
	return !*p;
}

/* yyyy-mm-dd, hh:mm:ss and both with T or a blank between, optional fraction and offset: kept as a string. */
static bool is_date_time(const char *s)
{
	static const char *const forms[] = { "dddd-dd-dd", "dd:dd:dd" };
	const char *p = s;

	for (size_t f = strchr(s, '-') ? 0 : 1; f < 2; f++) {
		for (const char *m = forms[f]; *m; m++, p++)
			if (*m == 'd' ? (*p < '0' || *p > '9') : *p != *m)
				return false;
		if (f == 0 && *p && !strchr("Tt ", *p))
			return false;
		if (f == 0 && !*p++)
			return true;
	}
	if (*p == '.') {
		size_t n = strspn(p + 1, "0123456789");
		if (!n)
			return false;
		p += n + 1;
	}
	if (*p == 'Z' || *p == 'z')
		return !p[1];
	if (*p == '+' || *p == '-')
		return strlen(p) == 6 && p[3] == ':';
	return !*p;
}

static int number(struct parser *t, struct json_object **ret)
{
	const char *start = t->p;
	char text[80];

	while (is_bare(peek(t)) || strchr("+.:", peek(t) > 0 ? peek(t) : 'x'))
		t->p++;
	/* a date and a time with a blank between */
	if (t->p - start == 10 && start[4] == '-' && peek(t) == ' ' && t->end - t->p > 3 && t->p[1] >= '0' && t->p[1] <= '9')
		for (t->p++; is_bare(peek(t)) || strchr("+.:", peek(t) > 0 ? peek(t) : 'x');)
			t->p++;
	size_t n = t->p - start;
	if (n == 0)
		return bad(t, "expected a value");
	if (n >= sizeof(text))
		return bad(t, "value is too long");
	memcpy(text, start, n);
	text[n] = '\0';
	if (is_date_time(text)) {
		*ret = json_object_new_string(text);
		return *ret ? 0 : fail_oom(t->err);
	}
	const char *bare = text + (*text == '+' || *text == '-');
	if (streq(bare, "inf") || streq(bare, "nan"))
		return bad(t, "inf and nan have no use here");
	TRY(digits(t, start, n, text, sizeof(text)));
	if (strchr(text, '.') || (strpbrk(text, "eE") && text[1] != 'x')) {
		if (!is_float(text))
			return bad(t, "invalid number \"%s\"", text);
		double d = strtod(text, NULL);
		if (!isfinite(d))
			return bad(t, "number is out of range");
		*ret = json_object_new_double(d);
		return *ret ? 0 : fail_oom(t->err);
	}
	return integer(t, text, ret);
}

static int value(struct parser *t, int depth, struct json_object **ret)
{
	if (depth > MAX_DEPTH)
		return bad(t, "nested too deeply");
	switch (peek(t)) {
	case '"':
	case '\'': {
		autofree char *s = NULL;
		TRY(string(t, &s, false));
		*ret = json_object_new_string(s);
		return *ret ? 0 : fail_oom(t->err);
	}
	case '[':
		TRY(array(t, depth, ret));
		return mark(t, *ret, ORIGIN_CLOSED, NULL);
	case '{':
		TRY(inline_table(t, depth, ret));
		return mark(t, *ret, ORIGIN_CLOSED, NULL);
	}
	for (int b = 0; b < 2; b++) {
		const char *word = b ? "true" : "false";
		if (starts(t, word) && (t->p + strlen(word) == t->end || !is_bare(t->p[strlen(word)]))) {
			t->p += strlen(word);
			*ret = json_object_new_boolean(b);
			return *ret ? 0 : fail_oom(t->err);
		}
	}
	return number(t, ret);
}

/* One part of a dotted key left of "=": tables made this way belong to `owner`, the table of the line. */
static int step_dotted(struct parser *t, struct json_object **table, const char *key, struct json_object *owner)
{
	struct json_object *v;

	if (!json_object_object_get_ex(*table, key, &v))
		return new_table(t, *table, key, ORIGIN_DOTTED, owner, table);
	struct mark *m = mark_of(t, v);
	if (!json_object_is_type(v, json_type_object) || !m || m->origin != ORIGIN_DOTTED || m->owner != owner)
		return bad(t, "key \"%s\" is already used and cannot be extended", key);
	*table = v;
	return 0;
}

static int key_value(struct parser *t, struct json_object *table, int depth)
{
	auto_strv key = {};
	struct json_object *owner = table, *v = NULL;

	TRY(dotted_key(t, &key));
	if (!accept(t, '='))
		return bad(t, "expected = behind the key");
	for (size_t i = 0; i + 1 < key.n; i++)
		TRY(step_dotted(t, &table, key.v[i], owner));
	const char *last = key.v[key.n - 1];
	if (json_object_object_get_ex(table, last, NULL))
		return bad(t, "key \"%s\" is given twice", last);
	blanks(t);
	if (value(t, depth, &v) < 0) {
		if (v)
			json_object_put(v);
		return -1;
	}
	return json_add(table, last, v, t->err);
}

static int document(struct parser *t)
{
	struct json_object *table = t->root;

	for (;;) {
		TRY(filler(t));
		if (t->p >= t->end)
			return 0;
		if (peek(t) == '[') {
			TRY(header(t, &table));
			continue;
		}
		TRY(key_value(t, table, 0));
		TRY(end_of_line(t));
	}
}

int toml_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	if (len > MAX_BYTES)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, MAX_BYTES);
	auto_json *root = json_object_new_object();
	if (!root)
		return fail_oom(err);
	*err = (struct error){};
	struct parser t = { .what = what, .start = text, .p = text, .end = text + len, .root = root, .err = err };
	int r = document(&t);
	free(t.marks);
	if (r < 0)
		return r;
	*ret = take_ptr(root);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * base/value-print.c - Go's fmt: %v and the other verbs of printf.
 *
 * A verb is applied to scalars; lists, maps and structs pass it on to their members ("%q" of a list quotes each),
 * as Go does. Mistakes are printed, not raised: "%!d(string=hi)". */
#include <math.h>

#include "base/value-internal.h"

#define MAX_DEPTH 64
#define MAX_WIDTH 4096   /* Go allows a million; a table needs less */

struct verb {
	char c;
	bool plus, minus, hash, space, zero;
	bool names;   /* %+v: the fields of structs with their names */
	bool has_width, has_precision;
	int width, precision;
};

struct printer {
	struct value_pool *pool;
	struct buf *to;
	struct verb v;
	int depth;
};

/* Text padded to the width, which counts characters. */
static void pad(struct printer *p, const char *s, size_t len)
{
	size_t n = utf8_count(s, len), width = p->v.has_width ? (size_t)p->v.width : 0;
	size_t blanks = width > n ? width - n : 0;
	bool zero = p->v.zero && !p->v.minus;

	if (zero && blanks && len && (*s == '-' || *s == '+')) {
		buf_add_char(p->to, *s++);
		len--;
	}
	if (!p->v.minus)
		for (size_t i = 0; i < blanks; i++)
			buf_add_char(p->to, zero ? '0' : ' ');
	buf_add(p->to, s, len);
	if (p->v.minus)
		for (size_t i = 0; i < blanks; i++)
			buf_add_char(p->to, ' ');
}

static void print(struct printer *p, const struct value *v);

/* "%!d(string=hi)" */
static void bad_verb(struct printer *p, const struct value *v)
{
	char c = p->v.c;

	buf_addf(p->to, "%%!%c(", c);
	if (v->kind == VALUE_NIL || v->kind == VALUE_MISSING) {
		buf_add_str(p->to, "<nil>)");
		return;
	}
	buf_addf(p->to, "%s=", value_type_name(v));
	struct verb saved = p->v;
	p->v = (struct verb){ .c = 'v' };
	print(p, v);
	p->v = saved;
	buf_add_char(p->to, ')');
}

/* ---- strings ---- */
static void quote(struct buf *to, const char *s, size_t len, bool ascii)
{
	static const char short_form[128] = { ['"'] = '"', ['\\'] = '\\', ['\a'] = 'a', ['\b'] = 'b', ['\f'] = 'f',
					      ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v' };

	buf_add_char(to, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = s[i];
		size_t n = utf8_length(s + i, len - i);
		uint32_t rune = utf8_decode(s + i, n);
		if (c < 0x80 && short_form[c])
			buf_addf(to, "\\%c", short_form[c]);
		else if (!n || c < 0x20 || c == 0x7f)
			buf_addf(to, "\\x%02x", c);
		else if (n > 1 && (ascii || (rune >= 0x80 && rune < 0xa0)))
			buf_addf(to, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
		else
			buf_add(to, s + i, n);
		i += n ? n : 1;
	}
	buf_add_char(to, '"');
}

/* The first `precision` characters. */
static size_t cut(const struct verb *v, const char *s, size_t len)
{
	size_t at = 0;

	if (!v->has_precision)
		return len;
	for (int i = 0; i < v->precision && at < len; i++) {
		size_t n = utf8_length(s + at, len - at);
		at += n ? n : 1;
	}
	return at;
}

static void print_hex_string(struct printer *p, const char *s, size_t len)
{
	auto_buf out = BUF_INIT(p->to->max);

	for (size_t i = 0; i < len; i++) {
		if (i && p->v.space)
			buf_add_char(&out, ' ');
		if (p->v.hash && (i == 0 || p->v.space))
			buf_addf(&out, "0%c", p->v.c);
		buf_addf(&out, p->v.c == 'x' ? "%02x" : "%02X", (unsigned char)s[i]);
	}
	pad(p, out.data ? out.data : "", out.len);
}

static void print_string(struct printer *p, const struct value *v)
{
	const char *s = v->str.s;
	auto_buf out = BUF_INIT(p->to->max);

	switch (p->v.c) {
	case 'v':
		if (!p->v.hash) {
			pad(p, s, cut(&p->v, s, v->str.len));
			return;
		}
		__attribute__((fallthrough));
	case 'q':
		if (p->v.hash && p->v.c == 'q' && !memchr(s, '`', v->str.len))
			buf_addf(&out, "`%.*s`", (int)cut(&p->v, s, v->str.len), s);
		else
			quote(&out, s, cut(&p->v, s, v->str.len), p->v.plus);
		pad(p, out.data, out.len);
		return;
	case 's':
		pad(p, s, cut(&p->v, s, v->str.len));
		return;
	case 'x':
	case 'X':
		print_hex_string(p, s, p->v.has_precision && (size_t)p->v.precision < v->str.len ? (size_t)p->v.precision :
									    v->str.len);
		return;
	default:
		bad_verb(p, v);
	}
}

/* ---- numbers ---- */
static void print_digits(struct printer *p, uint64_t u, bool negative, unsigned base, const char *prefix)
{
	char digits[80], text[MAX_WIDTH + 96];
	size_t n = 0, len = 0;
	const char *set = p->v.c == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	size_t least = p->v.has_precision ? (size_t)p->v.precision : 1;

	for (; u; u /= base)
		digits[n++] = set[u % base];
	if (negative || p->v.plus || p->v.space)
		text[len++] = negative ? '-' : p->v.plus ? '+' : ' ';
	for (; *prefix; prefix++)
		text[len++] = *prefix;
	for (size_t i = n; i < least && len < MAX_WIDTH; i++)
		text[len++] = '0';
	while (n)
		text[len++] = digits[--n];
	bool zero = p->v.zero;
	p->v.zero &= !p->v.has_precision;
	pad(p, text, len);
	p->v.zero = zero;
}

static void print_integer(struct printer *p, const struct value *v, uint64_t u, bool negative)
{
	auto_buf out = BUF_INIT(64);

	switch (p->v.c) {
	case 'v':
	case 'd': print_digits(p, u, negative, 10, ""); return;
	case 'b': print_digits(p, u, negative, 2, p->v.hash ? "0b" : ""); return;
	case 'o': print_digits(p, u, negative, 8, p->v.hash ? "0" : ""); return;
	case 'O': print_digits(p, u, negative, 8, "0o"); return;
	case 'x': print_digits(p, u, negative, 16, p->v.hash ? "0x" : ""); return;
	case 'X': print_digits(p, u, negative, 16, p->v.hash ? "0X" : ""); return;
	case 'c':
		buf_add_rune(&out, u > 0x10ffff || negative ? 0xfffd : (uint32_t)u);
		break;
	case 'q': {
		auto_buf rune = BUF_INIT(8);
		buf_add_rune(&rune, u > 0x10ffff || negative ? 0xfffd : (uint32_t)u);
		quote(&out, rune.data, rune.len, p->v.plus);
		out.data[0] = out.data[out.len - 1] = '\'';
		break;
	}
	case 'U':
		buf_addf(&out, "U+%04llX", (unsigned long long)u);
		break;
	default:
		bad_verb(p, v);
		return;
	}
	pad(p, out.data, out.len);
}

static void print_float(struct printer *p, const struct value *v)
{
	char text[512], format[16];
	double n = v->f;

	if (!strchr("vgGeEfFxX", p->v.c)) {
		bad_verb(p, v);
		return;
	}
	if (isnan(n) || isinf(n)) {
		snprintf(text, sizeof(text), "%s", isnan(n) ? "NaN" : n > 0 ? "+Inf" : "-Inf");
	} else if (strchr("vgG", p->v.c) && !p->v.has_precision) {
		char *e = strchr(float_format(n, text), 'e');
		if (e && p->v.c == 'G')
			*e = 'E';
	} else {
		int precision = p->v.has_precision ? p->v.precision : 6;
		snprintf(format, sizeof(format), "%%%s.*%c", p->v.hash ? "#" : "", p->v.c == 'v' ? 'g' : p->v.c);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"   /* built two lines up from a fixed set of verbs */
		snprintf(text, sizeof(text), format, precision > 100 ? 100 : precision, n);
#pragma GCC diagnostic pop
	}
	if ((p->v.plus || p->v.space) && *text != '-' && *text != '+') {
		memmove(text + 1, text, strlen(text) + 1);
		*text = p->v.plus ? '+' : ' ';
	} else if (*text == '+' && isinf(n) && !p->v.plus && p->v.c != 'v' && p->v.c != 'g') {
		p->v.zero = false;
	}
	pad(p, text, strlen(text));
}

static void print_bool(struct printer *p, const struct value *v)
{
	if (p->v.c == 'v' || p->v.c == 't')
		pad(p, v->b ? "true" : "false", v->b ? 4 : 5);
	else
		bad_verb(p, v);
}

static void print_time(struct printer *p, const struct value *v)
{
	char text[64];
	const char *zero = "0001-01-01 00:00:00 +0000 UTC";

	if (v->kind == VALUE_TIME) {
		const char *s = v->i ? time_format_go(v->i, text) : zero;
		struct value shown = value_str(s);
		print_string(p, &shown);
	} else if (p->v.c == 'v' || p->v.c == 's' || p->v.c == 'q') {
		struct value shown = value_str(duration_format(v->i, text));
		print_string(p, &shown);
	} else {
		print_integer(p, v, v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i, v->i < 0);
	}
}

/* ---- containers ---- */
struct key_place {
	const char *key;
	size_t i;
};

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct key_place *)a)->key, ((const struct key_place *)b)->key);
}

size_t *value_sorted_keys(struct value_pool *pool, const struct value *map)
{
	size_t n = value_len(map);
	struct error ignored;
	autofree struct key_place *places = calloc(n ? n : 1, sizeof(*places));
	size_t *order = value_pool_alloc(pool, n * sizeof(*order));

	if (!places || !order)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct value key, member;
		if (value_at(pool, map, i, &key, &member, &ignored) < 0)
			return NULL;
		places[i] = (struct key_place){ key.str.s, i };
	}
	qsort(places, n, sizeof(*places), compare_keys);
	for (size_t i = 0; i < n; i++)
		order[i] = places[i].i;
	return order;
}

static void print_container(struct printer *p, const struct value *v)
{
	size_t *order = v->kind == VALUE_MAP ? value_sorted_keys(p->pool, v) : NULL;
	struct error ignored;

	if (p->depth >= MAX_DEPTH || (v->kind == VALUE_MAP && !order)) {
		p->to->failed = true;
		return;
	}
	p->depth++;
	buf_add_str(p->to, v->kind == VALUE_MAP ? "map[" : v->kind == VALUE_LIST ? "[" : "{");
	for (size_t i = 0; i < value_len(v) && !p->to->failed; i++) {
		struct value key = value_nil(), member = value_nil();
		if (value_at(p->pool, v, order ? order[i] : i, &key, &member, &ignored) < 0)
			p->to->failed = true;
		if (i)
			buf_add_char(p->to, ' ');
		if (v->kind == VALUE_MAP)
			print(p, &key);
		else if (v->kind == VALUE_STRUCT && p->v.names)
			buf_add(p->to, key.str.s, key.str.len);
		if (v->kind == VALUE_MAP || (v->kind == VALUE_STRUCT && p->v.names))
			buf_add_char(p->to, ':');
		print(p, &member);
	}
	buf_add_char(p->to, v->kind == VALUE_STRUCT ? '}' : ']');
	p->depth--;
}

static void print(struct printer *p, const struct value *v)
{
	if (p->v.c == 'T') {
		const char *name = v->kind == VALUE_NIL || v->kind == VALUE_MISSING ? "<nil>" : value_type_name(v);
		pad(p, name, strlen(name));
		return;
	}
	switch (v->kind) {
	case VALUE_BOOL:  print_bool(p, v); break;
	case VALUE_INT:   print_integer(p, v, v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i, v->i < 0); break;
	case VALUE_UINT:  print_integer(p, v, v->u, false); break;
	case VALUE_FLOAT: print_float(p, v); break;
	case VALUE_STR:   print_string(p, v); break;
	case VALUE_TIME:
	case VALUE_DURATION: print_time(p, v); break;
	case VALUE_LIST:
	case VALUE_MAP:
	case VALUE_STRUCT:   print_container(p, v); break;
	default:
		if (p->v.c == 'v' || p->depth)   /* a nil member is nil under any verb */
			pad(p, "<nil>", 5);
		else
			bad_verb(p, v);
	}
}

void value_print(struct value_pool *pool, struct buf *to, const struct value *v)
{
	struct printer p = { .pool = pool, .to = to, .v = { .c = 'v' } };

	print(&p, v);
}

void value_sprint(struct value_pool *pool, struct buf *to, const struct value *args, size_t n, bool line)
{
	for (size_t i = 0; i < n; i++) {
		/* Print puts a blank between two operands when neither is a string, Println always. */
		if (i && (line || (args[i].kind != VALUE_STR && args[i - 1].kind != VALUE_STR)))
			buf_add_char(to, ' ');
		value_print(pool, to, &args[i]);
	}
	if (line)
		buf_add_char(to, '\n');
}

/* ---- Sprintf ---- */
struct formatter {
	const char *s, *end;
	const struct value *args;
	size_t n, next;
	bool reordered;
};

/* A number or '*'. False: there is none. */
static bool take_number(struct printer *p, struct formatter *f, int *ret)
{
	int n = 0;

	if (f->s < f->end && *f->s == '*') {
		f->s++;
		if (f->next >= f->n || f->args[f->next].kind != VALUE_INT || llabs(f->args[f->next].i) > MAX_WIDTH) {
			f->next++;
			return false;
		}
		*ret = (int)f->args[f->next++].i;
		return true;
	}
	if (f->s >= f->end || *f->s < '0' || *f->s > '9')
		return false;
	for (; f->s < f->end && *f->s >= '0' && *f->s <= '9'; f->s++)
		n = n < MAX_WIDTH ? n * 10 + (*f->s - '0') : n;
	*ret = n < MAX_WIDTH ? n : MAX_WIDTH;
	return true;
}

static void take_flags(struct printer *p, struct formatter *f)
{
	for (; f->s < f->end; f->s++) {
		switch (*f->s) {
		case '+': p->v.plus = true; break;
		case '-': p->v.minus = true; break;
		case '#': p->v.hash = true; break;
		case ' ': p->v.space = true; break;
		case '0': p->v.zero = true; break;
		default:  return;
		}
	}
}

/* "[2]": which argument comes next. */
static void take_index(struct formatter *f)
{
	const char *s = f->s;
	size_t n = 0;

	if (s >= f->end || *s != '[')
		return;
	for (s++; s < f->end && *s >= '0' && *s <= '9' && n < 1000; s++)
		n = n * 10 + (*s - '0');
	if (s < f->end && *s == ']' && n) {
		f->s = s + 1;
		f->next = n - 1;
		f->reordered = true;
	}
}

/* Behind '%'. */
static void print_verb(struct printer *p, struct formatter *f)
{
	p->v = (struct verb){};
	take_flags(p, f);
	take_index(f);
	p->v.has_width = take_number(p, f, &p->v.width);
	if (p->v.has_width && p->v.width < 0) {
		p->v.minus = true;
		p->v.width = -p->v.width;
	}
	if (f->s < f->end && *f->s == '.') {
		f->s++;
		take_index(f);
		p->v.has_precision = true;
		if (!take_number(p, f, &p->v.precision) || p->v.precision < 0)
			p->v.precision = 0;
	}
	take_index(f);
	if (f->s >= f->end) {
		buf_add_str(p->to, "%!(NOVERB)");
		return;
	}
	size_t len = utf8_length(f->s, f->end - f->s);
	const char *verb = f->s;
	f->s += len ? len : 1;
	p->v.c = len == 1 ? *verb : '?';
	if (p->v.c == 'v') {
		p->v.names = p->v.plus;
		p->v.plus = false;
	}
	if (p->v.c == '%')
		buf_add_char(p->to, '%');
	else if (f->next >= f->n)
		buf_addf(p->to, "%%!%.*s(%s)", (int)(f->s - verb), verb, f->reordered ? "BADINDEX" : "MISSING");
	else
		print(p, &f->args[f->next++]);
}

void value_printf(struct value_pool *pool, struct buf *to, const char *format, size_t len, const struct value *args,
		  size_t n)
{
	struct printer p = { .pool = pool, .to = to };
	struct formatter f = { .s = format, .end = format + len, .args = args, .n = n };

	while (f.s < f.end) {
		const char *percent = memchr(f.s, '%', f.end - f.s);
		buf_add(to, f.s, (percent ? percent : f.end) - f.s);
		f.s = percent ? percent + 1 : f.end;
		if (percent)
			print_verb(&p, &f);
	}
	if (f.reordered || f.next >= n)
		return;
	buf_add_str(to, "%!(EXTRA ");
	p.v = (struct verb){ .c = 'v' };
	for (size_t i = f.next; i < n; i++) {
		bool nil = args[i].kind == VALUE_NIL || args[i].kind == VALUE_MISSING;
		buf_addf(to, "%s%s%s", i > f.next ? ", " : "", nil ? "" : value_type_name(&args[i]), nil ? "" : "=");
		print(&p, &args[i]);
	}
	buf_add_char(to, ')');
}

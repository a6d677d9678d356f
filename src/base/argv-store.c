/* SPDX-License-Identifier: Apache-2.0
 * base/argv-store.c - one function a field type that turns a word of the command line into the member's value, with
 * Go's readings of numbers and CSV. */
#include "base/argv.h"
#include "base/buf.h"
#include "base/units.h"

enum number { NUMBER_OK, NUMBER_SYNTAX, NUMBER_RANGE };

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* The base of a number as Go's literals write it; *s moves behind the prefix. */
static int base_of(const char **s)
{
	if (**s != '0' || !(*s)[1])
		return 10;
	char kind = (*s)[1] | 0x20;
	int base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;

	*s += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
	return base;
}

/* strconv.ParseUint(s, 0, 64). */
static enum number parse_go_uint(const char *s, uint64_t *ret)
{
	int base = base_of(&s);
	uint64_t n = 0;

	if (!*s || *s == '_')
		return NUMBER_SYNTAX;
	for (; *s; s++) {
		if (*s == '_' && s[1] && s[1] != '_')
			continue;
		int d = digit_of(*s);
		if (d >= base)
			return NUMBER_SYNTAX;
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) || __builtin_add_overflow(n, (uint64_t)d, &n))
			return NUMBER_RANGE;
	}
	*ret = n;
	return NUMBER_OK;
}

static enum number parse_go_int(const char *s, int64_t *ret)
{
	bool minus = *s == '-';
	uint64_t n = 0;
	enum number r = parse_go_uint(s + (*s == '-' || *s == '+'), &n);

	if (r != NUMBER_OK)
		return r;
	if (n > (uint64_t)INT64_MAX + minus)
		return NUMBER_RANGE;
	*ret = minus ? (int64_t)(0 - n) : (int64_t)n;
	return NUMBER_OK;
}

static int number_failed(enum number r, const char *function, const char *value, struct error *err)
{
	return fail(err, ERROR_INVALID, "strconv.%s: parsing \"%s\": %s", function, value,
		    r == NUMBER_RANGE ? "value out of range" : "invalid syntax");
}

typedef int store_fn(const struct field *f, void *at, const char *value, bool first, struct error *err);
#define STORE(name) \
	static int store_##name(const struct field *f, void *at, const char *value, bool first, struct error *err)
#define UNUSED (void)f, (void)first

STORE(bool)
{
	UNUSED;
	return parse_bool(value, at) ? 0 : number_failed(NUMBER_SYNTAX, "ParseBool", value, err);
}

STORE(int)
{
	UNUSED;
	enum number r = parse_go_int(value, at);
	return r == NUMBER_OK ? 0 : number_failed(r, "ParseInt", value, err);
}

STORE(uint)
{
	UNUSED;
	enum number r = parse_go_uint(value, at);
	return r == NUMBER_OK ? 0 : number_failed(r, "ParseUint", value, err);
}

STORE(double)
{
	UNUSED;
	char *end;
	errno = 0;
	double n = strtod(value, &end);
	if (end == value || *end || *value == ' ')
		return number_failed(NUMBER_SYNTAX, "ParseFloat", value, err);
	if (errno == ERANGE)
		return number_failed(NUMBER_RANGE, "ParseFloat", value, err);
	*(double *)at = n;
	return 0;
}

STORE(opt_bool)
{
	struct opt_bool *o = at;
	TRY(store_bool(f, &o->value, value, first, err));
	o->set = true;
	return 0;
}

STORE(opt_int)
{
	struct opt_int *o = at;
	TRY(store_int(f, &o->value, value, first, err));
	o->set = true;
	return 0;
}

STORE(opt_uint)
{
	struct opt_uint *o = at;
	TRY(store_uint(f, &o->value, value, first, err));
	o->set = true;
	return 0;
}

STORE(str)
{
	UNUSED;
	return str_set(at, value, err);
}

STORE(enum)
{
	UNUSED;
	auto_strv all = {};
	for (int i = 0; f->choices[i]; i++) {
		if (streq(f->choices[i], value)) {
			*(int *)at = i;
			return 0;
		}
		if (*f->choices[i])
			TRY(strv_add(&all, f->choices[i], err));
	}
	autofree char *list = strv_join(&all, ", ");
	return fail(err, ERROR_INVALID, "\"%s\" is not a valid value, choose from: %s", value, list ? list : "");
}

STORE(strv)
{
	(void)f;
	if (first)
		strv_done(at);
	return strv_add(at, value, err);
}

STORE(csv)
{
	(void)f;
	if (first)
		strv_done(at);
	return *value ? csv_split(at, value, err) : 0;
}

STORE(map)
{
	(void)f;
	if (first)
		strmap_done(at);
	return strmap_add_pair(at, value, err);
}

STORE(duration)
{
	UNUSED;
	return duration_parse(value, at, err);
}

STORE(size)
{
	UNUSED;
	return size_parse(value, at, err);
}

STORE(custom)
{
	(void)first;
	if (!f->custom->parse)
		return fail(err, ERROR_INVALID, "cannot be set on the command line");
	return f->custom->parse(f, at, value, err);
}

static store_fn *const stores[FIELD_TYPE_MAX] = {
	[FIELD_BOOL] = store_bool,         [FIELD_STR] = store_str,           [FIELD_INT] = store_int,
	[FIELD_UINT] = store_uint,         [FIELD_DOUBLE] = store_double,     [FIELD_OPT_BOOL] = store_opt_bool,
	[FIELD_OPT_INT] = store_opt_int,   [FIELD_OPT_UINT] = store_opt_uint, [FIELD_ENUM] = store_enum,
	[FIELD_STRV] = store_strv,         [FIELD_CSV] = store_csv,           [FIELD_MAP] = store_map,
	[FIELD_DURATION] = store_duration, [FIELD_SIZE] = store_size,         [FIELD_CUSTOM] = store_custom,
};

int argv_store(const struct field *f, void *at, const char *value, bool first, struct error *err)
{
	if (!stores[f->type])
		return fail(err, ERROR_INVALID, "cannot be set on the command line");
	return stores[f->type](f, (char *)at + f->off, value, first, err);
}

/* ---- comma-separated values (RFC 4180 as Go's encoding/csv reads one record) ---- */
static int csv_bad(const char *s, const char *why, struct error *err)
{
	return fail(err, ERROR_INVALID, "parse \"%s\": %s in quoted field", s, why);
}

/* A quoted piece: *s stands on the opening quote and is left behind the closing one. */
static int csv_quoted(struct buf *piece, const char **s, const char *whole, struct error *err)
{
	for (const char *p = *s + 1; *p; p++) {
		if (*p != '"') {
			buf_add_char(piece, *p);
			continue;
		}
		if (p[1] == '"') {
			buf_add_char(piece, *p++);
			continue;
		}
		*s = p + 1;
		return *p == '"' && p[1] && p[1] != ',' ? csv_bad(whole, "extraneous or missing \"", err) : 0;
	}
	return csv_bad(whole, "extraneous or missing \"", err);
}

int csv_split(struct strv *to, const char *s, struct error *err)
{
	const char *whole = s;

	for (;; s++) {
		auto_buf piece = BUF_INIT(BUF_MAX_DEFAULT);
		if (*s == '"')
			TRY(csv_quoted(&piece, &s, whole, err));
		else
			while (*s && *s != ',') {
				if (*s == '"')
					return fail(err, ERROR_INVALID, "parse \"%s\": bare \" in non-quoted field", whole);
				buf_add_char(&piece, *s++);
			}
		TRY(buf_ok(&piece, "comma-separated value", err));
		TRY(strv_add_n(to, piece.data ? piece.data : "", piece.len, err));
		if (!*s)
			return 0;
	}
}

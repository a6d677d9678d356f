/* SPDX-License-Identifier: Apache-2.0
 * image/wire.c - the walk between a struct described by rows and a flat message. */
#include "image/wire.h"

#include <string.h>

#include "base/str.h"

#define NO_STRING UINT32_MAX

/* ---- encode ---- */
static void put_u32(struct buf *to, size_t n)
{
	uint32_t v = (uint32_t)n;

	buf_add(to, &v, sizeof(v));
}

static void put_str(struct buf *to, const char *s)
{
	put_u32(to, s ? strlen(s) : NO_STRING);
	if (s)
		buf_add_str(to, s);
}

static void put_strv(struct buf *to, const struct strv *l)
{
	put_u32(to, l->n);
	for (size_t i = 0; i < l->n; i++)
		put_str(to, l->v[i]);
}

static void put_map(struct buf *to, const struct strmap *m)
{
	put_u32(to, m->n);
	for (size_t i = 0; i < m->n; i++) {
		put_str(to, m->v[i].key);
		put_str(to, m->v[i].value);
	}
}

static void encode_rows(const struct field *rows, const void *from, struct buf *to);

static void put_list(struct buf *to, const struct field *f, const struct list *l)
{
	put_u32(to, l->n);
	for (size_t i = 0; i < l->n; i++)
		encode_rows(f->rows, (const char *)l->v + i * f->size, to);
}

static void put_optional(struct buf *to, const struct field *f, const void *object)
{
	buf_add_char(to, object != NULL);
	if (object)
		encode_rows(f->rows, object, to);
}

static void encode_rows(const struct field *rows, const void *from, struct buf *to)
{
	EACH_FIELD(f, rows) {
		const void *at = (const char *)from + f->off;
		switch (f->type) {
		case FIELD_BOOL:   buf_add_char(to, (char)*(const bool *)at); break;
		case FIELD_INT:
		case FIELD_UINT:   buf_add(to, at, 8); break;
		case FIELD_STR:    put_str(to, *(char *const *)at); break;
		case FIELD_STRV:   put_strv(to, at); break;
		case FIELD_MAP:    put_map(to, at); break;
		case FIELD_OBJECT: encode_rows(f->rows, at, to); break;
		case FIELD_LIST:   put_list(to, f, at); break;
		case FIELD_OPT_OBJECT: put_optional(to, f, *(void *const *)at); break;
		default:           to->failed = true;   /* a row type the wire does not know: caught by the unit test */
		}
	}
}

int wire_encode(const struct field *rows, const void *from, struct buf *to, struct error *err)
{
	encode_rows(rows, from, to);
	return buf_ok(to, "worker message", err);
}

/* ---- decode ---- */
struct cursor {
	const uint8_t *at, *end;
};

static int short_message(struct error *err)
{
	return fail(err, ERROR_CORRUPT, "worker message: malformed");
}

static int get(struct cursor *c, void *to, size_t n, struct error *err)
{
	if ((size_t)(c->end - c->at) < n)
		return short_message(err);
	memcpy(to, c->at, n);
	c->at += n;
	return 0;
}

static int get_str(struct cursor *c, char **ret, struct error *err)
{
	uint32_t n;

	TRY(get(c, &n, sizeof(n), err));
	if (n == NO_STRING)
		return 0;
	if ((size_t)(c->end - c->at) < n || memchr(c->at, 0, n))
		return short_message(err);
	*ret = strndup((const char *)c->at, n);
	if (!*ret)
		return fail_oom(err);
	c->at += n;
	return 0;
}

/* Every element takes at least one byte, so a count beyond what is left is a lie told cheaply. */
static int get_count(struct cursor *c, uint32_t *ret, struct error *err)
{
	TRY(get(c, ret, sizeof(*ret), err));
	if (*ret > WIRE_LIST_MAX || *ret > (size_t)(c->end - c->at))
		return short_message(err);
	return 0;
}

static int get_strv(struct cursor *c, struct strv *l, struct error *err)
{
	uint32_t n;

	TRY(get_count(c, &n, err));
	while (n--) {
		autofree char *s = NULL;
		TRY(get_str(c, &s, err));
		if (!s)
			return short_message(err);
		TRY(strv_add_owned(l, take_ptr(s), err));
	}
	return 0;
}

static int get_map(struct cursor *c, struct strmap *m, struct error *err)
{
	uint32_t n;

	TRY(get_count(c, &n, err));
	while (n--) {
		autofree char *key = NULL;
		autofree char *value = NULL;
		TRY(get_str(c, &key, err));
		TRY(get_str(c, &value, err));
		if (!key || !value)
			return short_message(err);
		TRY(strmap_set(m, key, value, err));
	}
	return 0;
}

static int decode_rows(const struct field *rows, struct cursor *c, void *to, struct error *err);

static int get_list(struct cursor *c, const struct field *f, struct list *l, struct error *err)
{
	uint32_t n;

	TRY(get_count(c, &n, err));
	while (n--) {
		void *e = list_add(l, f->size, err);
		if (!e)
			return -1;
		TRY(decode_rows(f->rows, c, e, err));
	}
	return 0;
}

static int get_bool(struct cursor *c, bool *ret, struct error *err)
{
	uint8_t b;

	TRY(get(c, &b, 1, err));
	if (b > 1)
		return short_message(err);
	*ret = b;
	return 0;
}

static int get_optional(struct cursor *c, const struct field *f, void **ret, struct error *err)
{
	bool there;

	TRY(get_bool(c, &there, err));
	if (!there)
		return 0;
	*ret = calloc(1, f->size);
	return *ret ? decode_rows(f->rows, c, *ret, err) : fail_oom(err);
}

static int decode_rows(const struct field *rows, struct cursor *c, void *to, struct error *err)
{
	EACH_FIELD(f, rows) {
		void *at = (char *)to + f->off;
		switch (f->type) {
		case FIELD_BOOL:   TRY(get_bool(c, at, err)); break;
		case FIELD_INT:
		case FIELD_UINT:   TRY(get(c, at, 8, err)); break;
		case FIELD_STR:    TRY(get_str(c, at, err)); break;
		case FIELD_STRV:   TRY(get_strv(c, at, err)); break;
		case FIELD_MAP:    TRY(get_map(c, at, err)); break;
		case FIELD_OBJECT: TRY(decode_rows(f->rows, c, at, err)); break;
		case FIELD_LIST:   TRY(get_list(c, f, at, err)); break;
		case FIELD_OPT_OBJECT: TRY(get_optional(c, f, at, err)); break;
		default:           return short_message(err);
		}
	}
	return 0;
}

int wire_decode(const struct field *rows, const void *bytes, size_t len, void *to, struct error *err)
{
	struct cursor c = { bytes, (const uint8_t *)bytes + len };

	int r = decode_rows(rows, &c, to, err);
	if (r == 0 && c.at != c.end)
		r = short_message(err);
	if (r < 0)
		fields_done(rows, to);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0
 * image/tar-pax.c - PAX extended headers: "LEN KEY=VALUE\n" records and what they mean for an entry. */
#include <string.h>

#include "base/str.h"
#include "image/tar-internal.h"

#define RECORDS_MAX 65536

void tar_pax_clear(struct tar_records *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].key);
		free(l->v[i].value);
	}
	free(l->v);
	*l = (struct tar_records){};
}

static int add_record(struct tar_reader *r, struct tar_records *l, const char *rec, size_t key, size_t len,
		      struct error *err)
{
	if (l->n >= RECORDS_MAX)
		return tar_bad(r, "too many PAX records", err);
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		struct tar_record *v = reallocarray(l->v, cap, sizeof(*v));
		if (!v)
			return fail_oom(err);
		l->v = v;
		l->cap = cap;
	}
	struct tar_record *n = &l->v[l->n];
	*n = (struct tar_record){ .key = strndup(rec, key), .len = len };
	n->value = malloc(len + 1);
	l->n++;
	if (!n->key || !n->value)
		return fail_oom(err);
	memcpy(n->value, rec + key + 1, len);
	n->value[len] = '\0';
	return 0;
}

/* One record at p; returns its length, or -1. */
static ssize_t parse_record(struct tar_reader *r, const char *p, size_t left, struct tar_records *to, struct error *err)
{
	size_t len = 0, digits = 0;

	while (digits < left && digits < 8 && p[digits] >= '0' && p[digits] <= '9')
		len = len * 10 + (size_t)(p[digits++] - '0');
	if (!digits || digits >= left || p[digits] != ' ' || len > left || len < digits + 4 || p[len - 1] != '\n')
		return tar_bad(r, "a malformed PAX record", err);
	const char *key = p + digits + 1, *eq = memchr(key, '=', len - digits - 2);
	if (!eq || eq == key || memchr(key, 0, (size_t)(eq - key)))
		return tar_bad(r, "a malformed PAX record", err);
	if (add_record(r, to, key, (size_t)(eq - key), (size_t)(p + len - 1 - (eq + 1)), err) < 0)
		return -1;
	return (ssize_t)len;
}

int tar_pax_parse(struct tar_reader *r, struct tar_records *to, struct error *err)
{
	const char *p = r->special.data;
	size_t left = r->special.len;

	while (left) {
		ssize_t n = parse_record(r, p, left, to, err);
		if (n < 0)
			return -1;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

static const struct tar_record *find(const struct tar_records *l, const char *key)
{
	for (size_t i = l->n; i-- > 0;)
		if (streq(l->v[i].key, key))
			return &l->v[i];
	return NULL;
}

const struct tar_record *tar_pax_get(const struct tar_reader *r, const char *key)
{
	const struct tar_record *rec = find(&r->local, key);

	return rec ? rec : find(&r->global, key);
}

/* ---- applying ---- */
/* "[-]seconds[.fraction]", floor to nanoseconds. */
static bool parse_time(const char *s, int64_t *ret)
{
	autofree char *copy = strdup(s);
	char *dot = copy ? strchr(copy, '.') : NULL;
	int64_t seconds, ns = 0;

	if (dot)
		*dot++ = '\0';
	if (!copy || !parse_i64(copy, &seconds))
		return false;
	int64_t unit = 100000000;
	for (; dot && *dot; dot++, unit /= 10) {
		if (*dot < '0' || *dot > '9')
			return false;
		ns += (*dot - '0') * unit;
	}
	*ret = tar_time(seconds, copy[0] == '-' ? -ns : ns);
	return true;
}

enum pax_kind { PAX_TEXT, PAX_NUMBER, PAX_TIME, PAX_SIZE };
static const struct {
	const char *key;
	enum pax_kind kind;
	size_t off;
} records[] = {
	{ "path", PAX_TEXT, offsetof(struct tar_entry, name) },
	{ "linkpath", PAX_TEXT, offsetof(struct tar_entry, link) },
	{ "uname", PAX_TEXT, offsetof(struct tar_entry, uname) },
	{ "gname", PAX_TEXT, offsetof(struct tar_entry, gname) },
	{ "uid", PAX_NUMBER, offsetof(struct tar_entry, uid) },
	{ "gid", PAX_NUMBER, offsetof(struct tar_entry, gid) },
	{ "mtime", PAX_TIME, offsetof(struct tar_entry, mtime_ns) },
	{ "size", PAX_SIZE, 0 },
};

static int apply_text(struct tar_reader *r, const struct tar_record *rec, char **to, struct error *err)
{
	if (strlen(rec->value) != rec->len)
		return tar_bad(r, "a NUL byte in a PAX name", err);
	return str_set(to, rec->value, err);
}

static int apply_known(struct tar_reader *r, const struct tar_record *rec, size_t row, struct error *err)
{
	char *at = (char *)&r->entry + records[row].off;
	int64_t size;

	if (rec->len == 0)   /* an empty value takes the record back */
		return 0;
	switch (records[row].kind) {
	case PAX_TEXT:
		return apply_text(r, rec, (char **)at, err);
	case PAX_NUMBER:
		return parse_u64(rec->value, (uint64_t *)at) ? 0 : tar_bad(r, "a bad number in a PAX record", err);
	case PAX_TIME:
		return parse_time(rec->value, (int64_t *)at) ? 0 : tar_bad(r, "a bad time in a PAX record", err);
	case PAX_SIZE:
		if (!parse_i64(rec->value, &size) || size < 0)
			return tar_bad(r, "a bad size in a PAX record", err);
		r->entry.size = r->entry.stored = size;
	}
	return 0;
}

static int add_xattr(struct tar_reader *r, const char *name, const struct tar_record *rec, struct error *err)
{
	struct tar_entry *e = &r->entry;
	size_t i = 0;

	while (i < e->n_xattrs && !streq(e->xattrs[i].name, name))
		i++;
	if (i == e->n_xattrs) {
		struct tar_xattr *v = reallocarray(e->xattrs, e->n_xattrs + 1, sizeof(*v));
		if (!v)
			return fail_oom(err);
		e->xattrs = v;
		v[e->n_xattrs++] = (struct tar_xattr){ .name = strdup(name) };
	}
	struct tar_xattr *x = &e->xattrs[i];
	free(x->value);
	x->value = malloc(rec->len + 1);
	if (!x->name || !x->value)
		return fail_oom(err);
	memcpy(x->value, rec->value, rec->len + 1);
	x->len = rec->len;
	return 0;
}

int tar_pax_apply(struct tar_reader *r, const struct tar_records *from, struct error *err)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct tar_record *rec = &from->v[i];
		const char *xattr = str_after(rec->key, "SCHILY.xattr.");
		if (xattr && *xattr) {
			TRY(add_xattr(r, xattr, rec, err));
			continue;
		}
		for (size_t k = 0; k < ARRAY_LEN(records); k++)
			if (streq(records[k].key, rec->key))
				TRY(apply_known(r, rec, k, err));
	}
	return 0;
}

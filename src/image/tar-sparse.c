/* SPDX-License-Identifier: Apache-2.0
 * image/tar-sparse.c - sparse files: GNU's old headers and the PAX formats 0.0, 0.1 and 1.0. */
#include <string.h>

#include "base/str.h"
#include "image/tar-internal.h"

static int add_extent(struct tar_reader *r, int64_t offset, int64_t len, struct error *err)
{
	struct tar_entry *e = &r->entry;

	if (e->n_extents >= TAR_SPARSE_MAX)
		return tar_bad(r, "too many fragments of a sparse file", err);
	if ((e->n_extents & (e->n_extents - 1)) == 0) {   /* grow at powers of two */
		struct tar_extent *v = reallocarray(e->extents, e->n_extents ? 2 * e->n_extents : 4, sizeof(*v));
		if (!v)
			return fail_oom(err);
		e->extents = v;
	}
	e->extents[e->n_extents++] = (struct tar_extent){ offset, len };
	return 0;
}

/* Ordered, not overlapping, inside the file, and together exactly the data that follows. */
static int check_extents(struct tar_reader *r, struct error *err)
{
	struct tar_entry *e = &r->entry;
	int64_t end = 0, sum = 0;

	for (size_t i = 0; i < e->n_extents; i++) {
		const struct tar_extent *x = &e->extents[i];
		if (x->offset < end || x->len < 0 || x->offset > INT64_MAX - x->len || x->offset + x->len > e->size)
			return tar_bad(r, "an impossible sparse map", err);
		end = x->offset + x->len;
		sum += x->len;
	}
	if (sum != r->left)
		return tar_bad(r, "a sparse map that does not fit the data", err);
	return 0;
}

/* ---- GNU ---- */
static int gnu_fragments(struct tar_reader *r, const char (*map)[24], size_t n, struct error *err)
{
	for (size_t i = 0; i < n && map[i][0]; i++) {
		int64_t offset, len;
		if (tar_number(map[i], 12, &offset) < 0 || tar_number(map[i] + 12, 12, &len) < 0)
			return tar_bad(r, "a bad number in a sparse map", err);
		TRY(add_extent(r, offset, len, err));
	}
	return 0;
}

int tar_sparse_gnu(struct tar_reader *r, const struct tar_header *h, struct error *err)
{
	struct tar_sparse_block more;
	int64_t size;

	if (tar_number(h->gnu.real_size, sizeof(h->gnu.real_size), &size) < 0 || size < 0)
		return tar_bad(r, "a bad size of a sparse file", err);
	TRY(gnu_fragments(r, h->gnu.sparse, ARRAY_LEN(h->gnu.sparse), err));
	for (bool again = h->gnu.is_extended; again; again = more.is_extended) {
		TRY(tar_read_block(r, &more, err));
		TRY(gnu_fragments(r, more.sparse, ARRAY_LEN(more.sparse), err));
	}
	r->entry.is_sparse = true;
	r->entry.size = size;
	r->left = r->entry.stored;
	return check_extents(r, err);
}

/* ---- PAX ---- */
/* 0.0: a run of GNU.sparse.offset and .numbytes records. */
static int pax_00(struct tar_reader *r, struct error *err)
{
	int64_t offset = -1, n;

	for (size_t i = 0; i < r->local.n; i++) {
		const struct tar_record *rec = &r->local.v[i];
		if (streq(rec->key, "GNU.sparse.offset")) {
			if (!parse_i64(rec->value, &offset))
				return tar_bad(r, "a bad number in a sparse map", err);
		} else if (streq(rec->key, "GNU.sparse.numbytes")) {
			if (offset < 0 || !parse_i64(rec->value, &n))
				return tar_bad(r, "a bad number in a sparse map", err);
			TRY(add_extent(r, offset, n, err));
			offset = -1;
		}
	}
	return 0;
}

/* 0.1: GNU.sparse.map=offset,size,offset,size... */
static int pax_01(struct tar_reader *r, const char *map, struct error *err)
{
	auto_strv parts = {};

	TRY(strv_split(&parts, map, ',', err));
	if (parts.n == 1 && !*parts.v[0])
		return 0;
	for (size_t i = 0; i + 1 < parts.n; i += 2) {
		int64_t offset, n;
		if (!parse_i64(parts.v[i], &offset) || !parse_i64(parts.v[i + 1], &n))
			return tar_bad(r, "a bad number in a sparse map", err);
		TRY(add_extent(r, offset, n, err));
	}
	return parts.n % 2 ? tar_bad(r, "a sparse map with an odd number of values", err) : 0;
}

/* A decimal line of the 1.0 map, read from blocks in front of the data. */
static int map_number(struct tar_reader *r, char block[TAR_BLOCK], size_t *pos, int64_t *ret, struct error *err)
{
	int64_t v = 0;

	for (int digits = 0;; digits++) {
		if (*pos == TAR_BLOCK) {
			if (r->left < TAR_BLOCK)
				return tar_bad(r, "a sparse map without end", err);
			TRY(tar_read_block(r, block, err));
			r->left -= TAR_BLOCK;
			*pos = 0;
		}
		char c = block[(*pos)++];
		if (c == '\n' && digits)
			break;
		if (c < '0' || c > '9' || digits > 18)
			return tar_bad(r, "a bad number in a sparse map", err);
		v = v * 10 + (c - '0');
	}
	*ret = v;
	return 0;
}

static int pax_10(struct tar_reader *r, struct error *err)
{
	char block[TAR_BLOCK];
	size_t pos = TAR_BLOCK;
	int64_t n, offset, len;

	TRY(map_number(r, block, &pos, &n, err));
	if (n > TAR_SPARSE_MAX)
		return tar_bad(r, "too many fragments of a sparse file", err);
	while (n-- > 0) {
		TRY(map_number(r, block, &pos, &offset, err));
		TRY(map_number(r, block, &pos, &len, err));
		TRY(add_extent(r, offset, len, err));
	}
	return 0;
}

static int real_size(struct tar_reader *r, struct error *err)
{
	const struct tar_record *size = tar_pax_get(r, "GNU.sparse.realsize");
	const struct tar_record *name = tar_pax_get(r, "GNU.sparse.name");

	if (!size)
		size = tar_pax_get(r, "GNU.sparse.size");
	if (!size || !parse_i64(size->value, &r->entry.size) || r->entry.size < 0)
		return tar_bad(r, "a bad size of a sparse file", err);
	if (!name)
		return 0;
	if (strlen(name->value) != name->len)
		return tar_bad(r, "a NUL byte in a PAX name", err);
	return str_set(&r->entry.name, name->value, err);
}

int tar_sparse_pax(struct tar_reader *r, struct error *err)
{
	const struct tar_record *major = tar_pax_get(r, "GNU.sparse.major"), *map = tar_pax_get(r, "GNU.sparse.map");

	if (r->entry.type != TAR_FILE || r->entry.is_sparse || (!major && !map && !tar_pax_get(r, "GNU.sparse.size")))
		return 0;
	TRY(real_size(r, err));
	r->entry.is_sparse = true;
	if (major && streq(major->value, "1"))
		TRY(pax_10(r, err));
	else if (map)
		TRY(pax_01(r, map->value, err));
	else
		TRY(pax_00(r, err));
	return check_extents(r, err);
}

int tar_data_at(struct tar_reader *r, int64_t *ret_offset, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	const struct tar_entry *e = &r->entry;
	int64_t before = r->left;

	if (!e->is_sparse) {
		*ret_offset = e->stored - before;
		return tar_data(r, ret, ret_len, err);
	}
	while (r->extent < e->n_extents && r->extent_done == e->extents[r->extent].len) {
		r->extent++;
		r->extent_done = 0;
	}
	if (r->extent == e->n_extents)
		return 0;
	/* Let tar_data() give no more than the fragment holds. */
	int64_t rest = e->extents[r->extent].len - r->extent_done, beyond = r->left - rest;
	r->left = rest;
	int n = tar_data(r, ret, ret_len, err);
	int64_t used = rest - r->left;
	r->left += beyond;
	*ret_offset = e->extents[r->extent].offset + r->extent_done;
	r->extent_done += used;
	return n;
}

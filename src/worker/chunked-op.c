/* SPDX-License-Identifier: Apache-2.0
 * worker/chunked-op.c - OP_CHUNK_TOC and OP_CHUNK_PLAN: which ranges of a new blob are in blobs that are here. */
#include <string.h>
#include <unistd.h>

#include "worker/chunked.h"
#include "worker/hash.h"
#include "worker/role.h"

#define SMALL (INT64_C(4) << 10)      /* reused pieces smaller than this between fetched ones cost more than they save */
#define RANGES_MAX 2000

int op_chunk_toc(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_toc_of *a = r->args;
	uint8_t tail[CHUNKED_FOOTER];
	size_t len = a->blob_size < CHUNKED_FOOTER ? (size_t)(a->blob_size > 0 ? a->blob_size : 0) : CHUNKED_FOOTER;

	(void)w;
	if (r->n_fds != 1)
		return fail(err, ERROR_INVALID, "chunk-toc: bad request");
	if (pread(r->fds[0], tail, len, a->blob_size - (int64_t)len) != (ssize_t)len)
		return fail_errno(err, "read the end of a blob");
	chunked_footer(tail, len, a->blob_size, reply);
	return 0;
}

/* ---- what is here ---- */
struct place {
	struct chunked_unit unit;
	int64_t from;              /* which blob */
};

struct places {
	struct place *v;
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct place *)a)->unit.key, ((const struct place *)b)->unit.key, CHUNKED_KEY);
}

static int read_table(int fd, const struct op_toc *t, const char *digest, struct chunked_units *ret, struct error *err)
{
	auto_hash hash = {};
	char got[DIGEST_TEXT_MAX];
	autofree char *bytes = t->size > 0 && (size_t)t->size <= CHUNKED_TABLE_MAX ? malloc((size_t)t->size) : NULL;

	if (!bytes)
		return fail(err, ERROR_UNSUPPORTED, "the table of contents is larger than %zu MiB", CHUNKED_TABLE_MAX >> 20);
	if (pread(fd, bytes, (size_t)t->size, t->offset) != (ssize_t)t->size)
		return fail(err, ERROR_CORRUPT, "the table of contents is cut");
	TRY(hash_init_like(&hash, digest, err));
	hash_add(&hash, bytes, (size_t)t->size);
	TRY(hash_expect("table of contents", hash_text(&hash, got), digest, err));
	return chunked_parse(bytes, (size_t)t->size, t->table_size, t->end, ret, err);
}

/* A table of ours that cannot be read helps nobody and harms nobody. */
static int add_places(int fd, const struct op_toc *t, int64_t from, struct places *to, struct error *err)
{
	CLEANUP(chunked_units_done) struct chunked_units u = {};
	struct error why;

	if (read_table(fd, t, NULL, &u, &why) < 0 || !u.n)
		return 0;
	struct place *v = to->n + u.n > CHUNKED_UNITS_MAX ? NULL : reallocarray(to->v, to->n + u.n, sizeof(*v));
	if (!v)
		return to->n ? 0 : fail_oom(err);
	to->v = v;
	for (size_t i = 0; i < u.n; i++)
		v[to->n++] = (struct place){ u.v[i], from };
	return 0;
}

/* ---- the plan ---- */
static bool continues(const struct op_piece *p, int64_t from, int64_t offset)
{
	return p->from == from && (from < 0 || p->source + p->size == offset);
}

static int add_piece(struct list *to, int64_t from, int64_t source, int64_t at, int64_t size, struct error *err)
{
	struct op_piece *v = to->v, *last = to->n ? &v[to->n - 1] : NULL;

	if (last && continues(last, from, source)) {
		last->size += size;
		return 0;
	}
	struct op_piece *p = list_add(to, sizeof(*p), err);
	if (!p)
		return -1;
	*p = (struct op_piece){ .from = from, .source = source, .at = at, .size = size };
	return 0;
}

/* Small pieces that are here, between two that are not, are fetched along; more of them when there are too many. */
static int melt(const struct list *in, struct list *out, int64_t small, struct error *err)
{
	const struct op_piece *v = in->v;

	for (size_t i = 0; i < in->n; i++) {
		bool fetch = v[i].from < 0 || (v[i].size < small && ((i && v[i - 1].from < 0) || (i + 1 < in->n && v[i + 1].from < 0)));
		TRY(add_piece(out, fetch ? -1 : v[i].from, fetch ? v[i].at : v[i].source, v[i].at, v[i].size, err));
	}
	return 0;
}

static size_t count_ranges(const struct list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += ((struct op_piece *)l->v)[i].from < 0;
	return n;
}

static int make_plan(const struct chunked_units *u, const struct places *here, struct op_chunk_plan *ret, struct error *err)
{
	struct list raw = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->n; i++) {
		struct place want = { .unit = u->v[i] };
		const struct place *p = here->n ? bsearch(&want, here->v, here->n, sizeof(want), by_key) : NULL;
		r = add_piece(&raw, p ? p->from : -1, p ? p->unit.offset : u->v[i].offset, u->v[i].offset, u->v[i].size, err);
	}
	for (int64_t small = SMALL; r == 0; small *= 4) {
		r = melt(&raw, &ret->pieces, small, err);
		if (r < 0 || count_ranges(&ret->pieces) <= RANGES_MAX)
			break;
		free(ret->pieces.v);
		ret->pieces = (struct list){};
	}
	free(raw.v);
	return r;
}

int op_chunk_plan(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_chunk_want *a = r->args;
	const struct op_toc *tables = a->tables.v;
	CLEANUP(chunked_units_done) struct chunked_units units = {};
	struct places here = {};

	(void)w;
	if (r->n_fds != 1 || a->tables.n < 1)
		return fail(err, ERROR_INVALID, "chunk-plan: bad request");
	TRY(read_table(r->fds[0], &tables[0], a->digest, &units, err));
	int n = 0;
	for (size_t i = 1; n == 0 && i < a->tables.n; i++)
		n = add_places(r->fds[0], &tables[i], (int64_t)i - 1, &here, err);
	if (here.n)
		qsort(here.v, here.n, sizeof(*here.v), by_key);
	if (n == 0)
		n = make_plan(&units, &here, reply, err);
	free(here.v);
	return n;
}

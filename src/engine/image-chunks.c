/* SPDX-License-Identifier: Apache-2.0
 * engine/image-chunks.c - partial pulls: a zstd:chunked blob from pieces that are here and ranges that are not.
 *
 * The store keeps blobs byte-exact, so an older version of a layer holds the compressed bytes of every file that did not
 * change. The worker compares the tables of contents (worker/chunked.h) and says which pieces are the same; we copy
 * those, ask the registry for the rest, and hash the result. Nothing of it is believed: a blob whose digest does not fit
 * is thrown away and fetched whole, and what fits goes the way of every blob. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/image-commit.h"
#include "os/file.h"
#include "store/image.h"
#include "store/layer.h"

#define KNOWN_MAX 12                 /* blobs that are compared */
#define FETCHES 6                    /* ranges on their way at once */
#define WORTH_NUM 9                  /* with more than 9/10 to be fetched anyway the whole blob is simpler */
#define WORTH_DEN 10

struct known { int fd; int64_t size; struct op_toc toc; };

struct image_chunks {
	struct known v[KNOWN_MAX];
	size_t n;
};

void image_chunks_done(struct image_chunks *c)
{
	for (size_t i = 0; c && i < c->n; i++)
		close_p(&c->v[i].fd);
	free(c);
}

/* ---- may we? ---- */
static const char *option(const struct engine *e, const char *key)
{
	return strmap_get(&e->storage.pull_options, key);
}

/* Asked for by name: the table is read even when nothing here can help. */
static bool is_insisted(const struct engine *e)
{
	const char *s = option(e, "enable_partial_images");

	return s && streq(s, "true");
}

bool image_chunks_wanted(const struct engine *e, const struct op_descriptor *d)
{
	const char *s = option(e, "enable_partial_images");

	return d->toc_place && d->toc_digest && digest_is_valid(d->toc_digest) && d->size > 0 && !(s && streq(s, "false"));
}

/* ---- what is here ---- */
static void add_known(struct image_transfer *t, const struct store_image_layer *l, struct strv *seen)
{
	struct image_chunks *c = t->chunks;
	struct op_toc_of q = { .blob_size = l->blob_size };
	struct op_toc toc = {};
	struct error ignored;

	if (c->n == KNOWN_MAX || !l->blob || !l->media_type || !strstr(l->media_type, "zstd") || strv_has(seen, l->blob))
		return;
	autoclose int fd = store_blob_open(t->store, l->blob, &ignored);
	if (fd < 0 || strv_add(seen, l->blob, &ignored) < 0 ||
	    worker_call(source_parser(t->source), OP_CHUNK_TOC, &q, &fd, 1, &toc, NULL, &ignored) < 0 || !toc.found)
		return;
	if (toc.offset < 8 || toc.size <= 0 || toc.offset > l->blob_size - toc.size)
		return;   /* the worker's word is checked */
	toc.end = toc.offset - 8;
	c->v[c->n++] = (struct known){ .fd = take_fd(fd), .size = l->blob_size, .toc = toc };
}

/* zstd blobs of the images that are here, newest first. */
static int look_around(struct image_transfer *t, struct error *err)
{
	auto_store_image_list all = {};
	auto_strv seen = {};

	if (t->chunks)
		return 0;
	t->chunks = calloc(1, sizeof(*t->chunks));
	if (!t->chunks)
		return fail_oom(err);
	TRY(store_image_list(t->store, STORE_IMAGE_LAYERS, &all, err));
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = all.v[i].n_layers; k-- > 0;)
			add_known(t, &all.v[i].layers[k], &seen);
	return 0;
}

/* ---- moving bytes ---- */
/* A descriptor of its own for a writer that starts at `at`. */
static int writer_at(int fd, int64_t at, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	autoclose int out = open(path, O_WRONLY | O_CLOEXEC);
	if (out < 0 || lseek(out, at, SEEK_SET) < 0)
		return fail_errno(err, "open a blob in the stage");
	return take_fd(out);
}

struct range { int64_t at, size; };

static int send_range(struct image_transfer *t, const struct op_descriptor *d, struct range r, int fd, struct error *err)
{
	int64_t endpoint;
	struct worker *w = source_fetcher(t->source, &endpoint);
	struct op_get q = { .endpoint = endpoint, .reference = d->digest, .offset = r.at, .end = r.at + r.size, .size = d->size };
	autoclose int out = writer_at(fd, r.at, err);

	TRY(out);
	int id = worker_send(w, OP_GET_BLOB, &q, &out, 1, err);
	return id < 0 ? -1 : 0;
}

/* One answer. Only ranges are under way. */
static int take_answer(struct image_transfer *t, struct error *err)
{
	int64_t endpoint;
	auto_worker_message m = { .fd = -1 };

	do {
		worker_message_done(&m);
		TRY(worker_receive(source_fetcher(t->source, &endpoint), &m, err));
	} while (m.event == WORKER_PROGRESS);
	if (m.event != WORKER_FAILED)
		return 0;
	*err = m.error;
	return -1;
}

/* All requests are answered before this returns, also after a failure: nobody writes into fd any more. */
static int fetch_ranges(struct image_transfer *t, const struct op_descriptor *d, const struct op_piece *v, size_t n, int fd,
			struct error *err)
{
	size_t under_way = 0;
	int result = 0;
	struct error why;

	for (size_t i = 0; i < n || under_way;) {
		if (i < n && (v[i].from >= 0 || result < 0)) {
			i++;
			continue;
		}
		if (i < n && under_way < FETCHES) {
			if (send_range(t, d, (struct range){ v[i].at, v[i].size }, fd, &why) < 0)
				result = -1, *err = why;
			else
				under_way++;
			i++;
			continue;
		}
		if (take_answer(t, &why) < 0 && result == 0)
			result = -1, *err = why;
		under_way--;
	}
	return result;
}

static int copy_piece(const struct image_chunks *c, const struct op_piece *p, int fd, struct error *err)
{
	loff_t from = p->source, to = p->at;

	for (int64_t left = p->size; left > 0;) {
		ssize_t n = copy_file_range(c->v[p->from].fd, &from, fd, &to, (size_t)left, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? fail_errno(err, "copy a piece of a blob") : fail(err, ERROR_CORRUPT, "a blob of the store is cut");
		left -= n;
	}
	return 0;
}

/* ---- tables ---- */
static int add_table(int memfd, int from, const struct op_toc *t, struct list *to, struct error *err)
{
	struct op_toc *entry = list_add(to, sizeof(*entry), err);
	off_t at = lseek(memfd, 0, SEEK_END);

	if (!entry)
		return -1;
	*entry = *t;
	entry->offset = at;
	autofree char *bytes = malloc((size_t)t->size);
	if (!bytes)
		return fail_oom(err);
	if (pread(from, bytes, (size_t)t->size, t->offset) != (ssize_t)t->size)
		return fail(err, ERROR_CORRUPT, "a table of contents is cut");
	return file_write_all(memfd, bytes, (size_t)t->size, err);
}

/* "OFFSET:COMPRESSED:SIZE:TYPE" */
static int parse_place(const struct op_descriptor *d, struct op_toc *ret, struct error *err)
{
	long long offset, size, table, type;
	int used = 0;

	if (sscanf(d->toc_place, "%19lld:%19lld:%19lld:%3lld%n", &offset, &size, &table, &type, &used) != 4 ||
	    d->toc_place[used] || type != 1 || offset < 8 || size <= 0 || table <= 0 || size > INT32_MAX || size > d->size ||
	    offset > d->size - size)
		return fail(err, ERROR_CORRUPT, "the place of its table of contents makes no sense: %.100s", d->toc_place);
	*ret = (struct op_toc){ .offset = offset, .size = size, .table_size = table, .end = offset - 8 };
	return 0;
}

static int ask_for_plan(struct image_transfer *t, const struct op_descriptor *d, const struct op_toc *toc, int fd,
			struct op_chunk_plan *ret, struct error *err)
{
	struct op_chunk_want q = { .digest = d->toc_digest };
	autoclose int memfd = memfd_create("umiak-tables", MFD_CLOEXEC);
	int r = memfd < 0 ? fail_errno(err, "memfd_create") : add_table(memfd, fd, toc, &q.tables, err);

	for (size_t i = 0; r == 0 && i < t->chunks->n; i++)
		r = add_table(memfd, t->chunks->v[i].fd, &t->chunks->v[i].toc, &q.tables, err);
	if (r == 0)
		r = worker_call(source_parser(t->source), OP_CHUNK_PLAN, &q, &memfd, 1, ret, NULL, err);
	free(q.tables.v);
	return r;
}

/* The plan is the worker's word: without gaps, inside of what it speaks of. */
static int check_plan(const struct image_chunks *c, const struct op_chunk_plan *plan, int64_t end, int64_t *ret_fetch,
		      struct error *err)
{
	const struct op_piece *v = plan->pieces.v;
	int64_t at = 0, fetch = 0;

	for (size_t i = 0; i < plan->pieces.n; i++) {
		if (v[i].at != at || v[i].size <= 0 || v[i].size > end - at || v[i].from >= (int64_t)c->n ||
		    (v[i].from >= 0 && (v[i].source < 0 || v[i].source > c->v[v[i].from].size - v[i].size)))
			return fail(err, ERROR_CORRUPT, "worker: an impossible plan");
		at += v[i].size;
		fetch += v[i].from < 0 ? v[i].size : 0;
	}
	*ret_fetch = fetch;
	return at == end ? 0 : fail(err, ERROR_CORRUPT, "worker: an impossible plan");
}

/* ---- the whole ---- */
static int fill(struct image_transfer *t, const struct op_descriptor *d, const struct op_chunk_plan *plan, int fd,
		struct error *err)
{
	const struct op_piece *v = plan->pieces.v;
	struct blob_place all = { .fd = fd, .owned_fd = -1, .size = d->size };

	for (size_t i = 0; i < plan->pieces.n; i++)
		if (v[i].from >= 0)
			TRY(copy_piece(t->chunks, &v[i], fd, err));
	TRY(fetch_ranges(t, d, v, plan->pieces.n, fd, err));
	return source_verify(t->source, &all, d->digest, err);
}

static int assemble(struct image_transfer *t, const struct op_descriptor *d, int fd, struct error *err)
{
	struct op_chunk_plan plan = {};
	struct op_toc toc;
	int64_t fetch = 0;

	TRY(look_around(t, err));
	if (!t->chunks->n && !is_insisted(t->engine))
		return 0;
	TRY(parse_place(d, &toc, err));
	struct op_piece tail = { .from = -1, .at = toc.end, .size = d->size - toc.end };
	TRY(fetch_ranges(t, d, &tail, 1, fd, err));
	int r = ask_for_plan(t, d, &toc, fd, &plan, err);
	if (r == 0)
		r = check_plan(t->chunks, &plan, toc.end, &fetch, err);
	bool worth = is_insisted(t->engine) || fetch <= d->size / WORTH_DEN * WORTH_NUM;
	if (r == 0 && worth)
		r = fill(t, d, &plan, fd, err);
	free(plan.pieces.v);
	TRY(r);
	if (worth)
		log_debug(t->engine->log, "Retrieved partial blob %s: %lld of %lld bytes came from the registry", d->digest,
			  (long long)(fetch + tail.size), (long long)d->size);
	return worth;
}

int image_chunks_assemble(struct image_transfer *t, const struct op_descriptor *d, int fd)
{
	struct error why;
	int r = assemble(t, d, fd, &why);

	if (r < 0)
		log_debug(t->engine->log, "blob %s: not in pieces: %s", d->digest, why.text);
	return r > 0;
}

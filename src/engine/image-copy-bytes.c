/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-bytes.c - the requests a blob on its way makes to workers, and how its bytes go: a download and an
 * upload joined by a pipe, a download into a file, a compression into a file or straight into an upload. A layer that is
 * kept as a tree becomes a tar in a thread, while it is compressed. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "engine/image-copy-run.h"
#include "engine/image-crypt.h"
#include "store/packed.h"

#define PIPE_BYTES (1 << 20)
#define FORM_MAX 48

/* ---- requests ---- */
int copy_send(struct job *j, struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n,
		struct error *err)
{
	int id = worker_send(w, op, request, fds, n, err);

	TRY(id);
	j->calls[j->n_calls++] = (struct call){ w, id, op, j->n_calls == 0 };
	return 0;
}

const char *copy_digest(const struct job *j)
{
	return j->blob->change && j->step > START && j->blob->digest ? j->blob->digest : j->blob->from->digest;
}

int copy_ask(struct run *r, struct job *j, enum step step, struct error *err)
{
	j->step = step;
	struct op_get q = { .endpoint = r->push_endpoint, .reference = (char *)(uintptr_t)copy_digest(j) };

	return copy_send(j, r->push, OP_HAS_BLOB, &q, NULL, 0, err);
}

int copy_try_mount(struct run *r, struct job *j, enum step step, struct error *err)
{
	j->step = step;   /* decides which digest is meant */
	struct op_get q = { .endpoint = r->push_endpoint, .reference = (char *)(uintptr_t)copy_digest(j), .mount_only = true,
			    .mount_from = r->to->mounts.v[j->mount++] };

	return copy_send(j, r->push, OP_PUT_BLOB, &q, NULL, 0, err);
}

static struct op_get download(const struct run *r, const struct job *j)
{
	return (struct op_get){ .endpoint = r->fetch_endpoint, .reference = j->blob->from->digest,
				.size = j->blob->from->size, .verify = true };
}

/* ---- what a blob of the store became when it was compressed before ---- */
static bool is_remembered(const struct run *r, const struct copy_blob *b)
{
	return r->from->from_store && r->push && b->change && !b->crypt;
}

static void form_of(const struct copy_blob *b, char form[static FORM_MAX])
{
	snprintf(form, FORM_MAX, "%s %lld", compression_name(b->compression), (long long)b->level);
}

/* 1: its digest is known, and so is everything the manifest says of it. */
int copy_recall(struct run *r, struct copy_blob *b, struct error *err)
{
	auto_packed_blob p = {};
	char form[FORM_MAX];

	if (!is_remembered(r, b))
		return 0;
	form_of(b, form);
	int known = packed_find(r->from->out.store, b->from->digest, form, &p, err);
	if (known != 1 || !digest_is_valid(p.digest))
		return known < 0 ? -1 : 0;
	b->digest = take_ptr(p.digest);
	b->toc_place = take_ptr(p.toc_place);
	b->toc_digest = take_ptr(p.toc_digest);
	b->size = p.size;
	b->media_type = media_type_layer(b->compression, false);
	return 1;
}

/* Not worth a failure: the next push compresses again. */
void copy_remember(struct run *r, const struct copy_blob *b)
{
	const struct packed_blob p = { .digest = b->digest, .size = b->size, .toc_place = b->toc_place, .toc_digest = b->toc_digest };
	char form[FORM_MAX];
	struct error why;

	if (!is_remembered(r, b))
		return;
	form_of(b, form);
	if (packed_put(r->from->out.store, b->from->digest, form, &p, &why) < 0)
		log_debug(r->from->engine->log, "blob %s: %s", b->from->digest, why.text);
}

static void forget_result(struct copy_blob *b)
{
	free(take_ptr(b->digest));
	free(take_ptr(b->toc_place));
	free(take_ptr(b->toc_digest));
}

/* ---- moving bytes ---- */
static int start_packer(struct run *r, struct job *j, struct error *err)
{
	struct worker_options o = { .program = r->program, .root_fd = -1, .log = r->from->engine->log };

	return j->packer ? 0 : worker_start(WORKER_PACK, &o, &j->packer, err);
}

static int scratch(struct run *r, struct job *j, struct error *err)
{
	close_p(&j->scratch);
	j->scratch = copy_to_scratch(r->to, (size_t)(j - r->jobs), err);
	return j->scratch < 0 ? -1 : 0;
}

static int open_pipe(int ret[static 2], struct error *err)
{
	if (pipe2(ret, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	fcntl(ret[1], F_SETPIPE_SZ, PIPE_BYTES);   /* best effort: users have a quota */
	return 0;
}

/* A download into the writing end, something else reads the other. */
static int join(struct run *r, struct job *j, enum worker_op op, struct worker *w, const void *request, int fd,
		struct error *err)
{
	struct op_get get = download(r, j);
	int ends[2];

	TRY(open_pipe(ends, err));
	autoclose int out = ends[0];
	autoclose int in = ends[1];
	TRY(copy_send(j, r->fetch, OP_GET_BLOB, &get, &in, 1, err));
	return copy_send(j, w, op, request, (int[]){ out, fd }, fd < 0 ? 1 : 2, err);
}

/* ---- a layer's tar, made by a thread ---- */
static void *feed_thread(void *data)
{
	struct feed *f = data;

	f->result = image_tar_write(&f->tar, f->out, &f->error);
	close_p(&f->out);
	return NULL;
}

int copy_feed_end(struct feed *f, struct error *err)
{
	if (!f->running)
		return 0;
	pthread_join(f->thread, NULL);
	f->running = false;
	image_tar_done(&f->tar);
	if (f->result < 0)
		*err = f->error;
	return f->result;
}

/* Without SIGPIPE: the packer may leave early. */
static int feed_start(struct feed *f, const struct image_out *o, const struct store_image_layer *l, int *ret_out,
		      struct error *err)
{
	auto_image_tar tar = IMAGE_TAR_INIT;
	sigset_t pipe, before;
	int ends[2];

	TRY(image_tar_open(o, l, &tar, err));
	TRY(open_pipe(ends, err));
	*f = (struct feed){ .tar = tar, .out = ends[1] };
	*ret_out = ends[0];
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	int e = pthread_create(&f->thread, NULL, feed_thread, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (e) {
		close_p(&f->out);
		return fail_with(err, e, "start a thread");
	}
	f->running = true;
	tar = (struct image_tar)IMAGE_TAR_INIT;
	return 0;
}

/* ---- another compression ---- */
/* Where it goes: to the registry while it is made, or into a file. */
static int open_sink(struct run *r, struct job *j, int *ret_pipe, struct error *err)
{
	const struct op_get put = { .endpoint = r->push_endpoint, .in_offset = -1, .size = -1 };
	int ends[2];

	if (!r->push || j->by_file)
		return scratch(r, j, err);
	TRY(open_pipe(ends, err));
	autoclose int out = ends[0];
	*ret_pipe = ends[1];
	return copy_send(j, r->push, OP_PUT_STREAM, &put, &out, 1, err);
}

static struct op_recompress recompression(const struct copy_blob *b)
{
	struct op_recompress q = { .compression = b->compression, .level = b->level, .in_offset = -1, .in_size = -1, .raw = b->raw,
				   .no_diff_id = b->compression != COMPRESSION_NONE };

	if (b->crypt == COPY_ENCRYPT)
		q.encrypt = b->keys->encrypt;
	if (b->crypt == COPY_DECRYPT) {
		q.decrypt = b->keys->decrypt;
		q.passphrases = b->keys->passphrases;
		q.enc_jwe = b->from->enc_jwe;
		q.enc_pubopts = b->from->enc_pubopts;
	}
	return q;
}

/* From a file, a tree that is a tar for the purpose, or (neither) a download. */
static int recompress(struct run *r, struct job *j, const struct blob_place *p, const struct store_image_layer *made,
		      struct error *err)
{
	autoclose int pipe = -1;
	autoclose int fed = -1;
	struct op_recompress q = recompression(j->blob);

	TRY(start_packer(r, j, err));
	TRY(open_sink(r, j, &pipe, err));
	int sink = pipe >= 0 ? pipe : j->scratch;
	if (made) {
		TRY(feed_start(&j->feed, &r->from->out, made, &fed, err));
		return copy_send(j, j->packer, OP_RECOMPRESS, &q, (int[]){ fed, sink }, 2, err);
	}
	if (!p)
		return join(r, j, OP_RECOMPRESS, j->packer, &q, sink, err);
	q.in_offset = p->offset;
	q.in_size = p->size;
	return copy_send(j, j->packer, OP_RECOMPRESS, &q, (int[]){ p->fd, sink }, 2, err);
}

int copy_upload_range(struct run *r, struct job *j, const struct blob_place *p, struct error *err)
{
	struct op_get q = { .endpoint = r->push_endpoint, .reference = (char *)(uintptr_t)copy_digest(j), .in_offset = p->offset,
			    .size = p->size };

	return copy_send(j, r->push, OP_PUT_BLOB, &q, &p->fd, 1, err);
}

static int move_remote(struct run *r, struct job *j, struct error *err)
{
	struct op_get put = { .endpoint = r->push_endpoint, .reference = j->blob->from->digest, .in_offset = -1,
			      .size = j->blob->from->size };
	struct op_get get = download(r, j);

	if (j->blob->change)
		return recompress(r, j, NULL, NULL, err);
	if (r->push && !j->by_file && put.size > 0)
		return join(r, j, OP_PUT_BLOB, r->push, &put, -1, err);
	TRY(scratch(r, j, err));
	return copy_send(j, r->fetch, OP_GET_BLOB, &get, &j->scratch, 1, err);
}

static int move_local(struct run *r, struct job *j, struct error *err)
{
	struct blob_place p = { .fd = -1, .owned_fd = -1 };
	const char *digest = j->blob->from->digest;
	const struct store_image_layer *made = j->blob->change && r->from->from_store ?
		image_out_find_made(&r->from->out, digest, err) : NULL;

	if (made)
		return recompress(r, j, NULL, made, err);
	TRY(copy_from_place(r->from, digest, &p, err));
	int result = 0;
	if (!r->from->from_store && p.size != j->blob->from->size && j->blob->from->size >= 0)
		result = fail(err, ERROR_CORRUPT, "blob %s: %lld bytes are there, %lld were announced", digest, (long long)p.size,
			      (long long)j->blob->from->size);
	else if (j->blob->change)
		result = recompress(r, j, &p, NULL, err);
	else if (r->push)
		result = copy_upload_range(r, j, &p, err);
	else {
		if (!r->from->from_store)
			result = source_verify(r->from->source, &p, digest, err);
		if (result == 0)
			result = copy_to_place_range(r->to, &p, digest, err);
	}
	close_p(&p.owned_fd);
	return result;
}

int copy_move(struct run *r, struct job *j, struct error *err)
{
	if (j->blob->change)
		forget_result(j->blob);
	j->step = MOVED;
	return r->from->registry ? move_remote(r, j, err) : move_local(r, j, err);
}

int copy_end_stream(struct run *r, struct job *j, struct error *err)
{
	const struct op_get q = { .endpoint = r->push_endpoint, .reference = j->blob->digest, .location = j->location };

	j->step = ENDED;
	return copy_send(j, r->push, OP_PUT_END, &q, NULL, 0, err);
}

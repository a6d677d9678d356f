/* SPDX-License-Identifier: Apache-2.0
 * image/source-run.c - many layers at once: fetcher and unpackers joined by pipes, one loop that hands out work.
 *
 * A job runs in one unpacker; for a registry its other half is a request to the one fetch process, which keeps up to
 * FETCHES_MAX downloads going. Both halves must report success. The first failure ends everything: workers are killed
 * by source_free(), the caller throws the stage away. When a download breaks, the unpacker complains about a short blob
 * and when unpacking fails the fetcher complains about a broken pipe: the other half is waited for, and the error that
 * is no echo is told. */
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "image/source-internal.h"
#include "base/json.h"
#include "os/file.h"

#define PIPE_BYTES (1 << 20)
#define ECHO_MS 3000

struct running {
	struct source_job *job;
	int unpack_id, fetch_id;      /* 0: none, or answered */
	struct error error;           /* kind NONE: no failure yet */
	bool fetch_failed;
};

struct run {
	struct source *s;
	const struct source_image *image;
	struct running slots[UNPACKERS_MAX];
	size_t n_slots;
	const struct source_progress *progress;
};

static int cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* ---- starting a job ---- */
static const struct op_descriptor *layer_of(const struct source_image *i, size_t layer)
{
	return &((struct op_descriptor *)i->layers.v)[layer];
}

static const char *blob_name(const struct source_image *i, size_t layer)
{
	return i->blob_names.n ? i->blob_names.v[layer] : layer_of(i, layer)->digest;
}

static struct op_unpack unpack_request(const struct run *r, const struct source_job *j)
{
	const struct op_descriptor *d = layer_of(r->image, j->layer);
	struct op_unpack q = { .in_offset = -1, .in_size = -1, .have = j->have, .blob_digest = d->digest,
			       .blob_size = d->size, .diff_id = r->image->info.diff_ids.v[j->layer],
			       .ignore_chown = r->s->o.ignore_chown };

	q.has_tree = j->tree_fd >= 0;
	q.has_blob = j->blob_fd >= 0;
	if (!d->digest) {   /* a bare tar: no digest binds us, so it is not kept as it is */
		q.recompress = COMPRESSION_GZIP;
		q.recipe = true;
	}
	return q;
}

static int send_unpack(struct source *s, size_t slot, const struct op_unpack *q, int in, const struct source_job *j,
		       struct error *err)
{
	int fds[3] = { in };
	size_t n = 1;

	if (q->has_tree)
		fds[n++] = j->tree_fd;
	if (q->has_blob)
		fds[n++] = j->blob_fd;
	TRY(source_worker(s, WORKER_UNPACK, NULL, &s->unpack[slot], err));
	return worker_send(s->unpack[slot], OP_UNPACK, q, fds, n, err);
}

static int start_from_registry(struct run *r, size_t slot, struct source_job *j, struct error *err)
{
	const struct op_descriptor *d = layer_of(r->image, j->layer);
	struct op_unpack u = unpack_request(r, j);
	struct op_get g = { .endpoint = r->s->endpoint, .reference = d->digest, .offset = j->have, .size = d->size };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int out = ends[0];
	autoclose int in = ends[1];
	fcntl(in, F_SETPIPE_SZ, PIPE_BYTES);   /* best effort: users have a quota */
	struct running *run = &r->slots[slot];
	run->unpack_id = send_unpack(r->s, slot, &u, out, j, err);
	TRY(run->unpack_id);
	run->fetch_id = worker_send(r->s->fetch, OP_GET_BLOB, &g, &in, 1, err);
	return run->fetch_id < 0 ? -1 : 0;
}

static int start_from_file(struct run *r, size_t slot, struct source_job *j, struct error *err)
{
	struct blob_place p = { .owned_fd = -1 };
	struct op_unpack u = unpack_request(r, j);

	TRY(source_place(r->s, blob_name(r->image, j->layer), &p, err));
	u.in_offset = p.offset;
	u.in_size = p.size;
	u.have = 0;
	int id = send_unpack(r->s, slot, &u, p.fd, j, err);
	close_p(&p.owned_fd);
	r->slots[slot].unpack_id = id;
	return id < 0 ? -1 : 0;
}

static int start_job(struct run *r, size_t slot, struct source_job *j, struct error *err)
{
	r->slots[slot] = (struct running){ .job = j };
	if (r->s->kind == SOURCE_REGISTRY)
		return start_from_registry(r, slot, j, err);
	return start_from_file(r, slot, j, err);
}

/* ---- answers ---- */
static struct running *find(struct run *r, size_t slot, bool fetch, int id)
{
	if (!fetch)
		return r->slots[slot].job && r->slots[slot].unpack_id == id ? &r->slots[slot] : NULL;
	for (size_t i = 0; i < r->n_slots; i++)
		if (r->slots[i].job && r->slots[i].fetch_id == id)
			return &r->slots[i];
	return NULL;
}

static void note_failure(struct running *run, bool fetch, const struct error *e)
{
	bool echo = fetch ? e->errnum == EPIPE : run->fetch_failed;

	if (run->error.kind == ERROR_NONE || (!echo && (fetch || run->error.errnum == EPIPE)))
		run->error = *e;
	run->fetch_failed |= fetch && !echo;
}

static int take_message(struct run *r, size_t slot, bool fetch, struct error *err)
{
	auto_worker_message m = { .fd = -1 };
	struct worker *w = fetch ? r->s->fetch : r->s->unpack[slot];

	TRY(worker_receive(w, &m, err));
	struct running *run = find(r, slot, fetch, m.id);
	if (!run)
		return fail(err, ERROR_CORRUPT, "worker: an answer out of turn");
	struct source_job *j = run->job;
	if (m.event == WORKER_PROGRESS) {
		j->bytes = m.bytes;
		if (r->progress && r->progress->moved)
			r->progress->moved(r->progress->data, j);
		return 0;
	}
	*(fetch ? &run->fetch_id : &run->unpack_id) = 0;
	if (m.event == WORKER_FAILED) {
		note_failure(run, fetch, &m.error);
	} else if (!fetch) {
		j->result = *(struct op_unpacked *)m.reply;
		free(take_ptr(m.reply));
	}
	return 0;
}

static int wait_messages(struct run *r, int timeout_ms, struct error *err)
{
	struct pollfd p[UNPACKERS_MAX + 1];
	size_t which[UNPACKERS_MAX + 1], n = 0;

	for (size_t i = 0; i < r->n_slots; i++)
		if (r->slots[i].unpack_id > 0) {
			which[n] = i;
			p[n++] = (struct pollfd){ .fd = worker_fd(r->s->unpack[i]), .events = POLLIN };
		}
	bool fetching = false;
	for (size_t i = 0; i < r->n_slots; i++)
		fetching |= r->slots[i].fetch_id > 0;
	if (fetching)
		p[n] = (struct pollfd){ .fd = worker_fd(r->s->fetch), .events = POLLIN };
	int ready;
	while ((ready = poll(p, n + fetching, timeout_ms)) < 0)
		if (errno != EINTR)
			return fail_errno(err, "poll");
	/* The fetcher first: when both ends of a pipe fail, its word is the cause. */
	if (fetching && p[n].revents)
		TRY(take_message(r, 0, true, err));
	for (size_t i = 0; i < n; i++)
		if (p[i].revents)
			TRY(take_message(r, which[i], false, err));
	return ready;
}

/* A slot whose halves have both answered: 1 finished, 0 still busy or idle, -1 failed. */
static int settle(struct run *r, size_t slot, struct error *err)
{
	struct running *run = &r->slots[slot];

	if (!run->job)
		return 0;
	if (run->error.kind != ERROR_NONE) {
		while ((run->unpack_id > 0 || run->fetch_id > 0) && wait_messages(r, ECHO_MS, err) > 0)
			;
		*err = run->error;
		const char *name = blob_name(r->image, run->job->layer);
		return fail_wrap(err, "copying blob %s", name ? name : "of the layer");
	}
	if (run->unpack_id || run->fetch_id)
		return 0;
	run->job->done = true;
	run->job = NULL;
	return 1;
}

static int check_result(const struct source_image *i, const struct source_job *j, struct error *err)
{
	const struct op_descriptor *d = layer_of(i, j->layer);
	const struct op_unpacked *u = &j->result;

	if (!digest_is_valid(u->blob_digest) || !digest_is_valid(u->diff_id) || u->blob_size < 0 || u->entries < -1 ||
	    u->tree_bytes < -1 || u->compression < 0 || u->compression >= COMPRESSION_MAX)
		return fail(err, ERROR_CORRUPT, "worker unpack: an impossible answer");
	if ((d->digest && !streq(d->digest, u->blob_digest)) ||
	    (i->info.diff_ids.n && !streq(i->info.diff_ids.v[j->layer], u->diff_id)))
		return fail(err, ERROR_CORRUPT, "layer %s: digests do not match", u->blob_digest);
	return 0;
}

static int run_all(struct run *r, struct source_job *jobs, size_t n, struct error *err)
{
	size_t next = 0, done = 0;

	while (done < n) {
		for (size_t slot = 0; slot < r->n_slots && next < n; slot++)
			if (!r->slots[slot].job)
				TRY(start_job(r, slot, &jobs[next++], err));
		TRY(wait_messages(r, -1, err));
		for (size_t slot = 0; slot < r->n_slots; slot++) {
			int finished = settle(r, slot, err);
			TRY(finished);
			done += (size_t)finished;
		}
	}
	return 0;
}

int source_run(struct source *s, const struct source_image *image, struct source_job *jobs, size_t n,
	       const struct source_progress *progress, struct error *err)
{
	struct run r = { .s = s, .image = image, .progress = progress };
	size_t most = s->kind == SOURCE_REGISTRY ? FETCHES_MAX : (size_t)cpu_count();

	if (s->o.parallel && s->o.parallel < most)
		most = (size_t)s->o.parallel;
	if (most > UNPACKERS_MAX)
		most = UNPACKERS_MAX;
	r.n_slots = n < most ? n : most;
	TRY(run_all(&r, jobs, n, err));
	for (size_t i = 0; i < n; i++)
		TRY(check_result(image, &jobs[i], err));
	return 0;
}

void source_job_done(struct source_job *j)
{
	fields_done(worker_ops[OP_UNPACK].reply, &j->result);
}

/* ---- a bare tar ---- */
int source_run_tar(struct source *s, int fd, bool seekable, struct source_job *job, struct error *err)
{
	struct op_unpack q = { .in_offset = seekable ? 0 : -1, .in_size = -1, .blob_size = -1,
			       .ignore_chown = s->o.ignore_chown, .recompress = COMPRESSION_GZIP, .recipe = true };
	auto_worker_message m = { .fd = -1 };

	q.has_tree = job->tree_fd >= 0;
	q.has_blob = job->blob_fd >= 0;
	TRY(send_unpack(s, 0, &q, fd, job, err));
	do {
		worker_message_done(&m);
		TRY(worker_receive(s->unpack[0], &m, err));
	} while (m.event == WORKER_PROGRESS);
	if (m.event == WORKER_FAILED) {
		*err = m.error;
		return -1;
	}
	job->result = *(struct op_unpacked *)m.reply;
	free(take_ptr(m.reply));
	struct source_image none = { .layers = { .v = &(struct op_descriptor){}, .n = 1 } };
	return check_result(&none, job, err);
}

/* ---- the manifest of a docker archive ---- */
static enum media_type layer_type(enum media_type manifest, enum compression c)
{
	bool docker = manifest == MEDIA_DOCKER_MANIFEST;

	if (c == COMPRESSION_GZIP)
		return docker ? MEDIA_DOCKER_LAYER_GZIP : MEDIA_OCI_LAYER_GZIP;
	if (c == COMPRESSION_ZSTD)
		return docker ? MEDIA_DOCKER_LAYER_ZSTD : MEDIA_OCI_LAYER_ZSTD;
	return docker ? MEDIA_DOCKER_LAYER : MEDIA_OCI_LAYER;
}

static int add_layers(const struct source_image *i, struct oci_manifest *m, struct error *err)
{
	for (size_t k = 0; k < i->layers.n; k++) {
		struct oci_descriptor *d = list_add(&m->layers, sizeof(*d), err);
		if (!d)
			return -1;
		d->size = layer_of(i, k)->size;
		TRY(str_set(&d->digest, layer_of(i, k)->digest, err));
		TRY(str_set(&d->media_type, layer_of(i, k)->media_type, err));
	}
	return 0;
}

int source_describe_layer(struct source_image *i, size_t layer, const struct op_unpacked *u, enum media_type type,
			  struct error *err)
{
	struct op_descriptor *d = &((struct op_descriptor *)i->layers.v)[layer];

	d->size = u->blob_size;
	TRY(str_set(&d->digest, u->blob_digest, err));
	return str_set(&d->media_type, media_type_name(layer_type(type, (enum compression)u->compression)), err);
}

int source_finish(struct source *s, struct source_image *image, enum media_type type, struct error *err)
{
	auto_manifest m = { .schema_version = 2 };
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	auto_json *tree = NULL;
	char digest[DIGEST_TEXT_MAX];

	TRY(str_set(&m.media_type, media_type_name(type), err));
	TRY(str_set(&m.config.media_type,
		    media_type_name(type == MEDIA_DOCKER_MANIFEST ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG), err));
	TRY(str_set(&m.config.digest, image->config_digest, err));
	m.config.size = (int64_t)image->config_len;
	TRY(add_layers(image, &m, err));
	if (type == MEDIA_OCI_MANIFEST)
		TRY(strmap_copy(&m.annotations, &image->annotations, err));
	TRY(fields_save(oci_manifest_rows, FIELD_COLUMN_JSON, &m, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "manifest", err));
	TRY(source_digest(s, text.data, text.len, digest, err));
	image->manifest_type = type;
	image->manifest_len = text.len;
	TRY(str_set(&image->manifest_digest, digest, err));
	free(image->manifest);
	image->manifest = buf_steal(&text);
	return image->manifest ? 0 : fail_oom(err);
}

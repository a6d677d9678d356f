/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-run.c - blobs on their way: a small state machine per blob, many at once, one thread.
 *
 *   START --(registry)--> [TAKEN] --> ASKED --missing--> [MOUNTED] --> MOVED ----------------> done
 *                                                            | (compressed anew: digest known only now)
 *                                                            +--(streamed)--> ENDED --> done
 *                                                            +--> ASKED_AGAIN --missing--> SENT --> done
 *   START --(compressed before)--> RECALLED --missing--> [MOUNTED] --> MOVED
 *
 * Where the registry has the blob in another repository (TAKEN, MOUNTED), taking it from there says at the same time
 * whether it was here already.
 * A step sends requests to workers (image-copy-bytes.c) and comes back when all of them are answered. Files are hashed
 * before they count; from a registry the fetcher hashes what it passes on. A broken pipe is the echo of the other end's
 * failure and never told. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include "conf/helpers.h"
#include "engine/image-copy-run.h"
#include "engine/image-local.h"

#define JOBS_DEFAULT 6

static void job_reset(struct job *j)
{
	struct error ignored;

	copy_feed_end(&j->feed, &ignored);
	close_p(&j->scratch);
	free(j->location);
	fields_done(worker_ops[OP_RECOMPRESS].reply, &j->packed);
	*j = (struct job){ .scratch = -1, .packer = j->packer };
}

static void run_done(struct run *r)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		worker_free(r->jobs[i].packer);   /* and so a thread that feeds it finds the pipe broken */
		job_reset(&r->jobs[i]);
	}
	free(r->program);
}

/* ---- results ---- */
static void say_blob(struct run *r, const struct copy_blob *b, bool there)
{
	image_say(&r->to->o->progress, "Copying %s %s%s", b->is_config ? "config" : "blob", b->from->digest,
		  there ? " skipped: already exists  " : "");
}

/* The config travels with the layers, but its line stands behind theirs. */
static void say(struct run *r, struct job *j, bool there)
{
	if (j->said)
		return;
	j->said = true;
	if (!j->blob->is_config) {
		say_blob(r, j->blob, there);
		return;
	}
	r->config = j->blob;
	r->config_there = there;
}

static void say_config(struct run *r)
{
	if (r->config)
		say_blob(r, r->config, r->config_there);
}

static int finish(struct run *r, struct job *j, bool there)
{
	say(r, j, there);
	j->step = DONE;
	if (!j->blob->digest)
		j->blob->digest = strdup(j->blob->from->digest);
	if (!j->blob->change)
		j->blob->size = j->blob->from->size;
	return 0;
}

static int take_packed(struct job *j, struct error *err)
{
	struct op_unpacked *u = &j->packed;
	struct copy_blob *b = j->blob;

	if (!digest_is_valid(u->blob_digest ? u->blob_digest : "") || u->blob_size < 0 || u->tar_size < 0)
		return fail(err, ERROR_CORRUPT, "worker pack: an impossible answer");
	if (b->compression == COMPRESSION_NONE && !b->crypt && !streq0(u->blob_digest, u->diff_id))
		return fail(err, ERROR_CORRUPT, "worker pack: an impossible answer");
	b->size = u->blob_size;
	b->media_type = media_type_layer(b->compression, false);
	b->enc_jwe = take_ptr(u->enc_jwe);
	b->enc_pubopts = take_ptr(u->enc_pubopts);
	b->toc_place = take_ptr(u->toc_place);
	b->toc_digest = take_ptr(u->toc_digest);
	return str_set(&b->digest, u->blob_digest, err);
}

static int place_scratch(struct run *r, struct job *j, struct error *err)
{
	const char *digest = copy_digest(j);

	if (!copy_to_has_file(r->to, digest))
		TRY(copy_to_place_scratch(r->to, (size_t)(j - r->jobs), j->scratch, digest,
					  j->blob->change ? j->blob->size : j->blob->from->size, err));
	return finish(r, j, false);
}

static int send_scratch(struct run *r, struct job *j, struct error *err)
{
	struct blob_place p = { .fd = j->scratch, .size = j->blob->change ? j->blob->size : j->blob->from->size };

	j->step = SENT;
	return copy_upload_range(r, j, &p, err);
}

static int moved(struct run *r, struct job *j, struct error *err)
{
	if (j->blob->change) {
		TRY(take_packed(j, err));
		copy_remember(r, j->blob);
	}
	if (j->location)
		return copy_end_stream(r, j, err);
	if (j->scratch < 0)
		return finish(r, j, false);
	if (!r->push)
		return place_scratch(r, j, err);
	return j->blob->change ? copy_ask(r, j, ASKED_AGAIN, err) : send_scratch(r, j, err);
}

/* Is it there, or can it be? Only then bytes move. */
static int look_there(struct run *r, struct job *j, enum step step, struct error *err)
{
	bool neighbour = r->to->mounts.n && !r->cannot_mount;

	return neighbour ? copy_try_mount(r, j, TAKEN, err) : copy_ask(r, j, step, err);
}

static int begin(struct run *r, struct job *j, struct error *err)
{
	if (j->blob->change) {
		int known = copy_recall(r, j->blob, err);
		if (known)
			return known < 0 ? -1 : look_there(r, j, RECALLED, err);
		say(r, j, false);
		return copy_move(r, j, err);
	}
	if (r->push)
		return look_there(r, j, ASKED, err);
	if (copy_to_has_file(r->to, j->blob->from->digest))
		return finish(r, j, true);
	say(r, j, false);
	return copy_move(r, j, err);
}

static int advance(struct run *r, struct job *j, struct error *err)
{
	j->n_calls = 0;
	switch (j->step) {
	case START: return begin(r, j, err);
	case TAKEN:
		r->cannot_mount |= !j->found;
		return j->found ? finish(r, j, true) : copy_ask(r, j, ASKED, err);
	case ASKED: case RECALLED: case MOUNTED:
		if (j->found)
			return finish(r, j, true);
		if (j->mount < r->to->mounts.n)
			return copy_try_mount(r, j, MOUNTED, err);
		say(r, j, false);
		return copy_move(r, j, err);
	case MOVED: return moved(r, j, err);
	case ASKED_AGAIN: return j->found ? finish(r, j, false) : send_scratch(r, j, err);
	default: return finish(r, j, false);
	}
}

/* ---- answers ---- */
static void note_failure(struct job *j, const struct error *e)
{
	bool echo = e->errnum == EPIPE;

	if (j->error.kind == ERROR_NONE || (j->error.errnum == EPIPE && !echo))
		j->error = *e;
}

static struct job *find(struct run *r, const struct worker *w, int id, struct call **ret)
{
	for (size_t i = 0; i < r->n_jobs; i++)
		for (size_t k = 0; k < r->jobs[i].n_calls; k++)
			if (r->jobs[i].calls[k].worker == w && r->jobs[i].calls[k].id == id) {
				*ret = &r->jobs[i].calls[k];
				return &r->jobs[i];
			}
	return NULL;
}

static int take_message(struct run *r, struct worker *w, struct error *err)
{
	auto_worker_message m = { .fd = -1 };
	struct call *c;

	TRY(worker_receive(w, &m, err));
	struct job *j = find(r, w, m.id, &c);
	if (!j)
		return fail(err, ERROR_CORRUPT, "worker: an answer out of turn");
	if (m.event == WORKER_PROGRESS) {
		if (c->counts)
			image_progress_moved(&r->to->o->progress, j->blob->from->digest, m.bytes, j->blob->from->size);
		return 0;
	}
	c->id = 0;
	if (m.event == WORKER_FAILED) {
		/* A mount that fails is no reason to fail: the bytes are sent instead. */
		if (j->step == MOUNTED || j->step == TAKEN)
			j->found = false;
		else
			note_failure(j, &m.error);
	} else if (m.op == OP_RECOMPRESS) {
		j->packed = *(struct op_unpacked *)m.reply;
		free(take_ptr(m.reply));
	} else if (m.op == OP_PUT_STREAM) {
		j->location = take_ptr(((struct op_got *)m.reply)->next);
	} else if (m.op == OP_HAS_BLOB || m.op == OP_PUT_BLOB) {
		j->found = ((struct op_got *)m.reply)->found;
	}
	return 0;
}

static bool is_busy(const struct job *j)
{
	for (size_t i = 0; i < j->n_calls; i++)
		if (j->calls[i].id)
			return true;
	return false;
}

static int wait_messages(struct run *r, struct error *err)
{
	struct worker *workers[2 * JOBS_MAX];
	struct pollfd p[2 * JOBS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n_jobs; i++)
		for (size_t k = 0; k < r->jobs[i].n_calls; k++) {
			struct call *c = &r->jobs[i].calls[k];
			bool known = !c->id;
			for (size_t m = 0; m < n; m++)
				known |= workers[m] == c->worker;
			if (known)
				continue;
			workers[n] = c->worker;
			p[n++] = (struct pollfd){ .fd = worker_fd(c->worker), .events = POLLIN };
		}
	if (!n)
		return 0;
	while (poll(p, n, -1) < 0)
		if (errno != EINTR)
			return fail_errno(err, "poll");
	for (size_t i = 0; i < n; i++)
		if (p[i].revents)
			TRY(take_message(r, workers[i], err));
	return 0;
}

/* A pipe can be sent once: what failed on the way goes into a file and is sent from there. */
static bool may_try_again(const struct run *r, const struct job *j)
{
	return r->push && (r->from->registry || j->blob->change) && (j->step == MOVED || j->step == ENDED) && !j->by_file &&
	       j->error.kind != ERROR_DENIED && j->error.kind != ERROR_CORRUPT;
}

static int settle(struct run *r, struct job *j, struct error *err)
{
	struct error feed;

	if (copy_feed_end(&j->feed, &feed) < 0)
		note_failure(j, &feed);
	if (j->error.kind == ERROR_NONE)
		return advance(r, j, err);
	if (!may_try_again(r, j)) {
		*err = j->error;
		return fail_wrap(err, "copying %s %s", j->blob->is_config ? "config" : "blob", j->blob->from->digest);
	}
	log_debug(r->from->engine->log, "blob %s: %s: once more by way of a file", j->blob->from->digest, j->error.text);
	j->error = (struct error){};
	free(take_ptr(j->location));
	fields_done(worker_ops[OP_RECOMPRESS].reply, &j->packed);
	j->packed = (struct op_unpacked){};
	j->by_file = true;
	j->n_calls = 0;
	return copy_move(r, j, err);
}

static int run_all(struct run *r, struct error *err)
{
	while (r->done < r->n) {
		for (size_t i = 0; i < r->n_jobs; i++) {
			struct job *j = &r->jobs[i];
			if (!j->blob && r->next < r->n)
				j->blob = &r->blobs[r->next++];
			while (j->blob && j->step != DONE && !is_busy(j))
				TRY(settle(r, j, err));
			if (j->blob && j->step == DONE) {
				image_progress_moved(&r->to->o->progress, j->blob->from->digest, j->blob->from->size, j->blob->from->size);
				job_reset(j);
				r->done++;
			}
		}
		TRY(wait_messages(r, err));
	}
	say_config(r);
	return 0;
}

/* Recompression is worth as many processes as there are processors. */
static size_t slots(const struct run *r)
{
	uint64_t asked = r->to->o->parallel ? r->to->o->parallel : r->from->engine->opt.max_workers;
	size_t want = asked ? (size_t)asked : JOBS_DEFAULT;
	bool change = false;
	cpu_set_t set;

	for (size_t i = 0; i < r->n; i++)
		change |= r->blobs[i].change;
	if (change && sched_getaffinity(0, sizeof(set), &set) == 0 && (size_t)CPU_COUNT(&set) + 1 < want)
		want = (size_t)CPU_COUNT(&set) + 1;
	return want > JOBS_MAX ? JOBS_MAX : want > r->n ? r->n : want;
}

/* The same blob twice in one image is moved once. */
static void fill_doubles(struct copy_blob *v, const size_t *first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct copy_blob *from = &v[first[i]];
		if (from == &v[i] || !from->digest)
			continue;
		v[i].digest = strdup(from->digest);
		v[i].size = from->size;
		v[i].media_type = from->media_type;
		v[i].enc_jwe = from->enc_jwe ? strdup(from->enc_jwe) : NULL;
		v[i].enc_pubopts = from->enc_pubopts ? strdup(from->enc_pubopts) : NULL;
		v[i].toc_place = from->toc_place ? strdup(from->toc_place) : NULL;
		v[i].toc_digest = from->toc_digest ? strdup(from->toc_digest) : NULL;
	}
}

static size_t first_of(const struct copy_blob *v, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (streq(v[k].from->digest, v[i].from->digest) && v[k].change == v[i].change)
			return k;
	return i;
}

static int run_unique(struct run *r, struct copy_blob *v, size_t n, struct error *err)
{
	autofree size_t *first = calloc(n, sizeof(*first));
	autofree struct copy_blob *unique = calloc(n, sizeof(*unique));
	size_t m = 0;

	if (!first || !unique)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		first[i] = first_of(v, i);
		if (first[i] == i)
			unique[m++] = v[i];
	}
	r->blobs = unique;
	r->n = m;
	r->n_jobs = slots(r);
	int result = run_all(r, err);
	for (size_t i = 0, k = 0; i < n; i++)
		if (first[i] == i)
			v[i] = unique[k++];
	fill_doubles(v, first, n);
	return result;
}

int copy_blobs(struct copy_from *f, struct copy_to *t, struct copy_blob *v, size_t n, struct error *err)
{
	CLEANUP(run_done) struct run r = { .from = f, .to = t };

	for (size_t i = 0; i < JOBS_MAX; i++)
		r.jobs[i].scratch = -1;
	TRY(helper_find("umiak-worker", &r.program, err));
	if (f->registry)
		r.fetch = source_fetcher(f->source, &r.fetch_endpoint);
	if (t->repository) {
		r.push = repository_worker(t->repository);
		r.push_endpoint = repository_endpoint(t->repository);
	}
	return run_unique(&r, v, n, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * store/stage.c - staging directories: their life, their leases, their notes.
 *
 * staging/<purpose>-<16 hex>/
 *   lock     held locked by the owner; free = the owner is dead = all of this is garbage
 *   notes    one line per digest the owner may leave behind committed but unreferenced, written before the act;
 *            whoever sweeps a dead stage offers each to the collector (collect.c)
 *   tN, bN   layer trees and blobs being written; xN: things on their way out
 * Between mkdir and the first lock a directory looks dead, so owners make it under a shared lock on locks/staging and
 * the sweeper looks under an exclusive one (and does not wait for it). */
#include "store/internal.h"
#include "store/stage-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"

struct store *stage_store(const struct stage *st) { return st->store; }
const char *stage_path(const struct stage *st) { return st->path; }
int stage_fd(const struct stage *st) { return st->fd; }

static int make_directory(struct stage *st, const char *purpose, struct error *err)
{
	struct store *s = st->store;
	auto_lock making = LOCK_INIT;
	char id[65], dir[96];

	TRY(random_id(id, err));
	snprintf(st->name, sizeof(st->name), "%.20s-%.16s", purpose, id);
	snprintf(dir, sizeof(dir), "staging/%s", st->name);
	TRY(store_path_join(&st->path, err, s->root, dir, NULL));
	TRY(lock_acquire(s->root_fd, "locks/staging", (struct lock_how){ LOCK_SHARED, LOCK_UNORDERED, -1 }, &making, err));
	if (mkdirat(s->root_fd, dir, 0700) < 0)
		return fail_errno(err, "make %s", st->path);
	st->fd = openat(s->root_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd < 0)
		return fail_errno(err, "open %s", st->path);
	return lock_acquire(st->fd, "lock", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &st->lock, err);
}

int stage_begin(struct store *s, const char *purpose, struct stage **ret, struct error *err)
{
	auto_stage *st = calloc(1, sizeof(*st));

	if (!st)
		return fail_oom(err);
	st->store = s;
	st->fd = st->notes_fd = -1;
	st->lock = (struct lock)LOCK_INIT;
	TRY(sweep_partials(s, err));
	if (make_directory(st, purpose, err) < 0)
		return fail_wrap(err, "begin to stage (%s)", purpose);
	*ret = take_ptr(st);
	return 0;
}

static void release_lease(struct stage *st, struct lease *l)
{
	lock_release(&l->lock);
	free(l->digest);
	*l = st->leases[--st->n_leases];
}

/* What was committed but never became part of an image goes, as far as nobody else needs it. False: the record file of an
 * image could not be brought up to date (a full disk): the directory with the note stays, and the next command tries. */
static bool collect_notes(struct stage *st)
{
	auto_strv notes = { 0 };
	struct error why = {};
	bool settled = true;

	if (st->notes_fd < 0 || stage_read_notes(st->fd, ".", &notes, &why) < 0)
		return why.kind != ERROR_SYSTEM;
	for (size_t i = 0; i < notes.n; i++)
		if (collect_digest(st->store, st, notes.v[i], NULL, &why) < 0)
			settled &= why.kind != ERROR_SYSTEM || !str_after(notes.v[i], "image:");
	return settled;
}

void stage_done(struct stage *st)
{
	struct error ignored;
	char dir[96];

	if (!st)
		return;
	while (st->n_leases)
		release_lease(st, &st->leases[0]);
	free(st->leases);
	if (st->fd >= 0 && collect_notes(st)) {
		snprintf(dir, sizeof(dir), "staging/%s", st->name);
		file_remove_tree(st->store->root_fd, dir, &ignored);
	}
	lock_release(&st->lock);
	close_p(&st->notes_fd);
	close_p(&st->fd);
	free(st->path);
	free(st);
}

/* ---- notes ---- */
int stage_note(struct stage *st, const char *what, struct error *err)
{
	char line[128];

	if (st->notes_fd < 0)
		st->notes_fd = openat(st->fd, "notes", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (st->notes_fd < 0)
		return fail_errno(err, "write %s/notes", st->path);
	int n = snprintf(line, sizeof(line), "%s\n", what);
	return file_write_all(st->notes_fd, line, (size_t)n, err);
}

int stage_read_notes(int dirfd, const char *dir, struct strv *ret, struct error *err)
{
	autofree char *path = NULL, *text = NULL;

	TRY(store_path_join(&path, err, dir, "notes", NULL));
	int r = file_read(dirfd, path, STORE_JSON_MAX, &text, NULL, err);
	if (r != 1 || !*text)
		return r < 0 ? r : 0;
	TRY(strv_split(ret, text, '\n', err));
	strv_remove(ret, ret->n - 1);   /* behind the last newline: nothing, or a line cut by a kill before its act */
	return 0;
}

/* A store that was filled in an image and lies on an overlay now: the kernel moves no directory of a lower layer. What
 * makes a layer one goes first, so that a kill leaves nothing that looks whole. */
static int remove_in_place(int dirfd, const char *path, struct error *err)
{
	autofree char *info = NULL;

	TRY(store_path_join(&info, err, path, "layer.json", NULL));
	if (unlinkat(dirfd, info, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return fail_errno(err, "remove %s", info);
	return file_remove_tree(dirfd, path, err) < 0 ? -1 : 1;
}

int stage_trash(struct stage *st, int dirfd, const char *path, struct error *err)
{
	char name[32];

	snprintf(name, sizeof(name), "x%u", st->serial++);
	if (renameat(dirfd, path, st->fd, name) == 0)
		return 1;
	if (errno == EXDEV)
		return remove_in_place(dirfd, path, err);
	return errno == ENOENT ? 0 : fail_errno(err, "move %s to %s", path, st->path);
}

/* ---- leases ---- */
static struct lease *find_lease(const struct stage *st, const char *digest)
{
	for (size_t i = 0; i < st->n_leases; i++)
		if (streq(st->leases[i].digest, digest))
			return &st->leases[i];
	return NULL;
}

bool stage_holds(const struct stage *st, const char *digest)
{
	return find_lease(st, digest) != NULL;
}

static bool is_lease_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:._-");

	return n > 0 && n <= 200 && !s[n] && s[0] != '.';
}

static int add_lease(struct stage *st, const char *digest, struct lock_how how, struct error *err)
{
	struct lock l = LOCK_INIT;

	if (!is_lease_name(digest))
		return fail(err, ERROR_INVALID, "\"%s\" cannot be leased", digest);
	int r = lock_named(st->store->root_fd, "digest", digest, how, &l, err);
	if (r != 1)
		return r;
	struct lease *grown = realloc(st->leases, (st->n_leases + 1) * sizeof(*grown));
	char *copy = strdup(digest);
	if (grown)
		st->leases = grown;
	if (!grown || !copy) {
		free(copy);
		lock_release(&l);
		return fail_oom(err);
	}
	st->leases[st->n_leases++] = (struct lease){ .digest = copy, .lock = l, .shared = how.mode == LOCK_SHARED };
	return 1;
}

static bool content_exists(const struct store *s, const char *digest)
{
	char blob[BLOB_PATH_MAX], layer[BLOB_PATH_MAX];
	struct error ignored;

	return blob_relpath(digest, blob, &ignored) == 0 && layer_relpath(digest, layer, &ignored) == 0 &&
	       (faccessat(s->root_fd, blob, F_OK, 0) == 0 || faccessat(s->root_fd, layer, F_OK, 0) == 0);
}

/* Whoever publishes keeps a shared lease to the end of its stage: waiters then join it instead of waiting on. */
static int lease_once(struct stage *st, const char *digest, int64_t slice_ns, struct error *err)
{
	int r = add_lease(st, digest, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, slice_ns }, err);

	if (r == 1 || (r < 0 && err->kind != ERROR_TIMEOUT))
		return r;
	if (!content_exists(st->store, digest))
		return r;
	return add_lease(st, digest, (struct lock_how){ LOCK_SHARED, LOCK_UNORDERED, 0 }, err);
}

int stage_lease(struct stage *st, const char *digest, int64_t timeout_ns, struct error *err)
{
	const int64_t slice = 20 * 1000 * 1000;
	int64_t left = store_timeout(st->store, timeout_ns);
	struct lease *have = find_lease(st, digest);

	if (have && !have->shared)
		return 1;
	if (have)
		release_lease(st, have);
	for (;; left -= slice) {
		int r = lease_once(st, digest, left < slice ? left : slice, err);
		if (r == 1 && store_digest_is_valid(digest) && stage_note(st, digest, err) < 0)
			return -1;
		if (r == 1 || (r < 0 && (err->kind != ERROR_TIMEOUT || left <= slice)))
			return r;
		if (left <= 0)
			return 0;
	}
}

void stage_unlease(struct stage *st, const char *digest)
{
	struct lease *l = find_lease(st, digest);

	if (l)
		release_lease(st, l);
}

int stage_pin(struct stage *st, const char *digest, struct error *err)
{
	struct lease *have = find_lease(st, digest);

	if (!have)
		return add_lease(st, digest, (struct lock_how){ LOCK_SHARED, LOCK_UNORDERED, store_timeout(st->store, -1) }, err);
	if (have->shared)
		return 1;
	have->shared = true;
	return lock_downgrade(&have->lock, err) < 0 ? -1 : 1;
}

/* Shares the finished work with those who wait for the lease, and still keeps the collector away. */
int stage_publish(struct stage *st, const char *digest, struct error *err)
{
	return stage_pin(st, digest, err) < 0 ? -1 : 0;
}

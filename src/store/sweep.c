/* SPDX-License-Identifier: Apache-2.0
 * store/sweep.c - taking away what dead owners left behind.
 *
 * sweep_stages() runs whenever staging/ has children: a stage whose lock is free is adopted and ended like our own.
 * sweep_containers() runs when the run database is opened: rows with an intent whose lock is free are brought to an end.
 * sweep_unknown() runs in a new epoch and on request: a power cut takes notes and intents along, so everything on disk
 * is compared with the index. */
#include "store/stage-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "os/cgroup.h"
#include "os/file.h"
#include "os/process.h"

/* ---- stages ---- */
struct dead_stages {
	struct store *store;
	struct stage **v;
	size_t n;
};

static void dead_stages_done(struct dead_stages *d)
{
	for (size_t i = 0; i < d->n; i++)
		stage_done(d->v[i]);
	free(d->v);
}

static int add_dead(struct dead_stages *d, struct stage *st, struct error *err)
{
	struct stage **grown = realloc(d->v, (d->n + 1) * sizeof(*grown));

	if (!grown)
		return fail_oom(err);
	d->v = grown;
	d->v[d->n++] = st;
	return 0;
}

/* Makes the directory ours when its owner is dead. Called with locks/staging held: nobody is just making one. */
static int adopt(void *arg, int dir, const char *name, struct error *err)
{
	struct dead_stages *d = arg;
	struct stage *st = calloc(1, sizeof(*st));

	if (!st)
		return fail_oom(err);
	*st = (struct stage){ .store = d->store, .notes_fd = -1, .lock = LOCK_INIT, .adopted = true };
	snprintf(st->name, sizeof(st->name), "%.47s", name);
	st->fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int mine = 0;
	if (st->fd >= 0)
		mine = lock_acquire(st->fd, "lock", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &st->lock, err);
	if (mine != 1) {
		close_p(&st->fd);
		free(st);
		return 0;   /* alive, or gone meanwhile */
	}
	st->notes_fd = openat(st->fd, "notes", O_RDONLY | O_CLOEXEC);
	if (store_path_join(&st->path, err, d->store->root, "staging", name) < 0 || add_dead(d, st, err) < 0) {
		st->fd = -1;
		stage_done(st);
		return -1;
	}
	return 0;
}

int sweep_stages(struct store *s, struct error *err)
{
	CLEANUP(dead_stages_done) struct dead_stages dead = { .store = s };
	auto_lock making = LOCK_INIT;

	int r = lock_acquire(s->root_fd, "locks/staging", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &making,
			     err);
	if (r < 0 && (err->errnum == EROFS || err->errnum == EACCES))
		return 0;   /* only looking */
	if (r != 1)
		return r;
	TRY(dir_each(s->root_fd, "staging", adopt, &dead, err));
	lock_release(&making);
	if (!dead.n)
		return 0;
	/* collecting needs the index; and its derived file may not have been written any more */
	return oci_layout_save(s, err);
}

/* ---- partial downloads ---- */
enum { PARTIAL_MAX_AGE = 24 * 3600 };

static int sweep_partial(void *arg, int dir, const char *name, struct error *err)
{
	struct store *s = arg;
	auto_lock l = LOCK_INIT;
	struct stat st;
	char digest[80];

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || time(NULL) - st.st_mtim.tv_sec < PARTIAL_MAX_AGE)
		return 0;
	snprintf(digest, sizeof(digest), "sha256:%.64s", name);
	int got = lock_named(s->root_fd, "digest", digest, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &l, err);
	if (got != 1)
		return got;
	unlinkat(dir, name, 0);
	unlock_named(s->root_fd, "digest", digest, &l);
	return 0;
}

int sweep_partials(struct store *s, struct error *err)
{
	return dir_each(s->root_fd, "partial", sweep_partial, s, err);
}

/* ---- containers ---- */
struct intent {
	char id[65];
	enum container_intent what;
};
enum { INTENTS_MAX = 256 };

static int read_intents(struct store *s, struct intent *v, size_t *n, struct error *err)
{
	auto_rows r = { 0 };
	int more = 0;

	TRY(db_query(s->run, &r, err, "SELECT id,intent FROM containers WHERE intent<>0 LIMIT 256", ""));
	for (*n = 0; *n < INTENTS_MAX && (more = db_next(&r, err)) == 1; (*n)++) {
		snprintf(v[*n].id, sizeof(v[*n].id), "%s", db_text(&r, 0));
		v[*n].what = (enum container_intent)db_int(&r, 1);
	}
	return more < 0 ? -1 : 0;
}

/* Whether the process that was about to start it is still there. */
static int has_creator(struct store *s, const char *id, struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(s->run, &r, err, "SELECT monitor_pid,monitor_start FROM containers WHERE id=?", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	return process_is_alive(PROC_HOST, (pid_t)db_int(&r, 0), (uint64_t)db_int(&r, 1));
}

/* What its dead owner may have made outside the store. */
static void remove_cgroup(const struct store *s, const char *id)
{
	CLEANUP(cgroup_done) struct cgroup group = CGROUP_INIT;
	struct cgroup_warnings w = { 0 };
	struct error ignored;
	char file[112], path[1024];

	snprintf(file, sizeof(file), "containers/%.64s/" STORE_CONTAINER_CGROUP, id);
	if (file_read_small(s->runroot_fd, file, path, sizeof(path)) <= 0)
		return;
	const struct cgroup_create how = { .path = path, .all_controllers = true };
	if (cgroup_create(&how, &group, &w, &ignored) == 0)
		cgroup_remove(&group, &ignored);
}

static int finish(struct store *s, const struct intent *i, struct error *err)
{
	auto_lock l = LOCK_INIT;
	int64_t still = 0;

	int waits = i->what == INTENT_PROVISIONAL ? has_creator(s, i->id, err) : 0;
	if (waits)
		return waits < 0 ? -1 : 0;

	int got = lock_named(s->runroot_fd, "container", i->id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &l,
			     err);
	if (got != 1)
		return got;   /* its owner lives */
	int there = db_get_int(s->run, &still, err, "SELECT intent FROM containers WHERE id=?", "s", i->id);
	if (there < 0 || (there && still == INTENT_RELOAD))
		return there < 0 ? -1 : container_reload(s, i->id, err);
	if (there && still != INTENT_NONE) {
		remove_cgroup(s, i->id);
		TRY(container_erase(s, i->id, err));
	}
	if (!there || still != INTENT_NONE)
		unlock_named(s->runroot_fd, "container", i->id, &l);
	return 0;
}

int sweep_containers(struct store *s, struct error *err)
{
	struct intent v[INTENTS_MAX];
	size_t n;

	struct db *run;

	TRY(store_run(s, &run, err));
	TRY(read_intents(s, v, &n, err));
	for (size_t i = 0; i < n; i++)
		if (finish(s, &v[i], err) < 0)
			return fail_wrap(err, "finish what was begun with container %s", v[i].id);
	return 0;
}

/* ---- everything ---- */
struct unknown {
	struct store *store;
	struct stage *stage;
	const char *prefix;   /* what file names lack of a digest */
};

static int offer(void *arg, int dir, const char *name, struct error *err)
{
	struct unknown *u = arg;
	char digest[128];
	const char *hex = str_after(name, "sha256-");

	snprintf(digest, sizeof(digest), "%s%.100s", u->prefix, hex ? hex : name);
	char *dot = strstr(digest, ".json");
	if (dot)
		*dot = '\0';
	if (!is_hex64(digest + strlen(u->prefix))) {
		/* a temporary file of a writer that is dead: nobody else works now */
		return str_after(name, ".") ? file_remove_tree(dir, name, err) : 0;
	}
	return collect_digest(u->store, u->stage, digest, NULL, err) < 0 ? -1 : 0;
}

static int drop_mapped(void *arg, int dir, const char *name, struct error *err)
{
	const struct unknown *u = arg;
	char layer[BLOB_PATH_MAX];

	snprintf(layer, sizeof(layer), "layers/sha256-%.64s", name);
	return faccessat(u->store->root_fd, layer, F_OK, 0) == 0 ? 0 : file_remove_tree(dir, name, err);
}

/* A power cut takes along the mark that a container's file is ahead of the index by a change nobody was told of. */
static int mend_container_file(struct store *s, struct db *index, const char *id, struct error *err)
{
	auto_rows r = { 0 };
	autofree char *old = NULL;
	struct error ignored = { 0 };
	char path[112];
	size_t len = 0;

	TRY(db_query(index, &r, err, "SELECT record FROM containers WHERE id=?", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	const char *text = db_text(&r, 0);
	snprintf(path, sizeof(path), "containers/%.64s/container.json", id);
	if (file_read(s->root_fd, path, STORE_JSON_MAX, &old, &len, &ignored) == 1 && streq(old, text))
		return 0;
	return file_replace(s->root_fd, path, text, strlen(text), 0600, store_sync_flag(s), err);
}

static int drop_container(void *arg, int dir, const char *name, struct error *err)
{
	struct unknown *u = arg;
	struct db *index;
	int64_t one;

	TRY(store_index(u->store, &index, err));
	int known = db_get_int(index, &one, err, "SELECT 1 FROM containers WHERE id=?", "s", name);
	if (known)
		return known < 0 ? -1 : mend_container_file(u->store, index, name, err);
	return file_remove_tree(dir, name, err);
}

int sweep_unknown(struct store *s, struct error *err)
{
	auto_stage *st = NULL;

	TRY(stage_begin(s, "sweep", &st, err));
	struct unknown u = { .store = s, .stage = st, .prefix = "sha256:" };
	TRY(dir_each(s->root_fd, "blobs/sha256", offer, &u, err));
	TRY(dir_each(s->root_fd, "layers", offer, &u, err));
	TRY(dir_each(s->root_fd, "mapped", drop_mapped, &u, err));
	TRY(sweep_partials(s, err));
	u.prefix = "image:";
	TRY(dir_each(s->root_fd, "images", offer, &u, err));
	if (s->recovering)
		TRY(dir_each(s->root_fd, "containers", drop_container, &u, err));
	return oci_layout_save(s, err);
}

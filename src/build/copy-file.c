/* SPDX-License-Identifier: Apache-2.0
 * build/copy-file.c - plain files: read once, hashed and written as asked, those of one directory by several threads.
 *
 * What costs is the kernel's work for each file and page, not the disk: so as many threads as there are processors (four at
 * most) take files of one directory from a list; the walk goes on when all are done. Each file has a digest of its
 * own, entered into the walk's hash in the order of names: the result does not depend on who was faster. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "build/copy-internal.h"
#include "build/place.h"
#include "os/file.h"
#include "os/idmap.h"

enum { THREADS_MAX = 4, WORTH_IT = 4 };

/* ---- state ---- */
struct timespec copy_time_of(const struct copy_job *j, const struct stat *st)
{
	return j->time.set ? (struct timespec){ .tv_sec = (time_t)j->time.value } : st->st_mtim;
}

static int map_id(const struct copy_job *j, const struct idmap *m, const char *what, uint32_t *id, struct error *err)
{
	uint32_t given = *id;

	if (j->maps_back ? idmap_to_inside(m, given, id) : idmap_to_outside(m, given, id))
		return 0;
	return fail(err, ERROR_INVALID, "%s %u has no place in the user namespace: map more ids", what, given);
}

int copy_owner_of(const struct copy_job *j, const struct stat *st, struct copy_owner *ret, struct error *err)
{
	struct copy_owner o = j->owner;

	if (!o.set && o.keep) {
		o.uid = st->st_uid;
		o.gid = st->st_gid;
	}
	if (j->maps && (map_id(j, &j->maps->uids, "user", &o.uid, err) < 0 || map_id(j, &j->maps->gids, "group", &o.gid, err) < 0))
		return -1;
	*ret = o;
	return 0;
}

int copy_mode_of(const struct copy_job *j, const struct stat *st, mode_t *ret, struct error *err)
{
	*ret = st->st_mode & 07777;
	return j->chmod ? copy_mode_parse(j->chmod, *ret, S_ISDIR(st->st_mode), ret, err) : 0;
}

int copy_set_state(const struct copy_job *j, int fd, const struct stat *st, struct error *err)
{
	struct copy_owner o;
	const struct timespec times[2] = { copy_time_of(j, st), copy_time_of(j, st) };
	mode_t mode;

	TRY(copy_owner_of(j, st, &o, err));
	TRY(copy_mode_of(j, st, &mode, err));
	if ((o.uid || o.gid) && fchown(fd, o.uid, o.gid) < 0)
		return fail_errno(err, "change owner to %u:%u", o.uid, o.gid);
	if (fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
		return fail_errno(err, "set mode and time");
	return 0;
}

static bool is_there(int dir, const char *name)
{
	return dir >= 0 && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int copy_make_way(const struct target *t, const char *name, struct error *err)
{
	return is_there(t->upper, name) ? file_remove_tree(t->upper, name, err) : 0;
}

int copy_create_file(const struct target *t, const char *name, struct error *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(t->upper, name, flags, 0600);

	if (fd < 0 && errno == EEXIST) {
		TRY(copy_make_way(t, name, err));
		fd = openat(t->upper, name, flags, 0600);
	}
	return fd >= 0 ? fd : fail_errno(err, "create");
}

/* ---- one file ---- */
static int move_bytes(struct file_task *k, int in, int out, char *data, struct error *err)
{
	struct sha256 hash;

	if (!k->job->hash)
		return file_copy_fd(in, out, NULL, err);
	sha256_init(&hash);
	for (int64_t left = k->from.st.st_size; left > 0;) {
		ssize_t n = file_read_full(in, data, left < COPY_DATA_MAX ? (size_t)left : COPY_DATA_MAX, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return fail(err, ERROR_STATE, "the file became shorter while it was copied");
		sha256_add(&hash, data, (size_t)n);
		if (out >= 0)
			TRY(file_write_all(out, data, (size_t)n, err));
		left -= n;
	}
	sha256_end(&hash, k->digest);
	return 0;
}

static int copy_one(struct file_task *k, char *data, struct error *err)
{
	autoclose int in = openat(k->from.dir, k->from.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;

	if (in < 0)
		return fail_errno(err, "open");
	if (k->to.upper >= 0) {
		out = copy_create_file(&k->to, k->from.to, err);
		if (out < 0)
			return -1;
	}
	TRY(move_bytes(k, in, out, data, err));
	if (out < 0)
		return 0;
	TRY(copy_set_state(k->job, out, &k->from.st, err));   /* a change of owner takes capabilities away: attributes last */
	return place_copy_attributes(in, out, err);
}

void copy_file_run(struct file_task *k, char *data)
{
	if (k->to.upper >= 0 || k->job->hash)
		k->result = copy_one(k, data, &k->error);
}

/* ---- many ---- */
struct copy_pool {
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	struct file_task *v;         /* what is to be done now */
	size_t n, next, busy;
	bool end;
	pthread_t threads[THREADS_MAX];
	size_t n_threads;
};

/* Called and left with the lock held. */
static void work(struct copy_pool *p, char *data)
{
	while (p->next < p->n) {
		struct file_task *k = &p->v[p->next++];
		if (!k->wanted)
			continue;
		p->busy++;
		pthread_mutex_unlock(&p->lock);
		copy_file_run(k, data);
		pthread_mutex_lock(&p->lock);
		p->busy--;
	}
	if (!p->busy)
		pthread_cond_signal(&p->idle);
}

static void *thread_main(void *arg)
{
	struct copy_pool *p = arg;
	char *data = malloc(COPY_DATA_MAX);

	pthread_mutex_lock(&p->lock);
	while (data && !p->end) {
		if (p->next < p->n)
			work(p, data);
		else
			pthread_cond_wait(&p->work, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	free(data);
	return NULL;
}

static size_t processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (size_t)n;
}

/* The caller is one of the threads. */
static struct copy_pool *pool_new(void)
{
	size_t n = processors() - 1;
	struct copy_pool *p = n ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, NULL);
	while (p->n_threads < n && pthread_create(&p->threads[p->n_threads], NULL, thread_main, p) == 0)
		p->n_threads++;
	return p;
}

void copy_pool_free(struct copy_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->idle);
	free(p);
}

static void run_alone(struct copier *c, struct file_task *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].wanted)
			copy_file_run(&v[i], c->data);
}

void copy_files_run(struct copier *c, struct file_task *v, size_t n)
{
	size_t wanted = 0;

	for (size_t i = 0; i < n; i++)
		wanted += v[i].wanted;
	if (!c->pool && !c->alone && wanted >= WORTH_IT)
		c->alone = !(c->pool = pool_new());
	struct copy_pool *p = c->pool;
	if (!p || wanted < WORTH_IT) {
		run_alone(c, v, n);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->v = v;
	p->n = n;
	p->next = 0;
	pthread_cond_broadcast(&p->work);
	work(p, c->data);
	while (p->busy)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

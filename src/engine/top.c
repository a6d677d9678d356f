/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/top.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/top-columns.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

/* ---- which columns ---- */
#define DEFAULT_COLUMNS "user,pid,ppid,pcpu,etime,tty,time,args"

static int add_words(struct strv *to, const char *text, struct error *err)
{
	autofree char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		return fail_oom(err);
	for (char *w = strtok_r(copy, ", \t", &save); w; w = strtok_r(NULL, ", \t", &save)) {
		w[strcspn(w, "=")] = '\0';
		TRY(strv_add(to, w, err));
	}
	return 0;
}

/* "-ef", "aux", "-o pid,args", "-eopid": only what says something about columns. */
static int ps_options(const struct strv *words, struct strv *to, struct error *err)
{
	for (size_t i = 0; i < words->n; i++) {
		const char *w = words->v[i], *o = *w == '-' ? strchr(w, 'o') : NULL;
		if (o)
			TRY(add_words(to, o[1] ? o + 1 : i + 1 < words->n ? words->v[i + 1] : "", err));
		if (o && !o[1])
			i++;
	}
	if (to->n)
		return 0;
	for (size_t i = 0; i < words->n; i++)
		if (strchr(words->v[i], 'f'))
			return add_words(to, "user,pid,ppid,pcpu,stime,tty,time,args", err);
		else if (strchr(words->v[i], 'u'))
			return add_words(to, "user,pid,pcpu,vsz,rss,tty,state,stime,time,args", err);
	return add_words(to, "pid,tty,time,comm", err);
}

static int choose(const struct strv *given, const struct top_column *ret[64], size_t *ret_n, struct error *err)
{
	auto_strv words = {};

	if (!given->n)
		TRY(add_words(&words, DEFAULT_COLUMNS, err));
	else if (given->v[0][0] == '-' || (given->n == 1 && streq(given->v[0], "aux")))
		TRY(ps_options(given, &words, err));
	else
		for (size_t i = 0; i < given->n; i++)
			TRY(add_words(&words, given->v[i], err));
	for (size_t i = 0; i < words.n; i++) {
		const struct top_column *c = top_column_find(words.v[i]);
		if (!c)
			return fail(err, ERROR_INVALID, "unknown descriptor: '%s': see `top --help` for the known ones", words.v[i]);
		if (*ret_n >= 64)
			return fail(err, ERROR_INVALID, "more than 64 columns");
		ret[(*ret_n)++] = c;
	}
	return 0;
}

/* ---- which processes ---- */
static int pids_of_namespace(pid_t init, struct cgroup_pids *ret, struct error *err)
{
	uint64_t want = process_ns_inode(init, "pid");
	DIR *d = opendir("/proc");
	struct dirent *e;
	int64_t pid;

	if (!d)
		return fail_errno(err, "open /proc");
	while ((e = readdir(d))) {
		if (!parse_i64(e->d_name, &pid) || process_ns_inode((pid_t)pid, "pid") != want)
			continue;
		pid_t *v = reallocarray(ret->v, ret->n + 1, sizeof(*v));
		if (!v) {
			closedir(d);
			return fail_oom(err);
		}
		ret->v = v;
		v[ret->n++] = (pid_t)pid;
	}
	closedir(d);
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

bool top_is_by_namespace(struct ctr *c)
{
	auto_cgroup cgroup = CGROUP_INIT;
	struct error ignored;

	return ctr_cgroup(c, &cgroup, &ignored) <= 0 || !cgroup.made;
}

int top_pids(struct ctr *c, struct cgroup_pids *ret, struct error *err)
{
	auto_cgroup cgroup = CGROUP_INIT;

	TRY(ctr_cgroup(c, &cgroup, err));
	if (cgroup.made)
		TRY(cgroup_pids(&cgroup, ret, err));
	if (!ret->n)
		TRY(pids_of_namespace(c->at.status.pid, ret, err));
	qsort(ret->v, ret->n, sizeof(*ret->v), by_pid);
	return 0;
}

/* ---- the table ---- */
static char *read_in_root(int root, const char *path)
{
	struct error ignored;
	autoclose int fd = path_open_in_root(root, path, (struct path_open){ .oflags = O_RDONLY | O_NONBLOCK }, &ignored);
	char *text = NULL;

	if (fd >= 0)
		file_read_fd(fd, path, 1 << 20, &text, NULL, &ignored);
	return text;
}

static int add_row(struct top_process *p, const struct top_column *const *cols, size_t n, struct top_table *t, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		auto_buf cell = BUF_INIT(1 << 20);
		cols[i]->print(p, &cell);
		TRY(buf_ok(&cell, "process table", err));
		TRY(strv_add(&t->cells, cell.data ? cell.data : "", err));
	}
	return 0;
}

static int add_process(struct top_process *p, pid_t pid, const struct top_column *const *cols, size_t n, struct top_table *t,
		       struct error *err)
{
	int r;

	strv_done(&p->args);
	p->pid = pid;
	if (process_stat(PROC_HOST, pid, &p->stat, err) <= 0 || process_status(PROC_HOST, pid, &p->status, err) <= 0)
		return 0;   /* it ended meanwhile */
	r = process_cmdline(PROC_HOST, pid, &p->args, err);
	return r < 0 ? -1 : add_row(p, cols, n, t, err);
}

int top_list(struct ctr *c, const struct strv *descriptors, struct top_table *ret, struct error *err)
{
	const struct top_column *cols[64];
	size_t n = 0;
	CLEANUP(cgroup_pids_done) struct cgroup_pids pids = {};
	auto_top_table t = {};
	struct top_process p = { .hertz = (double)sysconf(_SC_CLK_TCK) };
	struct timespec boot;
	char path[64];

	TRY(choose(descriptors, cols, &n, err));
	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return fail(err, ERROR_STATE, "top can only be used on running containers: container state improper");
	TRY(top_pids(c, &pids, err));
	clock_gettime(CLOCK_BOOTTIME, &boot);
	p.now = (double)boot.tv_sec + (double)boot.tv_nsec / 1e9;
	p.boot = time_now() / NSEC_PER_SEC - boot.tv_sec;
	snprintf(path, sizeof(path), "/proc/%d/root", c->at.status.pid);
	autoclose int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofree char *passwd = root < 0 ? NULL : read_in_root(root, "/etc/passwd");
	autofree char *group = root < 0 ? NULL : read_in_root(root, "/etc/group");
	p.passwd = passwd;
	p.group = group;
	for (size_t i = 0; i < n; i++)
		TRY(strv_add(&t.headers, cols[i]->header, err));
	int r = 0;
	for (size_t i = 0; r >= 0 && i < pids.n; i++)
		r = add_process(&p, pids.v[i], cols, n, &t, err);
	strv_done(&p.args);
	if (r < 0)
		return -1;
	*ret = t;
	t = (struct top_table){};
	return 0;
}

void top_table_done(struct top_table *t)
{
	strv_done(&t->headers);
	strv_done(&t->cells);
}

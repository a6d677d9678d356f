/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/top.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "os/caps.h"
#include "os/idmap.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

struct process {
	pid_t pid;
	struct process_stat stat;
	struct process_status status;
	struct strv args;
	int root_fd;              /* the container's root, for names; shared */
	const char *passwd, *group;
	double now, hertz;        /* seconds since boot, clock ticks per second */
	int64_t boot;             /* Unix seconds */
};

/* ---- names of ids, in the container's files or the host's ---- */
static bool name_in_text(const char *text, unsigned long id, char *out, size_t size)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *second = strchr(line, ':');
		const char *third = second ? strchr(second + 1, ':') : NULL;
		if (!third || memchr(line, '\n', (size_t)(third - line)))
			continue;
		char *end;
		if (strtoul(third + 1, &end, 10) == id && *end == ':') {
			snprintf(out, size, "%.*s", (int)(second - line), line);
			return true;
		}
	}
	return false;
}

static int id_name(const char *text, unsigned long id, struct buf *to)
{
	char name[128];

	if (name_in_text(text, id, name, sizeof(name)))
		buf_add_str(to, name);
	else
		buf_addf(to, "%lu", id);
	return 0;
}

/* Host ids as the container sees them. */
static unsigned long inside(const struct process *p, unsigned long id, bool gid)
{
	struct idmap m = {};
	struct error ignored;
	uint32_t ret;

	if (idmap_load(p->pid, gid, &m, &ignored) >= 0 && idmap_to_inside(&m, (uint32_t)id, &ret))
		return ret;
	return id;
}

/* ---- columns ---- */
typedef int (*column_fn)(const struct process *p, struct buf *to);

static void add_time(struct buf *to, int64_t seconds)
{
	int64_t h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;

	if (h)
		buf_addf(to, "%lldh%lldm%llds", (long long)h, (long long)m, (long long)s);
	else if (m)
		buf_addf(to, "%lldm%llds", (long long)m, (long long)s);
	else
		buf_addf(to, "%llds", (long long)s);
}

static double cpu_seconds(const struct process *p)
{
	return (double)(p->stat.utime + p->stat.stime) / p->hertz;
}

static double age(const struct process *p)
{
	return p->now - (double)p->stat.start / p->hertz;
}

static int c_args(const struct process *p, struct buf *to)
{
	for (size_t i = 0; i < p->args.n; i++)
		buf_addf(to, "%s%s", i ? " " : "", p->args.v[i]);
	if (!p->args.n)
		buf_addf(to, "[%s]", p->stat.comm);
	return 0;
}
static int c_comm(const struct process *p, struct buf *to) { buf_add_str(to, p->stat.comm); return 0; }
static int c_pid(const struct process *p, struct buf *to) { buf_addf(to, "%d", p->status.ns_pid); return 0; }
static int c_hpid(const struct process *p, struct buf *to) { buf_addf(to, "%d", p->pid); return 0; }
static int c_pgid(const struct process *p, struct buf *to) { buf_addf(to, "%d", p->stat.pgrp); return 0; }
static int c_vsz(const struct process *p, struct buf *to) { buf_addf(to, "%llu", (unsigned long long)p->stat.vsize / 1024); return 0; }
static int c_rss(const struct process *p, struct buf *to) { buf_addf(to, "%llu", (unsigned long long)p->stat.rss / 1024); return 0; }
static int c_state(const struct process *p, struct buf *to) { buf_add_char(to, p->stat.state); return 0; }
static int c_user(const struct process *p, struct buf *to) { return id_name(p->passwd, inside(p, p->status.uid[1], false), to); }
static int c_ruser(const struct process *p, struct buf *to) { return id_name(p->passwd, inside(p, p->status.uid[0], false), to); }
static int c_group(const struct process *p, struct buf *to) { return id_name(p->group, inside(p, p->status.gid[1], true), to); }
static int c_rgroup(const struct process *p, struct buf *to) { return id_name(p->group, inside(p, p->status.gid[0], true), to); }

static int c_ppid(const struct process *p, struct buf *to)
{
	struct process_status parent;
	struct error ignored;

	/* a parent outside of the namespace does not exist inside */
	if (p->status.ns_pid == 1 || process_status(PROC_HOST, p->stat.ppid, &parent, &ignored) <= 0)
		buf_add_char(to, '0');
	else
		buf_addf(to, "%d", p->status.ns_pid == p->pid ? p->stat.ppid : parent.ns_pid == p->stat.ppid ? 0 : parent.ns_pid);
	return 0;
}

static int c_pcpu(const struct process *p, struct buf *to)
{
	double a = age(p);
	buf_addf(to, "%.3f", a > 0 ? cpu_seconds(p) / a * 100 : 0.0);
	return 0;
}

static int c_etime(const struct process *p, struct buf *to)
{
	double a = age(p);
	if (a < 0)
		a = 0;
	if (a >= 60) {
		add_time(to, (int64_t)a);
		return 0;
	}
	buf_addf(to, "%.9fs", a);
	return 0;
}

static int c_time(const struct process *p, struct buf *to)
{
	add_time(to, (int64_t)cpu_seconds(p));
	return 0;
}

static int c_stime(const struct process *p, struct buf *to)
{
	char text[64];
	buf_add_str(to, time_format_go((p->boot + (int64_t)((double)p->stat.start / p->hertz)) * NSEC_PER_SEC, text));
	return 0;
}

static int c_tty(const struct process *p, struct buf *to)
{
	unsigned ma = (unsigned)(p->stat.tty >> 8) & 0xfff, mi = ((unsigned)p->stat.tty & 0xff) | (((unsigned)p->stat.tty >> 12) & 0xfff00);

	if (!p->stat.tty)
		buf_add_char(to, '?');
	else if (ma >= 136 && ma <= 143)
		buf_addf(to, "pts/%u", (ma - 136) * 256 + mi);
	else
		buf_addf(to, "tty%u", mi);
	return 0;
}

static int c_nice(const struct process *p, struct buf *to)
{
	char path[64], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/stat", p->pid);
	n = procfs_read(PROC_HOST, path, text, sizeof(text));
	const char *s = n > 0 ? strrchr(text, ')') : NULL;
	for (int field = 2; s && field < 19; field++)
		s = strchr(s + 1, ' ');
	buf_addf(to, "%d", s ? (int)strtol(s, NULL, 10) : 0);
	return 0;
}

static int c_seccomp(const struct process *p, struct buf *to)
{
	static const char *const words[] = { "disabled", "strict", "filter" };
	buf_add_str(to, p->status.seccomp >= 0 && p->status.seccomp < 3 ? words[p->status.seccomp] : "?");
	return 0;
}

static int c_label(const struct process *p, struct buf *to)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "%d/attr/current", p->pid);
	ssize_t n = procfs_read(PROC_HOST, path, text, sizeof(text));
	buf_add_str(to, n > 0 ? text : "?");
	return 0;
}

static int c_cgroup(const struct process *p, struct buf *to)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "%d/cgroup", p->pid);
	ssize_t n = procfs_read(PROC_HOST, path, text, sizeof(text));
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ',';
	buf_add_str(to, n > 0 ? text : "?");
	return 0;
}

static int add_caps(uint64_t set, struct buf *to)
{
	auto_strv names = {};
	struct error ignored;

	if (!set)
		buf_add_str(to, "none");
	else if (set == caps_all())
		buf_add_str(to, "full");
	else if (caps_format(set, &names, &ignored) >= 0)
		for (size_t i = 0; i < names.n; i++)
			buf_addf(to, "%s%s", i ? "," : "", str_after(names.v[i], "CAP_") ? names.v[i] + 4 : names.v[i]);
	return 0;
}
static int c_capamb(const struct process *p, struct buf *to) { return add_caps(p->status.cap_amb, to); }
static int c_capbnd(const struct process *p, struct buf *to) { return add_caps(p->status.cap_bnd, to); }
static int c_capeff(const struct process *p, struct buf *to) { return add_caps(p->status.cap_eff, to); }
static int c_capinh(const struct process *p, struct buf *to) { return add_caps(p->status.cap_inh, to); }
static int c_capprm(const struct process *p, struct buf *to) { return add_caps(p->status.cap_prm, to); }

static int c_groups(const struct process *p, struct buf *to)
{
	for (size_t i = 0; i < p->status.n_groups && i < ARRAY_LEN(p->status.groups); i++) {
		if (i)
			buf_add_char(to, ',');
		id_name(p->group, inside(p, p->status.groups[i], true), to);
	}
	return 0;
}

/* Rootless, what we read are ids of our own user namespace. */
static uint32_t on_host(uint32_t id, bool gid)
{
	struct idmap own = {};
	struct error ignored;
	uint32_t host = id;

	if (idmap_load(0, gid, &own, &ignored) >= 0)
		idmap_to_outside(&own, id, &host);
	return host;
}

static int host_group(unsigned long group, struct buf *to)
{
	uint32_t id = on_host((uint32_t)group, true);
	struct group *g = getgrgid((gid_t)id);
	if (g)
		buf_add_str(to, g->gr_name);
	else
		buf_addf(to, "%u", id);
	return 0;
}

static int c_hgroup(const struct process *p, struct buf *to) { return host_group(p->status.gid[1], to); }

static int c_hgroups(const struct process *p, struct buf *to)
{
	for (size_t i = 0; i < p->status.n_groups && i < ARRAY_LEN(p->status.groups); i++) {
		if (i)
			buf_add_char(to, ',');
		host_group(p->status.groups[i], to);
	}
	return 0;
}

static int c_huser(const struct process *p, struct buf *to)
{
	uint32_t uid = on_host(p->status.uid[1], false);
	struct passwd *w = getpwuid(uid);
	if (w)
		buf_add_str(to, w->pw_name);
	else
		buf_addf(to, "%u", uid);
	return 0;
}

static const struct column {
	const char *name, *aix, *header;
	column_fn print;
} columns[] = {
	{ "args", "%a", "COMMAND", c_args }, { "capamb", NULL, "AMBIENT CAPS", c_capamb },
	{ "capbnd", NULL, "BOUNDING CAPS", c_capbnd }, { "capeff", NULL, "EFFECTIVE CAPS", c_capeff },
	{ "capinh", NULL, "INHERITED CAPS", c_capinh }, { "capprm", NULL, "PERMITTED CAPS", c_capprm },
	{ "cgroup", NULL, "CGROUP", c_cgroup }, { "comm", "%c", "COMMAND", c_comm }, { "etime", "%t", "ELAPSED", c_etime },
	{ "group", "%G", "GROUP", c_group }, { "groups", NULL, "GROUPS", c_groups }, { "hgroup", NULL, "HGROUP", c_hgroup },
	{ "hgroups", NULL, "HGROUPS", c_hgroups }, { "hpid", NULL, "HPID", c_hpid }, { "huser", NULL, "HUSER", c_huser },
	{ "label", NULL, "LABEL", c_label }, { "nice", "%n", "NI", c_nice }, { "pcpu", "%C", "%CPU", c_pcpu },
	{ "pgid", "%r", "PGID", c_pgid }, { "pid", "%p", "PID", c_pid }, { "ppid", "%P", "PPID", c_ppid },
	{ "rgroup", "%g", "RGROUP", c_rgroup }, { "rss", NULL, "RSS", c_rss }, { "ruser", "%u", "RUSER", c_ruser },
	{ "seccomp", NULL, "SECCOMP", c_seccomp }, { "state", NULL, "STATE", c_state }, { "stime", NULL, "STIME", c_stime },
	{ "time", "%x", "TIME", c_time }, { "tty", "%y", "TTY", c_tty }, { "user", "%U", "USER", c_user },
	{ "vsz", "%z", "VSZ", c_vsz },
};

/* Names ps(1) users know for the same things. */
static const char *const ps_names[][2] = {
	{ "cmd", "args" }, { "command", "args" }, { "ucmd", "comm" }, { "uid", "user" }, { "gid", "group" }, { "%cpu", "pcpu" },
	{ "c", "pcpu" }, { "tt", "tty" }, { "tname", "tty" }, { "stat", "state" }, { "s", "state" }, { "ni", "nice" },
	{ "start", "stime" }, { "cputime", "time" }, { "vsize", "vsz" }, { "rsz", "rss" }, { "euser", "user" },
	{ "egroup", "group" },
};

static const struct column *find_column(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(ps_names); i++)
		if (strcasecmp(word, ps_names[i][0]) == 0)
			word = ps_names[i][1];
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (streq(word, columns[i].name) || streq0(word, columns[i].aix))
			return &columns[i];
	return NULL;
}

int top_descriptors(struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		TRY(strv_add(ret, columns[i].name, err));
	return 0;
}

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

static int choose(const struct strv *given, const struct column *ret[64], size_t *ret_n, struct error *err)
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
		const struct column *c = find_column(words.v[i]);
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

static int add_row(struct process *p, const struct column *const *cols, size_t n, struct top_table *t, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		auto_buf cell = BUF_INIT(1 << 20);
		cols[i]->print(p, &cell);
		TRY(buf_ok(&cell, "process table", err));
		TRY(strv_add(&t->cells, cell.data ? cell.data : "", err));
	}
	return 0;
}

static int add_process(struct process *p, pid_t pid, const struct column *const *cols, size_t n, struct top_table *t,
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
	const struct column *cols[64];
	size_t n = 0;
	CLEANUP(cgroup_pids_done) struct cgroup_pids pids = {};
	auto_top_table t = {};
	struct process p = { .hertz = (double)sysconf(_SC_CLK_TCK) };
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

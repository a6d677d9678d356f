/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup.c - hierarchies of the host, and the life of a group's directories.
 *
 * Which directories a group gets. v2: one. v1: measured, every hierarchy costs about 40 us for mkdir, 20 us to join and
 * 80 us for rmdir, so only those with something to set: the requested limits, `devices` when there are rules and no
 * unified hierarchy to hang a BPF program on, and one for counting, freezing and killing (`unified` on hybrid hosts -
 * cgroup.kill and cgroup.freeze work there without any controller -, else `freezer`). */
#include "os/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/units.h"
#include "os/cgroup-host.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

static const char *const names[] = {
	[CGROUP_CPU] = "cpu", [CGROUP_CPUACCT] = "cpuacct", [CGROUP_CPUSET] = "cpuset", [CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids", [CGROUP_BLKIO] = "blkio", [CGROUP_DEVICES] = "devices", [CGROUP_FREEZER] = "freezer",
	[CGROUP_HUGETLB] = "hugetlb", [CGROUP_NET_CLS] = "net_cls", [CGROUP_NET_PRIO] = "net_prio",
	[CGROUP_PERF_EVENT] = "perf_event", [CGROUP_RDMA] = "rdma", [CGROUP_MISC] = "misc",
	[CGROUP_SYSTEMD] = "systemd", [CGROUP_UNIFIED] = "unified",
};
_Static_assert(ARRAY_LEN(names) == CGROUP_CONTROLLER_MAX, "every controller needs a name");

const char *cgroup_controller_name(enum cgroup_controller c)
{
	return names[c];
}

static const char *v2_name(enum cgroup_controller c)
{
	return c == CGROUP_BLKIO ? "io" : names[c];
}

static bool has_magic(const char *path, unsigned long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

enum cgroup_mode cgroup_mode(void)
{
	struct statfs fs;

	if (statfs(CGROUP_ROOT, &fs) < 0)
		return CGROUP_NONE;
	if ((unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
		return CGROUP_V2;
	if ((unsigned long)fs.f_type != TMPFS_MAGIC)
		return CGROUP_NONE;
	return has_magic(CGROUP_ROOT "/unified", CGROUP2_SUPER_MAGIC) ? CGROUP_HYBRID : CGROUP_V1;
}

const char *cgroup_mode_version(enum cgroup_mode m)
{
	return m == CGROUP_V2 ? "v2" : "v1";
}

const char *cgroup_mount_point(enum cgroup_mode mode, enum cgroup_controller c, char buf[64])
{
	if (mode == CGROUP_V2)
		return CGROUP_ROOT;
	if (mode == CGROUP_NONE || (c == CGROUP_UNIFIED && mode != CGROUP_HYBRID))
		return "";
	snprintf(buf, 64, CGROUP_ROOT "/%s", names[c]);
	return buf;
}

/* The bits of the controllers named in a cgroup.controllers or cgroup.subtree_control file. */
static uint32_t controllers_in(const char *text)
{
	uint32_t bits = 0;

	for (const char *p = text; *p; p += *p == ' ') {
		size_t len = strcspn(p, " \n");
		for (int c = 0; c < CGROUP_CONTROLLER_MAX; c++)
			if (strlen(v2_name(c)) == len && strncmp(p, v2_name(c), len) == 0)
				bits |= BIT_OF(c);
		p += len;
	}
	return bits;
}

static uint32_t v1_controllers(enum cgroup_mode mode)
{
	uint32_t bits = 0;
	char buf[64];

	for (int c = 0; c < CGROUP_UNIFIED; c++)
		if (has_magic(cgroup_mount_point(mode, c, buf), CGROUP_SUPER_MAGIC))
			bits |= BIT_OF(c);
	return bits;
}

uint32_t cgroup_hierarchies(enum cgroup_mode mode)
{
	if (mode == CGROUP_V2)
		return BIT_OF(CGROUP_UNIFIED);
	return v1_controllers(mode) | (mode == CGROUP_HYBRID ? BIT_OF(CGROUP_UNIFIED) : 0);
}

uint32_t cgroup_controllers(void)
{
	enum cgroup_mode mode = cgroup_mode();
	char own[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX + 64], text[512];
	struct error ignored;

	if (mode != CGROUP_V2)
		return mode == CGROUP_NONE ? 0 : v1_controllers(mode);
	if (ns_in_initial_user() && geteuid() == 0)
		own[0] = '\0';
	else if (cgroup_of_process(0, CGROUP_UNIFIED, own, sizeof(own), &ignored) != 1)
		return 0;
	snprintf(path, sizeof(path), CGROUP_ROOT "%s/cgroup.controllers", own);
	return file_read_small(AT_FDCWD, path, text, sizeof(text)) >= 0 ? controllers_in(text) : 0;
}

/* Whether the comma-separated list holds exactly this word. */
static bool list_has(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i <= len;) {
		size_t end = i;
		while (end < len && list[end] != ',')
			end++;
		if (end - i == n && strncmp(list + i, word, n) == 0)
			return true;
		i = end + 1;
	}
	return false;
}

int cgroup_parse_process(const char *text, enum cgroup_controller c, char *ret, size_t size, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path = list ? memchr(list + 1, ':', len - (size_t)(list + 1 - line)) : NULL;
		if (!path)
			return fail(err, ERROR_CORRUPT, "/proc/PID/cgroup: cannot be understood");
		size_t list_len = (size_t)(path - list - 1), path_len = len - (size_t)(path + 1 - line);
		bool hit = c == CGROUP_UNIFIED ? list_len == 0
			 : c == CGROUP_SYSTEMD ? list_has(list + 1, list_len, "name=systemd")
					       : list_has(list + 1, list_len, names[c]);
		if (hit && path_len >= size)
			return fail_with(err, ENAMETOOLONG, "control group path");
		if (hit) {
			memcpy(ret, path + 1, path_len);
			ret[path_len] = '\0';
			return 1;
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

int cgroup_of_process(pid_t pid, enum cgroup_controller c, char *ret, size_t size, struct error *err)
{
	char file[64], text[16384];

	if (pid == 0)
		snprintf(file, sizeof(file), "self/cgroup");
	else
		snprintf(file, sizeof(file), "%d/cgroup", pid);
	ssize_t n = procfs_read(PROC_HOST, file, text, sizeof(text));
	if (n < 0)
		return fail_with(err, (int)-n, "/proc/%s", file);
	return cgroup_parse_process(text, c, ret, size, err);
}

void cgroup_warn(struct cgroup_warnings *w, const char *fmt, ...)
{
	va_list ap;

	if (!w)
		return;
	if (w->n == ARRAY_LEN(w->text)) {
		w->dropped++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(w->text[w->n++], sizeof(w->text[0]), fmt, ap);
	va_end(ap);
}

void cgroup_done(struct cgroup *c)
{
	close_p(&c->keeper);
	c->keeper = -1;
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++) {
		close_p(&c->fds[i]);
		c->fds[i] = -1;
	}
}

bool cgroup_is_v2(const struct cgroup *c)
{
	return c->mode == CGROUP_V2;
}

int cgroup_controller_fd(const struct cgroup *c, enum cgroup_controller which)
{
	return c->fds[c->mode == CGROUP_V2 ? CGROUP_UNIFIED : which];
}

int cgroup_control_fd(const struct cgroup *c, enum cgroup_controller *ret)
{
	static const enum cgroup_controller order[] = { CGROUP_UNIFIED, CGROUP_FREEZER, CGROUP_PIDS, CGROUP_DEVICES,
							CGROUP_SYSTEMD, CGROUP_MEMORY, CGROUP_CPU };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (c->fds[order[i]] >= 0) {
			*ret = order[i];
			return c->fds[order[i]];
		}
	return -1;
}

int cgroup_clone_fd(const struct cgroup *c)
{
	return c->fds[CGROUP_UNIFIED];
}

int cgroup_dir(const struct cgroup *c, enum cgroup_controller which, char *ret, size_t size, struct error *err)
{
	char buf[64];
	const char *mount = cgroup_mount_point(c->mode, which, buf);

	if (!*mount || !*c->path)
		return fail(err, ERROR_NOT_FOUND, "no control group");
	if (snprintf(ret, size, "%s%s", mount, c->path) >= (int)size)
		return fail_with(err, ENAMETOOLONG, "%s%s", mount, c->path);
	return 0;
}

/* ---- which hierarchies a group needs ---- */

static bool memory_is_set(const struct cgroup_memory *m)
{
	return m->limit.set || m->reservation.set || m->swap.set || m->kernel.set || m->kernel_tcp.set ||
	       m->swappiness.set || m->disable_oom_killer.set;
}

static bool cpu_is_set(const struct cgroup_cpu *c)
{
	return c->shares.set || c->period.set || c->quota.set || c->realtime_period.set || c->realtime_runtime.set ||
	       c->idle.set || c->burst.set;
}

static bool blkio_is_set(const struct cgroup_blkio *b)
{
	return b->weight.set || b->leaf_weight.set || b->weight_device.n || b->read_bps.n || b->write_bps.n ||
	       b->read_iops.n || b->write_iops.n;
}

static uint32_t controllers_of(const struct cgroup_resources *r)
{
	const struct { bool set; enum cgroup_controller c; } asked[] = {
		{ memory_is_set(&r->memory), CGROUP_MEMORY }, { cpu_is_set(&r->cpu), CGROUP_CPU },
		{ r->cpu.cpus || r->cpu.mems, CGROUP_CPUSET }, { r->pids.set && r->pids.value > 0, CGROUP_PIDS },
		{ blkio_is_set(&r->blkio), CGROUP_BLKIO }, { r->hugepages.n > 0, CGROUP_HUGETLB },
		{ r->rdma.n > 0, CGROUP_RDMA }, { r->net_class.set, CGROUP_NET_CLS },
		{ r->net_prio.n > 0, CGROUP_NET_PRIO },
	};
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		bits |= asked[i].set ? BIT_OF(asked[i].c) : 0;
	return bits;
}

static uint32_t wanted_hierarchies(enum cgroup_mode mode, const struct cgroup_create *how)
{
	const struct cgroup_resources *r = how->resources;

	if (mode == CGROUP_V2)
		return BIT_OF(CGROUP_UNIFIED);
	uint32_t bits = (r ? controllers_of(r) : 0) | how->also;
	if (how->all_controllers)
		bits |= v1_controllers(mode);
	/* a BPF program costs more than v1's files (measured 500 us against 130) and needs more rights */
	if (r && r->devices.n > 0)
		bits |= BIT_OF(CGROUP_DEVICES);
	return bits | BIT_OF(mode == CGROUP_HYBRID ? CGROUP_UNIFIED : CGROUP_FREEZER);
}

/* ---- making directories ---- */

/* v1 cpusets start empty and then take no process: inherit what is missing from the parents, from the top down. */
static void fill_cpuset(const char *mount, const char *path)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	char dir[CGROUP_PATH_MAX + 64], file[CGROUP_PATH_MAX + 96];

	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		char inherited[4096] = "", own[4096];
		for (size_t i = 0; i <= strlen(path); i++) {
			if (path[i] != '/' && path[i] != '\0')
				continue;
			snprintf(dir, sizeof(dir), "%s%.*s", mount, (int)i, path);
			snprintf(file, sizeof(file), "%s/%s", dir, files[f]);
			if (file_read_small(AT_FDCWD, file, own, sizeof(own)) > 0)
				memcpy(inherited, own, sizeof(own));
			else
				file_try_write(AT_FDCWD, file, inherited);
		}
	}
}

/* Turns the wanted controllers on in every group above ours. What a group cannot delegate stays off. */
static void enable_controllers(const char *path, uint32_t wanted)
{
	char file[CGROUP_PATH_MAX + 64], text[512], word[32];

	for (size_t i = 0; path[i]; i++) {
		if (path[i] != '/')
			continue;
		snprintf(file, sizeof(file), CGROUP_ROOT "%.*s/cgroup.controllers", (int)i, path);
		uint32_t have = file_read_small(AT_FDCWD, file, text, sizeof(text)) >= 0 ? controllers_in(text) : 0;
		snprintf(file, sizeof(file), CGROUP_ROOT "%.*s/cgroup.subtree_control", (int)i, path);
		uint32_t on = file_read_small(AT_FDCWD, file, text, sizeof(text)) >= 0 ? controllers_in(text) : 0;
		uint32_t todo = wanted & have & ~on;
		for (int c = 0; todo && c < CGROUP_CONTROLLER_MAX; c++) {
			snprintf(word, sizeof(word), "+%s", v2_name(c));
			if (todo & BIT_OF(c))
				file_try_write(AT_FDCWD, file, word);
		}
	}
}

int cgroup_open_dir_of(struct cgroup *c, enum cgroup_controller which, struct error *err)
{
	char dir[CGROUP_PATH_MAX + 64];

	TRY(cgroup_dir(c, which, dir, sizeof(dir), err));
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "%s", dir);
	c->fds[which] = fd;
	c->made |= BIT_OF(which);
	return 0;
}

static bool is_refusal(int errnum)
{
	return errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == ENOENT || errnum == ENODEV;
}

static int refuse_populated(const struct cgroup *c, enum cgroup_controller which, struct error *err)
{
	char text[32];

	if (file_read_small(c->fds[which], "cgroup.procs", text, sizeof(text)) > 0)
		return fail(err, ERROR_EXISTS, "control group %s: already in use", c->path);
	return 0;
}

/* 1: made or found; 0: refused by the host. */
static int make_in(struct cgroup *c, enum cgroup_controller which, bool must_be_new, struct error *err)
{
	char dir[CGROUP_PATH_MAX + 64], buf[64];

	TRY(cgroup_dir(c, which, dir, sizeof(dir), err));
	/* v1 hosts may have a plain directory of that name with nothing mounted on it */
	if (c->mode != CGROUP_V2 && which != CGROUP_UNIFIED &&
	    !has_magic(cgroup_mount_point(c->mode, which, buf), CGROUP_SUPER_MAGIC))
		return 0;
	int r = file_mkdirs(AT_FDCWD, dir, 0755, err);
	if (r < 0)
		return is_refusal(err->errnum) ? 0 : fail_wrap(err, "make control group");
	if (which == CGROUP_CPUSET && c->mode != CGROUP_V2)
		fill_cpuset(cgroup_mount_point(c->mode, which, buf), c->path);
	TRY(cgroup_open_dir_of(c, which, err));
	if (r == 0 && must_be_new)
		TRY(refuse_populated(c, which, err));
	return 1;
}

/* Controllers to delegate to a v2 group: what was asked for, and what statistics are made of. */
static uint32_t v2_wanted(const struct cgroup_create *how)
{
	uint32_t stats = BIT_OF(CGROUP_CPU) | BIT_OF(CGROUP_MEMORY) | BIT_OF(CGROUP_PIDS) | BIT_OF(CGROUP_BLKIO);

	if (how->all_controllers)
		return ~UINT32_C(0);
	return stats | (how->resources ? controllers_of(how->resources) : 0);
}

/* Without rights at the root: below our own group, which may have been delegated to us. */
static int make_below_own(struct cgroup *c, const struct cgroup_create *how, struct error *err)
{
	char own[CGROUP_PATH_MAX], wanted[CGROUP_PATH_MAX];

	if (cgroup_of_process(0, CGROUP_UNIFIED, own, sizeof(own), err) != 1 || streq(own, "/"))
		return 0;
	memcpy(wanted, c->path, sizeof(wanted));
	if (snprintf(c->path, sizeof(c->path), "%s%s", own, wanted) >= (int)sizeof(c->path))
		return fail_with(err, ENAMETOOLONG, "control group path");
	int r = make_in(c, CGROUP_UNIFIED, how->must_be_new, err);
	if (r == 0)
		memcpy(c->path, wanted, sizeof(wanted));
	return r;
}

static int make_v2(struct cgroup *c, const struct cgroup_create *how, struct error *err)
{
	int r = make_in(c, CGROUP_UNIFIED, how->must_be_new, err);

	if (r == 0 && how->manager != CGROUP_MANAGER_SYSTEMD)
		r = make_below_own(c, how, err);
	if (r == 1)
		enable_controllers(c->path, v2_wanted(how));
	return r;
}

static int make_all(struct cgroup *c, const struct cgroup_create *how, struct error *err)
{
	uint32_t wanted = wanted_hierarchies(c->mode, how);

	if (c->mode == CGROUP_V2)
		return make_v2(c, how, err);
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		if (wanted & BIT_OF(i))
			TRY(make_in(c, i, how->must_be_new, err));
	return c->made != 0;
}

/* ---- a new group ---- */
static void warn_unlimited(const struct cgroup_create *how, const struct cgroup *c, struct cgroup_warnings *w)
{
	bool rootless = geteuid() != 0 || !ns_in_initial_user();

	if (how->resources && controllers_of(how->resources) && !c->made)
		cgroup_warn(w, "resource limits are not applied: no control group can be made here%s",
			    rootless ? " (without root, cgroup v2 with delegation is needed)" : "");
}

int cgroup_create(const struct cgroup_create *how, struct cgroup *ret, struct cgroup_warnings *w, struct error *err)
{
	auto_cgroup c = CGROUP_INIT;

	c.manager = how->manager;
	c.mode = how->manager == CGROUP_MANAGER_DISABLED ? CGROUP_NONE : cgroup_mode();
	if (c.mode != CGROUP_NONE && how->manager == CGROUP_MANAGER_SYSTEMD) {
		TRY(cgroup_systemd_start(how, &c, err));
		TRY(make_all(&c, how, err));
	} else if (c.mode != CGROUP_NONE) {
		TRY(cgroup_set_path(&c, str_empty(how->path) ? how->name : how->path, err));
		TRY(make_all(&c, how, err));
	}
	warn_unlimited(how, &c, w);
	if (!c.made)
		c.path[0] = '\0';
	*ret = c;
	c = (struct cgroup)CGROUP_INIT;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * build/step-mounts.c - RUN --mount. Sources lie in hostile trees: they are resolved in root and travel as descriptors
 * (the spec names them by /proc/self/fd, which the runtime opens before it forks). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "build/place.h"
#include "build/step-run.h"
#include "os/file.h"
#include "os/mount.h"
#include "store/rootfs.h"

#define OWN_DEPTH_MAX 512

static int add_mount(struct runner *k, const char *target, const char *type, const char *source, const char *options,
		     struct error *err)
{
	struct oci_mount *m = list_add(&k->spec.mounts, sizeof(*m), err);

	if (!m)
		return -1;
	TRY(str_set(&m->destination, target, err));
	TRY(str_set(&m->type, type, err));
	TRY(str_set(&m->source, source, err));
	return strv_split(&m->options, options, ',', err);
}

/* The descriptor stays open: it is the source until the runtime has cloned it. */
static int add_bind(struct runner *k, const struct step_mount *m, int fd, bool read_only, struct error *err)
{
	char source[48], options[96];
	struct error ignored;
	int mapped = k->userns >= 0 ? step_run_map_tree(k, fd, &ignored) : -1;   /* an overlay cannot be: all may read it */

	if (mapped >= 0)
		fd = mapped;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	snprintf(options, sizeof(options), "%s,rprivate,nosuid,nodev%s%s", m->m->recursive ? "rbind" : "bind", read_only ? ",ro" : "", m->m->no_exec ? ",noexec" : "");
	return add_mount(k, m->target, "bind", source, options, err);
}

/* A mount that lives as long as M, for what lies in it is mounted from it. */
static int keep_detached(struct runner *k, int fd, struct error *err)
{
	int *kept = list_add(&k->detached, sizeof(*kept), err);

	if (!kept)
		return -1;
	*kept = fd;
	return 0;
}

static int open_below(int root, const char *path, const char *what, struct error *err)
{
	int fd = path_open_in_root(root, str_empty(path) ? "/" : path, (struct path_open){ .oflags = O_PATH }, err);

	if (fd < 0 && err->errnum == ENOENT)
		return fail(err, ERROR_NOT_FOUND, "%s: source %s: no such file or directory", what, path ? path : "/");
	return fd < 0 ? fail_wrap(err, "%s: source %s", what, path ? path : "/") : fd;
}

/* A file is copied. */
static int open_writable_file(struct runner *k, int fd, const char *name, const struct stat *st, struct error *err)
{
	autoclose int to = openat(k->job->scratch, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	autoclose int from = path_reopen(fd, O_RDONLY, err);

	if (from < 0)
		return -1;
	if (to < 0 || fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return fail_errno(err, "make %s", name);
	TRY(file_copy_fd(from, to, NULL, err));
	int ret = openat(k->job->scratch, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return ret < 0 ? fail_errno(err, "open %s", name) : ret;
}

/* Writes go to a directory that goes with the step. */
static int open_writable(struct runner *k, int fd, size_t i, struct error *err)
{
	struct stat st;
	char name[32];
	int ret = -1;

	snprintf(name, sizeof(name), "bind%zu", i);
	if (fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return fail(err, ERROR_UNSUPPORTED, "only directories and files can be bind-mounted writable");
	if (S_ISREG(st.st_mode))
		return open_writable_file(k, fd, name, &st, err);
	if (mkdirat(k->job->scratch, name, 0700) < 0)
		return fail_errno(err, "make %s", name);
	autoclose int dir = openat(k->job->scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, "upper", st.st_mode & 07777) < 0 || mkdirat(dir, "work", 0700) < 0)
		return fail_errno(err, "make %s", name);
	autoclose int upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int work = openat(dir, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int lower = path_reopen(fd, O_RDONLY | O_DIRECTORY, err);
	if (lower < 0 || upper < 0 || work < 0 || fchown(upper, st.st_uid, st.st_gid) < 0)
		return lower < 0 ? -1 : fail_errno(err, "open %s", name);
	const struct rootfs_trees t = { .lower = &lower, .n = 1, .upper = upper, .work = work };
	TRY(store_rootfs_open_trees(k->job->store, &t, &ret, err));
	return ret;
}

static int mount_bind(struct runner *k, const struct step_mount *m, size_t i, struct error *err)
{
	int root = m->root, fd = -1;
	autoclose int view = -1;

	if (root < 0) {
		TRY(step_view(k->job, &m->trees, &view, err));
		if (view < 0)
			return fail(err, ERROR_NOT_FOUND, "mount of %s: it is empty", m->m->from ? m->m->from : "the context");
		root = view;
	}
	autoclose int source = open_below(root, m->m->source, "RUN --mount", err);
	if (source < 0)
		return -1;
	if (m->m->read_only) {
		fd = take_fd(source);
	} else {
		fd = open_writable(k, source, i, err);
		if (fd < 0)
			return fail_wrap(err, "RUN --mount=type=bind,target=%s,rw", m->target);
	}
	if (view >= 0)
		TRY(keep_detached(k, take_fd(view), err));
	return add_bind(k, m, fd, m->m->read_only, err);
}

/* What the cache begins with is copied once: the file "filled" beside its directory says so, and is locked meanwhile. */
static int fill_cache(struct runner *k, const struct step_mount *m, struct error *err)
{
	autoclose int mark = openat(m->dir, "../filled", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), view = -1;
	struct stat st;

	if (mark < 0 || flock(mark, LOCK_EX) < 0 || fstat(mark, &st) < 0)
		return fail_errno(err, "lock a cache");
	if (st.st_size)
		return 0;
	if (m->root < 0)
		TRY(step_view(k->job, &m->trees, &view, err));
	autoclose int from = view < 0 && m->root < 0 ? -1 : open_below(m->root < 0 ? view : m->root, m->m->source, "RUN --mount=type=cache", err);
	if (from < 0 || fstat(from, &st) < 0 || !S_ISDIR(st.st_mode))
		return fail(err, ERROR_NOT_FOUND, "RUN --mount=type=cache,from=%s: there is no directory %s", m->m->from,
			    m->m->source ? m->m->source : "/");
	TRY(step_run_copy_tree(from, m->dir, err));
	return write(mark, "1", 1) == 1 ? 0 : fail_errno(err, "note that a cache is filled");
}

static int own_all(int dir, uid_t uid, gid_t gid, unsigned depth, struct error *err)
{
	auto_strv names = {};
	struct stat st;

	if (!depth)
		return fail(err, ERROR_UNSUPPORTED, "directories are nested too deep");
	if (fchown(dir, uid, gid) < 0)
		return fail_errno(err, "change owner");
	TRY(place_list(dir, &names, err));
	for (size_t i = 0; i < names.n; i++) {
		if (fchownat(dir, names.v[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(dir, names.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : fail_errno(err, "change owner of %s", names.v[i]);
		if (!S_ISDIR(st.st_mode))
			continue;
		autoclose int sub = openat(dir, names.v[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			return fail_errno(err, "open %s", names.v[i]);
		TRY(own_all(sub, uid, gid, depth - 1, err));
	}
	return 0;
}

/* The cache's directory got owner and mode when it was made. */
static int mount_cache(struct runner *k, const struct step_mount *m, struct error *err)
{
	const struct oci_user *u = &k->spec.process->user;

	if (*m->fill)
		TRY(fill_cache(k, m, err));
	if (m->m->chown_user && own_all(m->dir, u->uid, u->gid, OWN_DEPTH_MAX, err) < 0)
		return fail_wrap(err, "RUN --mount=type=cache,U");
	int fd = open_below(m->dir, *m->fill ? "/" : m->m->source, "RUN --mount=type=cache", err);
	return fd < 0 ? -1 : add_bind(k, m, fd, m->m->read_only, err);
}

static int mount_tmpfs(struct runner *k, const struct step_mount *m, struct error *err)
{
	char options[192];
	int n = snprintf(options, sizeof(options), "nosuid,nodev,rprivate%s", m->m->no_exec ? ",noexec" : "");

	if (m->m->size.set)
		n += snprintf(options + n, sizeof(options) - (size_t)n, ",size=%lld", (long long)m->m->size.value);
	n += snprintf(options + n, sizeof(options) - (size_t)n, ",mode=%o%s%s",
		      m->m->mode.set ? (unsigned)m->m->mode.value & 07777 : 01777, m->m->read_only ? ",ro" : "",
		      m->m->tmp_copy_up ? ",tmpcopyup" : "");
	if (m->m->chown_user)
		snprintf(options + n, sizeof(options) - (size_t)n, ",uid=%u,gid=%u", (unsigned)k->spec.process->user.uid,
			 (unsigned)k->spec.process->user.gid);
	return add_mount(k, m->target, "tmpfs", "tmpfs", options, err);
}

/* A tmpfs that is attached nowhere, so the secret touches no disk and no place others can see. */
static int mount_secret(struct runner *k, const struct step_mount *m, struct error *err)
{
	const struct mount_option mode = { .key = "mode", .value = "0700" };
	const struct mount_new how = { .fstype = "tmpfs", .source = "tmpfs", .options = &mode, .n_options = 1 };
	int tmp = mount_new(&how, err);

	if (tmp < 0 || keep_detached(k, tmp, err) < 0)
		return fail_wrap(err, "a tmpfs for secrets");
	int fd = openat(tmp, "secret", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "make a secret's file");
	TRY(file_write_all(fd, m->secret, m->secret_len, err));
	if (fchown(fd, m->m->uid.set ? (uid_t)m->m->uid.value : 0, m->m->gid.set ? (gid_t)m->m->gid.value : 0) < 0 ||
	    fchmod(fd, m->m->mode.set ? (mode_t)m->m->mode.value & 0777 : 0400) < 0)
		return fail_errno(err, "set owner and mode of a secret");
	return add_bind(k, m, fd, true, err);
}

static int mount_ssh(struct runner *k, const struct step_mount *m, struct error *err)
{
	int fd = open(m->socket, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(err, "agent socket %s", m->socket);
	return add_bind(k, m, fd, false, err);
}

/* A heredoc that begins with "#!". */
static int mount_script(struct runner *k, struct error *err)
{
	const struct step_run *r = &k->job->run;
	autofree char *target = NULL;
	const struct run_mount plain = {};

	if (!r->script)
		return 0;
	int fd = openat(k->job->scratch, "script", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return fail_errno(err, "make the script of a heredoc");
	TRY(file_write_all(fd, r->script, strlen(r->script), err));
	close(fd);   /* a file that is open for writing cannot be executed */
	fd = openat(k->job->scratch, "script", O_PATH | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open the script of a heredoc");
	TRY(str_printf(&target, err, "/dev/pipes/%s", r->script_name));
	const struct step_mount m = { .m = &plain, .target = target };
	return add_bind(k, &m, fd, true, err);
}

int step_run_mounts(struct runner *k, struct error *err)
{
	const struct step_mount *m = k->job->run.mounts.v;

	for (size_t i = 0; i < k->job->run.mounts.n; i++) {
		int r = 0;
		switch (m[i].m->type) {
		case RUN_MOUNT_BIND: r = mount_bind(k, &m[i], i, err); break;
		case RUN_MOUNT_CACHE: r = mount_cache(k, &m[i], err); break;
		case RUN_MOUNT_TMPFS: r = mount_tmpfs(k, &m[i], err); break;
		case RUN_MOUNT_SECRET: r = m[i].target ? mount_secret(k, &m[i], err) : 0; break;
		default: r = mount_ssh(k, &m[i], err);
		}
		TRY(r);
	}
	TRY(mount_script(k, err));
	oci_mounts_sort(&k->spec.mounts);
	return 0;
}

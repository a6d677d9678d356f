/* SPDX-License-Identifier: Apache-2.0
 * oci/state.c - the state directory of umiak-oci. */
#include "oci/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/field.h"
#include "base/json.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/process.h"

#define STATUS_MAX_BYTES ((size_t)4 << 20)
#define ID_MAX_BYTES 1024

const char *const oci_status_names[] = {
	[OCI_CREATED] = "created", [OCI_RUNNING] = "running", [OCI_PAUSED] = "paused", [OCI_STOPPED] = "stopped", NULL
};

static const struct field state_rows[] = {
	{ .json = "id", F_STR(struct oci_state, id), .flags = FIELD_REQUIRED },
	{ .json = "pid", F_INT(struct oci_state, pid), .flags = FIELD_ALWAYS },
	{ .json = "process-start-time", F_UINT(struct oci_state, start_time), .flags = FIELD_ALWAYS },
	{ .json = "cgroup-path", F_STR(struct oci_state, cgroup_path), .flags = FIELD_ALWAYS },
	{ .json = "rootfs", F_STR(struct oci_state, rootfs), .flags = FIELD_ALWAYS },
	{ .json = "systemd-cgroup", F_BOOL(struct oci_state, systemd_cgroup), .flags = FIELD_ALWAYS },
	{ .json = "bundle", F_STR(struct oci_state, bundle), .flags = FIELD_ALWAYS },
	{ .json = "created", F_STR(struct oci_state, created), .flags = FIELD_ALWAYS },
	{ .json = "owner", F_STR(struct oci_state, owner), .flags = FIELD_ALWAYS },
	{ .json = "external_descriptors", F_STR(struct oci_state, descriptors), .flags = FIELD_ALWAYS },
	{ .json = "annotations", F_MAP(struct oci_state, annotations) },
	{}
};

void oci_state_done(struct oci_state *s)
{
	fields_done(state_rows, s);
}

void oci_state_dir_done(struct oci_state_dir *d)
{
	free(d->path);
	close_p(&d->fd);
	close_p(&d->lock_fd);
	*d = OCI_STATE_DIR_INIT;
}

int oci_id_check(const char *id, struct error *err)
{
	if (str_empty(id))
		return fail(err, ERROR_INVALID, "container ID cannot be empty");
	if (strlen(id) > ID_MAX_BYTES)
		return fail(err, ERROR_INVALID, "invalid container ID: longer than %d bytes", ID_MAX_BYTES);
	for (const char *p = id; *p; p++)
		if (!isascii(*p) || !(isalnum(*p) || (p > id && strchr("_+.-", *p)) || *p == '_'))
			return fail(err, ERROR_INVALID, "invalid character `%c` in container ID `%s`", *p, id);
	return 0;
}

int oci_state_root(const char *option, char **ret, struct error *err)
{
	autofree char *path = NULL;
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (option) {
		if (option[0] == '/') {
			TRY(str_printf(&path, err, "%s", option));
		} else {
			autofree char *cwd = getcwd(NULL, 0);
			if (!cwd)
				return fail_errno(err, "current directory");
			TRY(str_printf(&path, err, "%s/%s", cwd, option));
		}
	} else if (geteuid() == 0 && str_empty(xdg)) {
		TRY(str_printf(&path, err, "/run/umiak-oci"));
	} else if (!str_empty(xdg)) {
		TRY(str_printf(&path, err, "%s/umiak-oci", xdg));
	} else {
		TRY(str_printf(&path, err, "/run/user/%u/umiak-oci", (unsigned)geteuid()));
	}
	*ret = take_ptr(path);
	return 0;
}

/* Nobody else may plant a state: the directory is private from its creation on, and verified. */
static int open_root(const char *root, bool make, struct error *err)
{
	if (make && file_mkdirs(AT_FDCWD, root, 0700, err) < 0)
		return fail_wrap(err, "state directory `%s`", root);
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open state directory `%s`", root);
	return fd;
}

int oci_state_create(const char *root, const char *id, struct oci_state_dir *ret, struct error *err)
{
	auto_oci_state_dir d = OCI_STATE_DIR_INIT;
	struct lock lock = LOCK_INIT;

	TRY(oci_id_check(id, err));
	autoclose int root_fd = open_root(root, true, err);
	if (root_fd < 0)
		return -1;
	if (mkdirat(root_fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return fail(err, ERROR_EXISTS, "container `%s` already exists", id);
		return fail_errno(err, "create `%s/%s`", root, id);
	}
	TRY(str_printf(&d.path, err, "%s/%s", root, id));
	d.fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d.fd < 0)
		return fail_errno(err, "open `%s`", d.path);
	TRY(lock_acquire(d.fd, "lock", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &lock, err));
	d.lock_fd = lock.fd;
	*ret = d;
	d = OCI_STATE_DIR_INIT;
	return 0;
}

int oci_state_open(const char *root, const char *id, bool lock, struct oci_state_dir *ret, struct error *err)
{
	auto_oci_state_dir d = OCI_STATE_DIR_INIT;

	TRY(oci_id_check(id, err));
	TRY(str_printf(&d.path, err, "%s/%s", root, id));
	d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail(err, ERROR_NOT_FOUND, "container `%s` does not exist", id);
	if (d.fd < 0)
		return fail_errno(err, "open `%s`", d.path);
	if (lock) {
		struct lock l = LOCK_INIT;
		TRY(lock_acquire(d.fd, "lock", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &l, err));
		d.lock_fd = l.fd;
	}
	*ret = d;
	d = OCI_STATE_DIR_INIT;
	return 0;
}

int oci_state_load(const struct oci_state_dir *d, struct oci_state *ret, struct error *err)
{
	auto_oci_state s = {};
	auto_json *tree = NULL;
	autofree char *text = NULL;
	size_t len = 0;

	int found = file_read(d->fd, "status", STATUS_MAX_BYTES, &text, &len, err);
	if (found < 0)
		return fail_wrap(err, "%s", d->path);
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "container `%s` does not exist", strrchr(d->path, '/') + 1);
	TRY(json_parse(d->path, text, len, NULL, &tree, err));
	if (fields_load(state_rows, FIELD_COLUMN_JSON, tree, &s, NULL, err) < 0)
		return fail_wrap(err, "%s/status", d->path);
	*ret = s;
	s = (struct oci_state){};
	return 0;
}

int oci_state_save(const struct oci_state_dir *d, const struct oci_state *s, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf b = BUF_INIT(STATUS_MAX_BYTES);

	TRY(fields_save(state_rows, FIELD_COLUMN_JSON, s, &tree, err));
	json_format(&b, tree, 4);
	TRY(buf_ok(&b, "status", err));
	return file_replace(d->fd, "status", b.data, b.len, 0600, 0, err);
}

int oci_state_remove(const char *root, const char *id, struct error *err)
{
	TRY(oci_id_check(id, err));
	autoclose int root_fd = open_root(root, false, err);
	if (root_fd < 0)
		return -1;
	return file_remove_tree(root_fd, id, err);
}

int oci_state_list(const char *root, struct strv *ret, struct error *err)
{
	auto_strv ids = {};
	struct error ignored;
	DIR *dir = opendir(root);

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return fail_errno(err, "open state directory `%s`", root);
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (oci_id_check(e->d_name, &ignored) == 0)
			r = strv_add(&ids, e->d_name, err);
	closedir(dir);
	TRY(r);
	strv_sort(&ids);
	*ret = ids;
	ids = (struct strv){};
	return 0;
}

int oci_state_status(const struct oci_state_dir *d, const struct oci_state *s, enum oci_status *ret, int *ret_pidfd,
		     struct error *err)
{
	autoclose int pidfd = -1;
	enum oci_status status = OCI_STOPPED;

	if (s->pid > 0 && s->pid <= INT32_MAX) {
		int alive = process_open_verified((pid_t)s->pid, s->start_time, &pidfd, err);
		TRY(alive);
		/* A zombie keeps its pid until its parent reaps it; the container has stopped all the same. */
		if (alive && process_is_alive(PROC_HOST, (pid_t)s->pid, s->start_time))
			status = faccessat(d->fd, "start", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? OCI_CREATED : OCI_RUNNING;
		else
			close_p(&pidfd), pidfd = -1;
	}
	*ret = status;
	if (ret_pidfd)
		*ret_pidfd = take_fd(pidfd);
	return 0;
}

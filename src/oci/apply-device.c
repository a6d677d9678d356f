/* SPDX-License-Identifier: Apache-2.0
 * oci/apply-device.c - nodes and links in /dev, the working directory, the terminal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "oci/apply.h"
#include "os/path.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static bool is_plain_name(const char *name)
{
	return *name && !streq(name, ".") && !streq(name, "..") && strlen(name) <= NAME_MAX;
}

/* A dozen nodes and links of /dev follow each other: their directory is opened once. Borrowed. */
static int open_parent(struct child *c, const char *path, char name[NAME_MAX + 1], struct error *err)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	size_t len = (size_t)(last - path);

	if (c->dir_fd >= 0 && len == c->dir_len && strncmp(path, c->dir_path, len) == 0 && is_plain_name(last)) {
		memcpy(name, last, strlen(last) + 1);
		return c->dir_fd;
	}
	close_p(&c->dir_fd);
	c->dir_fd = path_open_parent_in_root(c->root_fd, path, (struct path_parent){ .make = true }, name, err);
	c->dir_path = path;
	c->dir_len = len;
	return c->dir_fd;
}

static int bind_tree(struct child *c, const struct plan_device *d, int tree, struct error *err)
{
	autoclose int target = path_make_target_in_root(c->root_fd, d->path, false, 0, NULL, err);

	return target < 0 ? -1 : child_attach(c, tree, d->path, target, err);
}

/* Where mknod is not ours to do: the host's node of that path, if it is the device that was asked for. */
static int bind_device(struct child *c, const struct plan_device *d, struct error *err)
{
	struct stat st;
	struct mount_attrs a = MOUNT_ATTRS_INIT;

	if (d->fd >= 0)
		return bind_tree(c, d, d->fd, err);
	autoclose int at = open(d->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || fstat(at, &st) < 0)
		return fail_errno(err, "open the host's `%s`", d->path);
	if ((st.st_mode & S_IFMT) != (d->mode & S_IFMT) || st.st_rdev != d->dev)
		return fail(err, ERROR_UNSUPPORTED, "making device nodes is not permitted here, and the host's `%s` is "
			    "another device", d->path);
	autoclose int tree = mount_clone(at, "", false, err);
	a.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	a.propagation = MS_PRIVATE;
	if (tree < 0 || mount_set_attrs(tree, a, err) < 0)
		return -1;
	return bind_tree(c, d, tree, err);
}

static int node_exists(int parent, const char *name, const struct plan_device *d, struct error *err)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat `%s`", d->path);
	if ((st.st_mode & S_IFMT) == (d->mode & S_IFMT) && (S_ISFIFO(st.st_mode) || st.st_rdev == d->dev))
		return 0;
	return fail(err, ERROR_EXISTS, "`%s` exists and is something else", d->path);
}

static int make_device(struct child *c, const struct plan_device *d, struct error *err)
{
	char name[NAME_MAX + 1];

	if (d->bind)
		return bind_device(c, d, err);
	int parent = open_parent(c, d->path, name, err);
	if (parent < 0)
		return -1;
	if (mknodat(parent, name, d->mode, d->dev) < 0) {
		if (errno == EEXIST)
			return node_exists(parent, name, d, err);
		if (errno == EPERM && !S_ISFIFO(d->mode))
			return bind_device(c, d, err);
		return fail_errno(err, "mknod");
	}
	if ((d->uid || d->gid) && fchownat(parent, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "chown");
	return 0;
}

int step_device(struct child *c, const struct plan_step *s, struct error *err)
{
	if (make_device(c, s->device, err) < 0)
		return fail_wrap(err, "device `%s`", s->device->path);
	return 0;
}

int step_link(struct child *c, const struct plan_step *s, struct error *err)
{
	char name[NAME_MAX + 1];

	int parent = open_parent(c, s->a, name, err);
	if (parent < 0)
		return -1;
	if (symlinkat(s->b, parent, name) < 0 && errno != EEXIST)
		return fail_errno(err, "symlink `%s`", s->a);
	return 0;
}

int step_make_cwd(struct child *c, const struct plan_step *s, struct error *err)
{
	autoclose int fd = path_open_in_root(c->root_fd, s->a, (struct path_open){ .oflags = O_PATH }, err);
	if (fd >= 0 || err->errnum != ENOENT)
		return 0;   /* whatever is wrong with it, chdir says it better */
	/* A read-only place is no error yet either. */
	autoclose int made __attribute__((unused)) = path_mkdirs_in_root(c->root_fd, s->a, 0755, 0, err);
	return 0;
}

/* ---- terminal ---- */
static int open_master(struct child *c, struct error *err)
{
	struct stat st;
	const struct path_open how = { .oflags = O_RDWR | O_NOCTTY | O_NOFOLLOW };

	autoclose int fd = path_open_in_root(c->root_fd, "/dev/pts/ptmx", how, err);
	if (fd < 0)
		return fail_wrap(err, "open a terminal");
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "stat /dev/pts/ptmx");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || !mount_is_fstype(fd, DEVPTS_SUPER_MAGIC))
		return fail(err, ERROR_DENIED, "/dev/pts/ptmx of the container is not a terminal multiplexer");
	return take_fd(fd);
}

/* /dev/console is the terminal itself; its node may be anything in an image, so it is covered, never opened. */
static int cover_console(struct child *c, int slave, struct error *err)
{
	autoclose int tree = mount_clone(slave, "", false, err);
	if (tree < 0)
		return -1;
	autoclose int target = path_make_target_in_root(c->root_fd, "/dev/console", false, 0, NULL, err);
	if (target < 0)
		return -1;
	return child_attach(c, tree, "/dev/console", target, err);
}

int step_console(struct child *c, const struct plan_step *s, struct error *err)
{
	const struct oci_process_spec *p = c->plan->process;
	int unlock = 0;

	(void)s;
	autoclose int master = open_master(c, err);
	if (master < 0)
		return -1;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fail_errno(err, "unlock the terminal");
	/* The peer by ioctl, not by name: a name in /dev/pts could lead anywhere (CVE-2025-52565). */
	autoclose int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail_errno(err, "open the terminal's other side");
	if (p->console_size) {
		const struct winsize size = { .ws_row = (unsigned short)p->console_size->height,
					      .ws_col = (unsigned short)p->console_size->width };
		if (ioctl(master, TIOCSWINSZ, &size) < 0)
			return fail_errno(err, "set the terminal's size");
	}
	if (p->user.uid && fchown(slave, (uid_t)p->user.uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
		return fail_errno(err, "chown the terminal");
	if (c->target_pidfd < 0 && cover_console(c, slave, err) < 0)
		return fail_wrap(err, "/dev/console");
	TRY(sync_send_fd(c->sync_fd, SYNC_CONSOLE, 0, master, err));
	c->console_fd = take_fd(slave);
	return 0;
}

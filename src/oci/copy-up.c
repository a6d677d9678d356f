/* SPDX-License-Identifier: Apache-2.0
 * oci/copy-up.c - tmpcopyup: the contents of the directory a tmpfs covers are copied into it.
 * Runs between clone() and exec(): no heap; directories are read with getdents64 into the stack, depth is bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/apply.h"
#include "os/file.h"

#define DEPTH_MAX 128

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

static int copy_dir(int from, int to, int depth, struct error *err);

static int copy_owner(int to, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM && errno != EINVAL)
		return fail_errno(err, "chown `%s`", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return fail_errno(err, "chmod `%s`", name);
	(void)utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_regular(int from, int to, const char *name, struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return fail_errno(err, "open `%s`", name);
	autoclose int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail_errno(err, "create `%s`", name);
	return file_copy_fd(in, out, NULL, err);
}

static int copy_link(int from, int to, const char *name, struct error *err)
{
	char text[4096];
	ssize_t n = readlinkat(from, name, text, sizeof(text) - 1);

	if (n < 0)
		return fail_errno(err, "readlink `%s`", name);
	text[n] = '\0';
	return symlinkat(text, to, name) < 0 ? fail_errno(err, "symlink `%s`", name) : 0;
}

static int copy_subdir(int from, int to, const char *name, int depth, struct error *err)
{
	if (depth == DEPTH_MAX)
		return fail(err, ERROR_UNSUPPORTED, "tmpcopyup: more than %d directories deep", DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0)
		return fail_errno(err, "mkdir `%s`", name);
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return fail_errno(err, "open `%s`", name);
	return copy_dir(in, out, depth + 1, err);
}

static int copy_entry(int from, int to, const char *name, int depth, struct error *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat `%s`", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		TRY(copy_regular(from, to, name, err));
		break;
	case S_IFDIR:
		TRY(copy_subdir(from, to, name, depth, err));
		break;
	case S_IFLNK:
		TRY(copy_link(from, to, name, err));
		break;
	default:   /* devices and sockets of an image mean nothing here; a FIFO does */
		if (!S_ISFIFO(st.st_mode))
			return 0;
		if (mknodat(to, name, st.st_mode, 0) < 0)
			return fail_errno(err, "mkfifo `%s`", name);
	}
	return copy_owner(to, name, &st, err);
}

static int copy_dir(int from, int to, int depth, struct error *err)
{
	char room[4096] __attribute__((aligned(8)));

	for (;;) {
		long n = syscall(SYS_getdents64, from, room, sizeof(room));
		if (n < 0)
			return fail_errno(err, "read directory");
		if (n == 0)
			return 0;
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *e = (const struct linux_dirent64 *)(room + at);
			at += e->d_reclen;
			if (streq(e->d_name, ".") || streq(e->d_name, ".."))
				continue;
			TRY(copy_entry(from, to, e->d_name, depth, err));
		}
	}
}

int copy_up(int from_fd, int to_fd, struct error *err)
{
	/* Both are O_PATH: reopen them for reading. */
	autoclose int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0 || to < 0)
		return fail_errno(err, "tmpcopyup");
	if (copy_dir(from, to, 0, err) < 0)
		return fail_wrap(err, "tmpcopyup");
	return 0;
}

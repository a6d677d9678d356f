/* SPDX-License-Identifier: Apache-2.0
 * os/file.c - reading, writing and replacing files by directory descriptor. */
#include "os/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Which file: found out only now, by what the kernel calls it. */
static int fail_write(int fd, struct error *err)
{
	char link[32], path[2048];
	int e = errno;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || *path != '/')
		return fail_with(err, e, "write");
	path[n] = '\0';
	return fail_with(err, e, "write %s", path);
}

int file_write_all(int fd, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_write(fd, err);
		p += n;
		len -= n;
	}
	return 0;
}

ssize_t file_read_full(int fd, void *data, size_t len, struct error *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)data + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "read");
		if (n == 0)
			break;
		got += n;
	}
	return got;
}

int file_read_fd(int fd, const char *what, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	enum { CHUNK = 4096 };
	auto_buf b = BUF_INIT(max + CHUNK);   /* room to see the byte that is too many */
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", what);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "%s: not a regular file", what);
	bool fits = st.st_size <= 0 || (uint64_t)st.st_size <= max;
	while (fits && n != 0) {
		size_t want = st.st_size > (off_t)b.len ? (size_t)st.st_size - b.len : CHUNK;   /* files of /proc say 0 */
		char *at = buf_reserve(&b, want);
		n = at ? read(fd, at, want) : 0;
		if (n < 0 && errno != EINTR)
			return fail_errno(err, "%s", what);
		if (n > 0)
			b.len += (size_t)n;
		fits = b.len <= max;
	}
	if (!fits)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, max);
	TRY(buf_ok(&b, what, err));
	size_t len = b.len;
	b.data[len] = '\0';
	*ret = buf_steal(&b);
	if (ret_len)
		*ret_len = len;
	return 1;
}

int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	/* O_NONBLOCK: opening a FIFO somebody planted must not hang us */
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return fail_errno(err, "%s", path);
	return file_read_fd(fd, path, max, ret, ret_len, err);
}

ssize_t file_read_small(int dirfd, const char *path, char *buf, size_t size)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct error ignored;

	if (fd < 0)
		return -errno;
	ssize_t n = file_read_full(fd, buf, size - 1, &ignored);
	if (n < 0)
		return ignored.errnum ? -ignored.errnum : -EIO;
	buf[n] = '\0';
	if (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

/* One write(): control files take a value whole or not at all. 0 or -errno. */
static int write_once(int dirfd, const char *path, const void *data, size_t len)
{
	autoclose int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int file_write(int dirfd, const char *path, const void *data, size_t len, struct error *err)
{
	int r = write_once(dirfd, path, data, len);

	return r < 0 ? fail_with(err, -r, "write %s", path) : 0;
}

int file_write_str(int dirfd, const char *path, const char *text, struct error *err)
{
	return file_write(dirfd, path, text, strlen(text), err);
}

int file_try_write(int dirfd, const char *path, const char *text)
{
	return write_once(dirfd, path, text, strlen(text));
}

/* Opens a new "<dir of name>/.tmp-<random>" next to `name` and tells its name. */
static int open_temp_beside(int dirfd, const char *name, mode_t mode, char *ret, size_t size, struct error *err)
{
	const char *slash = strrchr(name, '/');
	int dir_len = slash ? (int)(slash - name + 1) : 0;

	for (int i = 0; i < 100; i++) {
		uint64_t r;
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			return fail_errno(err, "getrandom");
		if (snprintf(ret, size, "%.*s.tmp-%016llx", dir_len, name, (unsigned long long)r) >= (int)size)
			return fail_with(err, ENAMETOOLONG, "%s", name);
		int fd = openat(dirfd, ret, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 && fchmod(fd, mode) < 0) {
			int e = errno;
			close(fd);
			unlinkat(dirfd, ret, 0);
			return fail_with(err, e, "chmod %s", ret);
		}
		if (fd >= 0 || errno != EEXIST)
			return fd >= 0 ? fd : fail_errno(err, "create %s", ret);
	}
	return fail_with(err, EEXIST, "create a temporary file for %s", name);
}

static int sync_parent(int dirfd, const char *name, struct error *err)
{
	const char *slash = strrchr(name, '/');
	char dir[4096];

	if (!slash)
		return file_sync_dir(dirfd, ".", err);
	snprintf(dir, sizeof(dir), "%.*s", slash == name ? 1 : (int)(slash - name), name);
	return file_sync_dir(dirfd, dir, err);
}

static int rename_into_place(int dirfd, const char *temp, const char *name, unsigned flags, struct error *err)
{
	if (renameat2(dirfd, temp, dirfd, name, flags & FILE_EXCLUSIVE ? RENAME_NOREPLACE : 0) == 0)
		return 0;
	if (!(flags & FILE_EXCLUSIVE) || errno != EINVAL)
		return fail_errno(err, "%s", name);
	/* a file system without RENAME_NOREPLACE */
	if (linkat(dirfd, temp, dirfd, name, 0) < 0)
		return fail_errno(err, "%s", name);
	unlinkat(dirfd, temp, 0);
	return 0;
}

int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode, unsigned flags,
		 struct error *err)
{
	char temp[4096];
	autoclose int fd = open_temp_beside(dirfd, name, mode, temp, sizeof(temp), err);

	if (fd < 0)
		return -1;
	int r = file_write_all(fd, data, len, err);
	if (r < 0)
		r = fail_wrap(err, "%s", name);
	if (r == 0 && (flags & FILE_SYNC) && fsync(fd) < 0)
		r = fail_errno(err, "fsync %s", name);
	if (r == 0)
		r = rename_into_place(dirfd, temp, name, flags, err);
	if (r < 0) {
		unlinkat(dirfd, temp, 0);
		return -1;
	}
	return flags & FILE_SYNC ? sync_parent(dirfd, name, err) : 0;
}

int file_sync_dir(int dirfd, const char *path, struct error *err)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return fail_errno(err, "fsync directory %s", path);
	return 0;
}

int file_sync_fs(int fd, struct error *err)
{
	return syncfs(fd) < 0 ? fail_errno(err, "syncfs") : 0;
}

void file_spread_dirs(int dirfd, const char *path)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int flags;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

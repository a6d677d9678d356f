/* SPDX-License-Identifier: Apache-2.0
 * os/file-tree.c - directories: make, remove with everything below; copying files.
 *
 * Removal. The tree may be changed under us by whoever lives in it, so nothing is ever named by more than one
 * component: each directory is opened from its parent's descriptor with O_NOFOLLOW, emptied through its own
 * descriptor and removed by name from the parent's. An exchanged entry can only make us remove the other entry of the
 * same parent, never something elsewhere. Open directories are kept on an explicit stack, not in C's call stack. */
#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

int file_mkdirs(int dirfd, const char *path, mode_t mode, struct error *err)
{
	char part[4096];
	size_t len = strlen(path);

	if (mkdirat(dirfd, path, mode) == 0)
		return 1;
	if (errno == EEXIST)
		return 0;
	if (errno != ENOENT || len >= sizeof(part))
		return fail_errno(err, "mkdir %s", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdirat(dirfd, part, mode) < 0 && errno != EEXIST)
			return fail_errno(err, "mkdir %s", part);
	}
	return 1;
}

int file_open_dir(int dirfd, const char *path, bool create, mode_t mode, struct error *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && create) {
		TRY(file_mkdirs(dirfd, path, mode, err));
		fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd >= 0 ? fd : fail_errno(err, "open directory %s", path);
}

DIR *file_stream(int dirfd, const char *path)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		take_fd(fd);
	return d;
}

struct dirent *file_next_entry(DIR *d, const char *what, int *result, struct error *err)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(d);
	} while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	if (!e && errno)
		*result = fail_errno(err, "read directory %s", what);
	return e;
}

/* ---- removal ---- */

struct level {
	DIR *dir;
	char *name;      /* in the parent's directory */
	unsigned tries;
};

struct removal {
	struct level *levels;
	size_t n, cap;
	bool failed;
	struct error *err;
};

static void removal_done(struct removal *r)
{
	for (size_t i = 0; i < r->n; i++) {
		closedir(r->levels[i].dir);
		free(r->levels[i].name);
	}
	free(r->levels);
}

static void note_failure(struct removal *r, int errnum, const char *name)
{
	if (!r->failed)
		fail_with(r->err, errnum, "remove %s", name);
	r->failed = true;
}

/* Opens a directory for emptying; one without read or search permission gets them through its own descriptor. */
static int open_for_removal(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char link[64];

	if (fd >= 0 || errno != EACCES)
		return fd;
	autoclose int handle = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (handle < 0)
		return -1;
	/* fchmod() refuses O_PATH descriptors; the magic link leads to exactly this inode */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
	if (chmod(link, 0700) < 0)
		return -1;
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static int push_level(struct removal *r, int fd, const char *name)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 16;
		struct level *grown = realloc(r->levels, cap * sizeof(*grown));
		if (!grown) {
			close(fd);
			return fail_oom(r->err);
		}
		r->levels = grown;
		r->cap = cap;
	}
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return fail_oom(r->err);
	}
	char *copy = strdup(name);
	if (!copy) {
		closedir(dir);
		return fail_oom(r->err);
	}
	r->levels[r->n++] = (struct level){ .dir = dir, .name = copy };
	return 0;
}

/* Unlinks a non-directory, or enters a directory. < 0: out of memory. */
static int remove_or_enter(struct removal *r, int parent, const char *name, unsigned char type)
{
	if (type != DT_DIR) {
		if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
			return 0;
		/* without write permission in the directory: it is ours to empty, so take it */
		if (errno == EACCES && r->n > 0 && fchmod(parent, 0700) == 0 && unlinkat(parent, name, 0) == 0)
			return 0;
		if (errno != EISDIR) {
			note_failure(r, errno, name);
			return 0;
		}
	}
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) {
		note_failure(r, errno, name);
		return 0;
	}
	int fd = open_for_removal(parent, name);
	if (fd < 0) {
		if (errno != ENOENT)
			note_failure(r, errno, name);
		return 0;
	}
	return push_level(r, fd, name);
}

/* The directory on top is empty: remove it from its parent. Something created meanwhile: another round, bounded. */
static int leave_level(struct removal *r, int base)
{
	struct level *top = &r->levels[r->n - 1];
	int parent = r->n > 1 ? dirfd(r->levels[r->n - 2].dir) : base;

	if (unlinkat(parent, top->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		if (errno == EACCES && r->n > 1 && fchmod(parent, 0700) == 0 &&
		    unlinkat(parent, top->name, AT_REMOVEDIR) == 0)
			errno = 0;
		else if ((errno == ENOTEMPTY || errno == EEXIST) && !r->failed && top->tries++ < 8) {
			rewinddir(top->dir);
			return 0;
		} else {
			note_failure(r, errno, top->name);
		}
	}
	closedir(top->dir);
	free(top->name);
	r->n--;
	return 0;
}

int file_remove_tree(int base, const char *name, struct error *err)
{
	CLEANUP(removal_done) struct removal r = { .err = err };

	TRY(remove_or_enter(&r, base, name, DT_UNKNOWN));
	while (r.n > 0) {
		struct level *top = &r.levels[r.n - 1];
		errno = 0;
		struct dirent *e = readdir(top->dir);
		if (!e) {
			if (errno)
				note_failure(&r, errno, top->name);
			leave_level(&r, base);
			continue;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		TRY(remove_or_enter(&r, dirfd(top->dir), e->d_name, e->d_type));
	}
	return r.failed ? -1 : 0;
}

/* ---- copying ---- */

static ssize_t copy_some(int from, int to, uint64_t left, int *method)
{
	const size_t chunk = left < (1U << 30) ? (size_t)left : (size_t)1 << 30;
	ssize_t n;

	if (*method == 0) {
		n = copy_file_range(from, NULL, to, NULL, chunk, 0);
		if (n >= 0 || errno == EINTR || errno == ENOSPC || errno == EIO)
			return n;
		*method = 1;
	}
	if (*method == 1) {
		n = sendfile(to, from, NULL, chunk);
		if (n >= 0 || (errno != EINVAL && errno != ENOSYS))
			return n;
		*method = 2;
	}
	char data[65536];
	n = read(from, data, chunk < sizeof(data) ? chunk : sizeof(data));
	for (ssize_t done = 0; n > 0 && done < n;) {
		ssize_t w = write(to, data + done, n - done);
		if (w < 0 && errno != EINTR)
			return -1;
		done += w > 0 ? w : 0;
	}
	return n;
}

/* Until the end of the file, at most `max` bytes; *total grows. */
static int copy_run(int from, int to, uint64_t max, uint64_t *total, struct error *err)
{
	uint64_t end = max > UINT64_MAX - *total ? UINT64_MAX : *total + max;
	int method = 0;

	while (*total < end) {
		ssize_t n = copy_some(from, to, end - *total, &method);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "copy");
		/* proc and sys files: copy_file_range says 0 bytes although there are some */
		if (n == 0 && *total == 0 && method == 0) {
			method = 2;
			continue;
		}
		if (n == 0)
			break;
		*total += (uint64_t)n;
	}
	return 0;
}

/* A regular file with fewer blocks than bytes, copied to the end of another one: there the holes can be kept. */
static bool holes_matter(int from, int to, off_t *ret_size)
{
	struct stat in, out;

	if (fstat(from, &in) < 0 || fstat(to, &out) < 0 || !S_ISREG(in.st_mode) || !S_ISREG(out.st_mode))
		return false;
	if ((uint64_t)in.st_blocks * 512 >= (uint64_t)in.st_size || (fcntl(to, F_GETFL) & O_APPEND))
		return false;
	*ret_size = in.st_size;
	return lseek(to, 0, SEEK_CUR) == out.st_size;
}

/* Copies what is between the holes, and moves both offsets behind the last byte. */
static int copy_between_holes(int from, int to, off_t size, uint64_t *total, struct error *err)
{
	off_t start = lseek(from, 0, SEEK_CUR), at = start, base = lseek(to, 0, SEEK_CUR);

	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0 || lseek(from, data, SEEK_SET) < 0 || lseek(to, base + (data - start), SEEK_SET) < 0)
			return fail_errno(err, "copy");
		TRY(copy_run(from, to, (uint64_t)(hole - data), total, err));
		at = hole;
	}
	if (ftruncate(to, base + (size - start)) < 0 || lseek(from, size, SEEK_SET) < 0 || lseek(to, 0, SEEK_END) < 0)
		return fail_errno(err, "copy");
	*total = (uint64_t)(size - start);
	return 0;
}

int file_copy_fd(int from, int to, uint64_t *ret_bytes, struct error *err)
{
	uint64_t total = 0;
	off_t size = 0;

	if (holes_matter(from, to, &size) && lseek(from, 0, SEEK_CUR) < size)
		TRY(copy_between_holes(from, to, size, &total, err));
	/* everything, or what was added meanwhile */
	TRY(copy_run(from, to, UINT64_MAX, &total, err));
	if (ret_bytes)
		*ret_bytes = total;
	return 0;
}

int file_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, bool replace, struct error *err)
{
	autoclose int in = openat(from_dirfd, from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return fail_errno(err, "%s", from);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "%s: not a regular file", from);
	autoclose int out = openat(to_dirfd, to,
				   O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0600);
	if (out < 0)
		return fail_errno(err, "%s", to);
	if (ioctl(out, FICLONE, in) < 0 && file_copy_fd(in, out, NULL, err) < 0)
		return fail_wrap(err, "%s to %s", from, to);
	return fchmod(out, st.st_mode & 07777) < 0 ? fail_errno(err, "chmod %s", to) : 0;
}

int file_make_temp_dir(int dirfd, const char *prefix, char *ret, size_t size, struct error *err)
{
	for (int i = 0; i < 100; i++) {
		uint64_t r;
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			return fail_errno(err, "getrandom");
		if (snprintf(ret, size, "%s%012llx", prefix, (unsigned long long)(r >> 16)) >= (int)size)
			return fail_with(err, ENAMETOOLONG, "%s", prefix);
		if (mkdirat(dirfd, ret, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			return fail_errno(err, "mkdir %s", ret);
	}
	return fail_with(err, EEXIST, "make a directory %s*", prefix);
}

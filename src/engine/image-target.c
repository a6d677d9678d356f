/* SPDX-License-Identifier: Apache-2.0
 * engine/image-target.c - members of archives and directories. */
#include "engine/image-target.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "image/tar.h"
#include "os/file.h"

#define COPY_BYTES ((size_t)1 << 30)

int image_target_open(struct image_target *t, bool archive, const char *path, int fd, struct error *err)
{
	struct stat st;

	*t = (struct image_target){ .fd = -1, .archive = archive };
	if (!archive) {
		t->fd = file_open_dir(AT_FDCWD, path, true, 0755, err);
		return t->fd < 0 ? -1 : 0;
	}
	t->fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (t->fd < 0)
		return fail_errno(err, "%s", path ? path : "standard output");
	t->seekable = fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode);
	return 0;
}

void image_target_done(struct image_target *t)
{
	strv_done(&t->written);
	close_p(&t->fd);
	*t = (struct image_target){ .fd = -1 };
}

int image_target_header(struct image_target *t, const char *name, int64_t size, struct error *err)
{
	auto_buf b = BUF_INIT(1 << 16);
	struct tar_entry e = { .type = TAR_FILE, .name = (char *)(uintptr_t)name, .mode = 0444, .size = size, .stored = size };

	TRY(tar_write_header(&b, &e, err));
	return file_write_all(t->fd, b.data, b.len, err);
}

int image_target_padding(struct image_target *t, int64_t size, struct error *err)
{
	auto_buf b = BUF_INIT(1 << 16);

	tar_write_padding(&b, size);
	return b.len ? file_write_all(t->fd, b.data, b.len, err) : 0;
}

int image_target_create(struct image_target *t, const char *name, struct error *err)
{
	autofree char *dir = strdup(name);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return fail_oom(err);
	if (slash) {
		*slash = '\0';
		TRY(file_mkdirs(t->fd, dir, 0755, err));
	}
	int fd = openat(t->fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? fail_errno(err, "%s", name) : fd;
}

int image_target_move(struct image_target *t, const char *from, const char *to, struct error *err)
{
	return renameat(t->fd, from, t->fd, to) < 0 ? fail_errno(err, "%s", to) : 0;
}

int image_target_bytes(struct image_target *t, const char *name, const void *bytes, size_t len, struct error *err)
{
	if (!t->archive) {
		autoclose int fd = image_target_create(t, name, err);
		return fd < 0 ? -1 : file_write_all(fd, bytes, len, err);
	}
	TRY(image_target_header(t, name, (int64_t)len, err));
	TRY(file_write_all(t->fd, bytes, len, err));
	return image_target_padding(t, (int64_t)len, err);
}

int image_target_is_new(struct image_target *t, const char *name, struct error *err)
{
	if (strv_has(&t->written, name))
		return 0;
	return strv_add(&t->written, name, err) < 0 ? -1 : 1;
}

/* In the kernel where it can; by a buffer into pipes. */
static int copy_range(int from, int64_t offset, int64_t size, int to, struct error *err)
{
	off_t at = offset;

	while (size > 0) {
		size_t want = size > (int64_t)COPY_BYTES ? COPY_BYTES : (size_t)size;
		ssize_t n = copy_file_range(from, &at, to, NULL, want, 0);
		if (n > 0) {
			size -= n;
			continue;
		}
		if (n == 0)
			return fail(err, ERROR_CORRUPT, "cut off");
		if (errno == EINTR)
			continue;
		char bytes[65536];
		n = pread(from, bytes, want < sizeof(bytes) ? want : sizeof(bytes), at);
		if (n <= 0)
			return n < 0 ? fail_errno(err, "read") : fail(err, ERROR_CORRUPT, "cut off");
		TRY(file_write_all(to, bytes, (size_t)n, err));
		at += n;
		size -= n;
	}
	return 0;
}

int image_target_range(struct image_target *t, const char *name, int fd, int64_t offset, int64_t size, struct error *err)
{
	autoclose int to = -1;

	if (!t->archive) {
		to = image_target_create(t, name, err);
		if (to < 0)
			return -1;
	} else {
		TRY(image_target_header(t, name, size, err));
	}
	if (copy_range(fd, offset, size, t->archive ? t->fd : to, err) < 0)
		return fail_wrap(err, "%s", name);
	return t->archive ? image_target_padding(t, size, err) : 0;
}

int image_target_file(struct image_target *t, const char *name, int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", name);
	return image_target_range(t, name, fd, 0, st.st_size, err);
}

int image_target_end(struct image_target *t, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 16);

	if (!t->archive)
		return 0;
	tar_write_end(&text);
	return file_write_all(t->fd, text.data, text.len, err);
}

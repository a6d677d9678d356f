/* SPDX-License-Identifier: Apache-2.0
 * os/file-fd.c - memory files, seals, and descriptor housekeeping. */
#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/str.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif

/* Kernels before 6.3 know neither flag and say EINVAL: there every memfd may be executed. */
static int memfd_with(const char *name, unsigned flag, struct error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flag);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd >= 0 ? fd : fail_errno(err, "memfd_create %s", name);
}

int file_memfd(const char *name, struct error *err)
{
	return memfd_with(name, MFD_NOEXEC_SEAL, err);
}

int file_memfd_exec(const char *name, struct error *err)
{
	return memfd_with(name, MFD_EXEC, err);
}

int file_seal(int fd, struct error *err)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? fail_errno(err, "seal a memory file") : 0;
}

int file_memfd_data(const char *name, const void *data, size_t len, struct error *err)
{
	autoclose int fd = file_memfd(name, err);

	if (fd < 0)
		return -1;
	TRY(file_write_all(fd, data, len, err));
	TRY(file_seal(fd, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	return take_fd(fd);
}

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* Visits every open descriptor >= from without close_range: by /proc/self/fd. */
static int each_fd_from(int from, bool (*visit)(int fd, const int *keep, size_t n), const int *keep, size_t n,
			struct error *err)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return fail_errno(err, "/proc/self/fd");
	while ((e = readdir(dir))) {
		uint32_t fd;
		if (parse_u32(e->d_name, &fd) && (int)fd >= from && (int)fd != dirfd(dir))
			visit(fd, keep, n);
	}
	closedir(dir);
	return 0;
}

static bool set_cloexec(int fd, const int *keep, size_t n)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static bool close_unless_kept(int fd, const int *keep, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keep[i] == fd)
			return false;
	return close(fd) == 0;
}

int file_cloexec_from(int from, struct error *err)
{
	if (syscall(SYS_close_range, from, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return each_fd_from(from, set_cloexec, NULL, 0, err);
}

/* The smallest kept descriptor >= from, or -1. */
static int next_kept(int from, const int *keep, size_t n)
{
	int best = -1;

	for (size_t i = 0; i < n; i++)
		if (keep[i] >= from && (best < 0 || keep[i] < best))
			best = keep[i];
	return best;
}

int file_close_from(int from, const int *keep, size_t n, struct error *err)
{
	for (int start = from;;) {
		int kept = next_kept(start, keep, n);
		unsigned last = kept < 0 ? ~0U : (unsigned)kept - 1;
		if (kept != start && syscall(SYS_close_range, start, last, 0) < 0)
			return each_fd_from(from, close_unless_kept, keep, n, err);
		if (kept < 0)
			return 0;
		start = kept + 1;
	}
}

int file_dup(int fd, int min, struct error *err)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, min);

	return r >= 0 ? r : fail_errno(err, "dup");
}

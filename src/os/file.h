/* SPDX-License-Identifier: Apache-2.0
 * os/file.h - files by directory descriptor: read, write, replace, copy, remove; anonymous memory files.
 *
 * Owns nothing: descriptors come back close-on-exec and belong to the caller. Everything takes (dirfd, path), AT_FDCWD
 * allowed; paths are trusted ones (the engine's own directories). Paths from an image, a container or the user's
 * archive go through os/path.h first. Functions marked [alloc] allocate; all others may be used after fork() and
 * between clone() and exec(). Errors are ERROR_SYSTEM with errnum unless said otherwise. */
#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/* Writes all bytes (EINTR and short writes handled). */
int file_write_all(int fd, const void *data, size_t len, struct error *err);
/* Reads up to len bytes until end of file; returns how many. */
ssize_t file_read_full(int fd, void *data, size_t len, struct error *err);

/* [alloc] The whole file as a malloc'ed, NUL-terminated string. 1: read; 0: no such file, outputs untouched;
 * -1: error. A file of more than `max` bytes is ERROR_INVALID. Only regular (also proc/sys/cgroup) files: FIFOs and
 * devices are refused without blocking. ret_len may be NULL. */
int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct error *err);
/* [alloc] As file_read from an open descriptor, from its current offset; `what` names it in errors. Always 1 or -1. */
int file_read_fd(int fd, const char *what, size_t max, char **ret, size_t *ret_len, struct error *err);
/* The first size-1 bytes, NUL-terminated, one trailing newline removed. Returns the length, or -errno (no struct
 * error: missing files are normal here). For small proc, sys and cgroup files. */
ssize_t file_read_small(int dirfd, const char *path, char *buf, size_t size);

/* Opens an existing file for writing and writes the bytes with one write(): proc, sys and cgroup control files. */
int file_write(int dirfd, const char *path, const void *data, size_t len, struct error *err);
int file_write_str(int dirfd, const char *path, const char *text, struct error *err);
/* As file_write_str(); 0 or -errno, for callers that expect failure. */
int file_try_write(int dirfd, const char *path, const char *text);

enum file_replace_flag {
	FILE_SYNC = 1 << 0,       /* fsync the file before the rename and the directory after: durable when it returns */
	FILE_EXCLUSIVE = 1 << 1,  /* fail with EEXIST when the name is taken, atomically */
};
/* Makes `name` in dirfd hold exactly these bytes, atomically: temporary file + rename. Nothing is left behind on
 * failure (a crash may leave ".tmp-*"). `name` is one component or a relative path whose directory exists. */
int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode, unsigned flags,
		 struct error *err);
/* fsync of a directory (or "." for dirfd itself): makes renames and unlinks in it durable. */
int file_sync_dir(int dirfd, const char *path, struct error *err);
/* syncfs(2) of the file system that holds fd; reports write-back errors. */
int file_sync_fs(int fd, struct error *err);

/* mkdir -p: every missing component of path below dirfd; an existing directory is fine. Returns 1 when the last
 * component was made, 0 when it existed. Follows links: for the engine's own directories only. */
int file_mkdirs(int dirfd, const char *path, mode_t mode, struct error *err);
/* Asks the file system to place the subdirectories of a directory far from each other, as it does for home directories
 * (FS_TOPDIR_FL: ext4, ioctl_iflags(2)). Where trees come and go this is no matter of taste: ext4 does not use an inode
 * again in the minute(s) after its removal and looks at every such inode of a group for each new file. As far as it goes:
 * other file systems have nothing to ask. */
void file_spread_dirs(int dirfd, const char *path);
/* file_mkdirs() + open: the directory as an O_PATH-less O_DIRECTORY descriptor. */
int file_open_dir(int dirfd, const char *path, bool create, mode_t mode, struct error *err);
/* [alloc] The entries of the directory `path` below dirfd ("." for itself: dirfd's own offset stays where it is).
 * NULL: errno says why. The caller closes it with closedir(). */
DIR *file_stream(int dirfd, const char *path);
/* The next entry but "." and ".."; NULL: the last was seen, or (*result is -1 then, else untouched) the directory `what`
 * could not be read to its end. */
struct dirent *file_next_entry(DIR *d, const char *what, int *result, struct error *err);

/* Removes name and everything below it: never follows links, never leaves the directory it started in when somebody
 * moves or exchanges entries meanwhile, enters directories without permission bits (chmod through the descriptor),
 * clears nothing across mount points (EBUSY/EXDEV is an error naming the path). Missing: success. Depth is limited only
 * by memory: [alloc]. Tries on after failures and reports the first. */
int file_remove_tree(int dirfd, const char *name, struct error *err);

/* Copies bytes from the current offset of `from` to `to` until end: copy_file_range, then sendfile, then read/write.
 * Holes of a regular file are kept when `to` is one, too, and at its end. *ret_bytes (holes count) may be NULL. */
int file_copy_fd(int from, int to, uint64_t *ret_bytes, struct error *err);
/* Copies a regular file: mode and bytes; `to` must not exist unless replace. Reflinks where the file system can. */
int file_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, bool replace, struct error *err);

/* A private directory "<prefix>XXXXXX" below dirfd, mode 0700; its name is written to ret (size >= strlen(prefix)+13).*/
int file_make_temp_dir(int dirfd, const char *prefix, char *ret, size_t size, struct error *err);

/* memfd for data: never executable (MFD_NOEXEC_SEAL where the kernel has it), sealable. */
int file_memfd(const char *name, struct error *err);
/* memfd that may be executed (MFD_EXEC; needed with vm.memfd_noexec >= 1; EACCES with 2). */
int file_memfd_exec(const char *name, struct error *err);
/* Seals contents and size against any further change, and the seals themselves. */
int file_seal(int fd, struct error *err);
/* A sealed data memfd holding these bytes, offset 0. */
int file_memfd_data(const char *name, const void *data, size_t len, struct error *err);

/* Marks every descriptor >= from close-on-exec (close_range, or /proc/self/fd). */
int file_cloexec_from(int from, struct error *err);
/* Closes every descriptor >= from except the n given ones (any order). */
int file_close_from(int from, const int *keep, size_t n, struct error *err);
/* dup to a descriptor number >= min, close-on-exec. */
int file_dup(int fd, int min, struct error *err);

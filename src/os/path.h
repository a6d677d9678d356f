/* SPDX-License-Identifier: Apache-2.0
 * os/path.h - the one place where a path that somebody else chose is resolved.
 *
 * Rule: a path from an image, a container, a volume, an archive, a build context or the API is resolved here once,
 * below a root descriptor, and from then on travels as a descriptor (or as parent descriptor + one last component).
 * Owns nothing; allocates nothing except path_readlink() and path_clean(): usable between clone() and exec().
 *
 * "In root" means: the root descriptor is "/" for absolute paths, absolute links and "..", as after chroot()
 * (openat2 RESOLVE_IN_ROOT); magic links of procfs are never followed. "Beneath" means: no link at all is followed and
 * "..", absolute paths and mount crossings by magic links are refused (for our own and for hostile trees alike).
 * EINTR and EAGAIN (a rename raced with "..") are retried. Without openat2 (old kernel, seccomp) a walker opens one
 * component at a time with O_NOFOLLOW, expands links itself and never asks the kernel for "..".
 * Errors: ERROR_SYSTEM, errnum ENOENT, ENOTDIR, ELOOP, EXDEV...; text names the path as given. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

enum path_flag {
	PATH_WALK = 1 << 0,      /* use the fallback walker although the kernel has openat2 (tests) */
	PATH_NO_XDEV = 1 << 1,   /* beneath only: do not cross mount points (EXDEV) */
};

struct path_open {
	int oflags;       /* open(2) flags, e.g. O_PATH, O_RDONLY | O_DIRECTORY; O_CLOEXEC is always added.
			   * O_NOFOLLOW: the last component is not followed (with O_PATH a link itself is returned) */
	mode_t mode;      /* with O_CREAT */
	unsigned flags;   /* enum path_flag */
};

/* Opens path inside root. "" and "/" and "." are the root itself. Returns the descriptor. */
int path_open_in_root(int root, const char *path, struct path_open how, struct error *err);
/* Opens path strictly beneath dir: no links, no "..", not absolute. */
int path_open_beneath(int dir, const char *path, struct path_open how, struct error *err);

/* The directory that holds path's last component, and that component's name: for mkdirat, unlinkat, symlinkat, linkat,
 * renameat, mknodat with parent + name. The last component is not followed. Fails with EISDIR when path names the
 * root. `make`: create missing directories on the way (mode 0755). Returns an O_PATH descriptor. */
struct path_parent {
	bool make;
	unsigned flags;
};
int path_open_parent_in_root(int root, const char *path, struct path_parent how, char name[NAME_MAX + 1],
			     struct error *err);

/* Makes sure the directory path exists inside root, with missing parents (mode, umask ignored for new ones); existing
 * links are followed inside the root, dangling ones get their target made inside the root. Returns O_PATH. */
int path_mkdirs_in_root(int root, const char *path, mode_t mode, unsigned flags, struct error *err);
/* Makes sure a mount target exists: a directory or an empty regular file (parents 0755). An existing target of the
 * other kind is an error (ENOTDIR / EISDIR); any existing non-directory will do for a file. Returns O_PATH.
 * *ret_made (may be NULL): whether the last component was created. */
int path_make_target_in_root(int root, const char *path, bool directory, unsigned flags, bool *ret_made,
			     struct error *err);

/* Turns an O_PATH descriptor into a readable/writable one of the same object (through /proc/self/fd; regular files and
 * directories only, so that no device or FIFO is opened by surprise: ERROR_INVALID). */
int path_reopen(int fd, int oflags, struct error *err);
/* The kernel's name of an open descriptor (/proc/self/fd link) into buf. For messages and verification only. */
int path_of_fd(int fd, char buf[PATH_MAX], struct error *err);
/* Fails with ERROR_DENIED unless the object behind fd lies inside root by the kernel's own names, and is not deleted
 * or unreachable: the last check after a walk or a chdir (CVE-2024-21626). */
int path_verify_in_root(int root, int fd, struct error *err);
/* Fails with ERROR_DENIED when the current directory is outside the current root (getcwd "(unreachable)"). */
int path_verify_cwd(struct error *err);

/* [alloc] The text of the link; name "" reads an O_PATH descriptor of a link. */
int path_readlink(int dirfd, const char *name, char **ret, struct error *err);

/* [alloc] Go's filepath.Clean: text only, never touches the file system. NULL when out of memory. */
char *path_clean(const char *path);
/* Whether clean absolute path `p` is `dir` or below it, by text. */
bool path_text_is_below(const char *dir, const char *p);
/* True when `name` can be one file name: not empty, ".", "..", no '/', at most NAME_MAX bytes. */
bool path_is_name(const char *name);

/* SPDX-License-Identifier: Apache-2.0
 * os/mount.h - mounts as descriptors: make, clone, configure, attach; option words; the mount table.
 *
 * A detached mount (from mount_new(), mount_clone()) is a descriptor attached nowhere; closing it unmounts it. It is
 * attached onto a target *descriptor* (os/path.h), never onto a string, so no link can be followed in between. Set its
 * attributes before attaching it: below a tree that is itself still detached the kernel refuses changes (EINVAL).
 * Owns nothing; allocates nothing but mountinfo_load(): usable between clone() and exec(). Errors: ERROR_SYSTEM. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* ---- option words ---- */
struct mount_flags {
	uint64_t attr_set, attr_clear;       /* MOUNT_ATTR_*, of this mount */
	uint64_t rec_set, rec_clear;         /* the same, for the whole tree ("rro", "rnosuid", ...) */
	uint64_t propagation;                /* MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE; 0: leave */
	bool propagation_rec;
	bool bind, rbind;
	bool super_ro;                       /* "ro"/"rw": for a new file system also of the superblock */
	bool sync, dirsync, mand, lazytime, silent, iversion;   /* flags of the superblock: fsconfig SET_FLAG */
	bool idmap, ridmap;                  /* "idmap", "ridmap"; explicit mappings are in idmap_text */
	const char *idmap_text;              /* behind "idmap=", borrowed from the option word; NULL */
	bool tmpcopyup;
	bool copy_symlink;                   /* "copy-symlink": a link as bind source is copied, not followed */
};
/* Takes one option word. 1: known, *f updated; 0: not a mount option of ours (a file system's own data); -1: a known
 * word with a value that makes no sense (ERROR_INVALID). */
int mount_flag_parse(const char *word, struct mount_flags *f, struct error *err);
/* The i-th word we know, for completion and documentation; NULL behind the last. */
const char *mount_flag_word(size_t i);

/* ---- making detached mounts ---- */
struct mount_option {
	const char *key, *value;   /* value NULL: a flag */
	int fd;                    /* with value NULL and fd_option: passed with FSCONFIG_SET_FD */
	bool fd_option;
};
struct mount_new {
	const char *fstype, *source;            /* source NULL: none */
	const struct mount_option *options;
	size_t n_options;
	const char *data;                       /* further comma-separated options; NULL */
	bool super_ro;
	uint64_t attrs;                         /* MOUNT_ATTR_* of the mount */
};
/* fsopen + fsconfig + fsmount. The kernel's own message from the fs context is part of the error text. */
int mount_new(const struct mount_new *m, struct error *err);
/* open_tree(OPEN_TREE_CLONE): a detached copy of what is at (dirfd, path), with everything below it when recursive.
 * path "": of the descriptor itself (O_PATH is fine). */
int mount_clone(int dirfd, const char *path, bool recursive, struct error *err);
/* mount_setattr on a detached or attached mount. idmap_fd: a user namespace descriptor (MOUNT_ATTR_IDMAP), or -1. */
struct mount_attrs {
	uint64_t set, clear, propagation;
	int idmap_fd;
	bool recursive;
};
#define MOUNT_ATTRS_INIT { .idmap_fd = -1 }
int mount_set_attrs(int mount_fd, struct mount_attrs a, struct error *err);
/* Applies everything of parsed option words that is an attribute (rec_*, attr_*, propagation) in the right order; in a
 * user namespace flags that are locked by the source mount are kept instead of failing. */
int mount_apply_flags(int mount_fd, const struct mount_flags *f, struct error *err);

/* ---- attaching ---- */
/* move_mount(mount_fd, "" -> target_fd, ""). Afterwards target_fd shows the directory *below* the new mount. */
int mount_attach(int mount_fd, int target_fd, struct error *err);
/* As mount_attach, then checks that `root`-relative path now is that mount (mount ids agree) and returns an O_PATH
 * descriptor inside it; ERROR_DENIED when somebody exchanged the path meanwhile. */
int mount_attach_verified(int mount_fd, int root, const char *path, int target_fd, struct error *err);

/* ---- looking ---- */
/* The unique (never reused) mount id where the kernel has it (6.8), else the ordinary one. */
int mount_id(int fd, uint64_t *ret, struct error *err);
struct mount_stat {
	uint64_t id, parent_id;
	uint64_t attrs;             /* MOUNT_ATTR_* */
	uint64_t propagation;       /* MS_* */
	uint32_t sb_magic, sb_flags;
	uint32_t dev_major, dev_minor;
	char fstype[32];
	char root[256];             /* root of the mount within its file system, cut */
};
/* statmount(2). On older kernels and for detached mounts only id, attrs, sb_magic and device are filled in. */
int mount_stat(int fd, struct mount_stat *ret, struct error *err);
bool mount_is_fstype(int fd, uint32_t magic);   /* fstatfs */

/* ---- detaching ---- */
/* umount2(MNT_DETACH | UMOUNT_NOFOLLOW) of what is mounted at the descriptor / path. Nothing mounted: success. */
int mount_detach_fd(int fd, struct error *err);
int mount_detach(const char *path, struct error *err);
/* Sets propagation of the whole tree at path ("/"): MS_PRIVATE, MS_SLAVE, ... */
int mount_set_propagation(const char *path, uint64_t propagation, bool recursive, struct error *err);
/* pivot_root into new_root_fd and drop the old root, without a directory for it: fchdir, pivot_root(".", "."),
 * umount2(".", MNT_DETACH), chdir("/"). new_root must be a mount. */
int mount_pivot(int new_root_fd, struct error *err);
/* Without pivot_root (initramfs): MS_MOVE onto "/" and chroot, after unmounting what a chroot would leave in reach. */
int mount_move_root(int new_root_fd, struct error *err);

/* ---- the table ---- [alloc] */
struct mountinfo {
	uint64_t id, parent_id;
	uint32_t major, minor;
	char *root, *target, *options, *optional, *fstype, *source, *super_options;   /* unescaped */
};
struct mountinfo_list {
	struct mountinfo *v;
	size_t n;
};
int mountinfo_parse(const char *text, struct mountinfo_list *ret, struct error *err);
/* /proc/PID/mountinfo; pid 0: our own. */
int mountinfo_load(pid_t pid, struct mountinfo_list *ret, struct error *err);
void mountinfo_done(struct mountinfo_list *l);
#define auto_mountinfo CLEANUP(mountinfo_done) struct mountinfo_list
/* The mount a path lies on: the longest target that is the path or above it, the last such. NULL: none. */
const struct mountinfo *mountinfo_find(const struct mountinfo_list *l, const char *path);

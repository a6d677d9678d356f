/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs.h - a container's root file system: layers below, a private upper directory above.
 *
 * Overlay with redirect_dir=nofollow, metacopy=off, index=off (our layers come from strangers), `userxattr` rootless,
 * `volatile` for transient containers. Where overlay cannot be had (driver vfs, or the kernel refuses) the tree is
 * copied once per container. An image without layers gets a private empty directory.
 * store_rootfs_open() makes a mount that is attached nowhere: the caller moves it into the container's mount
 * namespace, the host never sees it. Host-visible mounts (container mount, cp, export) are counted in the run database
 * and undone by store_rootfs_unmount(), removal and recovery. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "store/container.h"
#include "store/store.h"

struct idmap_pair;

struct rootfs_options {
	const char *id;               /* container; its directories exist */
	const struct strv *layers;    /* diff-ids, lowest first */
	bool transient;               /* overlay `volatile` */
	bool read_only;               /* the mount itself is read-only; upper is still there for a later commit */
	int userns_fd;                /* the container's own user namespace, or -1: none. Rootful: lower layers are id-mapped */
	const struct idmap_pair *maps;   /* the same as a table (os/idmap.h): for where the kernel cannot map; NULL: none */
	uid_t root_uid;               /* host ids of the container's root, owners of the upper directory */
	gid_t root_gid;
	const char *mount_label;      /* SELinux context= or NULL */
	bool mountpoints;             /* /proc, /etc/hosts, ... that the image lacks come from a shared lowest layer */
};
#define ROOTFS_OPTIONS_INIT { .userns_fd = -1 }

/* *ret_fd: a detached mount (O_CLOEXEC, O_PATH). Safe after fork (files only, no database); allocates: not between
 * clone() and exec(). Must run in the mount namespace the store is visible in. */
int store_rootfs_open(const struct store *s, const struct rootfs_options *o, int *ret_fd, struct error *err);
/* The upper directory, made when it is missing, without mounting anything; from then on the container is never copied:
 * where overlay cannot be had, opening it is an error. For those who write whiteouts there themselves. Descriptor. */
int store_rootfs_make_upper(const struct store *s, const struct rootfs_options *o, struct error *err);
/* Whether opening will first copy layers to give them other owners (slow, once per layer and mapping). 1/0. */
int store_rootfs_needs_copy(const struct store *s, const struct rootfs_options *o, struct error *err);
/* Whether this container's root is a copy instead of an overlay: driver vfs, or overlay was tried in vain. */
bool store_rootfs_is_copy(const struct store *s, const char *id);
/* Whether new containers of this store get overlays: false with driver vfs, and where the kernel refuses one with its upper
 * directory here, which is tried. Makes and removes a directory; true when even that cannot be done. */
bool store_carries_overlay(struct store *s);
/* A read-only detached mount of an image's layers alone (mount type=image). */
int store_rootfs_open_layers(const struct store *s, const struct strv *layers, int *ret_fd, struct error *err);

/* Trees given as descriptors, for a build: layers that are not committed yet have no name. */
struct rootfs_trees {
	const int *lower;             /* lowest first */
	size_t n;
	int upper, work;              /* directories of one file system; -1: read-only */
	bool kept;                    /* the upper directory outlives a crash: not mounted volatile */
};
#define ROOTFS_TREES_INIT { .upper = -1, .work = -1 }
/* As store_rootfs_open(): an overlay (volatile), or with nothing below the upper directory itself. Nothing is copied:
 * where overlay cannot be had this is an error. Safe after fork. */
int store_rootfs_open_trees(const struct store *s, const struct rootfs_trees *t, int *ret_fd, struct error *err);

/* The same over an image's layers; t->lower and t->n are not looked at. */
int store_rootfs_open_over(const struct store *s, const struct strv *layers, const struct rootfs_trees *t, int *ret_fd,
			   struct error *err);

/* Mounts the container's root where the host sees it, or returns the place where it already is (the container's own
 * root, cloned, when it runs). malloc'ed path. Counted: every mount needs one unmount. Caller holds the lock. */
int store_rootfs_mount(struct store *s, const struct container *c, char **ret_path, struct error *err);
/* force: whatever the count. 1: unmounted; 0: still used by others, or was not mounted. */
int store_rootfs_unmount(struct store *s, const char *id, bool force, struct error *err);
/* 1 and malloc'ed path when mounted by us; 0 else. */
int store_rootfs_mounted(struct store *s, const char *id, char **ret_path, struct error *err);

/* The root as seen from outside, as a directory descriptor, for cp, export, diff: /proc/PID/root of a running
 * container, else a detached mount. The result may be used with path_open_in_root(). */
int store_rootfs_view(struct store *s, const struct container *c, int *ret_fd, struct error *err);

/* The root alone, as a detached mount: what is mounted inside a running container is not in it (commit --squash, export). */
int store_rootfs_bare(struct store *s, const struct container *c, int *ret_fd, struct error *err);

/* Bytes in the container's own upper directory, and those of its layers together. */
struct rootfs_size { int64_t rw, root; };
int store_rootfs_size(struct store *s, const struct container *c, struct rootfs_size *ret, struct error *err);

enum rootfs_change_kind { ROOTFS_MODIFIED, ROOTFS_ADDED, ROOTFS_DELETED };   /* Docker's 0, 1, 2 */
struct rootfs_change {
	char *path;          /* absolute inside the container */
	enum rootfs_change_kind kind;
};
struct rootfs_changes {
	struct rootfs_change *v;
	size_t n;
};
void rootfs_changes_done(struct rootfs_changes *c);
#define auto_rootfs_changes CLEANUP(rootfs_changes_done) struct rootfs_changes
/* Where the root is a copy the mount points made for the container count as changes: takes those out that hold nothing.
 * `root`: the copy. */
void rootfs_changes_drop_places(struct rootfs_changes *c, int root);
/* What the container changed against its layers, sorted by path. */
int store_rootfs_diff(struct store *s, const struct container *c, struct rootfs_changes *ret, struct error *err);
/* What layer i (0 lowest) of the list adds over those below it. */
int store_layers_diff(struct store *s, const struct strv *layers, size_t i, struct rootfs_changes *ret,
		      struct error *err);
/* What one complete tree has over another: files differ when owner, mode, size or time do. */
int store_trees_diff(int tree, int base, struct rootfs_changes *ret, struct error *err);
/* The upper directory (its overlay whiteouts are char 0:0 devices or, rootless, user.overlay.* attributes): for commit. */
int store_rootfs_upper(const struct store *s, const char *id, struct error *err);   /* descriptor */

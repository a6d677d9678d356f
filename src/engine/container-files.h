/* SPDX-License-Identifier: Apache-2.0
 * engine/container-files.h - a container's files seen from outside: diff, export, mount.
 * Owns nothing. Not after fork(). Allocates. */
#pragma once
#include "engine/container.h"
#include "store/rootfs.h"

enum diff_kind { DIFF_ANY, DIFF_CONTAINER, DIFF_IMAGE };
/* What `name` (a container or an image) changes against `base`, or when that is NULL: a container against its image, an
 * image against all its layers but the last. Mount points and files the engine makes are left out. Sorted by path. */
int engine_diff(struct engine *e, const char *name, const char *base, enum diff_kind kind, struct rootfs_changes *ret,
		struct error *err);

/* The container's root as a tar stream, without what is mounted into it. EPIPE when nobody reads. */
int ctr_export(struct ctr *c, int out, struct error *err);

/* Mounts the root where the host sees it; counted: malloc'ed path. */
int ctr_mount(struct ctr *c, char **ret_path, struct error *err);
/* force: whatever the count. 1: unmounted now; 0: others still use it, or it was not mounted. */
int ctr_unmount(struct ctr *c, bool force, struct error *err);
/* 1 and malloc'ed path, 0 not mounted. */
int ctr_mounted(struct ctr *c, char **ret_path, struct error *err);

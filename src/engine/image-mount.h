/* SPDX-License-Identifier: Apache-2.0
 * engine/image-mount.h - images mounted read-only where the host (rootless: the user's namespace) sees them.
 *
 * A mounted image is at <runroot>/images/ID/root; <runroot>/images/ID/count says how many mounts want as many unmounts.
 * Changes under the lock image-mount/ID. Allocates. */
#pragma once
#include "base/str.h"
#include "engine/engine.h"

/* Counted; *ret_path: malloc'ed. */
int image_mount(struct engine *e, const char *id, char **ret_path, struct error *err);
/* 1: it is gone; 0: others still want it, or it was not mounted. force: whatever the count. */
int image_unmount(struct engine *e, const char *id, bool force, struct error *err);
/* 1 and *ret_path (malloc'ed) when it is mounted; 0 else. */
int image_mounted(struct engine *e, const char *id, char **ret_path, struct error *err);
/* Ids of all mounted images, appended. */
int image_mounts(struct engine *e, struct strv *ret, struct error *err);

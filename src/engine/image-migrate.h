/* SPDX-License-Identifier: Apache-2.0
 * engine/image-migrate.h - moving in from Podman. Its store is only read, and only by itself (`podman save`).
 * Not after fork(). */
#pragma once
#include "engine/image.h"

/* Copies every image of the Podman at `podman` (a path; NULL or "": the one in PATH) that is not here; names that are
 * there move here. Appends the names. ERROR_NOT_FOUND: no Podman. */
int image_migrate_podman(struct engine *e, const char *podman, const struct image_progress *progress, struct strv *ret,
			 struct error *err);

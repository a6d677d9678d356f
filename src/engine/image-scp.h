/* SPDX-License-Identifier: Apache-2.0
 * engine/image-scp.h - images between machines and between users of this one: saved there, loaded here, the archive goes
 * through an unnamed file. Other machines are reached by ssh and run `podman` there. Allocates; runs programs. */
#pragma once
#include "engine/image.h"

struct image_scp {
	enum archive_kind format;        /* docker-archive or oci-archive */
	bool quiet;
	struct image_progress progress;
};
/* [[USER@]HOST::|CONNECTION::]IMAGE; a destination may end in "::". dst NULL: the image comes here. What was loaded is
 * printed by who loads it; names loaded here are appended to ret_names. */
int image_scp(struct engine *e, const char *src, const char *dst, const struct image_scp *o, struct strv *ret_names,
	      struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/pull.h - the image a container is made of: found here, or pulled as the policy says. Allocates. */
#pragma once
#include "engine/engine.h"
#include "engine/params.h"
#include "store/image.h"

/* --pull: always, missing (default), never, newer. *ret_name: malloc'ed full name or NULL. ERROR_NOT_FOUND `X: image not
 * known`. */
int image_obtain(struct engine *e, const char *what, const struct params_image *p, unsigned want, struct store_image *ret,
		 char **ret_name, struct error *err);

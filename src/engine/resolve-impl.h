/* SPDX-License-Identifier: Apache-2.0
 * engine/resolve-impl.h - parts of params_resolve() (resolve.c). */
#pragma once
#include "engine/resolve.h"

/* Weakest first: built in, containers.conf, image, proxies, host (--env-host), what the user said. (resolve-env.c) */
int resolve_env(struct params_process *p, const struct image_defaults *image, const struct engine *e,
		struct error *err);
/* Tests from commands, defaults, what excludes what. (resolve-health.c) */
int resolve_health(struct params_health *h, const struct image_defaults *image, struct error *err);

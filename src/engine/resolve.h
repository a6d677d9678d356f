/* SPDX-License-Identifier: Apache-2.0
 * engine/resolve.h - folds the image's configuration and containers.conf into a container's params.
 *
 * After params_resolve() the params say exactly what the container gets; nothing looks at the image's configuration
 * or at defaults any more. Order of strength: given by the user, image, containers.conf, built in.
 * Reads no files except what an option names (env files were read by params_finish()). Allocates. */
#pragma once
#include "base/error.h"
#include "engine/engine.h"
#include "engine/params.h"

/* What an image says about its containers (OCI image config "config", plus Docker's health check). Borrowed strings
 * are not allowed: the caller frees it with image_defaults_done(). */
struct image_defaults {
	struct strv entrypoint, cmd, env, volumes, exposed_ports;
	struct strmap labels;
	char *user, *workdir, *stop_signal;
	struct strv health_test;
	int64_t health_interval, health_timeout, health_start_period;   /* ns, 0: unset */
	uint64_t health_retries;
};
extern const struct field image_defaults_rows[];
void image_defaults_done(struct image_defaults *d);
/* From the text of an image's configuration blob. */
int image_defaults_load(const char *what, const char *text, size_t len, struct image_defaults *ret,
			struct error *err);

/* Health settings that were changed later: tests are made anew from commands that are new, what is now defined gets the
 * defaults, what is switched off goes. */
int health_params_refresh(struct params_health *h, bool command, bool startup, struct error *err);

int params_resolve(struct container_params *p, const struct image_defaults *image, struct engine *e,
		   struct error *err);

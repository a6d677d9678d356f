/* SPDX-License-Identifier: Apache-2.0
 * build/working.h - Buildah's working containers: an image that is made step by step from the command line.
 *
 * A working container is a created container that is never started: its upper directory grows by working_run() and
 * working_copy(), its configuration by instructions kept in its directory (one a line), and working_commit() makes an image
 * of both. Owns nothing between calls. Not after fork(). Allocates. */
#pragma once
#include "build/options.h"
#include "engine/container.h"


/* name NULL: "IMAGE-working-container", with "-N" behind it when that is taken. */
int working_from(struct engine *e, const char *image, const char *name, const char *pull, struct ctr **ret, struct error *err);
bool working_is(struct ctr *c);
/* ERROR_INVALID for an ordinary container. */
int working_find(struct engine *e, const char *name, struct ctr **ret, struct error *err);
/* Runs a command as RUN would, with our standard output. *ret_code: its exit code. */
int working_run(struct ctr *c, const struct strv *args, const struct build_options *o, int *ret_code, struct error *err);
struct working_copy {
	const struct strv *sources;
	const char *destination;   /* NULL: the working directory */
	const char *chown, *chmod;
};
int working_copy(struct ctr *c, const struct working_copy *o, char ret_digest[65], struct error *err);
/* Instructions as `commit --change` takes them; checked, then kept. */
int working_config(struct ctr *c, const struct strv *instructions, struct error *err);
int working_commit(struct ctr *c, const char *name, const char *format, bool squash, char ret_id[65], struct error *err);

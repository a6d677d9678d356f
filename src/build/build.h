/* SPDX-License-Identifier: Apache-2.0
 * build/build.h - a Containerfile becomes an image.
 *
 * build_image() does it all: contexts, parsing, the graph, base images, the steps (as many at the same time as can be),
 * the cache, the image and its names. It prints nothing: what happens is told through events, in the order it happens;
 * whoever shows them may put those of one stage behind those of another. Nothing is left behind when it fails or is
 * killed, except results of steps in the cache. Not after fork(). Allocates. */
#pragma once
#include "build/options.h"
#include "engine/engine.h"

enum build_event_type {
	BUILD_STEP,          /* a step begins: text */
	BUILD_OUTPUT,        /* bytes of the step's command: text, len, is_err */
	BUILD_CACHED,        /* its result was in the cache: id */
	BUILD_STEP_DONE,     /* id of the image so far */
	BUILD_STAGE_DONE,
	BUILD_COMMIT,        /* text: the name, or "" */
	BUILD_TAGGED,        /* text: full name */
	BUILD_IMAGE,         /* id: done */
	BUILD_TICK,          /* time passes (request.ticks) */
	BUILD_NOTE,          /* text: a line of progress (pulls) or a warning */
	BUILD_EVENT_MAX
};
struct build_event {
	enum build_event_type type;
	size_t stage, n_stages;      /* from 0; of how many in the file */
	size_t step, n_steps;        /* from 1 */
	const char *name;            /* of the stage, or NULL */
	const char *text;
	size_t len;
	const char *id;              /* 64 digits */
	bool is_err, last;           /* last: the step is its stage's last, of the target */
};

struct build_request {
	const struct build_options *options;
	const char *context;         /* as the user gave it; NULL: none */
	int stdin_fd;                /* for '-' */
	bool ticks;                  /* BUILD_TICK ten times a second */
	void (*event)(void *data, const struct build_event *e);
	void *data;
};
struct build_result {
	char id[65];                 /* "" when there is none (--check, --output without image) */
	char manifest[72];           /* digest of its manifest */
	int status;                  /* exit code of the command that failed; 0: something else went wrong */
	struct strv names;
};
void build_result_done(struct build_result *r);
/* Failures: ERROR_EXIT never; ret->status carries a failed command's exit code. */
int build_image(struct engine *e, const struct build_request *r, struct build_result *ret, struct error *err);
/* The platforms that all base images of the stages that are needed have ("os/arch[/variant]"); they must be manifest lists,
 * here or in a registry. Nothing is built. */
int build_all_platforms(struct engine *e, const struct build_request *r, struct strv *ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/working-step.h - (internal) one step in a working container: the steps of a build, without a layer.
 * Owns a stage of the store, the container's trees as descriptors and the directory it works in. */
#pragma once
#include "build/build-impl.h"
#include "build/working-internal.h"

struct working_step {
	struct store *store;
	struct stage *stage;
	struct trees layers, from;
	int upper, scratch;
};
#define WORKING_STEP_INIT { .upper = -1, .scratch = -1 }
/* Opens all of it and tells the job of it. */
int working_step_begin(struct working_step *w, struct ctr *c, struct step_job *j, struct error *err);
/* Runs the job to its end. *m: its last message, also when it failed. */
int working_step_finish(struct step *s, struct step_job *j, struct step_message *m, struct error *err);
void working_step_done(struct working_step *w);

/* SPDX-License-Identifier: Apache-2.0
 * build/config.h - what a step that only says something about the image does to its config.
 * Pure; the config owns all. Allocates. */
#pragma once
#include "build/containerfile.h"
#include "image/config-change.h"

/* What a stage has said so far that later steps depend on. */
struct config_state {
	bool cmd_set;        /* a CMD of this stage: an ENTRYPOINT behind it keeps it */
};

/* Whether build_config_apply() is all there is to do for this kind (WORKDIR also makes the directory, VOLUME and USER
 * nothing else; ADD ARG COPY FROM RUN: false). */
bool build_config_is(enum instruction_kind k);
/* `in` is already expanded. ENV: the pairs as expanded. */
int build_config_apply(struct image_config *c, struct config_state *state, const struct instruction *in, struct error *err);

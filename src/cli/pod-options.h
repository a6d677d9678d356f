/* SPDX-License-Identifier: Apache-2.0
 * cli/pod-options.h - what `pod create` shares with `run --pod new:NAME`. Owns nothing. */
#pragma once
#include "cli/cli.h"
#include "engine/pod.h"

/* --replace: the pod of that name goes; none is fine. */
int pod_options_replace(struct engine *e, const char *name, struct error *err);
/* --pod-id-file: a new file with the id. */
int pod_options_write_id(const char *path, const struct pod *pod, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/inspect.h - what `inspect` shows of a container: one struct, one set of rows with Podman's names.
 * Owns its strings. Templates (base/value.h) and JSON walk the same rows. Allocates. */
#pragma once
#include "base/value.h"
#include "engine/container.h"

struct container_inspect;
extern const struct value_type container_inspect_type;

/* Fills a new struct from the container; `size`: also SizeRw and SizeRootFs (walks the upper directory). */
int ctr_inspect(struct ctr *c, bool size, struct container_inspect **ret, struct error *err);
void container_inspect_free(struct container_inspect *i);
DEFINE_CLEANUP(struct container_inspect, container_inspect_free);

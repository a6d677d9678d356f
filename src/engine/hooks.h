/* SPDX-License-Identifier: Apache-2.0
 * engine/hooks.h - OCI hooks of the host (oci-hooks(5)): JSON files in the hooks directories that add programs to the
 * life of containers they match.
 * Directories: --hooks-dir, else containers.conf hooks_dir, else the usual places. Read at every start; nothing is
 * cached. A file of the same name in a later directory replaces the earlier one. Allocates. */
#pragma once
#include "engine/container.h"
#include "oci/runtime.h"

/* Adds the matching hooks of every stage to *to. ERROR_INVALID names the file. */
int hooks_load(const struct ctr *c, struct oci_hooks *to, struct error *err);
/* Runs the matching hooks of a stage outside of the runtime (poststart, poststop). */
int hooks_run(struct ctr *c, enum oci_hook_kind kind, const char *status, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/version.h - what this program calls its version.
 *
 * Two numbers: our own (UMIAK_VERSION), and the Podman release whose command line, files and API we answer like
 * (PODMAN_LEVEL). Scripts and clients compare the second, so it is the answer under the names podman and docker and
 * the API version under every name.
 * Owns nothing. */
#pragma once
#include "base/value.h"

#define PODMAN_LEVEL "6.0.0"
#define SKOPEO_LEVEL "1.22.0"   /* whose command line `skopeo` is */

struct version {
	char *api_version, *version, *go_version, *git_commit, *built_time, *build_origin, *os_arch, *os;
	char *engine_version;   /* ours */
	int64_t built;          /* Unix seconds */
};
extern const struct field version_rows[];
extern const struct value_type version_type;

/* Fills *ret for a program called `program`; fields_done(version_rows, ...) frees it. */
int version_get(const char *program, struct version *ret, struct error *err);
/* The number shown under that name. Borrowed. */
const char *version_number(const char *program);

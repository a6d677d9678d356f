/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-profile.h - internal to os/seccomp: names and numbers of actions, between the parts. */
#pragma once
#include <json-c/json.h>

#include "os/seccomp.h"

/* Whether the container gets a group of the built-in policy; number of a socket family. */
bool seccomp_group_is_allowed(const struct seccomp_builtin *b, int group);
int seccomp_family_number(const char *name, uint32_t *ret, struct error *err);

/* SECCOMP_RET_* of a "SCMP_ACT_*" word with its errno (for ERRNO and TRACE). */
int seccomp_action_parse(const char *name, uint32_t errnum, uint32_t *ret, struct error *err);
/* Compiles a runtime-spec linux.seccomp object with libseccomp. */
int seccomp_compile(struct json_object *spec, bool ignore_unknown, struct seccomp_filter *ret, struct error *err);

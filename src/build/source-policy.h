/* SPDX-License-Identifier: Apache-2.0
 * build/source-policy.h - BuildKit's source policy: which images and URLs a build may use, and what is used instead.
 *
 *     {"rules": [{"action": "DENY"|"ALLOW"|"CONVERT", "selector": {"identifier": "docker-image://...", "matchType":
 *      "WILDCARD"|"EXACT"}, "updates": {"identifier": "...", "attrs": {"http.checksum": "sha256:..."}}}]}
 *
 * The first rule that fits decides; without one the source is allowed. Images are known by their full names, URLs of ADD
 * as they are written. Pure but for reading the file. Owns its rules. Allocates. */
#pragma once
#include "base/field.h"

#define SOURCE_POLICY_BYTES_MAX ((size_t)1 << 20)

enum source_action { SOURCE_ALLOW, SOURCE_DENY, SOURCE_CONVERT };

struct source_policy {
	struct list rules;
};
void source_policy_done(struct source_policy *p);
/* *ret must be zeroed. */
int source_policy_parse(const char *text, size_t len, struct source_policy *ret, struct error *err);
int source_policy_read(const char *path, struct source_policy *ret, struct error *err);

/* An image's name (not "scratch"): malloc'ed name to use in *ret. ERROR_DENIED when a rule says so. */
int source_policy_image(const struct source_policy *p, const char *name, char **ret, struct error *err);
/* The same of a URL; *ret_checksum (malloc'ed): digest the rule demands, or NULL. */
int source_policy_url(const struct source_policy *p, const char *url, char **ret, char **ret_checksum, struct error *err);

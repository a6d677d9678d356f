/* SPDX-License-Identifier: Apache-2.0
 * image/policy.h - policy.json (containers-policy.json(5)): may an image from this place be used?
 *
 * Fails closed: what is rejected is refused, and what would need a signature is refused too, by name, until signatures
 * can be verified here. Strict: an unknown member rejects the file. No file at all accepts everything with Podman's
 * packages' default (insecureAcceptAnything). Reads files. Not between clone() and exec(). */
#pragma once
#include "base/json.h"
#include "conf/paths.h"
#include "image/reference.h"

/* 0: may be used. ERROR_DENIED: the policy says no, or asks for signatures. file: --signature-policy or NULL.
 * scope: for docker the full name "host/path:tag" or "...@digest", else the path. */
int policy_check(const struct paths *paths, const char *file, enum transport transport, const char *scope,
		 struct error *err);
/* The decision from a parsed document; `what` names it in messages. For tests. */
int policy_decide(struct json_object *policy, const char *what, enum transport transport, const char *scope,
		  struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * conf/registries-d.h - where signatures of images lie (containers-registries.d(5)).
 * Reads ~/.config/containers/registries.d when it is there, else /etc/containers/registries.d, else
 * /usr/share/containers/registries.d. Allocates: not between clone() and exec(). */
#pragma once
#include "base/json.h"
#include "conf/paths.h"

struct lookaside {
	char *read, *write;    /* URL without a slash at its end: where signatures are looked for, and put */
	bool attachments;      /* signatures lie as images in the registry itself (sigstore) */
};
void lookaside_done(struct lookaside *l);
#define auto_lookaside CLEANUP(lookaside_done) struct lookaside

/* For a full name "host/path[:tag][@digest]"; dir: --registries.d or NULL. Without a word about it: the default
 * directory of this user for both, no attachments. */
int lookaside_find(const struct paths *paths, const char *dir, const char *name, struct lookaside *ret, struct error *err);
/* All namespaces with what they say: {"default-docker": {...}, "docker": {NAMESPACE: {...}}}. For `image trust show`. */
int registries_d_load(const struct paths *paths, const char *dir, struct json_object **ret, struct error *err);
/* "host/a/b:1" -> "host/a/b" -> "host/a" -> "host" -> "*.domain": the next wider scope in place; false: no more. */
bool scope_widen(char *scope);

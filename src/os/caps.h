/* SPDX-License-Identifier: Apache-2.0
 * os/caps.h - capabilities: names, sets, applying them to the calling thread.
 * Owns nothing, allocates nothing: usable between clone() and exec(). An unknown name is an error, never "all". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef uint64_t capset;   /* bit n = capability number n */

struct caps {
	capset bounding, permitted, effective, inheritable, ambient;
};

/* "CAP_CHOWN", or NULL for numbers without a name. */
const char *caps_name(unsigned number);
/* With or without CAP_, in any case. False: unknown. */
bool caps_number(const char *name, unsigned *ret);
/* Adds a name, or "ALL" (everything the kernel knows), to the set. ERROR_INVALID for unknown names. */
int caps_parse(const char *name, capset *set, struct error *err);
int caps_parse_list(const struct strv *names, capset *set, struct error *err);
/* [alloc] Appends the names ("CAP_...") of the set, ascending. */
int caps_format(capset set, struct strv *ret, struct error *err);
/* The default of containers: 11 capabilities (reference: hardening). */
capset caps_default(void);
/* The highest capability the running kernel knows (cap_last_cap). */
unsigned caps_last(void);
capset caps_all(void);   /* 0 .. caps_last() */

/* The calling thread's own sets. */
int caps_get(struct caps *ret, struct error *err);
bool caps_have(unsigned number);   /* in the effective set */

/* Applying happens in two halves around setresuid(): */
/* 1. Drops the bounding set to c->bounding and sets PR_SET_KEEPCAPS; call while still privileged. */
int caps_apply_bounding(const struct caps *c, struct error *err);
/* 2. Sets permitted, effective, inheritable, then ambient exactly. Capabilities that the thread cannot have because it
 * lacks them itself are an error (EPERM) unless `lenient`: then they are left out (rootless, nested). */
int caps_apply(const struct caps *c, bool lenient, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/trust-conf.h - policy.json as people see and change it: `image trust show` and `set`. Owns its rows. Allocates. */
#pragma once
#include "base/value.h"
#include "engine/engine.h"

struct trust_row {
	char *transport, *name, *repo_name, *store, *type, *gpg_id;
};
extern const struct field trust_row_rows[];
void trust_rows_done(struct list *rows);
#define auto_trust_rows CLEANUP(trust_rows_done) struct list
/* Appends struct trust_row; file: --signature-policy, registries_d: --registrypath; both may be NULL. */
int trust_show(struct engine *e, const char *file, const char *registries_d, struct list *ret, struct error *err);
/* The policy file's text, malloc'ed. */
int trust_raw(struct engine *e, const char *file, char **ret, struct error *err);

struct trust_change {
	const char *file, *type;     /* type: accept, reject, signedBy, sigstoreSigned */
	const char *scope;           /* "default", or a registry or repository */
	const struct strv *keys;     /* files */
};
int trust_set(struct engine *e, const struct trust_change *c, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/secret-driver.h - where the bytes of secrets are kept: one row per driver. Only secret.c includes it. */
#pragma once
#include "engine/secret.h"

struct secret_driver_ops {
	const char *name;
	/* Completes the options with defaults and checks them, when a secret is made. */
	int (*prepare)(struct engine *e, struct strmap *options, struct error *err);
	int (*store)(struct engine *e, const struct secret *s, const void *data, size_t len, struct error *err);
	int (*lookup)(struct engine *e, const struct secret *s, struct buf *to, struct error *err);
	int (*remove)(struct engine *e, const struct secret *s, struct error *err);
};
/* ERROR_INVALID "invalid driver: no such driver X" */
const struct secret_driver_ops *secret_driver_find(const char *name, struct error *err);
int secret_dir(struct engine *e, char **ret, struct error *err);   /* <root>/secrets */

/* SPDX-License-Identifier: Apache-2.0
 * engine/login.h - logins at registries: checked against the registry, then stored.
 * Does not own: where they are kept (image/auth-store.h), asking people (the edge). Allocates. */
#pragma once
#include "engine/image.h"
#include "image/auth.h"

struct login {
	struct image_remote remote;       /* authfile, cert_dir, tls_verify */
	char *compat_auth_file;
	char *key, *registry;             /* login_target() */
};
extern const struct field login_rows[];   /* --authfile --cert-dir --compat-auth-file --tls-verify */
extern const struct field logout_rows[];  /* --authfile --compat-auth-file */
void login_done(struct login *l);
/* Sets key and registry from what was typed (NULL: the first registry of registries.conf) and checks the files named. */
int login_target(struct engine *e, struct login *l, const char *typed, struct error *err);
/* What is stored for the target: 1/0. */
int login_known(struct engine *e, const struct login *l, struct auth *ret, struct error *err);
/* 0: the registry takes them. ERROR_DENIED `logging into "KEY": invalid username/password` otherwise. */
int login_check(struct engine *e, const struct login *l, const struct auth *a, struct error *err);
/* *ret_where: malloc'ed description of the place. */
int login_store(struct engine *e, const struct login *l, const struct auth *a, char **ret_where, struct error *err);
/* 1: gone; 0: not logged in. Without a key: all of them. */
int login_forget(struct engine *e, const struct login *l, struct error *err);

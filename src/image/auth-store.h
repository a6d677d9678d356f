/* SPDX-License-Identifier: Apache-2.0
 * image/auth-store.h - changing stored logins: `login` and `logout`.
 *
 * The file is the one auth_find() looks into first, or the one named; its other members stay. Written atomically, mode
 * 0600. A host for which the file names a credential helper is left to that helper. Allocates. */
#pragma once
#include "image/auth.h"

struct auth_place {
	const struct paths *paths;
	const char *file;              /* --authfile or --compat-auth-file; NULL: the usual place */
	bool docker;                   /* the file is Docker's: docker.io has Docker's own key */
	const struct strv *helpers;    /* credential-helpers of registries.conf; may be NULL */
};
/* key: "host[:port]" or "host/path". *ret_where (malloc'ed): the file or "credential helper NAME". */
int auth_store(const struct auth_place *at, const char *key, const struct auth *a, char **ret_where, struct error *err);
/* 1: taken away; 0: there was no login. */
int auth_erase(const struct auth_place *at, const char *key, struct error *err);
int auth_erase_all(const struct auth_place *at, struct error *err);

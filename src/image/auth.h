/* SPDX-License-Identifier: Apache-2.0
 * image/auth.h - credentials for registries: containers-auth.json(5), Docker's config.json, credential helpers.
 *
 * Only looked up here, never sent: they go to the fetch worker inside one op_endpoint. A file or helper that is broken is
 * an error, never "no credentials" (security-matrix G8). Secrets appear in no message.
 * Reads files, may run a helper program. Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "conf/paths.h"

struct auth {
	char *username, *password, *identity_token;   /* NULL: none */
};
void auth_done(struct auth *a);   /* wipes them */
#define auto_auth CLEANUP(auth_done) struct auth

/* A file the user named: ERROR_INVALID when it is not there. NULL and "" name none. */
int auth_check_file(const char *file, struct error *err);
/* Credentials for "host[:port]/path": the most specific entry of the first file that has one. authfile: --authfile, or
 * NULL (then $REGISTRY_AUTH_FILE, the run-time directory's auth.json, ~/.config/containers, ~/.docker, ~/.dockercfg).
 * helpers: credential-helpers of registries.conf, may be NULL. 1: found; 0: there are none. */
int auth_find(const struct paths *paths, const char *authfile, const struct strv *helpers, const char *name,
	      struct auth *ret, struct error *err);
/* The file logins go to and are looked for first, malloc'ed. */
int auth_runtime_file(const struct paths *paths, char **ret, struct error *err);
/* "user[:password]" of --creds. */
int auth_parse_creds(const char *creds, struct auth *ret, struct error *err);
/* In one document (pure). 1/0; *ret_helper (malloc'ed) when a helper has to be asked. */
int auth_find_in(struct json_object *doc, bool legacy, const char *name, struct auth *ret, char **ret_helper,
		 struct error *err);

/* Runs docker-credential-NAME VERB with the input; its answer in *out, its wait status in *ret_status. */
int auth_helper_call(const char *name, const char *verb, const char *input, struct buf *out, int *ret_status,
		     struct error *err);
/* What helpers and Docker's files call a registry: borrowed. */
const char *auth_helper_server(const char *host);

/* SPDX-License-Identifier: Apache-2.0
 * worker/token.h - credentials on the wire: Basic, bearer tokens (distribution spec "token authentication", OAuth2
 * refresh), and the certificates of certs.d. */
#pragma once
#include "worker/registry.h"

/* "Basic <base64>". */
int basic_credentials(const char *user, const char *password, char **ret, struct error *err);
/* Asks the realm of e->challenge for a token of e's repository. *ret NULL is possible: then go without. */
int token_fetch(struct endpoint *e, char **ret, struct error *err);
/* Reads *.crt (authorities) and the first *.cert + *.key (client) of the directories. */
int trust_load(struct http_trust *t, const struct strv *dirs, struct error *err);
void trust_done(struct http_trust *t);
/* A server that is not trusted: Go's words in front. Returns -1. */
int trust_blame(struct error *err);

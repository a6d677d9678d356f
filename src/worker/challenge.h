/* SPDX-License-Identifier: Apache-2.0
 * worker/challenge.h - WWW-Authenticate (RFC 9110, 11.6.1): which scheme a registry asks for, and where tokens are had.
 * Pure parsers of hostile bytes. */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/own.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct challenge {
	enum auth_scheme scheme;
	char *realm, *service, *scope;   /* NULL: not given */
};
void challenge_done(struct challenge *c);
#define auto_challenge CLEANUP(challenge_done) struct challenge

/* One header value; may hold several challenges: Bearer is preferred to Basic, unknown schemes are passed over.
 * *ret must be zeroed; scheme NONE when nothing usable is in it. Control characters anywhere are ERROR_CORRUPT. */
int challenge_parse(const char *value, struct challenge *ret, struct error *err);

/* scheme://host[:port] of a URL, lower case. */
struct origin {
	char scheme[8], host[256];
	int port;
};
/* http and https only, no user info: ERROR_INVALID otherwise. */
int origin_parse(const char *url, struct origin *ret, struct error *err);
bool origin_equal(const struct origin *a, const struct origin *b);
/* May credentials meant for `registry` be given to a token server at `realm`? The same host (any port), or a host of
 * the same registered domain ("registry-1.docker.io" and "auth.docker.io"); never from https down to http. */
bool origin_may_have_credentials(const struct origin *registry, const struct origin *realm);

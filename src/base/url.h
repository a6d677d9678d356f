/* SPDX-License-Identifier: Apache-2.0
 * base/url.h - what of an address may be shown and stored, and what is secret.
 * Owns nothing. Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"

/* "scheme://user:password@host/..." (RFC 3986, 3.2.1) in two: *ret_url is the address without the user information, for
 * messages, logs, command lines and servers; *ret_basic the value of an Authorization header made of it (RFC 7617), or as it
 * was when there is none. Both are the caller's. A bad %-escape is ERROR_INVALID, and the message does not show it. */
int url_take_user(const char *url, char **ret_url, char **ret_basic, struct error *err);
/* The user information of every "scheme://" address in a text becomes "xxxxx", or fewer. In place: for what is told or kept of
 * texts that somebody else wrote. */
void url_hide_users(char *text);

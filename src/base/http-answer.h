/* SPDX-License-Identifier: Apache-2.0
 * base/http-answer.h - the answer of an HTTP/1 server, read from a socket by somebody else.
 *
 * For small conversations over local sockets (volume plugins): one request, one answer, the connection is closed. Not for
 * registries: those are the worker's and libcurl's. Owns nothing. RFC 9112.
 * Allocates (the body of a chunked answer): not between clone() and exec(). */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* Looks at what has come so far. `ended`: the peer has closed. 1: complete, *ret_status is set and the body added to `body`;
 * 0: more must come; < 0: no HTTP answer. The outputs are untouched unless it is complete. */
int http_answer_parse(const char *bytes, size_t len, bool ended, int *ret_status, struct buf *body, struct error *err);

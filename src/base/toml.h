/* SPDX-License-Identifier: Apache-2.0
 * base/toml.h - TOML 1.0 read into a json-c tree.
 * Owns nothing between calls. Tables become objects, arrays lists, integers int64, floats doubles, date-times
 * strings as written. Duplicate keys and all other things the specification calls invalid are refused. Size and
 * nesting are bounded. A pure parser: no I/O. Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"
#include "base/json.h"

/* *ret is owned by the caller. ERROR_INVALID "<what>:LINE:COLUMN: reason". */
int toml_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err);

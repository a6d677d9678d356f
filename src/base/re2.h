/* SPDX-License-Identifier: Apache-2.0
 * base/re2.h - Go's (RE2) regular expressions on top of POSIX ones.
 * Owns nothing. What RE2 has and POSIX cannot say is refused by name; what would make the matcher explode (back
 * references, huge repetitions) is refused too. Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"

/* Appends the POSIX extended expression; *ret_fold: "(?i)" was there. ERROR_INVALID "error parsing regexp: ...". */
int regex_translate(const char *pattern, struct buf *to, bool *ret_fold, struct error *err);

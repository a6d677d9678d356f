/* SPDX-License-Identifier: Apache-2.0
 * build/expand-pattern.h - the shell patterns of ${V#p}, ${V%p} and ${V/p/r}: '*', '?', escaped and plain characters.
 * Pure; bounded work (ERROR_INVALID when value times pattern is too much). Allocates. */
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* The value without its shortest (longest) beginning (prefix) or end that fits. malloc'ed *ret. */
int pattern_cut(const char *value, const char *pattern, char escape, bool prefix, bool longest, char **ret,
		struct error *err);
/* The value with the first (all) longest fits replaced by `by`, from left to right. malloc'ed *ret. */
int pattern_replace(const char *value, const char *pattern, char escape, const char *by, bool all, char **ret,
		    struct error *err);

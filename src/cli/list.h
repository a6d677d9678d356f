/* SPDX-License-Identifier: Apache-2.0
 * cli/list.h - the end of every plain `ls`: filters choose from an array, a template or a table shows what is left.
 * Owns nothing. */
#pragma once
#include "base/filter.h"
#include "base/format.h"
#include "base/value.h"

struct list_of {
	const char *name, *what;          /* "volume ls"; "volumes", for errors */
	size_t n;
	const void *objects;              /* what filters look at */
	size_t object_size;
	const void *shown;                /* what is shown of each, by `type`; NULL: the objects themselves */
	size_t shown_size;
	const struct value_type *type;
	const struct filters *filters;
	const char *format, *fallback;    /* the user's (may be NULL); without it */
	const struct format_header *headers;
	bool noheading;
};
int list_print(const struct list_of *l, struct error *err);

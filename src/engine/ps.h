/* SPDX-License-Identifier: Apache-2.0
 * engine/ps.h - the rows of `ps`, and the filters of every command that selects containers.
 * Owns the rows' strings. Rows are made from the index alone (no image is opened, no process asked beyond syncing
 * states), so that listing many containers is cheap. Allocates. */
#pragma once
#include "base/filter.h"
#include "base/value.h"
#include "engine/container.h"

struct ps_row;
extern const struct value_type ps_row_type;
extern const size_t ps_row_size;

struct ps_options {
	bool all;                      /* not only running ones */
	bool latest, size, namespaces, pod, external;
	int64_t last;                  /* only the newest n, any state; 0: no limit */
	const struct strv *filters;
	const char *sort;              /* command created id image names runningfor size status; NULL: created */
	bool no_trunc;
};
struct ps_rows {
	struct ps_row *v;
	size_t n;
};
int ps_list(struct engine *e, const struct ps_options *o, struct ps_rows *ret, struct error *err);
void ps_rows_done(struct ps_rows *r);
/* Borrowed view for base/format.h. */
struct value ps_rows_value(const struct ps_rows *r);

/* The filter keys of ps (also rm, stop, ...); objects are struct container_filter_object. */
struct container_filter_object {
	struct ctr *container;
	struct engine *engine;
};
extern const struct filter_key container_filter_keys[];

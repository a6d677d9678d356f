/* SPDX-License-Identifier: Apache-2.0
 * base/value-internal.h - between value*.c and template*.c only. */
#pragma once
#include "base/buf.h"
#include "base/units.h"
#include "base/value.h"

/* How one way of keeping data is looked at. */
struct value_ops {
	const char *kind_name;                           /* Go's name of the type, or */
	const char *(*type_name)(const struct value *v);
	size_t (*len)(const struct value *v);
	int (*at)(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		  struct error *err);
	/* 1, 0 or -1; NULL: nothing to find by name. Maps always answer 1, with VALUE_MISSING. */
	int (*get)(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
		   struct value *ret, struct error *err);
	int (*save)(const struct value *v, struct json_object **ret, struct error *err);   /* NULL: member by member */
	bool takes_args;       /* has methods: `args` reach .get */
	bool zero_is_string;   /* maps: `index` of a key that is not there gives "" */
};

struct value value_missing(void);
/* What `index` gives for a key that the map does not have. */
struct value value_zero_of(const struct value *map);
/* The pool owns the reference from now on, also on failure. */
int value_pool_keep(struct value_pool *p, struct json_object *tree, struct error *err);
/* value_ops.len of what keeps its number in c.n. */
size_t value_count(const struct value *v);
/* Go's rule: begins with a capital. */
bool value_name_is_exported(const char *name);
/* Equal without regard to case and underscores. */
bool value_name_matches(const char *want, const char *have);
/* A type's method or row of that name. */
bool value_type_has(const struct value_type *type, const char *name);
/* Methods of time.Time and time.Duration; 1, 0, -1 as value_call(). */
int value_time_call(const struct value *v, const char *name, struct value_call *c, struct value *ret,
		    struct error *err);
/* Indices of a map's members in the order of their keys, from the pool; NULL when it is full. Caches keys' order. */
size_t *value_sorted_keys(struct value_pool *p, const struct value *map);
/* Go's fmt.Sprintf, Sprint and Sprintln. */
void value_printf(struct value_pool *p, struct buf *to, const char *format, size_t len, const struct value *args,
		  size_t n);
void value_sprint(struct value_pool *p, struct buf *to, const struct value *args, size_t n, bool line);

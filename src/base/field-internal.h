/* SPDX-License-Identifier: Apache-2.0
 * base/field-internal.h - what the walks (field.c) and the types of fields (field-scalar.c, field-compound.c) share.
 *
 * A type is a load function, a save function (types that are kept alike share one) and, where it owns
 * something, a done function; field.c's table joins them. Failures leave the path where it is: it names the culprit. */
#pragma once
#include "base/field.h"

/* One walk over a tree; path is where it stands ("mounts[2].source"), cut when it gets too long for a message. */
struct walk {
	enum field_column column;
	struct strv *unknown;   /* NULL: unknown members do not matter */
	char path[256];
	size_t len;
};
/* Both return what field_path_back() needs. */
size_t field_path_name(struct walk *w, const char *name);
size_t field_path_index(struct walk *w, size_t i);
void field_path_back(struct walk *w, size_t to);

typedef int load_fn(const struct field *f, struct walk *w, struct json_object *v, void *at, struct error *err);
/* Returns 0 and a new reference, or 0 and NULL for "nothing to write". */
typedef int save_fn(const struct field *f, enum field_column c, const void *at, struct json_object **ret,
		    struct error *err);
typedef void done_fn(const struct field *f, void *at);

/* Heads of such functions, and their parameters that a simple type does not look at. */
#define LOAD(name) \
	int field_load_##name(const struct field *f, struct walk *w, struct json_object *v, void *at, struct error *err)
#define SAVE(name) \
	int field_save_##name(const struct field *f, enum field_column c, const void *at, struct json_object **ret, \
			      struct error *err)
#define UNUSED_LOAD (void)f, (void)w
#define UNUSED_SAVE (void)f, (void)c, (void)err

/* ---- field-scalar.c ---- */
load_fn field_load_bool, field_load_int, field_load_uint, field_load_double, field_load_opt_bool, field_load_opt_int, field_load_opt_uint,
	field_load_str, field_load_enum, field_load_duration, field_load_size, field_load_time;
save_fn field_save_bool, field_save_int, field_save_uint, field_save_double, field_save_opt_bool, field_save_opt_int, field_save_opt_uint,
	field_save_str, field_save_enum, field_save_time;
done_fn field_done_str;
int field_wrong_type(struct json_object *v, const char *want, struct error *err);
/* o NULL: out of memory. */
int field_save_new(struct json_object *o, struct json_object **ret, struct error *err);
int field_get_uint(struct json_object *v, uint64_t *ret, struct error *err);
/* *ret borrows from v. */
int field_get_str(struct json_object *v, const char **ret, struct error *err);

/* ---- field-compound.c ---- */
load_fn field_load_strv, field_load_map, field_load_numbers, field_load_object, field_load_opt_object, field_load_list,
	field_load_json, field_load_custom;
save_fn field_save_strv, field_save_map, field_save_numbers, field_save_object, field_save_opt_object, field_save_list,
	field_save_json, field_save_custom;
done_fn field_done_strv, field_done_map, field_done_numbers, field_done_object, field_done_opt_object, field_done_list,
	field_done_json, field_done_custom;

/* ---- field.c ---- */
/* The members of an object by their rows. */
int field_load_rows(const struct field *rows, struct walk *w, struct json_object *tree, void *to, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * base/value.h - what a --format template sees: Go-like values without building JSON.
 *
 * A struct value is a small thing passed by value. It borrows everything: the structs, vectors and JSON trees it
 * shows must live longer than it. Strings computed on the way (a method's answer) live in a struct value_pool,
 * which owns them and has a ceiling.
 *
 * How a command shows its rows: write a `struct value_type`: its Go type name, its `struct field` rows (every
 * row is visible under its JSON name without regard to case and underscores, "CgroupParent" finds
 * "cgroup_parent"; a row with another Go name has it in .go) and methods for what must be computed:
 *
 *	static int ps_status(const void *self, struct value_call *c, struct value *ret, struct error *err)
 *	{
 *		const struct ps_row *row = self;
 *		*ret = value_strf(c->pool, "Up %s", ...);
 *		return 0;
 *	}
 *	const struct value_type ps_row_type = { "ListContainer", ps_rows, (struct value_method[]){
 *		{ "Status", ps_status }, { "Label", ps_label, 1, 1 }, {} } };
 *	... value_structs(&ps_row_type, rows, n, sizeof(*rows))
 *
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "base/json.h"
#include "base/str.h"

/* ---- the pool: owns computed strings ---- */
struct value_chunk;   /* owns memory, or a reference to a JSON tree */
struct value_pool {
	struct value_chunk *chunks;
	size_t used, max;    /* bytes; VALUE_POOL_INIT sets the ceiling */
};
#define VALUE_POOL_INIT ((struct value_pool){ .max = (size_t)64 << 20 })
void value_pool_done(struct value_pool *p);
#define auto_value_pool CLEANUP(value_pool_done) struct value_pool
/* Zeroed memory that lives as long as the pool, or NULL above the ceiling / out of memory. */
void *value_pool_alloc(struct value_pool *p, size_t size);

/* ---- values ---- */
enum value_kind {
	VALUE_NIL,        /* prints <nil>; {{with}}/{{if}} false */
	VALUE_MISSING,    /* a map without that key: prints <no value> */
	VALUE_BOOL,
	VALUE_INT,
	VALUE_UINT,
	VALUE_FLOAT,
	VALUE_STR,
	VALUE_TIME,       /* Unix nanoseconds; prints Go's time.String(); methods Unix, UnixNano, Format, ... */
	VALUE_DURATION,   /* nanoseconds; prints "1h30m0s"; methods Seconds, String, ... */
	VALUE_LIST,
	VALUE_MAP,        /* string keys, walked in sorted order */
	VALUE_STRUCT,     /* described by a value_type, or by rows alone */
	VALUE_KIND_MAX
};

struct value_ops;
struct value_type;
struct value {
	enum value_kind kind;
	union {
		bool b;
		int64_t i;          /* INT, TIME, DURATION */
		uint64_t u;
		double f;
		struct { const char *s; size_t len; } str;
		struct {
			const struct value_ops *ops;
			const void *at;     /* the container; for STRUCT the struct */
			const void *type;   /* per ops: value_type, element type, rows */
			size_t n, stride;
		} c;
	};
};

struct value_call {
	struct value_pool *pool;
	const struct value *args;
	size_t n;
};
struct value_method {
	const char *name;
	int (*call)(const void *self, struct value_call *c, struct value *ret, struct error *err);
	unsigned char min_args, max_args;
};
struct value_type {
	const char *name;                    /* Go's name for error messages and %T */
	const struct field *rows;            /* may be NULL */
	const struct value_method *methods;  /* ends with {}; may be NULL; found before rows, exact names */
	/* The JSON of `--format json` and {{json .}}; NULL: fields_save(rows, FIELD_COLUMN_JSON). New reference. */
	int (*json)(const void *self, struct json_object **ret, struct error *err);
};

struct value value_nil(void);
struct value value_bool(bool b);
struct value value_int(int64_t i);
struct value value_uint(uint64_t u);
struct value value_float(double f);
struct value value_str(const char *s);               /* borrowed; NULL is "" as Go's zero string */
struct value value_str_n(const char *s, size_t len);
struct value value_time(int64_t unix_ns);
struct value value_duration(int64_t ns);
/* Copies / prints into the pool; VALUE_NIL when the pool is full (the template's execution then fails). */
struct value value_str_copy(struct value_pool *p, const char *s, size_t len);
struct value value_strf(struct value_pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct value value_join(struct value_pool *p, const struct strv *words, const char *between);

struct value value_struct(const struct value_type *type, const void *self);         /* NULL self: nil */
/* A struct known by rows only (no methods). type_name must outlive it; it shows in error messages. */
struct value value_rows(const struct field *rows, const void *self);
struct value value_structs(const struct value_type *type, const void *first, size_t n, size_t stride);
struct value value_struct_ptrs(const struct value_type *type, const void *const *v, size_t n);
struct value value_list(const struct value *v, size_t n);
struct value value_strv(const struct strv *l);
struct value value_strmap(const struct strmap *m);
struct value value_json(struct json_object *tree);   /* objects are maps: a missing key is <no value> */

/* A JSON document that stands for Go structs (inspect): objects are structs whose members are found without regard
 * to case and underscores and whose unknown members are errors, except below the members named in `maps`
 * ("Labels", "Networks", ...), which are maps of whatever comes there. Members named in `times` are points in time. */
struct value_absent {
	const char *name, *json;         /* Go's name of the member, its key in the document */
	enum value_kind kind;            /* of its zero value: INT, STR, LIST */
};
struct value_schema {
	const char *name;                /* type name in messages */
	const char *const *maps, *const *times;   /* end with NULL; may be NULL */
	const char *const *struct_maps;  /* members that are maps of such structs ("Interfaces") */
	const struct value_absent *absent;   /* members that documents may lack (omitempty), or that have another key; ends with {} */
};
/* A map of such structs. */
struct value value_document_map(const struct value_schema *schema, struct json_object *tree);
struct value value_document(const struct value_schema *schema, struct json_object *tree);

/* ---- questions ---- */
/* Members of a list, map or struct; bytes of a string; 0 otherwise. */
size_t value_len(const struct value *v);
/* The i-th member of a list or map (unsorted for maps); *key (may be NULL) is the map's key, else the index. */
int value_at(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
	     struct error *err);
/* A map's key, a struct's field or method without arguments. 1 found, 0 no such name, -1 *err. */
int value_get(struct value_pool *p, const struct value *v, const char *name, struct value *ret, struct error *err);
/* Calls a method (or reads a field when there are no arguments). 1, 0, -1 as value_get(). */
int value_call(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
	       struct value *ret, struct error *err);
/* Go's text/template truth: not zero, not empty, not nil; structs are always true. */
bool value_true(const struct value *v);
/* Go's name of the value's type for messages: "string", "map[string]interface {}", "ListContainer". */
const char *value_type_name(const struct value *v);
/* Go's %v. */
void value_print(struct value_pool *p, struct buf *to, const struct value *v);
/* A new JSON tree of the value. */
int value_save(const struct value *v, struct json_object **ret, struct error *err);

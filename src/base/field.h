/* SPDX-License-Identifier: Apache-2.0
 * base/field.h - one setting, one row.
 *
 * A setting is declared once: its type, its place in a params struct, and its name in every dialect. The
 * command line (base/argv.h), JSON bodies and files, TOML tables, --help, completion and the manual are walks
 * over the same rows; none of them knows a setting by name. JSON and TOML both arrive as a json-c tree.
 *
 * Owns nothing: the params struct owns its strings, lists and sub-structs; fields_done() frees what the rows
 * describe. A row whose member has another type does not compile. Allocates: not between clone() and exec(). */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

enum field_type {
	FIELD_END,        /* terminates a row array: {} */
	FIELD_BOOL,       /* bool */
	FIELD_STR,        /* char *, owned, NULL = unset */
	FIELD_INT,        /* int64_t */
	FIELD_UINT,       /* uint64_t */
	FIELD_DOUBLE,     /* double */
	FIELD_OPT_BOOL,   /* struct opt_bool */
	FIELD_OPT_INT,    /* struct opt_int */
	FIELD_OPT_UINT,   /* struct opt_uint */
	FIELD_ENUM,       /* int: index into .choices */
	FIELD_STRV,       /* struct strv; argv: repeatable, taken whole (pflag stringArray) */
	FIELD_CSV,        /* struct strv; argv: repeatable and comma-split with CSV quoting (pflag stringSlice) */
	FIELD_MAP,        /* struct strmap; argv: repeatable key=value; JSON: object of strings */
	FIELD_DURATION,   /* int64_t nanoseconds; argv and TOML: Go duration "1h30m"; JSON: number */
	FIELD_TIME,       /* int64_t Unix nanoseconds, 0 = unset; JSON: RFC 3339 string (unset: Go's zero time) */
	FIELD_SIZE,       /* int64_t bytes; argv: "64m", "1.5GiB"; JSON: number */
	FIELD_NUMBERS,    /* struct numv: array of unsigned numbers */
	FIELD_OBJECT,     /* an embedded struct described by .rows */
	FIELD_OPT_OBJECT, /* struct T *, owned, NULL = absent, described by .rows and .size */
	FIELD_LIST,       /* struct list of structs described by .rows and .size */
	FIELD_JSON,       /* struct json_object *, owned reference, kept as it came */
	FIELD_CUSTOM,     /* .custom decides */
	FIELD_TYPE_MAX
};

struct opt_bool { bool set, value; };
struct opt_int { bool set; int64_t value; };
struct opt_uint { bool set; uint64_t value; };
struct numv { uint64_t *v; size_t n; };
struct list { void *v; size_t n; };   /* n structs of the row's .size, owned */

enum field_flag {
	FIELD_HIDDEN = 1 << 0,      /* accepted, absent from help, completion and manual */
	FIELD_ALWAYS = 1 << 1,      /* written to JSON even when zero/empty/unset */
	FIELD_REQUIRED = 1 << 2,    /* missing in JSON/TOML input is an error */
	FIELD_OPTIONAL_VALUE = 1 << 3, /* argv: "--x" alone means .implied (pflag NoOptDefVal) */
	FIELD_DEPRECATED = 1 << 4,
	FIELD_GLOBAL_FIRST = 1 << 5,   /* argv: only before the command word */
	FIELD_NO_CLI_REPEAT = 1 << 6,
};

/* The dialects a row may have a name in; a walk is told which one to use. */
enum field_column {
	FIELD_COLUMN_JSON,      /* our own files and Podman's REST bodies, the OCI spec's names */
	FIELD_COLUMN_DOCKER,    /* Docker's REST bodies */
	FIELD_COLUMN_CONF,      /* TOML: containers.conf, storage.conf, registries.conf */
	FIELD_COLUMN_QUADLET,
	FIELD_COLUMN_MAX
};

struct field;

struct field_custom {
	/* Parses one command line (or Quadlet) value into the struct member at `at`. */
	int (*parse)(const struct field *f, void *at, const char *value, struct error *err);
	/* JSON in and out; NULL: not in JSON. load gets a borrowed tree; save returns a new reference or NULL to omit. */
	int (*load)(const struct field *f, void *at, struct json_object *value, struct error *err);
	int (*save)(const struct field *f, const void *at, struct json_object **ret, struct error *err);
	void (*done)(const struct field *f, void *at);
};

/* What few rows have; written MORE(.aliases = "old older"). */
struct field_more {
	const char *aliases;          /* old spellings, blank-separated, accepted silently */
	const char *docker, *quadlet; /* names in these dialects; NULL: not settable there */
	const char *go;               /* --format name when it is not the JSON name without regard to case and '_' */
	const char *implied;          /* FIELD_OPTIONAL_VALUE: the value of a bare option */
};
#define MORE(...) .more = &(const struct field_more){ __VA_ARGS__ }

/* Small on purpose: there are more than two thousand rows, and every page of them is relocated at every start. */
struct field {
	const char *cli;              /* long option without dashes; NULL: not on the command line */
	const char *json, *conf;      /* names in these dialects; NULL: not settable there */
	const struct field_more *more;   /* NULL: nothing of it; read through field_more() */
	union {
		const char *const *choices;          /* FIELD_ENUM: NULL-terminated */
		const struct field *rows;            /* FIELD_OBJECT, FIELD_OPT_OBJECT, FIELD_LIST */
		const struct field_custom *custom;   /* FIELD_CUSTOM */
	};
	const char *arg;              /* placeholder in --help, e.g. "NAME" */
	const char *help;             /* one line, no full stop */
	const char *fallback;         /* default as --help shows it; the struct's init function sets it.
	                               * "@engine.retry:3": what containers.conf says there, else 3 */
	const char *complete;         /* what completes the value: "containers", "images", "files", ... or NULL */
	uint32_t off;                 /* where the value lands in the params struct */
	uint32_t size;                /* FIELD_OPT_OBJECT, FIELD_LIST: size of one struct */
	uint16_t flags;               /* enum field_flag */
	uint8_t type;                 /* enum field_type */
	char abbr;                    /* short option or 0 */
};
static_assert(sizeof(struct field) <= 9 * sizeof(void *) + 16, "rows must stay small");

static inline const struct field_more *field_more(const struct field *f)
{
	static const struct field_more nothing;

	return f->more ? f->more : &nothing;
}

/* offsetof() that refuses to compile when the member's type is not what the row says. */
#define FIELD_OFF(S, m, T) (offsetof(S, m) + 0 * sizeof(&((S *)0)->m == (T *)0))
#define F_BOOL(S, m)     .type = FIELD_BOOL, .off = FIELD_OFF(S, m, bool)
#define F_STR(S, m)      .type = FIELD_STR, .off = FIELD_OFF(S, m, char *)
#define F_INT(S, m)      .type = FIELD_INT, .off = FIELD_OFF(S, m, int64_t)
#define F_UINT(S, m)     .type = FIELD_UINT, .off = FIELD_OFF(S, m, uint64_t)
#define F_DOUBLE(S, m)   .type = FIELD_DOUBLE, .off = FIELD_OFF(S, m, double)
#define F_OPT_BOOL(S, m) .type = FIELD_OPT_BOOL, .off = FIELD_OFF(S, m, struct opt_bool)
#define F_OPT_INT(S, m)  .type = FIELD_OPT_INT, .off = FIELD_OFF(S, m, struct opt_int)
#define F_OPT_UINT(S, m) .type = FIELD_OPT_UINT, .off = FIELD_OFF(S, m, struct opt_uint)
#define F_ENUM(S, m, c)  .type = FIELD_ENUM, .off = FIELD_OFF(S, m, int), .choices = (c)
#define F_STRV(S, m)     .type = FIELD_STRV, .off = FIELD_OFF(S, m, struct strv)
#define F_CSV(S, m)      .type = FIELD_CSV, .off = FIELD_OFF(S, m, struct strv)
#define F_MAP(S, m)      .type = FIELD_MAP, .off = FIELD_OFF(S, m, struct strmap)
#define F_DURATION(S, m) .type = FIELD_DURATION, .off = FIELD_OFF(S, m, int64_t)
#define F_TIME(S, m)     .type = FIELD_TIME, .off = FIELD_OFF(S, m, int64_t)
#define F_SIZE(S, m)     .type = FIELD_SIZE, .off = FIELD_OFF(S, m, int64_t)
#define F_NUMBERS(S, m)  .type = FIELD_NUMBERS, .off = FIELD_OFF(S, m, struct numv)
#define F_OBJECT(S, m, r) .type = FIELD_OBJECT, .off = offsetof(S, m), .rows = (r)
#define F_OPT_OBJECT(S, m, T, r) \
	.type = FIELD_OPT_OBJECT, .off = FIELD_OFF(S, m, T *), .rows = (r), .size = sizeof(T)
#define F_LIST(S, m, T, r) \
	.type = FIELD_LIST, .off = FIELD_OFF(S, m, struct list), .rows = (r), .size = sizeof(T)
#define F_JSON(S, m)     .type = FIELD_JSON, .off = FIELD_OFF(S, m, struct json_object *)
#define F_CUSTOM(S, m, c) .type = FIELD_CUSTOM, .off = offsetof(S, m), .custom = (c)

#define EACH_FIELD(f, rows) for (const struct field *f = (rows); f->type != FIELD_END; f++)

/* Reads the object `tree` into the struct at `to` by the names of `column`. Unknown members are ignored unless
 * `unknown` is given: then their names are appended there (dotted paths). Matching is exact first, then without
 * regard to case (Go's encoding/json). Members already set are replaced. Errors name the dotted path. */
int fields_load(const struct field *rows, enum field_column column, struct json_object *tree, void *to,
		struct strv *unknown, struct error *err);
/* Writes the struct as a new object; zero, empty and unset values are left out unless FIELD_ALWAYS. */
int fields_save(const struct field *rows, enum field_column column, const void *from, struct json_object **ret,
		struct error *err);
/* Frees everything the rows describe and zeroes those members. */
void fields_done(const struct field *rows, void *at);
/* Appends one zeroed struct of `size` bytes to the list and returns it, or NULL and *err. */
void *list_add(struct list *l, size_t size, struct error *err);

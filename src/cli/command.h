/* SPDX-License-Identifier: Apache-2.0
 * cli/command.h - a command is a constant struct; the list of them is cli/commands.c.
 *
 * How to add one: write src/cli/cmd-<noun-or-verb>.c with `const struct command cmd_<x> = {...}`, add an
 * row (and an extern line) to commands.c and the file to src/cli/meson.build. --help, usage errors, argument
 * counts, completion and the manual page come from the struct; run() gets parsed params and positional words.
 *
 *   struct tag_params { bool force; };
 *   static const struct field tag_rows[] = {
 *           { .cli = "force", .abbr = 'f', F_BOOL(struct tag_params, force), .help = "Do it anyway" },
 *           {}
 *   };
 *   static int run_tag(struct cli *cli, void *params, struct strv *args, struct error *err);
 *   const struct command cmd_tag = {
 *           .summary = "Add a name to an image", .args = "IMAGE TARGET_NAME [TARGET_NAME...]", .min_args = 2,
 *           .max_args = ARGS_ANY, .examples = "alpine base/alpine:3",
 *           .groups = (const struct command_rows[]){ { tag_rows }, {} }, .params_size = sizeof(struct tag_params),
 *           .run = run_tag,
 *   };
 *
 * Owns nothing: constant data. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/field.h"
#include "base/str.h"

struct cli;
struct completion;
struct value_type;

#define ARGS_ANY UINT_MAX

enum command_flag {
	COMMAND_HIDDEN = 1 << 0,     /* works, absent from lists and completion */
	COMMAND_ARGS_STOP = 1 << 1,  /* the first positional word ends options (run, exec, top, ...) */
	COMMAND_RAW = 1 << 2,        /* nothing is parsed: every word is in args, also --help */
	COMMAND_LATEST = 1 << 3,     /* has all/latest/cidfile rules of its own: min_args is not checked by the frame */
	COMMAND_EARLY = 1 << 4,      /* runs before configuration is read (version, help, completion) */
	COMMAND_FLAGS_FIRST = 1 << 6, /* as Buildah: options stand before the first word, behind it they are an error */
	COMMAND_BRINGS_IMAGES = 1 << 7, /* its images go to --imagestore, where one is given */
	COMMAND_IN_USERNS = 1 << 5,  /* uses the store: rootless, cli_engine() enters the user namespace for it */
};

/* Option rows and where in the params struct their offsets start. An array of these ends with {}. */
struct command_rows {
	const struct field *rows;
	size_t off;
	const char *only;          /* long names, blank-separated: of these rows just those; NULL: all */
};

struct command {
	const char *summary;       /* one line, starts with a capital, no full stop */
	const char *description;   /* for --help and the manual: one or more lines; NULL: the summary */
	const char *args;          /* as in the usage line: "CONTAINER [COMMAND [ARG...]]"; NULL: takes no arguments.
	                            * The words also choose what completes them: CONTAINER IMAGE POD NETWORK VOLUME ... */
	const char *examples;      /* lines behind the command path, '\n' between them: "-it fedora bash" */
	unsigned min_args, max_args;   /* max_args: ARGS_ANY for no limit */
	const char *missing;       /* message instead of the standard one when fewer than min_args were given */
	const struct command_rows *groups;   /* NULL: no options */
	size_t params_size;        /* bytes of the params struct, zeroed before init */
	void (*init)(void *params);          /* sets defaults; may be NULL. Must not fail */
	void (*done)(void *params);          /* frees what no row describes; may be NULL */
	/* Does the work. Returns the exit code (0: success), or -1 and *err. */
	int (*run)(struct cli *cli, void *params, struct strv *args, struct error *err);
	/* Extra completion: adds suggestions for the word being typed and returns 1, or 0 to let the usage line decide. */
	int (*complete)(struct cli *cli, void *params, struct completion *c, struct error *err);
	/* What `--format` templates see, for completion of `{{.`; NULL: --format takes no template. */
	const struct value_type *format_type;
	/* Where that depends on the objects named: adds the names (base/template.h template_complete()) and returns 1, or 0
	 * to let format_type decide. May be NULL. */
	int (*complete_format)(struct cli *cli, void *params, struct completion *c, struct error *err);
	unsigned flags;
};

/* One name of a command: several rows may share one struct (`run`, `container run`). */
struct command_row {
	const char *path;              /* words below the program: "image ls" */
	const struct command *cmd;     /* NULL: a group */
	const char *aliases;           /* other last words, blank-separated: "list" */
	const char *group;             /* a group's summary */
	unsigned flags;                /* COMMAND_HIDDEN, COMMAND_FLAGS_FIRST for this name only */
};

extern const struct command_row command_rows[];   /* ends with {} */

/* The row whose path (or alias) is the longest match of words[0..n); *ret_used: how many words it took. The root
 * itself has no row: NULL with *ret_used = 0 when the first word is no command. Words must be adjacent. */
const struct command_row *command_find(char *const *words, int n, int *ret_used);
/* The child of the group `parent` ("" = the program) with that name or alias; NULL: none. */
const struct command_row *command_child(const char *parent, const char *word);
const char *command_name(const struct command_row *row);      /* last word of the path */
const char *command_summary(const struct command_row *row);   /* of the command or the group */
bool command_is_hidden(const struct command_row *row);
/* Appends the names of parent's children that `word` may have meant (cobra's rule: at most two edits, or a prefix). */
int command_suggest(const char *parent, const char *word, struct strv *ret, struct error *err);
/* Is `row` a direct child of the group path `parent` ("" = the program)? */
bool command_is_child(const struct command_row *row, const char *parent);

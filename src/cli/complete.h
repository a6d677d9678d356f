/* SPDX-License-Identifier: Apache-2.0
 * cli/complete.h - shell completion (cobra's protocol: `__complete`, `__completeNoDesc`).
 *
 * The word being typed is matched by prefix here; providers just add every candidate. A provider knows one kind of
 * thing by the name used in usage lines (CONTAINER, IMAGE, ...) or in a row's .complete ("containers", "images",
 * "files", "dirs", ...); the table is in cli/complete-kinds.c, other files add rows there.
 * Owns the suggestions while one completion runs. */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct cli;

enum completion_directive {
	COMPLETE_DEFAULT = 0,
	COMPLETE_ERROR = 1,
	COMPLETE_NO_SPACE = 2,
	COMPLETE_NO_FILES = 4,
	COMPLETE_FILE_EXT = 8,
	COMPLETE_DIRS = 16,
	COMPLETE_KEEP_ORDER = 32,
};

struct completion {
	const char *word;             /* what is typed of the word so far, may be "" */
	const struct strv *args;      /* positional words before it */
	const struct field *option;   /* the option whose value is typed, or NULL */
	const char *command;          /* canonical path of the command: "rm", "image ls" */
	struct strv found;            /* "text" or "text\tdescription" */
	unsigned directive;           /* enum completion_directive; providers of objects set COMPLETE_NO_FILES */
};

/* Adds a candidate unless the typed word is no prefix of it or it was already given as a positional word. */
int complete_add(struct completion *c, const char *text, const char *description, struct error *err);

/* Paths inside an image (`run IMAGE <path>`), never of the host: links and ".." stay inside. 1: done; 0: no such image. */
int complete_image_path(struct cli *cli, struct completion *c, const char *image, struct error *err);

/* Paths inside a container: the word is "NAME:PATH" (`cp`). Nothing is offered when there is no such container. */
int complete_container_path(struct cli *cli, struct completion *c, struct error *err);

struct completion_kind {
	const char *word;   /* of a usage line: "CONTAINER"; NULL: only by name */
	const char *name;   /* of a row's .complete: "containers" */
	int (*provide)(struct cli *cli, struct completion *c, struct error *err);   /* NULL: nothing, `directive` only */
	unsigned directive;
};
extern const struct completion_kind completion_kinds[];   /* ends with {} */

/* The __complete command: words are the line behind the program name. Prints to stdout and stderr; exit code. */
int complete_run(struct cli *cli, char *const *words, int n, bool descriptions);

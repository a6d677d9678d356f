/* SPDX-License-Identifier: Apache-2.0
 * build/lint.h - the checks of `build --check`: BuildKit's rule names, one row each (lint-rules.c).
 * Pure: reads a parsed file (and, for CopyIgnoredFile, the ignore patterns). Allocates. */
#pragma once
#include "base/buf.h"
#include "build/containerfile.h"
#include "build/ignore.h"
#include "image/oci-image.h"

struct lint_warning {
	const struct lint_rule *rule;
	char *text;              /* this case */
	uint32_t line;           /* 0: none */
};
struct lint_base {           /* what is known of a base image */
	struct strv env;
	struct platform platform;
};
void lint_base_done(struct lint_base *b);
#define auto_lint_base CLEANUP(lint_base_done) struct lint_base

struct lint_options {
	const struct strmap *build_args;   /* --build-arg; may be NULL. BUILDKIT_DOCKERFILE_CHECK replaces "# check=" */
	const struct ignore *ignore;       /* may be NULL */
	const struct strmap *contexts;     /* --build-context names; may be NULL */
	const char *platform;              /* the build's, "OS/ARCHITECTURE"; NULL: bases are not compared with it */
	/* What is known of a base image: 1; 0: nothing (undefined variables of such a stage are then told only when they
	 * look like a slip). NULL: none is known. */
	int (*base)(void *data, const char *image, struct lint_base *ret, struct error *err);
	void *data;
};
struct lint_result {
	struct list warnings;    /* struct lint_warning, by line */
	bool error;              /* "# check=error=true": warnings fail the build */
};
void lint_result_done(struct lint_result *r);
#define auto_lint_result CLEANUP(lint_result_done) struct lint_result
/* Honours "# check=skip=A,B;error=true;experimental=C". ERROR_INVALID for a bad check directive. */
int lint_run(const struct containerfile *f, const struct lint_options *o, struct lint_result *ret, struct error *err);
/* As `docker build --check` prints it: each warning with the line it is about, or that there is none. */
void lint_print(const struct lint_result *r, const char *name, const char *text, size_t len, struct buf *to);

struct lint_rule {
	const char *name, *description;
	bool experimental;       /* runs only when "# check=experimental=" names it */
};
/* All rules, for help and completion. */
const struct lint_rule *lint_rules(size_t *ret_n);

/* SPDX-License-Identifier: Apache-2.0
 * build/lint.h - the checks of `build --check`: BuildKit's rule names, one row each.
 * Pure: reads a parsed file (and, for CopyIgnoredFile, the ignore patterns). Allocates. */
#pragma once
#include "build/containerfile.h"
#include "build/ignore.h"

struct lint_warning {
	const char *rule;        /* "FromAsCasing" */
	const char *description; /* the rule in one sentence */
	char *text;              /* this case */
	uint32_t line;           /* 0: none */
};
struct lint_options {
	const struct strmap *build_args;   /* --build-arg; may be NULL */
	const struct ignore *ignore;       /* may be NULL */
	const struct strmap *contexts;     /* may be NULL */
};
struct lint_result {
	struct list warnings;    /* struct lint_warning, by line */
	bool error;              /* "# check=error=true": warnings fail the build */
};
void lint_result_done(struct lint_result *r);
#define auto_lint_result CLEANUP(lint_result_done) struct lint_result
/* Honours "# check=skip=...;error=...". ERROR_INVALID for a bad check directive. */
int lint_run(const struct containerfile *f, const struct lint_options *o, struct lint_result *ret, struct error *err);
/* Rule names for help and completion; NULL-terminated by .name. */
struct lint_rule {
	const char *name, *description;
};
extern const struct lint_rule lint_rules[];

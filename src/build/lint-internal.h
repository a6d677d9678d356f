/* SPDX-License-Identifier: Apache-2.0
 * build/lint-internal.h - what the rules of lint-rules.c are given. */
#pragma once
#include "build/lint.h"
#include "build/scope.h"

struct lint {
	const struct containerfile *file;
	const struct lint_options *o;
	struct lint_result *result;
	struct strv skip, experimental;    /* rule names in lower case, or "all" */
	struct scope_head head;            /* as if nothing were given by --build-arg but what counts for FROM */
	bool mostly_lower;                 /* instructions are written in lower case more often than not */
	struct strv stage_names;           /* seen so far */
	unsigned guesses;                  /* how often a similar name was looked for */
};

/* One instruction, at its place in the walk. */
struct lint_visit {
	const struct instruction *in;
	const struct instruction *expanded;  /* NULL: it does not expand */
	struct strv *unset;                  /* variables it uses that are not defined */
	struct scope *scope;                 /* before it; NULL in the head */
	bool base_known;                     /* scope has all the base image would bring */
	bool workdir_set, shell_set;         /* of the stage so far */
	size_t stage_end;                    /* index behind the stage's last instruction */
	size_t index;
};

typedef int lint_fn(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err);
struct lint_check {
	struct lint_rule rule;
	uint32_t kinds;          /* 1 << enum instruction_kind: what it is called for */
	lint_fn *check;
};
extern const struct lint_check lint_checks[];
extern const size_t lint_checks_n;

/* Adds a warning unless the rule is skipped. */
int lint_warn(struct lint *l, const struct lint_rule *rule, uint32_t line, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

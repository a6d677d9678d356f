/* SPDX-License-Identifier: Apache-2.0
 * build/graph.h - which stages a build needs and what they need of each other.
 *
 * Made from the instructions, the build arguments and the target alone: no image is looked at, nothing is done. Stages
 * the target does not lead to are not needed and are never built. Names that are neither a stage above nor a build
 * context are images. Borrows the containerfile, owns the rest. Allocates. */
#pragma once
#include "build/scope.h"

#define GRAPH_STAGES_MAX 10000

enum graph_source_kind {
	GRAPH_STAGE,      /* index into stages */
	GRAPH_CONTEXT,    /* --build-context NAME */
	GRAPH_IMAGE,      /* anything else */
	GRAPH_SCRATCH,    /* FROM scratch */
};
struct graph_source {
	int kind;             /* enum graph_source_kind */
	size_t stage;         /* GRAPH_STAGE */
	char *name;           /* as written, variables expanded */
	size_t instruction;   /* which instruction of the file asks for it */
};

struct build_stage {
	size_t index;                 /* in the file, from 0 */
	size_t first, n;              /* its instructions in containerfile.instructions; the first one is the FROM */
	char *name;                   /* AS NAME in lower case, or NULL */
	char *platform;               /* of FROM, expanded; NULL: none */
	struct graph_source base;
	struct list sources;          /* struct graph_source: COPY --from, RUN --mount from=; without repetition */
	struct strv missing;          /* ARGs that have no value from anywhere */
	bool needed;
};

struct build_graph {
	const struct containerfile *file;
	struct list stages;           /* struct build_stage */
	size_t target;                /* index of the stage that becomes the image */
	struct strv warnings;         /* a line each: ARGs of needed stages without a value, a frontend that is not run */
};
#define STAGE(g, i) (&((struct build_stage *)(g)->stages.v)[i])
void build_graph_done(struct build_graph *g);
#define auto_build_graph CLEANUP(build_graph_done) struct build_graph

struct graph_options {
	struct scope_head *head;          /* its ARGs are filled here from the file's head */
	const struct strmap *contexts;    /* --build-context names (lower case); may be NULL */
	const char *target;               /* --target: a name or a number; NULL: the last stage */
	bool all_stages;                  /* --skip-unused-stages=false */
};
/* FROM names a stage above; --from and from= any stage by name or number (BuildKit), but never in a circle. Numbers and
 * names in them are expanded with the ARGs and ENVs of the file; the base's environment is not known yet.
 * ERROR_INVALID "FILE:LINE: ..." for a base name that expands to nothing, a circle, a number that is no stage; ERROR_INVALID
 * for an unknown target. *ret must be zeroed. */
int build_graph_make(const struct containerfile *f, const struct graph_options *o, struct build_graph *ret,
		     struct error *err);
/* What a --from of stage `s` names (also from a trigger of a base image): stages by name or number, contexts,
 * images; its own name is an image. *ret->name is owned by the caller. */
int build_graph_find(const struct build_graph *g, const struct graph_options *o, size_t s, const char *name,
		     struct graph_source *ret, struct error *err);
void graph_source_done(struct graph_source *s);
/* The plan as text: one line a step, needed stages only. */
void build_graph_print(const struct build_graph *g, struct buf *to);

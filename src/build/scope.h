/* SPDX-License-Identifier: Apache-2.0
 * build/scope.h - which variables an instruction sees: ARG and ENV between the file's head and its stages.
 *
 * Before the first FROM: ARGs of the head and the platform's. Inside a stage: its ENVs (the base's first), and those
 * ARGs that were declared in this stage (or in the stage it is built FROM) above the instruction; ENV wins over ARG.
 * A value comes from --build-arg, else from the default in the stage, else from the head, else (platform names) from
 * the build. HTTP_PROXY and its family count in RUN without a declaration when they are given by --build-arg.
 * Structs own their strings; a scope borrows its scope_head. Allocates. */
#pragma once
#include "build/containerfile.h"

#define SCOPE_NAMES_MAX 10000      /* variables of a stage; an image takes no more either */

struct scope_head {
	struct strmap given;        /* --build-arg NAME=VALUE */
	struct strmap platform;     /* TARGETPLATFORM, TARGETOS, TARGETARCH, TARGETVARIANT, BUILD..., and further built-ins */
	struct strmap args;         /* the head's ARGs, filled by scope_head_arg() */
	struct strv declared;       /* names any ARG declared (head or stage): --build-arg of others is worth a warning */
};
void scope_head_done(struct scope_head *h);
#define auto_scope_head CLEANUP(scope_head_done) struct scope_head
/* "os/arch[/variant]" of the machine that builds and of the image: fills `platform`. */
int scope_head_init(struct scope_head *h, const char *build_platform, const char *target_platform, struct error *err);
/* An ARG above the first FROM. */
int scope_head_arg(struct scope_head *h, const struct instruction *arg, char escape, struct error *err);
/* What FROM sees. */
struct expand scope_head_expand(struct scope_head *h, char escape);
/* Names given by --build-arg that no ARG declared and that are not predefined, appended (one warning for each). */
int scope_head_unused(const struct scope_head *h, struct strv *ret, struct error *err);

struct scope {
	struct scope_head *head;
	struct strmap args;         /* declared in this stage, with a value; in order */
	struct strv bare;           /* declared without any value */
	struct strv env;            /* the stage's environment: base image and ENV; NAME=VALUE */
	char escape;
};
void scope_done(struct scope *s);
#define auto_scope CLEANUP(scope_done) struct scope
/* A stage's begin: `env` is its base's environment, `from` (may be NULL) the scope at the end of the stage it is
 * built from. */
int scope_init(struct scope *s, struct scope_head *head, char escape, const struct strv *env, const struct scope *from,
	       struct error *err);
/* ARG and ENV of the stage, not yet expanded. */
int scope_arg(struct scope *s, const struct instruction *arg, struct error *err);
int scope_env(struct scope *s, const struct instruction *env, struct error *err);
struct expand scope_expand(struct scope *s);
/* The environment of a RUN (appends): ENV, then ARGs that no ENV hides, then proxies given by --build-arg. */
int scope_run_env(const struct scope *s, struct strv *ret, struct error *err);
/* The ARG part of it alone, for the cache key and history: sorted NAME=VALUE without the proxies. */
int scope_run_args(const struct scope *s, struct strv *ret, struct error *err);
bool scope_name_is_proxy(const char *name, size_t len);

/* SPDX-License-Identifier: Apache-2.0
 * build/build-impl.h - (internal) one build: its stages, steps and layers.
 *
 * Steps of a stage follow each other; stages run beside each other, each until it needs one that is not done. Steps that
 * only change the configuration are done at once; the others are processes (build/step.h). A step's cache key is made
 * of the layers below it and all that it reads, when its turn has come: so a result counts however it came about. */
#pragma once
#include "base/sha256.h"
#include "build/agent.h"
#include "build/ahead.h"
#include "build/build.h"
#include "build/config.h"
#include "build/context.h"
#include "build/graph.h"
#include "build/lint.h"
#include "build/remote-cache.h"
#include "build/source-policy.h"
#include "build/step.h"
#include "image/oci-image.h"
#include "store/build-cache.h"
#include "store/image.h"
#include "store/stage.h"
#include "store/step-image.h"

struct build_layer {
	char diff_id[SHA256_TEXT_MAX];
	int64_t size, entries;           /* of its tar */
	int fd;                          /* its tree */
	bool is_new;                     /* fd is of the tree in the stage */
	struct stage_layer staged;       /* not committed yet; tree_fd -1 when it is */
	char *blob, *media_type;         /* of a base image: as its manifest has it; NULL: made here */
};

enum op_kind { OP_FROM, OP_CONFIG, OP_RUN, OP_COPY, OP_WORKDIR, OP_SQUASH };
enum op_early { EARLY_NOT, EARLY_RUNNING, EARLY_DONE };
enum op_state { OP_WAITING, OP_RUNNING, OP_DONE };

struct op {
	enum op_kind kind;
	enum op_state state;
	const struct instruction *raw;   /* of the file, or a base image's trigger */
	struct instruction in;           /* expanded */
	char *text;                      /* as shown */
	char *created_by;
	char key[65], quick[65];         /* cache keys; quick: without the contents of files (COPY) */
	char content[SHA256_HEX_MAX];    /* what was copied */
	enum ahead_state ahead;          /* whether `content` was found out early */
	bool cached, has_layer, prepared, applied;
	char what[65];                   /* COPY: digest of all its key is made of but the layers below */
	bool from_files;                 /* COPY: what it copies is known only by looking at files: op.quick, then op.key */
	/* begun before its turn (schedule-early.c) */
	bool expanded, keyed, early_failed;
	enum op_early early;
	size_t early_layers;             /* how many layers the stage had then */
	struct step_message early_result;
	bool pulled;                     /* its result came from --cache-from */
	int64_t created;                 /* Unix ns */
	char id[65];                     /* of the image so far */
	int64_t began;                   /* CLOCK_MONOTONIC, ns */
	/* while it runs */
	struct step step;
	struct step_job job;
	struct stage_layer tree;
	int scratch, out, err;           /* our ends of its output */
	struct list fetched;             /* struct add_fetched */
	struct list trees;               /* int: descriptors to close */
	struct run_mount *mounts;        /* parsed --mount, n_mounts of them */
	size_t n_mounts;
};

struct stage_run {
	const struct build_stage *s;
	struct build *b;
	struct image_config config;
	struct config_state said;
	struct strmap annotations;       /* of the base image's manifest */
	struct scope scope;
	struct list triggers;            /* struct instruction: the base image's ONBUILD */
	struct op *ops;
	size_t n, next;                  /* ops; the one whose turn it is */
	struct build_layer **layers;     /* the state, lowest first; borrowed from the build */
	size_t n_layers, n_base, n_history;   /* n_base, n_history: of the base */
	char chain[65];                  /* digest of history so far */
	char base_id[65], *base_name;    /* of the base image; "" */
	char id[65];                     /* of the stage's image so far; "" */
	char *base_digest;               /* of its manifest; NULL */
	char image_id[65];               /* --save-stages: of the stage's image; "" */
	bool prepared, done;
	struct ahead ahead;
	/* one layer for all steps (--squash, --layers=false) */
	struct stage_layer single;
	bool squashed;
};

struct build {
	struct engine *engine;
	struct store *store;
	const struct build_request *request;
	const struct build_options *o;
	struct build_result *result;
	struct stage *stage;
	struct context_options context_options;
	char *worker;
	struct build_context context;
	struct list contexts;            /* struct named_context */
	struct strmap context_names;     /* for the graph: name -> text */
	struct containerfile_text text;
	struct containerfile file;
	struct scope_head head;
	struct graph_options graph_options;
	struct build_graph graph;
	struct stage_run *stages;
	size_t n_stages;
	struct list layers;              /* struct build_layer *: all of them, owned */
	struct build_cache_entry *rows;  /* to be written to the cache */
	size_t n_rows;
	struct list images;              /* struct step_image: written with them */
	struct strv touched;             /* keys of rows that were of use */
	struct remote_cache remote;
	struct source_policy policy;
	struct list agents;              /* build/agent.h */
	FILE *usage;                     /* --rusage-logfile */
	int64_t flushed;                 /* when */
	size_t running;
	unsigned serial;                 /* of scratch directories */
	bool unkeyed;                    /* a working container's command: no result is looked up */
	bool single, use_cache;          /* one layer per stage; look results up */
	int64_t ttl;                     /* ns; 0: none */
	bool has_time;                   /* --timestamp, --source-date-epoch */
	int64_t time_s;
	struct platform platform;
	enum build_isolation isolation;
	char *runtime;                   /* path of another OCI runtime for RUN; NULL: the built-in one */
	struct error failure;
	bool failed;
	int failed_status;
	const struct op *failed_op;      /* the first that failed; NULL */
};

struct named_context {
	char *name;
	struct build_context c;
	size_t image_stage;              /* reserved */
};

/* ---- build.c ---- */
/* Steps first: nobody writes into the stage any more when it goes. */
void build_done(struct build *b);
void build_tell(struct build *b, const struct build_event *e);
void build_note(struct build *b, const char *text);
/* ---- base.c: images and stages that others build on ---- */
int base_prepare(struct build *b, struct stage_run *st, struct error *err);
/* The layers of an image, opened; appended to *v. */
int base_image_layers(struct build *b, const char *name, const char *platform, struct step_trees *to, struct sha256 *key,
		      struct error *err);
/* What is known of an image without fetching it (lint.h). */
int base_known(void *data, const char *image, struct lint_base *ret, struct error *err);
/* The image a --build-context puts in a base's place; NULL: none does. */
const char *base_context_image(const struct build *b, const struct graph_source *base);
const struct named_context *build_context_find(const struct build *b, const char *name);
int build_add_layer(struct build *b, struct build_layer **ret, struct error *err);
/* ---- plan.c: what the steps are ---- */
int plan_stage(struct build *b, struct stage_run *st, struct error *err);
/* Expands the op's instruction with the stage's variables and applies what it says about the configuration. */
int plan_expand(struct stage_run *st, struct op *op, struct error *err);
int plan_apply(struct stage_run *st, struct op *op, struct error *err);
/* The stage that must be done before the op can begin; NULL: none. */
int plan_needs(struct stage_run *st, const struct op *op, struct stage_run **ret, struct error *err);
/* A COPY's source is the context, or a stage that is done: 1; 0: it waits, or has to be fetched. */
int plan_source_is_here(struct stage_run *st, const struct op *op, struct error *err);
bool plan_is_last(const struct stage_run *st, const struct op *op);
/* A history entry of an image that only options make another one than its base. */
int plan_note_options(struct stage_run *st, struct error *err);
/* --unsetannotation, --inherit-annotations=false in the notation of histories, appended; nothing but for the last step. */
int plan_withheld(const struct stage_run *st, const struct op *op, struct buf *to, struct error *err);
void op_done(struct op *op);
/* ---- prepare.c: op -> step_job ---- */
int prepare_run(struct stage_run *st, struct op *op, struct error *err);
/* RUN --device: what --allow permits and is there (appends); a required one that is not there stays, and is missed. */
int prepare_run_devices(const struct build *b, const struct strv *given, struct strv *to, struct error *err);
/* The instruction's --mount with their sources found, and what they show in the key. */
int prepare_run_mounts(struct stage_run *st, struct op *op, struct sha256 *h, struct error *err);
/* Opens and locks the cache mounts: 1; 0: one is in use (sharing=locked), try again later. */
int prepare_run_caches(struct stage_run *st, struct op *op, struct error *err);
void release_run_caches(struct op *op);   /* others may have them */
int prepare_copy(struct stage_run *st, struct op *op, struct error *err);
/* Sets op.key, or op.quick, of a COPY that is prepared: on top of the stage's layers as they are now; --link: of any. */
void prepare_copy_key(struct stage_run *st, struct op *op);
/* Whether the result is made without looking at the layers below: COPY --link, owners given as numbers. */
bool copy_stands_alone(const struct op *op);
int prepare_workdir(struct stage_run *st, struct op *op, struct error *err);
/* A layer on top of the stage's, borrowed. */
int stage_push_layer(struct stage_run *st, struct build_layer *l, struct error *err);
/* Trees of the layers of a stage's state as it is now. */
int stage_trees(const struct stage_run *st, struct step_trees *ret, struct error *err);
void key_begin(struct sha256 *h, const char *what);
void key_text(struct sha256 *h, const char *s);
void key_strv(struct sha256 *h, const struct strv *v);
void key_layers(struct sha256 *h, const struct stage_run *st);
/* ---- schedule.c: doing it ---- */
int schedule_run(struct build *b, struct error *err);
int schedule_flush(struct build *b, struct error *err);
/* Rows that were written, or will not be. */
void schedule_forget_rows(struct build *b);
/* ---- image.c: the result ---- */
/* The stage's image as it is now, without parent and key. */
int image_now(const struct stage_run *st, struct step_image *ret, struct error *err);
int image_finish(struct build *b, struct stage_run *st, struct error *err);
/* The stage as it is now becomes an image of these names (full ones). ret_manifest: room for a digest. */
int image_commit_stage(struct build *b, const struct stage_run *st, const struct strv *names, char ret_id[65], char *ret_manifest,
		       struct error *err);
/* Nothing but FROM of an image, and options that make another image of it (without a layer). */
bool image_is_relabelled(const struct stage_run *st);
/* --env: what a stage's environment begins with. */
int image_set_env(struct stage_run *st, struct error *err);
int image_describe(struct build *b, struct stage_run *st, struct error *err);
/* The label that says which Buildah the builder is like, unless it is not wanted. */
int image_set_identity(struct stage_run *st, struct error *err);
/* ---- stages.c: --save-stages, --stage-labels, --layer-label, --log-rusage ---- */
/* An instruction behind the FROM that labels the stage with its name and base. */
int stages_label(struct stage_run *st, struct error *err);
/* A stage that is done, but is not the target, becomes an image without a name. */
int stages_save(struct stage_run *st, struct error *err);
/* The stage's image after a step (`last`: the build's), as image_now(), with the labels of --layer-label. */
int stages_step(const struct stage_run *st, bool last, struct step_image *ret, struct error *err);
/* Buildah's line about what a step used; room for 200 bytes. */
void stages_usage(const struct op *op, char *ret, size_t size);
/* ---- keep.c ---- */
/* --rm=false: a working container for each step of a build that is done. */
int build_keep_steps(struct build *b, struct error *err);
/* --force-rm=false: one for what the stage was before the step that failed. */
int build_keep_failed(struct build *b, struct error *err);
/* ---- output.c: --output ---- */
/* The result goes somewhere else and no image was asked for. */
bool build_output_only(const struct build *b);
/* Before anything is built: whether the words make sense. */
int build_output_check(const struct build *b, struct error *err);
int build_output(struct build *b, struct stage_run *st, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/working.h - Buildah's working containers: an image that is made step by step from the command line.
 *
 * A working container is a container of the store that is never started (params.basic.external): its upper directory grows
 * by working_run() and working_copy(); what the image shall say stands in a document in its directory and is changed by
 * working_config(); working_commit() makes an image of both.
 *
 *     working_from() | working_open() -> working_run(), working_copy(), working_config() ... -> working_done()
 *
 * A struct working owns its members. Changes of the document are durable when a call returns. Not after fork(). Allocates. */
#pragma once
#include "build/options.h"
#include "engine/container.h"
#include "image/oci-image.h"

struct working {
	struct ctr *c;
	struct image_config config;      /* what the image says; the base's history and more */
	struct strmap annotations;
	char *format;                    /* "docker", "oci"; NULL: oci */
	char *image, *digest;            /* what it was made from: full name or id, and its manifest; NULL: nothing */
	char *created_by, *history_comment;
	struct strv linked;              /* created_by of layers that `add --link` made; build/working-trees.c */
	struct strv settings;            /* options of `from` that later commands heed, as words of its command line */
	int64_t base_history;            /* entries of the history that the base had */
};
void working_done(struct working *w);
#define auto_working CLEANUP(working_done) struct working

struct working_from {
	const char *image;               /* "scratch": nothing */
	const char *name, *suffix;       /* name NULL: "IMAGE-SUFFIX" (working-container), with "-N" behind it when that is taken */
	const struct build_options *options;   /* platform and registry; the rest comes by `settings` */
	const char *pull, *format;
	const struct strv *settings;
	bool quiet;
};
int working_from(struct engine *e, const struct working_from *f, struct working *ret, struct error *err);
/* ERROR_NOT_FOUND "container not known"; ERROR_INVALID for an ordinary container. */
int working_open(struct engine *e, const char *name, struct working *ret, struct error *err);
int working_save(const struct working *w, struct error *err);
/* Appends an entry without a layer to the history. */
int working_add_history(struct working *w, const char *created_by, struct error *err);

struct working_command {
	const struct strv *args;
	struct build_options *options;
	const char *contextdir;          /* where sources of bind mounts lie; NULL: on the host */
	bool no_stdin, quiet;            /* quiet: its output goes to standard error */
};
/* Runs a command as RUN would, with our standard streams. *ret_code: its exit code. */
int working_run(struct working *w, const struct working_command *c, int *ret_code, struct error *err);

struct working_copy {
	const struct strv *sources;
	const char *destination;         /* NULL: the working directory */
	const char *chown, *chmod, *checksum;
	const char *from;                /* working container or image; NULL: the host */
	const char *contextdir, *ignorefile;
	const struct strv *excludes;
	const struct build_options *options;   /* registry */
	struct opt_int timestamp;        /* Unix seconds all that is copied gets */
	struct opt_int into;             /* descriptor of the directory that is written to instead of the container */
	bool no_wildcard, empty_wildcard;
	bool link;                       /* a layer of its own in the image; not seen in the container */
	bool no_follow;                  /* a source that is a link is copied as a link */
	bool quiet;                      /* no progress of pulls */
	bool add, parents;               /* add: archives are unpacked, URLs fetched */
};
/* ret_digest: hex, "" when nothing was copied; *ret_what: "file:", "dir:" or "multi:". */
int working_copy(struct working *w, const struct working_copy *o, char ret_digest[65], const char **ret_what, struct error *err);

/* The triggers of the image it was made from (ONBUILD), once; sources of COPY lie below the current directory. Afterwards
 * the container's image has none of them. */
struct working_onbuild {
	struct build_options *options;   /* as for its commands */
	void (*step)(size_t n, const char *text);   /* before each; NULL */
};
int working_onbuild(struct working *w, const struct working_onbuild *o, struct error *err);

/* ---- configuration ---- */
struct working_changes {
	struct strv annotations, env, labels, onbuild, os_features, ports, volumes, unset_labels, unset_annotations;
	char *arch, *author, *cmd, *comment, *created_by, *domainname, *entrypoint, *history_comment, *hostname, *os, *os_version;
	char *shell, *stop_signal, *user, *variant, *workingdir;
	char *health, *health_interval, *health_start_interval, *health_start_period, *health_timeout;
	struct opt_int health_retries;
	struct opt_bool add_history;
};
extern const struct field working_changes_rows[];
/* "x" adds or replaces, "x-" takes away, "-" empties (lists). Warnings go to the engine's log. The caller saves. */
int working_config(struct working *w, const struct working_changes *ch, struct error *err);
/* Appends the words of a shell line: quotes and backslashes count. ERROR_INVALID "invalid command line string". */
int working_words(const char *line, struct strv *ret, struct error *err);
/* --add-history, else BUILDAH_HISTORY. */
bool working_wants_history(struct opt_bool given);

/* ---- the image ---- */
struct working_commit {
	const char *name;                /* full or short name; NULL: none */
	const char *format, *config_file;
	const struct strv *changes, *annotations, *unset_annotations, *unset_env;
	const struct strv *add_files;    /* SOURCE[:DESTINATION]; may be NULL */
	const struct build_options *options;   /* with add_files */
	struct opt_bool identity_label, created_annotation;
	struct opt_int timestamp;        /* of image, history and files (none newer; set_times: all of them; keep_times: not these) */
	bool set_times, keep_times, omit_history, squash;
	struct image_progress progress;
};
int working_commit(struct working *w, const struct working_commit *o, char ret_id[65], struct error *err);

/* ---- what `inspect` shows ---- */
struct working_info;
extern const struct value_type working_info_type;
int working_inspect(struct engine *e, struct working *w, struct working_info **ret, struct error *err);
/* The same for an image as if a container had just been made of it. */
int working_inspect_image(struct engine *e, const char *name, struct working_info **ret, struct error *err);
void working_info_free(struct working_info *i);
DEFINE_CLEANUP(struct working_info, working_info_free);
#define auto_working_info CLEANUP(working_info_free_p) struct working_info

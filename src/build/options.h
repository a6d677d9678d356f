/* SPDX-License-Identifier: Apache-2.0
 * build/options.h - what `build` (and every front end that builds) is told: one struct, one set of rows.
 *
 * The settings of the containers that RUN starts are those of `run`: the member `run` is a struct container_params and is
 * parsed by the same functions. build_options_finish() reads files that options name, checks what excludes each other
 * and refuses by name what is known but cannot be done. Owns its strings and lists; build_options_done().
 * Allocates. */
#pragma once
#include "base/field.h"
#include "engine/image.h"
#include "engine/params.h"

enum build_isolation { BUILD_ISOLATION_DEFAULT, BUILD_ISOLATION_OCI, BUILD_ISOLATION_ROOTLESS, BUILD_ISOLATION_CHROOT };

struct build_options {
	struct container_params run;     /* must be first: the rows of --network count from here */
	struct image_remote remote;

	/* what is built */
	struct strv files, tags;
	char *target, *from, *manifest, *format, *ignorefile;
	struct strv build_args, build_arg_files, build_contexts, cpp_flags;
	struct strv platforms;
	char *arch, *os, *variant, *os_version;
	struct strv os_features;
	bool all_platforms, check;

	/* what the image says */
	struct strv annotations, labels, layer_labels, env, unset_env, unset_labels, unset_annotations;
	struct opt_bool identity_label, inherit_labels, inherit_annotations, created_annotation;
	bool omit_history, squash, squash_all;
	struct opt_int timestamp;
	char *source_date_epoch;
	bool rewrite_timestamp;

	/* cache */
	struct opt_bool layers;
	bool no_cache;
	struct opt_bool rm, force_rm;
	struct strv cache_from, cache_to;
	char *cache_ttl, *pull;
	bool pull_always, pull_never;
	bool as_buildah;   /* not an option: called by that name, whose words some errors have */

	/* how */
	struct opt_int jobs;
	char *isolation;
	struct opt_bool skip_unused_stages, compat_volumes;
	struct strv secrets, ssh, run_mounts, decryption_keys, allow;   /* run_mounts: --mount of types that only RUN has */
	bool use_stdin;

	/* results and talk */
	struct strv outputs;
	char *iidfile, *iidfile_raw, *metadata_file, *logfile, *progress;
	bool quiet, load, push;
	bool wanted;                 /* the front end does something with the image itself */
	char *compression;           /* --compression-format */
	struct opt_int compression_level;
	bool force_compression;
	struct opt_bool logsplit;

	/* accepted without effect (said in their help), or refused by name when given */
	char *userns;                /* --userns: its words are others than those of `run` */
	bool ignored_bool;
	struct opt_bool ignored_opt;
	int64_t ignored_int;
	char *cw, *sign_by, *source_policy, *rusage_logfile, *blob_cache;
	struct strv sbom_commands;
	char *sbom, *sbom_image, *sbom_output, *sbom_purl, *sbom_image_output, *sbom_image_purl, *sbom_merge;
	bool save_stages, stage_labels, log_rusage;
	struct strv hooks_dirs, cdi_dirs;
	char *runtime;               /* as the global options of that name */
	struct strv runtime_flags;
};

/* whole struct build_options: run.storage.mounts or run_mounts; the second: of commands in working containers */
extern const struct field_custom build_mount_custom, build_run_mount_custom;
extern const struct field_custom build_idmap_custom;   /* "inside:outside:count" and nothing shorter */
extern const struct field_custom build_ns_cgroup_custom, build_ns_ipc_custom, build_ns_pid_custom, build_ns_uts_custom, build_ns_net_custom;
extern const struct field build_rows[];
void build_options_init(void *options);   /* struct build_options *; defaults that are not zero */
void build_options_done(struct build_options *o);
/* --userns that only the store can tell: a range of ids nobody has, another container's namespace. After _finish(). */
int build_settle_userns(struct engine *e, struct build_options *o, struct error *err);
int build_options_finish(struct build_options *o, struct error *err);
/* The isolation asked for: --isolation, BUILDAH_ISOLATION. */
int build_isolation_parse(const struct build_options *o, enum build_isolation *ret, struct error *err);

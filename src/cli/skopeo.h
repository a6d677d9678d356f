/* SPDX-License-Identifier: Apache-2.0
 * cli/skopeo.h - what the commands of `image copy` and its family share: they are Skopeo's when the program is called
 * `skopeo`, with its global options, and subcommands of `image` otherwise, with the same options behind them.
 * Owns nothing but what the rows describe. */
#pragma once
#include "cli/cli.h"
#include "engine/image-copy.h"

extern const struct field skopeo_global_rows[];

/* What to choose and whom to trust, for commands that read an image: Skopeo's global options as options of the command. */
struct skopeo_choice {
	char *policy, *override_arch, *override_os, *override_variant;
	bool insecure_policy;
};
extern const struct field skopeo_choice_rows[];

/* One place: --authfile --creds --cert-dir --no-creds --registry-token --tls-verify --username --password --daemon-host
 * --shared-blob-dir, plain or with "src-" and "dest-" in front. */
struct skopeo_place {
	struct image_remote remote;
	char *daemon_host, *shared_blob_dir;
};
extern const struct field skopeo_place_rows[], skopeo_from_rows[], skopeo_to_rows[];
/* --retry-times, --retry-delay: for both places. */
struct skopeo_retry {
	struct opt_uint times;
	char *delay;
};
extern const struct field skopeo_retry_rows[];

/* The remote options of a place with what the rest of the command line says: borrowed strings, not to be freed. */
struct image_remote skopeo_remote(const struct cli *cli, const struct skopeo_place *place, const struct skopeo_choice *choice,
				  const struct skopeo_retry *retry, const char *authfile);
/* The platform chosen; borrowed. */
struct platform skopeo_platform(const struct cli *cli, const struct skopeo_choice *choice);
/* Progress on standard output, as Skopeo tells it. */
struct image_progress skopeo_progress(bool quiet);
/* Appends `text` in JSON with four blanks, as Skopeo prints it. */
int skopeo_print_json(struct json_object *o, struct error *err);
/* Shows an image where it is, as `skopeo inspect` does; without a transport it is one of the local storage. */
struct look_how {
	const char *format;
	bool raw, config;
};
int look_print(struct cli *cli, const struct skopeo_place *place, const char *name, struct look_how how, struct error *err);
/* Prepares what the global options ask for; before the engine. */
int skopeo_globals_apply(struct cli *cli, struct error *err);

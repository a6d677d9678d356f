/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-pull.c - `pull`: images from a registry or another place. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/transfer.h"

struct pull_params {
	struct image_pull pull;
	char *policy;
	bool disable_content_trust, quiet;
};

#define P struct pull_params
static const struct field rows[] = {
	{ .cli = "all-tags", .abbr = 'a', F_BOOL(P, pull.all_tags), .help = "All tagged images in the repository will be pulled" },
	{ .cli = "arch", F_STR(P, pull.arch), .arg = "ARCH", .complete = "arch",
	  .help = "Use ARCH instead of the architecture of the machine for choosing images" },
	{ .cli = "decryption-key", F_STRV(P, pull.decryption_keys), .arg = "key[:passphrase]",
	  .help = "Key needed to decrypt the image (not supported)" },
	{ .cli = "disable-content-trust", F_BOOL(P, disable_content_trust), .help = "This is a Docker specific option and is a NOOP" },
	{ .cli = "os", F_STR(P, pull.os), .arg = "OS", .help = "Use OS instead of the running OS for choosing images" },
	{ .cli = "platform", F_STR(P, pull.platform), .arg = "OS/ARCH",
	  .help = "Specify the platform for selecting the image. (Conflicts with arch and os)" },
	{ .cli = "policy", F_STR(P, policy), .arg = "string", .fallback = "\"always\"", .complete = "pull-policies",
	  .help = "Pull image policy: always, missing, never or newer" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Suppress output information when pulling images" },
	{ .cli = "variant", F_STR(P, pull.variant), .arg = "VARIANT",
	  .help = "Use VARIANT instead of the running architecture variant for choosing images" },
	{}
};

static int pull_one(struct engine *e, struct pull_params *p, const char *name, struct strv *ids, struct error *err)
{
	enum pull_policy policy = PULL_ALWAYS;

	if (p->policy)
		TRY(pull_policy_parse(p->policy, &policy, err));
	p->pull.policy = (int)policy;
	p->pull.progress = cli_progress(p->quiet);
	return image_pull(e, name, &p->pull, ids, err);
}

static int run_pull(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct pull_params *p = params;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	for (size_t i = 0; i < args->n; i++) {
		auto_strv ids = {};
		struct error failed;
		if (pull_one(e, p, args->v[i], &ids, &failed) < 0)
			cli_note_error(cli, &failed);
		for (size_t k = 0; k < ids.n; k++)
			printf("%s\n", ids.v[k]);
	}
	return 0;
}

const struct command cmd_pull = {
	.summary = "Pull an image from a registry",
	.description = "Copies images from a registry, an archive or a directory into the local storage and prints their ids.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { rows }, { image_remote_rows, offsetof(P, pull.remote) }, {} },
	.params_size = sizeof(struct pull_params), .examples = "imageName\nfedora:latest\ndocker://quay.io/busybox",
	.run = run_pull, .flags = COMMAND_IN_USERNS,
};

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
	{ .cli = "all-tags", .abbr = 'a', F_BOOL(P, pull.all_tags), .help = "Fetch every tag of the repository" },
	{ .cli = "arch", F_STR(P, pull.arch), .arg = "ARCH", .complete = "arch",
	  .help = "Architecture to choose images for" },
	{ .cli = "decryption-key", F_STRV(P, pull.decryption_keys), .arg = "key[:passphrase]",
	  .help = "Private key for encrypted layers (jwe)" },
	{ .cli = "disable-content-trust", F_BOOL(P, disable_content_trust),
	  .help = "Accepted for Docker scripts, without effect" },
	{ .cli = "os", F_STR(P, pull.os), .arg = "OS", .help = "Operating system to choose images for" },
	{ .cli = "platform", F_STR(P, pull.platform), .arg = "OS/ARCH",
	  .help = "OS/ARCH[/VARIANT] to choose images for (not with --arch, --os)" },
	{ .cli = "policy", F_STR(P, policy), .arg = "string", .fallback = "always", .complete = "pull-policies",
	  .help = "Pull image policy: always, missing, never or newer" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress while pulling" },
	{ .cli = "variant", F_STR(P, pull.variant), .arg = "VARIANT",
	  .help = "Architecture variant to choose images for" },
	{}
};

/* Buildah is content with what is here. */
static int pull_one(struct cli *cli, struct engine *e, struct pull_params *p, const char *name, struct strv *ids, struct error *err)
{
	enum pull_policy policy = streq(cli->program, "buildah") && !p->pull.all_tags ? PULL_MISSING : PULL_ALWAYS;

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

	TRY(image_remote_check_authfile(&p->pull.remote, err));
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 0; i < args->n; i++) {
		auto_strv ids = {};
		struct error failed;
		if (pull_one(cli, e, p, args->v[i], &ids, &failed) < 0)
			cli_note_error(cli, &failed);
		for (size_t k = 0; k < ids.n; k++)
			printf("%s\n", ids.v[k]);
	}
	return 0;
}

const struct command cmd_pull = {
	.summary = "Fetch images from a registry",
	.description = "Copies images from a registry, an archive or a directory into the local storage and prints their ids.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { rows }, { image_remote_rows, offsetof(P, pull.remote) },
		{ image_pull_retry_rows, offsetof(P, pull.remote) }, {} },
	.params_size = sizeof(struct pull_params), .examples = "alpine:3\n--quiet registry.example:5000/web:1.4\noci-archive:web.tar",
	.run = run_pull, .flags = COMMAND_IN_USERNS | COMMAND_BRINGS_IMAGES,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-trust.c - `image trust show` and `image trust set`. */
#include <stdio.h>
#include <string.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/trust-conf.h"

/* ---- show ---- */
struct show_params {
	char *policy, *registry_path;
	bool json, noheading, raw;
};
#define P struct show_params
static const struct field show_rows[] = {
	{ .cli = "json", .abbr = 'j', F_BOOL(P, json), .help = "Show JSON" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "Leave the headings out" },
	{ .cli = "raw", F_BOOL(P, raw), .help = "Show the policy file as it is" },
	{ .cli = "registrypath", F_STR(P, registry_path), .flags = FIELD_HIDDEN, .help = "Directory instead of registries.d" },
	{ .cli = "signature-policy", F_STR(P, policy), .arg = "path", .complete = "files",
	  .help = "Policy file instead of policy.json" },
	{}
};

static const struct value_type row_type = { .name = "trust.Policy", .rows = trust_row_rows };

static int print_json(const struct value *list, struct error *err)
{
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	auto_json *tree = NULL;

	TRY(value_save(list, &tree, err));
	json_format(&out, tree, 2);
	buf_add_char(&out, '\n');
	return text_print(&out, "trust", err);
}

static int run_show(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	static const struct format_header headers[] = {
		{ "Transport", "TRANSPORT" }, { "RepoName", "NAME" }, { "Type", "TYPE" }, { "GPGId", "ID" },
		{ "Sigstore", "STORE" }, {},
	};
	struct show_params *p = params;
	auto_trust_rows rows = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	autofree char *raw = NULL;
	struct engine *e;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	if (p->raw) {
		TRY(trust_raw(e, p->policy, &raw, err));
		printf("%s\n", raw);
		return 0;
	}
	TRY(trust_show(e, p->policy, p->registry_path, &rows, err));
	struct value list = value_structs(&row_type, rows.v, rows.n, sizeof(struct trust_row));
	if (p->json)
		return print_json(&list, err);
	const struct format_request rq = { .name = "image trust show", .noheading = p->noheading, .headers = headers,
					   .fallback = "table {{.Transport}}\t{{.RepoName}}\t{{.Type}}\t{{.GPGId}}\t{{.Sigstore}}",
					   .type = &row_type };
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "trust", err);
}

const struct command cmd_image_trust_show = {
	.summary = "Show whose images are trusted", .description = "Shows the signature policy.", .args = "[REGISTRY]",
	.max_args = 1, .groups = (const struct command_rows[]){ { show_rows }, {} }, .params_size = sizeof(struct show_params),
	.examples = "--raw\n--json", .run = run_show, .flags = COMMAND_IN_USERNS,
};

/* ---- set ---- */
struct set_params {
	char *policy, *type;
	struct strv keys;
};
#define T struct set_params
static const struct field set_rows[] = {
	{ .cli = "pubkeysfile", .abbr = 'f', F_STRV(T, keys), .arg = "KEY1", .complete = "files",
	  .help = "Public key that is trusted (repeatable)" },
	{ .cli = "signature-policy", F_STR(T, policy), .arg = "path", .complete = "files",
	  .help = "Policy file instead of policy.json" },
	{ .cli = "type", .abbr = 't', F_STR(T, type), .fallback = "signedBy",
	  .help = "What is demanded: accept, reject, signedBy or sigstoreSigned" },
	{}
};

static bool is_scope(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:*@")];
}

static int run_set(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	static const char *const types[] = { "accept", "insecureAcceptAnything", "reject", "signedBy", "sigstoreSigned" };
	struct set_params *p = params;
	const char *type = p->type ? p->type : "signedBy";
	struct engine *e;
	bool known = false;

	if (!is_scope(args->v[0]))
		return fail(err, ERROR_INVALID, "invalid image uri: %s", args->v[0]);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known |= streq(types[i], type);
	if (!known)
		return fail(err, ERROR_INVALID, "invalid choice: %s (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')", type);
	TRY(cli_engine(cli, &e, err));
	return trust_set(e, &(struct trust_change){ p->policy, type, args->v[0], &p->keys }, err);
}

const struct command cmd_image_trust_set = {
	.summary = "Set whose images are trusted",
	.description = "Changes the signature policy of a registry or repository, or the one for all others (default).",
	.args = "REGISTRY", .min_args = 1, .max_args = 1, .groups = (const struct command_rows[]){ { set_rows }, {} },
	.params_size = sizeof(struct set_params),
	.examples = "--type reject default\n--type accept docker.io\n--pubkeysfile key.gpg quay.io/team", .run = run_set,
	.flags = COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/skopeo.h"

#include <stdio.h>

#include "base/format.h"
#include "cli/text.h"

#define G struct cli_globals
#define FIRST FIELD_GLOBAL_FIRST

const struct field skopeo_global_rows[] = {
	{ .cli = "command-timeout", F_DURATION(G, skopeo.command_timeout), .arg = "duration", .flags = FIRST,
	  .help = "Time after which the command is ended" },
	{ .cli = "debug", F_BOOL(G, debug), .flags = FIRST, .help = "Show debugging messages" },
	{ .cli = "help", .abbr = 'h', F_BOOL(G, help), .help = "Show this help" },
	{ .cli = "insecure-policy", F_BOOL(G, skopeo.insecure_policy), .flags = FIRST,
	  .help = "Ask no policy.json: every image may be used" },
	{ .cli = "override-arch", F_STR(G, skopeo.override_arch), .arg = "ARCH", .flags = FIRST, .complete = "arch",
	  .help = "Architecture to choose images for" },
	{ .cli = "override-os", F_STR(G, skopeo.override_os), .arg = "OS", .flags = FIRST,
	  .help = "Operating system to choose images for" },
	{ .cli = "override-variant", F_STR(G, skopeo.override_variant), .arg = "VARIANT", .flags = FIRST,
	  .help = "Architecture variant to choose images for" },
	{ .cli = "policy", F_STR(G, skopeo.policy), .arg = "path", .flags = FIRST, .complete = "files",
	  .help = "Policy to use instead of policy.json" },
	{ .cli = "registries-conf", F_STR(G, registries_conf), .arg = "path", .flags = FIRST | FIELD_HIDDEN, .complete = "files",
	  .help = "The registries.conf to read" },
	{ .cli = "registries.d", F_STR(G, skopeo.registries_d), .arg = "dir", .flags = FIRST, .complete = "files",
	  .help = "Directory that says where signatures are kept" },
	{ .cli = "require-signed", F_BOOL(G, skopeo.require_signed), .flags = FIRST,
	  .help = "Refuse a policy that accepts images without signatures" },
	{ .cli = "tls-details", F_STR(G, tls_details), .arg = "path", .flags = FIRST, .complete = "files",
	  .help = "File with TLS settings for registries" },
	{ .cli = "tmpdir", F_STR(G, tmpdir), .arg = "dir", .flags = FIRST, .complete = "files",
	  .help = "Directory for big temporary files" },
	{ .cli = "user-agent-prefix", F_STR(G, skopeo.user_agent_prefix), .arg = "prefix", .flags = FIRST,
	  .help = "Text to put before the name this program tells registries" },
	{ .cli = "version", .abbr = 'v', F_BOOL(G, version), .flags = FIRST, .help = "Show the version" },
	{}
};

#define C struct skopeo_choice
const struct field skopeo_choice_rows[] = {
	{ .cli = "insecure-policy", F_BOOL(C, insecure_policy), .help = "Ask no policy.json: every image may be used" },
	{ .cli = "override-arch", F_STR(C, override_arch), .arg = "ARCH", .complete = "arch",
	  .help = "Architecture to choose images for" },
	{ .cli = "override-os", F_STR(C, override_os), .arg = "OS", .help = "Operating system to choose images for" },
	{ .cli = "override-variant", F_STR(C, override_variant), .arg = "VARIANT",
	  .help = "Architecture variant to choose images for" },
	{ .cli = "policy", F_STR(C, policy), .arg = "path", .complete = "files", .help = "Policy to use instead of policy.json" },
	{}
};

#define R struct skopeo_retry
const struct field skopeo_retry_rows[] = {
	{ .cli = "retry-delay", F_STR(R, delay), .arg = "duration", .help = "Time to wait before trying again" },
	{ .cli = "retry-times", MORE(.aliases = "retry"), F_OPT_UINT(R, times), .arg = "n",
	  .help = "How often to try again after a failure" },
	{}
};

/* The same options three times, as rows must be constant. */
#define P struct skopeo_place
#define PLACE(prefix, of) \
	{ .cli = prefix "authfile", F_STR(P, remote.authfile), .arg = "path", .complete = "files", \
	  .help = "File with registry logins" of }, \
	{ .cli = prefix "cert-dir", F_STR(P, remote.cert_dir), .arg = "path", .complete = "files", \
	  .help = "Directory with certificates" of }, \
	{ .cli = prefix "creds", F_STR(P, remote.creds), .arg = "username[:password]", .help = "Login" of }, \
	{ .cli = prefix "daemon-host", F_STR(P, daemon_host), .arg = "host", .help = "Socket of the Docker daemon" of }, \
	{ .cli = prefix "no-creds", F_BOOL(P, remote.no_creds), .help = "Ask the registry anonymously" of }, \
	{ .cli = prefix "password", F_STR(P, remote.password), .arg = "password", .help = "Password" of }, \
	{ .cli = prefix "registry-token", F_STR(P, remote.registry_token), .arg = "token", .help = "Bearer token" of }, \
	{ .cli = prefix "shared-blob-dir", F_STR(P, shared_blob_dir), .arg = "directory", .complete = "files", \
	  .help = "Directory of blobs shared between OCI layouts" of }, \
	{ .cli = prefix "tls-verify", F_OPT_BOOL(P, remote.tls_verify), .help = "Insist on HTTPS and valid certificates" of }, \
	{ .cli = prefix "username", F_STR(P, remote.username), .arg = "username", .help = "User name" of }, \
	{}
const struct field skopeo_place_rows[] = { PLACE("", "") };
const struct field skopeo_from_rows[] = {
	{ .cli = "screds", F_STR(P, remote.creds), .arg = "username[:password]", .flags = FIELD_HIDDEN, .help = "Same as --src-creds" },
	PLACE("src-", " of the source")
};
const struct field skopeo_to_rows[] = {
	{ .cli = "dcreds", F_STR(P, remote.creds), .arg = "username[:password]", .flags = FIELD_HIDDEN, .help = "Same as --dest-creds" },
	PLACE("dest-", " of the destination")
};

struct image_remote skopeo_remote(const struct cli *cli, const struct skopeo_place *place, const struct skopeo_choice *choice,
				  const struct skopeo_retry *retry, const char *authfile)
{
	struct image_remote r = place->remote;
	const struct skopeo_globals *g = &cli->global.skopeo;

	if (!r.authfile)
		r.authfile = (char *)(uintptr_t)authfile;
	if (retry) {
		r.retry = retry->times;
		r.retry_delay = retry->delay;
	}
	if (!r.registries_d)
		r.registries_d = g->registries_d;
	r.user_agent_prefix = g->user_agent_prefix;
	r.signature_policy = choice && choice->policy ? choice->policy : g->policy;
	r.insecure_policy = (choice && choice->insecure_policy) || g->insecure_policy;
	return r;
}

struct platform skopeo_platform(const struct cli *cli, const struct skopeo_choice *choice)
{
	const struct skopeo_globals *g = &cli->global.skopeo;

	return (struct platform){ .os = choice->override_os ? choice->override_os : g->override_os,
				  .architecture = choice->override_arch ? choice->override_arch : g->override_arch,
				  .variant = choice->override_variant ? choice->override_variant : g->override_variant };
}

static void print_line(void *data, const char *text)
{
	(void)data;
	printf("%s\n", text);
	fflush(stdout);
}

struct image_progress skopeo_progress(bool quiet)
{
	return quiet ? (struct image_progress){} : (struct image_progress){ .line = print_line };
}

int skopeo_print_json(struct json_object *o, struct error *err)
{
	auto_buf text = BUF_INIT((size_t)64 << 20);
	struct json_style style = { .indent = 4, .html = true };

	json_write(&text, o, &style);
	buf_add_char(&text, '\n');
	return text_print(&text, "JSON", err);
}

int skopeo_globals_apply(struct cli *cli, struct error *err)
{
	const struct skopeo_globals *g = &cli->global.skopeo;

	if (g->command_timeout > 0)
		alarm((unsigned)((g->command_timeout + 999999999) / 1000000000));
	if (cli->global.tmpdir && setenv("TMPDIR", cli->global.tmpdir, 1) < 0)
		return fail_oom(err);
	if (g->require_signed)
		return fail(err, ERROR_UNSUPPORTED, "--require-signed is not supported: write a policy.json that asks for signatures");
	return 0;
}

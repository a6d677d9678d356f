/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-copy.c - `buildah add`, `buildah copy`, `buildah config`. */
#include <stdio.h>

#include "build/working.h"
#include "cli/cli.h"

/* ---- add, copy ---- */
struct copy_params {
	struct build_options o;
	struct strv excludes;
	char *chown, *chmod, *checksum, *contextdir, *from, *ignorefile;
	struct opt_bool add_history, wildcard, empty_wildcard;
	struct opt_int timestamp;
	bool link, no_follow, parents, quiet;
};
#define P struct copy_params
static const struct field copy_rows[] = {
	{ .cli = "add-history", F_OPT_BOOL(P, add_history), .help = "Note it in the image's history (BUILDAH_HISTORY)" },
	{ .cli = "allow-empty-wildcard", F_OPT_BOOL(P, empty_wildcard), .help = "A pattern may fit nothing" },
	{ .cli = "allow-wildcard", F_OPT_BOOL(P, wildcard), .fallback = "true", .help = "Sources may be patterns" },
	{ .cli = "checksum", F_STR(P, checksum), .arg = "digest", .help = "Digest that what is fetched must have (sha256:...)" },
	{ .cli = "chmod", F_STR(P, chmod), .arg = "mode", .help = "Mode of what is copied" },
	{ .cli = "chown", F_STR(P, chown), .arg = "user[:group]", .help = "Owner of what is copied" },
	{ .cli = "contextdir", F_STR(P, contextdir), .arg = "directory", .complete = "dirs", .help = "Directory the sources lie in" },
	{ .cli = "exclude", F_STRV(P, excludes), .arg = "pattern", .help = "Leave out what fits the pattern" },
	{ .cli = "from", F_STR(P, from), .arg = "container|image", .help = "Copy from a container or an image" },
	{ .cli = "ignorefile", F_STR(P, ignorefile), .arg = "path", .complete = "files", .help = "Ignore file, with --contextdir" },
	{ .cli = "link", F_BOOL(P, link), .help = "Make it a layer of its own in the image; it is not seen in the container" },
	{ .cli = "no-follow-symlinks", F_BOOL(P, no_follow), .help = "A source that is a link is copied as a link" },
	{ .cli = "parents", F_BOOL(P, parents), .help = "Keep the directories above the sources" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Do not print the digest of what was copied" },
	{ .cli = "timestamp", F_OPT_INT(P, timestamp), .arg = "seconds", .help = "Time of what is copied, in seconds since 1970" },
	{}
};
#undef P
static const struct command_rows copy_groups[] = { { copy_rows, 0 }, { build_rows, 0, "decryption-key" },
						   { image_remote_rows, offsetof(struct copy_params, o.remote) },
						   { image_pull_retry_rows, offsetof(struct copy_params, o.remote) }, {} };

static void copy_init(void *params)
{
	build_options_init(&((struct copy_params *)params)->o);
}

static void copy_done(void *params)
{
	build_options_done(&((struct copy_params *)params)->o);
}

static int check(const struct copy_params *p, struct error *err)
{
	if (p->ignorefile && !p->contextdir)
		return fail(err, ERROR_INVALID, "--ignorefile option requires that you specify a context dir using --contextdir");
	return 0;
}

static int copy_files(struct cli *cli, const struct copy_params *p, const struct strv *args, bool add, struct error *err)
{
	auto_strv sources = {};
	autofree char *text = NULL;
	auto_working w = {};
	struct engine *e;
	const char *what = "";
	char digest[65] = "";

	TRY(check(p, err));
	TRY(image_remote_check_authfile(&p->o.remote, err));
	for (size_t i = 1; i + (args->n > 2) < args->n; i++)
		TRY(strv_add(&sources, args->v[i], err));
	const struct working_copy copy = {
		.sources = &sources, .destination = args->n > 2 ? args->v[args->n - 1] : NULL, .chown = p->chown, .chmod = p->chmod,
		.checksum = p->checksum, .from = p->from, .contextdir = p->contextdir, .ignorefile = p->ignorefile, .excludes = &p->excludes,
		.options = &p->o, .timestamp = p->timestamp, .add = add, .parents = p->parents, .link = p->link, .no_follow = p->no_follow,
		.quiet = p->quiet,
		.no_wildcard = p->wildcard.set && !p->wildcard.value, .empty_wildcard = p->empty_wildcard.value,
	};
	TRY(cli_engine(cli, &e, err));
	if (working_open(e, args->v[0], &w, err) < 0)
		return fail_wrap(err, "reading build container \"%s\"", args->v[0]);
	if (working_copy(&w, &copy, digest, &what, err) < 0)
		return fail_wrap(err, "adding content to container \"%s\"", w.c->at.record.name);
	if (!*digest)
		return 0;
	if (!p->quiet)
		puts(digest);
	if (!working_wants_history(p->add_history))
		return 0;
	TRY(str_printf(&text, err, "/bin/sh -c #(nop) %s %s%s", add ? "ADD" : "COPY", what, digest));
	TRY(working_add_history(&w, text, err));
	return working_save(&w, err);
}

static int run_copy(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return copy_files(cli, params, args, false, err);
}

static int run_add(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return copy_files(cli, params, args, true, err);
}

const struct command cmd_working_copy = {
	.summary = "Copy files into a working container", .args = "CONTAINER SOURCE [SOURCE...] [DESTINATION]", .min_args = 2,
	.max_args = ARGS_ANY, .groups = copy_groups, .params_size = sizeof(struct copy_params), .init = copy_init, .done = copy_done,
	.examples = "work app.conf /etc/\n--from other work /usr/bin/app /usr/bin/", .run = run_copy,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};
const struct command cmd_working_add = {
	.summary = "Add files, archives and URLs to a working container",
	.description = "Copies files into a working container. Archives are unpacked, URLs and git repositories are fetched.",
	.args = "CONTAINER SOURCE [SOURCE...] [DESTINATION]", .min_args = 2,
	.max_args = ARGS_ANY, .groups = copy_groups, .params_size = sizeof(struct copy_params), .init = copy_init, .done = copy_done,
	.examples = "work root.tar.xz /\nwork https://example.com/app.conf /etc/", .run = run_add,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- config ---- */
static int run_config(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_working w = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (working_open(e, args->v[0], &w, err) < 0)
		return fail_wrap(err, "reading build container \"%s\"", args->v[0]);
	TRY(working_config(&w, params, err));
	return working_save(&w, err);
}

const struct command cmd_working_config = {
	.summary = "Change the configuration of a working container",
	.description = "Changes what the image made of a working container will say. In lists and maps \"NAME-\" takes a member away and\n"
		"\"-\" takes all away.",
	.args = "CONTAINER", .min_args = 1, .max_args = 1, .missing = "container ID must be specified",
	.groups = (const struct command_rows[]){ { working_changes_rows, 0 }, {} }, .params_size = sizeof(struct working_changes),
	.examples = "--env A=1 --cmd '[\"sh\"]' work\n--label old- --port 80 work", .run = run_config,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah.c - working containers, when the program is called `buildah`: from, run, copy, config, commit, mount, ... */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build/working.h"
#include "cli/cli.h"
#include "engine/params-parse.h"
#include "os/lock.h"
#include "os/file.h"
#include "store/rootfs.h"

/* ---- from ---- */
struct from_params {
	char *name, *pull;
	bool quiet;
};
#define P struct from_params
static const struct field from_rows[] = {
	{ .cli = "name", F_STR(P, name), .arg = "name", .help = "Name of the working container" },
	{ .cli = "pull", F_STR(P, pull), .arg = "policy", MORE(.implied = "always"), .flags = FIELD_OPTIONAL_VALUE, .fallback = "missing",
	  .complete = "pull-policies", .help = "When to pull the image: always, missing, never, newer" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Do not show how the image is pulled" },
	{}
};
#undef P

static int run_from(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct from_params *p = params;
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (p->quiet)
		e->progress = NULL;
	TRY(working_from(e, args->v[0], p->name, p->pull, &c, err));
	puts(c->at.record.name);
	return 0;
}

const struct command cmd_working_from = {
	.summary = "Make a working container of an image", .args = "IMAGE", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ { from_rows, 0 }, {} }, .params_size = sizeof(struct from_params),
	.examples = "alpine\n--name work alpine", .run = run_from, .flags = COMMAND_IN_USERNS,
};

/* ---- run ---- */
static const struct field run_rows[] = {
	{ .cli = "env", .abbr = 'e', F_STRV(struct build_options, env), .arg = "name=value", .help = "Environment variable of the command" },
	{ .cli = "isolation", F_STR(struct build_options, isolation), .arg = "type", .help = "How it is confined: oci, rootless or chroot" },
	{ .cli = "network", MORE(.aliases = "net"), .type = FIELD_CUSTOM, .off = 0, .custom = &param_ns_net_custom, .arg = "mode",
	  .help = "Network of the command" },
	{ .cli = "user", .abbr = 'u', F_STR(struct build_options, run.process.user), .arg = "user[:group]", .help = "User the command runs as" },
	{ .cli = "volume", .abbr = 'v', F_CUSTOM(struct build_options, run.storage.mounts, &param_volume_custom), .arg = "volume",
	  .help = "Mount a directory or volume ([SOURCE:]TARGET[:OPTIONS])" },
	{ .cli = "workingdir", F_STR(struct build_options, run.process.workdir), .arg = "directory", .help = "Where the command begins" },
	{}
};

static int run_run(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct build_options *o = params;
	auto_ctr *c = NULL;
	struct engine *e;
	int code = 0;

	TRY(cli_engine(cli, &e, err));
	TRY(working_find(e, args->v[0], &c, err));
	strv_remove(args, 0);
	if (args->n && streq(args->v[0], "--"))
		strv_remove(args, 0);
	if (!args->n)
		return fail(err, ERROR_INVALID, "command must be specified");
	if (working_run(c, args, o, &code, err) >= 0)
		return 0;
	if (code) {
		err->kind = ERROR_EXIT;
		err->errnum = code;
	}
	return -1;
}

static void run_done(void *params)
{
	build_options_done(params);
}

const struct command cmd_working_run = {
	.summary = "Run a command in a working container", .args = "CONTAINER COMMAND [ARG...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { run_rows, 0 }, {} }, .params_size = sizeof(struct build_options),
	.init = build_options_init, .done = run_done, .examples = "alpine-working-container apk add git", .run = run_run,
	.flags = COMMAND_IN_USERNS | COMMAND_ARGS_STOP,
};

/* ---- copy ---- */
struct copy_params {
	char *chown, *chmod;
	bool quiet;
};
#define P struct copy_params
static const struct field copy_rows[] = {
	{ .cli = "chmod", F_STR(P, chmod), .arg = "mode", .help = "Mode of what is copied" },
	{ .cli = "chown", F_STR(P, chown), .arg = "user[:group]", .help = "Owner of what is copied" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Do not print the digest of what was copied" },
	{}
};
#undef P

static int run_copy(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct copy_params *p = params;
	auto_strv sources = {};
	auto_ctr *c = NULL;
	struct engine *e;
	char digest[65];

	TRY(cli_engine(cli, &e, err));
	TRY(working_find(e, args->v[0], &c, err));
	for (size_t i = 1; i + (args->n > 2) < args->n; i++)
		TRY(strv_add(&sources, args->v[i], err));
	const struct working_copy copy = { .sources = &sources, .destination = args->n > 2 ? args->v[args->n - 1] : NULL,
					   .chown = p->chown, .chmod = p->chmod };
	TRY(working_copy(c, &copy, digest, err));
	if (!p->quiet)
		puts(digest);
	return 0;
}

const struct command cmd_working_copy = {
	.summary = "Copy files into a working container", .args = "CONTAINER SOURCE [SOURCE...] [DESTINATION]", .min_args = 2,
	.max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { copy_rows, 0 }, {} },
	.params_size = sizeof(struct copy_params), .examples = "work app.conf /etc/", .run = run_copy, .flags = COMMAND_IN_USERNS,
};

/* ---- config ---- */
struct config_params {
	struct strv env, label, port, volume, onbuild;
	char *cmd, *entrypoint, *user, *workingdir, *stop_signal, *shell;
};
#define P struct config_params
static const struct field config_rows[] = {
	{ .cli = "cmd", F_STR(P, cmd), .arg = "command", .help = "Command of containers" },
	{ .cli = "entrypoint", F_STR(P, entrypoint), .arg = "command", .help = "Entry point of containers" },
	{ .cli = "env", .abbr = 'e', F_STRV(P, env), .arg = "name=value", .help = "Environment variable" },
	{ .cli = "label", .abbr = 'l', F_STRV(P, label), .arg = "name=value", .help = "Label" },
	{ .cli = "onbuild", F_STRV(P, onbuild), .arg = "instruction", .help = "Instruction for builds from the image" },
	{ .cli = "port", .abbr = 'p', F_STRV(P, port), .arg = "port", .help = "Port that containers serve" },
	{ .cli = "shell", F_STR(P, shell), .arg = "command", .help = "Shell of RUN, as a JSON array" },
	{ .cli = "stop-signal", F_STR(P, stop_signal), .arg = "signal", .help = "Signal that stops containers" },
	{ .cli = "user", .abbr = 'u', F_STR(P, user), .arg = "user[:group]", .help = "User of containers" },
	{ .cli = "volume", .abbr = 'v', F_STRV(P, volume), .arg = "directory", .help = "Volume" },
	{ .cli = "workingdir", F_STR(P, workingdir), .arg = "directory", .help = "Working directory" },
	{}
};
#undef P

static int add_all(struct strv *to, const char *word, const struct strv *values, struct error *err)
{
	for (size_t i = 0; i < values->n; i++)
		TRY(strv_addf(to, err, "%s %s", word, values->v[i]));
	return 0;
}

static int run_config(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct config_params *p = params;
	const struct {
		const char *word, *value;
	} single[] = { { "CMD", p->cmd }, { "ENTRYPOINT", p->entrypoint }, { "USER", p->user }, { "WORKDIR", p->workingdir },
		       { "STOPSIGNAL", p->stop_signal }, { "SHELL", p->shell } };
	auto_strv instructions = {};
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(add_all(&instructions, "ENV", &p->env, err));
	TRY(add_all(&instructions, "LABEL", &p->label, err));
	TRY(add_all(&instructions, "EXPOSE", &p->port, err));
	TRY(add_all(&instructions, "VOLUME", &p->volume, err));
	TRY(add_all(&instructions, "ONBUILD", &p->onbuild, err));
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (single[i].value)
			TRY(strv_addf(&instructions, err, "%s %s", single[i].word, single[i].value));
	TRY(cli_engine(cli, &e, err));
	TRY(working_find(e, args->v[0], &c, err));
	return working_config(c, &instructions, err);
}

const struct command cmd_working_config = {
	.summary = "Change the configuration of a working container", .args = "CONTAINER", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ { config_rows, 0 }, {} }, .params_size = sizeof(struct config_params),
	.examples = "--env A=1 --cmd '[\"sh\"]' work", .run = run_config, .flags = COMMAND_IN_USERNS,
};

/* ---- commit ---- */
struct commit_params {
	char *format, *iidfile;
	bool quiet, rm, squash;
};
#define P struct commit_params
static const struct field commit_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "format", .fallback = "oci", .help = "Format of the image: oci or docker" },
	{ .cli = "iidfile", F_STR(P, iidfile), .arg = "path", .complete = "files", .help = "File the image's id is written to" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Print nothing but the id" },
	{ .cli = "rm", F_BOOL(P, rm), .help = "Remove the working container afterwards" },
	{ .cli = "squash", F_BOOL(P, squash), .help = "Put all layers into one" },
	{}
};
#undef P

static int run_commit(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct commit_params *p = params;
	const struct ctr_remove_options remove = { .force = true, .volumes = true };
	auto_ctr *c = NULL;
	struct engine *e;
	char id[65], text[80];

	TRY(cli_engine(cli, &e, err));
	TRY(working_find(e, args->v[0], &c, err));
	TRY(working_commit(c, args->n > 1 ? args->v[1] : NULL, p->format, p->squash, id, err));
	snprintf(text, sizeof(text), "sha256:%s", id);
	if (p->iidfile)
		TRY(file_replace(AT_FDCWD, p->iidfile, text, strlen(text), 0644, 0, err));
	if (p->rm)
		TRY(ctr_remove(c, &remove, NULL, err));
	puts(id);
	return 0;
}

const struct command cmd_working_commit = {
	.summary = "Make an image of a working container", .args = "CONTAINER [IMAGE]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { commit_rows, 0 }, {} }, .params_size = sizeof(struct commit_params),
	.examples = "work app:1\n--rm work app:2", .run = run_commit, .flags = COMMAND_IN_USERNS,
};

/* ---- containers ---- */
struct list_params {
	bool quiet, noheading, all;
};
#define P struct list_params
static const struct field list_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Also containers that are no working containers" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "No line with the columns' names" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Ids only" },
	{}
};
#undef P

static int run_list(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct list_params *p = params;
	CLEANUP(ctr_list_done) struct ctr_list l = {};
	struct engine *e;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_list(e, &l, err));
	if (!p->quiet && !p->noheading)
		printf("%-12s  %-7s  %-12s  %-32s  %s\n", "CONTAINER ID", "BUILDER", "IMAGE ID", "IMAGE NAME", "CONTAINER NAME");
	for (size_t i = 0; i < l.n; i++) {
		const struct container_record *r = &l.v[i]->at.record;
		bool working = working_is(l.v[i]);
		if (!working && !p->all)
			continue;
		if (p->quiet)
			puts(r->id);
		else
			printf("%-12.12s  %-7s  %-12.12s  %-32s  %s\n", r->id, working ? "   *" : "", r->image_id ? r->image_id : "",
			       r->image_name ? r->image_name : "", r->name);
	}
	return 0;
}

const struct command cmd_working_list = {
	.summary = "List working containers", .groups = (const struct command_rows[]){ { list_rows, 0 }, {} },
	.params_size = sizeof(struct list_params), .run = run_list, .flags = COMMAND_IN_USERNS,
};

/* ---- rm, mount, umount ---- */
struct each_params {
	bool all;
};
static const struct field each_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct each_params, all), .help = "All working containers" },
	{}
};
static const struct command_rows each_groups[] = { { each_rows, 0 }, {} };

static int for_each(struct cli *cli, const struct each_params *p, const struct strv *names,
		    int (*fn)(struct ctr *c, struct error *err), struct error *err)
{
	CLEANUP(ctr_list_done) struct ctr_list l = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (p->all)
		TRY(ctr_list(e, &l, err));
	for (size_t i = 0; i < l.n; i++)
		if (working_is(l.v[i]))
			TRY(fn(l.v[i], err));
	for (size_t i = 0; i < names->n; i++) {
		auto_ctr *c = NULL;
		TRY(working_find(e, names->v[i], &c, err));
		TRY(fn(c, err));
	}
	return 0;
}

static int remove_one(struct ctr *c, struct error *err)
{
	const struct ctr_remove_options o = { .force = true, .volumes = true };

	TRY(ctr_remove(c, &o, NULL, err));
	puts(c->id);
	return 0;
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return for_each(cli, params, args, remove_one, err);
}

static int mount_one(struct ctr *c, struct error *err)
{
	autofree char *path = NULL;
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_container_lock(s, c->id, -1, &lock, err));
	TRY(store_rootfs_mount(s, &c->at, &path, err));
	puts(path);
	return 0;
}

static int run_mount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return for_each(cli, params, args, mount_one, err);
}

static int unmount_one(struct ctr *c, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_container_lock(s, c->id, -1, &lock, err));
	TRY(store_rootfs_unmount(s, c->id, false, err));
	puts(c->id);
	return 0;
}

static int run_umount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return for_each(cli, params, args, unmount_one, err);
}

const struct command cmd_working_rm = {
	.summary = "Remove working containers", .args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .groups = each_groups,
	.params_size = sizeof(struct each_params), .examples = "work\n--all", .run = run_rm, .flags = COMMAND_IN_USERNS,
};
const struct command cmd_working_mount = {
	.summary = "Mount working containers where the host sees them", .args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY,
	.groups = each_groups, .params_size = sizeof(struct each_params), .examples = "work", .run = run_mount, .flags = COMMAND_IN_USERNS,
};
const struct command cmd_working_umount = {
	.summary = "Unmount working containers", .args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .groups = each_groups,
	.params_size = sizeof(struct each_params), .examples = "work", .run = run_umount, .flags = COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cli.c - from a command line to a command and back to an exit code.
 *
 * The line is read in three parts: the program's options up to the first word; group words ("container", each with
 * options of the program behind it) down to a command; the command's options and positional words. A local option
 * wins over the program's option of the same name. Parsing touches nothing outside; only then are log and output set
 * up and the command run. */
#include "cli/cli.h"

#include <stdio.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>

#include "cli/complete.h"
#include "cli/globals.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/skopeo.h"
#include "cli/transfer.h"
#include "config.h"
#include "engine/engine.h"
#include "engine/rootless.h"

/* ---- what commands use ---- */
static bool is_global(const struct field *rows, const struct field *f)
{
	EACH_FIELD(g, rows)
		if (f == g)
			return true;
	return false;
}

static bool given(const struct cli *cli, const char *option, bool global)
{
	for (size_t i = 0; i < cli->parsed.n_seen; i++)
		if (streq(cli->parsed.seen[i]->cli, option) && is_global(globals_rows(cli), cli->parsed.seen[i]) == global)
			return true;
	return false;
}

bool cli_given(const struct cli *cli, const char *option)
{
	return given(cli, option, false);
}

bool cli_global_given(const struct cli *cli, const char *option)
{
	return given(cli, option, true);
}

bool cli_confirm(const char *question)
{
	char answer[64];

	printf("%s [y/N] ", question);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cli_columns(void)
{
	struct winsize w = {};

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Into the user's namespace, where the store is usable; nothing to do for root. */
static int enter_rootless(struct cli *cli, struct error *err)
{
	const char *file = (const char *)getauxval(AT_EXECFN);   /* argv[0] may be anything: the file that was executed */
	auto_paths paths = {};
	struct rootless r = {};

	if (!rootless_is_needed())
		return 0;
	TRY(paths_load(&paths, err));
	if (paths.runtime_note)
		log_warn(&cli->log, "%s", paths.runtime_note);
	TRY(rootless_enter(&paths, file ? base_name(file) : cli->program, &r, err));
	if (r.note[0])
		fprintf(stderr, "%s\n", r.note);   /* as Podman says it: it is no warning about this command */
	if (r.warning[0])
		log_warn(&cli->log, "%s", r.warning);
	return 0;
}

int cli_engine(struct cli *cli, struct engine **ret, struct error *err)
{
	const struct cli_globals *g = &cli->global;

	if (cli->engine) {
		*ret = cli->engine;
		return 0;
	}
	struct engine_options opt = {
		.root = g->root, .runroot = g->runroot, .storage_driver = g->storage_driver, .storage_opts = &g->storage_opts,
		.pull_options = &g->pull_options, .max_workers = g->max_workers > 0 ? (uint64_t)g->max_workers : 0,
		.runtime = g->runtime, .runtime_flags = &g->runtime_flags, .cgroup_manager = g->cgroup_manager,
		.conmon = g->conmon, .events_backend = g->events_backend, .imagestore = g->imagestore,
		.brings_images = cli->row && cli->row->cmd && (cli->row->cmd->flags & COMMAND_BRINGS_IMAGES),
		.network_config_dir = g->network_config_dir, .volume_path = g->volumepath, .tmpdir = g->tmpdir,
		.modules = &g->modules, .hooks_dirs = &g->hooks_dirs, .cdi_spec_dirs = &g->cdi_spec_dirs,
		.default_mounts_file = g->default_mounts_file, .transient_store = g->transient_store, .log_level = g->debug ? "debug" : g->log_level,
	};
	autofree struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return fail_oom(err);
	TRY(enter_rootless(cli, err));
	TRY(engine_init(e, &opt, &cli->log, err));
	e->progress = &cli_progress_lines;
	TRY(str_set(&e->paths.registries_d, g->registries_conf_dir, err));
	TRY(str_set(&e->paths.policy, g->signature_policy, err));
	TRY(str_set(&e->paths.short_name_aliases, g->short_name_alias_conf, err));
	*ret = cli->engine = take_ptr(e);
	return 0;
}

/* ---- reading the line ---- */
struct line {
	struct cli *cli;
	int at;         /* next word of argv */
	void *params;   /* the command's, owned */
};

static int add_path(struct cli *cli, const char *word, struct error *err)
{
	char *longer;

	TRY(str_printf(&longer, err, "%s %s", cli->path, word));
	free(cli->path);
	cli->path = longer;
	return 0;
}

/* The program's options at this place of the line, up to the next word. */
static int parse_globals(struct line *l, unsigned flags, struct error *err)
{
	struct cli *cli = l->cli;
	struct argv_group groups[] = { { globals_rows(cli), &cli->global }, {} };
	size_t args = cli->parsed.args.n;
	int r = argv_parse(&cli->parsed, groups, cli->argv + l->at, cli->argc - l->at, flags | ARGV_STOP, err);

	while (cli->parsed.args.n > args)
		strv_remove(&cli->parsed.args, cli->parsed.args.n - 1);
	l->at += cli->parsed.next;
	return r;
}

/* Follows group words down to a command; cli->row stays at the deepest group when the next word is unknown. */
static int find_command(struct line *l, struct error *err)
{
	struct cli *cli = l->cli;

	TRY(parse_globals(l, 0, err));
	TRY(globals_check_modules(cli, err));
	while (l->at < cli->argc && !(cli->row && cli->row->cmd)) {
		const struct command_row *r = command_child(cli->row ? cli->row->path : "", cli->argv[l->at]);
		if (!r)
			return 0;
		cli->row = r;
		TRY(add_path(cli, command_name(r), err));
		l->at++;
		if (!r->cmd)
			TRY(parse_globals(l, ARGV_AFTER, err));
	}
	return 0;
}

static int parse_command(struct line *l, struct error *err)
{
	struct cli *cli = l->cli;
	const struct command *cmd = cli->row->cmd;
	struct argv_group groups[OPTION_GROUPS_MAX];
	bool stop = (cmd->flags | cli->row->flags) & (COMMAND_ARGS_STOP | COMMAND_FLAGS_FIRST);
	unsigned flags = ARGV_AFTER | (stop ? ARGV_STOP : 0);

	cli->options_at = l->at;

	l->params = calloc(1, cmd->params_size ? cmd->params_size : 1);
	if (!l->params)
		return fail_oom(err);
	if (cmd->init)
		cmd->init(l->params);
	if (cmd->flags & COMMAND_RAW) {
		for (; l->at < cli->argc; l->at++)
			TRY(strv_add(&cli->parsed.args, cli->argv[l->at], err));
		return 0;
	}
	option_groups(cmd, l->params, (struct argv_group){ globals_rows(cli), &cli->global }, groups);
	return argv_parse(&cli->parsed, groups, cli->argv + l->at, cli->argc - l->at, flags, err);
}

static void line_done(struct line *l)
{
	const struct command *cmd = l->cli->row ? l->cli->row->cmd : NULL;

	if (!l->params)
		return;
	if (cmd->done)
		cmd->done(l->params);
	for (const struct command_rows *g = cmd->groups; g && g->rows; g++)
		fields_done(g->rows, (char *)l->params + g->off);
	free(l->params);
}

/* ---- wrong lines ---- */
static int wrong_count(const struct cli *cli, size_t n, struct error *err)
{
	const struct command *cmd = cli->row->cmd;

	if (!cmd->max_args)
		return fail(err, ERROR_INVALID, "`%s` takes no arguments", cli->path);
	if (n < cmd->min_args && cmd->missing)
		return fail(err, ERROR_INVALID, "%s", cmd->missing);
	if (cmd->min_args == cmd->max_args)
		return fail(err, ERROR_INVALID, "accepts %u arg(s), received %zu", cmd->min_args, n);
	if (cmd->max_args == ARGS_ANY)
		return fail(err, ERROR_INVALID, "requires at least %u arg(s), only received %zu", cmd->min_args, n);
	if (!cmd->min_args)
		return fail(err, ERROR_INVALID, "accepts at most %u arg(s), received %zu", cmd->max_args, n);
	return fail(err, ERROR_INVALID, "accepts between %u and %u arg(s), received %zu", cmd->min_args, cmd->max_args, n);
}

static int check_order(const struct cli *cli, struct error *err)
{
	const struct strv *args = &cli->parsed.args;

	for (size_t i = 0; ((cli->row->cmd->flags | cli->row->flags) & COMMAND_FLAGS_FIRST) && i < args->n; i++)
		if (*args->v[i] == '-')
			return fail(err, ERROR_INVALID, "no options (%s) can be specified after the image or container name", args->v[i]);
	return 0;
}

static int check_count(const struct cli *cli, struct error *err)
{
	const struct command *cmd = cli->row->cmd;
	size_t n = cli->parsed.args.n;
	bool few = n < cmd->min_args && !(cmd->flags & COMMAND_LATEST);

	if ((cmd->flags & COMMAND_RAW) || (!few && n <= cmd->max_args))
		return 0;
	return wrong_count(cli, n, err);
}

static int unknown_command(struct cli *cli, const char *word, struct error *err)
{
	auto_strv near = {};

	TRY(command_suggest(cli->row ? cli->row->path : "", word, &near, err));
	if (cli->docker)
		return fail(err, ERROR_INVALID, "unknown command: %s %s\n\nRun '%s --help' for more information", cli->path,
			    word, cli->path);
	autofree char *list = strv_join(&near, "\n\t");
	if (!near.n || !list)
		return fail(err, ERROR_INVALID, "unrecognized command `%s %s`\nTry '%s --help' for more information", cli->path,
			    word, cli->path);
	return fail(err, ERROR_INVALID,
		    "unrecognized command `%s %s`\n\nDid you mean this?\n\t%s\n\nTry '%s --help' for more information",
		    cli->path, word, list, cli->path);
}

/* Options are looked at before words: "bad --invalid" complains about the option. */
static int check_options(struct line *l, struct error *err)
{
	struct cli *cli = l->cli;
	struct argv_group groups[] = { { globals_rows(cli), &cli->global }, {} };

	return argv_parse(&cli->parsed, groups, cli->argv + l->at, cli->argc - l->at, cli->row ? ARGV_AFTER : 0, err);
}

/* No command on the line: help, version, or what is wrong. */
static int run_without_command(struct line *l, struct error *err)
{
	struct cli *cli = l->cli;

	if (cli->global.version && (!cli->row || cli->skopeo || streq(cli->program, "buildah"))) {
		cli_print_version(cli);
		return 0;
	}
	TRY(check_options(l, err));
	if (l->at < cli->argc && !cli->global.help)
		return unknown_command(cli, cli->argv[l->at], err);
	TRY(help_print(cli, cli->row, cli->path, stdout, err));
	if (cli->global.help)
		return 0;
	return fail(err, ERROR_INVALID, "missing command '%s COMMAND'", cli->path);
}

/* ---- running ---- */
static int run_command(struct line *l, struct error *err)
{
	struct cli *cli = l->cli;
	const struct command *cmd = cli->row->cmd;

	TRY(check_order(cli, err));
	TRY(check_count(cli, err));
	TRY(globals_apply(cli, err));
	log_printf(&cli->log, LOG_LEVEL_TRACE, "%s: %zu options, %zu arguments", cli->path, cli->parsed.n_seen,
		   cli->parsed.args.n);
	log_debug(&cli->log, "Called %s", cli->path);
	if (!(cmd->flags & COMMAND_EARLY))
		TRY(globals_check(cli, err));
	return cmd->run(cli, l->params, &cli->parsed.args, err);
}

static int dispatch(struct cli *cli, struct error *err)
{
	CLEANUP(line_done) struct line l = { .cli = cli, .at = 1 };
	int r = find_command(&l, err);

	if (r >= 0 && !(cli->row && cli->row->cmd))
		return run_without_command(&l, err);
	if (r >= 0)
		r = parse_command(&l, err);
	/* --help ends the reading of a line: what follows it may be wrong. */
	if (cli->global.help && (r >= 0 || err->kind == ERROR_USAGE))
		return help_print(cli, cli->row, cli->path, stdout, err);
	return r < 0 ? r : run_command(&l, err);
}

/* What shells and the build call, not people: never in help. */
static int run_hidden(struct cli *cli, struct error *err)
{
	const char *word = cli->argc > 1 ? cli->argv[1] : "";

	if (streq(word, "__complete") || streq(word, "__completeNoDesc"))
		return complete_run(cli, cli->argv + 2, cli->argc - 2, streq(word, "__complete"));
	if (streq(word, "__man"))
		return man_print(cli, cli->argv + 2, cli->argc - 2, stdout, err);
	return -1;
}

static int start(struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *self = argc > 0 ? base_name(argv[0]) : "umiak";

	*cli = (struct cli){ .program = *self ? self : "umiak", .argv = argv, .argc = argc, .parsed = ARGV_INIT };
	cli->docker = streq(cli->program, "docker");
	cli->skopeo = streq(cli->program, "skopeo");
	log_init(&cli->log, STDERR_FILENO, getenv("NO_COLOR"));
	if (streq(cli->program, "buildah"))
		cli->row = command_child("", "buildah");
	if (cli->skopeo) {
		cli->row = command_child("", "skopeo");
		cli->log.level = LOG_LEVEL_INFO;
	}
	return str_set(&cli->path, cli->program, err);
}

/* Prints what is still to be said and chooses the exit code: the command's own, else that of the last error. */
static int finish(struct cli *cli, int r, struct error *err)
{
	if (cli->has_pending) {
		report_error(cli, &cli->pending);
		r = r > 0 ? r : report_exit_code(cli, &cli->pending);
	} else if (r < 0) {
		report_error(cli, err);
		r = report_exit_code(cli, err);
	}
	log_debug(&cli->log, "Shutting down engines");
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == 0) {
		fprintf(stderr, "Error: write standard output: %s\n", strerror(errno));
		return 125;
	}
	return r;
}

int cli_main(struct cli *cli, int argc, char **argv)
{
	struct error err = {};
	int r = start(cli, argc, argv, &err);

	if (r >= 0)
		r = argc > 1 && str_after(argv[1], "__") ? run_hidden(cli, &err) : dispatch(cli, &err);
	return finish(cli, r, &err);
}

void cli_done(struct cli *cli)
{
	if (cli->engine)
		engine_done(cli->engine);
	free(cli->engine);
	fields_done(cli_global_rows, &cli->global);
	fields_done(skopeo_global_rows, &cli->global);
	argv_done(&cli->parsed);
	free(cli->path);
}

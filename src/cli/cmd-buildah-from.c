/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-from.c - `buildah from` and `buildah run`.
 *
 * Options of `from` that say how commands run later are kept as words of the command line and read again by `run`, before
 * its own options: so both understand the same, and those of `run` are stronger. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/working.h"
#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/text.h"
#include "engine/params-parse.h"

/* ---- options ---- */
#define RUN_OPTIONS "cap-add cap-drop cdi-config-dir cgroupns device ipc isolation network no-hostname no-hosts pid uts volume"
#define FROM_OPTIONS RUN_OPTIONS " add-host arch cgroup-parent cpu-period cpu-quota cpu-shares cpuset-cpus cpuset-mems " \
	"decryption-key dns dns-option dns-search format group-add http-proxy memory memory-swap os platform pull pull-always pull-never " \
	"quiet security-opt shm-size ulimit userns userns-gid-map userns-gid-map-group userns-uid-map userns-uid-map-user variant"

struct from_params {
	struct build_options o;
	char *name, *suffix, *cidfile;
};
#define P struct from_params
static const struct field from_rows[] = {
	{ .cli = "cidfile", F_STR(P, cidfile), .arg = "path", .complete = "files", .help = "File the container's id is written to" },
	{ .cli = "name", F_STR(P, name), .arg = "name", .help = "Name of the working container" },
	{ .cli = "suffix", F_STR(P, suffix), .arg = "suffix", .help = "What stands behind the image's name in the container's name",
	  .fallback = "working-container" },
	{}
};
#undef P

static void from_init(void *params)
{
	build_options_init(&((struct from_params *)params)->o);
}

static void from_done(void *params)
{
	build_options_done(&((struct from_params *)params)->o);
}

/* ---- from ---- */
/* The options as words, without what is nobody's business later. */
static int keep_settings(const struct cli *cli, struct strv *to, struct error *err)
{
	for (int i = 0; i < cli->parsed.next; i++) {
		const char *word = cli->argv[cli->options_at + i];
		if (streq(word, "--creds")) {
			i++;
			continue;
		}
		if (!str_after(word, "--creds="))
			TRY(strv_add(to, word, err));
	}
	return 0;
}

static const char *pull_policy(const struct build_options *o)
{
	if (o->pull && strcasecmp(o->pull, "false") == 0)
		return "never";
	return o->pull;
}

static void show_step(size_t n, const char *text)
{
	fprintf(stderr, "STEP %zu: %s\n", n, text);
}

/* A container whose triggers fail is none. */
static int carry_out_triggers(struct engine *e, struct working *w, struct from_params *p, struct error *err)
{
	const struct working_onbuild o = { .options = &p->o, .step = p->o.quiet ? NULL : show_step };
	const struct ctr_remove_options remove = { .force = true, .volumes = true };
	struct error ignored;

	if (!w->config.config.on_build.n)
		return 0;
	if (build_settle_userns(e, &p->o, err) == 0 && working_onbuild(w, &o, err) == 0)
		return 0;
	ctr_remove(w->c, &remove, NULL, &ignored);
	return -1;
}

static int run_from(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct from_params *p = params;
	auto_strv settings = {};
	auto_working w = {};
	struct engine *e;

	TRY(build_options_finish(&p->o, err));
	TRY(image_remote_check_authfile(&p->o.remote, err));
	TRY(keep_settings(cli, &settings, err));
	const struct working_from from = { .image = args->v[0], .name = p->name, .suffix = p->suffix, .options = &p->o,
					   .pull = pull_policy(&p->o), .format = p->o.format, .settings = &settings, .quiet = p->o.quiet };
	TRY(cli_engine(cli, &e, err));
	TRY(working_from(e, &from, &w, err));
	if (carry_out_triggers(e, &w, p, err) < 0)
		return -1;
	if (p->cidfile)
		TRY(text_write_file(p->cidfile, w.c->id, 64, err));
	puts(w.c->at.record.name);
	return 0;
}

const struct command cmd_working_from = {
	.summary = "Make a working container of an image",
	.description = "Makes a working container of an image, or with \"scratch\" of nothing. Options about namespaces, resources,\n"
		"capabilities, volumes and devices count for all commands that run in it.",
	.args = "IMAGE", .min_args = 1, .max_args = 1, .missing = "an image name (or \"scratch\") must be specified",
	.groups = (const struct command_rows[]){ { from_rows, 0 }, { build_rows, 0, FROM_OPTIONS },
						 { image_remote_rows, offsetof(struct from_params, o.remote) },
						 { image_pull_retry_rows, offsetof(struct from_params, o.remote) }, {} },
	.params_size = sizeof(struct from_params), .init = from_init, .done = from_done,
	.examples = "alpine\n--name work --volume /src:/src alpine\nscratch", .run = run_from,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- run ---- */
struct run_params {
	struct build_options o;
	struct strv exit_codes;
	struct opt_bool add_history;
	char *contextdir;
	bool no_pivot, tty;
};
#define P struct run_params
static const struct field run_rows[] = {
	{ .cli = "add-history", F_OPT_BOOL(P, add_history), .help = "Note the command in the image's history (BUILDAH_HISTORY)" },
	{ .cli = "contextdir", F_STR(P, contextdir), .arg = "directory", .complete = "dirs",
	  .help = "Directory that sources of --mount type=bind lie in" },
	{ .cli = "env", .abbr = 'e', F_STRV(P, o.env), .arg = "name[=value]", .help = "Environment variable of the command" },
	{ .cli = "hostname", F_STR(P, o.run.ns.hostname), .arg = "name", .help = "Host name the command sees" },
	{ .cli = "mount", .type = FIELD_CUSTOM, .off = offsetof(P, o), .custom = &build_run_mount_custom, .arg = "mount",
	  .help = "Mount (type=bind|cache|secret|tmpfs,target=PATH,...); what is written to a bind is dropped" },
	{ .cli = "no-pivot", F_BOOL(P, no_pivot), .help = "Use chroot instead of pivot_root (BUILDAH_NOPIVOT)" },
	{ .cli = "runtime", F_STR(P, o.runtime), .arg = "path", .complete = "files",
	  .help = "OCI runtime instead of the built-in one (BUILDAH_RUNTIME)" },
	{ .cli = "runtime-flag", F_STRV(P, o.runtime_flags), .arg = "flag", .help = "Flag for the OCI runtime (repeatable)" },
	{ .cli = "terminal", .abbr = 't', MORE(.aliases = "tty"), F_BOOL(P, tty), .help = "Give the command a terminal" },
	{ .cli = "user", .abbr = 'u', F_STR(P, o.run.process.user), .arg = "user[:group]", .help = "User the command runs as" },
	{ .cli = "valid-exit-codes", F_CSV(P, exit_codes), .arg = "code", .fallback = "0", .help = "Exit codes that are no failure" },
	{ .cli = "workingdir", F_STR(P, o.run.process.workdir), .arg = "directory", .help = "Where the command begins" },
	{}
};
#undef P

static void run_init(void *params)
{
	build_options_init(&((struct run_params *)params)->o);
}

static void run_done(void *params)
{
	build_options_done(&((struct run_params *)params)->o);
}

static void run_params_done(struct run_params *p)
{
	run_done(p);
	fields_done(run_rows, p);
}

static void ignored_done(struct cli_globals *g)
{
	fields_done(cli_global_rows, g);
}

/* What `from` was told, then what this command line says. */
static int read_settings(struct cli *cli, const struct working *w, struct run_params *p, struct error *err)
{
	CLEANUP(ignored_done) struct cli_globals ignored = {};
	struct from_params *from = calloc(1, sizeof(*from));
	auto_argv a = ARGV_INIT;

	if (!from)
		return fail_oom(err);
	/* `from`'s options land in p->o as far as it has them; its own are read and forgotten */
	const struct argv_group first[] = { { from_rows, from, NULL }, { build_rows, &p->o, FROM_OPTIONS }, { image_remote_rows, &p->o.remote, NULL },
					    { image_pull_retry_rows, &p->o.remote, NULL },
					    { globals_rows(cli), &ignored, NULL }, {} };
	const struct argv_group second[] = { { run_rows, p, NULL }, { build_rows, &p->o, RUN_OPTIONS }, { globals_rows(cli), &ignored, NULL }, {} };
	int r = argv_parse(&a, first, w->settings.v, (int)w->settings.n, ARGV_AFTER, err);
	if (r >= 0 && cli_given(cli, "network")) {   /* one network takes the place of the others */
		strv_done(&p->o.run.net.networks);
		p->o.run.net.networks = (struct strv){};
		p->o.run.ns.net.mode = NS_DEFAULT;
	}
	if (r >= 0)
		r = argv_parse(&a, second, cli->argv + cli->options_at, cli->argc - cli->options_at, ARGV_AFTER | ARGV_STOP, err);
	fields_done(from_rows, from);
	free(from);
	return r;
}

static int check_network(const struct cli *cli, const struct build_options *o, struct error *err)
{
	enum build_isolation isolation;

	TRY(build_isolation_parse(o, &isolation, err));
	if (isolation != BUILD_ISOLATION_CHROOT || !cli_given(cli, "network") || o->run.ns.net.mode == NS_HOST)
		return 0;
	return fail(err, ERROR_INVALID, "cannot set --network other than host with --isolation chroot");
}

/* As the global options of that name. */
static int choose_runtime(struct cli *cli, const struct build_options *o, struct error *err)
{
	const char *path = o->runtime ? o->runtime : getenv("BUILDAH_RUNTIME");

	if (!str_empty(path) && !cli->global.runtime)
		TRY(str_set(&cli->global.runtime, path, err));
	return strv_copy(&cli->global.runtime_flags, &o->runtime_flags, err);
}

/* --valid-exit-codes */
static int judge(const struct run_params *p, int result, int code, struct error *err)
{
	char text[16];

	if (result < 0 && code && !str_after(err->text, "while running runtime"))
		code = 1;   /* it could not be started: the exit code of a runtime that says so */
	snprintf(text, sizeof(text), "%d", code);
	if (result < 0 && !code)
		return -1;
	if (p->exit_codes.n ? strv_has(&p->exit_codes, text) : !code)
		return 0;
	if (!code)
		return fail(err, ERROR_INVALID, "exit code 0 is not in the valid exit codes list");
	err->kind = ERROR_EXIT;
	err->errnum = code;
	return -1;
}

static int check_exit_codes(const struct strv *codes, struct error *err)
{
	for (size_t i = 0; i < codes->n; i++) {
		char *end;
		unsigned long code = strtoul(codes->v[i], &end, 10);
		if (!*codes->v[i] || *end || code > 255)
			return fail(err, ERROR_INVALID, "--valid-exit-codes: \"%s\" is no exit code (0 to 255)", codes->v[i]);
	}
	return 0;
}

static int note(struct working *w, const struct run_params *p, const struct strv *args, struct error *err)
{
	autofree char *line = strv_join(args, " "), *shell = strv_join(&w->config.config.shell, " "), *text = NULL;

	if (!working_wants_history(p->add_history))
		return 0;
	if (!line || !shell)
		return fail_oom(err);
	TRY(str_printf(&text, err, "%s %s", *shell ? shell : "/bin/sh -c", line));
	TRY(working_add_history(w, text, err));
	return working_save(w, err);
}

static int run_run(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct run_params *given = params;
	CLEANUP(run_params_done) struct run_params p = {};
	autofree char *name = NULL;
	auto_working w = {};
	struct engine *e;
	int code = 0;

	run_init(&p);
	TRY(choose_runtime(cli, &given->o, err));
	TRY(check_exit_codes(&given->exit_codes, err));
	TRY(str_set(&name, args->v[0], err));
	strv_remove(args, 0);
	if (args->n && streq(args->v[0], "--"))
		strv_remove(args, 0);
	if (!args->n)
		return fail(err, ERROR_INVALID, "command must be specified");
	TRY(cli_engine(cli, &e, err));
	if (working_open(e, name, &w, err) < 0)
		return fail_wrap(err, "reading build container \"%s\"", name);
	TRY(read_settings(cli, &w, &p, err));
	TRY(strv_copy(&cli->global.cdi_spec_dirs, &p.o.cdi_dirs, err));   /* the engine looks there */
	TRY(check_network(cli, &p.o, err));
	TRY(build_options_finish(&p.o, err));
	TRY(build_settle_userns(e, &p.o, err));
	if (p.no_pivot || !str_empty(getenv("BUILDAH_NOPIVOT")))
		e->conf.engine.no_pivot_root = true;
	p.o.run.process.tty = p.tty;
	int r = working_run(&w, &(const struct working_command){ .args = args, .options = &p.o, .contextdir = p.contextdir }, &code, err);
	TRY(judge(&p, r, code, err));
	return note(&w, &p, args, err);
}

const struct command cmd_working_run = {
	.summary = "Run a command in a working container", .args = "CONTAINER COMMAND [ARG...]", .min_args = 1, .max_args = ARGS_ANY,
	.missing = "container ID must be specified",
	.groups = (const struct command_rows[]){ { run_rows, 0 }, { build_rows, 0, RUN_OPTIONS }, {} }, .params_size = sizeof(struct run_params),
	.init = run_init, .done = run_done, .examples = "alpine-working-container apk add git\n--terminal work /bin/bash\n"
		"--volume /src:/src:ro work -- make -C /src", .run = run_run, .flags = COMMAND_IN_USERNS | COMMAND_ARGS_STOP,
};

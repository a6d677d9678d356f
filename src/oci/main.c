/* SPDX-License-Identifier: Apache-2.0
 * oci/main.c - umiak-oci: the OCI runtime behind the command line of crun and runc. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "config.h"
#include "oci/cli.h"
#include "os/file.h"
#include "os/self.h"

static const struct field global_rows[] = {
	{ .cli = "root", F_STR(struct cli, root), .arg = "DIR", .help = "Directory of the containers' state" },
	{ .cli = "cgroup-manager", F_STR(struct cli, cgroup_manager), .arg = "MANAGER",
	  .help = "cgroupfs, systemd or disabled", .fallback = "cgroupfs" },
	{ .cli = "systemd-cgroup", F_BOOL(struct cli, systemd_cgroup), .help = "Let systemd manage the cgroups" },
	{ .cli = "log", F_STR(struct cli, log), .arg = "FILE", .help = "Where messages go: PATH, file:PATH, syslog:NAME" },
	{ .cli = "log-format", F_STR(struct cli, log_format), .arg = "FORMAT", .help = "text or json" },
	{ .cli = "log-level", F_STR(struct cli, log_level), .arg = "LEVEL", .help = "error, warning or debug" },
	{ .cli = "debug", F_BOOL(struct cli, debug), .help = "Show the plan while it is applied" },
	{ .cli = "no-pivot", F_BOOL(struct cli, no_pivot), .help = "Move the root instead of pivot_root" },
	{ .cli = "rootless", F_STR(struct cli, rootless), .arg = "VALUE", .help = "Accepted for compatibility" },
	{ .cli = "criu", F_STR(struct cli, criu), .arg = "PATH", .flags = FIELD_HIDDEN },
	{ .cli = "version", .abbr = 'V', F_BOOL(struct cli, version), .help = "Print the version" },
	{ .cli = "help", .abbr = 'h', F_BOOL(struct cli, help), .help = "Print this" },
	{}
};

const struct field cli_no_rows[] = { {} };

const struct cli_command cli_commands[] = {
	{ "create", "CONTAINER", "Create a container", cli_create_rows, 1, 1, true, true, false, cmd_create },
	{ "delete", "CONTAINER...", "Remove a container", cli_delete_rows, 1, -1, false, false, false, cmd_delete },
	{ "exec", "CONTAINER cmd", "Run a command in a running container", cli_exec_rows, 1, -1, false, true, true, cmd_exec },
	{ "features", "", "Show what this runtime can do", cli_no_rows, 0, 0, false, false, false, cmd_features },
	{ "kill", "CONTAINER [SIGNAL]", "Send a signal to a container", cli_kill_rows, 1, 2, false, false, false, cmd_kill },
	{ "list", "", "List the containers", cli_list_rows, 0, 0, false, false, false, cmd_list },
	{ "pause", "CONTAINER", "Freeze all processes of a container", cli_no_rows, 1, 1, false, false, false, cmd_pause },
	{ "ps", "CONTAINER", "Show the processes of a container", cli_ps_rows, 1, -1, false, false, false, cmd_ps },
	{ "resume", "CONTAINER", "Thaw a paused container", cli_no_rows, 1, 1, false, false, false, cmd_resume },
	{ "run", "CONTAINER", "Create and start a container", cli_run_rows, 1, 1, true, true, false, cmd_run },
	{ "spec", "", "Write a config.json", cli_spec_rows, 0, 0, false, false, false, cmd_spec },
	{ "start", "CONTAINER", "Start a created container", cli_no_rows, 1, 1, false, false, false, cmd_start },
	{ "state", "CONTAINER", "Show the state of a container", cli_no_rows, 1, 1, false, false, false, cmd_state },
	{ "update", "CONTAINER", "Change the limits of a container", cli_update_rows, 1, 1, false, false, false, cmd_update },
	{}
};

/* ---- messages ---- */
static void add_time(struct buf *b)
{
	struct timeval now;
	struct tm tm;
	char text[40];

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(b, "%s.%06ldZ", text, (long)now.tv_usec);
}

static void format_line(const struct cli *c, enum cli_level level, const char *text, struct buf *b)
{
	static const char *const names[] = { "debug", "warning", "error" };

	if (c->log_as == CLI_LOG_JSON) {
		buf_add_str(b, "{\"msg\":");
		buf_add_json(b, text);
		buf_addf(b, ",\"level\":\"%s\",\"time\":\"", names[level]);
		add_time(b);
		buf_add_str(b, "\"}\n");
		return;
	}
	buf_add_str(b, "time=\"");
	add_time(b);
	buf_addf(b, "\" level=%s msg=", names[level]);
	buf_add_json(b, text);
	buf_add_char(b, '\n');
}

void cli_say(const struct cli *c, enum cli_level level, const char *text)
{
	auto_buf line = BUF_INIT(1 << 16);
	struct error ignored;

	if (level == CLI_DEBUG && !c->debug)
		return;
	if (c->log_is_syslog)
		syslog(level == CLI_ERROR ? LOG_ERR : level == CLI_WARNING ? LOG_WARNING : LOG_DEBUG, "%s", text);
	if (c->log_fd >= 0) {
		format_line(c, level, text, &line);
		if (line.data)
			(void)file_write_all(c->log_fd, line.data, line.len, &ignored);
	}
	if (level == CLI_ERROR || (c->log_fd < 0 && !c->log_is_syslog))
		dprintf(STDERR_FILENO, "%s: %s\n", c->program, text);
}

void cli_warn(void *cli, const char *text)
{
	cli_say(cli, CLI_WARNING, text);
}

void cli_plan(void *cli, const char *step)
{
	cli_say(cli, CLI_DEBUG, step);
}

int cli_exit_code(const struct error *err)
{
	switch (err->kind) {
	case ERROR_EXIT:
	case ERROR_NO_COMMAND:
	case ERROR_NOT_EXECUTABLE:
		return error_exit_code(err);
	default:
		return 1;
	}
}

/* ---- --log ---- */
static int open_log(struct cli *c, struct error *err)
{
	const char *path = c->log, *rest;

	if (c->log_format) {
		if (streq(c->log_format, "json"))
			c->log_as = CLI_LOG_JSON;
		else if (!streq(c->log_format, "text"))
			return fail(err, ERROR_INVALID, "unknown log format `%s`: text and json are known", c->log_format);
	}
	if (c->log_level)
		c->debug |= streq(c->log_level, "debug");
	if (str_empty(path))
		return 0;
	if ((rest = str_after(path, "syslog:")) || (rest = str_after(path, "journald:"))) {
		openlog(*rest ? rest : "umiak-oci", LOG_PID, LOG_USER);
		c->log_is_syslog = true;
		return 0;
	}
	if ((rest = str_after(path, "file:")))
		path = rest;
	else if (path[0] != '/' && path[0] != '.' && strchr(path, ':'))
		return fail(err, ERROR_INVALID, "unknown log destination `%s`: file:PATH, syslog:NAME and journald:NAME are known",
			    path);
	c->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return c->log_fd < 0 ? fail_errno(err, "open log `%s`", path) : 0;
}

static int global_setup(struct cli *c, struct error *err)
{
	static const struct { const char *name; enum cgroup_manager manager; } managers[] = {
		{ "cgroupfs", CGROUP_MANAGER_CGROUPFS }, { "systemd", CGROUP_MANAGER_SYSTEMD },
		{ "disabled", CGROUP_MANAGER_DISABLED },
	};

	TRY(open_log(c, err));
	if (c->systemd_cgroup)
		c->manager = CGROUP_MANAGER_SYSTEMD;
	bool known = !c->cgroup_manager;
	for (size_t i = 0; c->cgroup_manager && i < ARRAY_LEN(managers); i++)
		if (streq(managers[i].name, c->cgroup_manager)) {
			c->manager = managers[i].manager;
			known = true;
		}
	if (!known)
		return fail(err, ERROR_INVALID, "unknown cgroup manager `%s`: cgroupfs, systemd and disabled are known",
			    c->cgroup_manager);
	return oci_state_root(c->root, &c->state_root, err);
}

/* ---- help ---- */
static void print_rows(const struct field *rows)
{
	EACH_FIELD(f, rows) {
		char left[64];
		if (f->flags & FIELD_HIDDEN)
			continue;
		char abbr[8] = "    ";
		if (f->abbr)
			snprintf(abbr, sizeof(abbr), "-%c, ", f->abbr);
		snprintf(left, sizeof(left), "  %s--%s%s%s", abbr, f->cli, f->arg ? "=" : "", f->arg ? f->arg : "");
		printf("%-34s %s\n", left, f->help ? f->help : "");
	}
}

static int print_help(const struct cli *c)
{
	printf("Usage: %s [OPTION...] COMMAND [OPTION...]\n\nCommands:\n", c->program);
	for (const struct cli_command *k = cli_commands; k->name; k++)
		printf("  %-10s %s\n", k->name, k->summary);
	printf("\nOptions:\n");
	print_rows(global_rows);
	return 0;
}

static int print_command_help(const struct cli *c, const struct cli_command *k)
{
	printf("Usage: %s [OPTION...] %s%s%s\n\n%s.\n", c->program, k->name, *k->usage ? " " : "", k->usage, k->summary);
	if (k->rows->type != FIELD_END) {
		printf("\nOptions:\n");
		print_rows(k->rows);
	}
	return 0;
}

static int print_version(const struct cli *c)
{
	printf("%s version %s\nspec: 1.2.1\ncommand line: that of crun version 1.28\n"
	       "+SELINUX +APPARMOR +CAP +SECCOMP +EBPF +JSON-C\n", c->program, UMIAK_VERSION);
	return 0;
}

/* ---- main ---- */
static const struct cli_command *find_command(const char *name)
{
	for (const struct cli_command *k = cli_commands; k->name; k++)
		if (streq(k->name, name))
			return k;
	return NULL;
}

static int run_command(struct cli *c, const struct cli_command *k, struct argv *a, char **words, int n,
		       struct error *err)
{
	const struct argv_group groups[] = { { k->rows, c }, { global_rows, c }, {} };

	TRY(argv_parse(a, groups, words, n, k->stop ? ARGV_STOP : 0, err));
	if (c->help)
		return print_command_help(c, k);
	if ((int)a->args.n < k->min_args)
		return fail(err, ERROR_USAGE, "please specify a ID for the container; usage: %s %s %s", c->program,
			    k->name, k->usage);
	if (k->max_args >= 0 && (int)a->args.n > k->max_args)
		return fail(err, ERROR_USAGE, "%s: unexpected argument `%s`", k->name, a->args.v[k->max_args]);
	TRY(reserve_descriptors(c, k->activated, err));
	int r = global_setup(c, err) < 0 ? -1 : k->run(c, &a->args, err);
	free_p(&c->state_root);
	return r;
}

static int run(struct cli *c, int argc, char **argv, struct error *err)
{
	const struct argv_group groups[] = { { global_rows, c }, {} };
	auto_argv global = ARGV_INIT;
	auto_argv own = ARGV_INIT;

	TRY(argv_parse(&global, groups, argv + 1, argc - 1, ARGV_STOP, err));
	if (c->version)
		return print_version(c);
	if (c->help)
		return print_help(c);
	int at = 1 + global.next;
	if (at >= argc)
		return fail(err, ERROR_USAGE, "please specify a command; see %s --help", c->program);
	const struct cli_command *k = find_command(argv[at]);
	if (!k)
		return fail(err, ERROR_USAGE, "unknown command `%s`; see %s --help", argv[at], c->program);
	/* From here on a container may see us: it must not be able to reach the file we run from. */
	if (k->enters && self_protect(argv, environ, err) < 0)
		cli_say(c, CLI_WARNING, err->text);
	return run_command(c, k, &own, argv + at + 1, argc - at - 1, err);
}

int main(int argc, char **argv)
{
	/* Messages and usage name the program as it was called: it also stands in for others under their names. */
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct cli c = { .log_fd = -1, .program = slash ? slash + 1 : argc > 0 ? argv[0] : "umiak-oci" };
	struct error err = {};

	int code = run(&c, argc, argv, &err);
	if (code < 0) {
		if (err.kind != ERROR_EXIT)
			cli_say(&c, CLI_ERROR, err.text);
		code = cli_exit_code(&err);
	}
	return fflush(stdout) == 0 ? code : 1;
}

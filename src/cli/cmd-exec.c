/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-exec.c - `exec`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/cli.h"
#include "cli/descriptors.h"
#include "engine/attach.h"
#include "engine/exec.h"
#include "engine/params-parse.h"
#include "monitor/config.h"
#include "os/file.h"

struct exec_options {
	struct exec_params x;
	char *cid_file, *detach_keys;
	struct strv preserve_fd;
	bool detach, latest;
	int64_t wait;
};
#define P struct exec_options

static void exec_done(void *params)
{
	exec_params_done(&((struct exec_options *)params)->x);
}

/* ---- streams ---- */
/* A pipe or /dev/null may be the command's own; a terminal or a file of the host's may not: the container could reopen
 * it, or type into our terminal. */
static bool may_hand_over(int fd)
{
	struct stat st, null;

	if (fstat(fd, &st) < 0)
		return false;
	return S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev);
}

struct streams {
	int child[3];    /* the command's ends: borrowed or owned */
	int ours[3];     /* our ends of pipes, -1: handed over */
};

static void streams_done(struct streams *s)
{
	for (int i = 0; i < 3; i++) {
		if (s->child[i] > 2)
			close_p(&s->child[i]);
		close_p(&s->ours[i]);
	}
}

static int make_stream(struct streams *s, int i, bool wanted, struct error *err)
{
	int fds[2];

	if (!wanted) {
		s->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		return s->child[i] < 0 ? fail_errno(err, "open /dev/null") : 0;
	}
	if (may_hand_over(i)) {
		s->child[i] = i;
		return 0;
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	s->child[i] = fds[i != 0];
	s->ours[i] = fds[i == 0];
	return 0;
}

static int make_streams(struct streams *s, bool interactive, struct error *err)
{
	TRY(make_stream(s, 0, interactive, err));
	TRY(make_stream(s, 1, true, err));
	return make_stream(s, 2, true, err);
}

/* ---- running ---- */
static int pump(const struct exec_options *o, const struct exec_run *run, struct streams *s, const char *keys,
		struct error *err)
{
	struct attach_exec x = {
		.in = -1, .out = -1, .err = -1, .child_in = -1, .child_out = -1, .child_err = -1, .tty = o->x.tty,
		.detach_keys = keys, .pidfd = run->pidfd,
	};

	if (o->x.tty) {
		x.in = o->x.interactive ? 0 : -1;
		x.out = 1;
		x.child_out = run->console_master;
		return attach_run_exec(&x, err);
	}
	for (int i = 0; i < 3; i++)   /* the command has its own copies */
		if (s->child[i] > 2)
			close_p(&s->child[i]);
	if (s->ours[0] < 0 && s->ours[1] < 0 && s->ours[2] < 0)
		return ATTACH_EXITED;
	x.in = s->ours[0] >= 0 ? 0 : -1;
	x.out = s->ours[1] >= 0 ? 1 : -1;
	x.err = s->ours[2] >= 0 ? 2 : -1;
	x.child_in = s->ours[0];
	x.child_out = s->ours[1];
	x.child_err = s->ours[2];
	return attach_run_exec(&x, err);
}

static int run_attached(struct cli *cli, struct ctr *c, const struct exec_options *o, struct error *err)
{
	auto_exec_run run = EXEC_RUN_INIT;
	CLEANUP(streams_done) struct streams s = { { -1, -1, -1 }, { -1, -1, -1 } };
	const char *keys = o->detach_keys ? o->detach_keys : cli->engine->conf.engine.detach_keys;
	struct detach_keys parsed;
	int code;

	TRY(detach_keys_parse(keys, &parsed, err));   /* before the command runs */
	if (!o->x.tty)
		TRY(make_streams(&s, o->x.interactive, err));
	TRY(exec_start(c, &o->x, s.child, &run, err));
	int end = pump(o, &run, &s, keys, err);
	if (end < 0)
		return -1;
	if (end == ATTACH_DETACHED)
		return 0;
	TRY(exec_wait(&run, &code, err));
	return code;
}

/* ---- the words ---- */
static int find(struct cli *cli, struct exec_options *o, struct strv *args, struct ctr **ret, struct error *err)
{
	autofree char *id = NULL;
	struct engine *e;
	size_t first = 0;

	TRY(cli_engine(cli, &e, err));
	if (o->latest && o->cid_file)
		return fail(err, ERROR_INVALID, "--latest and --cidfile cannot be used together");
	if (o->latest) {
		TRY(ctr_latest(e, ret, err));
	} else if (o->cid_file) {
		int r = file_read(AT_FDCWD, o->cid_file, 4096, &id, NULL, err);
		if (r == 0)
			return fail(err, ERROR_INVALID, "reading CIDFile: open %s: no such file or directory", o->cid_file);
		if (r < 0)
			return -1;
		id[strcspn(id, "\n")] = '\0';
		TRY(ctr_find(e, id, ret, err));
	} else {
		if (!args->n)
			return fail(err, ERROR_INVALID, "exec requires the name or ID of a container or the --latest or --cidfile flag");
		TRY(ctr_find(e, args->v[0], ret, err));
		first = 1;
	}
	for (size_t i = first; i < args->n; i++)
		TRY(strv_add(&o->x.command, args->v[i], err));
	if (!o->x.command.n)
		return fail(err, ERROR_INVALID, "must provide a non-empty command to start an exec session: invalid argument");
	return 0;
}

/* --wait: for a container that is about to be started by somebody else. */
static int wait_running(struct ctr *c, int64_t seconds, struct error *err)
{
	int64_t deadline = time_monotonic() + seconds * NSEC_PER_SEC;

	while (c->at.status.state != CONTAINER_RUNNING) {
		if (time_monotonic() > deadline)
			return fail(err, ERROR_TIMEOUT, "timed out waiting for container: %s", c->at.record.name);
		usleep(20000);
		TRY(ctr_sync(c, err));
	}
	return 0;
}

static int run_exec(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct exec_options *o = params;
	auto_ctr *c = NULL;
	autofree char *id = NULL;
	struct opt_uint preserve = { o->x.preserve_fds > 0, o->x.preserve_fds };

	if (o->detach && o->x.interactive)
		o->x.interactive = false;
	TRY(exec_params_finish(&o->x, err));
	TRY(descriptors_keep(&o->preserve_fd, &preserve, err));
	o->x.preserve_fds = preserve.value;
	TRY(find(cli, o, args, &c, err));
	if (o->wait)
		TRY(wait_running(c, o->wait, err));
	if (!o->detach)
		return run_attached(cli, c, o, err);
	if (exec_detached(c, &o->x, &id, err) < 0) {
		if (err->kind == ERROR_NO_COMMAND || err->kind == ERROR_NOT_EXECUTABLE)
			err->kind = ERROR_SYSTEM;   /* nobody waits for the command: 125 */
		return -1;
	}
	puts(id);
	return 0;
}

static const struct field rows[] = {
	{ .cli = "cidfile", F_STR(P, cid_file), .arg = "file", .complete = "files",
	  .help = "Take the container's ID from this file" },
	{ .cli = "detach", .abbr = 'd', F_BOOL(P, detach), .help = "Leave the process in the background" },
	{ .cli = "detach-keys", F_STR(P, detach_keys), .arg = "[a-Z] | ctrl-<value>", .fallback = "ctrl-p,ctrl-q",
	  .help = "Key sequence that detaches from the session" },
	{ .cli = "env", .abbr = 'e', F_CUSTOM(P, x.env, &param_env_custom), .arg = "stringArray",
	  .help = "Set an environment variable (NAME=VALUE, repeatable)" },
	{ .cli = "env-file", F_STRV(P, x.env_files), .arg = "stringArray", .complete = "files",
	  .help = "Take environment variables from a file" },
	{ .cli = "interactive", .abbr = 'i', F_BOOL(P, x.interactive), .help = "Keep standard input open" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "no-session", F_BOOL(P, x.no_session), .help = "Do not record the session" },
	{ .cli = "preserve-fd", F_CSV(P, preserve_fd), .arg = "uints",
	  .help = "File descriptors to pass to the command" },
	{ .cli = "preserve-fds", F_UINT(P, x.preserve_fds), .arg = "uint",
	  .help = "Pass this many file descriptors from 3 up to the command" },
	{ .cli = "privileged", F_BOOL(P, x.privileged),
	  .help = "Give the process every capability the container may have" },
	{ .cli = "tty", .abbr = 't', F_BOOL(P, x.tty), .help = "Allocate a pseudo-TTY" },
	{ .cli = "user", .abbr = 'u', F_STR(P, x.user), .arg = "string",
	  .help = "User the process runs as (USER[:GROUP], names or numbers)" },
	{ .cli = "workdir", .abbr = 'w', F_STR(P, x.workdir), .arg = "string",
	  .help = "Directory the process starts in" },
	{ .cli = "wait", F_INT(P, wait), .arg = "int32", .flags = FIELD_HIDDEN,
	  .help = "Seconds to wait for the container to be running" },
	{}
};

const struct command cmd_exec = {
	.summary = "Start a further process inside a running container",
	.description = "Starts a further process in a container that runs already.",
	.args = "CONTAINER COMMAND [ARG...]", .max_args = ARGS_ANY,
	.examples = "-it web sh\n--user 1000 --workdir /srv web make",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .done = exec_done,
	.run = run_exec, .flags = COMMAND_ARGS_STOP | COMMAND_LATEST | COMMAND_IN_USERNS,
};

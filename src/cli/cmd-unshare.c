/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-unshare.c - `unshare`: a command inside the user's namespace. */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/engine.h"
#include "engine/network.h"
#include "os/ns.h"
#include "os/process.h"

struct unshare_params {
	bool rootless_netns;
};

static int set_environment(const struct engine *e, struct error *err)
{
	if (setenv("CONTAINERS_GRAPHROOT", e->root, 1) < 0 || setenv("CONTAINERS_RUNROOT", e->runroot, 1) < 0)
		return fail_oom(err);
	return 0;
}

static int execute(struct strv *args, struct error *err)
{
	execvp(args->v[0], args->v);
	int missing = errno == ENOENT;
	fail_with(err, errno, "%s", args->v[0]);
	err->kind = missing ? ERROR_NO_COMMAND : ERROR_NOT_EXECUTABLE;
	return -1;
}

_Noreturn static void run_child(int netns, struct strv *args)
{
	struct error err;

	if (ns_join(netns, NS_NET, &err) >= 0)
		execute(args, &err);
	fprintf(stderr, "Error: %s\n", err.text);
	_exit(error_exit_code(&err));
}

/* The command is a child: its namespace is kept as long as it runs, as a container would keep it. */
static int run_in_netns(struct engine *e, struct strv *args, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	struct error left;
	char id[32];
	int status;

	snprintf(id, sizeof(id), NETWORK_UNSHARE_ID "%d", (int)getpid());
	TRY(network_place(e, false, &place, err));
	TRY(network_user_place(e, true, &place, err));
	if (network_user_open(&place, id, err) < 0) {
		network_user_leave(&place, id, &left);
		if (err->kind == ERROR_NOT_EXECUTABLE)   /* that is a container's code */
			err->kind = ERROR_SYSTEM;
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0)
		run_child(place.netns_fd, args);
	int r = pid < 0 ? fail_errno(err, "fork") : process_reap(pid, &status, err);
	if (network_user_leave(&place, id, &left) < 0 && r >= 0)
		log_warn(e->log, "%s", left.text);
	return r < 0 ? -1 : process_exit_code(status) ? fail_exit(err, process_exit_code(status)) : 0;
}

static int run_unshare(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct unshare_params *p = params;
	const char *shell = getenv("SHELL");
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (!e->paths.rootless)
		return fail(err, ERROR_INVALID, "please use unshare with rootless");
	if (!args->n && str_empty(shell))
		return fail(err, ERROR_INVALID, "no command specified and no $SHELL specified");
	if (!args->n)
		TRY(strv_add(args, shell, err));
	TRY(set_environment(e, err));
	fflush(NULL);
	return p->rootless_netns ? run_in_netns(e, args, err) : execute(args, err);
}

static const struct field rows[] = {
	{ .cli = "rootless-netns", F_BOOL(struct unshare_params, rootless_netns),
	  .help = "Join the network namespace of the user's bridge networks" }, {}
};

const struct command cmd_unshare = {
	.summary = "Run a command in the user's own namespace",
	.description = "Runs a command in the user and mount namespace that a user's containers are made in: as its root, with all\n"
		"subordinate ids, and with the mounts of this program in sight. Without a command: $SHELL.",
	.args = "[COMMAND [ARG...]]", .max_args = ARGS_ANY, .examples = "id\ncat /proc/self/uid_map\nls -l ~/.local/share",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct unshare_params),
	.run = run_unshare, .flags = COMMAND_IN_USERNS | COMMAND_ARGS_STOP,
};

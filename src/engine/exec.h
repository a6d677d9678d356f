/* SPDX-License-Identifier: Apache-2.0
 * engine/exec.h - further processes in a running container (exec sessions).
 *
 * An attached session is a child of the calling command: a pidfd, one setns, one clone, no monitor. A detached
 * session gets a small monitor of its own. Sessions are recorded in the container's run-time directory while they
 * live, so that `inspect` can list them and a killed command leaves only a file that the next look removes.
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "engine/container.h"

struct exec_params {
	struct strv command;
	struct strmap env;             /* over the container's; env files below, both weaker than `env` */
	struct strv env_files;
	char *user, *workdir;
	bool tty, interactive, privileged;
	uint64_t preserve_fds;         /* descriptors 3 .. 3+n-1 go along */
	bool no_session;               /* not recorded: nobody can look the session up */
};
/* Reads the env files. Call once, before exec_start(). */
int exec_params_finish(struct exec_params *p, struct error *err);
void exec_params_done(struct exec_params *p);

struct exec_run {
	char id[65];
	pid_t pid;
	int pidfd;
	int console_master;            /* -1 unless tty */
	struct engine *engine;         /* for taking the record away; NULL: there is none */
};
#define EXEC_RUN_INIT ((struct exec_run){ .pid = -1, .pidfd = -1, .console_master = -1 })
void exec_run_done(struct exec_run *s);
#define auto_exec_run CLEANUP(exec_run_done) struct exec_run

/* Starts the command; stdio are the container process's own (pass our 0, 1, 2, or pipes). With tty the session has
 * console_master and fds are ignored. ERROR_STATE: `can only create exec sessions on running containers: container
 * state improper`; ERROR_NO_COMMAND, ERROR_NOT_EXECUTABLE. */
int exec_start(struct ctr *c, const struct exec_params *p, const int stdio[3], struct exec_run *ret,
	       struct error *err);
/* Waits; *ret_code is the shell's exit code. */
int exec_wait(struct exec_run *s, int *ret_code, struct error *err);
/* What a detached session left: its record and directory. Run by its monitor through `container cleanup --exec`. */
int exec_cleanup(struct ctr *c, const char *id, struct error *err);
/* Starts it under a monitor and returns; *ret_id: the session's id, malloc'ed. */
int exec_detached(struct ctr *c, const struct exec_params *p, char **ret_id, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * oci/cli.h - the frame of umiak-oci: options, commands, messages. Only for main.c and cmd-*.c.
 * struct cli owns all option values; a command's rows say which of them it takes. */
#pragma once
#include "base/argv.h"
#include "base/error.h"
#include "base/field.h"
#include "oci/runtime.h"
#include "oci/state.h"
#include "os/cgroup.h"

enum cli_log_format { CLI_LOG_TEXT, CLI_LOG_JSON };

struct cli {
	/* global */
	char *root, *cgroup_manager, *log, *log_format, *log_level, *rootless, *criu;
	bool debug, systemd_cgroup, no_pivot, version, help;
	/* create, run, exec */
	char *bundle, *config, *console_socket, *pid_file;
	int64_t preserve_fds;
	bool no_new_keyring, no_subreaper, detach, keep;
	/* exec */
	char *process, *user, *cwd, *apparmor, *process_label, *cgroup;
	bool tty, no_new_privs;
	struct strv env, caps;
	struct opt_int exec_preserve;
	/* kill, delete, list, ps */
	bool all, force, regex, quiet;
	char *format;
	/* spec */
	bool spec_rootless;
	/* update */
	char *resources_file;
	struct strmap limits;   /* option name -> value */

	/* worked out once */
	char *state_root, *cwd_at_start;
	enum cgroup_manager manager;
	enum cli_log_format log_as;
	int log_fd;             /* -1: no log file */
	bool log_is_syslog;
	const char *program;
};

struct cli_command {
	const char *name, *usage, *summary;
	const struct field *rows;
	int min_args, max_args;   /* -1: any number */
	bool activated;           /* passes descriptors of socket activation on */
	bool enters;              /* has a process of ours inside a container for a moment */
	bool stop;                /* options end at the first positional word */
	int (*run)(struct cli *c, const struct strv *args, struct error *err);   /* exit code, or -1 */
};
extern const struct cli_command cli_commands[];
extern const struct field cli_create_rows[], cli_run_rows[], cli_exec_rows[], cli_kill_rows[], cli_delete_rows[],
	cli_list_rows[], cli_ps_rows[], cli_spec_rows[], cli_update_rows[], cli_no_rows[];

typedef int cli_run_fn(struct cli *c, const struct strv *args, struct error *err);
cli_run_fn cmd_create, cmd_run, cmd_start, cmd_exec, cmd_state, cmd_kill, cmd_delete, cmd_list, cmd_ps, cmd_pause,
	cmd_resume, cmd_update, cmd_features, cmd_spec;

/* Messages go to the log and, when that is a file, errors also to standard error. */
enum cli_level { CLI_DEBUG, CLI_WARNING, CLI_ERROR };
void cli_say(const struct cli *c, enum cli_level level, const char *text);
void cli_warn(void *cli, const char *text);        /* for oci_options.warn */
void cli_plan(void *cli, const char *step);        /* for oci_options.plan */
int cli_exit_code(const struct error *err);

/* ---- shared by commands ---- */
struct container {
	struct oci_state_dir dir;
	struct oci_state state;
	enum oci_status status;
	int pidfd;
	struct cgroup cgroup;
};
#define CONTAINER_INIT { .dir = { .fd = -1, .lock_fd = -1 }, .pidfd = -1, .cgroup = CGROUP_INIT }
void container_done(struct container *c);
#define auto_container CLEANUP(container_done) struct container
/* Opens, loads, finds out the status (paused too) and the cgroup. */
int container_open(const struct cli *c, const char *id, bool lock, struct container *ret, struct error *err);
/* Kills what is left, removes the cgroup and the state, runs poststop hooks (their failure is a warning). */
int container_delete(struct cli *c, struct container *k, bool force, struct error *err);
/* The specification as it was at create. */
int container_spec(const struct container *k, struct oci_spec *ret, struct error *err);
/* Before anything is opened: adds the descriptors of socket activation, then takes every number the caller wants preserved and did not open, so that no descriptor of ours gets one. */
int reserve_descriptors(struct cli *c, bool activated, struct error *err);
int write_pid_file(const char *path, pid_t pid, struct error *err);
/* Sends the master of a terminal to a console socket, as containerd and conmon expect it. */
int send_console(const char *socket_path, int master, struct error *err);
/* Waits for a child while forwarding signals to it and copying a terminal (master >= 0); its exit code. */
int wait_foreground(pid_t pid, int pidfd, int master, struct error *err);
/* Socket in the state directory through which a created container is started. */
int start_socket_listen(const struct oci_state_dir *d, struct error *err);
int start_socket_connect(const struct oci_state_dir *d, struct error *err);

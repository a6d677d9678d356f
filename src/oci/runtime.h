/* SPDX-License-Identifier: Apache-2.0
 * oci/runtime.h - starting a container's first process, in this process, without a runtime program.
 *
 *     oci_spawn()         clone3() into new namespaces; pid and pidfd are known when it returns
 *       ... the caller may set up the network meanwhile ...
 *     oci_wait_created()  hooks are run, mounts are made, the command is found; the child stops before exec
 *     oci_start()         the child runs startContainer hooks, then execs; an exec error comes back here
 *
 * Owns: the child until oci_wait_created() returns: if it fails, the child is killed and reaped. Afterwards the
 * child belongs to whoever is its parent (the calling process); nothing of this module needs to stay alive. Does
 * not own: the cgroup (os/cgroup.h; the caller creates, passes and removes it), the container's directory, stdio,
 * the network, poststart and poststop hooks (oci_hooks_run()).
 * The calling process should be single-threaded. All memory the child needs is made before clone3(); the child
 * makes only system calls.
 *
 * start_fd is a SOCK_SEQPACKET socket and may be handed to another program (umiak-monitor):
 *     write one byte (any)  -> the container's command is executed
 *     then read             -> 0 bytes: exec succeeded; sizeof(struct error) bytes: the child's own error
 *     closing it unwritten  -> the child exits, the container was never started */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "oci/spec.h"

struct cgroup;
struct seccomp_filter;

struct oci_options {
	const char *id;               /* the container's; for hooks' state and messages */
	const char *bundle;           /* absolute; relative root.path and hooks' state; NULL: "/" */
	int rootfs_fd;                /* a detached mount (O_PATH ok), stays the caller's; -1: spec root.path is bound */
	int stdin_fd, stdout_fd, stderr_fd;   /* become 0, 1, 2; -1: inherit ours. Stay the caller's */
	int console_fd;               /* a pty's slave for all three when process.terminal; -1: a new pty is made in
	                               * the container's own devpts and its master returned in console_master */
	int netns_fd;                 /* a network namespace made ahead for this container (root's only; where the spec
	                               * wants a new one it is born in it), or -1. Stays the caller's */
	struct cgroup *cgroup;        /* prepared with limits set, or NULL: the caller's cgroup */
	const char *cgroup_path;      /* below the cgroup root, for mounts of type cgroup without cgroup namespace */
	bool no_pivot;                /* move the root instead of pivot_root (initramfs) */
	bool no_new_keyring;
	bool systemd_cgroup;          /* for hooks' state only */
	unsigned preserve_fds;        /* of 3 .. 3+n-1, those go in that are not close-on-exec */
	int start_listen_fd;          /* -1, or a listening SOCK_SEQPACKET socket: the child takes its *start* from the
	                               * first connection there instead of start_fd (create and start as two programs) */
	const struct seccomp_filter *seccomp;   /* a ready filter; wins over the spec's linux.seccomp. NULL: the spec's */
	const char *notify_socket;    /* sd_notify socket of the host (absolute path), bound to /run/notify/notify.sock and
	                               * named there by NOTIFY_SOCKET; NULL or not there: none */
	int hook_stdout_fd, hook_stderr_fd;   /* of prestart and createRuntime hooks; -1: ours */
	void (*warn)(void *arg, const char *text);   /* degraded, not failed ("nofile limit lowered ..."); may be NULL */
	void *warn_arg;
	bool dry_run;                 /* only for plans that are looked at: nothing is opened, nothing is changed */
	void (*plan)(void *arg, const char *step);   /* --debug: called with each step of the plan before it is applied */
	void *plan_arg;
};
#define OCI_OPTIONS_INIT                                                                       \
	((struct oci_options){ .rootfs_fd = -1, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, \
			       .console_fd = -1, .netns_fd = -1, .start_listen_fd = -1,                     \
			       .hook_stdout_fd = -1, .hook_stderr_fd = -1 })

struct oci_process {
	pid_t pid;            /* in our pid namespace; our child */
	int pidfd;            /* owned */
	int start_fd;         /* owned; see above */
	int netns_fd;         /* owned; its network namespace when it has a new one that its makers cannot open by pid (user
	                       * namespaces, joined pid namespaces); else -1 */
	int console_master;   /* owned; -1 unless terminal without console_fd; valid after oci_wait_created() */
	struct oci_spawned *state;   /* private, freed by oci_wait_created() */
};
#define OCI_PROCESS_INIT ((struct oci_process){ .pid = -1, .pidfd = -1, .start_fd = -1, .netns_fd = -1, .console_master = -1 })
/* Closes the descriptors and frees the rest; kills and reaps a child that was never waited for as created. */
void oci_process_done(struct oci_process *p);
#define auto_oci_process CLEANUP(oci_process_done) struct oci_process

/* Checks the spec, builds the plan and clones. The spec and the strings in the options must live until
 * oci_wait_created() returned. -1 and *err: nothing is left behind. */
int oci_spawn(const struct oci_spec *spec, const struct oci_options *o, struct oci_process *ret, struct error *err);
/* Serves the child until it stands before exec (maps ids, runs prestart and createRuntime hooks, passes seccomp
 * listeners on). ERROR_NO_COMMAND / ERROR_NOT_EXECUTABLE for the container's command, else the child's own
 * sentence; then the child is dead and reaped, and *p is as after oci_process_done(). */
int oci_wait_created(struct oci_process *p, struct error *err);
/* Lets the child exec and waits until it did. Errors as the child reported them (the caller reaps it then). */
int oci_start(struct oci_process *p, struct error *err);
/* The same for someone who only has the descriptor (the monitor, `umiak-oci start`). */
int oci_start_fd(int start_fd, struct error *err);

/* ---- hooks outside the container ---- */
enum oci_hook_kind {
	OCI_HOOK_PRESTART, OCI_HOOK_CREATE_RUNTIME, OCI_HOOK_CREATE_CONTAINER, OCI_HOOK_START_CONTAINER,
	OCI_HOOK_POSTSTART, OCI_HOOK_POSTSTOP, OCI_HOOK_MAX
};
/* The state every hook gets on stdin. */
struct oci_hook_state {
	const char *id, *status, *bundle;   /* status: "creating" "created" "running" "stopped" */
	pid_t pid;                          /* 0: none */
	const struct strmap *annotations;   /* may be NULL */
	const char *root;                   /* root.path made absolute, may be NULL */
	int stdout_fd, stderr_fd;           /* of the hooks; 0: ours */
};
/* Runs the hooks of that kind one after the other in our namespaces. A hook gets exactly the environment its row
 * names; without "env" it inherits ours. Stops at the first that fails: -1 and *err naming it, its exit status or
 * signal, or its timeout. */
int oci_hooks_run(const struct oci_hooks *hooks, enum oci_hook_kind kind, const struct oci_hook_state *state,
		  struct error *err);
/* The hooks' state as JSON (also what `umiak-oci state` is built on). */
int oci_hook_state_format(const struct oci_hook_state *s, struct buf *to, struct error *err);

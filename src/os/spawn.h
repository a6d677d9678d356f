/* SPDX-License-Identifier: Apache-2.0
 * os/spawn.h - running another program: explicit argv, environment, descriptors and identity, no shell, no PATH search.
 *
 * The child gets exactly stdin/stdout/stderr, the listed descriptors and nothing else; signals are reset; a failed exec
 * is the parent's error (ENOENT, EACCES...), not an exit code. vfork-style: cheap from big processes.
 * A started child belongs to the caller, who must spawn_wait() (spawn_done() kills and reaps). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

struct spawn_fd {
	int from, to;   /* the caller's descriptor appears as `to` (>= 3) in the child */
};
#define SPAWN_FDS_MAX 64

struct spawn {
	const char *path;             /* program file; used unless program_fd >= 0 */
	int program_fd;               /* execveat(fd, "", AT_EMPTY_PATH); -1: none */
	char *const *argv;            /* NULL-terminated, argv[0] included */
	char *const *envp;            /* NULL-terminated; NULL: an empty environment */
	int stdin_fd, stdout_fd, stderr_fd;   /* -1: /dev/null (spawn_run: collected where asked) */
	const struct spawn_fd *fds;
	size_t n_fds;
	int cwd_fd;                   /* -1: unchanged */
	bool new_session;             /* setsid() */
	bool die_with_parent;         /* PR_SET_PDEATHSIG SIGKILL */
	bool set_ids;                 /* then uid, gid and groups apply; capabilities go with the uid change */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
};
#define SPAWN_INIT { .program_fd = -1, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .cwd_fd = -1 }

struct spawned {
	pid_t pid;
	int pidfd;   /* -1 when reaped */
};
#define SPAWNED_INIT { .pid = -1, .pidfd = -1 }

/* Starts the program; returns after its exec succeeded. */
int spawn_start(const struct spawn *s, struct spawned *ret, struct error *err);
/* Waits; 1: *ret_status (wait(2) format), reaped; 0: the time (ns, < 0: forever) is over. */
int spawn_wait(struct spawned *p, int64_t timeout_ns, int *ret_status, struct error *err);
void spawn_done(struct spawned *p);   /* kills and reaps when still there */

struct spawn_io {
	const void *input;     /* bytes for stdin; NULL: as s->stdin_fd says */
	size_t input_len;
	struct buf *out;       /* collects stdout; NULL: as s->stdout_fd says. The buffer's ceiling holds: more is an error */
	struct buf *errout;    /* collects stderr; may be the same buffer as out */
	int64_t timeout_ns;    /* <= 0: forever; after it the child is killed: ERROR_TIMEOUT */
};
/* Starts, feeds, collects and waits. *ret_status in wait(2) format; any exit code is success here. [alloc: buffers] */
int spawn_run(const struct spawn *s, const struct spawn_io *io, int *ret_status, struct error *err);

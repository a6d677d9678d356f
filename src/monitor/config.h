/* SPDX-License-Identifier: Apache-2.0
 * monitor/config.h - everything umiak-monitor needs to know, handed over in a sealed memfd.
 *
 * struct monitor_config has fixed-size members; strings lie behind it and are named by their offset from its start
 * (0: not given). Both sides come from the same build: magic, version and size are checked, nothing else is.
 * The engine's child fills it with a struct monitor_builder and calls monitor_exec(), which leaves exactly the
 * descriptors named in the config open across exec. All descriptors are -1 when absent; they belong to the monitor
 * afterwards.
 *
 * How the pieces are meant:
 *  - The monitor is the parent of the container's first process (oci_spawn() ran in the same process), or its
 *    subreaper (external runtime), or neither (MONITOR_WATCH: adoption after the first monitor died; then pidfd must
 *    be given and the exit code comes from the kernel's pidfd information or is unknown).
 *  - Stdio: container's ends are pipes made by monitor_stdio_pipe() or a pty. With --log-driver passthrough there
 *    are none and nothing is pumped.
 *  - lock_fd: a file on which the engine took an OFD lock; whoever finds it free knows that the monitor is dead.
 *  - Builders allocate; the monitor maps the config and allocates nothing. */
#pragma once
#include <stdbool.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "monitor/protocol.h"

#define MONITOR_MAGIC UINT64_C(0x726f74696e6f6d75)   /* "umonitor" */
#define MONITOR_CONFIG_VERSION 1
#define MONITOR_ZONES_MAX 8
#define MONITOR_INHERITED_MAX 4

enum monitor_flag {
	MONITOR_TTY = 1 << 0,          /* stdio_fd[0] is the pty master; stdout and stderr are not used */
	MONITOR_STDIN_ONCE = 1 << 1,   /* close the container's stdin after the first client's end of input or death */
	MONITOR_TRANSIENT = 1 << 2,    /* --rm: the exit record goes to the run-time directory only, nothing is fsynced */
	MONITOR_WATCH = 1 << 3,        /* not the parent: adoption */
	MONITOR_STARTED_ALREADY = 1 << 4,   /* the container runs already (restored, adopted): start timers at once */
	MONITOR_STARTING = 1 << 5,     /* START of client[0] was answered with the start byte; it waits for STARTED */
};

enum monitor_log_driver {
	MONITOR_LOG_NONE,        /* also passthrough */
	MONITOR_LOG_K8S_FILE,    /* TIME STREAM F|P TEXT */
	MONITOR_LOG_JSON_FILE,   /* {"log":"TEXT\n","stream":"stdout","time":"..."} */
	MONITOR_LOG_JOURNALD,
};

enum monitor_notify {
	MONITOR_NOTIFY_IGNORE,
	MONITOR_NOTIFY_CONMON,     /* MAINPID and READY when the container has started */
	MONITOR_NOTIFY_HEALTHY,    /* ... when it became healthy */
	MONITOR_NOTIFY_CONTAINER,  /* pass on what the container sends to notify_fd */
};

/* A list of strings, each with its NUL, one behind the other. */
struct monitor_list {
	uint32_t off;   /* 0: empty */
	uint32_t n;
};

/* From `from_s` (Unix seconds) on, local time is UTC + offset_s: log lines carry the local offset without the monitor
 * having to read time zone files. */
struct monitor_zone {
	int64_t from_s;
	int32_t offset_s;
	int32_t reserved;
};

struct monitor_client_config {
	int32_t fd;       /* SOCK_SEQPACKET; -1: none */
	uint32_t role;    /* enum monitor_role */
};

struct monitor_config {
	uint64_t magic;
	uint32_t version, size;   /* size: of the whole, strings included */
	uint32_t flags;           /* enum monitor_flag */

	/* the container */
	int32_t pid;              /* first process, in our pid namespace */
	int32_t pidfd;
	int32_t start_fd;         /* oci/runtime.h's start_fd; -1: somebody else starts it (START only starts timers) */
	int32_t stdio_fd[3];      /* write end of stdin (or pty master), read ends of stdout and stderr */
	uint32_t id, name;        /* strings */

	/* clients */
	int32_t listen_fd;        /* monitor_listen() */
	struct monitor_client_config client[MONITOR_INHERITED_MAX];

	/* records */
	int32_t run_dir_fd;       /* the container's run-time directory: exit.json */
	int32_t store_dir_fd;     /* its store directory: exit.json, durable; -1 when transient */
	int32_t lock_fd;
	int32_t hold_fd[2];       /* of use to others by being open (store_hold()) */
	int32_t oom_fd;           /* memory.events (v2) or memory.oom_control (v1): "oom_kill N" is read at the end */
	int32_t kill_fd;          /* cgroup.kill (v2) open for writing, or -1: SIGKILL to the first process only */

	/* log */
	uint32_t log_driver;      /* enum monitor_log_driver */
	int32_t log_fd;           /* files: opened O_WRONLY|O_APPEND|O_CREAT by monitor_log_open(); journald: -1 */
	uint32_t log_path;        /* string: for rotation and reopening */
	uint32_t log_keep;        /* rotated files kept besides the current one: PATH.1 (newest) ... PATH.N; 0: truncate */
	int64_t log_max_size;     /* bytes of one file; <= 0: no limit */
	uint32_t log_fields;      /* journald: string "KEY=value\n..." sent with every entry (no newline inside a value) */
	uint32_t reserved;
	struct monitor_zone zone[MONITOR_ZONES_MAX];   /* ascending; the first applies to earlier times, too */

	/* timers, CLOCK_MONOTONIC, from start */
	int64_t timeout_ns;            /* --timeout: SIGKILL after that; 0: none */
	int64_t health_interval_ns;    /* from the end of a check to the next; 0: none */
	int64_t health_first_ns;       /* from start to the first check */
	struct monitor_list health_argv;    /* argv[0] is the absolute path of the program */
	struct monitor_list cleanup_argv;   /* run after exit unless an owner reported CLEANED; empty: nothing is run */
	struct monitor_list env;            /* the environment of these two; see monitor_builder_env() */

	/* sd_notify */
	uint32_t notify;          /* enum monitor_notify */
	uint32_t notify_socket;   /* string: the host's NOTIFY_SOCKET, "@..." for abstract ones */
	int32_t notify_fd;        /* bound datagram socket the container writes to; -1 */
	int32_t oom_score_restore;   /* what health checks and clean-up get back; monitor_builder_init() fills it */
};

/* The string at `off`, or NULL for 0. */
static inline const char *monitor_config_string(const struct monitor_config *c, uint32_t off)
{
	return off ? (const char *)c + off : NULL;
}

/* The start byte (oci/runtime.h). A child that died meanwhile is noticed by its end of the socket. False: it could not be
 * sent (no memory). */
static inline bool monitor_release(int start_fd)
{
	if (send(start_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return true;
	if (errno == ENOTSOCK)
		return write(start_fd, "", 1) == 1;
	return errno == EPIPE || errno == ECONNRESET;
}

struct monitor_builder {
	struct monitor_config c;
	struct buf strings;
	const int *keep;          /* further descriptors the monitor holds until it ends: sockets of host ports; borrowed */
	size_t n_keep;
};
/* All descriptors -1, zones filled from the process's time zone, everything else 0. */
void monitor_builder_init(struct monitor_builder *b);
void monitor_builder_done(struct monitor_builder *b);   /* frees memory; descriptors stay the caller's */
#define auto_monitor_builder CLEANUP(monitor_builder_done) struct monitor_builder
/* Adds a copy of s and returns its offset (0 for NULL); memory errors show in monitor_exec(). */
uint32_t monitor_builder_string(struct monitor_builder *b, const char *s);
struct monitor_list monitor_builder_list(struct monitor_builder *b, char *const *v);
/* Sets c.env to those of environ that our programs read: PATH HOME USER LOGNAME TMPDIR TZ LANG LC_* XDG_* CONTAINERS_*
 * CONTAINER_* STORAGE_* REGISTRY_* UMIAK_* _CONTAINERS_* DBUS_SESSION_BUS_ADDRESS NO_COLOR. The rest is left behind. */
void monitor_builder_env(struct monitor_builder *b);
/* Writes, seals and returns the memfd. */
int monitor_builder_seal(struct monitor_builder *b, struct error *err);
/* Before monitor_exec(): waits up to `timeout_ms` for START of client[0] and passes it on at once, so that the container
 * begins while we are still turning into its monitor. Anything else stays for the monitor to read. */
void monitor_take_start(struct monitor_builder *b, int timeout_ms);
/* Becomes umiak-monitor: seals the config, lets the named descriptors (and no others) pass, sets stdio to /dev/null,
 * execs `path` (conf/helpers.h). Returns only on failure. The caller has done setsid() and PR_SET_CHILD_SUBREAPER. */
int monitor_exec(struct monitor_builder *b, const char *path, struct error *err);

/* A pipe for the container's stdout or stderr (output) or stdin: *ret_container goes into the container, *ret_monitor
 * into stdio_fd[]. The container's end of an output pipe is open for reading, too: so it neither gets SIGPIPE nor
 * loses a byte when the monitor dies and is replaced. *ret_monitor is non-blocking. Both close-on-exec. */
int monitor_stdio_pipe(bool output, int *ret_container, int *ret_monitor, struct error *err);
/* Takes over the stdio of a running container whose monitor died: reopens the pipes of /proc/PID/fd/0..2 where they
 * are pipes; others stay -1 (a pty cannot be taken over). */
int monitor_stdio_adopt(pid_t pid, int32_t ret[3], struct error *err);
/* The container's listening socket, bound to `name` in the directory (replacing an old one), mode 0600. */
int monitor_listen(int dirfd, const char *name, struct error *err);
/* Opens (creates, mode 0640) the log file for appending. */
int monitor_log_open(const char *path, struct error *err);
/* A connected pair for an inherited client: *ret_client stays in the caller, *ret_monitor goes into client[].fd. */
int monitor_client_pair(int *ret_client, int *ret_monitor, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * monitor/protocol.h - what umiak-monitor and its clients say to each other.
 *
 * One unix SOCK_SEQPACKET socket per container: "attach" in the container's run-time directory (mode 0700; the
 * monitor also checks SO_PEERCRED), or a socketpair inherited by the monitor (a foreground `run`). A packet is one
 * message: struct monitor_message followed by at most MONITOR_DATA_MAX bytes. The container never sees any of it.
 *
 * A session, from the client's side:
 *     connect, send HELLO(role)          not for inherited clients: their role stands in the monitor's config
 *     receive WELCOME                    inherited clients: only when their role has ATTACH_STDIN. Carries
 *                                        struct monitor_welcome and, for ATTACH_STDIN, one descriptor: the write
 *                                        end of the container's stdin, or the pty master
 *     send START, receive STARTED        who creates a container starts it; payload empty, or a struct error
 *     receive STDOUT, STDERR ...         only the streams of the role; all of them, in order, before EXIT
 *     receive EXIT                       payload struct monitor_exit; then the monitor closes, or (owner) waits for
 *                                        CLEANED
 * Stdin and window size need no messages: the client writes into the descriptor it got and uses TIOCSWINSZ on it
 * (non-blocking is a property of the shared description: poll before writing, expect EAGAIN), never reads from it.
 * End of input is STDIN_EOF. A detaching client sends DETACH and closes; closing without it counts as death.
 *
 * Who is slow is waited for (the container's pipe fills), who is dead is forgotten, who lies is disconnected.
 * The monitor of a running container may be older than the client: numbers are never reused, structs only grow at
 * their end, unknown messages are answered with UNKNOWN and otherwise ignored. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define MONITOR_PROTOCOL_VERSION 1
#define MONITOR_SOCKET_NAME "attach"   /* in the container's run-time directory */
#define MONITOR_DATA_MAX 32768         /* payload bytes of one message */
#define MONITOR_CLIENTS_MAX 64         /* connections beyond that are closed at once */

enum monitor_message_type {
	/* client -> monitor */
	MONITOR_HELLO = 1,        /* value: enum monitor_role bits; payload: uint32_t MONITOR_PROTOCOL_VERSION */
	MONITOR_START = 2,        /* write the start byte, report how exec went, start timers */
	MONITOR_SIGNAL = 3,       /* value: signal number for the container's first process */
	MONITOR_STDIN_EOF = 4,    /* no more input from this client; closes the container's stdin if it is "once" */
	MONITOR_DETACH = 5,       /* an orderly good-bye: leave stdin open */
	MONITOR_CLEANED = 6,      /* owner: the container is cleaned up, do not run the clean-up command */
	MONITOR_REOPEN_LOG = 7,   /* open the log's path again (external rotation) */
	MONITOR_ROTATE_LOG = 8,   /* rotate now */
	MONITOR_HEALTH_INTERVAL = 9,   /* payload: int64_t ns between the end of one check and the next; 0: stop checking */
	MONITOR_HEALTH_READY = 10,     /* the container became healthy: READY=1 for --sdnotify=healthy */
	MONITOR_TIMEOUT = 11,          /* payload: int64_t ns from now until SIGKILL; 0: none */
	/* monitor -> client */
	MONITOR_WELCOME = 64,     /* payload: struct monitor_welcome; maybe SCM_RIGHTS */
	MONITOR_STARTED = 65,     /* payload: empty, or struct error (same build) when exec failed */
	MONITOR_STDOUT = 66,      /* payload: bytes */
	MONITOR_STDERR = 67,
	MONITOR_STDIN_CLOSED = 68,   /* the container's stdin was closed: close your copy of the descriptor */
	MONITOR_EXIT = 69,        /* payload: struct monitor_exit */
	MONITOR_UNKNOWN = 70,     /* value: the type that was not understood */
	MONITOR_DONE = 71,        /* answer to REOPEN_LOG, ROTATE_LOG, SIGNAL, HEALTH_*, TIMEOUT; value: 0 or errno */
};

/* What a client wants; WAIT alone only gets EXIT. */
enum monitor_role {
	MONITOR_ROLE_WAIT = 1 << 0,     /* tell me EXIT (implied by the others) */
	MONITOR_ROLE_STDIN = 1 << 1,
	MONITOR_ROLE_STDOUT = 1 << 2,
	MONITOR_ROLE_STDERR = 1 << 3,
	MONITOR_ROLE_OWNER = 1 << 4,    /* I will clean up after EXIT and say CLEANED; if I die, do it yourself */
	MONITOR_ROLE_ABANDON = 1 << 5,  /* if I disconnect before START, kill the container */
};

struct monitor_message {
	uint32_t type;    /* enum monitor_message_type */
	uint32_t value;
};

struct monitor_welcome {
	uint32_t version;     /* the monitor's MONITOR_PROTOCOL_VERSION */
	int32_t monitor_pid;
	int32_t pid;          /* the container's first process */
	uint8_t tty, started, stdin_open, reserved;
};

struct monitor_exit {
	int32_t exit_code;    /* 0-255; 128 + signal when killed; -1: unknown (the monitor had to be replaced) */
	int32_t signal;       /* 0: it exited by itself */
	int64_t started_ns;   /* Unix time; 0: never started */
	int64_t finished_ns;
	uint8_t oom;          /* the kernel's OOM killer hit the container */
	uint8_t timed_out;    /* killed by --timeout */
	uint8_t reserved[6];
};

/* ---- client side (libc only; may be used after fork()) ---- */

/* Connects to `name` in the directory (no limit on the path's length). 1: *ret_fd, close-on-exec, blocking;
 * 0: nobody listens (no monitor, no socket). */
int monitor_connect(int dirfd, const char *name, int *ret_fd, struct error *err);
/* Sends HELLO and receives WELCOME. *ret_stdin: the container's stdin or pty master, or -1; ret_* may be NULL. */
int monitor_hello(int fd, unsigned role, struct monitor_welcome *ret, int *ret_stdin, struct error *err);
/* Receives the WELCOME an inherited client with MONITOR_ROLE_STDIN gets. */
int monitor_welcome(int fd, struct monitor_welcome *ret, int *ret_stdin, struct error *err);
/* Sends one message. ERROR_NOT_FOUND when the monitor is gone. */
int monitor_send(int fd, uint32_t type, uint32_t value, const void *data, size_t len, struct error *err);
/* Receives one message into *ret and up to size bytes into data; returns payload length, or -1. A closed connection
 * is ERROR_NOT_FOUND. Blocks as the descriptor does (EAGAIN: errnum in *err). */
ssize_t monitor_receive(int fd, struct monitor_message *ret, void *data, size_t size, struct error *err);
/* START and STARTED. The child's own error (ERROR_NO_COMMAND ...) comes back in *err. Data arriving earlier cannot be:
 * nothing runs yet. */
int monitor_start(int fd, struct error *err);
/* connect + hello(WAIT) + one request + DONE: SIGNAL, REOPEN_LOG, HEALTH_*, TIMEOUT. 1: done; 0: no monitor. */
int monitor_request(int dirfd, uint32_t type, uint32_t value, const void *data, size_t len, struct error *err);
/* Waits for EXIT on a connected client. 1: *ret; 0: the time (ns, < 0: forever) is over; -1: the monitor died
 * (ERROR_NOT_FOUND: look at the exit record, then adopt). Data messages are dropped. */
int monitor_wait(int fd, int64_t timeout_ns, struct monitor_exit *ret, struct error *err);

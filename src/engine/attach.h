/* SPDX-License-Identifier: Apache-2.0
 * engine/attach.h - being attached to a container: terminal, streams, detach keys, signals, exit code.
 *
 *     attach_open()   connect to a running (or created) container's monitor, or take over an inherited connection
 *     attach_start()  START, when we created the container
 *     attach_run()    pump until it exits, the user detaches, or the monitor is gone
 *     attach_done()   closes; the terminal is restored in any case
 *
 * Owns: the connection, the stdin descriptor the monitor gave, the terminal's saved settings. Does not own: the
 * caller's stdin, stdout, stderr. While attach_run() is working all signals that can be caught are blocked and read
 * from a signalfd: with sig_proxy they go to the container, else those that would end the program restore the terminal
 * and end it as usual. Single-threaded callers. `exec` sessions use attach_run_exec() (no monitor in between). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/own.h"
#include "monitor/protocol.h"

/* ---- detach keys ---- */
#define DETACH_KEYS_MAX 16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
struct detach_keys {
	uint8_t key[DETACH_KEYS_MAX];
	size_t n;         /* 0: off */
	size_t matched;   /* how many were seen so far */
};
/* Parses "ctrl-p,ctrl-q", "a,b", "" (off), NULL (the default). ERROR_INVALID names the bad part. */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err);
/* Runs len typed bytes through the matcher; out (room for len + DETACH_KEYS_MAX) gets what goes on to the container:
 * a begun sequence is held back until it is clear. True: the sequence is complete, detach. */
bool detach_keys_feed(struct detach_keys *k, const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len);

/* ---- the terminal ---- */
struct terminal;   /* saved settings */
/* Puts fd's terminal into raw mode; *ret restores it. fd is no terminal: *ret stays NULL, success. */
int terminal_raw(int fd, struct terminal **ret, struct error *err);
void terminal_restore(struct terminal *t);   /* frees too */
DEFINE_CLEANUP(struct terminal, terminal_restore);
#define auto_terminal CLEANUP(terminal_restore_p) struct terminal
/* The window size of the first of the descriptors that is a terminal. False: none is. */
bool terminal_size(const int *fds, size_t n, struct winsize *ret);

/* ---- sessions ---- */
struct attach_options {
	int in, out, err;          /* the caller's; -1: that stream is not wanted */
	bool tty;                  /* the container has a pty: raw mode, window size, detach keys */
	bool sig_proxy;
	const char *detach_keys;   /* NULL: default */
	int signal_pidfd;          /* for sig_proxy: the container's first process; -1: through the monitor */
	bool owner;                /* we clean up after exit and say attach_cleaned() */
};
#define ATTACH_OPTIONS_INIT ((struct attach_options){ .in = -1, .out = -1, .err = -1, .signal_pidfd = -1 })

struct attach {
	int fd;             /* the monitor */
	int stdin_fd;       /* the container's stdin or pty master; -1 */
	bool tty;           /* as the monitor says */
	struct attach_options options;
};
#define ATTACH_INIT ((struct attach){ .fd = -1, .stdin_fd = -1 })
void attach_done(struct attach *a);
#define auto_attach CLEANUP(attach_done) struct attach

/* Connects through the run-time directory. 1: attached; 0: there is no monitor (not running). */
int attach_open(int run_dir_fd, const struct attach_options *o, struct attach *ret, struct error *err);
/* Takes over the client end of monitor_client_pair() (owned from now on, also on failure). The role given to the
 * monitor must be attach_role(o). */
int attach_inherit(int fd, const struct attach_options *o, struct attach *ret, struct error *err);
unsigned attach_role(const struct attach_options *o);
int attach_start(struct attach *a, struct error *err);

enum attach_end {
	ATTACH_EXITED,     /* *ret_exit is set */
	ATTACH_DETACHED,   /* by keys */
	ATTACH_LOST,       /* the monitor died, or took the connection for dead: look at the exit record */
};
/* Pumps. Returns an enum attach_end, or -1 (writing to our stdout failed with anything but EPIPE, ...). A closed
 * stdout or stderr only stops that stream. */
int attach_run(struct attach *a, struct monitor_exit *ret_exit, struct error *err);
/* Owner: the container has been cleaned up. */
void attach_cleaned(struct attach *a);

/* ---- exec sessions: our own child in the container, no monitor ---- */
struct attach_exec {
	int in, out, err;          /* the caller's streams, -1: none */
	int child_in, child_out, child_err;   /* pipe ends, or the pty master in child_out (child_in is then a dup or -1) */
	bool tty;
	bool sig_proxy;
	const char *detach_keys;
	int pidfd;                 /* the session's process */
};
/* Pumps until the process has ended and what it wrote is passed on. Closes child_in at the end of input (and sets it to
 * -1), nothing else. Returns ATTACH_EXITED (the caller reaps) or ATTACH_DETACHED. */
int attach_run_exec(struct attach_exec *x, struct error *err);

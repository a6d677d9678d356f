/* SPDX-License-Identifier: Apache-2.0
 * engine/attach-pump.h - what attach and exec sessions share: the typed side, the printed side, signals.
 * Internal to engine/attach*.c. Owns the signalfd, the signal mask while it lives, and the terminal's raw mode. */
#pragma once
#include <poll.h>
#include <signal.h>

#include "engine/attach.h"

#define PUMP_TYPED 4096

struct pump {
	/* the user's side; -1: not (or no longer) wanted */
	int in, out, err;
	int to;                      /* the container's stdin or pty; -1 */
	bool tty;
	struct detach_keys keys;
	bool end_of_input, detached;
	uint8_t typed[PUMP_TYPED + DETACH_KEYS_MAX];
	size_t typed_len, typed_pos;
	/* output waiting for the user's side; one at a time keeps the order */
	const uint8_t *data;
	size_t data_len, data_pos;
	bool data_is_err;
	/* signals */
	int signal_fd;
	bool proxy;
	sigset_t before;
	struct sigaction pipe_before;
	void (*send_signal)(void *arg, int sig);
	void *arg;
	struct terminal *terminal;
};

/* Blocks signals, makes the terminal raw where both sides are one. The fields above "signals" but keys are set by the
 * caller; detach_keys text as in options. */
int pump_init(struct pump *p, const char *detach_keys, struct error *err);
void pump_done(struct pump *p);
static inline void pump_done_p(struct pump **p)
{
	pump_done(*p);
}
/* On a pointer to a pump inside a larger struct; declared behind that struct, so cleaned up before it. */
#define CLEANUP_PUMP CLEANUP(pump_done_p)

enum { PUMP_SLOT_SIGNAL, PUMP_SLOT_IN, PUMP_SLOT_TO, PUMP_SLOT_OUT, PUMP_SLOTS };
void pump_fill(const struct pump *p, struct pollfd *fds);
/* Serves the slots. Afterwards end_of_input (once, the caller closes `to` and clears in) and detached tell news. */
int pump_serve(struct pump *p, const struct pollfd *fds, struct error *err);
/* Is output still waiting? Then no more may be offered. */
static inline bool pump_is_busy(const struct pump *p)
{
	return p->data_pos < p->data_len;
}
/* Offers output; the bytes must stay until pump_is_busy() is false. */
void pump_offer(struct pump *p, const void *data, size_t len, bool is_err);
void pump_resize(const struct pump *p);

/* SPDX-License-Identifier: Apache-2.0
 * dhcp/dhcp.h - what the files of umiak-dhcp share: the keeper (keeper.c) and the client's session (session.c).
 *
 * Between them one message per event: 'L' and a lease's text (dhcp/message.h; empty: it was lost), or 'F' and a sentence,
 * after which the client ends. */
#pragma once
#include <signal.h>
#include <string.h>
#include <sys/types.h>

#include "base/own.h"
#include "dhcp/client.h"

enum { START_MS = 10000, MESSAGE_MAX = DHCP_TEXT_MAX + 1 };

struct keeper {
	pid_t child, command_pid;         /* command_pid 0: none runs */
	int from_client, answer, signals; /* answer -1: told */
	char **command;
	bool again;                       /* the lease changed while the command ran */
};
/* Until both are over; the exit code. */
int keeper_run(struct keeper *k);
/* Enters the namespace, gets and keeps a lease of the interface; the exit code. */
int session_run(struct client *c, const char *ifname, int netns_fd, int to_keeper);

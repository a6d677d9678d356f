/* SPDX-License-Identifier: Apache-2.0
 * umiak-dhcp INTERFACE HOSTNAME CLIENT-ID ADDRESS [COMMAND...] - one lease of one container's interface.
 *
 * How a container keeps its lease. The engine (net/dhcp.h) starts this program when the interface is up, in a directory of
 * its own (descriptor 3: a lock there that lives as long as we do; 4: the container's network namespace; 5: where the first
 * outcome is told: "ok", or a sentence). It becomes two processes:
 *   - the client lives in the container's namespace. It opens two sockets, gives up every right (base/cage.h) and then
 *     reads what strangers send. It sends and hears DHCP as whole IP packets, so it depends neither on addresses, routes
 *     and firewalls of the container nor on its kernel's tables; a second socket on port 68 takes nothing, it keeps the
 *     kernel from answering servers with "port unreachable".
 *   - the keeper stays outside. It takes leases from the client as text of bounded length that it does not read, writes
 *     them to the file "lease" and, when one is not the first, starts COMMAND, which makes the container follow it.
 * SIGTERM: the address is given back, both end. SIGUSR1: the lease is renewed now. If one dies the other ends as well.
 * CLIENT-ID: bytes in hexadecimal ("": the MAC address; otherwise the MAC is shared and answers are asked for as
 * broadcasts). ADDRESS: one to ask for, "0": any. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dhcp/dhcp.h"

enum { LOCK_FD = 3, NETNS_FD = 4, ANSWER_FD = 5, ARGUMENTS = 5 };

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_id(const char *text, struct dhcp_who *who)
{
	size_t n = strlen(text);

	if (n % 2 || n / 2 > DHCP_ID_MAX)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		int high = hex(text[i]), low = high < 0 ? -1 : hex(text[i + 1]);
		if (low < 0)
			return false;
		who->id[who->id_len++] = (uint8_t)(high << 4 | low);
	}
	who->broadcast = n > 0;
	return true;
}

static bool parse_words(char **argv, struct client *c)
{
	char *end;

	if (strlen(argv[2]) < sizeof(c->who.hostname))
		memcpy(c->who.hostname, argv[2], strlen(argv[2]) + 1);
	c->wanted = (uint32_t)strtoul(argv[4], &end, 10);
	return parse_id(argv[3], &c->who) && *argv[4] && !*end;
}

/* Blocked in both; each reads them from a descriptor. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct client client;
	int pair[2];

	if (argc < ARGUMENTS || !parse_words(argv, &client))
		return 2;
	block_signals();
	if (fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(ANSWER_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child) {
		close(NETNS_FD);
		close(pair[1]);
		return keeper_run(&(struct keeper){ .child = child, .from_client = pair[0], .answer = ANSWER_FD, .command = argv + ARGUMENTS });
	}
	close(LOCK_FD);
	close(ANSWER_FD);
	close(pair[0]);
	return session_run(&client, argv[1], NETNS_FD, pair[1]);
}

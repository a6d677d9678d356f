/* SPDX-License-Identifier: Apache-2.0
 * net/pasta.h - pasta(1): a user's packets without rights on the host. One process per network namespace.
 *
 * pasta runs as long as the file <dir>/NAME exists: the namespace is mounted on it, in our own mount namespace only, and
 * pasta watches the name. So nothing has to be remembered or killed: pasta_stop() takes the file away, and what a killed
 * command or a vanished pause process left behind is taken away by pasta_sweep(), because names say whose they are
 * (process id and start time). <dir> is <run-time directory of the user>/netns, where pasta's AppArmor profile lets it
 * look. The version found is asked once which options it knows; the answer is kept in <dir>.
 * Starts a program. Allocates: not between clone() and exec(). */
#pragma once
#include <sys/types.h>

#include "net/setup.h"

#define PASTA_PORTS_INTERFACE "umiak-ports"   /* of ports_only */
#define PASTA_GUEST_ADDRESS "169.254.1.2"      /* means the host; Podman's choice: link local, so nobody else has it */
enum { PASTA_NAME = 64 };
/* "umiak-PID-START" of the process whose namespace it is. */
void pasta_name(char ret[PASTA_NAME], pid_t pid, uint64_t start);

struct pasta_job {
	const char *program;              /* absolute path */
	const char *dir, *name;           /* where the namespace's file is */
	const char *options;              /* behind "pasta:" of --network, separated by commas; NULL: none */
	const struct net_port *ports;     /* host ports decided */
	size_t n_ports;
	/* Only ports, no way out and nothing configured: the namespace has other networks (pasta_publish()). */
	bool ports_only;
};
/* Connects the namespace; returns when addresses, routes and ports are there. Sets mode, ports, host_address and one
 * attachment named "pasta" of *ret. ERROR_UNSUPPORTED when /dev/net/tun cannot be used; ERROR_NOT_EXECUTABLE (Podman's code
 * for a network that cannot be made) for ports that are taken or only root's, for protocols and options pasta refuses. */
int pasta_start(const struct net_env *env, const struct pasta_job *job, int netns_fd, struct net_status *ret, struct error *err);
/* pasta ends. Not there: success. */
int pasta_stop(const char *dir, const char *name, struct error *err);
/* Ends every pasta whose process (by name) is gone. */
int pasta_sweep(const char *dir, struct error *err);

/* An address of the host that is none of `exclude` (struct net_address): IPv4 first; loopback, link-local and our bridges
 * left out. 1: *ret; 0: none. */
int pasta_host_address(const struct list *exclude, char **ret, struct error *err);

/* pasta's command line for a job, without the program; `guest`: it knows --map-guest-addr. What the words chose comes
 * back for resolv.conf and hosts. For tests, too. */
struct pasta_words {
	struct strv argv;
	struct strv dns;                  /* addresses whose port 53 leads to the host's name server */
	char *guest_address;              /* leads to the host; NULL: none */
};
int pasta_command(const struct net_env *env, const struct pasta_job *job, bool guest, struct pasta_words *ret, struct error *err);
void pasta_words_done(struct pasta_words *w);
#define auto_pasta_words CLEANUP(pasta_words_done) struct pasta_words

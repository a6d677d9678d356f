/* SPDX-License-Identifier: Apache-2.0
 * net/env.h - where networks live: what every function of src/net is told by the engine.
 *
 * Owns nothing; made by engine/network.c from configuration and roots. The "host side" is the network namespace that
 * holds bridges, the uplink and the firewall table: our own for root, the rootless network namespace of the user
 * otherwise. All code below net/ works on that namespace by descriptor and is the same for both. */
#pragma once
#include <stdbool.h>

#include "base/log.h"
#include "conf/containers-conf.h"

struct net_env {
	const char *config_dir;             /* definitions: NAME.json (durable) */
	const char *run_dir;                /* leases and intents; dies with the boot */
	int host_netns;                     /* -1: our own namespace */
	bool rootless;
	bool no_sync;                       /* definitions are saved without fsync */
	const struct conf_network *conf;
	const char *netavark;               /* its program makes the networks (net/netavark.h); NULL: we do */
	const struct log *log;              /* may be NULL */
	/* Whether the container of that id is running or being started; leases of others are free. NULL: all are alive. */
	int (*alive)(void *arg, const char *id, struct error *err);
	void *alive_arg;
	/* The command line that makes a running container follow a lease that changed (net/dhcp.h); with alive_arg. */
	int (*reload_command)(void *arg, const char *id, struct strv *ret, struct error *err);
};

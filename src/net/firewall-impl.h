/* SPDX-License-Identifier: Apache-2.0
 * net/firewall-impl.h - the layout of our table: names that rules (firewall-rules.c) and elements (firewall.c) share. */
#pragma once
#include "net/firewall.h"
#include "os/nft.h"

#define FIREWALL_TABLE "umiak"
/* Names of the chains of networks carry the version of the layout: rules of another one are never taken for ours. */
#define FIREWALL_CHAIN "net1_"
enum { FIREWALL_CHAIN_MAX = sizeof(FIREWALL_CHAIN) + 16, FIREWALL_NAME = 16 };

/* Sets of bridge names (ifname), and pairs of them. */
#define SET_BRIDGES "bridges"
#define SET_SAME "same"           /* bridge . bridge: traffic that stays on one */
#define SET_ISOLATED "isolated"
#define SET_STRICT "strict"
#define SET_INTERNAL "internal"
/* Verdict maps subnet -> chain of the network. */
#define MAP_NET4 "net4"
#define MAP_NET6 "net6"
/* proto . port -> address . port, and address . proto . port -> address . port */
#define MAP_PORT4 "port4"
#define MAP_PORT6 "port6"
#define MAP_ADDR4 "addr4"
#define MAP_ADDR6 "addr6"

/* Table, sets, base chains and their rules; harmless when they exist. */
void firewall_base(struct nft *t);
/* The network's own chain: what leaves its subnets is masqueraded. */
int firewall_network_chain(struct nft *t, const struct network *n, const char *chain, struct error *err);

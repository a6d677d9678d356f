/* SPDX-License-Identifier: Apache-2.0
 * resolver/zone.h - who is in which network: read from files, looked up by name and address.
 *
 * A directory per network (its name is the network's id) with one file per container (its name is the container's id) and
 * one file "listen". Lines are "WORD VALUE":
 *   listen    address IP   (several), subnet IP/N (several: who may ask), port N, forward IP (several: name servers of this network), internal yes
 *   container ip IP (several), name NAME (several), dns IP (several: its own name servers)
 * Files appear by rename and go by unlink, so each is whole. Owns copies of everything; bounded: what does not fit is left
 * out. Allocates. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "resolver/message.h"

enum {
	ZONE_ID = 65, ZONE_ADDRS = 8, ZONE_SERVERS = 4, ZONE_NETWORKS = 1024, ZONE_MEMBERS = 65536, ZONE_FILE_MAX = 65536,
	ZONE_NAMES = 256,
};

struct zone_member {
	char id[ZONE_ID];
	struct dns_addr addrs[ZONE_ADDRS], servers[ZONE_SERVERS];
	uint8_t n_addrs, n_servers;
	uint16_t n_names;
	struct dns_name *names;          /* the first is the container's own */
};
struct zone_subnet {
	struct dns_addr addr;
	uint8_t prefix;
};
struct zone_network {
	char id[ZONE_ID];
	bool seen;                       /* zone_scan()'s mark */
	bool internal;
	uint16_t port;
	struct dns_addr listen[ZONE_ADDRS], servers[ZONE_SERVERS];
	struct zone_subnet subnets[ZONE_ADDRS];
	uint8_t n_listen, n_servers, n_subnets;
	struct zone_member *members;
	size_t n_members;
};
struct zone {
	struct zone_network *networks;
	size_t n_networks;
};
void zone_done(struct zone *z);

/* Reads everything below the directory again. 0; -1: the directory cannot be read. */
int zone_scan(struct zone *z, int dir);
/* Reads one file of a network again, or forgets it when it is not there. */
void zone_update(struct zone_network *n, int dir, const char *file);
struct zone_network *zone_find(struct zone *z, const char *id);
size_t zone_count_members(const struct zone *z);

/* Text of the two kinds of files (fuzzing, tests). Unknown lines are passed over. */
void zone_parse_member(const char *text, size_t len, struct zone_member *ret);
void zone_parse_listen(const char *text, size_t len, struct zone_network *ret);
void zone_member_done(struct zone_member *m);

/* ---- looking up ---- */
/* Whether the address is of one of the network's subnets. */
bool zone_has_addr(const struct zone_network *n, const struct dns_addr *a);
/* The member of n with that address, or NULL. */
const struct zone_member *zone_member_at(const struct zone_network *n, const struct dns_addr *a);
/* Calls each() for every member called `name` that `asker` may see: in network n and in all others that the asker (NULL:
 * unknown) is in, too. Returns how many. */
typedef void (*zone_each)(void *arg, const struct zone_member *m);
size_t zone_by_name(const struct zone *z, const struct zone_network *n, const struct zone_member *asker, const struct dns_name *name,
		    zone_each each, void *arg);
size_t zone_by_addr(const struct zone *z, const struct zone_network *n, const struct zone_member *asker, const struct dns_addr *a,
		    zone_each each, void *arg);

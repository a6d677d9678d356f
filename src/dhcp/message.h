/* SPDX-License-Identifier: Apache-2.0
 * dhcp/message.h - DHCPv4 packets as bytes: an IPv4 packet with UDP and a BOOTP message (RFC 2131, options RFC 2132).
 *
 * Pure functions over bounded memory. Everything that is read comes from strangers: lengths are checked before each access,
 * lists are bounded, a name that is none is left out, and what remains is a struct of numbers that makes sense (a host's
 * address, a contiguous mask). Addresses are numbers in host order. Allocates nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68, DHCP_MAC = 6, DHCP_PACKET_MAX = 1500, DHCP_ID_MAX = 64, DHCP_NAME_MAX = 254,
	DHCP_SERVERS_MAX = 8, DHCP_ROUTES_MAX = 32, DHCP_SEARCH_MAX = 6,
};
enum dhcp_type {
	DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE,
};

/* Who asks. */
struct dhcp_who {
	uint8_t mac[DHCP_MAC];
	uint8_t id[DHCP_ID_MAX];          /* option 61, its type byte included */
	uint8_t id_len;
	bool broadcast;                   /* answers reach us as broadcasts only (ipvlan: the MAC is shared) */
	char hostname[DHCP_NAME_MAX];     /* "": not told */
};
struct dhcp_request {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs;
	uint32_t from;                    /* ciaddr and the packet's source; 0: none yet */
	uint32_t to;                      /* 0: everybody */
	uint32_t wanted, server;          /* options 50, 54; 0: none */
};
/* Returns the packet's length, at most DHCP_PACKET_MAX. */
size_t dhcp_format(const struct dhcp_who *who, const struct dhcp_request *r, uint8_t out[DHCP_PACKET_MAX]);

struct dhcp_route {
	uint32_t to, via;                 /* via 0: on the link */
	uint8_t prefix;
};
struct dhcp_lease {
	uint32_t address, server;
	uint8_t prefix;
	uint32_t seconds, t1, t2;         /* t1 <= t2 <= seconds; seconds UINT32_MAX: for ever */
	struct dhcp_route routes[DHCP_ROUTES_MAX];   /* the default route is one of them */
	uint8_t n_routes;
	uint32_t dns[DHCP_SERVERS_MAX];
	uint8_t n_dns;
	char search[DHCP_SEARCH_MAX][DHCP_NAME_MAX];   /* option 119 (RFC 3397), or else the domain of option 15 */
	uint8_t n_search;
};
struct dhcp_reply {
	enum dhcp_type type;              /* OFFER, ACK, NAK */
	uint32_t from;                    /* option 54, or the packet's source */
	struct dhcp_lease lease;          /* of an OFFER or ACK */
	char reason[96];                  /* of a NAK, printable; "": none given */
};
/* Whether the packet is an answer to `xid` of this client that makes sense. `checked`: the kernel vouches for the UDP
 * checksum (packets that never left the machine carry none). */
bool dhcp_parse(const uint8_t *packet, size_t n, const struct dhcp_who *who, uint32_t xid, bool checked, struct dhcp_reply *ret);

/* Equal in what a container sees of it. */
bool dhcp_lease_equal(const struct dhcp_lease *a, const struct dhcp_lease *b);
/* Lines "WORD VALUE": address IP/N, router IP (of the default route), route NET/N IP (or "link"), dns IP, search NAME,
 * server IP, seconds N. Returns the length; at most DHCP_TEXT_MAX with its NUL. */
enum { DHCP_TEXT_MAX = 4096 };
size_t dhcp_lease_format(const struct dhcp_lease *l, char out[DHCP_TEXT_MAX]);

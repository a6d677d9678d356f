/* SPDX-License-Identifier: Apache-2.0
 * dhcp/client.h - a DHCP client's states (RFC 2131, figure 5) without sockets, clocks or files.
 *
 * The caller sends what it is handed, tells what came and what time it is, and calls client_expire() when `deadline` is
 * over; tests do that with fixed packets. Retransmissions double from half a second (a container's start waits for them) up
 * to a minute; a lease is renewed with its server at T1, with anybody at T2, and given up at its end, after which a new one
 * is sought as long as the client lives. Before a new address is used the wire is asked for it (RFC 5227, with a third of a
 * second for the answer: a start waits); one that somebody has is declined. Times are milliseconds of one clock that does not stop in sleep. Allocates nothing. */
#pragma once
#include "dhcp/message.h"

enum client_state { CLIENT_SELECTING, CLIENT_REQUESTING, CLIENT_PROBING, CLIENT_BOUND, CLIENT_RENEWING, CLIENT_REBINDING };

struct client {
	struct dhcp_who who;
	uint32_t wanted;                  /* an address to ask for; 0: any */
	/* to_mac NULL: everybody on the wire */
	void (*send)(struct client *c, const uint8_t *packet, size_t n, const uint8_t *to_mac);
	/* Asks everybody on the wire for the address (dhcp/arp.h); what comes goes to client_hear(). */
	void (*probe)(struct client *c, uint32_t address);
	/* The lease is there, is another one, or is lost (NULL). Not called for a mere renewal. */
	void (*changed)(struct client *c, const struct dhcp_lease *lease);
	uint32_t (*random)(void);

	/* the client's own */
	enum client_state state;
	uint32_t xid;
	int64_t began, deadline;          /* of the exchange; of client_expire() */
	unsigned tries;
	unsigned conflicts;               /* one after the other */
	uint32_t taken;                   /* the last of them, and whose it is; 0: none yet */
	uint8_t taken_by[DHCP_MAC];
	bool has_lease;
	struct dhcp_lease lease, offer;
	uint8_t server_mac[DHCP_MAC];     /* where answers came from: the server or a router on its way */
	int64_t acked;                    /* when the request was sent that the lease is the answer to */
};
void client_start(struct client *c, int64_t now);
void client_expire(struct client *c, int64_t now);
/* from_mac: of the frame; checked: see dhcp_parse(). */
void client_receive(struct client *c, const uint8_t *packet, size_t n, const uint8_t from_mac[DHCP_MAC], bool checked, int64_t now);
/* An ARP packet. */
void client_hear(struct client *c, const uint8_t *packet, size_t n, int64_t now);
/* Asks the server now whether the lease still holds; nothing when it was asked a moment ago. */
void client_renew(struct client *c, int64_t now);
/* The address is given back. */
void client_release(struct client *c);

/* SPDX-License-Identifier: Apache-2.0 */
#include "dhcp/client.h"

#include <string.h>

#include "dhcp/arp.h"

enum { FIRST_MS = 500, LAST_MS = 60000, REQUESTS = 4, REFUSED_MS = 1000, RENEW_MIN_MS = 60000, AGAIN_MS = 2000,
       PROBE_MS = 100, PROBES = 3, CONFLICTS = 3, CONFLICT_MS = 10000 };

/* RFC 2131 4.1: twice as long every time, with some jitter so that a thousand clients do not stay in step. */
static int64_t backoff(struct client *c)
{
	int64_t ms = c->tries < 8 ? (int64_t)FIRST_MS << c->tries : LAST_MS;

	c->tries++;
	ms = ms < LAST_MS ? ms : LAST_MS;
	return ms - ms / 8 + (int64_t)(c->random() % (uint32_t)(ms / 4));
}

static void begin(struct client *c, enum client_state state, int64_t now)
{
	c->state = state;
	c->tries = 0;
	c->began = now;
}

static void send_to(struct client *c, const struct dhcp_request *r, const uint8_t *mac, int64_t now)
{
	uint8_t packet[DHCP_PACKET_MAX];
	struct dhcp_request x = *r;
	int64_t s = (now - c->began) / 1000;

	x.xid = c->xid;
	x.secs = (uint16_t)(s > 0xffff ? 0xffff : s);
	c->send(c, packet, dhcp_format(&c->who, &x, packet), mac);
}

static void discover(struct client *c, int64_t now)
{
	send_to(c, &(struct dhcp_request){ .type = DHCP_DISCOVER, .wanted = c->wanted }, NULL, now);
	c->deadline = now + backoff(c);
}

static void request(struct client *c, int64_t now)
{
	send_to(c, &(struct dhcp_request){ .type = DHCP_REQUEST, .wanted = c->offer.address, .server = c->offer.server }, NULL, now);
	c->deadline = now + backoff(c);
}

static void probe(struct client *c, int64_t now)
{
	c->probe(c, c->offer.address);
	c->tries++;
	c->deadline = now + PROBE_MS;
}

void client_start(struct client *c, int64_t now)
{
	begin(c, CLIENT_SELECTING, now);
	c->xid = c->random();
	discover(c, now);
}

/* ---- a lease in use ---- */
static int64_t after(const struct client *c, uint32_t seconds)
{
	return c->lease.seconds == UINT32_MAX ? INT64_MAX : c->acked + (int64_t)seconds * 1000;
}

/* RFC 2131 4.4.5: half of what is left, but not more often than once a minute. */
static int64_t half_until(int64_t now, int64_t end)
{
	int64_t half = (end - now) / 2;

	half = half < RENEW_MIN_MS ? RENEW_MIN_MS : half;
	return end - now < half ? end : now + half;
}

static void renew(struct client *c, int64_t now)
{
	const struct dhcp_request unicast = { .type = DHCP_REQUEST, .from = c->lease.address, .to = c->lease.server };
	const struct dhcp_request anybody = { .type = DHCP_REQUEST, .from = c->lease.address };
	bool rebind = c->state == CLIENT_REBINDING;

	send_to(c, rebind ? &anybody : &unicast, rebind ? NULL : c->server_mac, now);
	c->deadline = half_until(now, after(c, rebind ? c->lease.seconds : c->lease.t2));
}

static void begin_renewal(struct client *c, enum client_state state, int64_t now)
{
	begin(c, state, now);
	c->xid = c->random();
	renew(c, now);
}

static void lose(struct client *c, int64_t now)
{
	c->has_lease = false;
	c->wanted = 0;
	c->changed(c, NULL);
	client_start(c, now);
}

/* Nobody else has it. */
static void accept_lease(struct client *c, int64_t now)
{
	c->lease = c->offer;
	c->has_lease = true;
	c->conflicts = 0;
	begin(c, CLIENT_BOUND, now);
	c->wanted = c->lease.address;
	c->deadline = after(c, c->lease.t1);
	c->changed(c, &c->lease);
}

void client_expire(struct client *c, int64_t now)
{
	if (now < c->deadline)
		return;
	if (c->has_lease && now >= after(c, c->lease.seconds)) {
		lose(c, now);
		return;
	}
	switch (c->state) {
	case CLIENT_SELECTING:
		discover(c, now);
		break;
	case CLIENT_REQUESTING:
		if (c->tries < REQUESTS)
			request(c, now);
		else
			client_start(c, now);   /* the offer was an empty promise */
		break;
	case CLIENT_PROBING:
		if (c->tries < PROBES)
			probe(c, now);
		else
			accept_lease(c, now);
		break;
	case CLIENT_BOUND:
	case CLIENT_RENEWING:
	case CLIENT_REBINDING:
		if (now >= after(c, c->lease.t2) && c->state != CLIENT_REBINDING)
			begin_renewal(c, CLIENT_REBINDING, now);
		else if (c->state == CLIENT_BOUND)
			begin_renewal(c, CLIENT_RENEWING, now);
		else
			renew(c, now);
		break;
	}
}

void client_renew(struct client *c, int64_t now)
{
	if (c->has_lease && now - c->acked > AGAIN_MS && now - c->began > AGAIN_MS && c->state <= CLIENT_RENEWING)
		begin_renewal(c, CLIENT_RENEWING, now);
}

void client_release(struct client *c)
{
	const struct dhcp_lease *l = c->state == CLIENT_PROBING ? &c->offer : &c->lease;   /* ours from the server's side */
	const struct dhcp_request r = { .type = DHCP_RELEASE, .from = l->address, .to = l->server, .server = l->server };

	if (!c->has_lease && c->state != CLIENT_PROBING)
		return;
	c->xid = c->random();
	send_to(c, &r, c->server_mac, c->began);
	c->has_lease = false;
	c->state = CLIENT_SELECTING;
}

/* ---- answers ---- */
static void take_offer(struct client *c, const struct dhcp_reply *r, int64_t now)
{
	c->offer = r->lease;
	begin(c, CLIENT_REQUESTING, now);
	request(c, now);
}

static void take_ack(struct client *c, const struct dhcp_reply *r, const uint8_t *mac, int64_t now)
{
	bool same = c->has_lease && dhcp_lease_equal(&c->lease, &r->lease);

	c->acked = c->began;   /* the server counts from later: we are on the safe side */
	memcpy(c->server_mac, mac, DHCP_MAC);
	if (!c->has_lease) {
		c->offer = r->lease;
		begin(c, CLIENT_PROBING, now);
		probe(c, now);
		return;
	}
	c->lease = r->lease;
	begin(c, CLIENT_BOUND, now);
	c->deadline = after(c, c->lease.t1);
	if (!same)
		c->changed(c, &c->lease);
}

/* RFC 2131, 3.1.5: declined, and a pause before the next attempt; the first ones are short, as a start waits. */
static void decline(struct client *c, int64_t now)
{
	const struct dhcp_request r = { .type = DHCP_DECLINE, .wanted = c->offer.address, .server = c->offer.server };

	c->xid = c->random();
	send_to(c, &r, NULL, now);
	c->taken = c->offer.address;
	c->wanted = 0;
	c->conflicts++;
	begin(c, CLIENT_SELECTING, now);
	c->deadline = now + (c->conflicts < CONFLICTS ? REFUSED_MS : CONFLICT_MS);
}

void client_hear(struct client *c, const uint8_t *packet, size_t n, int64_t now)
{
	if (c->state == CLIENT_PROBING && arp_is_conflict(packet, n, c->who.mac, c->offer.address, c->taken_by))
		decline(c, now);
}

/* The address is not for us: at once without it, and not at the pace of a server that always says no. */
static void take_nak(struct client *c, int64_t now)
{
	bool had = c->has_lease;

	c->has_lease = false;
	c->wanted = 0;
	if (had)
		c->changed(c, NULL);
	begin(c, CLIENT_SELECTING, now);
	c->xid = c->random();
	c->deadline = now + REFUSED_MS;
}

void client_receive(struct client *c, const uint8_t *packet, size_t n, const uint8_t from_mac[DHCP_MAC], bool checked, int64_t now)
{
	bool selecting = c->state == CLIENT_SELECTING, requesting = c->state == CLIENT_REQUESTING;
	struct dhcp_reply r;

	if (c->state == CLIENT_BOUND || c->state == CLIENT_PROBING || !dhcp_parse(packet, n, &c->who, c->xid, checked, &r))
		return;
	if (selecting && r.type == DHCP_OFFER)
		take_offer(c, &r, now);
	if (selecting || r.type == DHCP_OFFER)
		return;
	/* who answers a request that another server was named in is not heard */
	if ((requesting && r.from != c->offer.server) || (c->state == CLIENT_RENEWING && r.from != c->lease.server))
		return;
	if (r.type == DHCP_NAK)
		take_nak(c, now);
	else if (requesting ? r.lease.address == c->offer.address : r.lease.address == c->lease.address)
		take_ack(c, &r, from_mac, now);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "dhcp/client.h"
#include "dhcp/test-packets.h"

#define LEASE "\x01\x04\xff\xff\xff\x00\x33\x04\x00\x00\x0e\x10\xff"   /* an hour */
static const uint8_t router_mac[DHCP_MAC] = { 2, 0, 0, 0, 0, 1 };

static struct {
	uint8_t packet[DHCP_PACKET_MAX];
	int sent, changes, probes;
	bool unicast, lost;
} seen;

static void see_packet(struct client *c, const uint8_t *packet, size_t n, const uint8_t *to_mac)
{
	(void)c;
	memcpy(seen.packet, packet, n);
	seen.sent++;
	seen.unicast = to_mac && memcmp(to_mac, router_mac, DHCP_MAC) == 0;
}

static void see_probe(struct client *c, uint32_t address)
{
	(void)c;
	assert_int_equal(address, OFFERED);
	seen.probes++;
}

static void see_change(struct client *c, const struct dhcp_lease *l)
{
	(void)c;
	seen.changes++;
	seen.lost = !l;
}

static uint32_t one_after_another(void)
{
	static uint32_t n = 1000;

	return n++;
}

static int sent_type(void)
{
	return seen.packet[PACKET_OPTIONS + 2];
}

static void answer(struct client *c, uint8_t type, int64_t now)
{
	uint8_t p[DHCP_PACKET_MAX];
	size_t n = type == DHCP_NAK ? PACKET(p, type, c->xid, "\xff") : PACKET(p, type, c->xid, LEASE);

	client_receive(c, p, n, router_mac, false, now);
}

static struct client begin(void)
{
	struct client c = { .who = packet_who, .send = see_packet, .probe = see_probe, .changed = see_change, .random = one_after_another };

	memset(&seen, 0, sizeof(seen));
	client_start(&c, 0);
	return c;
}

static struct client bound(void)
{
	struct client c = begin();

	answer(&c, DHCP_OFFER, 10);
	answer(&c, DHCP_ACK, 20);
	while (c.state == CLIENT_PROBING)
		client_expire(&c, c.deadline);
	return c;
}

static void test_client_gets_a_lease(void **state)
{
	struct client c = begin();

	(void)state;
	assert_int_equal(sent_type(), DHCP_DISCOVER);
	answer(&c, DHCP_ACK, 5);   /* nobody asked for that */
	assert_int_equal(c.state, CLIENT_SELECTING);
	answer(&c, DHCP_OFFER, 10);
	assert_int_equal(sent_type(), DHCP_REQUEST);
	assert_false(seen.unicast);
	answer(&c, DHCP_ACK, 20);
	while (c.state == CLIENT_PROBING) {
		assert_int_equal(seen.changes, 0);   /* not before the wire was asked */
		client_expire(&c, c.deadline);
	}
	assert_int_equal(seen.probes, 3);
	assert_int_equal(c.state, CLIENT_BOUND);
	assert_int_equal(seen.changes, 1);
	assert_int_equal(c.lease.address, OFFERED);
	assert_int_equal(c.deadline, 10 + 1800000);   /* counted from the request */
}

static void test_client_asks_again_with_growing_pauses(void **state)
{
	struct client c = begin();
	int64_t now = 0, pause = 0;

	(void)state;
	for (int i = 0; i < 12; i++) {
		client_expire(&c, c.deadline - 1);   /* too early */
		assert_int_equal(seen.sent, i + 1);
		assert_true(c.deadline - now <= 68000 && c.deadline - now >= pause / 2);
		pause = c.deadline - now;
		now = c.deadline;
		client_expire(&c, now);
	}
	assert_true(pause > 50000);
	/* an offer that is not kept is forgotten */
	answer(&c, DHCP_OFFER, now);
	for (int i = 0; i < 4; i++)
		client_expire(&c, c.deadline);
	assert_int_equal(c.state, CLIENT_SELECTING);
}

static void test_client_renews_quietly_then_asks_anybody_then_gives_up(void **state)
{
	struct client c = bound();

	(void)state;
	client_expire(&c, c.deadline);
	assert_int_equal(c.state, CLIENT_RENEWING);
	assert_true(seen.unicast);
	assert_memory_equal(seen.packet + 16, "\x0a\x4c\x00\x01", 4);
	int64_t renewed = c.deadline;
	answer(&c, DHCP_ACK, renewed);
	assert_int_equal(c.state, CLIENT_BOUND);
	assert_int_equal(seen.changes, 1);   /* nothing new */
	int64_t end = c.acked + 3600000, t2 = c.acked + 3150000;
	int before = seen.sent;
	while (c.state != CLIENT_REBINDING) {
		assert_true(c.deadline <= t2);
		client_expire(&c, c.deadline);
	}
	assert_false(seen.unicast);
	while (c.state == CLIENT_REBINDING) {
		assert_true(c.deadline <= end);
		client_expire(&c, c.deadline);
	}
	assert_true(seen.sent - before < 30);
	assert_true(seen.lost);
	assert_int_equal(c.state, CLIENT_SELECTING);
	assert_int_equal(sent_type(), DHCP_DISCOVER);
}

static void test_client_refused_starts_over_but_not_at_once(void **state)
{
	struct client c = bound();

	(void)state;
	client_expire(&c, c.deadline);
	int64_t now = c.deadline;
	answer(&c, DHCP_NAK, now);
	assert_true(seen.lost);
	assert_int_equal(c.state, CLIENT_SELECTING);
	int sent = seen.sent;
	client_expire(&c, now + 1);
	assert_int_equal(seen.sent, sent);
	client_expire(&c, c.deadline);
	assert_int_equal(sent_type(), DHCP_DISCOVER);
	assert_memory_equal(seen.packet + PACKET_OPTIONS + 12, "\x39\x02", 2);   /* no wish for the old address */
}

static void test_client_renews_when_told_but_not_all_the_time(void **state)
{
	struct client c = bound();

	(void)state;
	client_renew(&c, 100);
	assert_int_equal(c.state, CLIENT_BOUND);
	client_renew(&c, 5000);
	assert_int_equal(c.state, CLIENT_RENEWING);
	int sent = seen.sent;
	client_renew(&c, 5001);
	assert_int_equal(seen.sent, sent);
}

static void test_client_release(void **state)
{
	struct client c = bound(), without = begin();

	(void)state;
	client_release(&without);
	assert_int_equal(seen.sent, 1);
	client_release(&c);
	assert_int_equal(sent_type(), DHCP_RELEASE);
	assert_true(seen.unicast);
	int sent = seen.sent;
	client_release(&c);
	assert_int_equal(seen.sent, sent);
	c = begin();
	answer(&c, DHCP_OFFER, 10);
	answer(&c, DHCP_ACK, 20);
	client_release(&c);   /* while nobody knows yet whether it is used */
	assert_int_equal(sent_type(), DHCP_RELEASE);
	assert_memory_equal(seen.packet + 12, "\x0a\x4c\x00\x32", 4);
}

static void test_client_hears_only_the_chosen_server(void **state)
{
	struct client c = begin();
	uint8_t p[DHCP_PACKET_MAX];

	(void)state;
	answer(&c, DHCP_OFFER, 10);
	size_t n = PACKET(p, DHCP_ACK, c.xid, LEASE);
	p[PACKET_OPTIONS + 8] = 77;   /* option 54 */
	client_receive(&c, p, n, router_mac, false, 20);
	assert_int_equal(c.state, CLIENT_REQUESTING);
	n = PACKET(p, DHCP_ACK, c.xid, LEASE);
	p[28 + 19] = 99;              /* another address than was offered */
	client_receive(&c, p, n, router_mac, false, 20);
	assert_int_equal(c.state, CLIENT_REQUESTING);
}

static void hear(struct client *c, uint8_t operation, uint8_t owner, uint32_t sender, uint32_t target)
{
	uint8_t p[46] = { 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, owner };

	packet_put32(p + 14, sender);
	packet_put32(p + 24, target);
	client_hear(c, p, sizeof(p), 30);
}

static void test_client_declines_what_somebody_has(void **state)
{
	static const struct { uint8_t operation, owner; uint32_t sender, target; bool conflict; } cases[] = {
		{ 2, 9, OFFERED, SERVER, true }, { 1, 9, OFFERED, SERVER, true }, { 1, 9, 0, OFFERED, true },
		{ 1, 7, 0, OFFERED, false },                 /* our own */
		{ 2, 9, SERVER, OFFERED, false }, { 1, 9, SERVER, OFFERED, false }, { 3, 9, OFFERED, OFFERED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client c = begin();
		hear(&c, 2, 9, OFFERED, SERVER);   /* before there is anything to ask */
		answer(&c, DHCP_OFFER, 10);
		answer(&c, DHCP_ACK, 20);
		hear(&c, cases[i].operation, cases[i].owner, cases[i].sender, cases[i].target);
		assert_int_equal(c.state, cases[i].conflict ? CLIENT_SELECTING : CLIENT_PROBING);
		assert_int_equal(sent_type(), cases[i].conflict ? DHCP_DECLINE : DHCP_REQUEST);
		assert_int_equal(seen.changes, 0);
	}
}

static void test_client_waits_longer_after_conflicts(void **state)
{
	struct client c = begin();

	(void)state;
	for (int i = 0; i < 3; i++) {
		client_expire(&c, c.deadline);
		assert_int_equal(sent_type(), DHCP_DISCOVER);
		answer(&c, DHCP_OFFER, 10);
		answer(&c, DHCP_ACK, 20);
		hear(&c, 2, 9, OFFERED, SERVER);
		assert_int_equal(sent_type(), DHCP_DECLINE);
		assert_memory_equal(seen.packet + PACKET_OPTIONS + 12, "\x32\x04\x0a\x4c\x00\x32\x36\x04\x0a\x4c\x00\x01\xff", 13);
		assert_int_equal(c.deadline - 30, i < 2 ? 1000 : 10000);
	}
	assert_int_equal(c.taken, OFFERED);
	assert_int_equal(c.taken_by[5], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_gets_a_lease), cmocka_unit_test(test_client_asks_again_with_growing_pauses),
		cmocka_unit_test(test_client_renews_quietly_then_asks_anybody_then_gives_up),
		cmocka_unit_test(test_client_refused_starts_over_but_not_at_once),
		cmocka_unit_test(test_client_renews_when_told_but_not_all_the_time), cmocka_unit_test(test_client_release),
		cmocka_unit_test(test_client_hears_only_the_chosen_server),
		cmocka_unit_test(test_client_declines_what_somebody_has), cmocka_unit_test(test_client_waits_longer_after_conflicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

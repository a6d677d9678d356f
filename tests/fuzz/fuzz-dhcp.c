/* SPDX-License-Identifier: Apache-2.0
 * fuzz-dhcp: a packet as an answer to a DHCP client or an ARP packet that it hears, through its states; the lease as text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dhcp/client.h"

static void send_nothing(struct client *c, const uint8_t *packet, size_t n, const uint8_t *to_mac)
{
	(void)c;
	(void)packet;
	(void)to_mac;
	if (n > DHCP_PACKET_MAX)
		abort();
}

static void probe_nothing(struct client *c, uint32_t address)
{
	(void)c;
	(void)address;
}

static void check_lease(struct client *c, const struct dhcp_lease *l)
{
	char text[DHCP_TEXT_MAX];

	(void)c;
	if (!l)
		return;
	size_t n = dhcp_lease_format(l, text);
	if (n >= DHCP_TEXT_MAX || memchr(text, '\0', n) || text[n - 1] != '\n' || l->prefix > 32 || l->t1 > l->t2 || l->t2 > l->seconds)
		abort();
}

static uint32_t same(void)
{
	return 0x1234;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[DHCP_MAC] = { 2, 0, 0, 0, 0, 7 };
	struct client c = { .who = { .mac = { 2, 0, 0, 0, 0, 7 }, .id = { 1, 2, 0, 0, 0, 0, 7 }, .id_len = 7 }, .send = send_nothing,
			    .probe = probe_nothing, .changed = check_lease, .random = same };
	struct dhcp_reply r = {};

	if (dhcp_parse(data, size, &c.who, 0x1234, true, &r))
		check_lease(&c, r.type == DHCP_NAK ? NULL : &r.lease);
	for (int state = CLIENT_SELECTING; state <= CLIENT_REBINDING; state++) {
		client_start(&c, 0);
		c.state = state;
		c.offer = r.lease;
		client_receive(&c, data, size, mac, true, 10);
		client_hear(&c, data, size, 10);
		client_expire(&c, c.deadline);
	}
	return 0;
}

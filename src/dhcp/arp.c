/* SPDX-License-Identifier: Apache-2.0 */
#include "dhcp/arp.h"

#include <string.h>

/* RFC 826: kinds and lengths of both addresses, the operation, sender, target. */
enum { OPERATION = 7, SENDER_MAC = 8, SENDER_IP = 14, TARGET_IP = 24, REQUEST = 1, REPLY = 2 };
static const uint8_t head[OPERATION] = { 0, 1, 8, 0, 6, 4, 0 };   /* Ethernet, IPv4 */

static bool is_address(const uint8_t *p, uint32_t a)
{
	return p[0] == a >> 24 && p[1] == (a >> 16 & 255) && p[2] == (a >> 8 & 255) && p[3] == (a & 255);
}

void arp_probe(const uint8_t mac[DHCP_MAC], uint32_t address, uint8_t ret[ARP_SIZE])
{
	memset(ret, 0, ARP_SIZE);
	memcpy(ret, head, sizeof(head));
	ret[OPERATION] = REQUEST;
	memcpy(ret + SENDER_MAC, mac, DHCP_MAC);
	for (int i = 0; i < 4; i++)
		ret[TARGET_IP + i] = (uint8_t)(address >> (24 - 8 * i));
}

bool arp_is_conflict(const uint8_t *packet, size_t n, const uint8_t mac[DHCP_MAC], uint32_t address, uint8_t ret_owner[DHCP_MAC])
{
	if (n < ARP_SIZE || memcmp(packet, head, sizeof(head)) != 0 || memcmp(packet + SENDER_MAC, mac, DHCP_MAC) == 0)
		return false;
	bool has = is_address(packet + SENDER_IP, address) && (packet[OPERATION] == REQUEST || packet[OPERATION] == REPLY);
	bool wants = packet[OPERATION] == REQUEST && is_address(packet + SENDER_IP, 0) && is_address(packet + TARGET_IP, address);
	if (has || wants)
		memcpy(ret_owner, packet + SENDER_MAC, DHCP_MAC);
	return has || wants;
}

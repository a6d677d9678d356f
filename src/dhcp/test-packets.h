/* SPDX-License-Identifier: Apache-2.0
 * dhcp/test-packets.h - answers of a DHCP server, for tests. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dhcp/message.h"

enum { SERVER = 0x0a4c0001, OFFERED = 0x0a4c0032, PACKET_OPTIONS = 20 + 8 + 236 + 4 };   /* 10.76.0.1, 10.76.0.50 */
static const struct dhcp_who packet_who = { .mac = { 2, 0, 0, 0, 0, 7 }, .id = { 1, 2, 0, 0, 0, 0, 7 }, .id_len = 7 };

static inline void packet_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Lengths and the header's checksum; none over UDP. */
static inline void packet_finish(uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
	p[24] = (uint8_t)((n - 20) >> 8);
	p[25] = (uint8_t)(n - 20);
	p[26] = p[27] = p[10] = p[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
}

/* An answer with these options behind its type and server (with "\xff" at the end); returns its length. */
static inline size_t packet_make(uint8_t p[DHCP_PACKET_MAX], uint8_t type, uint32_t xid, const void *options, size_t n)
{
	static const uint8_t head[] = { 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17 }, cookie[] = { 99, 130, 83, 99 };
	uint8_t *m = p + 28, *o = p + PACKET_OPTIONS;

	memset(p, 0, DHCP_PACKET_MAX);
	memcpy(p, head, sizeof(head));
	packet_put32(p + 12, SERVER);
	packet_put32(p + 16, UINT32_MAX);
	p[21] = DHCP_SERVER_PORT;
	p[23] = DHCP_CLIENT_PORT;
	m[0] = 2;
	m[1] = 1;
	m[2] = 6;
	packet_put32(m + 4, xid);
	packet_put32(m + 16, OFFERED);
	memcpy(m + 28, packet_who.mac, 6);
	memcpy(m + 236, cookie, sizeof(cookie));
	memcpy(o, (const uint8_t[]){ 53, 1, type, 54, 4 }, 5);
	packet_put32(o + 5, SERVER);
	memcpy(o + 9, options, n);
	packet_finish(p, PACKET_OPTIONS + 9 + n);
	return PACKET_OPTIONS + 9 + n;
}
#define PACKET(p, type, xid, options) packet_make(p, type, xid, options, sizeof(options) - 1)

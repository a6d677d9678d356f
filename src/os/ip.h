/* SPDX-License-Identifier: Apache-2.0
 * os/ip.h - IPv4 and IPv6 addresses and networks as values.
 * Owns nothing, allocates nothing. Text is accepted as Go's net.ParseIP and ParseCIDR accept it (no leading zeros). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

struct ip {
	uint8_t family;       /* AF_INET, AF_INET6; 0: none */
	uint8_t b[16];        /* network order; IPv4 uses the first four */
};
struct ip_net {
	struct ip ip;
	uint8_t prefix;
};
enum { IP_TEXT = 46, IP_NET_TEXT = 50 };

static inline unsigned ip_len(const struct ip *a)
{
	return a->family == AF_INET ? 4 : 16;
}
static inline unsigned ip_bits(const struct ip *a)
{
	return ip_len(a) * 8;
}
bool ip_parse(const char *text, struct ip *ret);
void ip_format(const struct ip *a, char out[IP_TEXT]);
/* "10.0.0.5/16": the address is kept as written, also when it has host bits. */
bool ip_net_parse(const char *text, struct ip_net *ret);
void ip_net_format(const struct ip_net *n, char out[IP_NET_TEXT]);
/* <0, 0, >0; IPv4 before IPv6. */
int ip_compare(const struct ip *a, const struct ip *b);
bool ip_equal(const struct ip *a, const struct ip *b);
/* The address with all host bits zero / one. */
struct ip ip_net_first(const struct ip_net *n);
struct ip ip_net_last(const struct ip_net *n);
bool ip_net_has(const struct ip_net *n, const struct ip *a);
bool ip_net_overlaps(const struct ip_net *a, const struct ip_net *b);
/* The address `step` behind (step may be negative); wraps at the family's end. */
struct ip ip_add(struct ip a, int64_t step);
bool ip_is_loopback(const struct ip *a);
bool ip_is_any(const struct ip *a);
bool ip_is_link_local(const struct ip *a);

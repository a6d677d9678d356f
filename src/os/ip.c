/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "os/ip.h"

bool ip_parse(const char *text, struct ip *ret)
{
	struct ip a = {};

	if (inet_pton(AF_INET, text, a.b) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.b) == 1)
		a.family = AF_INET6;
	else
		return false;
	/* Go reads ::ffff:a.b.c.d as the IPv4 address it stands for */
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (a.family == AF_INET6 && memcmp(a.b, mapped, sizeof(mapped)) == 0) {
		memmove(a.b, a.b + 12, 4);
		memset(a.b + 4, 0, 12);
		a.family = AF_INET;
	}
	*ret = a;
	return true;
}

void ip_format(const struct ip *a, char out[IP_TEXT])
{
	if (!a->family || !inet_ntop(a->family, a->b, out, IP_TEXT))
		out[0] = '\0';
}

bool ip_net_parse(const char *text, struct ip_net *ret)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT];
	struct ip_net n = {};
	uint32_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ip_parse(address, &n.ip) || !parse_u32(slash + 1, &prefix) || prefix > ip_bits(&n.ip))
		return false;
	n.prefix = (uint8_t)prefix;
	*ret = n;
	return true;
}

void ip_net_format(const struct ip_net *n, char out[IP_NET_TEXT])
{
	char address[IP_TEXT];

	ip_format(&n->ip, address);
	snprintf(out, IP_NET_TEXT, "%s/%u", address, n->prefix);
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family == AF_INET || !a->family ? -1 : 1;
	return memcmp(a->b, b->b, ip_len(a));
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && (!a->family || memcmp(a->b, b->b, ip_len(a)) == 0);
}

/* Bits behind the prefix become all `ones` or zero. */
static struct ip fill_host(const struct ip_net *n, bool ones)
{
	struct ip a = n->ip;

	for (unsigned i = 0; i < ip_len(&a); i++) {
		unsigned keep = n->prefix > i * 8 ? n->prefix - i * 8 : 0;
		uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00u >> keep);
		a.b[i] = ones ? (uint8_t)(a.b[i] | (uint8_t)~mask) : a.b[i] & mask;
	}
	return a;
}

struct ip ip_net_first(const struct ip_net *n)
{
	return fill_host(n, false);
}

struct ip ip_net_last(const struct ip_net *n)
{
	return fill_host(n, true);
}

bool ip_net_has(const struct ip_net *n, const struct ip *a)
{
	const struct ip_net same = { *a, n->prefix };
	struct ip x, y;

	if (n->ip.family != a->family)
		return false;
	x = ip_net_first(n);
	y = ip_net_first(&same);
	return ip_equal(&x, &y);
}

bool ip_net_overlaps(const struct ip_net *a, const struct ip_net *b)
{
	return a->prefix <= b->prefix ? ip_net_has(a, &b->ip) : ip_net_has(b, &a->ip);
}

struct ip ip_add(struct ip a, int64_t step)
{
	for (int i = (int)ip_len(&a) - 1; i >= 0 && step; i--) {
		int64_t sum = a.b[i] + (step & 0xff);
		a.b[i] = (uint8_t)sum;
		step = (step >> 8) + (sum >> 8);
	}
	return a;
}

bool ip_is_loopback(const struct ip *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return a->family == AF_INET ? a->b[0] == 127 : a->family == AF_INET6 && memcmp(a->b, one, 16) == 0;
}

bool ip_is_any(const struct ip *a)
{
	static const uint8_t none[16];

	return a->family && memcmp(a->b, none, ip_len(a)) == 0;
}

bool ip_is_link_local(const struct ip *a)
{
	return a->family == AF_INET ? a->b[0] == 169 && a->b[1] == 254
				    : a->family == AF_INET6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

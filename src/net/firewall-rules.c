/* SPDX-License-Identifier: Apache-2.0
 * The rules. In nft's own language:
 *
 *   table inet umiak {
 *     chain raw      { type filter hook prerouting priority -300
 *                      iifname @bridges ip daddr 127.0.0.0/8 drop }       route_localnet is on there; nobody may use it
 *     chain pre      { type nat hook prerouting priority -100
 *                      fib daddr type local jump ports }
 *     chain out      { type nat hook output priority -100
 *                      fib daddr type local jump ports }                  localhost publishing
 *     chain ports    { dnat ip  to ip  daddr . meta l4proto . th dport map @addr4
 *                      dnat ip  to             meta l4proto . th dport map @port4     (and both for ip6) }
 *     chain post     { type nat hook postrouting priority 100
 *                      ip saddr 127.0.0.0/8 ct status dnat masquerade
 *                      ip saddr vmap @net4;  ip6 saddr vmap @net6 }
 *     chain net1_ID  { ip daddr SUBNET ct status dnat masquerade          hairpin: back into the same network
 *                      ip daddr SUBNET return
 *                      ip daddr 224.0.0.0/4 return
 *                      masquerade }
 *     chain forward  { type filter hook forward priority 0
 *                      ct state established,related accept
 *                      iifname . oifname @same accept
 *                      iifname @internal drop;  oifname @internal drop
 *                      iifname @isolated oifname @isolated drop
 *                      iifname @strict oifname @bridges drop
 *                      iifname @bridges oifname @strict drop }
 *   }
 *
 * Clients keep their addresses: only loopback and hairpin connections are masqueraded on the way in. */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "net/firewall-impl.h"

enum { NET = NFT_PAYLOAD_NETWORK_HEADER, TRANSPORT = NFT_PAYLOAD_TRANSPORT_HEADER };
enum { IP4_SOURCE = 12, IP4_TARGET = 16, IP6_SOURCE = 8, IP6_TARGET = 24, PORT_TARGET = 2 };

static const struct nft_set sets[] = {
	{ SET_BRIDGES, 0, NFT_TYPE_IFNAME, 16, 0, 0 },
	{ SET_SAME, 0, NFT_CONCAT2(NFT_TYPE_IFNAME, NFT_TYPE_IFNAME), 32, 0, 0 },
	{ SET_ISOLATED, 0, NFT_TYPE_IFNAME, 16, 0, 0 },
	{ SET_STRICT, 0, NFT_TYPE_IFNAME, 16, 0, 0 },
	{ SET_INTERNAL, 0, NFT_TYPE_IFNAME, 16, 0, 0 },
	{ MAP_NET4, NFT_SET_MAP | NFT_SET_INTERVAL, NFT_TYPE_IPV4, 4, (uint32_t)NFT_TYPE_VERDICT, 0 },
	{ MAP_NET6, NFT_SET_MAP | NFT_SET_INTERVAL, NFT_TYPE_IPV6, 16, (uint32_t)NFT_TYPE_VERDICT, 0 },
	{ MAP_PORT4, NFT_SET_MAP, NFT_CONCAT2(NFT_TYPE_PROTO, NFT_TYPE_PORT), 8,
	  NFT_CONCAT2(NFT_TYPE_IPV4, NFT_TYPE_PORT), 8 },
	{ MAP_PORT6, NFT_SET_MAP, NFT_CONCAT2(NFT_TYPE_PROTO, NFT_TYPE_PORT), 8,
	  NFT_CONCAT2(NFT_TYPE_IPV6, NFT_TYPE_PORT), 20 },
	{ MAP_ADDR4, NFT_SET_MAP, NFT_CONCAT3(NFT_TYPE_IPV4, NFT_TYPE_PROTO, NFT_TYPE_PORT), 12,
	  NFT_CONCAT2(NFT_TYPE_IPV4, NFT_TYPE_PORT), 8 },
	{ MAP_ADDR6, NFT_SET_MAP, NFT_CONCAT3(NFT_TYPE_IPV6, NFT_TYPE_PROTO, NFT_TYPE_PORT), 24,
	  NFT_CONCAT2(NFT_TYPE_IPV6, NFT_TYPE_PORT), 20 },
};

static const struct {
	const char *name, *type;
	uint32_t hook;
	int32_t priority;
} chains[] = {
	{ "ports", NULL, 0, 0 },
	{ "raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW },
	{ "pre", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
	{ "out", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
	{ "post", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
	{ "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER },
};

/* ---- matches ---- */
static void match_family(struct nft *t, uint8_t family)
{
	nft_meta(t, NFT_META_NFPROTO, 0);
	nft_compare(t, 0, true, &family, 1);
}

static void match_subnet(struct nft *t, uint32_t offset, const struct ip_net *n)
{
	const struct ip_net all = { { n->ip.family, { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
				    n->prefix };
	struct ip mask = ip_net_first(&all), want = ip_net_first(n);
	uint32_t len = ip_len(&n->ip);

	nft_payload(t, NET, offset, len, 0);
	if (n->prefix < len * 8)
		nft_mask(t, 0, mask.b, len);
	nft_compare(t, 0, true, want.b, len);
}

static void match_ct(struct nft *t, uint32_t key, uint32_t bits)
{
	const uint32_t none = 0;

	nft_ct(t, key, 0);
	nft_mask(t, 0, &bits, sizeof(bits));
	nft_compare(t, 0, false, &none, sizeof(none));
}

static void match_interface(struct nft *t, uint32_t meta, const char *set)
{
	nft_meta(t, meta, 0);
	nft_lookup(t, set, 0, -1, false);
}

/* ---- chains ---- */
static void rules_local(struct nft *t, const char *chain)
{
	const uint32_t local = RTN_LOCAL;

	nft_rule_begin(t, chain);
	nft_fib_daddr_type(t, 0);
	nft_compare(t, 0, true, &local, sizeof(local));
	nft_verdict(t, NFT_JUMP, "ports");
	nft_rule_end(t);
}

static void rule_port(struct nft *t, bool six, bool by_address)
{
	unsigned at = by_address ? (six ? 4 : 1) : 0;   /* registers before the protocol */

	nft_rule_begin(t, "ports");
	match_family(t, six ? NFPROTO_IPV6 : NFPROTO_IPV4);
	if (by_address)
		nft_payload(t, NET, six ? IP6_TARGET : IP4_TARGET, six ? 16 : 4, 0);
	nft_meta(t, NFT_META_L4PROTO, at);
	nft_payload(t, TRANSPORT, PORT_TARGET, 2, at + 1);
	nft_lookup(t, by_address ? (six ? MAP_ADDR6 : MAP_ADDR4) : (six ? MAP_PORT6 : MAP_PORT4), 0, 0, false);
	nft_dnat(t, six ? NFPROTO_IPV6 : NFPROTO_IPV4, 0, six ? 4 : 1);
	nft_rule_end(t);
}

static const struct ip_net loopback = { { AF_INET, { 127 } }, 8 };

static void rules_raw(struct nft *t)
{
	nft_rule_begin(t, "raw");
	match_interface(t, NFT_META_IIFNAME, SET_BRIDGES);
	match_family(t, NFPROTO_IPV4);
	match_subnet(t, IP4_TARGET, &loopback);
	nft_verdict(t, NF_DROP, NULL);
	nft_rule_end(t);
}

static void rules_post(struct nft *t)
{
	nft_rule_begin(t, "post");
	match_family(t, NFPROTO_IPV4);
	match_subnet(t, IP4_SOURCE, &loopback);
	match_ct(t, NFT_CT_STATUS, IPS_DST_NAT);
	nft_masquerade(t);
	nft_rule_end(t);
	for (int six = 0; six < 2; six++) {
		nft_rule_begin(t, "post");
		match_family(t, six ? NFPROTO_IPV6 : NFPROTO_IPV4);
		nft_payload(t, NET, six ? IP6_SOURCE : IP4_SOURCE, six ? 16 : 4, 0);
		nft_lookup_verdict(t, six ? MAP_NET6 : MAP_NET4, 0);
		nft_rule_end(t);
	}
}

static void rules_forward(struct nft *t)
{
	static const struct { const char *in, *out; } drops[] = {
		{ SET_INTERNAL, NULL }, { NULL, SET_INTERNAL }, { SET_ISOLATED, SET_ISOLATED }, { SET_STRICT, SET_BRIDGES },
		{ SET_BRIDGES, SET_STRICT },
	};

	nft_rule_begin(t, "forward");
	/* NF_CT_STATE_BIT(): one bit for each conntrack state, the first for "invalid" */
	match_ct(t, NFT_CT_STATE, 1u << (IP_CT_ESTABLISHED + 1) | 1u << (IP_CT_RELATED + 1));
	nft_verdict(t, NF_ACCEPT, NULL);
	nft_rule_end(t);
	nft_rule_begin(t, "forward");
	nft_meta(t, NFT_META_IIFNAME, 0);
	nft_meta(t, NFT_META_OIFNAME, 4);
	nft_lookup(t, SET_SAME, 0, -1, false);
	nft_verdict(t, NF_ACCEPT, NULL);
	nft_rule_end(t);
	for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
		nft_rule_begin(t, "forward");
		if (drops[i].in)
			match_interface(t, NFT_META_IIFNAME, drops[i].in);
		if (drops[i].out)
			match_interface(t, NFT_META_OIFNAME, drops[i].out);
		nft_verdict(t, NF_DROP, NULL);
		nft_rule_end(t);
	}
}

void firewall_base(struct nft *t)
{
	nft_table_add(t);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		nft_set_add(t, &sets[i]);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		const struct nft_base base = { chains[i].type, chains[i].hook, chains[i].priority };
		nft_chain_add(t, chains[i].name, chains[i].type ? &base : NULL);
		nft_chain_flush(t, chains[i].name);
	}
	rules_raw(t);
	rules_local(t, "pre");
	rules_local(t, "out");
	for (int i = 0; i < 4; i++)
		rule_port(t, i & 1, i < 2);
	rules_post(t);
	rules_forward(t);
}

/* ---- one network ---- */
static void rule_leave(struct nft *t, const char *chain, const struct ip_net *to, bool masquerade)
{
	nft_rule_begin(t, chain);
	match_family(t, to->ip.family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	match_subnet(t, to->ip.family == AF_INET6 ? IP6_TARGET : IP4_TARGET, to);
	if (masquerade) {
		match_ct(t, NFT_CT_STATUS, IPS_DST_NAT);
		nft_masquerade(t);
	} else {
		nft_verdict(t, NFT_RETURN, NULL);
	}
	nft_rule_end(t);
}

static void rule_source(struct nft *t, const char *chain, uint8_t family, const char *outbound)
{
	struct ip a;

	nft_rule_begin(t, chain);
	match_family(t, family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
	if (outbound && ip_parse(outbound, &a)) {
		nft_set_register(t, 0, a.b, ip_len(&a));
		nft_snat(t, family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4, 0);
	} else {
		nft_masquerade(t);
	}
	nft_rule_end(t);
}

int firewall_network_chain(struct nft *t, const struct network *n, const char *chain, struct error *err)
{
	static const struct ip_net multicast[] = { { { AF_INET, { 224 } }, 4 }, { { AF_INET6, { 255 } }, 8 } };
	const struct network_subnet *s = n->subnets.v;
	struct network_option o;
	struct ip_net net;

	TRY(network_options(n, &o, err));
	nft_chain_add(t, chain, NULL);
	nft_chain_flush(t, chain);
	for (size_t i = 0; i < n->subnets.n; i++) {
		if (!ip_net_parse(s[i].subnet, &net))
			continue;
		rule_leave(t, chain, &net, true);
		rule_leave(t, chain, &net, false);
	}
	for (size_t i = 0; !n->internal && i < ARRAY_LEN(multicast); i++) {
		rule_leave(t, chain, &multicast[i], false);
		rule_source(t, chain, multicast[i].ip.family, i ? o.outbound_addr6 : o.outbound_addr4);
	}
	return 0;
}

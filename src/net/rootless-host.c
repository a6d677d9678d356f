/* SPDX-License-Identifier: Apache-2.0
 * One address that means the host in a user's namespace, for a pasta that does not know --map-guest-addr. In nft's words:
 *
 *   table inet umiak-host {
 *     chain pre { type nat hook prerouting priority -101
 *                 meta l4proto tcp ip daddr 169.254.1.2 dnat ip to HOST : th dport        (and for udp) }
 *   } */
#include <linux/netfilter_ipv4.h>

#include "net/rootless.h"
#include "os/nft.h"

enum { TARGET = 16, DPORT = 2 };

static void add_rule(struct nft *t, uint8_t protocol, const struct ip *from, const struct ip *host)
{
	const uint8_t four = NFPROTO_IPV4;

	nft_rule_begin(t, "pre");
	nft_meta(t, NFT_META_NFPROTO, 0);
	nft_compare(t, 0, true, &four, 1);
	nft_meta(t, NFT_META_L4PROTO, 0);
	nft_compare(t, 0, true, &protocol, 1);
	nft_payload(t, NFT_PAYLOAD_NETWORK_HEADER, TARGET, 4, 0);
	nft_compare(t, 0, true, from->b, 4);
	nft_set_register(t, 0, host->b, 4);
	nft_payload(t, NFT_PAYLOAD_TRANSPORT_HEADER, DPORT, 2, 1);
	nft_dnat(t, NFPROTO_IPV4, 0, 1);
	nft_rule_end(t);
}

int rootless_host_map(int netns, const char *address, const char *host, struct error *err)
{
	const struct nft_base base = { "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 1 };
	auto_netlink n = NETLINK_INIT;
	auto_nft t = NFT_INIT("umiak-host");
	struct ip from, to;

	if (!ip_parse(address, &from) || !ip_parse(host, &to) || from.family != AF_INET || to.family != AF_INET)
		return 0;
	TRY(netlink_open(netns, NETLINK_NETFILTER, &n, err));
	nft_begin(&t);
	nft_table_add(&t);
	nft_chain_add(&t, "pre", &base);
	nft_chain_flush(&t, "pre");
	add_rule(&t, IPPROTO_TCP, &from, &to);
	add_rule(&t, IPPROTO_UDP, &from, &to);
	return nft_commit(&t, &n, NULL, NULL, err) < 0 ? -1 : 1;
}

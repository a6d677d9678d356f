/* SPDX-License-Identifier: Apache-2.0
 * Ports beside a container's networks: an interface of pasta's in its namespace that only answers. Its addresses are link
 * local or unique local ones that no host has, so that the host's own addresses stay reachable; what is sent from them is
 * routed back to pasta, everything else as before. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "net/rootless.h"
#include "os/link.h"
#include "os/netlink.h"
#include "os/netns.h"

enum { TABLE = 20053, PRIORITY = 20053, MTU = 65520, DISCARD = 9 };
static const struct side {
	uint8_t family, prefix;
	struct ip own, gateway;
} sides[] = {
	{ AF_INET, 30, { AF_INET, { 169, 254, 2, 2 } }, { AF_INET, { 169, 254, 2, 1 } } },
	{ AF_INET6, 64, { AF_INET6, { 0xfd, 0x75, 0x6d, 0x69, 0x61, 0x6b, [15] = 2 } },
	  { AF_INET6, { 0xfd, 0x75, 0x6d, 0x69, 0x61, 0x6b, [15] = 1 } } },
};

static void set_up_link(struct netlink_batch *b, uint32_t index)
{
	const struct ifinfomsg h = { .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	netlink_message(b, RTM_NEWLINK, 0, &h, sizeof(h), "set up the interface of published ports");
	netlink_put_u32(b, IFLA_MTU, MTU);
}

static void add_rule(struct netlink_batch *b, const struct side *s)
{
	const struct fib_rule_hdr h = { .family = s->family, .src_len = (uint8_t)ip_bits(&s->own), .action = FR_ACT_TO_TBL };

	netlink_message(b, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h), "rule for published ports");
	netlink_put(b, FRA_SRC, s->own.b, ip_len(&s->own));
	netlink_put_u32(b, FRA_TABLE, TABLE);
	netlink_put_u32(b, FRA_PRIORITY, PRIORITY);
}

static void add_route(struct netlink_batch *b, const struct side *s, uint32_t index)
{
	const struct rtmsg h = { .rtm_family = s->family, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE,
				 .rtm_type = RTN_UNICAST, .rtm_table = RT_TABLE_UNSPEC };

	netlink_message(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h), "route for published ports");
	netlink_put(b, RTA_GATEWAY, s->gateway.b, ip_len(&s->gateway));
	netlink_put_u32(b, RTA_OIF, index);
	netlink_put_u32(b, RTA_TABLE, TABLE);
}

/* A rule that stands already (of an earlier pasta) is right. */
static int but_existing(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum == EEXIST ? 0 : errnum;
}

/* A kernel or namespace without IPv6 has IPv4's ports. */
static int judge(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum == EEXIST || errnum == EAFNOSUPPORT || errnum == EOPNOTSUPP || errnum == EACCES || errnum == EINVAL ? 0 : errnum;
}

static int configure(int netns_fd, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT, six = NETLINK_BATCH_INIT;
	auto_netlink n = NETLINK_INIT;
	struct link_info l;

	TRY(netlink_open(netns_fd, NETLINK_ROUTE, &n, err));
	int r = link_find(&n, PASTA_PORTS_INTERFACE, &l, err);
	if (r <= 0)
		return r < 0 ? -1 : fail(err, ERROR_RUNTIME, "pasta made no interface for published ports");
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		const struct side *s = &sides[i];
		const struct ip_net own = { s->own, s->prefix };
		struct netlink_batch *to = s->family == AF_INET ? &b : &six;
		if (s->family == AF_INET)
			set_up_link(to, l.index);
		link_address_add(to, l.index, &own);
		add_rule(to, s);
		add_route(to, s, l.index);
	}
	TRY(netlink_send_judged(&n, &b, but_existing, NULL, err));
	return netlink_send_judged(&n, &six, judge, NULL, err);
}

/* pasta learns the namespace's hardware and IPv6 address from what it sends: something to nobody. Failures mean no more than
 * that it learns them later. */
static int say_hello(void *arg, struct error *err)
{
	(void)arg;
	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		const struct side *s = &sides[i];
		bool four = s->family == AF_INET;
		struct sockaddr_in6 own6 = { .sin6_family = AF_INET6 }, to6 = { .sin6_family = AF_INET6, .sin6_port = htons(DISCARD) };
		struct sockaddr_in own4 = { .sin_family = AF_INET }, to4 = { .sin_family = AF_INET, .sin_port = htons(DISCARD) };
		autoclose int fd = socket(s->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		memcpy(four ? (void *)&own4.sin_addr : (void *)&own6.sin6_addr, s->own.b, ip_len(&s->own));
		memcpy(four ? (void *)&to4.sin_addr : (void *)&to6.sin6_addr, s->gateway.b, ip_len(&s->gateway));
		if (fd >= 0 && bind(fd, four ? (void *)&own4 : (void *)&own6, four ? sizeof(own4) : sizeof(own6)) == 0)
			sendto(fd, "", 1, MSG_DONTWAIT, four ? (void *)&to4 : (void *)&to6, four ? sizeof(to4) : sizeof(to6));
	}
	return 0;
}

/* Before the interface is up. pasta takes the last source address it saw for the namespace's own, and packets of
 * duplicate address detection come from "::": published IPv6 ports would lead nowhere from then on. */
static int no_detection(void *arg, struct error *err)
{
	struct error ignored;

	(void)arg;
	(void)err;
	netns_sysctl(-1, "net/ipv6/conf/" PASTA_PORTS_INTERFACE "/accept_dad", "0", &ignored);   /* no IPv6: nothing to do */
	netns_sysctl(-1, "net/ipv6/conf/" PASTA_PORTS_INTERFACE "/dad_transmits", "0", &ignored);
	netns_sysctl(-1, "net/ipv6/conf/" PASTA_PORTS_INTERFACE "/router_solicitations", "0", &ignored);
	return 0;
}

int rootless_net_publish(const struct net_env *env, const struct pasta_job *job, int netns_fd, struct error *err)
{
	struct pasta_job ports = *job;
	struct error ignored;

	ports.ports_only = true;
	TRY(pasta_start(env, &ports, netns_fd, NULL, err));
	if (netns_call(netns_fd, no_detection, NULL, err) < 0 || configure(netns_fd, err) < 0 || netns_call(netns_fd, say_hello, NULL, err) < 0) {
		pasta_stop(job->dir, job->name, &ignored);
		return -1;
	}
	return 0;
}

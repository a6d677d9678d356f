/* SPDX-License-Identifier: Apache-2.0
 * What happens to networks while containers run, and what is left when none does. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "net/dhcp.h"
#include "net/dns.h"
#include "net/firewall.h"
#include "net/lease.h"
#include "net/netavark.h"
#include "net/setup-impl.h"

enum { USED_TRIES = 100 };

/* ---- reload ---- */
static int reload_netavark(const struct net_env *env, const char *id, const struct net_status *s, struct error *err)
{
	const struct netavark_job all = { id, s, 0, s->attachments.n };
	autoclose int netns = netavark_netns(env, id, err);
	struct error ignored;   /* rules that are gone already */

	if (netns < 0)
		return -1;
	netavark_teardown(env, &all, false, &ignored);
	return netavark_setup(env, &all, netns, NULL, err);
}

int net_reload(const struct net_env *env, const char *id, const struct net_status *s, struct error *err)
{
	auto_networks l = {};

	if (s->netavark)
		return reload_netavark(env, id, s, err);
	TRY(setup_load_networks(env, s, &l, err));
	int r = setup_firewall(env, &l, s, true, err);
	if (r < 0 || !s->ports.n || setup_owns_address(env, id, s))
		return r;
	const struct firewall_change gone = { .remove = true, .status = s };
	return firewall_apply(env, &gone, err);
}

/* ---- connect, disconnect ---- */
static void remove_attachment(struct net_status *s, const struct net_attachment *a)
{
	struct net_attachment *v = s->attachments.v;
	size_t i = (size_t)(a - v);

	net_attachment_done(&v[i]);
	memmove(&v[i], &v[i + 1], (s->attachments.n - i - 1) * sizeof(*v));
	s->attachments.n--;
}

static struct net_attachment *last(const struct net_status *s)
{
	return (struct net_attachment *)s->attachments.v + s->attachments.n - 1;
}

static int connect_one(const struct net_env *env, const struct net_join *j, int netns_fd, struct error *err)
{
	const struct firewall_change rules = { .networks = &j->network, .n_networks = 1, .status = j->status };
	auto_ends e = LINK_ENDS_INIT;

	TRY(link_ends_open(env, netns_fd, &e, err));
	TRY(attachment_link(env, j->network, j->id, last(j->status), &e, err));
	return firewall_apply(env, &rules, err);
}

void net_connect_forget(const struct net_env *env, const struct net_join *j)
{
	struct net_attachment *a = last(j->status);
	struct error ignored;

	attachment_release(env, j->id, a, &ignored);
	remove_attachment(j->status, a);
}

int net_connect_plan(const struct net_env *env, const struct net_join *j, const struct net_request *r, struct error *err)
{
	TRY(setup_add_attachment(env, j->network, r, j->status, err));
	if (attachment_lease(env, j->network, j->id, last(j->status), err) >= 0)
		return 0;
	net_connect_forget(env, j);
	return -1;
}

int net_connect(const struct net_env *env, const struct net_join *j, int netns_fd, struct error *err)
{
	struct net_status *s = j->status;
	const struct netavark_job job = { j->id, s, s->attachments.n - 1, 1 };
	auto_ends e = LINK_ENDS_INIT;
	struct error ignored;

	int made = s->netavark ? netavark_setup(env, &job, netns_fd, s, err) : connect_one(env, j, netns_fd, err);
	if (made >= 0)
		return made;
	e.netns_fd = netns_fd;
	net_dhcp_stop(env, j->id, last(s), &ignored);
	if (!s->netavark)
		attachment_unlink(env, last(s), &e, &ignored);
	net_connect_forget(env, j);
	return -1;
}

static int disconnect_netavark(const struct net_env *env, const char *id, struct net_attachment *a, struct net_status *s,
			       struct error *err)
{
	const struct netavark_job job = { id, s, (size_t)(a - (struct net_attachment *)s->attachments.v), 1 };

	TRY(netavark_teardown(env, &job, false, err));
	TRY(attachment_release(env, id, a, err));
	remove_attachment(s, a);
	return 0;
}

int net_disconnect(const struct net_env *env, const char *id, const char *network, struct net_status *s, int netns_fd,
		   struct error *err)
{
	struct net_attachment *a = net_status_find(s, network);
	auto_networks l = {};
	auto_ends e = LINK_ENDS_INIT;
	const struct firewall_change old = { .remove = true, .status = s, .socket = &e.firewall };

	e.netns_fd = netns_fd;
	if (!a)
		return fail(err, ERROR_NOT_FOUND, "container %s is not connected to network %s", id, network);
	if (s->netavark)
		return disconnect_netavark(env, id, a, s, err);
	const struct net_dns_gone names = { a->network_id, id, &e.firewall };
	if (a->dns_enabled)
		TRY(net_dns_remove(env, &names, err));
	TRY(firewall_apply(env, &old, err));
	TRY(net_dhcp_stop(env, id, a, err));
	TRY(attachment_unlink(env, a, &e, err));
	TRY(attachment_release(env, id, a, err));
	remove_attachment(s, a);
	/* the ports lead to what is left */
	TRY(setup_load_networks(env, s, &l, err));
	return s->attachments.n && s->ports.n ? setup_firewall(env, &l, s, false, err) : 0;
}

static int but_busy(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum != ENODEV && errnum != EOPNOTSUPP;
}

struct ports_of {
	uint32_t bridge;
	bool some;
};

static int see_port(void *arg, const struct link_info *l, struct error *err)
{
	struct ports_of *p = arg;

	(void)err;
	p->some |= l->master == p->bridge;
	return 0;
}

int net_is_used(const struct net_env *env, const struct network *n, struct error *err)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	auto_netlink host = NETLINK_INIT;
	struct link_info l;

	if (!streq(n->driver, "bridge") || !n->network_interface)
		return 0;
	TRY(netlink_open(env->host_netns, NETLINK_ROUTE, &host, err));
	int r = link_find(&host, n->network_interface, &l, err);
	for (int i = 0; r > 0 && i < USED_TRIES; i++) {
		struct ports_of p = { .bridge = l.index };
		TRY(link_list(&host, see_port, &p, err));
		if (!p.some)
			return 0;
		nanosleep(&pause, NULL);
	}
	return r;
}

int net_forget(const struct net_env *env, const struct network *n, struct error *err)
{
	const struct firewall_change c = { .remove = true, .networks = (const struct network *const[]){ n }, .n_networks = 1 };
	auto_netlink host = NETLINK_INIT;
	struct network_option o;
	struct link_info l;

	TRY(lease_forget(env, n->id, err));
	TRY(network_options(n, &o, err));
	if (!streq(n->driver, "bridge") || o.unmanaged || !n->network_interface)
		return 0;
	TRY(netlink_open(env->host_netns, NETLINK_ROUTE, &host, err));
	int r = link_find(&host, n->network_interface, &l, err);
	if (r <= 0 || !streq(l.kind, "bridge"))
		return r < 0 ? -1 : 0;
	TRY(firewall_apply(env, &c, err));
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	link_delete(&b, n->network_interface);
	return netlink_send_judged(&host, &b, but_busy, NULL, err);
}

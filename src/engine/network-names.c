/* SPDX-License-Identifier: Apache-2.0
 * What containers are called on their networks. */
#include "engine/container-impl.h"
#include "engine/network.h"
#include "net/dns.h"

static int list_names(const struct ctr *c, const struct net_attachment *a, struct strv *ret, struct error *err)
{
	TRY(strv_add(ret, c->at.record.name, err));
	for (size_t i = 0; i < a->aliases.n; i++)
		if (!strv_has(ret, a->aliases.v[i]))
			TRY(strv_add(ret, a->aliases.v[i], err));
	return strv_addf(ret, err, "%.12s", c->id);
}

int network_name_add(struct ctr *c, const struct network_place *p, const struct network *n, const struct net_attachment *a,
		     struct net_dns_wait *ret, struct error *err)
{
	auto_strv names = {};
	const struct net_dns_member m = { .id = c->id, .names = &names, .at = a, .servers = &c->params.net.dns };

	*ret = (struct net_dns_wait){};
	if (!a->dns_enabled)
		return 0;
	TRY(list_names(c, a, &names, err));
	return net_dns_add(&p->env, n, &m, ret, err);
}

int network_names_add(struct ctr *c, const struct network_place *p, const struct net_status *s, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;
	struct net_dns_wait w[NET_NETWORKS_MAX];
	size_t n = s->netavark ? 0 : s->attachments.n;   /* else they are aardvark-dns' */

	for (size_t i = 0; i < n; i++) {
		auto_network net = {};
		if (a[i].dns_enabled)
			TRY(network_get(&p->env, a[i].network, &net, err));
		TRY(network_name_add(c, p, &net, &a[i], &w[i], err));
	}
	for (size_t i = 0; i < n; i++)
		TRY(net_dns_wait(&p->env, a[i].network, &w[i], err));
	return 0;
}

int network_names_restore(const struct network_place *p, const struct net_status *s, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; !s->netavark && i < s->attachments.n; i++) {
		auto_network n = {};
		if (!a[i].dns_enabled)
			continue;
		TRY(network_get(&p->env, a[i].network, &n, err));
		TRY(net_dns_restore(&p->env, &n, err));
	}
	return 0;
}

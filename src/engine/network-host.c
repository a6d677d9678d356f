/* SPDX-License-Identifier: Apache-2.0
 * The host side as a whole: rules that another tool flushed come back for every container, and everything goes. */
#include "engine/container-impl.h"
#include "engine/network.h"
#include "net/dns.h"
#include "net/firewall.h"
#include "net/netavark.h"

/* Without its lock: it may be held by who is being started, and reading is enough (net_reload() looks again). */
static int restore_one(struct ctr *c, const struct network_place *p, struct error *err)
{
	auto_live live = {};

	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return 0;
	TRY(ctr_load(c, err));
	if (c->params.ns.net.mode != NS_BRIDGE)
		return 0;
	TRY(ctr_live(c, &live, err));
	if (!live.net || live.net->netavark)   /* whose rules are in another table */
		return 0;
	TRY(net_reload(&p->env, c->id, live.net, err));
	return network_names_restore(p, live.net, err);
}

void networks_restore(struct engine *e, const struct network_place *p, const char *but_id)
{
	auto_ctr_list all = {};
	struct error failed = {};

	if (ctr_list(e, &all, &failed) < 0) {
		log_warn(e->log, "restoring firewall rules: %s", failed.text);
		return;
	}
	for (size_t i = 0; i < all.n; i++)
		if (!streq0(all.v[i]->id, but_id) && restore_one(all.v[i], p, &failed) < 0 && failed.kind != ERROR_NOT_FOUND)
			log_warn(e->log, "restoring firewall rules of container %s: %s", all.v[i]->at.record.name, failed.text);
}

void networks_heal(struct engine *e)
{
	auto_place place = NETWORK_PLACE_INIT;
	struct error ignored;   /* who may not look cannot mend either */

	if (e->paths.rootless || network_place(e, true, &place, &ignored) < 0 || firewall_intact(&place.env, &ignored) != 0)
		return;
	networks_restore(e, &place, NULL);
}

int network_tell_dns(struct engine *e, const struct network *n, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;

	TRY(network_place(e, true, &place, err));
	if (!n->dns_enabled)
		return 0;
	return place.env.netavark ? netavark_update_dns(&place.env, n, err) : net_dns_restore(&place.env, n, err);
}

/* Definitions in the system's directory belong to the default root, not to one that was chosen with --root. */
static bool owns_definitions(const struct engine *e)
{
	return e->paths.rootless || !e->opt.root || e->opt.network_config_dir;
}

int networks_reset(struct engine *e, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network_list all = {};

	TRY(network_place(e, true, &place, err));
	TRY(network_list(&place.env, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		const struct network *n = &all.v[i];
		int used = net_is_used(&place.env, n, err);   /* by somebody with another root */
		if (used < 0 || (!used && net_forget(&place.env, n, err) < 0))
			return -1;
		if (!used && owns_definitions(e) && !network_is_default(&place.env, n))
			TRY(network_remove(&place.env, n, err));
	}
	return firewall_remove_unused(&place.env, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * NetworkSettings and port bindings of `container inspect`. */
#include <stdlib.h>

#include "engine/inspect-view.h"
#include "engine/network.h"
#include "engine/params-parse.h"

/* The addresses of one network in the words of both levels. */
struct shown {
	const char *gateway, *ip, *gateway6, *ip6, *mac;
	char text[4][IP_TEXT];
	int64_t prefix, prefix6;
};

/* false: it is not the first of its family. */
static bool address_words(const struct net_address *x, struct shown *s)
{
	struct ip_net net;

	if (!x->net || !ip_net_parse(x->net, &net))
		return true;
	bool six = net.ip.family == AF_INET6;
	if (six ? s->ip6 != NULL : s->ip != NULL)
		return false;
	ip_format(&net.ip, s->text[six]);
	*(six ? &s->ip6 : &s->ip) = s->text[six];
	*(six ? &s->prefix6 : &s->prefix) = net.prefix;
	*(six ? &s->gateway6 : &s->gateway) = x->gateway;
	return true;
}

static void words_of(const struct net_attachment *a, struct shown *s)
{
	const struct net_address *x = a->addresses.v;

	s->mac = a->mac;
	for (size_t i = 0; i < a->addresses.n; i++)
		(void)address_words(&x[i], s);
}

static int add_text(struct json_object *o, const char *key, const char *value, struct error *err)
{
	return json_add_str(o, key, value ? value : "", err);
}

static int add_words(struct json_object *o, const struct shown *s, struct error *err)
{
	TRY(add_text(o, "EndpointID", "", err));
	TRY(add_text(o, "Gateway", s->gateway, err));
	TRY(add_text(o, "IPAddress", s->ip, err));
	TRY(json_add(o, "IPPrefixLen", json_object_new_int64(s->prefix), err));
	TRY(add_text(o, "IPv6Gateway", s->gateway6, err));
	TRY(add_text(o, "GlobalIPv6Address", s->ip6, err));
	TRY(json_add(o, "GlobalIPv6PrefixLen", json_object_new_int64(s->prefix6), err));
	return add_text(o, "MacAddress", s->mac, err);
}

static int add_aliases(struct json_object *o, const struct strv *aliases, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, "Aliases", list, err));
	for (size_t i = 0; i < aliases->n; i++)
		if (json_object_array_add(list, json_object_new_string(aliases->v[i])) < 0)
			return fail_oom(err);
	return 0;
}

static int add_network(struct json_object *to, const char *name, const char *id, const struct shown *s, const struct strv *aliases,
		       struct error *err)
{
	struct json_object *o = json_object_new_object();

	TRY(json_add(to, name, o, err));
	TRY(add_words(o, s, err));
	TRY(add_text(o, "NetworkID", id ? id : name, err));
	TRY(json_add(o, "DriverOpts", NULL, err));
	TRY(json_add(o, "IPAMConfig", NULL, err));
	TRY(json_add(o, "Links", NULL, err));
	return aliases && aliases->n ? add_aliases(o, aliases, err) : 0;
}

/* Definitions only: of a container that does not run. */
static int show_requests(const struct ctr *c, struct json_object *to, struct error *err)
{
	CLEANUP(network_requests_done) struct list requests = {};
	auto_place place = NETWORK_PLACE_INIT;
	const struct net_request *r;
	const struct shown none = {};

	TRY(network_place(c->engine, false, &place, err));
	TRY(network_requests(&c->params, c->id, &requests, err));
	r = requests.v;
	for (size_t i = 0; i < requests.n; i++) {
		auto_network n = {};
		struct error missing;
		bool found = network_find(&place.env, r[i].network, &n, &missing) > 0;
		TRY(add_network(to, r[i].network, found ? n.id : NULL, &none, &r[i].aliases, err));
	}
	return 0;
}

/* Further addresses of a family: networks with several subnets. */
static int add_secondary(struct json_object *o, const struct net_attachment *a, struct error *err)
{
	const struct net_address *x = a->addresses.v;
	struct shown seen = {};

	for (size_t i = 0; i < a->addresses.n; i++) {
		if (address_words(&x[i], &seen))
			continue;
		const char *key = strchr(x[i].net, ':') ? "SecondaryIPv6Addresses" : "SecondaryIPAddresses";
		struct json_object *list = json_get_array(o, key), *one = json_object_new_object();
		struct ip_net net;
		char text[IP_TEXT];
		if (!list)
			TRY(json_add(o, key, list = json_object_new_array(), err));
		if (!one || json_object_array_add(list, one) < 0)
			return fail_oom(err);
		ip_net_parse(x[i].net, &net);
		ip_format(&net.ip, text);
		TRY(json_add_str(one, "Addr", text, err));
		TRY(json_add(one, "PrefixLength", json_object_new_int64(net.prefix), err));
	}
	return 0;
}

static int show_status(const struct net_status *s, struct json_object *to, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++) {
		struct shown words = {};
		words_of(&a[i], &words);
		TRY(add_network(to, a[i].network, a[i].network_id, &words, &a[i].aliases, err));
		TRY(add_secondary(json_get_object(to, a[i].network), &a[i], err));
	}
	return 0;
}

static char *keep(struct container_inspect *v, const char *s)
{
	size_t len = s ? strlen(s) : 0;
	char *copy = len ? value_pool_alloc(&v->pool, len + 1) : NULL;

	if (copy)
		memcpy(copy, s, len + 1);
	return copy;
}

static void top_secondary(struct container_inspect *v, const struct net_attachment *a)
{
	const struct net_address *x = a->addresses.v;
	struct shown seen = {};

	for (size_t i = 0; i < a->addresses.n; i++) {
		struct ip_net net;
		char text[IP_TEXT];
		if (address_words(&x[i], &seen) || !ip_net_parse(x[i].net, &net))
			continue;
		struct list *l = net.ip.family == AF_INET6 ? &v->network.addresses6 : &v->network.addresses;
		if (!l->v) {
			if (!view_items(v, l, a->addresses.n, sizeof(struct view_address)))
				return;
			l->n = 0;   /* room for all, none shown yet */
		}
		ip_format(&net.ip, text);
		((struct view_address *)l->v)[l->n++] = (struct view_address){ keep(v, text), net.prefix };
	}
}

static void show_top(struct container_inspect *v, const struct net_attachment *a)
{
	struct view_network *n = &v->network;
	struct shown s = {};

	words_of(a, &s);
	n->gateway = keep(v, s.gateway);
	n->ip = keep(v, s.ip);
	n->gateway6 = keep(v, s.gateway6);
	n->ip6 = keep(v, s.ip6);
	n->mac = keep(v, s.mac);
	n->prefix = s.prefix;
	n->prefix6 = s.prefix6;
	top_secondary(v, a);
}

static int show_modes(struct container_inspect *v, const struct ctr *c, struct error *err)
{
	static const int shown[] = { NS_HOST, NS_NONE, NS_PRIVATE, NS_PASTA };
	const struct shown none = {};
	int mode = c->params.ns.net.mode;

	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		if (mode == shown[i])
			return add_network(v->network.networks, mode == NS_PRIVATE ? "none" : ns_mode_names[mode], NULL, &none, NULL, err);
	return 0;
}

static int show_of(struct container_inspect *v, const struct ctr *c, struct error *err)
{
	const char *usual = c->engine->conf.network.default_network;
	auto_live live = {};

	if (c->params.ns.net.mode != NS_BRIDGE && c->params.ns.net.mode != NS_PASTA)
		return show_modes(v, c, err);
	if (ctr_is_in(c, CONTAINER_STATE_ALIVE))
		TRY(ctr_live(c, &live, err));
	if (!live.net)
		return c->params.ns.net.mode == NS_BRIDGE ? show_requests(c, v->network.networks, err) : show_modes(v, c, err);
	const struct net_attachment *a = live.net->attachments.v;
	if (live.net->attachments.n == 1 && (c->params.ns.net.mode == NS_PASTA || streq0(a->network, str_empty(usual) ? "podman" : usual)))
		show_top(v, a);
	return c->params.ns.net.mode == NS_BRIDGE ? show_status(live.net, v->network.networks, err) : show_modes(v, c, err);
}

/* ---- ports ---- */
static int add_binding(struct json_object *to, const struct param_port *p, int64_t i, struct error *err)
{
	struct json_object *list, *one = json_object_new_object();
	char key[32], port[16];

	snprintf(key, sizeof(key), "%lld/%s", (long long)(p->container_port + i), p->protocol);
	snprintf(port, sizeof(port), "%lld", (long long)(p->host_port + i));
	list = json_get_array(to, key);
	if (!list) {
		list = json_object_new_array();
		TRY(json_add(to, key, list, err));
	}
	if (!one || json_object_array_add(list, one) < 0)
		return fail_oom(err);
	TRY(json_add_str(one, "HostIp", str_empty(p->host_ip) ? "0.0.0.0" : p->host_ip, err));
	return json_add_str(one, "HostPort", port, err);
}

static int show_ports(const struct list *ports, struct json_object **ret, struct error *err)
{
	const struct param_port *p = ports->v;

	*ret = json_object_new_object();
	if (!*ret)
		return fail_oom(err);
	for (size_t i = 0; i < ports->n; i++)
		for (int64_t k = 0; k < p[i].range; k++)
			TRY(add_binding(*ret, &p[i], k, err));
	return 0;
}

/* "PORT/PROTOCOL": {} for everything exposed and published. */
static int show_exposed(const struct params_network *net, struct json_object *bindings, struct json_object **ret, struct error *err)
{
	auto_json *all = json_object_new_object();
	char key[32];

	if (!all)
		return fail_oom(err);
	json_object_object_foreach(bindings, published, unused) {
		(void)unused;
		TRY(json_add(all, published, json_object_new_object(), err));
	}
	for (size_t i = 0; i < net->expose.n; i++) {
		CLEANUP(param_ports_done) struct list exposed = {};
		TRY(param_port_parse(net->expose.v[i], &exposed, err));
		const struct param_port *p = exposed.v;
		for (int64_t k = 0; exposed.n && k < p->range; k++) {
			snprintf(key, sizeof(key), "%lld/%s", (long long)(p->container_port + k), p->protocol);
			TRY(json_add(all, key, json_object_new_object(), err));
		}
	}
	*ret = json_object_object_length(all) ? take_ptr(all) : NULL;
	return 0;
}

/* Exposed ports that lead nowhere are there, too: null. */
static int add_unbound(struct json_object *ports, struct json_object *exposed, struct error *err)
{
	if (!exposed)
		return 0;
	json_object_object_foreach(exposed, port, unused) {
		(void)unused;
		if (!json_object_object_get_ex(ports, port, NULL))
			TRY(json_add(ports, port, NULL, err));
	}
	return 0;
}

int inspect_network(struct container_inspect *v, struct error *err)
{
	const struct param_ns *ns = &v->c->params.ns.net;
	auto_ctr *other = NULL;
	struct ctr *c = v->c;
	struct error gone;

	if (ns->mode == NS_CONTAINER && ctr_find(c->engine, ns->value, &other, &gone) >= 0 && ctr_load(other, &gone) >= 0)
		c = other;
	if (ctr_is_in(c, CONTAINER_STATE_ALIVE) && c->params.ns.net.mode != NS_HOST) {
		autofree char *dir = NULL, *path = NULL;
		bool named = c->params.ns.net.mode == NS_BRIDGE || c->params.ns.net.mode == NS_PASTA;
		TRY(ctr_run_dir(c, &dir, err));
		if (named)
			TRY(str_printf(&path, err, "%s/netns/netns-%.12s", dir, c->id));
		else
			TRY(str_printf(&path, err, "/proc/%d/ns/net", c->at.status.pid));
		v->network.sandbox_key = keep(v, path);
	}
	v->network.networks = json_object_new_object();
	if (!v->network.networks)
		return fail_oom(err);
	TRY(show_ports(&c->params.net.ports, &v->network.ports, err));
	TRY(show_ports(&v->c->params.net.ports, &v->host.port_bindings, err));
	TRY(show_exposed(&v->c->params.net, v->host.port_bindings, &v->config.exposed_ports, err));
	if (ns->mode != NS_HOST && ns->mode != NS_CONTAINER)
		TRY(add_unbound(v->network.ports, v->config.exposed_ports, err));
	return show_of(v, c, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * What the command line says about networks and ports, made definite. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "engine/network.h"
#include "engine/params-parse.h"
#include "os/link.h"

/* ---- NAME[:option=value,...] ---- */
static int set_ip(struct net_request *r, const char *value, struct error *err)
{
	struct ip a;

	if (!ip_parse(value, &a))
		return fail(err, ERROR_INVALID, "invalid ip address \"%s\"", value);
	return str_set(a.family == AF_INET6 ? &r->ip6 : &r->ip, value, err);
}

static int set_mac(struct net_request *r, const char *value, struct error *err)
{
	uint8_t mac[LINK_MAC];

	if (!link_mac_parse(value, mac))
		return fail(err, ERROR_INVALID, "address %s: invalid MAC address", value);
	return str_set(&r->mac, value, err);
}

static int add_alias(struct net_request *r, const char *value, struct error *err)
{
	return *value ? strv_add(&r->aliases, value, err) : fail(err, ERROR_INVALID, "alias cannot be empty");
}

static int set_interface(struct net_request *r, const char *value, struct error *err)
{
	return *value ? str_set(&r->interface_name, value, err) : fail(err, ERROR_INVALID, "interface_name cannot be empty");
}

static int set_host_interface(struct net_request *r, const char *value, struct error *err)
{
	return *value ? str_set(&r->host_interface_name, value, err) : fail(err, ERROR_INVALID, "host_interface_name cannot be empty");
}

static const struct {
	const char *name;
	int (*set)(struct net_request *r, const char *value, struct error *err);
} word_options[] = {
	{ "ip", set_ip }, { "ip6", set_ip }, { "mac", set_mac }, { "alias", add_alias }, { "interface_name", set_interface },
	{ "host_interface_name", set_host_interface },
};

static int number_option(struct net_request *r, const char *name, const char *value, struct error *err)
{
	uint32_t n;

	if (!streq(name, "mtu") && !streq(name, "metric"))
		return fail(err, ERROR_INVALID, "unknown bridge network option: %s", name);
	if (!parse_u32(value, &n))
		return fail(err, ERROR_INVALID, "unable to parse \"%s\" for option %s", value, name);
	return strmap_set(&r->options, name, value, err);
}

static int set_option(struct net_request *r, char *pair, struct error *err)
{
	char *value = strchr(pair, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(word_options); i++)
		if (streq(word_options[i].name, pair))
			return word_options[i].set(r, value ? value : "", err);
	return number_option(r, pair, value ? value : "", err);
}

int network_word_parse(const char *word, struct net_request *ret, struct error *err)
{
	const char *colon = strchr(word, ':');
	auto_strv options = {};

	ret->network = strndup(word, colon ? (size_t)(colon - word) : strlen(word));
	if (!ret->network)
		return fail_oom(err);
	if (!*ret->network)
		return fail(err, ERROR_INVALID, "network name cannot be empty: invalid argument");
	if (!colon || !colon[1])
		return 0;
	TRY(strv_split(&options, colon + 1, ',', err));
	for (size_t i = 0; i < options.n; i++)
		if (set_option(ret, options.v[i], err) < 0)
			return fail_wrap(err, "invalid option for network %s", ret->network);
	return 0;
}

/* ---- one request per network ---- */
void network_requests_done(struct list *l)
{
	struct net_request *r = l->v;

	for (size_t i = 0; i < l->n; i++)
		net_request_done(&r[i]);
	free(l->v);
	*l = (struct list){};
}

static int add_request(const char *word, struct list *ret, struct error *err)
{
	struct net_request *r = list_add(ret, sizeof(*r), err);

	return r ? network_word_parse(word, r, err) : -1;
}

/* "a,b" is an old way to name several. */
static int add_words(const char *word, struct list *ret, struct error *err)
{
	auto_strv names = {};

	if (strchr(word, ':') || !strchr(word, ','))
		return add_request(word, ret, err);
	TRY(strv_split(&names, word, ',', err));
	for (size_t i = 0; i < names.n; i++)
		TRY(add_request(names.v[i], ret, err));
	return 0;
}

/* The short id and a given host name are names on every network. */
static int add_names(const struct container_params *p, const char *id, struct net_request *r, struct error *err)
{
	char brief[13];

	TRY(strv_copy(&r->aliases, &p->net.aliases, err));
	if (!id)
		return 0;
	TRY(p->ns.hostname ? str_set(&r->hostname, p->ns.hostname, err) : str_printf(&r->hostname, err, "%.12s", id));
	snprintf(brief, sizeof(brief), "%s", id);
	TRY(strv_add(&r->aliases, brief, err));
	return p->ns.hostname && !strv_has(&r->aliases, p->ns.hostname) ? strv_add(&r->aliases, p->ns.hostname, err) : 0;
}

static int add_address(const char *value, const char *flag, struct list *l, char **ret, struct error *err)
{
	struct ip a;

	if (!value)
		return 0;
	if (l->n != 1)
		return fail(err, ERROR_INVALID, "--%s can only be set for a single network: invalid argument", flag);
	if (!streq(flag, "mac-address") && !ip_parse(value, &a))
		return fail(err, ERROR_INVALID, "\"%s\" is not an ip address", value);
	return str_set(ret, value, err);
}

int network_requests(const struct container_params *p, const char *id, struct list *ret, struct error *err)
{
	struct net_request *r;

	for (size_t i = 0; i < p->net.networks.n; i++)
		TRY(add_words(p->net.networks.v[i], ret, err));
	r = ret->v;
	for (size_t i = 0; i < ret->n; i++)
		TRY(add_names(p, id, &r[i], err));
	TRY(add_address(p->net.ip, "ip", ret, r ? &r->ip : NULL, err));
	TRY(add_address(p->net.ip6, "ip6", ret, r ? &r->ip6 : NULL, err));
	return add_address(p->net.mac, "mac-address", ret, r ? &r->mac : NULL, err);
}

/* ---- at creation ---- */
static int check_flags(const struct container_params *p, struct error *err)
{
	const struct { const char *flag; bool given; } flags[] = {
		{ "ip", p->net.ip }, { "ip6", p->net.ip6 }, { "mac-address", p->net.mac }, { "network-alias", p->net.aliases.n },
	};
	uint8_t mac[LINK_MAC];

	if (p->net.mac && !link_mac_parse(p->net.mac, mac))
		return fail(err, ERROR_INVALID, "address %s: invalid MAC address", p->net.mac);
	for (size_t i = 0; i < ARRAY_LEN(flags) && p->ns.net.mode != NS_BRIDGE; i++)
		if (flags[i].given)
			return fail(err, ERROR_INVALID, "--%s can only be set when the network mode is bridge: invalid argument", flags[i].flag);
	if (p->net.link_local_ips.n)
		return fail(err, ERROR_UNSUPPORTED, "--link-local-ip is not supported: use --ip or --ip6");
	return 0;
}

/* The word's name becomes the network's: ids may be given, "default" means the default network. */
static int settle_word(const struct net_env *env, const char *word, struct strv *to, struct error *err)
{
	const char *colon = strchr(word, ':');
	autofree char *name = strndup(word, colon ? (size_t)(colon - word) : strlen(word));
	auto_network n = {};

	if (!name)
		return fail_oom(err);
	if (streq(name, "default") || streq(name, "bridge"))
		TRY(str_set(&name, str_empty(env->conf->default_network) ? "podman" : env->conf->default_network, err));
	TRY(network_get(env, name, &n, err));
	return strv_addf(to, err, "%s%s", n.name, colon ? colon : "");
}

static int settle_networks(struct engine *e, struct container_params *p, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	CLEANUP(network_requests_done) struct list requests = {};
	auto_strv words = {}, settled = {};

	TRY(network_place(e, false, &place, err));
	for (size_t i = 0; i < p->net.networks.n; i++) {
		const char *w = p->net.networks.v[i];
		TRY(strchr(w, ':') ? strv_add(&words, w, err) : strv_split(&words, w, ',', err));
	}
	for (size_t i = 0; i < words.n; i++)
		TRY(settle_word(&place.env, words.v[i], &settled, err));
	strv_done(&p->net.networks);
	p->net.networks = settled;
	settled = (struct strv){};
	return network_requests(p, NULL, &requests, err);   /* only to find errors now */
}

/* ---- ports ---- */
static int copy_port(const struct param_port *from, const char *host_ip, struct list *to, struct error *err)
{
	struct param_port *p = list_add(to, sizeof(*p), err);

	if (!p)
		return -1;
	*p = *from;
	p->host_ip = p->protocol = NULL;
	TRY(str_set(&p->protocol, from->protocol, err));
	return str_set(&p->host_ip, host_ip, err);
}

void param_ports_done(struct list *l)
{
	struct param_port *p = l->v;

	for (size_t i = 0; i < l->n; i++) {
		free(p[i].host_ip);
		free(p[i].protocol);
	}
	free(l->v);
	*l = (struct list){};
}

/* containers.conf default_host_ips stand for an address that was not given. */
static int apply_default_ips(const struct engine *e, struct list *ports, struct error *err)
{
	const struct strv *ips = &e->conf.network.default_host_ips;
	CLEANUP(param_ports_done) struct list all = {};
	const struct param_port *p = ports->v;

	if (!ips->n)
		return 0;
	for (size_t i = 0; i < ports->n; i++) {
		if (!str_empty(p[i].host_ip))
			TRY(copy_port(&p[i], p[i].host_ip, &all, err));
		for (size_t k = 0; str_empty(p[i].host_ip) && k < ips->n; k++)
			TRY(copy_port(&p[i], ips->v[k], &all, err));
	}
	struct list old = *ports;
	*ports = all;
	all = old;
	return 0;
}

static bool is_published(const struct list *ports, const struct param_port *want)
{
	const struct param_port *p = ports->v;

	for (size_t i = 0; i < ports->n; i++)
		if (streq(p[i].protocol, want->protocol) && want->container_port >= p[i].container_port &&
		    want->container_port < p[i].container_port + p[i].range)
			return true;
	return false;
}

/* -P: every exposed port that -p does not lead somewhere. */
static int publish_exposed(struct container_params *p, struct error *err)
{
	for (size_t i = 0; p->net.publish_all && i < p->net.expose.n; i++) {
		CLEANUP(param_ports_done) struct list exposed = {};
		const struct param_port *x;
		TRY(param_port_parse(p->net.expose.v[i], &exposed, err));
		x = exposed.v;
		for (int64_t k = 0; exposed.n && k < x->range; k++) {
			struct param_port one = *x;
			one.container_port += k;
			one.range = 1;
			if (!is_published(&p->net.ports, &one))
				TRY(copy_port(&one, "", &p->net.ports, err));
		}
	}
	return 0;
}

static int bind_port(const struct param_port *p, uint16_t port, uint16_t *ret, struct error *err)
{
	struct sockaddr_storage at = {};
	struct sockaddr_in *four = (void *)&at;
	struct sockaddr_in6 *six = (void *)&at;
	struct ip host = { .family = AF_INET };
	socklen_t len = sizeof(at);

	if (!str_empty(p->host_ip))
		ip_parse(p->host_ip, &host);
	autoclose int fd = socket(host.family, (streq(p->protocol, "udp") ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(err, "socket");
	at.ss_family = host.family;
	memcpy(host.family == AF_INET6 ? (void *)&six->sin6_addr : (void *)&four->sin_addr, host.b, ip_len(&host));
	four->sin_port = htons(port);   /* at the same place in both */
	if (bind(fd, (struct sockaddr *)&at, host.family == AF_INET6 ? sizeof(*six) : sizeof(*four)) < 0)
		return errno == EADDRINUSE || errno == EACCES ? 0 : fail_errno(err, "bind to %s", str_empty(p->host_ip) ? "0.0.0.0" : p->host_ip);
	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return fail_errno(err, "getsockname");
	*ret = ntohs(four->sin_port);
	return 1;
}

/* A free run of ports for one mapping. */
static int choose_port(struct param_port *p, const struct list *all, struct error *err)
{
	const struct param_port *other = all->v;

	for (int attempt = 0; attempt < 1000; attempt++) {
		uint16_t first, ignored;
		int r = bind_port(p, 0, &first, err);
		if (r <= 0)
			return r < 0 ? -1 : fail(err, ERROR_SYSTEM, "unable to find a free host port for container port %lld",
						 (long long)p->container_port);
		bool ok = first + p->range <= 65536;
		for (int64_t k = 1; ok && k < p->range; k++)
			ok = bind_port(p, (uint16_t)(first + k), &ignored, err) > 0;
		for (size_t i = 0; ok && i < all->n; i++)
			ok = !other[i].host_port || !streq(other[i].protocol, p->protocol) || first + p->range <= other[i].host_port ||
			     first >= other[i].host_port + other[i].range;
		if (ok) {
			p->host_port = first;
			return 0;
		}
	}
	return fail(err, ERROR_SYSTEM, "unable to find %lld free host ports in a row", (long long)p->range);
}

static int settle_ports(struct engine *e, struct container_params *p, struct error *err)
{
	struct param_port *v;
	struct ip ignored;

	TRY(publish_exposed(p, err));
	TRY(apply_default_ips(e, &p->net.ports, err));
	v = p->net.ports.v;
	for (size_t i = 0; i < p->net.ports.n; i++) {
		if (!str_empty(v[i].host_ip) && !ip_parse(v[i].host_ip, &ignored))
			return fail(err, ERROR_INVALID, "cannot parse \"%s\" as an IP address", v[i].host_ip);
		if (!v[i].host_port)
			TRY(choose_port(&v[i], &p->net.ports, err));
	}
	return 0;
}

int network_params_settle(struct engine *e, struct container_params *p, struct error *err)
{
	TRY(check_flags(p, err));
	if (p->ns.net.mode == NS_BRIDGE)
		TRY(settle_networks(e, p, err));
	if (p->ns.net.mode == NS_BRIDGE || p->ns.net.mode == NS_PASTA)
		return settle_ports(e, p, err);
	return 0;
}

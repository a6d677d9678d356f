/* SPDX-License-Identifier: Apache-2.0
 * pasta's command line. What the user's words set is not set again; "--map-gw" is a word of containers.conf and --network
 * only: pasta maps the gateway by itself unless told not to. */
#include <stdlib.h>

#include "net/pasta.h"

#define DNS_FORWARD "169.254.1.1"   /* Podman's choice: link local, so nobody else has it */
#define GUEST_MAP   PASTA_GUEST_ADDRESS
enum { SINGLE_MAX = 64 };   /* ports of a range that get a word each, so that none of them may fail unseen */

void pasta_words_done(struct pasta_words *w)
{
	strv_done(&w->argv);
	strv_done(&w->dns);
	free(w->guest_address);
	*w = (struct pasta_words){};
}

/* ---- the user's words ---- */
enum { HAS_TCP = 1, HAS_UDP = 2, HAS_TCP_NS = 4, HAS_UDP_NS = 8, HAS_VERBOSE = 16, HAS_MAP_GW = 32, HAS_CONFIG = 64 };
static const struct {
	const char *word;
	unsigned sets;
} known[] = {
	{ "-t", HAS_TCP }, { "--tcp-ports", HAS_TCP }, { "-u", HAS_UDP }, { "--udp-ports", HAS_UDP }, { "-T", HAS_TCP_NS },
	{ "--tcp-ns", HAS_TCP_NS }, { "-U", HAS_UDP_NS }, { "--udp-ns", HAS_UDP_NS }, { "-d", HAS_VERBOSE },
	{ "--debug", HAS_VERBOSE }, { "--trace", HAS_VERBOSE }, { "--map-gw", HAS_MAP_GW }, { "--config-net", HAS_CONFIG },
};

static unsigned word_sets(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(word, known[i].word))
			return known[i].sets;
	return 0;
}

/* --option VALUE and --option=VALUE; NULL: it is another word. */
static const char *word_value(const struct strv *words, size_t i, const char *option)
{
	const char *rest = str_after(words->v[i], option);

	if (!rest || (*rest && *rest != '='))
		return NULL;
	return *rest ? rest + 1 : i + 1 < words->n ? words->v[i + 1] : NULL;
}

static int take_words(const struct strv *words, struct pasta_words *w, unsigned *has, struct error *err)
{
	for (size_t i = 0; i < words->n; i++) {
		unsigned sets = word_sets(words->v[i]);
		const char *dns = word_value(words, i, "--dns-forward"), *guest = word_value(words, i, "--map-guest-addr");
		*has |= sets;
		if (dns)
			TRY(strv_add(&w->dns, dns, err));
		if (guest)
			TRY(str_set(&w->guest_address, streq(guest, "none") ? "" : guest, err));
		if (!(sets & (HAS_MAP_GW | HAS_CONFIG)))
			TRY(strv_add(&w->argv, words->v[i], err));
	}
	return 0;
}

/* ---- ports ---- */
static int add_port(struct strv *argv, const struct net_port *p, const char *where, int64_t at, int64_t n, struct error *err)
{
	bool any = str_empty(where);

	TRY(strv_add(argv, streq(p->protocol, "udp") ? "-u" : "-t", err));
	if (n == 1)
		return strv_addf(argv, err, "%s%s%lld:%lld", where, any ? "" : "/", (long long)(p->host_port + at),
				 (long long)(p->container_port + at));
	return strv_addf(argv, err, "%s%s%lld-%lld:%lld-%lld", where, any ? "" : "/", (long long)p->host_port,
			 (long long)(p->host_port + n - 1), (long long)p->container_port, (long long)(p->container_port + n - 1));
}

/* pasta takes a port once. The same port of both families' loopback (pastas that know --map-guest-addr take an interface
 * alone) or any address is one to it. */
static const struct pair {
	const char *ip[2], *both;
	bool recent;
} pairs[] = {
	{ { "127.0.0.1", "::1" }, "%lo", true }, { { "0.0.0.0", "::" }, "", false },
};

/* The place of another port like p in all but its address, which is `ip`; -1: none. */
static ssize_t find_like(const struct pasta_job *job, const struct net_port *p, const char *ip)
{
	for (size_t i = 0; i < job->n_ports; i++) {
		const struct net_port *o = &job->ports[i];
		if (streq0(o->host_ip, ip) && streq(o->protocol, p->protocol) && o->host_port == p->host_port &&
		    o->container_port == p->container_port && o->range == p->range)
			return (ssize_t)i;
	}
	return -1;
}

/* Where port i is listened for; NULL: what is said for its other half covers it. */
static const char *port_address(const struct pasta_job *job, size_t i, bool guest)
{
	const struct net_port *p = &job->ports[i];

	for (size_t k = 0; k < 2 * ARRAY_LEN(pairs); k++) {
		const struct pair *both = &pairs[k / 2];
		bool half = streq0(p->host_ip, both->ip[k % 2]) && (guest || !both->recent);
		ssize_t other = half ? find_like(job, p, both->ip[1 - k % 2]) : -1;
		if (other >= 0)
			return (size_t)other < i ? NULL : both->both;
	}
	return p->host_ip ? p->host_ip : "";
}

static int64_t range_of(const struct net_port *p)
{
	return p->range > 0 ? p->range : 1;
}

/* Ports before i that it shares one with, on another address. */
static int check_once(const struct pasta_job *job, size_t i, bool guest, struct error *err)
{
	const struct net_port *p = &job->ports[i];

	for (size_t k = 0; k < i; k++) {
		const struct net_port *o = &job->ports[k];
		int64_t at = p->host_port > o->host_port ? p->host_port : o->host_port;
		if (streq(o->protocol, p->protocol) && at < p->host_port + range_of(p) && at < o->host_port + range_of(o) &&
		    port_address(job, k, guest))
			return fail(err, ERROR_NOT_EXECUTABLE, "port %lld is published on %s and on %s, pasta takes a port once: publish it on "
							       "one of them, or on all addresses (-p %lld:%lld)", (long long)at,
				    str_empty(o->host_ip) ? "all addresses" : o->host_ip, str_empty(p->host_ip) ? "all addresses" : p->host_ip,
				    (long long)at, (long long)(p->container_port + at - p->host_port));
	}
	return 0;
}

static int add_ports(const struct pasta_job *job, struct pasta_words *w, unsigned *has, bool guest, struct error *err)
{
	for (size_t i = 0; i < job->n_ports; i++) {
		const struct net_port *p = &job->ports[i];
		const char *where = port_address(job, i, guest);
		int64_t range = range_of(p), step = range > SINGLE_MAX ? range : 1;
		if (!streq(p->protocol, "tcp") && !streq(p->protocol, "udp"))
			return fail(err, ERROR_NOT_EXECUTABLE, "can't forward protocol: %s: pasta knows tcp and udp; as root, or with "
							     "--network host, it works", p->protocol);
		*has |= streq(p->protocol, "udp") ? HAS_UDP : HAS_TCP;
		if (where)
			TRY(check_once(job, i, guest, err));
		for (int64_t at = 0; where && at < range; at += step)
			TRY(add_port(&w->argv, p, where, at, step, err));
	}
	return 0;
}

/* What was not said is off: by itself pasta would forward every port that somebody listens on, both ways. */
static int add_rest(const struct pasta_job *job, unsigned has, struct strv *argv, struct error *err)
{
	static const struct {
		unsigned unless;
		const char *word, *value;
	} rest[] = {
		{ HAS_TCP, "-t", "none" }, { HAS_UDP, "-u", "none" }, { HAS_TCP_NS, "-T", "none" }, { HAS_UDP_NS, "-U", "none" },
		{ HAS_MAP_GW, "--no-map-gw", NULL }, { HAS_VERBOSE, "--quiet", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		if (has & rest[i].unless)
			continue;
		TRY(strv_add(argv, rest[i].word, err));
		if (rest[i].value)
			TRY(strv_add(argv, rest[i].value, err));
	}
	return strv_addf(argv, err, "--netns=%s/%s", job->dir, job->name);
}

static int add_addresses(bool guest, struct pasta_words *w, struct error *err)
{
	if (!w->dns.n) {
		TRY(strv_add(&w->dns, DNS_FORWARD, err));
		TRY(strv_add(&w->argv, "--dns-forward", err));
		TRY(strv_add(&w->argv, DNS_FORWARD, err));
	}
	if (w->guest_address || !guest)
		return 0;
	TRY(str_set(&w->guest_address, GUEST_MAP, err));
	TRY(strv_add(&w->argv, "--map-guest-addr", err));
	return strv_add(&w->argv, GUEST_MAP, err);
}

/* Addresses of a namespace that has others already; see net/publish.c. */
static const char *const ports_words[] = { "-I", PASTA_PORTS_INTERFACE, "-a", "169.254.2.2", "-n", "30", "-g", "169.254.2.1",
	"-a", "fd75:6d69:616b::2", "-g", "fd75:6d69:616b::1", "--no-dhcp", "--no-dhcpv6", "--no-ra" };

static int add_first(const struct net_env *env, const struct pasta_job *job, struct pasta_words *w, unsigned *has, struct error *err)
{
	if (!job->ports_only) {
		TRY(strv_add(&w->argv, "--config-net", err));
		return take_words(&env->conf->pasta_options, w, has, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(ports_words); i++)
		TRY(strv_add(&w->argv, ports_words[i], err));
	return 0;
}

int pasta_command(const struct net_env *env, const struct pasta_job *job, bool guest, struct pasta_words *ret, struct error *err)
{
	auto_pasta_words w = {};
	auto_strv words = {};
	unsigned has = 0;

	TRY(add_first(env, job, &w, &has, err));
	if (!str_empty(job->options))
		TRY(strv_split(&words, job->options, ',', err));
	TRY(take_words(&words, &w, &has, err));
	TRY(add_ports(job, &w, &has, guest, err));
	if (!job->ports_only)
		TRY(add_addresses(guest, &w, err));
	TRY(add_rest(job, has, &w.argv, err));
	*ret = w;
	w = (struct pasta_words){};
	return 0;
}

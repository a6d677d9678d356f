/* SPDX-License-Identifier: Apache-2.0
 * What is known here is answered here; what is not goes to a name server, unless the network is internal. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/resolver.h"

enum { TTL = 0, HOST_CHECK_MS = 1000, ADDRS_MAX = 64, TYPE_TRANSFER_FIRST = 249, TYPE_TRANSFER_LAST = 254 };

/* ---- the host's name servers ---- */
static void parse_resolv(const char *text, struct servers *to)
{
	*to = (struct servers){};
	for (const char *line = text; line && *line && to->n < ZONE_SERVERS;) {
		const char *end = strchr(line, '\n');
		char word[INET6_ADDRSTRLEN];
		struct dns_addr a = {};
		if (sscanf(line, "nameserver %45s", word) == 1) {
			a.len = inet_pton(AF_INET, word, a.b) == 1 ? 4 : inet_pton(AF_INET6, word, a.b) == 1 ? 16 : 0;
			if (a.len)
				to->v[to->n++] = a;
		}
		line = end ? end + 1 : NULL;
	}
}

/* Read again when it changed: another network, a VPN. */
static const struct servers *host_servers(struct resolver *r)
{
	char text[4096];
	struct stat st;
	int64_t now = now_ms(), mtime;

	if (r->host_checked && now - r->host_checked < HOST_CHECK_MS)
		return &r->host;
	r->host_checked = now;
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return &r->host;
	mtime = fstat(fd, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec + (int64_t)st.st_ino : 0;
	if (mtime != r->host_mtime) {
		ssize_t n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		parse_resolv(text, &r->host);
		r->host_mtime = mtime;
	}
	close(fd);
	return &r->host;
}

static void choose_servers(struct resolver *r, const struct zone_network *n, const struct zone_member *asker, struct servers *to)
{
	const struct dns_addr *v = asker && asker->n_servers ? asker->servers : n->servers;
	uint8_t count = asker && asker->n_servers ? asker->n_servers : n->n_servers;

	if (!count) {
		*to = *host_servers(r);
		return;
	}
	memcpy(to->v, v, count * sizeof(*v));
	to->n = count;
}

/* ---- answers ---- */
size_t answer_code(const uint8_t *query, const struct dns_query *q, int code, uint8_t *out, size_t cap)
{
	struct dns_answer a;

	dns_answer_begin(&a, out, cap, query, q);
	return dns_answer_end(&a, q, code, false);
}

struct collect {
	uint16_t type;
	struct dns_addr addrs[ADDRS_MAX];
	const struct dns_name *names[ADDRS_MAX];
	size_t n;
};

static void collect_addrs(void *arg, const struct zone_member *m)
{
	struct collect *c = arg;

	for (size_t i = 0; i < m->n_addrs && c->n < ADDRS_MAX; i++) {
		uint16_t type = m->addrs[i].len == 4 ? DNS_A : DNS_AAAA;
		if (c->type == type || c->type == DNS_ANY)
			c->addrs[c->n++] = m->addrs[i];
	}
}

static void collect_names(void *arg, const struct zone_member *m)
{
	struct collect *c = arg;

	for (size_t i = 0; i < m->n_names && c->n < ADDRS_MAX; i++)
		c->names[c->n++] = &m->names[i];
}

static size_t answer_addrs(struct resolver *r, const struct collect *c, const uint8_t *query, const struct dns_query *q,
			   uint8_t *out, size_t cap)
{
	struct dns_answer a;
	size_t first = c->n ? r->turn++ % c->n : 0;

	dns_answer_begin(&a, out, cap, query, q);
	for (size_t i = 0; i < c->n; i++)
		dns_answer_addr(&a, &c->addrs[(first + i) % c->n], TTL);
	return dns_answer_end(&a, q, DNS_NOERROR, true);
}

static size_t answer_names(const struct collect *c, const uint8_t *query, const struct dns_query *q, uint8_t *out, size_t cap)
{
	struct dns_answer a;

	dns_answer_begin(&a, out, cap, query, q);
	for (size_t i = 0; i < c->n; i++)
		dns_answer_ptr(&a, c->names[i], TTL);
	return dns_answer_end(&a, q, DNS_NOERROR, true);
}

/* Known here: the length of the answer; 0: not known. */
static size_t answer_local(struct resolver *r, const struct zone_network *n, const struct zone_member *asker, const uint8_t *query,
			   const struct dns_query *q, uint8_t *out, size_t cap)
{
	static const struct dns_name domain = { 12, "\3dns\6podman" };
	struct collect c = { .type = q->type };
	struct dns_name name = q->name;
	struct dns_addr addr;

	if (q->type == DNS_PTR && dns_name_to_addr(&name, &addr)) {
		if (zone_by_addr(&r->zone, n, asker, &addr, collect_names, &c))
			return answer_names(&c, query, q, out, cap);
		/* our own addresses are nobody else's business */
		return zone_has_addr(n, &addr) ? answer_code(query, q, DNS_NXDOMAIN, out, cap) : 0;
	}
	bool ours = dns_name_cut(&name, &domain);
	if (zone_by_name(&r->zone, n, asker, &name, collect_addrs, &c))
		return answer_addrs(r, &c, query, q, out, cap);
	return ours || dns_name_equal(&name, &domain) ? answer_code(query, q, DNS_NXDOMAIN, out, cap) : 0;
}

static bool may_ask(const struct zone_network *n, const struct dns_addr *from)
{
	return !n->n_subnets || zone_has_addr(n, from);
}

ssize_t answer_question(struct resolver *r, const struct listener *l, const struct dns_addr *from, const uint8_t *query, size_t n,
			struct dns_query *q, uint8_t *out, size_t cap, struct servers *ret_servers)
{
	const struct zone_network *net = zone_find(&r->zone, l->network);
	int code = dns_query_parse(query, n, q);

	if (code < 0 || !net)
		return -1;
	if (code == DNS_NOERROR &&
	    (q->class != DNS_IN || !may_ask(net, from) || (q->type >= TYPE_TRANSFER_FIRST && q->type <= TYPE_TRANSFER_LAST)))
		code = DNS_REFUSED;
	if (code != DNS_NOERROR)
		return (ssize_t)answer_code(query, q, code, out, cap);
	const struct zone_member *asker = zone_member_at(net, from);
	size_t len = answer_local(r, net, asker, query, q, out, cap);
	if (len)
		return (ssize_t)len;
	if (net->internal)
		return (ssize_t)answer_code(query, q, DNS_NXDOMAIN, out, cap);
	choose_servers(r, net, asker, ret_servers);
	return ret_servers->n ? 0 : (ssize_t)answer_code(query, q, DNS_SERVFAIL, out, cap);
}

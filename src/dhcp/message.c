/* SPDX-License-Identifier: Apache-2.0 */
#include "dhcp/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	IP_HEADER = 20, UDP_HEADER = 8, BOOTP = 236, COOKIE = 4, BOOTP_MIN = 300, SNAME_AT = 44, SNAME = 64, FILE_AT = 108, FILE_LEN = 128,
	ETHERNET = 1, BROADCAST_FLAG = 0x8000, UDP = 17, VALUE_MAX = 1024,
};
enum option {
	OPTION_MASK = 1, OPTION_ROUTER = 3, OPTION_DNS = 6, OPTION_HOSTNAME = 12, OPTION_DOMAIN = 15, OPTION_WANTED = 50, OPTION_SECONDS = 51,
	OPTION_OVERLOAD = 52, OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_LIST = 55, OPTION_REASON = 56, OPTION_SIZE = 57, OPTION_T1 = 58,
	OPTION_T2 = 59, OPTION_ID = 61, OPTION_SEARCH = 119, OPTION_ROUTES = 121, OPTION_END = 255,
};
static const uint8_t cookie[COOKIE] = { 99, 130, 83, 99 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* ---- checksums ---- */
static uint32_t add_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += get16(p + i);
	return n & 1 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* With the pseudo header: addresses, protocol, length. */
static uint16_t udp_sum(const uint8_t *ip, const uint8_t *udp, size_t n)
{
	return fold(add_sum(add_sum(UDP + (uint32_t)n, ip + 12, 8), udp, n));
}

/* ---- writing ---- */
struct writer {
	uint8_t *p;
};

static void put_option(struct writer *w, enum option code, const void *value, size_t n)
{
	*w->p++ = (uint8_t)code;
	*w->p++ = (uint8_t)n;
	memcpy(w->p, value, n);
	w->p += n;
}

static void put_address(struct writer *w, enum option code, uint32_t a)
{
	uint8_t b[4];

	put32(b, a);
	if (a)
		put_option(w, code, b, sizeof(b));
}

static void put_options(struct writer *w, const struct dhcp_who *who, const struct dhcp_request *r)
{
	/* classless routes before the router: RFC 3442 */
	static const uint8_t list[] = { OPTION_MASK, OPTION_ROUTES, OPTION_ROUTER, OPTION_DNS, OPTION_DOMAIN, OPTION_SEARCH, OPTION_SECONDS,
					OPTION_T1, OPTION_T2 };
	static const uint8_t size[2] = { DHCP_PACKET_MAX >> 8, DHCP_PACKET_MAX & 0xff };
	size_t name = strnlen(who->hostname, DHCP_NAME_MAX - 1);
	bool asks = r->type == DHCP_DISCOVER || r->type == DHCP_REQUEST;

	put_option(w, OPTION_TYPE, &(uint8_t){ (uint8_t)r->type }, 1);
	put_option(w, OPTION_ID, who->id, who->id_len);
	put_address(w, OPTION_WANTED, r->wanted);
	put_address(w, OPTION_SERVER, r->server);
	if (asks) {
		put_option(w, OPTION_SIZE, size, sizeof(size));
		put_option(w, OPTION_LIST, list, sizeof(list));
	}
	if (asks && name)
		put_option(w, OPTION_HOSTNAME, who->hostname, name);
	*w->p++ = OPTION_END;
}

static void put_headers(uint8_t *ip, size_t n, const struct dhcp_request *r)
{
	uint8_t *udp = ip + IP_HEADER;

	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)n);
	ip[8] = 64;
	ip[9] = UDP;
	put32(ip + 12, r->from);
	put32(ip + 16, r->to ? r->to : UINT32_MAX);
	put16(ip + 10, fold(add_sum(0, ip, IP_HEADER)));
	put16(udp, DHCP_CLIENT_PORT);
	put16(udp + 2, DHCP_SERVER_PORT);
	put16(udp + 4, (uint32_t)(n - IP_HEADER));
	uint16_t sum = udp_sum(ip, udp, n - IP_HEADER);
	put16(udp + 6, sum ? sum : 0xffff);
}

size_t dhcp_format(const struct dhcp_who *who, const struct dhcp_request *r, uint8_t out[DHCP_PACKET_MAX])
{
	uint8_t *m = out + IP_HEADER + UDP_HEADER;
	struct writer w = { m + BOOTP + COOKIE };

	memset(out, 0, DHCP_PACKET_MAX);
	m[0] = 1;
	m[1] = ETHERNET;
	m[2] = DHCP_MAC;
	put32(m + 4, r->xid);
	put16(m + 8, r->secs);
	put16(m + 10, who->broadcast && !r->from ? BROADCAST_FLAG : 0);
	put32(m + 12, r->from);
	memcpy(m + 28, who->mac, DHCP_MAC);
	memcpy(m + BOOTP, cookie, COOKIE);
	put_options(&w, who, r);
	size_t n = (size_t)(w.p - m) < BOOTP_MIN ? BOOTP_MIN : (size_t)(w.p - m);   /* some servers drop shorter ones */
	put_headers(out, IP_HEADER + UDP_HEADER + n, r);
	return IP_HEADER + UDP_HEADER + n;
}

/* ---- reading ---- */
/* A BOOTP message whose length was checked, and where options are. */
struct message {
	const uint8_t *m;
	struct { const uint8_t *p; size_t n; } areas[3];
	size_t n_areas;
};
struct value {
	uint8_t b[VALUE_MAX];
	size_t n;
	bool found;
};

/* All pieces of an option, one behind the other (RFC 3396). */
static void collect(const struct message *msg, enum option code, struct value *ret)
{
	ret->n = 0;
	ret->found = false;
	for (size_t a = 0; a < msg->n_areas; a++) {
		const uint8_t *p = msg->areas[a].p, *end = p + msg->areas[a].n;
		while (p < end && *p != OPTION_END) {
			if (!*p) {   /* padding */
				p++;
				continue;
			}
			if (end - p < 2 || end - p - 2 < p[1])
				break;
			if (*p == (uint8_t)code && ret->n + p[1] <= VALUE_MAX) {
				memcpy(ret->b + ret->n, p + 2, p[1]);
				ret->n += p[1];
				ret->found = true;
			}
			p += 2 + p[1];
		}
	}
}

static uint32_t number(const struct message *msg, enum option code, uint32_t otherwise)
{
	struct value v;

	collect(msg, code, &v);
	return v.n == 4 ? get32(v.b) : otherwise;
}

/* A machine's address: no network, no group, no loopback. */
static bool is_host(uint32_t a)
{
	return a >> 24 && a >> 24 != 127 && a >> 28 < 0xe;
}

static uint8_t prefix_of(uint32_t mask, uint32_t address)
{
	uint8_t n = 0;

	if (!mask || (~mask & (~mask + 1)))   /* none, or with holes: as the address' class has it */
		return address >> 31 == 0 ? 8 : address >> 30 == 2 ? 16 : 24;
	for (; mask; mask <<= 1)
		n++;
	return n;
}

static void add_route(struct dhcp_lease *l, uint32_t to, uint8_t prefix, uint32_t via)
{
	uint32_t mask = prefix ? UINT32_MAX << (32 - prefix) : 0;

	if (l->n_routes < DHCP_ROUTES_MAX && prefix <= 32 && (!via || is_host(via)))
		l->routes[l->n_routes++] = (struct dhcp_route){ .to = to & mask, .prefix = prefix, .via = via };
}

/* RFC 3442: prefix, as many bytes of the destination as it needs, router. */
static void read_routes(const struct value *v, struct dhcp_lease *l)
{
	for (size_t i = 0; i < v->n;) {
		uint8_t prefix = v->b[i++], to[4] = {};
		size_t used = (prefix + 7u) / 8;
		if (prefix > 32 || v->n - i < used + 4)
			return;
		memcpy(to, v->b + i, used);
		add_route(l, get32(to), prefix, get32(v->b + i + used));
		i += used + 4;
	}
}

/* Letters, digits, '-', '_' and single dots: it becomes a word in resolv.conf. */
static void add_domain(const struct value *v, struct dhcp_lease *l)
{
	size_t n = v->n;

	while (n && (!v->b[n - 1] || v->b[n - 1] == '.'))
		n--;
	if (!n || n >= DHCP_NAME_MAX || l->n_search == DHCP_SEARCH_MAX)
		return;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = v->b[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z', digit = c >= '0' && c <= '9';
		if (!letter && !digit && (i == 0 || (c != '-' && c != '_' && c != '.') || (c == '.' && v->b[i - 1] == '.')))
			return;
	}
	memcpy(l->search[l->n_search], v->b, n);
	l->search[l->n_search++][n] = '\0';
}

/* A name of RFC 1035 in v with its dots; pointers lead further back each time. The place behind it; 0: it is broken. */
static size_t read_name(const struct value *v, size_t at, struct value *ret)
{
	size_t behind = 0, first = at;

	for (ret->n = 0; at < v->n;) {
		size_t n = v->b[at];
		if (!n)
			return behind ? behind : at + 1;
		if (n >> 6 == 3 && at + 1 < v->n) {
			behind = behind ? behind : at + 2;
			at = (n & 63) << 8 | v->b[at + 1];
			if (at >= first)
				return 0;
			first = at;
			continue;
		}
		if (n >> 6 || v->n - at - 1 < n || ret->n + n + 1 > DHCP_NAME_MAX)
			return 0;
		memcpy(ret->b + ret->n, v->b + at + 1, n);
		ret->n += n;
		ret->b[ret->n++] = '.';
		at += 1 + n;
	}
	return 0;
}

static void read_search(const struct message *msg, struct dhcp_lease *l)
{
	struct value v, name;

	collect(msg, OPTION_SEARCH, &v);
	for (size_t at = 0; at < v.n;) {
		at = read_name(&v, at, &name);
		if (!at)
			break;
		add_domain(&name, l);
	}
	if (l->n_search)
		return;
	collect(msg, OPTION_DOMAIN, &v);
	add_domain(&v, l);
}

/* Half and seven eighths of the time, unless the server has an opinion that fits. */
static void read_times(const struct message *msg, struct dhcp_lease *l)
{
	uint32_t s = number(msg, OPTION_SECONDS, 3600);

	l->seconds = s < 10 ? 10 : s;
	l->t2 = number(msg, OPTION_T2, 0);
	if (!l->t2 || l->t2 > l->seconds)
		l->t2 = l->seconds - l->seconds / 8;
	l->t1 = number(msg, OPTION_T1, 0);
	if (!l->t1 || l->t1 > l->t2)
		l->t1 = l->seconds / 2 < l->t2 ? l->seconds / 2 : l->t2;
}

static bool read_lease(const struct message *msg, uint32_t server, struct dhcp_lease *l)
{
	struct value v;

	l->address = get32(msg->m + 16);
	l->server = server;
	if (!is_host(l->address))
		return false;
	l->prefix = prefix_of(number(msg, OPTION_MASK, 0), l->address);
	read_times(msg, l);
	collect(msg, OPTION_ROUTES, &v);
	read_routes(&v, l);
	if (!v.found) {
		collect(msg, OPTION_ROUTER, &v);
		if (v.n >= 4 && get32(v.b))
			add_route(l, 0, 0, get32(v.b));
	}
	collect(msg, OPTION_DNS, &v);
	for (size_t i = 0; i + 4 <= v.n && l->n_dns < DHCP_SERVERS_MAX; i += 4)
		if (get32(v.b + i) >> 24 && get32(v.b + i) >> 28 < 0xe)
			l->dns[l->n_dns++] = get32(v.b + i);
	read_search(msg, l);
	return true;
}

static void read_reason(const struct message *msg, char ret[96])
{
	struct value v;

	collect(msg, OPTION_REASON, &v);
	for (size_t i = 0; i < v.n && i < 95; i++)
		ret[i] = v.b[i] >= ' ' && v.b[i] < 0x7f ? (char)v.b[i] : '?';
}

/* The UDP payload of an unfragmented packet from a server to a client, or NULL. */
static const uint8_t *open_packet(const uint8_t *ip, size_t n, bool checked, size_t *ret_len)
{
	if (n < IP_HEADER || ip[0] >> 4 != 4)
		return NULL;
	size_t header = (ip[0] & 15u) * 4, total = get16(ip + 2);
	if (header < IP_HEADER || total > n || total < header + UDP_HEADER || ip[9] != UDP || get16(ip + 6) & 0x3fff)
		return NULL;
	const uint8_t *udp = ip + header;
	size_t len = get16(udp + 4);
	if (get16(udp) != DHCP_SERVER_PORT || get16(udp + 2) != DHCP_CLIENT_PORT || len < UDP_HEADER || len > total - header ||
	    fold(add_sum(0, ip, header)))
		return NULL;
	if (!checked && get16(udp + 6) && udp_sum(ip, udp, len))
		return NULL;
	*ret_len = len - UDP_HEADER;
	return udp + UDP_HEADER;
}

static bool open_message(const uint8_t *m, size_t n, const struct dhcp_who *who, uint32_t xid, struct message *ret)
{
	struct value overload;

	if (n < BOOTP + COOKIE || m[0] != 2 || m[1] != ETHERNET || m[2] != DHCP_MAC || get32(m + 4) != xid ||
	    memcmp(m + 28, who->mac, DHCP_MAC) != 0 || memcmp(m + BOOTP, cookie, COOKIE) != 0)
		return false;
	*ret = (struct message){ .m = m, .areas = { { m + BOOTP + COOKIE, n - BOOTP - COOKIE } }, .n_areas = 1 };
	collect(ret, OPTION_OVERLOAD, &overload);
	uint8_t where = overload.n == 1 ? overload.b[0] : 0;
	if (where & 1) {
		ret->areas[ret->n_areas].p = m + FILE_AT;
		ret->areas[ret->n_areas++].n = FILE_LEN;
	}
	if (where & 2) {
		ret->areas[ret->n_areas].p = m + SNAME_AT;
		ret->areas[ret->n_areas++].n = SNAME;
	}
	return true;
}

bool dhcp_parse(const uint8_t *packet, size_t n, const struct dhcp_who *who, uint32_t xid, bool checked, struct dhcp_reply *ret)
{
	struct dhcp_reply r = {};
	struct message msg;
	struct value type;
	size_t len;
	const uint8_t *m = open_packet(packet, n, checked, &len);

	if (!m || !open_message(m, len, who, xid, &msg))
		return false;
	collect(&msg, OPTION_TYPE, &type);
	if (type.n != 1 || (type.b[0] != DHCP_OFFER && type.b[0] != DHCP_ACK && type.b[0] != DHCP_NAK))
		return false;
	r.type = type.b[0];
	r.from = number(&msg, OPTION_SERVER, get32(packet + 12));
	if (!is_host(r.from) || (r.type != DHCP_NAK && !read_lease(&msg, r.from, &r.lease)))
		return false;
	if (r.type == DHCP_NAK)
		read_reason(&msg, r.reason);
	*ret = r;
	return true;
}

/* ---- leases as text ---- */
struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *form, ...)
{
	va_list args;

	va_start(args, form);
	int n = vsnprintf(t->at, t->left, form, args);
	va_end(args);
	if (n > 0 && (size_t)n < t->left) {
		t->at += n;
		t->left -= (size_t)n;
	}
}

static const char *address_text(uint32_t a, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return out;
}

static void add_route_text(struct text *t, const struct dhcp_route *r)
{
	char to[16], via[16];

	if (!r->prefix && r->via)
		add(t, "router %s\n", address_text(r->via, via));
	else
		add(t, "route %s/%u %s\n", address_text(r->to, to), r->prefix, r->via ? address_text(r->via, via) : "link");
}

size_t dhcp_lease_format(const struct dhcp_lease *l, char out[DHCP_TEXT_MAX])
{
	struct text t = { out, DHCP_TEXT_MAX };
	char a[16];

	add(&t, "address %s/%u\n", address_text(l->address, a), l->prefix);
	for (size_t i = 0; i < l->n_routes; i++)
		add_route_text(&t, &l->routes[i]);
	for (size_t i = 0; i < l->n_dns; i++)
		add(&t, "dns %s\n", address_text(l->dns[i], a));
	for (size_t i = 0; i < l->n_search; i++)
		add(&t, "search %s\n", l->search[i]);
	add(&t, "server %s\nseconds %u\n", address_text(l->server, a), l->seconds);
	return (size_t)(t.at - out);
}

bool dhcp_lease_equal(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	bool same = a->address == b->address && a->prefix == b->prefix && a->n_routes == b->n_routes && a->n_dns == b->n_dns &&
		    a->n_search == b->n_search;

	for (size_t i = 0; same && i < a->n_routes; i++)
		same = a->routes[i].to == b->routes[i].to && a->routes[i].prefix == b->routes[i].prefix && a->routes[i].via == b->routes[i].via;
	for (size_t i = 0; same && i < a->n_dns; i++)
		same = a->dns[i] == b->dns[i];
	for (size_t i = 0; same && i < a->n_search; i++)
		same = strcmp(a->search[i], b->search[i]) == 0;
	return same;
}

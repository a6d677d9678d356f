/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/message.h"

#include <string.h>

enum { QR = 0x8000, OPCODE = 0x7800, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080, CD = 0x0010 };
enum { OPT_LEN = 11, UDP_SIZE_OWN = 1232 };   /* 1232: what passes everywhere without fragments (DNS flag day 2020) */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)dns_get16(p) << 16 | dns_get16(p + 2);
}

/* ---- names ---- */
bool dns_name_from_text(const char *text, size_t len, struct dns_name *ret)
{
	struct dns_name n = {};

	if (len && text[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len;) {
		size_t label = 0;
		while (i + label < len && text[i + label] != '.')
			label++;
		if (!label || label > DNS_LABEL_MAX || n.len + label + 2 > DNS_NAME_MAX)
			return false;
		n.b[n.len++] = (uint8_t)label;
		for (size_t k = 0; k < label; k++)
			n.b[n.len++] = lower((uint8_t)text[i + k]);
		i += label + 1;
	}
	n.b[n.len++] = 0;
	*ret = n;
	return n.len > 1;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

/* Only at the beginning of a label: "xdns.podman" does not end with "dns.podman". */
bool dns_name_cut(struct dns_name *a, const struct dns_name *suffix)
{
	size_t at = 0;

	while (at < a->len && a->len - at > suffix->len)
		at += a->b[at] + 1U;
	if (!at || at >= a->len || a->len - at != suffix->len || memcmp(a->b + at, suffix->b, suffix->len) != 0)
		return false;
	a->b[at] = 0;
	a->len = (uint8_t)(at + 1);
	return true;
}

bool dns_addr_equal(const struct dns_addr *a, const struct dns_addr *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

static bool octet(const uint8_t *label, uint8_t *ret)
{
	unsigned v = 0;

	if (label[0] < 1 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return false;
	for (unsigned i = 1; i <= label[0]; i++) {
		if (label[i] < '0' || label[i] > '9')
			return false;
		v = v * 10 + (label[i] - '0');
	}
	*ret = (uint8_t)v;
	return v < 256;
}

static bool nibble(const uint8_t *label, uint8_t *ret)
{
	uint8_t c = label[1];
	bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';

	*ret = digit ? c - '0' : c - 'a' + 10;
	return label[0] == 1 && (digit || letter);
}

bool dns_name_to_addr(const struct dns_name *n, struct dns_addr *ret)
{
	static const struct dns_name arpa4 = { 14, "\7in-addr\4arpa" }, arpa6 = { 10, "\3ip6\4arpa" };
	struct dns_name rest = *n;
	struct dns_addr a = {};
	const uint8_t *p = rest.b;

	if (dns_name_cut(&rest, &arpa4)) {
		for (a.len = 4; a.len == 4 && *p; p += *p + 1U) {
			for (int i = 3; i > 0; i--)
				a.b[i] = a.b[i - 1];
			if (!octet(p, &a.b[0]))
				return false;
		}
		/* exactly four labels: each octet is one to three digits */
		unsigned labels = 0;
		for (p = rest.b; *p; p += *p + 1U)
			labels++;
		*ret = a;
		return labels == 4;
	}
	if (!dns_name_cut(&rest, &arpa6) || rest.len != 65)
		return false;
	for (int i = 31; i >= 0; i--, p += 2) {
		uint8_t v;
		if (!nibble(p, &v))
			return false;
		a.b[i / 2] |= (uint8_t)(i % 2 ? v : v << 4);
	}
	a.len = 16;
	*ret = a;
	return true;
}

/* ---- questions ---- */
/* A name without compression (there is nothing in front of it that it could point to). 0: malformed. */
static size_t read_name(const uint8_t *p, size_t n, struct dns_name *ret)
{
	size_t at = 0;

	while (at < n && p[at]) {
		size_t label = p[at];
		if (label > DNS_LABEL_MAX || at + label + 2 > DNS_NAME_MAX || at + 1 + label >= n)
			return 0;
		ret->b[at] = (uint8_t)label;
		for (size_t i = 1; i <= label; i++)
			ret->b[at + i] = lower(p[at + i]);
		at += label + 1;
	}
	if (at >= n)
		return 0;
	ret->b[at] = 0;
	ret->len = (uint8_t)(at + 1);
	return at + 1;
}

/* EDNS: one OPT record right behind the question is all we look for. */
static void read_opt(const uint8_t *p, size_t n, struct dns_query *q)
{
	if (n < OPT_LEN || p[0] || dns_get16(p + 1) != DNS_OPT)
		return;
	q->edns = true;
	q->udp_size = dns_get16(p + 3);
	if (q->udp_size < DNS_UDP_PLAIN)
		q->udp_size = DNS_UDP_PLAIN;
}

int dns_query_parse(const uint8_t *p, size_t n, struct dns_query *ret)
{
	struct dns_query q = { .udp_size = DNS_UDP_PLAIN };

	if (n < DNS_HEADER || n > DNS_QUERY_MAX)
		return -1;
	q.id = dns_get16(p);
	q.flags = dns_get16(p + 2);
	if (q.flags & QR)
		return -1;
	*ret = q;
	if (q.flags & OPCODE)
		return DNS_NOTIMP;
	if (dns_get16(p + 4) != 1 || dns_get16(p + 6) || dns_get16(p + 8))
		return DNS_FORMERR;
	size_t len = read_name(p + DNS_HEADER, n - DNS_HEADER, &q.name);
	if (!len || n - DNS_HEADER - len < 4)
		return DNS_FORMERR;
	const uint8_t *rest = p + DNS_HEADER + len;
	q.type = dns_get16(rest);
	q.class = dns_get16(rest + 2);
	q.question_len = (uint16_t)(len + 4);
	if (dns_get16(p + 10))
		read_opt(rest + 4, n - DNS_HEADER - q.question_len, &q);
	*ret = q;
	return DNS_NOERROR;
}

/* ---- answers ---- */
void dns_answer_begin(struct dns_answer *a, uint8_t *room, size_t cap, const uint8_t *query, const struct dns_query *q)
{
	memcpy(room, query, DNS_HEADER);
	memcpy(room + DNS_HEADER, query + DNS_HEADER, q->question_len);
	/* what EDNS adds is kept free */
	*a = (struct dns_answer){ .b = room, .len = DNS_HEADER + (size_t)q->question_len, .cap = cap - (q->edns ? OPT_LEN : 0) };
}

/* The owner is always the question's name: a pointer to it. */
static void add_record(struct dns_answer *a, uint16_t type, uint32_t ttl, const uint8_t *data, uint16_t len)
{
	uint8_t *p = a->b + a->len;

	if (a->cut || a->len + 12 + len > a->cap) {
		a->cut = true;
		return;
	}
	dns_put16(p, 0xc000 | DNS_HEADER);
	dns_put16(p + 2, type);
	dns_put16(p + 4, DNS_IN);
	dns_put16(p + 6, (uint16_t)(ttl >> 16));
	dns_put16(p + 8, (uint16_t)ttl);
	dns_put16(p + 10, len);
	memcpy(p + 12, data, len);
	a->len += 12U + len;
	a->n_answers++;
}

void dns_answer_addr(struct dns_answer *a, const struct dns_addr *addr, uint32_t ttl)
{
	add_record(a, addr->len == 4 ? DNS_A : DNS_AAAA, ttl, addr->b, addr->len);
}

void dns_answer_ptr(struct dns_answer *a, const struct dns_name *name, uint32_t ttl)
{
	add_record(a, DNS_PTR, ttl, name->b, name->len);
}

size_t dns_answer_end(struct dns_answer *a, const struct dns_query *q, int code, bool authoritative)
{
	uint16_t flags = QR | RA | (q->flags & (OPCODE | RD | CD)) | (authoritative ? AA : 0) | (a->cut ? TC : 0) | (uint16_t)code;

	dns_put16(a->b + 2, flags);
	dns_put16(a->b + 4, q->question_len ? 1 : 0);
	dns_put16(a->b + 6, a->n_answers);
	dns_put16(a->b + 8, 0);
	dns_put16(a->b + 10, q->edns);
	if (q->edns) {
		uint8_t *p = a->b + a->len;
		memset(p, 0, OPT_LEN);
		dns_put16(p + 1, DNS_OPT);
		dns_put16(p + 3, UDP_SIZE_OWN);
		a->len += OPT_LEN;
	}
	return a->len;
}

/* ---- replies ---- */
bool dns_reply_is_for(const uint8_t *reply, size_t n, uint16_t id, const uint8_t *query, const struct dns_query *q)
{
	const uint8_t *a = reply + DNS_HEADER, *b = query + DNS_HEADER;

	if (n < DNS_HEADER || dns_get16(reply) != id || !(dns_get16(reply + 2) & QR) || (dns_get16(reply + 2) & OPCODE))
		return false;
	/* an error may come without the question; everything else must repeat it */
	if (dns_get16(reply + 4) == 0)
		return n == DNS_HEADER && (reply[3] & 15) != DNS_NOERROR && get32(reply + 6) == 0;
	if (dns_get16(reply + 4) != 1 || n < DNS_HEADER + (size_t)q->question_len)
		return false;
	for (size_t i = 0; i + 4 < q->question_len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return memcmp(a + q->question_len - 4, b + q->question_len - 4, 4) == 0;
}

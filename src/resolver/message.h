/* SPDX-License-Identifier: Apache-2.0
 * resolver/message.h - DNS messages as bytes (RFC 1035, 3596, 6891): reading a question, writing answers, judging replies.
 *
 * Every byte comes from a container or from a name server: nothing is believed that was not checked against the length.
 * Names are kept as they travel (length-prefixed labels), in lower case, so comparing is memcmp. Owns nothing, allocates
 * nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_HEADER = 12, DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63, DNS_UDP_PLAIN = 512, DNS_MESSAGE_MAX = 65535,
	DNS_QUERY_MAX = 4096,   /* longer questions are not answered */
	DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255, DNS_IN = 1,
	DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4, DNS_REFUSED = 5,
};

struct dns_name {
	uint8_t len;                     /* with the final zero byte; 0: none */
	uint8_t b[DNS_NAME_MAX];
};
/* "web.dns.podman" (a final dot is fine) -> labels in lower case. false: no name. */
bool dns_name_from_text(const char *text, size_t len, struct dns_name *ret);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* Cuts `suffix` off; false: it does not end so (or is the suffix itself), *a untouched. */
bool dns_name_cut(struct dns_name *a, const struct dns_name *suffix);

struct dns_addr {
	uint8_t len;                     /* 4 or 16; 0: none */
	uint8_t b[16];
};
bool dns_addr_equal(const struct dns_addr *a, const struct dns_addr *b);
/* The address that a name of in-addr.arpa or ip6.arpa asks for. false: the name is no such one. */
bool dns_name_to_addr(const struct dns_name *n, struct dns_addr *ret);

struct dns_query {
	uint16_t id, flags, type, class;
	uint16_t question_len;           /* bytes behind the header */
	uint16_t udp_size;               /* what the asker can take; DNS_UDP_PLAIN without EDNS */
	bool edns;
	struct dns_name name;
};
/* DNS_NOERROR: a question to work on; another code: answer with it; -1: not worth an answer. */
int dns_query_parse(const uint8_t *p, size_t n, struct dns_query *ret);

/* ---- answers ---- */
struct dns_answer {
	uint8_t *b;
	size_t len, cap;                 /* cap: the limit of the transport */
	uint16_t n_answers;
	bool cut;                        /* did not fit: the asker comes again over TCP */
};
/* Header and question of `query` (its own bytes); room: at least DNS_HEADER + question_len + 11. */
void dns_answer_begin(struct dns_answer *a, uint8_t *room, size_t cap, const uint8_t *query, const struct dns_query *q);
void dns_answer_addr(struct dns_answer *a, const struct dns_addr *addr, uint32_t ttl);
void dns_answer_ptr(struct dns_answer *a, const struct dns_name *name, uint32_t ttl);
/* Returns the length of the message. */
size_t dns_answer_end(struct dns_answer *a, const struct dns_query *q, int code, bool authoritative);

/* ---- forwarding ---- */
static inline uint16_t dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline void dns_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
/* Whether this is a reply to the query with that id: id, direction, operation, one question, the same question. Whatever
 * else it holds is for the asker; nothing is kept here. */
bool dns_reply_is_for(const uint8_t *reply, size_t n, uint16_t id, const uint8_t *query, const struct dns_query *q);

/* SPDX-License-Identifier: Apache-2.0
 * fuzz-dns: a DNS message as a question (answered into the smallest room) and as the reply to one; files of the zone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/zone.h"

static void as_question(const uint8_t *data, size_t size)
{
	uint8_t room[DNS_UDP_PLAIN];
	struct dns_addr addr = { 16, { 0xfd } };
	struct dns_answer a;
	struct dns_query q;
	int code = dns_query_parse(data, size, &q);

	if (code < 0)
		return;
	dns_answer_begin(&a, room, sizeof(room), data, &q);
	if (q.type == DNS_PTR && dns_name_to_addr(&q.name, &addr))
		dns_answer_ptr(&a, &q.name, 0);
	for (int i = 0; i < 40; i++)
		dns_answer_addr(&a, &addr, 0);
	if (dns_answer_end(&a, &q, code, true) > sizeof(room))
		abort();
	dns_reply_is_for(data, size, q.id, data, &q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t query[] = "\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\3web\0\0\1\0\1";
	struct zone_network n = {};
	struct zone_member m = {};
	struct dns_query q;

	as_question(data, size);
	if (dns_query_parse(query, sizeof(query) - 1, &q) != DNS_NOERROR)
		abort();
	dns_reply_is_for(data, size, 0x1234, query, &q);
	zone_parse_member((const char *)data, size, &m);
	zone_parse_listen((const char *)data, size, &n);
	zone_member_done(&m);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/own.h"
#include "base/test.h"
#include "resolver/message.h"

#define HEAD "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static void test_query_parse_judges_bytes(void **state)
{
	static const struct {
		const uint8_t *p;
		size_t n;
		int want;
	} cases[] = {
		{ BYTES(HEAD "\3web\0\0\1\0\1"), DNS_NOERROR },
		{ BYTES(HEAD "\3web\0\0\1\0"), DNS_FORMERR },                                   /* cut in the class */
		{ BYTES(HEAD "\3we"), DNS_FORMERR },                                            /* in a label */
		{ BYTES(HEAD "\xc0\x0c\0\1\0\1"), DNS_FORMERR },                                /* a pointer to itself */
		{ BYTES(HEAD "\x40xxxx\0\0\1\0\1"), DNS_FORMERR },                              /* a label of 64 bytes */
		{ BYTES("\x12\x34\x81\x00\x00\x01\0\0\0\0\0\0\3web\0\0\1\0\1"), -1 },           /* a reply */
		{ BYTES("\x12\x34\x29\x00\x00\x01\0\0\0\0\0\0\3web\0\0\1\0\1"), DNS_NOTIMP },   /* an update */
		{ BYTES("\x12\x34\x01\x00\x00\x02\0\0\0\0\0\0\3web\0\0\1\0\1"), DNS_FORMERR },  /* two questions */
		{ BYTES("\x12\x34\x01\x00\x00\x01\0\1\0\0\0\0\3web\0\0\1\0\1"), DNS_FORMERR },  /* with an answer */
		{ BYTES("\x12\x34\x01"), -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_query q;
		assert_int_equal(dns_query_parse(cases[i].p, cases[i].n, &q), cases[i].want);
	}
}

static void test_query_parse_reads_names_and_edns(void **state)
{
	static const char bytes[] = HEAD "\3WeB\3dns\6PODMAN\0\0\x1c\0\1" "\0\0\x29\x10\0\0\0\0\0\0\0";
	uint8_t copy[sizeof(bytes) - 1];
	struct dns_query q;
	struct dns_name want, suffix;

	memcpy(copy, bytes, sizeof(copy));
	copy[11] = 1;
	assert_int_equal(dns_query_parse(copy, sizeof(copy), &q), DNS_NOERROR);
	assert_int_equal(q.type, DNS_AAAA);
	assert_true(q.edns);
	assert_int_equal(q.udp_size, 4096);
	assert_true(dns_name_from_text("web.dns.podman.", 15, &want));
	assert_true(dns_name_equal(&want, &q.name));
	assert_true(dns_name_from_text("dns.podman", 10, &suffix));
	assert_true(dns_name_cut(&q.name, &suffix));
	assert_true(dns_name_from_text("web", 3, &want));
	assert_true(dns_name_equal(&want, &q.name));
	assert_true(dns_name_from_text("xdns.podman", 11, &q.name));
	assert_false(dns_name_cut(&q.name, &suffix));
	assert_false(dns_name_cut(&suffix, &suffix));
}

static void test_name_to_addr_reads_reverse_names(void **state)
{
	static const struct {
		const char *name;
		struct dns_addr want;
	} cases[] = {
		{ "5.0.89.10.in-addr.arpa", { 4, { 10, 89, 0, 5 } } },
		{ "5.0.89.in-addr.arpa", {} },
		{ "1.5.0.89.10.in-addr.arpa", {} },
		{ "256.0.89.10.in-addr.arpa", {} },
		{ "05.0.89.10.in-addr.arpa", {} },
		{ "x.0.89.10.in-addr.arpa", {} },
		{ "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", { 16, { 0xfd, [15] = 5 } } },
		{ "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", {} },
		{ "web", {} },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_name n;
		struct dns_addr a = {};
		assert_true(dns_name_from_text(cases[i].name, strlen(cases[i].name), &n));
		assert_int_equal(dns_name_to_addr(&n, &a), cases[i].want.len != 0);
		if (cases[i].want.len)
			assert_true(dns_addr_equal(&a, &cases[i].want));
	}
}

static void test_answer_is_cut_where_it_does_not_fit(void **state)
{
	static const struct dns_addr addr = { 4, { 10, 89, 0, 5 } };
	uint8_t room[DNS_UDP_PLAIN];
	struct dns_query q;
	struct dns_answer a;

	assert_int_equal(dns_query_parse(BYTES(HEAD "\3web\0\0\1\0\1"), &q), DNS_NOERROR);
	dns_answer_begin(&a, room, sizeof(room), (const uint8_t *)HEAD "\3web\0\0\1\0\1", &q);
	for (int i = 0; i < 60; i++)
		dns_answer_addr(&a, &addr, 0);
	size_t n = dns_answer_end(&a, &q, DNS_NOERROR, true);
	assert_in_range(n, 400, DNS_UDP_PLAIN);
	assert_int_equal(dns_get16(room + 2), 0x8780);   /* reply, authoritative, cut, recursion */
	assert_int_equal(dns_get16(room + 6), (n - 21) / 16);
}

static void test_reply_must_repeat_id_and_question(void **state)
{
	static const char query[] = HEAD "\3web\0\0\1\0\1";
	static const struct {
		const uint8_t *p;
		size_t n;
		bool want;
	} cases[] = {
		{ BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\3wEb\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"), true },
		{ BYTES("\x12\x35\x81\x80\0\1\0\1\0\0\0\0\3web\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"), false },
		{ BYTES("\x12\x34\x01\x80\0\1\0\1\0\0\0\0\3web\0\0\1\0\1"), false },          /* a question */
		{ BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\3wex\0\0\1\0\1"), false },          /* another name */
		{ BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\3web\0\0\x1c\0\1"), false },        /* another type */
		{ BYTES("\x12\x34\x81\x80\0\0\0\1\0\0\0\0"), false },                         /* no question, no error */
		{ BYTES("\x12\x34\x81\x85\0\0\0\0\0\0\0\0"), true },                          /* refused without a question */
		{ BYTES("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\3web\0"), false },
	};
	struct dns_query q;

	assert_int_equal(dns_query_parse(BYTES(query), &q), DNS_NOERROR);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(dns_reply_is_for(cases[i].p, cases[i].n, 0x1234, (const uint8_t *)query, &q), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query_parse_judges_bytes),
		cmocka_unit_test(test_query_parse_reads_names_and_edns),
		cmocka_unit_test(test_name_to_addr_reads_reverse_names),
		cmocka_unit_test(test_answer_is_cut_where_it_does_not_fit),
		cmocka_unit_test(test_reply_must_repeat_id_and_question),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

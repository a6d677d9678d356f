/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "dhcp/test-packets.h"

#define MASK "\x01\x04\xff\xff\xff\x00"
#define HOUR "\x33\x04\x00\x00\x0e\x10"

static bool parse(const uint8_t *p, size_t n, struct dhcp_reply *r)
{
	return dhcp_parse(p, n, &packet_who, 0x1234, false, r);
}

static void is_text(const char *options, size_t n, const char *expected)
{
	uint8_t p[DHCP_PACKET_MAX];
	char text[DHCP_TEXT_MAX];
	struct dhcp_reply r;

	assert_true(parse(p, packet_make(p, DHCP_ACK, 0x1234, options, n), &r));
	dhcp_lease_format(&r.lease, text);
	assert_string_equal(text, expected);
}
#define IS_TEXT(options, expected) is_text(options, sizeof(options) - 1, expected)

static void test_parse_lease(void **state)
{
	(void)state;
	IS_TEXT(MASK HOUR "\x03\x04\x0a\x4c\x00\x01\x06\x08\x0a\x4c\x00\x02\x0a\x4c\x00\x03\x0f\x0clan.example.\xff",
		"address 10.76.0.50/24\nrouter 10.76.0.1\ndns 10.76.0.2\ndns 10.76.0.3\nsearch lan.example\nserver 10.76.0.1\nseconds 3600\n");
	/* no mask: the class'; no time: an hour; padding; no end mark */
	IS_TEXT("\x00\x00", "address 10.76.0.50/8\nserver 10.76.0.1\nseconds 3600\n");
	/* a mask with holes is none; one without bits is none */
	IS_TEXT("\x01\x04\xff\x00\xff\x00\xff", "address 10.76.0.50/8\nserver 10.76.0.1\nseconds 3600\n");
	/* a router that is no host, a server that is a group */
	IS_TEXT(MASK "\x03\x04\xe0\x00\x00\x01\x06\x04\xe0\x00\x00\x01\xff", "address 10.76.0.50/24\nserver 10.76.0.1\nseconds 3600\n");
}

static void test_parse_routes(void **state)
{
	(void)state;
	/* classless routes (host bits are cut off) replace the router; 0.0.0.0 is the link */
	IS_TEXT(MASK HOUR "\x03\x04\x0a\x4c\x00\x09\x79\x15\x10\x0a\x63\x0a\x4c\x00\x08\x00\x0a\x4c\x00\x01\x16\xac\x10\xff\x00\x00\x00\x00\xff",
		"address 10.76.0.50/24\nroute 10.99.0.0/16 10.76.0.8\nrouter 10.76.0.1\nroute 172.16.252.0/22 link\nserver 10.76.0.1\nseconds 3600\n");
	/* a prefix of 33, and one that is cut short, end the list */
	IS_TEXT(MASK HOUR "\x79\x08\x00\x0a\x4c\x00\x01\x21\x0a\x01\xff",
		"address 10.76.0.50/24\nrouter 10.76.0.1\nserver 10.76.0.1\nseconds 3600\n");
	/* in two pieces: RFC 3396 */
	IS_TEXT(MASK HOUR "\x79\x02\x00\x0a\x79\x03\x4c\x00\x01\xff", "address 10.76.0.50/24\nrouter 10.76.0.1\nserver 10.76.0.1\nseconds 3600\n");
}

static void test_parse_domain_refuses_what_is_no_name(void **state)
{
	static const struct { const char *text; size_t n; bool good; } cases[] = {
		{ "\x0f\x03" "lan\xff", 6, true }, { "\x0f\x04" "lan\0\xff", 7, true }, { "\x0f\x05" "a\nb c\xff", 8, false },
		{ "\x0f\x04" "a..b\xff", 7, false }, { "\x0f\x02" "-a\xff", 5, false }, { "\x0f\x02" ".a\xff", 5, false }, { "\x0f\x03" "a b\xff", 6, false },
	};
	uint8_t p[DHCP_PACKET_MAX];
	struct dhcp_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(p, packet_make(p, DHCP_ACK, 0x1234, cases[i].text, cases[i].n), &r));
		assert_int_equal(r.lease.n_search == 1, cases[i].good);
	}
}

static void test_parse_search_list(void **state)
{
	(void)state;
	/* RFC 3397's own example in two pieces, and the domain that it stands for */
	IS_TEXT(MASK HOUR "\x77\x09\x03" "eng\x05" "appl\x77\x12" "e\x03" "com\0\x09" "marketing\xc0\x04\x0f\x03lan\xff",
		"address 10.76.0.50/24\nsearch eng.apple.com\nsearch marketing.apple.com\nserver 10.76.0.1\nseconds 3600\n");
	/* a pointer to itself, forward, a label that is cut off: what was before counts */
	IS_TEXT(MASK HOUR "\x77\x05\x01" "a\0\xc0\x03\xff", "address 10.76.0.50/24\nsearch a\nserver 10.76.0.1\nseconds 3600\n");
	IS_TEXT(MASK HOUR "\x77\x07\x01" "a\0\xc0\x05\x01" "b\xff", "address 10.76.0.50/24\nsearch a\nserver 10.76.0.1\nseconds 3600\n");
	IS_TEXT(MASK HOUR "\x77\x05\x01" "a\0\x09" "b\x0f\x03lan\xff", "address 10.76.0.50/24\nsearch a\nserver 10.76.0.1\nseconds 3600\n");
	/* one that is no name is left out, the root too; none at all: the domain */
	IS_TEXT(MASK HOUR "\x77\x09\x01" "\n\0\x01" "b\0\0\x01" "c\xff", "address 10.76.0.50/24\nsearch b\nserver 10.76.0.1\nseconds 3600\n");
	IS_TEXT(MASK HOUR "\x77\x02\xc0\x00\x0f\x03lan\xff", "address 10.76.0.50/24\nsearch lan\nserver 10.76.0.1\nseconds 3600\n");
}

static void test_parse_times(void **state)
{
	static const struct { const char *text; size_t n; uint32_t s, t1, t2; } cases[] = {
		{ HOUR "\xff", 7, 3600, 1800, 3150 }, { "\x33\x04\0\0\0\x01\xff", 7, 10, 5, 9 },
		{ HOUR "\x3a\x04\0\0\0\x64\x3b\x04\0\0\0\xc8\xff", 19, 3600, 100, 200 },
		{ HOUR "\x3a\x04\0\x01\0\0\x3b\x04\0\x01\0\0\xff", 19, 3600, 1800, 3150 },   /* later than the end */
		{ "\x33\x04\xff\xff\xff\xff\xff", 7, UINT32_MAX, UINT32_MAX / 2, UINT32_MAX - UINT32_MAX / 8 },
	};
	uint8_t p[DHCP_PACKET_MAX];
	struct dhcp_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(p, packet_make(p, DHCP_ACK, 0x1234, cases[i].text, cases[i].n), &r));
		assert_int_equal(r.lease.seconds, cases[i].s);
		assert_int_equal(r.lease.t1, cases[i].t1);
		assert_int_equal(r.lease.t2, cases[i].t2);
	}
}

static void test_parse_overload(void **state)
{
	uint8_t p[DHCP_PACKET_MAX];
	struct dhcp_reply r;
	size_t n = PACKET(p, DHCP_ACK, 0x1234, "\x34\x01\x03\xff");

	(void)state;
	memcpy(p + 28 + 108, MASK "\xff", 7);                  /* the file's place */
	memcpy(p + 28 + 44, "\x0f\x03lan\xff", 6);             /* the server name's */
	assert_true(parse(p, n, &r));
	assert_int_equal(r.lease.prefix, 24);
	assert_string_equal(r.lease.search[0], "lan");
}

static void test_parse_nak_reason_is_printable(void **state)
{
	uint8_t p[DHCP_PACKET_MAX];
	struct dhcp_reply r;

	(void)state;
	assert_true(parse(p, PACKET(p, DHCP_NAK, 0x1234, "\x38\x05no\033\n!\xff"), &r));
	assert_int_equal(r.type, DHCP_NAK);
	assert_string_equal(r.reason, "no??" "!");
}

/* One byte of a good answer becomes another. */
static void test_parse_refuses_what_is_not_for_us(void **state)
{
	static const struct { size_t at; uint8_t value; const char *what; } cases[] = {
		{ 0, 0x65, "IPv6" }, { 0, 0x44, "a short header" }, { 9, 6, "TCP" }, { 6, 0x20, "a fragment" }, { 21, 66, "another port" },
		{ 23, 67, "to a server" }, { 25, 7, "no room for UDP" }, { 28, 1, "a request" }, { 29, 6, "no Ethernet" }, { 30, 8, "a long MAC" },
		{ 32, 9, "another exchange" }, { 28 + 28, 4, "another MAC" }, { 28 + 236, 0, "no cookie" }, { PACKET_OPTIONS + 2, 1, "a DISCOVER" },
		{ 28 + 16, 127, "a loopback address" }, { 28 + 16, 0, "no address" }, { 28 + 16, 224, "a group" },
	};
	uint8_t p[DHCP_PACKET_MAX];
	struct dhcp_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = PACKET(p, DHCP_ACK, 0x1234, MASK "\xff");
		uint8_t low = p[25], high = p[24];
		p[cases[i].at] = cases[i].value;
		if (cases[i].at < 20)   /* its checksum is right again */
			packet_finish(p, n);
		else if (cases[i].at != 25)
			p[25] = low, p[24] = high;
		else
			p[24] = 0;
		if (parse(p, n, &r))
			fail_msg("%s was taken", cases[i].what);
	}
	size_t n = PACKET(p, DHCP_ACK, 0x1234, MASK "\xff");
	assert_true(parse(p, n, &r));
	for (size_t i = 0; i < n; i++)
		assert_false(parse(p, i, &r));   /* cut short */
	p[10] ^= 1;
	assert_false(parse(p, n, &r));
	p[10] ^= 1;
	p[26] = 1;   /* a wrong checksum, unless the kernel says it is none yet */
	assert_false(parse(p, n, &r));
	assert_true(dhcp_parse(p, n, &packet_who, 0x1234, true, &r));
}

static void test_format_is_a_whole_packet(void **state)
{
	struct dhcp_who who = packet_who;
	uint8_t p[DHCP_PACKET_MAX];

	(void)state;
	memset(who.hostname, 'h', 200);
	size_t n = dhcp_format(&who, &(struct dhcp_request){ .type = DHCP_REQUEST, .xid = 7, .wanted = OFFERED, .server = SERVER }, p);
	assert_in_range(n, 300 + 28, DHCP_PACKET_MAX);
	static const uint8_t options[] = { 53, 1, 3, 61, 7, 1, 2, 0, 0, 0, 0, 7, 50, 4, 10, 76, 0, 50, 54, 4, 10, 76, 0, 1 };
	assert_memory_equal(p + PACKET_OPTIONS, options, sizeof(options));
	uint32_t sum = 17 + (uint32_t)(n - 20);
	for (size_t i = 12; i < n; i++)
		sum += (uint32_t)p[i] << (i & 1 ? 0 : 8);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	n = dhcp_format(&packet_who, &(struct dhcp_request){ .type = DHCP_RELEASE, .from = OFFERED, .to = SERVER, .server = SERVER }, p);
	assert_int_equal(n, 28 + 300);
	assert_memory_equal(p + 12, "\x0a\x4c\x00\x32\x0a\x4c\x00\x01", 8);
	assert_memory_equal(p + 28 + 12, "\x0a\x4c\x00\x32", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_lease), cmocka_unit_test(test_parse_routes),
		cmocka_unit_test(test_parse_domain_refuses_what_is_no_name), cmocka_unit_test(test_parse_times),
		cmocka_unit_test(test_parse_search_list),
		cmocka_unit_test(test_parse_overload), cmocka_unit_test(test_parse_nak_reason_is_printable),
		cmocka_unit_test(test_parse_refuses_what_is_not_for_us), cmocka_unit_test(test_format_is_a_whole_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/idmap: values, look-ups, ranges; making namespaces as root. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/test.h"
#include "os/idmap.h"
#include "os/ns.h"

static void test_idmap_parse_takes_the_grammar_only(void **state)
{
	static const struct { const char *text; bool short_ok, ok; } cases[] = {
		{ "0:1000:1", false, true }, { "0:100000:65536", false, true }, { "0:1000", true, true },
		{ "0:1000", false, false }, { "0:0:4294967295", false, true }, { "", false, false }, { "0", true, false },
		{ "0:1:2:3", false, false }, { "a:1:2", false, false }, { "0:1:", false, false }, { ":1:2", false, false },
		{ "0:1:0", false, false }, { "4294967295:0:2", false, false }, { "0:4294967295:2", false, false },
		{ "-1:0:1", false, false }, { "0:1:99999999999999999999", false, false }, { " 0:1:1", false, false },
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct idmap m = { .n = 0 };
		int r = idmap_parse(&m, cases[i].text, cases[i].short_ok, &err);
		if ((r == 0) != cases[i].ok)
			fail_msg("%s: %s", cases[i].text, r == 0 ? "accepted" : err.text);
	}
}

static void test_idmap_refuses_overlaps_and_floods(void **state)
{
	struct idmap m = { .n = 0 };
	struct error err;

	assert_int_equal(idmap_add(&m, (struct idmap_range){ 0, 1000, 10 }, &err), 0);
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 9, 5000, 1 }, &err), -1);
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 20, 1009, 1 }, &err), -1);
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 10, 1010, 1 }, &err), 0);
	for (uint32_t i = 0; i < IDMAP_MAX - 2; i++)
		assert_int_equal(idmap_add(&m, (struct idmap_range){ 100 + 2 * i, 9000 + 2 * i, 1 }, &err), 0);
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 90000, 90000, 1 }, &err), -1);
}

static void test_idmap_looks_up_both_ways(void **state)
{
	struct idmap m = { .n = 0 }, outer = { .n = 0 }, both = { .n = 0 };
	struct error err;
	uint32_t id;
	char text[64];

	assert_int_equal(idmap_parse(&m, "0:1000:1", false, &err), 0);
	assert_int_equal(idmap_parse(&m, "1:100000:65535", false, &err), 0);
	assert_true(idmap_to_outside(&m, 0, &id) && id == 1000);
	assert_true(idmap_to_outside(&m, 65535, &id) && id == 165534);
	assert_false(idmap_to_outside(&m, 65536, &id));
	assert_true(idmap_to_inside(&m, 100000, &id) && id == 1);
	assert_false(idmap_to_inside(&m, 0, &id));
	assert_int_equal(idmap_size(&m), 65536);
	assert_int_equal(idmap_format_kernel(&m, text, sizeof(text)), 24);
	assert_string_equal(text, "0 1000 1\n1 100000 65535\n");
	assert_int_equal(idmap_parse_kernel(&outer, "         0       5000          1\n 1 200000 65536\n", &err), 0);
	struct idmap inner = { .n = 0 };
	assert_int_equal(idmap_parse(&inner, "0:0:100", false, &err), 0);
	assert_int_equal(idmap_compose(&inner, &outer, &both, &err), 0);
	assert_int_equal(both.n, 2);
	assert_true(idmap_to_outside(&both, 99, &id) && id == 200098);
	assert_int_equal(idmap_parse(&inner, "100:70000:1", false, &err), 0);
	assert_int_equal(idmap_compose(&inner, &outer, &both, &err), -1);
}

static void test_subid_parse_matches_name_and_number(void **state)
{
	static const char text[] = "# c\nalice:100000:65536\nbob:200000:65536\n1000:300000:10\nalice:bad:1\nalice:1\nalice:5:0\n";
	struct subid_ranges r = { .n = 0 };
	struct error err;
	struct idmap m;

	assert_int_equal(subid_parse(text, "alice", 1000, &r, &err), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].start, 100000);
	assert_int_equal(r.v[1].start, 300000);
	assert_int_equal(idmap_rootless(1000, &r, &m, &err), 0);
	assert_int_equal(m.n, 3);
	assert_int_equal(idmap_size(&m), 1 + 65536 + 10);
	/* the own id within a range: both sides of it */
	assert_int_equal(idmap_rootless(100005, &r, &m, &err), 0);
	assert_int_equal(m.n, 4);
	assert_int_equal(m.v[1].count, 5);
	assert_int_equal(m.v[2].outside, 100006);
	assert_int_equal(m.v[2].inside, 6);
	assert_int_equal(idmap_size(&m), 65536 + 10);
	r.n = 0;
	assert_int_equal(subid_parse(text, NULL, 77, &r, &err), 0);
	assert_int_equal(r.n, 0);
}

static void test_subid_check_refuses_ranges_of_two_users(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "alice:100000:65536\nbob:165536:65536\n", true }, { "alice:100000:65536\nalice:100000:10\n1000:100000:10\n", true },
		{ "alice:100000:65536\nbob:165535:1\n", false },    { "bob:1:200000\nalice:100000:65536\n", false },
		{ "alice:100000:65536\n1001:100005:1\n", false },   { "root:100000:65536\nalice:100000:65536\n0:100000:9\n", true },
		{ "alice:4294967295:1\nbob:4294967290:6\n", false }, { "alice:10:10\nbob:bad:1\n# bob:10:10\n", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct subid_ranges r = { .n = 0 };
		struct error err = {};
		assert_int_equal(subid_parse(cases[i].text, "alice", 1000, &r, &err), 0);
		assert_int_equal(subid_check_alone(cases[i].text, "alice", 1000, &r, &err), cases[i].good ? 0 : -1);
	}
}

static void test_idmap_makes_user_namespaces(void **state)
{
	struct idmap_pair m = { .uids = { .n = 0 } };
	struct error err;

	if (geteuid() != 0)
		skip();
	assert_int_equal(idmap_parse(&m.uids, "0:100000:65536", false, &err), 0);
	assert_int_equal(idmap_parse(&m.gids, "0:100000:65536", false, &err), 0);
	autoclose int fd = idmap_make_userns(&m, &err);
	if (fd < 0)
		fail_msg("%s", err.text);
	autoclose int own = ns_open(0, NS_USER, &err);
	assert_false(ns_same(fd, own));
	pid_t pid = fork();
	if (pid == 0) {
		struct idmap seen;
		if (ns_join(fd, NS_USER, &err) < 0 || idmap_load(0, false, &seen, &err) < 0)
			_exit(1);
		_exit(idmap_equal(&seen, &m.uids) ? 0 : 2);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_idmap_split_cuts_where_the_parent_ends(void **state)
{
	struct idmap parent = {}, m = {};
	struct error e = {};

	(void)state;
	assert_int_equal(idmap_add(&parent, (struct idmap_range){ 0, 1001, 1 }, &e), 0);
	assert_int_equal(idmap_add(&parent, (struct idmap_range){ 1, 100000, 65536 }, &e), 0);
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 0, 0, 1000 }, &e), 0);
	assert_int_equal(idmap_split(&m, &parent, &e), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.v[0].count, 1);
	assert_int_equal(m.v[1].inside, 1);
	assert_int_equal(m.v[1].outside, 1);
	assert_int_equal(m.v[1].count, 999);
	m = (struct idmap){};
	assert_int_equal(idmap_add(&m, (struct idmap_range){ 0, 65000, 1000 }, &e), 0);
	assert_true(idmap_split(&m, &parent, &e) < 0);
	assert_int_equal(e.kind, ERROR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idmap_split_cuts_where_the_parent_ends),
		cmocka_unit_test(test_idmap_parse_takes_the_grammar_only),
		cmocka_unit_test(test_idmap_refuses_overlaps_and_floods),
		cmocka_unit_test(test_idmap_looks_up_both_ways),
		cmocka_unit_test(test_subid_parse_matches_name_and_number),
		cmocka_unit_test(test_subid_check_refuses_ranges_of_two_users),
		cmocka_unit_test(test_idmap_makes_user_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

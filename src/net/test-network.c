/* SPDX-License-Identifier: Apache-2.0
 * Tests of definitions, addresses and leases. No network is touched: everything is files and values. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "net/lease.h"
#include "net/network-impl.h"
#include "os/file.h"
#include "os/link.h"

struct fixture {
	char dir[32], run[48];
	struct conf_network conf;
	struct net_env env;
};

static int dead(void *arg, const char *id, struct error *err)
{
	(void)arg;
	(void)err;
	return id[0] != 'd';
}

static int fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/umiak-net-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->run, sizeof(f->run), "%s/run", f->dir);
	f->env = (struct net_env){ .config_dir = f->dir, .run_dir = f->run, .host_netns = -1, .conf = &f->conf, .no_sync = true,
				   .alive = dead };
	*state = f;
	return 0;
}

static int fixture_remove(void **state)
{
	struct fixture *f = *state;
	struct error err;

	file_remove_tree(AT_FDCWD, f->dir, &err);
	free(f);
	return 0;
}

#define OK(call) \
	do { \
		if ((call) < 0) \
			fail_msg("%s", err.text); \
	} while (0)

/* ---- os/ip ---- */
static void test_ip_net_arithmetic(void **state)
{
	static const struct { const char *net, *first, *last, *inside, *outside; } cases[] = {
		{ "10.88.3.4/16", "10.88.0.0", "10.88.255.255", "10.88.200.1", "10.89.0.0" },
		{ "192.168.1.0/25", "192.168.1.0", "192.168.1.127", "192.168.1.127", "192.168.1.128" },
		{ "fd00::5/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", "fd00::1", "fd00:0:0:1::" },
		{ "0.0.0.0/0", "0.0.0.0", "255.255.255.255", "9.9.9.9", "::1" },
	};
	char text[IP_TEXT];
	struct ip_net n;
	struct ip a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(ip_net_parse(cases[i].net, &n));
		a = ip_net_first(&n);
		ip_format(&a, text);
		assert_string_equal(text, cases[i].first);
		a = ip_net_last(&n);
		ip_format(&a, text);
		assert_string_equal(text, cases[i].last);
		assert_true(ip_parse(cases[i].inside, &a) && ip_net_has(&n, &a));
		assert_true(ip_parse(cases[i].outside, &a) && !ip_net_has(&n, &a));
	}
	assert_true(ip_parse("10.0.0.255", &a));
	a = ip_add(a, 1);
	ip_format(&a, text);
	assert_string_equal(text, "10.0.1.0");
	a = ip_add(a, -256);
	ip_format(&a, text);
	assert_string_equal(text, "10.0.0.0");
}

static void test_ip_refuses_what_go_refuses(void **state)
{
	static const char *const bad[] = { "10.0.0", "10.0.0.0.1", "010.0.0.1", "1.2.3.4/24", "", "::g", "1.2.3.4 " };
	static const char *const bad_nets[] = { "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/ 8", "fd00::/129", "/8", "10.0.0.0/" };
	struct ip_net n;
	struct ip a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ip_parse(bad[i], &a));
	for (size_t i = 0; i < ARRAY_LEN(bad_nets); i++)
		assert_false(ip_net_parse(bad_nets[i], &n));
}

static void test_link_words(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-", "a\nb" };
	uint8_t mac[LINK_MAC];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(link_name_is_valid(bad[i]));
	assert_true(link_name_is_valid("fifteen-letters"));
	assert_true(link_mac_parse("02:AB:cd:00:00:ff", mac) && mac[1] == 0xab);
	assert_false(link_mac_parse("02:ab:cd:00:00", mac));
	assert_false(link_mac_parse("02:ab:cd:00:00:fg", mac));
}

/* ---- definitions ---- */
#define ID "c3f2a5c1b7d94e60a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718"

static void test_network_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"name\":\"a\"}", "{\"name\":\"../a\",\"id\":\"" ID "\",\"driver\":\"bridge\"}",
		"{\"name\":\"a\",\"id\":\"short\",\"driver\":\"bridge\"}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"magic\"}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"subnets\":[{\"subnet\":\"10.0.0.0\"}]}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"subnets\":[{\"subnet\":\"10.0.0.0/24\",\"gateway\":\"10.1.0.1\"}]}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"subnets\":[{\"subnet\":\"10.0.0.0/24\"},{\"subnet\":\"10.0.0.0/16\"}]}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"network_interface\":\"a/b\",\"subnets\":[{\"subnet\":\"10.0.0.0/24\"}]}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"subnets\":[{\"subnet\":\"10.0.0.0/24\"}],\"options\":{\"vlan\":\"5000\"}}",
		"{\"name\":\"a\",\"id\":\"" ID "\",\"driver\":\"bridge\",\"subnets\":[{\"subnet\":\"10.0.0.0/24\"}],\"options\":{\"bclim\":\"1\"}}",
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_network n = {};
		if (network_parse("test", bad[i], strlen(bad[i]), &n, &err) >= 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void test_network_create_chooses_what_is_free(void **state)
{
	struct fixture *f = *state;
	const struct network_create how = { .ipv6 = true }, again = { .ignore = true };
	auto_network a = {}, b = {}, found = {}, same = {};
	struct error err;
	struct ip_net net;

	OK(str_set(&a.name, "zeta", &err));   /* no prefix of an id */
	assert_int_equal(network_create(&f->env, &a, &how, &err), 1);
	assert_int_equal(a.subnets.n, 2);
	assert_true(a.ipv6_enabled);
	OK(network_create(&f->env, &b, &(struct network_create){}, &err));
	assert_true(str_after(b.name, "podman") != NULL);
	assert_string_not_equal(a.network_interface, b.network_interface);
	assert_true(ip_net_parse(((struct network_subnet *)b.subnets.v)->subnet, &net));
	assert_false(network_overlaps(&a, &net));
	assert_int_equal(network_find(&f->env, "zeta", &found, &err), 1);
	assert_string_equal(found.id, a.id);
	OK(str_set(&same.name, "zeta", &err));
	assert_int_equal(network_create(&f->env, &same, &again, &err), 0);
	assert_string_equal(same.id, a.id);
	auto_network taken = {};
	OK(str_set(&taken.name, "zeta", &err));
	assert_true(network_create(&f->env, &taken, &(struct network_create){}, &err) < 0 && err.kind == ERROR_EXISTS);
	OK(network_remove(&f->env, &a, &err));
	network_done(&found);
	assert_int_equal(network_find(&f->env, "zeta", &found, &err), 0);
}

static void test_network_default_exists_without_a_file(void **state)
{
	struct fixture *f = *state;
	auto_network n = {};
	auto_network_list l = {};
	struct error err;

	OK(network_get(&f->env, "podman", &n, &err));
	assert_string_equal(((struct network_subnet *)n.subnets.v)->subnet, "10.88.0.0/16");
	assert_true(n.builtin);
	OK(network_list(&f->env, &l, &err));
	assert_int_equal(l.n, 1);
	assert_true(network_remove(&f->env, &n, &err) < 0);
}

/* ---- leases ---- */
static const struct network small = { .name = (char *)"small", .id = (char *)ID };
static struct network_subnet subnet = { .subnet = (char *)"10.9.0.0/29", .gateway = (char *)"10.9.0.1" };

static void take(struct fixture *f, const char *id, const char *want)
{
	struct error err;
	struct ip a;
	char text[IP_TEXT];

	OK(lease_take(&f->env, &small, &subnet, id, NULL, &a, &err));
	ip_format(&a, text);
	assert_string_equal(text, want);
}

static void test_lease_goes_round_and_takes_over_the_dead(void **state)
{
	struct fixture *f = *state;
	struct error err;
	struct ip a, want;

	take(f, "a1", "10.9.0.2");
	take(f, "a2", "10.9.0.3");
	assert_true(ip_parse("10.9.0.2", &want));
	OK(lease_give(&f->env, ID, &want, "other", &err));   /* not its own: nothing happens */
	assert_true(lease_is_of(&f->env, ID, &want, "a1"));
	OK(lease_give(&f->env, ID, &want, "a1", &err));
	take(f, "a3", "10.9.0.4");                            /* not the one just given back */
	assert_true(lease_take(&f->env, &small, &subnet, "a9", &(struct ip){ AF_INET, { 10, 9, 0, 3 } }, &a, &err) < 0);
	assert_non_null(strstr(err.text, "already allocated to container ID a2"));
	take(f, "dead1", "10.9.0.5");
	take(f, "dead2", "10.9.0.6");
	take(f, "a4", "10.9.0.2");
	take(f, "a5", "10.9.0.5");                            /* full: the dead one's */
	OK(lease_take(&f->env, &small, &subnet, "a6", &(struct ip){ AF_INET, { 10, 9, 0, 6 } }, &a, &err));
	assert_true(lease_take(&f->env, &small, &subnet, "a7", NULL, &a, &err) < 0);
	assert_non_null(strstr(err.text, "failed to find free IP in range: 10.9.0.2 - 10.9.0.6: network "));
	OK(lease_give_network(&f->env, ID, "a4", &err));
	take(f, "a7", "10.9.0.2");
}

static void test_lease_of_many_at_once_is_never_shared(void **state)
{
	struct fixture *f = *state;
	struct network_subnet wide = { .subnet = (char *)"10.10.0.0/24", .gateway = (char *)"10.10.0.1" };
	struct error err;
	int failed = 0, status;

	for (int i = 0; i < 16; i++)
		if (fork() == 0) {
			char id[8];
			struct ip a;
			for (int k = 0; k < 8; k++) {
				snprintf(id, sizeof(id), "c%d-%d", i, k);
				if (lease_take(&f->env, &small, &wide, id, NULL, &a, &err) < 0 || !lease_is_of(&f->env, ID, &a, id))
					_exit(1);
			}
			_exit(0);
		}
	while (wait(&status) > 0)
		failed += status != 0;
	assert_int_equal(failed, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_net_arithmetic), cmocka_unit_test(test_ip_refuses_what_go_refuses), cmocka_unit_test(test_link_words),
		cmocka_unit_test(test_network_parse_refuses), T(test_network_create_chooses_what_is_free),
		T(test_network_default_exists_without_a_file), T(test_lease_goes_round_and_takes_over_the_dead),
		T(test_lease_of_many_at_once_is_never_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/pasta.h"

static struct conf_network conf;
static const struct net_env env = { .conf = &conf, .host_netns = -1, .rootless = true };

static char *command(const struct pasta_job *job, bool guest, struct pasta_words *w)
{
	struct error err = {};
	struct pasta_job j = *job;

	j.dir = "/run/x/netns";
	j.name = "umiak-7-9";
	assert_int_equal(pasta_command(&env, &j, guest, w, &err), 0);
	return strv_join(&w->argv, " ");
}

static void test_pasta_command_words(void **state)
{
	static struct net_port ports[] = {
		{ .host_ip = (char *)"", .protocol = (char *)"tcp", .host_port = 8080, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"192.0.2.1", .protocol = (char *)"udp", .host_port = 5000, .container_port = 53, .range = 2 },
		{ .host_ip = (char *)"2001:db8::1", .protocol = (char *)"tcp", .host_port = 6000, .container_port = 1, .range = 100 },
	};
	static struct net_port both[] = {
		{ .host_ip = (char *)"127.0.0.1", .protocol = (char *)"tcp", .host_port = 80, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"::", .protocol = (char *)"tcp", .host_port = 81, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"::1", .protocol = (char *)"tcp", .host_port = 80, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"::1", .protocol = (char *)"udp", .host_port = 80, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"0.0.0.0", .protocol = (char *)"tcp", .host_port = 81, .container_port = 80, .range = 1 },
	};
	static const struct {
		struct pasta_job job;
		bool guest;
		const char *want, *dns, *guest_address;
	} cases[] = {
		{ { .options = NULL }, false,
		  "--config-net --dns-forward 169.254.1.1 -t none -u none -T none -U none --no-map-gw --quiet --netns=/run/x/netns/umiak-7-9",
		  "169.254.1.1", NULL },
		{ { .options = "--map-gw,-d,-T,80" }, true,
		  "--config-net -d -T 80 --dns-forward 169.254.1.1 --map-guest-addr 169.254.1.2 -t none -u none -U none "
		  "--netns=/run/x/netns/umiak-7-9", "169.254.1.1", "169.254.1.2" },
		{ { .options = "--dns-forward,198.51.100.1,--map-guest-addr=none" }, true,
		  "--config-net --dns-forward 198.51.100.1 --map-guest-addr=none -t none -u none -T none -U none --no-map-gw --quiet "
		  "--netns=/run/x/netns/umiak-7-9", "198.51.100.1", "" },
		{ { .ports = ports, .n_ports = 3 }, false,
		  "--config-net -t 8080:80 -u 192.0.2.1/5000:53 -u 192.0.2.1/5001:54 -t 2001:db8::1/6000-6099:1-100 "
		  "--dns-forward 169.254.1.1 -T none -U none --no-map-gw --quiet --netns=/run/x/netns/umiak-7-9", "169.254.1.1", NULL },
		{ { .ports = both, .n_ports = 5 }, true,   /* one word for both families; not where they lead elsewhere */
		  "--config-net -t %lo/80:80 -t 81:80 -u ::1/80:80 --dns-forward 169.254.1.1 --map-guest-addr 169.254.1.2 -T none -U none "
		  "--no-map-gw --quiet --netns=/run/x/netns/umiak-7-9", "169.254.1.1", "169.254.1.2" },
		{ { .ports = ports, .n_ports = 1, .ports_only = true }, true,
		  "-I umiak-ports -a 169.254.2.2 -n 30 -g 169.254.2.1 -a fd75:6d69:616b::2 -g fd75:6d69:616b::1 --no-dhcp --no-dhcpv6 "
		  "--no-ra -t 8080:80 -u none -T none -U none --no-map-gw --quiet --netns=/run/x/netns/umiak-7-9", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_pasta_words w = {};
		autofree char *text = command(&cases[i].job, cases[i].guest, &w);
		assert_string_equal(text, cases[i].want);
		assert_int_equal(w.dns.n, cases[i].dns ? 1 : 0);
		if (cases[i].dns)
			assert_string_equal(w.dns.v[0], cases[i].dns);
		assert_true(streq0(w.guest_address, cases[i].guest_address));
	}
}

static void test_pasta_command_refuses_sctp(void **state)
{
	struct net_port p = { .host_ip = (char *)"", .protocol = (char *)"sctp", .host_port = 80, .container_port = 80, .range = 1 };
	const struct pasta_job job = { .dir = "/d", .name = "n", .ports = &p, .n_ports = 1 };
	auto_pasta_words w = {};
	struct error err = {};

	assert_int_equal(pasta_command(&env, &job, true, &w, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_EXECUTABLE);
	assert_non_null(strstr(err.text, "can't forward protocol: sctp: "));
}

static void test_pasta_command_refuses_a_port_twice(void **state)
{
	struct net_port p[] = {
		{ .host_ip = (char *)"127.0.0.1", .protocol = (char *)"tcp", .host_port = 8080, .container_port = 80, .range = 1 },
		{ .host_ip = (char *)"::1", .protocol = (char *)"tcp", .host_port = 8079, .container_port = 79, .range = 3 },
	};
	const struct pasta_job job = { .dir = "/d", .name = "n", .ports = p, .n_ports = 2 };
	auto_pasta_words w = {};
	struct error err = {};

	(void)state;
	assert_int_equal(pasta_command(&env, &job, true, &w, &err), -1);
	assert_string_equal(err.text, "port 8080 is published on 127.0.0.1 and on ::1, pasta takes a port once: publish it on one of them, or "
				      "on all addresses (-p 8080:80)");
	p[1].range = 1;
	assert_int_equal(pasta_command(&env, &job, true, &w, &err), 0);
}

static void test_pasta_sweep_takes_dead_ones(void **state)
{
	char dir[] = "/tmp/test-pasta-XXXXXX", path[64];
	struct error err = {};

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {   /* pid 1 lives, but did not start at tick 5; the other file is not ours */
		snprintf(path, sizeof(path), "%s/%s", dir, i ? "umiak-1-5" : "netns-1-5");
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fclose(f);
	}
	assert_int_equal(pasta_sweep(dir, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/netns-1-5", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pasta_command_words),
		cmocka_unit_test(test_pasta_command_refuses_sctp),
		cmocka_unit_test(test_pasta_command_refuses_a_port_twice), cmocka_unit_test(test_pasta_sweep_takes_dead_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

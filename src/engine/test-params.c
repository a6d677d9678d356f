/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/container.h"
#include "engine/launch.h"
#include "engine/names.h"
#include "engine/params-parse.h"

#define ASSERT_OK(expr, e) \
	do { \
		if ((expr) < 0) \
			fail_msg("%s: %s", #expr, (e).text); \
	} while (0)

static void free_mounts(struct list *l)
{
	struct param_mount *m = l->v;

	for (size_t i = 0; i < l->n; i++)
		param_mount_done(&m[i]);
	free(l->v);
	*l = (struct list){};
}

/* ---- -v, --mount, --tmpfs ---- */
typedef int (*mount_parser)(const char *value, struct list *mounts, struct error *err);

static void test_params_mount_parses_what_makes_sense(void **state)
{
	static const struct {
		mount_parser parse;
		const char *text, *type, *source, *destination, *option;
	} cases[] = {
		{ param_volume_parse, "/data", "volume", NULL, "/data", NULL },
		{ param_volume_parse, "name:/data", "volume", "name", "/data", NULL },
		{ param_volume_parse, "name:/data:ro", "volume", "name", "/data", "ro" },
		{ param_volume_parse, "/:/host:ro,rslave", "bind", "/", "/host", "rslave" },
		{ param_volume_parse, "/:/host//x/../y/:z", "bind", "/", "/host/y", "z" },
		{ param_volume_parse, "/:/host:O", "overlay", "/", "/host", "O" },
		{ param_mount_parse, "type=bind,source=/,destination=/a", "bind", "/", "/a", NULL },
		{ param_mount_parse, "type=bind,src=/,dst=/a,ro", "bind", "/", "/a", "ro" },
		{ param_mount_parse, "type=bind,src=/,target=/a,readonly=false", "bind", "/", "/a", "rw" },
		{ param_mount_parse, "type=tmpfs,destination=/t,tmpfs-size=5m", "tmpfs", NULL, "/t", "size=5m" },
		{ param_mount_parse, "src=v,dst=/v,\"U\"", "volume", "v", "/v", "U" },
		{ param_mount_parse, "type=image,source=busybox,dst=/img", "image", "busybox", "/img", NULL },
		{ param_mount_parse, "type=devpts,destination=/dev/pts,uid=5", "devpts", NULL, "/dev/pts", "uid=5" },
		{ param_tmpfs_parse, "/tmp", "tmpfs", NULL, "/tmp", NULL },
		{ param_tmpfs_parse, "/tmp:size=10m,exec", "tmpfs", NULL, "/tmp", "exec" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct list l = {};
		struct error e = {};
		ASSERT_OK(cases[i].parse(cases[i].text, &l, &e), e);
		assert_int_equal(l.n, 1);
		const struct param_mount *m = l.v;
		assert_string_equal(m->type, cases[i].type);
		assert_true(streq0(m->source, cases[i].source));
		assert_string_equal(m->destination, cases[i].destination);
		assert_true(!cases[i].option || strv_has(&m->options, cases[i].option));
		free_mounts(&l);
	}
}

static void test_params_mount_refuses_what_does_not(void **state)
{
	static const struct {
		mount_parser parse;
		const char *text, *said;
	} cases[] = {
		{ param_volume_parse, "relative", "absolute" }, { param_volume_parse, "", "empty" },
		{ param_volume_parse, "a:b:c:d", "incorrect volume format" }, { param_volume_parse, "a:/b:nonsense", "nonsense" },
		{ param_volume_parse, "a:/b:ro,rw", "excludes" }, { param_volume_parse, "a b:/c", "names must match" },
		{ param_volume_parse, "a:/", "root" }, { param_mount_parse, "type=nope,dst=/x", "invalid filesystem type" },
		{ param_mount_parse, "type=bind,dst=/x", "source" }, { param_mount_parse, "type=tmpfs", "destination" },
		{ param_mount_parse, "type=tmpfs,src=/x,dst=/y", "not supported" },
		{ param_mount_parse, "type=bind,src=/,dst=/a,ro=maybe", "true or false" },
		{ param_mount_parse, "type=volume,dst=/a,what=1", "what" }, { param_tmpfs_parse, "tmp", "absolute" },
		{ param_tmpfs_parse, "/tmp:bogus", "bogus" }, { param_tmpfs_parse, "/tmp:a:b", "format" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct list l = {};
		struct error e = {};
		if (cases[i].parse(cases[i].text, &l, &e) >= 0)
			fail_msg("accepted: %s", cases[i].text);
		if (!strstr(e.text, cases[i].said))
			fail_msg("%s: says \"%s\", not \"%s\"", cases[i].text, e.text, cases[i].said);
		assert_int_equal(l.n, 0);
		free_mounts(&l);
	}
}

static void test_params_mount_refuses_two_on_one_place(void **state)
{
	struct list l = {};
	struct error e = {};

	(void)state;
	ASSERT_OK(param_volume_parse("a:/x", &l, &e), e);
	assert_true(param_tmpfs_parse("/x/", &l, &e) < 0);
	assert_non_null(strstr(e.text, "duplicate mount destination"));
	free_mounts(&l);
}

/* ---- numbers with a structure ---- */
static void test_params_port_parses_all_forms(void **state)
{
	static const struct {
		const char *text, *ip, *protocol;
		int64_t host, container, range;
	} cases[] = {
		{ "80", "", "tcp", 0, 80, 1 }, { "8080:80", "", "tcp", 8080, 80, 1 }, { "8080:80/udp", "", "udp", 8080, 80, 1 },
		{ "127.0.0.1:8080:80", "127.0.0.1", "tcp", 8080, 80, 1 }, { "127.0.0.1::80", "127.0.0.1", "tcp", 0, 80, 1 },
		{ "[::1]:8080:80", "::1", "tcp", 8080, 80, 1 }, { "8000-8009:80-89", "", "tcp", 8000, 80, 10 },
	};
	static const char *const bad[] = { "", "x", "0", "70000", "8000-8001:80", "80/http", "[::1:80", "80-70" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct list l = {};
		struct error e = {};
		ASSERT_OK(param_port_parse(cases[i].text, &l, &e), e);
		struct param_port *p = l.v;
		assert_string_equal(p->host_ip, cases[i].ip);
		assert_string_equal(p->protocol, cases[i].protocol);
		assert_int_equal(p->host_port, cases[i].host);
		assert_int_equal(p->container_port, cases[i].container);
		assert_int_equal(p->range, cases[i].range);
		free(p->host_ip);
		free(p->protocol);
		free(p);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct list l = {};
		struct error e = {};
		assert_true(param_port_parse(bad[i], &l, &e) < 0);
		free(l.v);
	}
}

static void test_params_ulimit_parses_pairs_and_refuses_nonsense(void **state)
{
	struct list l = {};
	struct error e = {};
	static const char *const bad[] = { "nofile", "what=1", "nofile=x", "nofile=2:1", "core=-1:5", "nofile=1:2:3" };

	(void)state;
	ASSERT_OK(param_ulimit_parse("nofile=10:20,core=unlimited", &l, &e), e);
	ASSERT_OK(param_ulimit_parse("nofile=30", &l, &e), e);
	assert_int_equal(l.n, 2);   /* the later one replaces */
	struct param_ulimit *u = l.v;
	assert_int_equal(u[0].soft, 30);
	assert_int_equal(u[0].hard, 30);
	assert_int_equal(u[1].hard, -1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(param_ulimit_parse(bad[i], &l, &e) < 0);
	free(u[0].name);
	free(u[1].name);
	free(l.v);
}

static void test_params_idmap_reads_flags_and_amount(void **state)
{
	struct list l = {};
	struct error e = {};
	static const char *const bad[] = { "0", "0:1:0", "a:1", "0:1:2:3", "0:5000000000" };

	(void)state;
	ASSERT_OK(param_idmap_parse("0:100000:65536,+5:@7", &l, &e), e);
	struct param_idmap *m = l.v;
	assert_int_equal(m[0].size, 65536);
	assert_int_equal(m[1].size, 1);
	assert_string_equal(m[1].flags, "+@");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(param_idmap_parse(bad[i], &l, &e) < 0);
	free(m[1].flags);
	free(l.v);
}

static void test_params_restart_knows_its_words(void **state)
{
	struct param_restart r = {};
	struct error e = {};

	(void)state;
	ASSERT_OK(param_restart_parse("on-failure:3", &r, &e), e);
	assert_int_equal(r.policy, RESTART_ON_FAILURE);
	assert_int_equal(r.retries, 3);
	ASSERT_OK(param_restart_parse("unless-stopped", &r, &e), e);
	assert_true(param_restart_parse("sometimes", &r, &e) < 0);
	assert_true(param_restart_parse("always:3", &r, &e) < 0);
	assert_true(param_restart_parse("on-failure:x", &r, &e) < 0);
}

static void test_params_env_file_takes_lines_and_comments(void **state)
{
	auto_strmap env = {};
	struct error e = {};

	(void)state;
	ASSERT_OK(param_env_file_parse("f", "A=1\n# no\n\n  B=two words\r\nA=3\n", &env, &e), e);
	assert_int_equal(env.n, 2);
	assert_string_equal(strmap_get(&env, "A"), "3");
	assert_string_equal(strmap_get(&env, "B"), "two words");
	assert_true(param_env_file_parse("f", "A B=1\n", &env, &e) < 0);
	assert_non_null(strstr(e.text, "f:1"));
	assert_true(param_env_file_parse("f", "=1\n", &env, &e) < 0);
}

/* ---- the record ---- */
static void test_params_survive_the_record(void **state)
{
	struct container_params p, q;
	auto_json *tree = NULL, *again = NULL;
	struct error e = {};

	(void)state;
	params_init(&p);
	params_init(&q);
	ASSERT_OK(param_volume_parse("v:/data:ro", &p.storage.mounts, &e), e);
	ASSERT_OK(param_ulimit_parse("nofile=10:20", &p.resources.ulimits, &e), e);
	ASSERT_OK(param_idmap_parse("0:1:2", &p.ns.uidmap, &e), e);
	ASSERT_OK(strmap_set(&p.process.env, "A", "b", &e), e);
	ASSERT_OK(str_set(&p.basic.name, "n", &e), e);
	p.ns.net.mode = NS_HOST;
	p.basic.restart.policy = RESTART_ALWAYS;
	p.resources.memory = (struct opt_int){ true, 42 };
	p.process.stop_timeout = (struct opt_uint){ true, 0 };
	ASSERT_OK(params_save(&p, &tree, &e), e);
	ASSERT_OK(params_load(tree, &q, &e), e);
	ASSERT_OK(params_save(&q, &again, &e), e);
	assert_true(json_object_equal(tree, again));
	assert_int_equal(q.ns.net.mode, NS_HOST);
	assert_true(q.process.stop_timeout.set);
	params_done(&p);
	params_done(&q);
}

/* ---- small words ---- */
static void test_params_signal_names_and_numbers(void **state)
{
	static const struct {
		const char *text;
		int number;
	} good[] = { { "TERM", 15 }, { "SIGTERM", 15 }, { "sigkill", 9 }, { "1", 1 }, { "-HUP", 1 }, { "RTMIN+3", 37 },
		{ "SIGRTMAX-1", 63 }, { "64", 64 } };
	static const char *const bad[] = { "", "0", "65", "NOPE", "SIG", "RTMIN+99", "!" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error e = {};
		int sig = 0;
		ASSERT_OK(signal_parse(good[i].text, &sig, &e), e);
		assert_int_equal(sig, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error e = {};
		int sig;
		assert_true(signal_parse(bad[i], &sig, &e) < 0);
	}
}

static void test_params_names_follow_the_rule(void **state)
{
	struct error e = {};
	autofree char *name = NULL;
	static const char *const bad[] = { "", "-a", ".a", "a b", "a/b", "\xc3\xa4" };

	(void)state;
	ASSERT_OK(name_random(1, &name, &e), e);
	ASSERT_OK(name_check(name, &e), e);
	ASSERT_OK(name_check("A_b.c-9", &e), e);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(name_check(bad[i], &e) < 0);
}

static void test_params_log_size_counts_by_thousands(void **state)
{
	struct error e = {};
	int64_t n = 0;

	(void)state;
	ASSERT_OK(log_size_parse("5.047m", &n, &e), e);
	assert_int_equal(n, 5047000);
	ASSERT_OK(log_size_parse("10kb", &n, &e), e);
	assert_int_equal(n, 10000);
	assert_true(log_size_parse("ten", &n, &e) < 0);
	assert_true(log_size_parse("1x", &n, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params_mount_parses_what_makes_sense),
		cmocka_unit_test(test_params_mount_refuses_what_does_not),
		cmocka_unit_test(test_params_mount_refuses_two_on_one_place),
		cmocka_unit_test(test_params_port_parses_all_forms),
		cmocka_unit_test(test_params_ulimit_parses_pairs_and_refuses_nonsense),
		cmocka_unit_test(test_params_idmap_reads_flags_and_amount),
		cmocka_unit_test(test_params_restart_knows_its_words),
		cmocka_unit_test(test_params_env_file_takes_lines_and_comments),
		cmocka_unit_test(test_params_survive_the_record),
		cmocka_unit_test(test_params_signal_names_and_numbers),
		cmocka_unit_test(test_params_names_follow_the_rule),
		cmocka_unit_test(test_params_log_size_counts_by_thousands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

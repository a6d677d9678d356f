/* SPDX-License-Identifier: Apache-2.0
 * oci/test-plan.c - what a specification becomes: steps, their order, and what is refused before anything happens. */
#include "base/test.h"

#include "oci/plan.h"

#define BASE(process_more, linux_more, mounts, more)                                                         \
	"{\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"env\":[\"HOME=/\"]" process_more "},\"root\":{\"path\":\"/r\"},"  \
	"\"mounts\":[" mounts "],\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"uts\"}," \
	"{\"type\":\"ipc\"}]" linux_more "}" more "}"

static int build(const char *text, struct plan *p, struct error *err)
{
	static struct oci_spec s;   /* the plan points into it */
	struct oci_options o = OCI_OPTIONS_INIT;

	oci_spec_done(&s);
	o.id = "test";
	o.bundle = "/b";
	o.dry_run = true;
	TRY(oci_spec_load("test", text, strlen(text), &s, err));
	return plan_build(&s, &o, p, err);
}

/* Index of the n-th step of that kind, or -1. */
static int find(const struct plan *p, enum plan_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].kind == kind)
			return (int)i;
	return -1;
}

static void assert_order(const struct plan *p, const enum plan_kind *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (find(p, kinds[i]) < 0)
			fail_msg("no step %s", plan_kind_name(kinds[i]));
		if (i && find(p, kinds[i - 1]) >= find(p, kinds[i]))
			fail_msg("%s comes after %s", plan_kind_name(kinds[i - 1]), plan_kind_name(kinds[i]));
	}
}

static void test_plan_order_no_new_privs(void **state)
{
	static const enum plan_kind order[] = {
		PLAN_SESSION, PLAN_SOURCE, PLAN_PROPAGATION, PLAN_ROOTFS, PLAN_MOUNT, PLAN_DEVICE, PLAN_MASK_PATH, PLAN_PIVOT,
		PLAN_STDIO, PLAN_USER, PLAN_NO_NEW_PRIVS, PLAN_CAPABILITIES, PLAN_COMMAND, PLAN_CREATED, PLAN_HOOKS_START,
		PLAN_SECCOMP, PLAN_DESCRIPTORS, PLAN_EXEC,
	};
	auto_plan p = PLAN_INIT;
	struct error err = {};

	(void)state;
	if (build(BASE(",\"noNewPrivileges\":true",
		       ",\"maskedPaths\":[\"/proc/keys\"],\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
		       "[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		       "{\"destination\":\"/proc\",\"type\":\"proc\"}",
		       ",\"hooks\":{\"startContainer\":[{\"path\":\"/x\"}]}"), &p, &err) < 0)
		fail_msg("%s", err.text);
	assert_order(&p, order, ARRAY_LEN(order));
}

/* Without no_new_privs the filter needs CAP_SYS_ADMIN: before the capabilities go. */
static void test_plan_order_privileges_kept(void **state)
{
	static const enum plan_kind order[] = { PLAN_USER, PLAN_SECCOMP, PLAN_CAPABILITIES, PLAN_CREATED, PLAN_EXEC };
	auto_plan p = PLAN_INIT;
	struct error err = {};

	(void)state;
	if (build(BASE("", ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
		       "[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", "", ""), &p, &err) < 0)
		fail_msg("%s", err.text);
	assert_order(&p, order, ARRAY_LEN(order));
	assert_non_null(plan_filter(&p));   /* also after the plan was moved */
	assert_true(plan_filter(&p)->n > 1);
}

static void test_plan_dev_is_always_ours(void **state)
{
	auto_plan p = PLAN_INIT;
	struct error err = {};
	const struct plan_mount *dev = NULL;

	(void)state;
	assert_int_equal(build(BASE("", "", "", ""), &p, &err), 0);
	for (size_t i = 0; i < p.n_mounts; i++)
		if (streq(p.mounts[i]->target, "/dev"))
			dev = p.mounts[i];
	assert_non_null(dev);
	assert_string_equal(dev->fstype, "tmpfs");
	assert_true(dev->must_be_directory);
}

static void test_plan_bound_dev_gets_no_nodes(void **state)
{
	auto_plan p = PLAN_INIT;
	struct error err = {};

	(void)state;
	assert_int_equal(build(BASE("", "", "{\"destination\":\"/dev/\",\"type\":\"bind\",\"source\":\"/dev\"}", ""), &p,
			       &err), 0);
	assert_int_equal(find(&p, PLAN_DEVICE), -1);
	assert_int_equal(find(&p, PLAN_LINK), -1);
}

#define MOUNT(dest, type) BASE("", "", "{\"destination\":\"" dest "\",\"type\":\"" type "\",\"source\":\"/x\"}", "")
#define SYSCTL(key, value) BASE("", ",\"sysctl\":{\"" key "\":\"" value "\"}", "", "")
#define PROCESS(more) BASE("," more, "", "", "")
static const struct { const char *text, *error; } cases[] = {
	{ MOUNT("/proc", "tmpfs"), "cannot be mounted over" },
	{ MOUNT("/proc/self", "bind"), "inside /proc" },
	{ MOUNT("/x/../proc/self/attr", "bind"), "inside /proc" },
	{ MOUNT("/proc/sys", "tmpfs"), "inside /proc" },
	{ MOUNT("/proc/meminfo", "bind"), NULL },
	{ MOUNT("/procfs", "tmpfs"), NULL },
	{ BASE("", "", "{\"destination\":\"/x\"}", ""), "neither a type nor the option bind" },
	{ BASE("", "", "{\"destination\":\"/x\",\"type\":\"bind\"}", ""), "no source" },
	{ BASE("", "", "{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"idmap\"]}", ""), "only bind mounts" },
	{ SYSCTL("kernel.msgmax", "1"), NULL },
	{ SYSCTL("net.ipv4.ip_forward", "1"), "network namespace" },
	{ SYSCTL("kernel.core_pattern", "|x"), "not namespaced" },
	{ SYSCTL("kernel.hostname", "x"), "use hostname" },
	{ SYSCTL("kernel.msgmax/../core_pattern", "x"), "invalid sysctl name" },
	{ SYSCTL("net+x.y", "1"), "invalid sysctl name" },
	{ SYSCTL("kernel.msgmax", "1\\nkernel.core_pattern=x"), "more than one line" },
	{ PROCESS("\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}"), NULL },
	{ PROCESS("\"capabilities\":{\"bounding\":[\"CAP_FOO\"]}"), "unknown capability" },
	{ PROCESS("\"capabilities\":{\"bounding\":[\"ALL\"]}"), "unknown capability" },
	{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]"), "unknown limit" },
	{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]"), "exceeds" },
	{ PROCESS("\"scheduler\":{\"policy\":\"SCHED_X\"}"), "scheduler policy" },
	{ PROCESS("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":5000,\"deadline\":4000}"), "must be <=" },
	{ PROCESS("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"), "between 0 and 7" },
	{ BASE("", ",\"personality\":{\"domain\":\"HP\"}", "", ""), "unknown domain" },
	{ BASE("", ",\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-99999999999\"}", "", ""), "invalid nodes" },
	{ BASE("", ",\"devices\":[{\"path\":\"/dev/x\",\"type\":\"q\"}]", "", ""), "unknown type" },
	{ BASE("", ",\"devices\":[{\"path\":\"dev/x\",\"type\":\"c\"}]", "", ""), "not an absolute path" },
	{ BASE("", ",\"rootfsPropagation\":\"foo\"", "", ""), "unknown value" },
	{ BASE("", ",\"sysctl\":{\"kernel.domainname\":\"a\"}", "", ",\"domainname\":\"b\""), "contradicts" },
};

static void test_plan_checks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_plan p = PLAN_INIT;
		struct error err = {};
		int r = build(cases[i].text, &p, &err);
		if (!cases[i].error && r < 0)
			fail_msg("refused: %s: %s", cases[i].text, err.text);
		if (cases[i].error && (r == 0 || !strstr(err.text, cases[i].error)))
			fail_msg("%s: %s", cases[i].text, r == 0 ? "accepted" : err.text);
	}
}

static void test_plan_every_kind_has_a_name(void **state)
{
	(void)state;
	for (int k = 0; k < PLAN_KIND_MAX; k++)
		assert_non_null(plan_kind_name((enum plan_kind)k));
}

static void test_hook_state_pid_fits(void **state)
{
	const struct oci_hook_state s = { .id = "a\"b", .status = "creating", .bundle = "/b" };
	struct hook_state_text t = {};
	struct error err = {};
	static const pid_t pids[] = { 0, 7, 4194304, INT32_MAX };

	(void)state;
	assert_int_equal(hook_state_text_make(&s, &t, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		auto_json *tree = NULL;
		size_t len;
		const char *text = hook_state_text_pid(&t, pids[i], &len);
		assert_int_equal(json_parse("state", text, len, NULL, &tree, &err), 0);
		assert_int_equal(json_get_i64(tree, "pid", -1), pids[i]);
		assert_string_equal(json_get_str(tree, "id"), "a\"b");
	}
	hook_state_text_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_order_no_new_privs),
		cmocka_unit_test(test_plan_order_privileges_kept),
		cmocka_unit_test(test_plan_dev_is_always_ours),
		cmocka_unit_test(test_plan_bound_dev_gets_no_nodes),
		cmocka_unit_test(test_plan_checks),
		cmocka_unit_test(test_plan_every_kind_has_a_name),
		cmocka_unit_test(test_hook_state_pid_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

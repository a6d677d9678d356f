/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-print.c - the plan as text, for --debug and tests. */
#include "oci/plan.h"

static const char *const names[PLAN_KIND_MAX] = {
	[PLAN_UNDUMPABLE] = "undumpable", [PLAN_CGROUP] = "cgroup", [PLAN_MAP] = "map ids", [PLAN_JOIN] = "join",
	[PLAN_JOIN_ALL] = "join all", [PLAN_ROOT_IDS] = "become root", [PLAN_UNSHARE] = "unshare",
	[PLAN_TIME_OFFSETS] = "time offsets", [PLAN_SESSION] = "session", [PLAN_KEYRING] = "keyring",
	[PLAN_PROCFS] = "procfs", [PLAN_LOOPBACK] = "loopback up",
	[PLAN_SOURCE] = "source", [PLAN_PROPAGATION] = "propagation",
	[PLAN_ROOTFS] = "rootfs", [PLAN_MOUNT] = "mount", [PLAN_CGROUP_V1] = "mount cgroup v1",
	[PLAN_DEVICE] = "device", [PLAN_LINK] = "link", [PLAN_MAKE_CWD] = "make working directory",
	[PLAN_CONSOLE] = "console", [PLAN_SECCOMP_CONNECT] = "connect seccomp agent",
	[PLAN_HOOKS_OUTSIDE] = "hooks outside", [PLAN_HOOKS_CREATE] = "createContainer hooks",
	[PLAN_READONLY_PATH] = "readonly", [PLAN_MASK_PATH] = "mask", [PLAN_ROOT_READONLY] = "readonly rootfs",
	[PLAN_PIVOT] = "pivot", [PLAN_ROOT_PROPAGATION] = "rootfs propagation", [PLAN_HOSTNAME] = "hostname",
	[PLAN_DOMAINNAME] = "domainname", [PLAN_SYSCTL] = "sysctl", [PLAN_STDIO] = "stdio", [PLAN_LABEL] = "label",
	[PLAN_RLIMIT] = "rlimit", [PLAN_SCHEDULER] = "scheduler", [PLAN_IO_PRIORITY] = "io priority",
	[PLAN_PERSONALITY] = "personality", [PLAN_MEMORY_POLICY] = "memory policy", [PLAN_AFFINITY] = "cpu affinity",
	[PLAN_UMASK] = "umask", [PLAN_CWD] = "working directory", [PLAN_USER] = "user",
	[PLAN_NO_NEW_PRIVS] = "no new privileges", [PLAN_SECCOMP] = "seccomp", [PLAN_CAPABILITIES] = "capabilities",
	[PLAN_COMMAND] = "find command", [PLAN_CREATED] = "created", [PLAN_HOOKS_START] = "startContainer hooks",
	[PLAN_DESCRIPTORS] = "descriptors", [PLAN_EXEC] = "exec",
};

const char *plan_kind_name(enum plan_kind kind)
{
	return names[kind];
}

void plan_step_format(const struct plan_step *s, struct buf *to)
{
	buf_add_str(to, names[s->kind]);
	if (s->a)
		buf_addf(to, " `%s`", s->a);
	if (s->b)
		buf_addf(to, " = `%s`", s->b);
	if (s->device)
		buf_addf(to, " `%s`%s", s->device->path, s->device->bind ? " (bind)" : "");
	if (s->mount)
		buf_addf(to, " %s `%s` on `%s`%s%s", s->mount->bind ? "bind" : s->mount->fstype,
			 s->mount->source ? s->mount->source : "", s->mount->target, s->mount->data ? " with " : "",
			 s->mount->data ? s->mount->data : "");
	if (s->n)
		buf_addf(to, " %lld", (long long)s->n);
}

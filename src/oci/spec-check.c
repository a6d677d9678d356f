/* SPDX-License-Identifier: Apache-2.0
 * oci/spec-check.c - the checks of a specification that need nothing but the specification.
 * What the kernel, the rootfs or the caller's rights make of it is checked later, where it is used. */
#include <stdlib.h>

#include "oci/spec.h"

#define ID_MAX UINT64_C(4294967294)   /* 2^32-1 is (uid_t)-1, "no user" */

static int check_id(const char *what, uint64_t id, struct error *err)
{
	if (id > ID_MAX)
		return fail(err, ERROR_INVALID, "%s %llu is out of range", what, (unsigned long long)id);
	return 0;
}

static int check_user(const struct oci_user *u, struct error *err)
{
	TRY(check_id("process.user.uid", u->uid, err));
	TRY(check_id("process.user.gid", u->gid, err));
	for (size_t i = 0; i < u->additional_gids.n; i++)
		TRY(check_id("process.user.additionalGids", u->additional_gids.v[i], err));
	if (u->additional_gids.n > 65536)
		return fail(err, ERROR_INVALID, "process.user.additionalGids: more than 65536 groups");
	if (u->umask.set && u->umask.value > 0777)
		return fail(err, ERROR_INVALID, "process.user.umask %llo is out of range",
			    (unsigned long long)u->umask.value);
	return 0;
}

int oci_process_spec_check(const struct oci_process_spec *p, struct error *err)
{
	if (!p->args.n || str_empty(p->args.v[0]))
		return fail(err, ERROR_INVALID, "process.args is empty: there is no command to run");
	if (str_empty(p->cwd))
		return fail(err, ERROR_INVALID, "process.cwd is missing");
	if (p->cwd[0] != '/')
		return fail(err, ERROR_INVALID, "process.cwd `%s` is not an absolute path", p->cwd);
	for (size_t i = 0; i < p->env.n; i++)
		if (!strchr(p->env.v[i], '='))
			return fail(err, ERROR_INVALID, "process.env: `%s` has no \"=\"", p->env.v[i]);
	if (p->oom_score_adj.set && (p->oom_score_adj.value < -1000 || p->oom_score_adj.value > 1000))
		return fail(err, ERROR_INVALID, "process.oomScoreAdj %lld is not between -1000 and 1000",
			    (long long)p->oom_score_adj.value);
	const struct oci_rlimit *l = p->rlimits.v;
	for (size_t i = 0; i < p->rlimits.n; i++)
		for (size_t k = 0; k < i; k++)
			if (streq(l[i].type, l[k].type))
				return fail(err, ERROR_INVALID, "process.rlimits: %s is given twice", l[i].type);
	return check_user(&p->user, err);
}

static int check_namespaces(const struct oci_linux *l, struct error *err)
{
	static const char *const known[] = { "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time" };
	const struct oci_namespace *ns = l->namespaces.v;

	for (size_t i = 0; i < l->namespaces.n; i++) {
		bool ok = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			ok |= streq(known[k], ns[i].type);
		if (!ok)
			return fail(err, ERROR_INVALID, "invalid namespace type: `%s`", ns[i].type);
		for (size_t k = 0; k < i; k++)
			if (streq(ns[i].type, ns[k].type))
				return fail(err, ERROR_INVALID, "linux.namespaces: %s is given twice", ns[i].type);
		if (!str_empty(ns[i].path) && ns[i].path[0] != '/')
			return fail(err, ERROR_INVALID, "linux.namespaces: path `%s` is not absolute", ns[i].path);
	}
	return 0;
}

static int check_mappings(const char *what, const struct list *l, struct error *err)
{
	const struct oci_idmap *m = l->v;

	if (l->n > 340)
		return fail(err, ERROR_INVALID, "%s: more than 340 lines", what);
	for (size_t i = 0; i < l->n; i++) {
		uint64_t limit = UINT64_C(1) << 32;
		if (!m[i].size || m[i].size > limit || m[i].container_id > limit - m[i].size ||
		    m[i].host_id > limit - m[i].size)
			return fail(err, ERROR_INVALID, "%s: %llu:%llu:%llu is out of range", what,
				    (unsigned long long)m[i].container_id, (unsigned long long)m[i].host_id,
				    (unsigned long long)m[i].size);
	}
	return 0;
}

static int check_linux(const struct oci_spec *s, struct error *err)
{
	const struct oci_linux *l = &s->lnx;

	TRY(check_namespaces(l, err));
	TRY(check_mappings("linux.uidMappings", &l->uid_mappings, err));
	TRY(check_mappings("linux.gidMappings", &l->gid_mappings, err));
	if (!str_empty(s->hostname) && !oci_spec_namespace(s, "uts"))
		return fail(err, ERROR_INVALID, "hostname requires the UTS namespace");
	if (!str_empty(s->domainname) && !oci_spec_namespace(s, "uts"))
		return fail(err, ERROR_INVALID, "domainname requires the UTS namespace");
	/* Known to the specification, not to us: better no container than one without what was asked for. */
	if (l->net_devices && json_object_is_type(l->net_devices, json_type_object) &&
	    json_object_object_length(l->net_devices))
		return fail(err, ERROR_UNSUPPORTED, "linux.netDevices is not supported: move the device after create, "
			    "with `ip link set DEVICE netns PID`");
	if (l->intel_rdt)
		return fail(err, ERROR_UNSUPPORTED, "linux.intelRdt is not supported: assign the container's process in "
			    "/sys/fs/resctrl");
	if (l->time_offsets && !oci_spec_namespace(s, "time"))
		return fail(err, ERROR_INVALID, "linux.timeOffsets requires the time namespace");
	return 0;
}

static int check_mounts(const struct oci_spec *s, struct error *err)
{
	const struct oci_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++) {
		if (str_empty(m[i].destination))
			return fail(err, ERROR_INVALID, "mounts[%zu]: destination is empty", i);
		TRY(check_mappings("mount uidMappings", &m[i].uid_mappings, err));
		TRY(check_mappings("mount gidMappings", &m[i].gid_mappings, err));
	}
	return 0;
}

static int check_hook_list(const char *what, const struct list *l, struct error *err)
{
	const struct oci_hook *h = l->v;

	for (size_t i = 0; i < l->n; i++) {
		if (str_empty(h[i].path) || h[i].path[0] != '/')
			return fail(err, ERROR_INVALID, "hooks.%s: path `%s` is not absolute", what,
				    h[i].path ? h[i].path : "");
		if (h[i].timeout.set && h[i].timeout.value <= 0)
			return fail(err, ERROR_INVALID, "hooks.%s: timeout must be greater than zero", what);
	}
	return 0;
}

static int check_hooks(const struct oci_hooks *h, struct error *err)
{
	TRY(check_hook_list("prestart", &h->prestart, err));
	TRY(check_hook_list("createRuntime", &h->create_runtime, err));
	TRY(check_hook_list("createContainer", &h->create_container, err));
	TRY(check_hook_list("startContainer", &h->start_container, err));
	TRY(check_hook_list("poststart", &h->poststart, err));
	return check_hook_list("poststop", &h->poststop, err);
}

int oci_spec_check(const struct oci_spec *s, struct error *err)
{
	if (!str_empty(s->version) && !str_after(s->version, "1."))
		return fail(err, ERROR_INVALID, "unknown version specified: `%s` (1.0 to 1.2 are known)", s->version);
	if (s->process)
		TRY(oci_process_spec_check(s->process, err));
	if (s->root && str_empty(s->root->path))
		return fail(err, ERROR_INVALID, "root.path is empty");
	TRY(check_mounts(s, err));
	TRY(check_hooks(&s->hooks, err));
	return check_linux(s, err);
}

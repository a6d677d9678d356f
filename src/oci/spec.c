/* SPDX-License-Identifier: Apache-2.0
 * oci/spec.c - the rows of the runtime specification, and loading and saving by them.
 * The order of the rows is the order in which members are written. */
#include "oci/spec.h"

#include <fcntl.h>
#include <stdlib.h>

#include "os/file.h"

#define SPEC_VERSION "1.2.1"
#define SPEC_MAX_BYTES ((size_t)16 << 20)
#define J(name) .json = (name)

static const struct field user_rows[] = {
	{ J("uid"), F_UINT(struct oci_user, uid), .flags = FIELD_ALWAYS },
	{ J("gid"), F_UINT(struct oci_user, gid), .flags = FIELD_ALWAYS },
	{ J("umask"), F_OPT_UINT(struct oci_user, umask) },
	{ J("additionalGids"), F_NUMBERS(struct oci_user, additional_gids) },
	{ J("username"), F_STR(struct oci_user, username) },
	{}
};

static const struct field capability_rows[] = {
	{ J("bounding"), F_STRV(struct oci_capabilities, bounding) },
	{ J("effective"), F_STRV(struct oci_capabilities, effective) },
	{ J("inheritable"), F_STRV(struct oci_capabilities, inheritable) },
	{ J("permitted"), F_STRV(struct oci_capabilities, permitted) },
	{ J("ambient"), F_STRV(struct oci_capabilities, ambient) },
	{}
};

static const struct field rlimit_rows[] = {
	{ J("type"), F_STR(struct oci_rlimit, type), .flags = FIELD_REQUIRED },
	{ J("hard"), F_UINT(struct oci_rlimit, hard), .flags = FIELD_ALWAYS },
	{ J("soft"), F_UINT(struct oci_rlimit, soft), .flags = FIELD_ALWAYS },
	{}
};

static const struct field console_size_rows[] = {
	{ J("height"), F_UINT(struct oci_console_size, height), .flags = FIELD_ALWAYS },
	{ J("width"), F_UINT(struct oci_console_size, width), .flags = FIELD_ALWAYS },
	{}
};

static const struct field scheduler_rows[] = {
	{ J("policy"), F_STR(struct oci_scheduler, policy), .flags = FIELD_REQUIRED },
	{ J("nice"), F_INT(struct oci_scheduler, nice) },
	{ J("priority"), F_INT(struct oci_scheduler, priority) },
	{ J("flags"), F_STRV(struct oci_scheduler, flags) },
	{ J("runtime"), F_OPT_UINT(struct oci_scheduler, runtime) },
	{ J("deadline"), F_OPT_UINT(struct oci_scheduler, deadline) },
	{ J("period"), F_OPT_UINT(struct oci_scheduler, period) },
	{}
};

static const struct field io_priority_rows[] = {
	{ J("class"), F_STR(struct oci_io_priority, class_name), .flags = FIELD_REQUIRED },
	{ J("priority"), F_INT(struct oci_io_priority, priority), .flags = FIELD_ALWAYS },
	{}
};

static const struct field cpu_affinity_rows[] = {
	{ J("initial"), F_STR(struct oci_cpu_affinity, initial) },
	{ J("final"), F_STR(struct oci_cpu_affinity, final) },
	{}
};

const struct field oci_process_rows[] = {
	{ J("terminal"), F_BOOL(struct oci_process_spec, terminal) },
	{ J("consoleSize"),
	  F_OPT_OBJECT(struct oci_process_spec, console_size, struct oci_console_size, console_size_rows) },
	{ J("user"), F_OBJECT(struct oci_process_spec, user, user_rows), .flags = FIELD_ALWAYS },
	{ J("args"), F_STRV(struct oci_process_spec, args) },
	{ J("env"), F_STRV(struct oci_process_spec, env) },
	{ J("cwd"), F_STR(struct oci_process_spec, cwd), .flags = FIELD_ALWAYS },
	{ J("capabilities"),
	  F_OPT_OBJECT(struct oci_process_spec, capabilities, struct oci_capabilities, capability_rows) },
	{ J("rlimits"), F_LIST(struct oci_process_spec, rlimits, struct oci_rlimit, rlimit_rows) },
	{ J("noNewPrivileges"), F_BOOL(struct oci_process_spec, no_new_privileges) },
	{ J("apparmorProfile"), F_STR(struct oci_process_spec, apparmor_profile) },
	{ J("oomScoreAdj"), F_OPT_INT(struct oci_process_spec, oom_score_adj) },
	{ J("scheduler"), F_OPT_OBJECT(struct oci_process_spec, scheduler, struct oci_scheduler, scheduler_rows) },
	{ J("selinuxLabel"), F_STR(struct oci_process_spec, selinux_label) },
	{ J("ioPriority"),
	  F_OPT_OBJECT(struct oci_process_spec, io_priority, struct oci_io_priority, io_priority_rows) },
	{ J("execCPUAffinity"),
	  F_OPT_OBJECT(struct oci_process_spec, exec_cpu_affinity, struct oci_cpu_affinity, cpu_affinity_rows) },
	{}
};

static const struct field root_rows[] = {
	{ J("path"), F_STR(struct oci_root, path), .flags = FIELD_REQUIRED },
	{ J("readonly"), F_BOOL(struct oci_root, readonly) },
	{}
};

static const struct field idmap_rows[] = {
	{ J("containerID"), F_UINT(struct oci_idmap, container_id), .flags = FIELD_ALWAYS },
	{ J("hostID"), F_UINT(struct oci_idmap, host_id), .flags = FIELD_ALWAYS },
	{ J("size"), F_UINT(struct oci_idmap, size), .flags = FIELD_ALWAYS | FIELD_REQUIRED },
	{}
};

const struct field oci_mount_rows[] = {
	{ J("destination"), F_STR(struct oci_mount, destination), .flags = FIELD_REQUIRED },
	{ J("type"), F_STR(struct oci_mount, type) },
	{ J("source"), F_STR(struct oci_mount, source) },
	{ J("options"), F_STRV(struct oci_mount, options) },
	{ J("uidMappings"), F_LIST(struct oci_mount, uid_mappings, struct oci_idmap, idmap_rows) },
	{ J("gidMappings"), F_LIST(struct oci_mount, gid_mappings, struct oci_idmap, idmap_rows) },
	{}
};

static const struct field hook_rows[] = {
	{ J("path"), F_STR(struct oci_hook, path), .flags = FIELD_REQUIRED },
	{ J("args"), F_STRV(struct oci_hook, args) },
	{ J("env"), F_STRV(struct oci_hook, env) },
	{ J("timeout"), F_OPT_INT(struct oci_hook, timeout) },
	{}
};

static const struct field hooks_rows[] = {
	{ J("prestart"), F_LIST(struct oci_hooks, prestart, struct oci_hook, hook_rows) },
	{ J("createRuntime"), F_LIST(struct oci_hooks, create_runtime, struct oci_hook, hook_rows) },
	{ J("createContainer"), F_LIST(struct oci_hooks, create_container, struct oci_hook, hook_rows) },
	{ J("startContainer"), F_LIST(struct oci_hooks, start_container, struct oci_hook, hook_rows) },
	{ J("poststart"), F_LIST(struct oci_hooks, poststart, struct oci_hook, hook_rows) },
	{ J("poststop"), F_LIST(struct oci_hooks, poststop, struct oci_hook, hook_rows) },
	{}
};

static const struct field namespace_rows[] = {
	{ J("type"), F_STR(struct oci_namespace, type), .flags = FIELD_REQUIRED },
	{ J("path"), F_STR(struct oci_namespace, path) },
	{}
};

static const struct field device_rows[] = {
	{ J("path"), F_STR(struct oci_device, path), .flags = FIELD_REQUIRED },
	{ J("type"), F_STR(struct oci_device, type), .flags = FIELD_REQUIRED },
	{ J("major"), F_INT(struct oci_device, major), .flags = FIELD_ALWAYS },
	{ J("minor"), F_INT(struct oci_device, minor), .flags = FIELD_ALWAYS },
	{ J("fileMode"), F_OPT_UINT(struct oci_device, file_mode) },
	{ J("uid"), F_OPT_UINT(struct oci_device, uid) },
	{ J("gid"), F_OPT_UINT(struct oci_device, gid) },
	{}
};

/* ---- resources ---- */
static const struct field device_rule_rows[] = {
	{ J("allow"), F_BOOL(struct oci_device_rule, allow), .flags = FIELD_ALWAYS },
	{ J("type"), F_STR(struct oci_device_rule, type) },
	{ J("major"), F_OPT_INT(struct oci_device_rule, major) },
	{ J("minor"), F_OPT_INT(struct oci_device_rule, minor) },
	{ J("access"), F_STR(struct oci_device_rule, access) },
	{}
};

static const struct field memory_rows[] = {
	{ J("limit"), F_OPT_INT(struct oci_memory, limit) },
	{ J("reservation"), F_OPT_INT(struct oci_memory, reservation) },
	{ J("swap"), F_OPT_INT(struct oci_memory, swap) },
	{ J("kernel"), F_OPT_INT(struct oci_memory, kernel) },
	{ J("kernelTCP"), F_OPT_INT(struct oci_memory, kernel_tcp) },
	{ J("swappiness"), F_OPT_UINT(struct oci_memory, swappiness) },
	{ J("disableOOMKiller"), F_OPT_BOOL(struct oci_memory, disable_oom_killer) },
	{ J("useHierarchy"), F_OPT_BOOL(struct oci_memory, use_hierarchy) },
	{ J("checkBeforeUpdate"), F_OPT_BOOL(struct oci_memory, check_before_update) },
	{}
};

static const struct field cpu_rows[] = {
	{ J("shares"), F_OPT_UINT(struct oci_cpu, shares) },
	{ J("quota"), F_OPT_INT(struct oci_cpu, quota) },
	{ J("burst"), F_OPT_UINT(struct oci_cpu, burst) },
	{ J("period"), F_OPT_UINT(struct oci_cpu, period) },
	{ J("realtimeRuntime"), F_OPT_INT(struct oci_cpu, realtime_runtime) },
	{ J("realtimePeriod"), F_OPT_UINT(struct oci_cpu, realtime_period) },
	{ J("cpus"), F_STR(struct oci_cpu, cpus) },
	{ J("mems"), F_STR(struct oci_cpu, mems) },
	{ J("idle"), F_OPT_INT(struct oci_cpu, idle) },
	{}
};

static const struct field pids_rows[] = {
	{ J("limit"), F_OPT_INT(struct oci_pids, limit) },
	{}
};

static const struct field weight_device_rows[] = {
	{ J("major"), F_INT(struct oci_weight_device, major), .flags = FIELD_ALWAYS },
	{ J("minor"), F_INT(struct oci_weight_device, minor), .flags = FIELD_ALWAYS },
	{ J("weight"), F_OPT_UINT(struct oci_weight_device, weight) },
	{ J("leafWeight"), F_OPT_UINT(struct oci_weight_device, leaf_weight) },
	{}
};

static const struct field throttle_rows[] = {
	{ J("major"), F_INT(struct oci_throttle_device, major), .flags = FIELD_ALWAYS },
	{ J("minor"), F_INT(struct oci_throttle_device, minor), .flags = FIELD_ALWAYS },
	{ J("rate"), F_UINT(struct oci_throttle_device, rate), .flags = FIELD_ALWAYS },
	{}
};

#define THROTTLE(m) F_LIST(struct oci_block_io, m, struct oci_throttle_device, throttle_rows)
static const struct field block_io_rows[] = {
	{ J("weight"), F_OPT_UINT(struct oci_block_io, weight) },
	{ J("leafWeight"), F_OPT_UINT(struct oci_block_io, leaf_weight) },
	{ J("weightDevice"),
	  F_LIST(struct oci_block_io, weight_device, struct oci_weight_device, weight_device_rows) },
	{ J("throttleReadBpsDevice"), THROTTLE(read_bps) },
	{ J("throttleWriteBpsDevice"), THROTTLE(write_bps) },
	{ J("throttleReadIOPSDevice"), THROTTLE(read_iops) },
	{ J("throttleWriteIOPSDevice"), THROTTLE(write_iops) },
	{}
};

static const struct field hugepage_rows[] = {
	{ J("pageSize"), F_STR(struct oci_hugepage_limit, page_size), .flags = FIELD_REQUIRED },
	{ J("limit"), F_UINT(struct oci_hugepage_limit, limit), .flags = FIELD_ALWAYS },
	{}
};

static const struct field priority_rows[] = {
	{ J("name"), F_STR(struct oci_interface_priority, name), .flags = FIELD_REQUIRED },
	{ J("priority"), F_UINT(struct oci_interface_priority, priority), .flags = FIELD_ALWAYS },
	{}
};

static const struct field network_rows[] = {
	{ J("classID"), F_OPT_UINT(struct oci_network, class_id) },
	{ J("priorities"), F_LIST(struct oci_network, priorities, struct oci_interface_priority, priority_rows) },
	{}
};

const struct field oci_resources_rows[] = {
	{ J("devices"), F_LIST(struct oci_resources, devices, struct oci_device_rule, device_rule_rows) },
	{ J("memory"), F_OBJECT(struct oci_resources, memory, memory_rows) },
	{ J("cpu"), F_OBJECT(struct oci_resources, cpu, cpu_rows) },
	{ J("pids"), F_OBJECT(struct oci_resources, pids, pids_rows) },
	{ J("blockIO"), F_OBJECT(struct oci_resources, block_io, block_io_rows) },
	{ J("hugepageLimits"),
	  F_LIST(struct oci_resources, hugepage_limits, struct oci_hugepage_limit, hugepage_rows) },
	{ J("network"), F_OBJECT(struct oci_resources, network, network_rows) },
	{ J("rdma"), F_JSON(struct oci_resources, rdma) },
	{ J("unified"), F_MAP(struct oci_resources, unified) },
	{}
};

/* ---- linux ---- */
static const struct field personality_rows[] = {
	{ J("domain"), F_STR(struct oci_personality, domain), .flags = FIELD_REQUIRED },
	{ J("flags"), F_STRV(struct oci_personality, flags) },
	{}
};

static const struct field time_offset_rows[] = {
	{ J("secs"), F_INT(struct oci_time_offset, secs) },
	{ J("nanosecs"), F_UINT(struct oci_time_offset, nanosecs) },
	{}
};

static const struct field time_offsets_rows[] = {
	{ J("monotonic"), F_OPT_OBJECT(struct oci_time_offsets, monotonic, struct oci_time_offset, time_offset_rows) },
	{ J("boottime"), F_OPT_OBJECT(struct oci_time_offsets, boottime, struct oci_time_offset, time_offset_rows) },
	{}
};

static const struct field intel_rdt_rows[] = {
	{ J("closID"), F_STR(struct oci_intel_rdt, clos_id) },
	{ J("schemata"), F_STRV(struct oci_intel_rdt, schemata) },
	{ J("l3CacheSchema"), F_STR(struct oci_intel_rdt, l3_cache_schema) },
	{ J("memBwSchema"), F_STR(struct oci_intel_rdt, mem_bw_schema) },
	{ J("enableMonitoring"), F_BOOL(struct oci_intel_rdt, enable_monitoring) },
	{ J("enableCMT"), F_BOOL(struct oci_intel_rdt, enable_cmt) },
	{ J("enableMBM"), F_BOOL(struct oci_intel_rdt, enable_mbm) },
	{}
};

static const struct field memory_policy_rows[] = {
	{ J("mode"), F_STR(struct oci_memory_policy, mode) },
	{ J("nodes"), F_STR(struct oci_memory_policy, nodes) },
	{ J("flags"), F_STRV(struct oci_memory_policy, flags) },
	{}
};

static const struct field linux_rows[] = {
	{ J("uidMappings"), F_LIST(struct oci_linux, uid_mappings, struct oci_idmap, idmap_rows) },
	{ J("gidMappings"), F_LIST(struct oci_linux, gid_mappings, struct oci_idmap, idmap_rows) },
	{ J("sysctl"), F_MAP(struct oci_linux, sysctl) },
	{ J("resources"), F_OPT_OBJECT(struct oci_linux, resources, struct oci_resources, oci_resources_rows) },
	{ J("cgroupsPath"), F_STR(struct oci_linux, cgroups_path) },
	{ J("namespaces"), F_LIST(struct oci_linux, namespaces, struct oci_namespace, namespace_rows) },
	{ J("devices"), F_LIST(struct oci_linux, devices, struct oci_device, device_rows) },
	{ J("netDevices"), F_JSON(struct oci_linux, net_devices) },
	{ J("seccomp"), F_JSON(struct oci_linux, seccomp) },
	{ J("rootfsPropagation"), F_STR(struct oci_linux, rootfs_propagation) },
	{ J("maskedPaths"), F_STRV(struct oci_linux, masked_paths) },
	{ J("readonlyPaths"), F_STRV(struct oci_linux, readonly_paths) },
	{ J("mountLabel"), F_STR(struct oci_linux, mount_label) },
	{ J("intelRdt"), F_OPT_OBJECT(struct oci_linux, intel_rdt, struct oci_intel_rdt, intel_rdt_rows) },
	{ J("memoryPolicy"),
	  F_OPT_OBJECT(struct oci_linux, memory_policy, struct oci_memory_policy, memory_policy_rows) },
	{ J("personality"), F_OPT_OBJECT(struct oci_linux, personality, struct oci_personality, personality_rows) },
	{ J("timeOffsets"), F_OPT_OBJECT(struct oci_linux, time_offsets, struct oci_time_offsets, time_offsets_rows) },
	{}
};

const struct field oci_spec_rows[] = {
	{ J("ociVersion"), F_STR(struct oci_spec, version), .flags = FIELD_ALWAYS },
	{ J("process"), F_OPT_OBJECT(struct oci_spec, process, struct oci_process_spec, oci_process_rows) },
	{ J("root"), F_OPT_OBJECT(struct oci_spec, root, struct oci_root, root_rows) },
	{ J("hostname"), F_STR(struct oci_spec, hostname) },
	{ J("domainname"), F_STR(struct oci_spec, domainname) },
	{ J("mounts"), F_LIST(struct oci_spec, mounts, struct oci_mount, oci_mount_rows) },
	{ J("hooks"), F_OBJECT(struct oci_spec, hooks, hooks_rows) },
	{ J("annotations"), F_MAP(struct oci_spec, annotations) },
	{ J("linux"), F_OBJECT(struct oci_spec, lnx, linux_rows) },
	{}
};

void oci_spec_done(struct oci_spec *s)
{
	fields_done(oci_spec_rows, s);
}

void oci_process_spec_free(struct oci_process_spec *p)
{
	if (p)
		fields_done(oci_process_rows, p);
	free(p);
}

void oci_resources_free(struct oci_resources *r)
{
	if (r)
		fields_done(oci_resources_rows, r);
	free(r);
}

static int load_rows(const char *what, const char *text, size_t len, const struct field *rows, void *to,
		     struct error *err)
{
	auto_json *tree = NULL;
	const struct json_limits limits = { .max_bytes = SPEC_MAX_BYTES, .max_depth = 32 };

	TRY(json_parse(what, text, len, &limits, &tree, err));
	if (fields_load(rows, FIELD_COLUMN_JSON, tree, to, NULL, err) < 0)
		return fail_wrap(err, "%s", what);
	return 0;
}

int oci_spec_load(const char *what, const char *text, size_t len, struct oci_spec *ret, struct error *err)
{
	auto_oci_spec s = {};

	TRY(load_rows(what, text, len, oci_spec_rows, &s, err));
	if (oci_spec_check(&s, err) < 0)
		return fail_wrap(err, "%s", what);
	*ret = s;
	s = (struct oci_spec){};
	return 0;
}

int oci_spec_load_file(const char *path, struct oci_spec *ret, struct error *err)
{
	autofree char *text = NULL;
	size_t len = 0;

	int found = file_read(AT_FDCWD, path, SPEC_MAX_BYTES, &text, &len, err);
	if (found < 0)
		return -1;
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "open `%s`: No such file or directory", path);
	return oci_spec_load(path, text, len, ret, err);
}

int oci_spec_save(const struct oci_spec *s, int indent, struct buf *to, struct error *err)
{
	auto_json *tree = NULL;

	TRY(fields_save(oci_spec_rows, FIELD_COLUMN_JSON, s, &tree, err));
	if (str_empty(s->version))
		TRY(json_add_str(tree, "ociVersion", SPEC_VERSION, err));
	json_format(to, tree, indent);
	return buf_ok(to, "config.json", err);
}

int oci_process_spec_load(const char *what, const char *text, size_t len, struct oci_process_spec **ret,
			  struct error *err)
{
	CLEANUP(oci_process_spec_free_p) struct oci_process_spec *p = calloc(1, sizeof(*p));

	if (!p)
		return fail_oom(err);
	TRY(load_rows(what, text, len, oci_process_rows, p, err));
	if (oci_process_spec_check(p, err) < 0)
		return fail_wrap(err, "%s", what);
	*ret = take_ptr(p);
	return 0;
}

int oci_resources_load(const char *what, const char *text, size_t len, struct oci_resources **ret, struct error *err)
{
	CLEANUP(oci_resources_free_p) struct oci_resources *r = calloc(1, sizeof(*r));

	if (!r)
		return fail_oom(err);
	TRY(load_rows(what, text, len, oci_resources_rows, r, err));
	*ret = take_ptr(r);
	return 0;
}

const struct oci_namespace *oci_spec_namespace(const struct oci_spec *s, const char *type)
{
	const struct oci_namespace *ns = s->lnx.namespaces.v;

	for (size_t i = 0; i < s->lnx.namespaces.n; i++)
		if (streq(ns[i].type, type))
			return &ns[i];
	return NULL;
}

const char *oci_spec_annotation(const struct oci_spec *s, const char *key)
{
	return strmap_get(&s->annotations, key);
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1];
	return n;
}

/* A stable insertion sort: there are few. */
void oci_mounts_sort(struct list *mounts)
{
	struct oci_mount *m = mounts->v;

	for (size_t i = 1; i < mounts->n; i++) {
		struct oci_mount one = m[i];
		size_t d = depth(one.destination), j = i;
		for (; j > 0 && depth(m[j - 1].destination) > d; j--)
			m[j] = m[j - 1];
		m[j] = one;
	}
}

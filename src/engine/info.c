/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/info.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include "conf/registries-conf.h"
#include "store/container.h"
#include "store/image.h"
#include "store/rootfs.h"

#define H struct info_host
#define ALWAYS .flags = FIELD_ALWAYS
/* A group of members shown as an object: the inner rows count from the same struct. */
#define GROUP(name, inner) { .json = name, .type = FIELD_OBJECT, .off = 0, .rows = inner, ALWAYS }
#define SUB(S, t, m) .type = t, .off = offsetof(S, m)

static const struct field program_rows[] = {
	{ .json = "name", F_STR(struct info_program, name) },
	{ .json = "package", F_STR(struct info_program, package), ALWAYS },
	{ .json = "path", F_STR(struct info_program, path), ALWAYS },
	{ .json = "version", F_STR(struct info_program, version), ALWAYS },
	{}
};
static const struct field dns_rows[] = {
	{ .json = "version", F_STR(struct info_program, version) },
	{ .json = "package", F_STR(struct info_program, package) },
	{ .json = "path", F_STR(struct info_program, path) },
	{}
};
static const struct field network_rows[] = {
	{ .json = "backend", SUB(H, FIELD_STR, network.name), ALWAYS },
	{ .json = "version", SUB(H, FIELD_STR, network.version) },
	{ .json = "package", SUB(H, FIELD_STR, network.package) },
	{ .json = "path", SUB(H, FIELD_STR, network.path) },
	{ .json = "dns", .type = FIELD_OBJECT, .off = offsetof(H, dns), .rows = dns_rows },
	{ .json = "defaultNetwork", F_STR(H, default_network) },
	{}
};
static const struct field cpu_rows[] = {
	{ .json = "userPercent", SUB(H, FIELD_DOUBLE, cpu.user), ALWAYS },
	{ .json = "systemPercent", SUB(H, FIELD_DOUBLE, cpu.kernel), ALWAYS },
	{ .json = "idlePercent", SUB(H, FIELD_DOUBLE, cpu.idle), ALWAYS },
	{}
};
static const struct field distribution_rows[] = {
	{ .json = "distribution", SUB(H, FIELD_STR, distribution.name), ALWAYS },
	{ .json = "variant", SUB(H, FIELD_STR, distribution.variant) },
	{ .json = "version", SUB(H, FIELD_STR, distribution.version), ALWAYS },
	{ .json = "codename", SUB(H, FIELD_STR, distribution.codename) },
	{}
};
static const struct field idmap_rows[] = {
	{ .json = "container_id", F_INT(struct info_idmap, container_id), ALWAYS },
	{ .json = "host_id", F_INT(struct info_idmap, host_id), ALWAYS },
	{ .json = "size", F_INT(struct info_idmap, size), ALWAYS },
	{}
};
static const struct field mapping_rows[] = {
	{ .json = "gidmap", F_LIST(H, gid_map, struct info_idmap, idmap_rows), ALWAYS },
	{ .json = "uidmap", F_LIST(H, uid_map, struct info_idmap, idmap_rows), ALWAYS },
	{}
};
static const struct field socket_rows[] = {
	{ .json = "path", SUB(H, FIELD_STR, socket.path) },
	{ .json = "exists", SUB(H, FIELD_BOOL, socket.exists), ALWAYS },
	{}
};
static const struct field security_rows[] = {
	{ .json = "apparmorEnabled", SUB(H, FIELD_BOOL, security.apparmor), ALWAYS },
	{ .json = "capabilities", MORE(.go = "DefaultCapabilities"), SUB(H, FIELD_STR, security.capabilities), ALWAYS },
	{ .json = "rootless", SUB(H, FIELD_BOOL, security.rootless), ALWAYS },
	{ .json = "seccompEnabled", SUB(H, FIELD_BOOL, security.seccomp), ALWAYS },
	{ .json = "seccompProfilePath", SUB(H, FIELD_STR, security.seccomp_profile), ALWAYS },
	{ .json = "selinuxEnabled", SUB(H, FIELD_BOOL, security.selinux), ALWAYS },
	{}
};
static const struct field pasta_rows[] = {
	{ .json = "executable", SUB(H, FIELD_STR, pasta.executable), ALWAYS },
	{ .json = "package", SUB(H, FIELD_STR, pasta.package), ALWAYS },
	{ .json = "version", SUB(H, FIELD_STR, pasta.version), ALWAYS },
	{}
};

static const struct field host_rows[] = {
	{ .json = "arch", F_STR(H, arch), ALWAYS },
	{ .json = "buildahVersion", F_STR(H, buildah_version), ALWAYS },
	{ .json = "cgroupManager", F_STR(H, cgroup_manager), ALWAYS },
	{ .json = "cgroupVersion", MORE(.go = "CgroupsVersion"), F_STR(H, cgroup_version), ALWAYS },
	{ .json = "cgroupControllers", F_STRV(H, cgroup_controllers), ALWAYS },
	{ .json = "conmon", F_OBJECT(H, conmon, program_rows), ALWAYS },
	{ .json = "cpus", F_INT(H, cpus), ALWAYS },
	GROUP("cpuUtilization", cpu_rows),
	{ .json = "databaseBackend", F_STR(H, database_backend), ALWAYS },
	GROUP("distribution", distribution_rows),
	{ .json = "eventLogger", F_STR(H, event_logger), ALWAYS },
	{ .json = "hostname", F_STR(H, hostname), ALWAYS },
	GROUP("idMappings", mapping_rows),
	{ .json = "kernel", F_STR(H, kernel), ALWAYS },
	{ .json = "logDriver", F_STR(H, log_driver), ALWAYS },
	{ .json = "memFree", F_INT(H, mem_free), ALWAYS },
	{ .json = "memTotal", F_INT(H, mem_total), ALWAYS },
	{ .json = "networkBackend", F_STR(H, network_backend), ALWAYS },
	GROUP("networkBackendInfo", network_rows),
	{ .json = "ociRuntime", F_OBJECT(H, runtime, program_rows), ALWAYS },
	{ .json = "os", F_STR(H, os), ALWAYS },
	GROUP("remoteSocket", socket_rows),
	{ .json = "rootlessNetworkCmd", F_STR(H, rootless_network), ALWAYS },
	{ .json = "serviceIsRemote", F_BOOL(H, service_is_remote), ALWAYS },
	GROUP("security", security_rows),
	GROUP("pasta", pasta_rows),
	{ .json = "swapFree", F_INT(H, swap_free), ALWAYS },
	{ .json = "swapTotal", F_INT(H, swap_total), ALWAYS },
	{ .json = "uptime", F_STR(H, uptime), ALWAYS },
	{ .json = "variant", F_STR(H, variant), ALWAYS },
	{ .json = "linkmode", F_STR(H, linkmode), ALWAYS },
	{ .json = "emulatedArchitectures", F_STRV(H, emulated) },
	{ .json = "freeLocks", F_OPT_UINT(H, free_locks) },
	{ .json = "runtimeInfo", F_MAP(H, runtime_info) },
	{}
};

#define S struct info_store
static const struct field container_rows[] = {
	{ .json = "number", SUB(S, FIELD_INT, containers.number), ALWAYS },
	{ .json = "paused", SUB(S, FIELD_INT, containers.paused), ALWAYS },
	{ .json = "running", SUB(S, FIELD_INT, containers.running), ALWAYS },
	{ .json = "stopped", SUB(S, FIELD_INT, containers.stopped), ALWAYS },
	{}
};
static const struct field image_rows[] = { { .json = "number", SUB(S, FIELD_INT, images.number), ALWAYS }, {} };

static const struct field store_rows[] = {
	GROUP("containerStore", container_rows),
	{ .json = "graphDriverName", F_STR(S, driver), ALWAYS },
	{ .json = "graphOptions", F_JSON(S, options) },
	{ .json = "graphRoot", F_STR(S, root), ALWAYS },
	{ .json = "graphRootAllocated", F_UINT(S, allocated), ALWAYS },
	{ .json = "graphRootUsed", F_UINT(S, used), ALWAYS },
	{ .json = "graphStatus", F_MAP(S, status), ALWAYS },
	{ .json = "imageCopyTmpDir", F_STR(S, image_tmp), ALWAYS },
	GROUP("imageStore", image_rows),
	{ .json = "runRoot", F_STR(S, runroot), ALWAYS },
	{ .json = "volumePath", F_STR(S, volume_path), ALWAYS },
	{ .json = "transientStore", F_BOOL(S, transient), ALWAYS },
	{}
};

static const struct field plugin_rows[] = {
	{ .json = "volume", SUB(struct info, FIELD_STRV, plugins.volume), ALWAYS },
	{ .json = "network", SUB(struct info, FIELD_STRV, plugins.network), ALWAYS },
	{ .json = "log", SUB(struct info, FIELD_STRV, plugins.log), ALWAYS },
	{ .json = "authorization", SUB(struct info, FIELD_STRV, plugins.authorization), ALWAYS },
	{}
};

const struct field info_rows[] = {
	{ .json = "host", F_OBJECT(struct info, host, host_rows), ALWAYS },
	{ .json = "store", F_OBJECT(struct info, store, store_rows), ALWAYS },
	{ .json = "registries", F_JSON(struct info, registries) },
	GROUP("plugins", plugin_rows),
	{}
};

/* ---- store ---- */
static int count_containers(struct store *s, struct info_store *to, struct error *err)
{
	CLEANUP(container_list_done) struct container_list l = {};
	struct container_query q = {};

	TRY(store_container_list(s, &q, &l, err));
	to->containers.number = (int64_t)l.n;
	for (size_t i = 0; i < l.n; i++) {
		enum container_state state = l.v[i].status.state;
		to->containers.running += state == CONTAINER_RUNNING || state == CONTAINER_STOPPING;
		to->containers.paused += state == CONTAINER_PAUSED;
		to->containers.stopped += !(CONTAINER_STATE_BIT(state) & CONTAINER_STATE_ALIVE);
	}
	return 0;
}

static int count_images(struct store *s, struct info_store *to, struct error *err)
{
	auto_store_image_list l = {};

	TRY(store_image_list(s, 0, &l, err));
	to->images.number = (int64_t)l.n;
	return 0;
}

static int add_strings(struct json_object *to, const char *driver, const char *name, const struct strv *values,
		       struct error *err)
{
	auto_json *list = json_object_new_array();
	char key[64];

	if (!values->n)
		return 0;
	for (size_t i = 0; list && i < values->n; i++)
		if (json_object_array_add(list, json_object_new_string(values->v[i])) < 0)
			return fail_oom(err);
	snprintf(key, sizeof(key), "%s%s%s", driver, *driver ? "." : "", name);
	return json_add(to, key, take_ptr(list), err);
}

static int add_string(struct json_object *to, const char *driver, const char *name, const char *value,
		      struct error *err)
{
	char key[64];

	if (str_empty(value))
		return 0;
	snprintf(key, sizeof(key), "%s.%s", driver, name);
	return json_add_str(to, key, value, err);
}

/* --root alone starts from scratch: what storage.conf says is about another store. */
static int fill_options(const struct engine *e, struct info_store *to, struct error *err)
{
	const struct storage_conf *c = &e->storage;
	bool given = e->opt.storage_opts && e->opt.storage_opts->n;

	to->options = json_object_new_object();
	if (!to->options)
		return fail_oom(err);
	if (e->opt.root && !given)
		return 0;
	TRY(add_strings(to->options, to->driver, "additionalImageStores", &c->additional_image_stores, err));
	TRY(add_string(to->options, to->driver, "imagestore", c->imagestore, err));
	TRY(add_string(to->options, to->driver, "mountopt", c->mountopt, err));
	return add_string(to->options, to->driver, "mount_program", c->mount_program, err);
}

static const struct { long magic; const char *name; } file_systems[] = {
	{ EXT4_SUPER_MAGIC, "extfs" }, { XFS_SUPER_MAGIC, "xfs" },       { BTRFS_SUPER_MAGIC, "btrfs" },
	{ TMPFS_MAGIC, "tmpfs" },      { OVERLAYFS_SUPER_MAGIC, "overlayfs" }, { F2FS_SUPER_MAGIC, "f2fs" },
	{ NFS_SUPER_MAGIC, "nfs" },    { 0x2fc12fc1, "zfs" },
};

static const char *file_system_name(long magic)
{
	for (size_t i = 0; i < ARRAY_LEN(file_systems); i++)
		if (file_systems[i].magic == magic)
			return file_systems[i].name;
	return "<unknown>";
}

static int fill_disk(const struct engine *e, struct store *s, struct info_store *to, struct error *err)
{
	struct statfs fs;

	if (fstatfs(store_root_fd(s), &fs) < 0)
		return fail_errno(err, "statfs %s", e->root);
	to->allocated = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	to->used = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	if (store_get_driver(s) != STORE_OVERLAY)
		return 0;
	if (!store_carries_overlay(s)) {
		TRY(str_set(&to->driver, store_driver_name(STORE_VFS), err));
		return strmap_set(&to->status, "Overlay", "not on this file system: every container gets a copy of its image", err);
	}
	TRY(strmap_set(&to->status, "Backing Filesystem", file_system_name(fs.f_type), err));
	TRY(strmap_set(&to->status, "Native Overlay Diff", "true", err));
	TRY(strmap_set(&to->status, "Supports d_type", "true", err));
	TRY(strmap_set(&to->status, "Using metacopy", "false", err));
	return strmap_set(&to->status, "Sync", store_is_syncing(s) ? "true" : "false", err);
}

static int fill_volume_path(const struct engine *e, struct info_store *to, struct error *err)
{
	const char *path = e->opt.volume_path ? e->opt.volume_path : e->conf.engine.volume_path;

	return str_empty(path) ? path_join(&to->volume_path, e->root, "volumes", err) : str_set(&to->volume_path, path, err);
}

static int fill_store(struct engine *e, struct info_store *to, struct error *err)
{
	const char *tmp = e->conf.engine.image_copy_tmp_dir;
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(count_containers(s, to, err));
	TRY(count_images(s, to, err));
	TRY(str_set(&to->driver, store_driver_name(store_get_driver(s)), err));
	TRY(fill_options(e, to, err));
	TRY(str_set(&to->root, e->root, err));
	TRY(str_set(&to->runroot, e->runroot, err));
	TRY(fill_disk(e, s, to, err));
	TRY(str_set(&to->image_tmp, str_empty(tmp) ? e->paths.tmp : tmp, err));
	to->transient = e->opt.transient_store || e->storage.transient_store;
	return fill_volume_path(e, to, err);
}

/* ---- registries and plugins ---- */
static int add_registry(struct json_object *to, const struct registry *r, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add_str(o, "Prefix", r->prefix, err));
	TRY(json_add_str(o, "Location", r->location ? r->location : "", err));
	TRY(json_add(o, "Insecure", json_object_new_boolean(r->insecure), err));
	TRY(json_add(o, "Blocked", json_object_new_boolean(r->blocked), err));
	TRY(json_add(o, "MirrorByDigestOnly", json_object_new_boolean(r->mirror_by_digest_only), err));
	return json_add(to, r->prefix, take_ptr(o), err);
}

static int fill_registries(struct engine *e, struct info *to, struct error *err)
{
	auto_registries_conf conf = {};

	TRY(registries_conf_load(&conf, &e->paths, err));
	to->registries = json_object_new_object();
	if (!to->registries)
		return fail_oom(err);
	TRY(add_strings(to->registries, "", "search", &conf.unqualified_search, err));
	const struct registry *r = conf.registries.v;
	for (size_t i = 0; i < conf.registries.n; i++)
		if (r[i].prefix)
			TRY(add_registry(to->registries, &r[i], err));
	return 0;
}

static int fill_plugins(const struct engine *e, struct info *to, struct error *err)
{
	static const char *const log[] = { "k8s-file", "none", "passthrough", "passthrough-tty", "json-file", "journald" };
	const struct strmap *more = &e->conf.engine.volume_plugins;

	for (size_t i = 0; i < ARRAY_LEN(log); i++)
		TRY(strv_add(&to->plugins.log, log[i], err));
	TRY(strv_add(&to->plugins.volume, "local", err));
	for (size_t i = 0; i < more->n; i++)
		TRY(strv_add(&to->plugins.volume, more->v[i].key, err));
	return 0;
}

int info_get(struct engine *e, struct info *ret, struct error *err)
{
	auto_info i = {};

	TRY(info_get_host(e, &i.host, err));
	TRY(fill_store(e, &i.store, err));
	TRY(fill_registries(e, &i, err));
	TRY(fill_plugins(e, &i, err));
	*ret = i;
	i = (struct info){};
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * engine/info.h - what `info` says of host, store, registries and plugins; rows with Podman's names.
 * Owns its strings. Reads /proc, /etc/os-release, configuration and the index; starts no program. Allocates. */
#pragma once
#include "base/value.h"
#include "engine/engine.h"

#define BUILDAH_LEVEL "1.42.0"   /* the Buildah release whose command line and files `build` follows */

struct info_program {
	char *name, *package, *path, *version;
};
struct info_idmap {
	int64_t container_id, host_id, size;
};
struct info_host {
	char *arch, *buildah_version, *cgroup_manager, *cgroup_version;
	struct strv cgroup_controllers;
	struct info_program conmon, runtime;
	int64_t cpus;
	struct { double user, kernel, idle; } cpu;
	char *database_backend;
	struct { char *name, *variant, *version, *codename; } distribution;
	char *event_logger, *hostname;
	struct list gid_map, uid_map;        /* struct info_idmap */
	char *kernel, *log_driver;
	int64_t mem_free, mem_total, swap_free, swap_total;
	char *network_backend;
	struct info_program network, dns;     /* only name, package, path, version */
	char *default_network;
	char *os;
	struct { char *path; bool exists; } socket;
	char *rootless_network;
	bool service_is_remote;
	struct { bool apparmor, rootless, seccomp, selinux; char *capabilities, *seccomp_profile; } security;
	struct { char *executable, *package, *version; } pasta;
	char *uptime, *variant, *linkmode;
	struct strv emulated;
	struct opt_uint free_locks;           /* never set: locks are files, nothing runs out */
	struct strmap runtime_info;           /* what the runtime adds of its own: nothing */
};
struct info_store {
	struct { int64_t number, paused, running, stopped; } containers;
	char *driver;
	struct json_object *options;
	char *root;
	uint64_t allocated, used;
	struct strmap status;
	char *image_tmp;
	struct { int64_t number; } images;
	char *runroot, *volume_path;
	bool transient;
};
struct info {
	struct info_host host;
	struct info_store store;
	struct json_object *registries;
	struct { struct strv authorization, log, network, volume; } plugins;
};
extern const struct field info_rows[];   /* host store registries plugins */

int info_get(struct engine *e, struct info *ret, struct error *err);
static inline void info_done(struct info *i)
{
	fields_done(info_rows, i);
}
#define auto_info CLEANUP(info_done) struct info

/* info-host.c: the part about the machine. */
int info_get_host(struct engine *e, struct info_host *ret, struct error *err);

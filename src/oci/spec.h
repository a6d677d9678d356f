/* SPDX-License-Identifier: Apache-2.0
 * oci/spec.h - the Linux part of the OCI runtime specification 1.2 as typed C structs.
 *
 * Owns: the types, the rows that describe them (JSON in and out are walks over the rows, base/field.h), and the
 * checks that need nothing but the spec itself. Does not own: what the kernel makes of it (oci/plan.h).
 * Life cycle: oci_spec_init() or oci_spec_load(), fill or read the public members, oci_spec_done(). All strings,
 * vectors and lists belong to the struct. Unknown members of a config.json are ignored, as the specification
 * demands; members of a wrong type and values that make no sense are errors that name the dotted path.
 * Allocates: not between clone() and exec(); reading the members there is fine. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "base/json.h"
#include "base/str.h"

/* ---- process ---- */
struct oci_user {
	uint64_t uid, gid;
	struct opt_uint umask;
	struct numv additional_gids;
	char *username;                /* Windows and VMs; kept, not used */
};

/* NULL vectors mean empty sets; names as "CAP_CHOWN", any case. */
struct oci_capabilities {
	struct strv bounding, effective, inheritable, permitted, ambient;
};

struct oci_rlimit {
	char *type;                    /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

struct oci_console_size {
	uint64_t height, width;
};

struct oci_scheduler {
	char *policy;                  /* "SCHED_OTHER" */
	int64_t nice, priority;
	struct strv flags;             /* "SCHED_FLAG_RESET_ON_FORK" */
	struct opt_uint runtime, deadline, period;   /* nanoseconds */
};

struct oci_io_priority {
	char *class_name;              /* "IOPRIO_CLASS_BE" */
	int64_t priority;
};

struct oci_cpu_affinity {
	char *initial, *final;         /* lists: "0-3,7" */
};

/* The "process" object: of the container's first process, and of an exec. */
struct oci_process_spec {
	bool terminal;
	struct oci_console_size *console_size;
	struct oci_user user;
	struct strv args, env;
	char *cwd;
	struct oci_capabilities *capabilities;   /* NULL: none at all */
	struct list rlimits;           /* struct oci_rlimit */
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label;
	struct opt_int oom_score_adj;
	struct oci_scheduler *scheduler;
	struct oci_io_priority *io_priority;
	struct oci_cpu_affinity *exec_cpu_affinity;
};

/* ---- file systems ---- */
struct oci_root {
	char *path;
	bool readonly;
};

struct oci_idmap {
	uint64_t container_id, host_id, size;
};

struct oci_mount {
	char *destination, *type, *source;
	struct strv options;
	struct list uid_mappings, gid_mappings;   /* struct oci_idmap */
};

/* Parents before children; equals keep their order. */
void oci_mounts_sort(struct list *mounts);

/* ---- hooks ---- */
struct oci_hook {
	char *path;
	struct strv args, env;
	struct opt_int timeout;        /* seconds */
};

struct oci_hooks {
	struct list prestart, create_runtime, create_container, start_container, poststart, poststop;   /* oci_hook */
};

/* ---- linux ---- */
struct oci_namespace {
	char *type;                    /* "pid" "network" "mount" "ipc" "uts" "user" "cgroup" "time" */
	char *path;                    /* NULL: a new one */
};

struct oci_device {
	char *type, *path;             /* "c", "b", "u", "p" */
	int64_t major, minor;
	struct opt_uint file_mode, uid, gid;
};

struct oci_device_rule {
	bool allow;
	char *type, *access;           /* type NULL or "a": all */
	struct opt_int major, minor;   /* unset or -1: any */
};

struct oci_memory {
	struct opt_int limit, reservation, swap, kernel, kernel_tcp;
	struct opt_uint swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
	struct opt_uint shares, period, burst, realtime_period;
	struct opt_int quota, realtime_runtime, idle;
	char *cpus, *mems;
};

struct oci_pids {
	struct opt_int limit;
};

struct oci_weight_device {
	int64_t major, minor;
	struct opt_uint weight, leaf_weight;
};

struct oci_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};

struct oci_block_io {
	struct opt_uint weight, leaf_weight;
	struct list weight_device;     /* struct oci_weight_device */
	struct list read_bps, write_bps, read_iops, write_iops;   /* struct oci_throttle_device */
};

struct oci_hugepage_limit {
	char *page_size;               /* "2MB" */
	uint64_t limit;
};

struct oci_interface_priority {
	char *name;
	uint64_t priority;
};

struct oci_network {
	struct opt_uint class_id;
	struct list priorities;        /* struct oci_interface_priority */
};

struct oci_resources {
	struct list devices;           /* struct oci_device_rule */
	struct oci_memory memory;
	struct oci_cpu cpu;
	struct oci_pids pids;
	struct oci_block_io block_io;
	struct list hugepage_limits;   /* struct oci_hugepage_limit */
	struct oci_network network;
	struct strmap unified;         /* cgroup v2 file -> text */
	struct json_object *rdma;      /* device -> { hcaHandles, hcaObjects } */
};

struct oci_personality {
	char *domain;                  /* "LINUX", "LINUX32" */
	struct strv flags;
};

struct oci_time_offset {
	int64_t secs;
	uint64_t nanosecs;
};

struct oci_time_offsets {
	struct oci_time_offset *monotonic, *boottime;
};

struct oci_intel_rdt {
	char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct strv schemata;
	bool enable_monitoring, enable_cmt, enable_mbm;
};

struct oci_memory_policy {
	char *mode, *nodes;
	struct strv flags;
};

struct oci_linux {
	struct list uid_mappings, gid_mappings;   /* struct oci_idmap */
	struct strmap sysctl;
	struct oci_resources *resources;
	char *cgroups_path;
	struct list namespaces;        /* struct oci_namespace */
	struct list devices;           /* struct oci_device */
	struct json_object *seccomp;   /* as it came; os/seccomp compiles it */
	char *rootfs_propagation, *mount_label;
	struct strv masked_paths, readonly_paths;
	struct oci_personality *personality;
	struct oci_time_offsets *time_offsets;
	struct oci_intel_rdt *intel_rdt;
	struct oci_memory_policy *memory_policy;
	struct json_object *net_devices;   /* host interface name -> { "name": new name } */
};

struct oci_spec {
	char *version;                 /* "ociVersion" */
	struct oci_process_spec *process;
	struct oci_root *root;
	char *hostname, *domainname;
	struct list mounts;            /* struct oci_mount */
	struct oci_hooks hooks;
	struct strmap annotations;
	struct oci_linux lnx;
};

extern const struct field oci_spec_rows[], oci_process_rows[], oci_resources_rows[], oci_mount_rows[];

void oci_spec_done(struct oci_spec *s);
#define auto_oci_spec CLEANUP(oci_spec_done) struct oci_spec
void oci_process_spec_free(struct oci_process_spec *p);
DEFINE_CLEANUP(struct oci_process_spec, oci_process_spec_free);
void oci_resources_free(struct oci_resources *r);
DEFINE_CLEANUP(struct oci_resources, oci_resources_free);

/* Parses and checks a config.json; `what` names it in errors. *ret is overwritten; oci_spec_done() it. */
int oci_spec_load(const char *what, const char *text, size_t len, struct oci_spec *ret, struct error *err);
/* Reads a file (at most 4 MiB) and parses it. */
int oci_spec_load_file(const char *path, struct oci_spec *ret, struct error *err);
/* Appends the spec as JSON, indented by `indent` blanks (0: one line). ociVersion is written when unset. */
int oci_spec_save(const struct oci_spec *s, int indent, struct buf *to, struct error *err);
/* The checks of oci_spec_load() for a spec made in memory: versions, absolute paths, ids, known names, doubled
 * namespaces, mappings. The engine need not call it: oci_spawn() does. */
int oci_spec_check(const struct oci_spec *s, struct error *err);
/* A process object (exec -p FILE) and a resources object (update -r FILE). *ret is malloc'ed. */
int oci_process_spec_load(const char *what, const char *text, size_t len, struct oci_process_spec **ret,
			  struct error *err);
int oci_process_spec_check(const struct oci_process_spec *p, struct error *err);
int oci_resources_load(const char *what, const char *text, size_t len, struct oci_resources **ret, struct error *err);
/* What `umiak-oci spec` writes: a container that runs `sh` in a terminal with usual mounts, masks and
 * capabilities; rootless adds a user namespace that maps the caller to root. */
int oci_spec_default(bool rootless, struct oci_spec *ret, struct error *err);

/* The namespace entry of that type ("pid"), or NULL. */
const struct oci_namespace *oci_spec_namespace(const struct oci_spec *s, const char *type);
const char *oci_spec_annotation(const struct oci_spec *s, const char *key);   /* NULL: not there */

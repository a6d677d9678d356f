/* SPDX-License-Identifier: Apache-2.0
 * engine/inspect-view.h - the struct behind `container inspect`: names and order as Podman has them.
 * A view: strings, vectors and maps are the container's own or lie in the pool; nothing here is freed one by one. */
#pragma once
#include "engine/container-impl.h"
#include "engine/health.h"
#include "engine/inspect.h"

struct view_health {
	char *status;
	int64_t failing_streak;
	struct list log;                 /* struct health_log */
};
struct view_state {
	char *oci_version, *status, *error, *cgroup_path, *checkpoint_log, *checkpoint_path, *restore_log;
	bool running, paused, restarting, oom_killed, dead, checkpointed, restored, stopped_by_user;
	int64_t pid, monitor_pid, exit_code, started, finished, zero_time;
	struct view_health *health;
};
struct view_mount {
	char *type, *name, *source, *destination, *driver, *mode, *propagation, *sub_path;
	struct strv options;
	bool rw;
};
struct view_healthcheck {
	struct strv test;
	int64_t interval, timeout, start_period, start_interval;
	uint64_t retries;
};
struct view_startup {
	struct strv test;
	int64_t interval, timeout, start_period, start_interval;
	uint64_t retries, successes;
};
struct view_config {
	char *hostname, *domainname, *user, *image, *workdir, *stop_signal, *timezone, *systemd_none, *umask, *on_failure;
	char *log_destination, *sdnotify_mode, *sdnotify_socket;
	bool attach_stdin, attach_stdout, attach_stderr, tty, open_stdin, stdin_once, systemd_mode, passwd;
	struct strv env, cmd, entrypoint, create_command, chroot_dirs;
	struct strmap labels, annotations;
	struct json_object *volumes, *on_build, *secrets, *exposed_ports;
	struct view_healthcheck *health;
	struct view_startup *startup;
	uint64_t max_log_count, max_log_size, timeout, stop_timeout;
};
struct view_log {
	char *type, *path, *tag, *size;
	struct json_object *config;
};
struct view_restart {
	char *name;
	uint64_t maximum;
};
struct view_device {
	char *host, *container, *permissions;
};
struct view_rate {
	char *path;
	uint64_t rate;
};
struct view_ulimit {
	char *name;
	int64_t soft, hard;
};
struct view_id_mappings {
	struct strv uids, gids;
};
struct view_host {
	struct strv binds, volumes_from, cap_add, cap_drop, dns, dns_options, dns_search, extra_hosts, groups, security_opt;
	char *cgroup_manager, *cgroup_mode, *cid_file, *network_mode, *volume_driver, *hosts_file, *ipc_mode, *cgroup, *cgroups,
		*pid_mode, *uts_mode, *userns_mode, *runtime, *isolation, *cgroup_parent, *cpuset_cpus, *cpuset_mems, *rdt_class;
	struct view_log log;
	struct view_restart restart;
	struct json_object *port_bindings, *links, *console_size, *cgroup_conf_none;
	struct strmap annotations, tmpfs, cgroup_conf;
	bool auto_remove, auto_remove_image, privileged, publish_all, readonly, oom_kill_disable, init;
	int64_t oom_score_adj, shm_size, memory, memory_reservation, memory_swap, memory_swappiness, nano_cpus, pids_limit,
		cpu_quota, cpu_rt_runtime, disk_quota, kernel_memory, zero;
	uint64_t cpu_shares, cpu_period, cpu_rt_period, blkio_weight;
	struct list weight_device, read_bps, write_bps, read_iops, write_iops;   /* struct view_rate */
	struct list devices;             /* struct view_device */
	struct list ulimits;             /* struct view_ulimit */
	struct view_id_mappings *id_mappings;
};
struct view_address {
	char *address;
	int64_t prefix;
};
struct view_network {
	struct list addresses, addresses6;   /* struct view_address: those after the first of the only network */
	struct strv more_macs;
	char *empty, *sandbox_key, *sandbox_id, *gateway, *ip, *gateway6, *ip6, *mac;
	int64_t zero, prefix, prefix6;
	bool hairpin;
	struct json_object *ports, *networks;   /* owned */
};
struct view_graph {
	char *name;
	struct strmap data;
};

struct container_inspect {
	struct value_pool pool;
	struct health_record health;     /* owned */
	struct json_object *empty_object, *console_size;   /* owned */
	char *id, *path, *image, *image_digest, *image_name, *rootfs, *pod, *resolv_path, *hostname_path, *hosts_path, *static_dir,
		*config_path, *runtime, *monitor_pid_file, *pid_file, *name, *driver, *mount_label, *process_label, *apparmor,
		*namespace, *exit_propagation;
	int64_t created, restarts, size_rw, size_root, lock_number;
	struct strv args, effective_caps, bounding_caps, exec_ids, dependencies;
	struct view_state state;
	struct view_graph graph;
	struct list mounts;              /* struct view_mount */
	struct view_network network;
	struct view_config config;
	struct view_host host;
	bool is_infra, is_service, use_image_hosts, use_image_hostname, has_size;
	struct ctr *c;                   /* borrowed: whose parts are shown */
};

extern const struct field container_inspect_fields[];
/* Text into the view's pool; NULL when it is full (shown as empty). */
char *view_text(struct container_inspect *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Borrowed as a member that is never freed or written through. */
char *view_show(const char *s);
/* Room for n more strings in the pool. */
struct strv view_vector(struct container_inspect *v, size_t room);
void view_push(struct strv *l, char *s);
/* The list gets n zeroed elements in the pool, or none when it is full; returns them. */
void *view_items(struct container_inspect *v, struct list *l, size_t n, size_t size);

/* HostConfig without ports and mounts; capabilities. (inspect-host.c) */
int inspect_host(struct container_inspect *v, struct error *err);
/* Driver and GraphDriver. (inspect-graph.c) */
int inspect_graph(struct container_inspect *v, struct error *err);
/* Mounts, HostConfig.Binds, HostConfig.Tmpfs. */
void inspect_mounts(struct container_inspect *v);
/* NetworkSettings, HostConfig.PortBindings. */
int inspect_network(struct container_inspect *v, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * conf/containers-conf.h - containers.conf(5): found, merged, typed.
 *
 * Owns the values of all tables; every key is one row (containers-conf-rows.c). Defaults are Podman's built-in
 * ones; members that Podman decides at run time (log_driver, runtime, events_logger, ...) stay NULL when no file
 * sets them, and whoever needs them decides. Numbers have the unit of the manual unless said otherwise.
 *
 * Life cycle: containers_conf_load() once at start; containers_conf_done() at the end. When no file exists
 * loading costs a few failed opens. Search rule: reference of containers.conf in Podman 6 (main file: home, else
 * /etc, else /usr/share; all drop-ins; modules; CONTAINERS_CONF and CONTAINERS_CONF_OVERRIDE).
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/field.h"
#include "conf/paths.h"

/* name -> list of strings, e.g. [engine.runtimes] crun = ["/usr/bin/crun", ...]; [farms.list] */
struct conf_named_list {
	char *name;
	struct strv values;
};
struct conf_destination {   /* [engine.service_destinations.NAME] */
	char *name, *uri, *identity, *tls_cert, *tls_key, *tls_ca;
	bool is_machine;
};

struct conf_containers {
	struct strv annotations;
	char *apparmor_profile, *base_hosts_file;
	struct strv cgroup_conf;
	char *cgroups, *cgroupns;
	bool container_name_as_hostname;
	struct strv default_capabilities, default_sysctls, default_ulimits, devices;
	struct strv dns_options, dns_searches, dns_servers;
	struct strv env;
	bool env_host;
	char *host_containers_internal_ip;
	bool http_proxy, init;
	char *init_path, *interface_name, *ipcns;
	bool keyring, label, label_users;
	char *log_driver;            /* NULL: chosen at run time */
	char *log_path;
	int64_t log_size_max;        /* bytes, -1: unlimited */
	char *log_tag;
	struct strv mounts;
	char *netns;
	bool no_hosts;
	struct opt_int oom_score_adj;
	char *pidns;
	int64_t pids_limit;          /* 0: none; 2048 (rootless: 0) by default */
	bool prepare_volume_on_create, privileged, read_only;
	char *seccomp_profile;       /* NULL: built in */
	char *shm_size;              /* as written: "65536k" */
	char *tz, *umask, *userns;
	uint64_t userns_size;
	char *utsns;
	struct strv volumes;
};

struct conf_network {
	char *network_backend;
	char *netavark;              /* ours: Netavark's program makes root's networks; name or path, NULL: we do */
	struct strv netavark_plugin_dirs;
	char *default_network, *default_subnet;
	struct json_object *default_subnet_pools;   /* [{base, size}], NULL: built in */
	char *default_rootless_network_cmd, *network_config_dir, *firewall_driver;
	uint64_t dns_bind_port;
	struct strv pasta_options, default_host_ips;
};

struct conf_engine {
	char *active_service;
	struct strv add_compression;
	char *cgroup_manager;        /* "systemd", "cgroupfs", NULL: what works */
	bool cgroup_check;
	bool compat_api_enforce_docker_hub;
	struct strv compose_providers;
	bool compose_warning_logs;
	struct strv conmon_env_vars, conmon_path, conmonrs_path;
	char *database_backend, *detach_keys;
	bool enable_port_reservation;
	struct strv env;
	char *events_logfile_path;
	int64_t events_logfile_max_size;   /* bytes */
	char *events_logger;               /* "journald", "file", "none", NULL: chosen at run time */
	bool events_container_create_inspect_data, healthcheck_events;
	struct strv helper_binaries_dir, hooks_dir, cdi_spec_dirs;
	char *image_build_format, *image_default_format, *image_default_transport;
	uint64_t image_parallel_copies;
	char *image_volume_mode, *infra_command, *infra_image, *kube_generate_type, *lock_type;
	bool multi_image_archive;
	char *namespace;
	struct strv network_cmd_options;
	char *network_cmd_path;
	bool no_pivot_root;
	uint64_t num_locks;
	char *pod_exit_policy, *pull_policy;
	bool remote;
	char *remote_uri, *remote_identity;
	uint64_t retry;
	char *retry_delay;
	char *runtime;                     /* NULL: built in */
	struct strv runtime_path;
	struct strv runtime_supports_json, runtime_supports_kvm, runtime_supports_nocgroups;
	char *image_copy_tmp_dir, *ssh_config;
	uint64_t service_timeout, stop_timeout, exit_command_delay;   /* seconds */
	char *static_dir, *tmp_dir, *volume_path;   /* NULL: below our own roots */
	bool chown_copied_files;
	char *compression_format;
	struct opt_int compression_level;
	struct list service_destinations;  /* struct conf_destination */
	struct list runtimes, runtimes_flags;   /* struct conf_named_list */
	struct strmap volume_plugins, platform_to_oci_runtime;
	uint64_t volume_plugin_timeout;
};

struct conf_secrets {
	char *driver;
	struct strmap opts;
};

struct conf_machine {
	uint64_t cpus, disk_size, memory;   /* cores, GB, MiB; cpus 0: half of the host's */
	char *image, *user;
	struct strv volumes;
	char *provider;
	bool rosetta, import_native_ca;
};

struct conf_farms {
	char *default_farm;
	struct list list;   /* struct conf_named_list */
};

struct conf_podmansh {
	char *shell, *container;
	uint64_t timeout;   /* seconds, 0: 30 */
};

struct containers_conf {
	struct conf_containers containers;
	struct conf_network network;
	struct conf_engine engine;
	struct conf_secrets secrets;
	struct conf_machine machine;
	struct conf_farms farms;
	struct conf_podmansh podmansh;
	uint64_t podmansh_timeout;        /* [engine] podmansh_timeout, deprecated */
	struct strv loaded_modules;       /* absolute paths, in the order they were read */
	struct strv warnings;             /* sentences for the log: unknown keys, files that were passed over */
	struct strv appending;            /* "table.key" of the lists that said {append=true}: later files add too */
};

/* The rows of the whole file: FIELD_OBJECT rows, one per table, names in FIELD_COLUMN_CONF. For `info`, docs and
 * drift tests. */
extern const struct field containers_conf_rows[];

/* The built-in defaults. */
int containers_conf_init(struct containers_conf *conf, const struct paths *paths, struct error *err);
/* Defaults, then all files by the search rule; modules: names or paths of --module in order, may be NULL.
 * *conf is empty on failure. Errors name file, line and key. */
int containers_conf_load(struct containers_conf *conf, const struct paths *paths, const struct strv *modules,
			 struct error *err);
/* Merges one document over what is there (string arrays replace, or add after {append=true}). */
int containers_conf_merge(struct containers_conf *conf, const char *what, const char *text, size_t len,
			  struct error *err);
void containers_conf_done(struct containers_conf *conf);
#define auto_containers_conf CLEANUP(containers_conf_done) struct containers_conf
/* The values of a named list, or NULL: conf_named_list_find(&conf.engine.runtimes, "crun"). */
const struct strv *conf_named_list_find(const struct list *l, const char *name);
/* The destination of that name, or NULL. */
const struct conf_destination *conf_destination_find(const struct containers_conf *conf, const char *name);

/* SPDX-License-Identifier: Apache-2.0
 * engine/params.h - what a container shall be: the ONE struct that every front end fills.
 *
 * `run`, `create`, the REST bodies, Quadlet, Kubernetes YAML and `container clone` all end in a struct
 * container_params; the engine sees nothing else. Each setting is one row (base/field.h) in params-<topic>.c: its
 * command line name, its JSON name (Podman's specgen name where there is one), its help. The same rows write the
 * container's record in the store and read it back, so a new setting needs one row and nothing more.
 *
 * Life cycle: params_init() -> rows fill it -> params_finish() (files named on the command line are read, excluding
 * settings are checked) -> params_resolve() (engine/resolve.h: image and containers.conf defaults folded in; from
 * then on the struct says exactly what the container gets) -> stored, turned into a spec -> params_done().
 * Owns all its strings and lists. Sizes are bytes, durations nanoseconds unless the name says otherwise; -1 in an
 * int64 that says "-1: unlimited". Values with a structure (-v, --mount, --device, ...) are parsed by their row
 * into the lists below (engine/params-parse.h): what is in the struct is syntactically sound.
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/field.h"
#include "base/str.h"

/* ---- structured values ---- */

/* Namespace modes as Podman writes them ("host", "private", "container:ID", "ns:PATH", ...). */
enum ns_mode {
	NS_DEFAULT,    /* what containers.conf says; gone after params_resolve() */
	NS_HOST, NS_PRIVATE, NS_SHAREABLE, NS_NONE, NS_CONTAINER, NS_PATH, NS_POD,
	NS_KEEP_ID, NS_NOMAP, NS_AUTO,           /* user namespaces only */
	NS_BRIDGE, NS_PASTA, NS_SLIRP,           /* networks only; NS_BRIDGE with value: network names */
	NS_MODE_MAX
};
struct param_ns {
	int mode;        /* enum ns_mode */
	char *value;     /* container, path, options behind the colon; NULL: none */
};

struct param_mount {
	char *type;          /* "bind" "volume" "tmpfs" "ramfs" "devpts" "image" "overlay" "glob" "artifact" */
	char *source;        /* host path, volume name (NULL: anonymous), image; NULL for tmpfs, devpts */
	char *destination;   /* absolute and clean */
	char *subpath;       /* below the volume or image; NULL: all of it */
	struct strv options; /* as mount(8) and Podman spell them: "ro" "z" "U" "rbind" "rslave" "size=64m" "copy" ... */
	char *origin;        /* "image": an image's VOLUME; "from": --volumes-from; NULL: asked for */
};

struct param_device {
	char *host, *container;
	char *permissions;   /* subset of "rwm" */
};

struct param_ulimit {
	char *name;          /* "nofile" */
	int64_t soft, hard;  /* -1: unlimited */
};

struct param_idmap {
	uint64_t container, host, size;
	char *flags;         /* the letters before the numbers: "+", "@", "u", "g"; NULL: none */
};

struct param_device_rate {
	char *path;
	uint64_t rate;       /* bytes or operations per second, or a weight */
};

struct param_secret {
	char *name, *target, *mode_text;
	bool env;            /* type=env */
	int64_t uid, gid, mode;
};

extern const struct field param_port_rows[];
struct param_port {
	char *host_ip;       /* "" : all */
	char *protocol;      /* "tcp" "udp" "sctp" */
	int64_t host_port;   /* 0: any free one */
	int64_t container_port;
	int64_t range;       /* how many consecutive ports, >= 1 */
};

enum restart_policy { RESTART_NONE, RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };
struct param_restart {
	int policy;          /* enum restart_policy; RESTART_NONE: not given */
	int64_t retries;     /* on-failure: 0 = no limit */
};

/* ---- topics: one struct and one params-<topic>.c each ---- */

struct params_basic {
	char *name;
	char *pod;                     /* name or id */
	char *raw_image_name;          /* as the user wrote it */
	bool rootfs;                   /* raw_image_name is a directory, with ":O" and ":idmap" options behind */
	bool rootfs_overlay, rootfs_idmap;   /* ":O": changes go elsewhere; ":idmap": seen through the container's ids */
	char *rootfs_mapping;          /* ":idmap=TEXT": through these (oci/plan.h) */
	struct strmap labels, annotations;
	struct strv label_files;
	struct strv requires;          /* containers that must run first */
	struct strv create_command;    /* the command line that made it */
	struct param_restart restart;
	bool remove, remove_image;     /* --rm, --rmi */
	bool provisional;              /* `run --rm`: goes when its creator dies before it was started; not stored here */
	bool external;                 /* a working container of Buildah's commands: never started, `ps` shows it with --external;
					* the image name "scratch" means none */
	char *init_container_type;     /* "always", "once" */
	bool infra;                    /* holds its pod's namespaces; without raw_image_name it runs our own init */
	char *conmon_pid_file, *pid_file;
	struct strv cid_files;
	char *sdnotify_mode;
	char *systemd;                 /* "true" "false" "always" */
	int64_t timeout;               /* seconds, 0: none */
};

struct params_image {              /* how the image is found; not stored with the container */
	char *arch, *os, *variant, *platform;
	char *pull;                    /* "always" "missing" "never" "newer" */
	char *authfile, *cert_dir, *creds, *retry_delay, *signature_policy;
	struct strv decryption_keys;
	struct opt_bool tls_verify;
	struct opt_uint retry;
	bool quiet;
};

struct params_process {
	struct strv command;           /* behind the image name; after resolve: the image's Cmd when none was given */
	struct strv entrypoint;        /* --entrypoint split or JSON; after resolve: also the image's */
	bool entrypoint_given;         /* also for --entrypoint "" */
	struct strmap env;             /* after resolve: everything the process gets */
	struct strv env_files, env_merge, unset_env;
	bool env_host, unset_env_all;
	struct opt_bool http_proxy;
	char *user;                    /* "name|uid[:group|gid]" */
	struct strv groups;            /* --group-add; may hold "keep-groups" */
	char *workdir;
	bool systemd_mode;             /* after resolve: systemd is (or shall be treated as) the first process */
	bool make_workdir;             /* it comes from the image: made when missing */
	bool tty, interactive;
	struct strv attach;            /* "stdin" "stdout" "stderr" */
	char *umask;                   /* octal text */
	char *timezone;                /* "local" or a zone name */
	char *stop_signal;             /* name or number as given; after resolve "SIGTERM" form or number */
	struct opt_uint stop_timeout;  /* seconds */
	struct opt_bool init;
	char *init_path;
	struct opt_uint preserve_fds;
	struct numv preserve_fd;
	char *personality;
	struct opt_bool passwd;        /* make passwd/group entries; default true */
	char *passwd_entry, *group_entry;
	struct strv host_users;
	struct strv chroot_dirs;
};

struct params_storage {
	struct list mounts;            /* struct param_mount: -v, --mount, --tmpfs and after resolve image volumes */
	struct strv volumes_from;      /* "CONTAINER[:OPTIONS]" */
	struct list devices;           /* struct param_device */
	struct strv device_cgroup_rules;
	struct strv gpus;
	struct list secrets;           /* struct param_secret */
	struct opt_bool read_only, read_only_tmpfs;
	char *image_volume;            /* "anonymous" ("bind"), "tmpfs", "ignore" */
	struct opt_int shm_size, shm_size_systemd;   /* bytes */
};

struct params_namespaces {
	struct param_ns pid, ipc, uts, cgroup, user, net;
	struct list uidmap, gidmap;    /* struct param_idmap */
	char *subuid_name, *subgid_name;
	char *hostname;
	char *cgroups;                 /* "enabled" "disabled" "no-conmon" "split" */
	char *cgroup_parent;
	bool no_hostname;
};

struct params_network {
	struct strv networks;          /* "--network" words as given */
	struct strv aliases;
	struct list ports;             /* struct param_port */
	struct strv expose;            /* "port[-port][/protocol]" */
	bool publish_all;
	char *ip, *ip6, *mac;
	struct strv link_local_ips;
	struct strv dns, dns_options, dns_search, add_hosts;
	char *hosts_file;
	struct opt_bool no_hosts;
};

struct params_security {
	struct strv cap_add, cap_drop;
	bool privileged;
	struct strv security_opt;      /* as given, "key=value"; read by spec-security.c */
	char *seccomp_policy;          /* "default" or "image" */
	struct strmap sysctl;
};

struct params_resources {
	struct opt_uint cpu_shares, cpu_period, cpu_rt_period;
	struct opt_int cpu_quota, cpu_rt_runtime;
	char *cpus;                    /* decimal number of CPUs as given */
	char *cpuset_cpus, *cpuset_mems;
	struct opt_int memory, memory_reservation, memory_swap;   /* bytes, -1: unlimited */
	struct opt_int memory_swappiness;
	struct opt_int pids_limit;     /* -1: unlimited */
	bool oom_kill_disable;
	struct opt_int oom_score_adj;
	struct opt_uint blkio_weight;
	struct list blkio_weight_device, read_bps, write_bps, read_iops, write_iops;   /* struct param_device_rate */
	struct list ulimits;           /* struct param_ulimit */
	struct strmap cgroup_conf;     /* cgroup v2 file -> text */
	char *rdt_class;
};

struct params_log {
	char *driver;                  /* "k8s-file" "json-file" "journald" "none" "passthrough" "passthrough-tty" */
	struct strmap options;         /* path, max-size, max-file, tag, label... */
};

struct params_health {
	char *command;                 /* as given; "none" or "" disables */
	struct strv test;              /* after resolve: ["CMD-SHELL", "..."], ["CMD", ...], ["NONE"]; empty: no check */
	bool none;                     /* --no-healthcheck */
	struct opt_int interval, timeout, start_period;   /* ns; interval 0 with `interval_off`: disable */
	bool interval_off;
	struct opt_uint retries;
	char *on_failure;              /* "none" "kill" "restart" "stop" */
	char *log_destination;
	struct opt_uint max_log_count, max_log_size;
	char *startup_command;
	struct strv startup_test;
	struct opt_int startup_interval, startup_timeout;
	struct opt_uint startup_retries, startup_success;
};

struct container_params {
	struct params_basic basic;
	struct params_image image;
	struct params_process process;
	struct params_storage storage;
	struct params_namespaces ns;
	struct params_network net;
	struct params_security security;
	struct params_resources resources;
	struct params_log log;
	struct params_health health;
};

extern const struct field params_basic_rows[], params_image_rows[], params_process_rows[], params_storage_rows[],
	params_namespaces_rows[], params_network_rows[], params_security_rows[], params_resources_rows[],
	params_log_rows[], params_health_rows[];
/* All of the above, ended by NULL; every offset counts from struct container_params. */
extern const struct field *const params_groups[];

extern const char *const restart_policy_names[];   /* by enum restart_policy, ended by NULL */
extern const char *const ns_mode_names[];          /* by enum ns_mode, ended by NULL */

/* Defaults that are not zero. Never fails, allocates nothing. */
void params_init(struct container_params *p);
void params_done(struct container_params *p);
/* Reads env and label files, checks what excludes each other and values that need no image. Call once, after the
 * rows were filled and before params_resolve(). Errors name the option and the remedy. */
int params_finish(struct container_params *p, struct error *err);
/* The container's record: all groups in one JSON object (ret: new reference), and back. */
int params_save(const struct container_params *p, struct json_object **ret, struct error *err);
int params_load(struct json_object *tree, struct container_params *p, struct error *err);

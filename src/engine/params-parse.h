/* SPDX-License-Identifier: Apache-2.0
 * engine/params-parse.h - option values with a structure: text -> the structs of engine/params.h.
 *
 * The `struct field_custom` objects below are what the rows of params-<topic>.c point at: each parses one command
 * line value and reads and writes the JSON of the container's record. Owns nothing. No I/O except where a value
 * names an environment variable to take over (--env NAME). Errors are ERROR_INVALID and quote the value. */
#pragma once
#include "engine/params.h"

/* -v [[SOURCE:]DESTINATION[:OPTIONS]], --mount type=...,..., --tmpfs DIR[:OPTIONS]: append to storage.mounts. */
extern const struct field_custom param_volume_custom, param_mount_custom, param_tmpfs_custom;
/* --device HOST[:CONTAINER][:rwm], --secret NAME[,opt=value...] */
extern const struct field_custom param_device_custom, param_secret_custom;
/* --pid, --ipc, --uts, --cgroupns, --userns: one namespace each; --network fills ns.net and net.networks. */
extern const struct field_custom param_ns_pid_custom, param_ns_ipc_custom, param_ns_uts_custom, param_ns_cgroup_custom,
	param_ns_user_custom, param_ns_net_custom;
extern const struct field_custom param_idmap_custom;      /* --uidmap/--gidmap [flags]c:h[:n] */
extern const struct field_custom param_port_custom;       /* --publish */
extern const struct field_custom param_ulimit_custom;     /* --ulimit NAME=SOFT[:HARD], "host" */
extern const struct field_custom param_rate_bps_custom, param_rate_iops_custom, param_weight_device_custom;
extern const struct field_custom param_restart_custom;    /* --restart POLICY[:N] */
extern const struct field_custom param_env_custom;        /* --env NAME=VALUE | NAME | PREFIX* */
extern const struct field_custom param_entrypoint_custom; /* --entrypoint WORD | JSON array */
extern const struct field_custom param_memory_custom;     /* sizes where -1 means unlimited: struct opt_int */
extern const struct field_custom param_seconds_custom;    /* durations of health checks: struct opt_int, ns */
extern const struct field_custom param_interval_custom;   /* the same, "disable" allowed: struct params_health */
extern const struct field_custom param_startup_interval_custom;   /* struct opt_int, 0: disabled */

/* The text parsers behind them (tests and fuzzing; other front ends). Outputs are appended/owned by the caller. */
int param_volume_parse(const char *value, struct list *mounts, struct error *err);
int param_mount_parse(const char *value, struct list *mounts, struct error *err);
int param_tmpfs_parse(const char *value, struct list *mounts, struct error *err);
int param_device_parse(const char *value, struct list *devices, struct error *err);
int param_port_parse(const char *value, struct list *ports, struct error *err);
void param_ports_done(struct list *l);
int param_ulimit_parse(const char *value, struct list *ulimits, struct error *err);
int param_idmap_parse(const char *value, struct list *maps, struct error *err);
int param_restart_parse(const char *value, struct param_restart *ret, struct error *err);
/* Lines NAME=VALUE, NAME, NAME*, '#' comments; `what` names the file in errors. Earlier entries are replaced. */
int param_env_file_parse(const char *what, const char *text, struct strmap *env, struct error *err);
void param_mount_done(struct param_mount *m);
/* Names of resource limits by RLIMIT_ number: "cpu", "fsize", ... */
extern const char *const param_ulimit_names[16];

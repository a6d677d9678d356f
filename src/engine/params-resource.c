/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

static const struct field rate_rows[] = {
	{ .json = "path", F_STR(struct param_device_rate, path) },
	{ .json = "rate", F_UINT(struct param_device_rate, rate) },
	{},
};

static const struct field ulimit_rows[] = {
	{ .json = "type", F_STR(struct param_ulimit, name) },
	{ .json = "soft", F_INT(struct param_ulimit, soft) },
	{ .json = "hard", F_INT(struct param_ulimit, hard) },
	{},
};

#define RATES(option, name, member, custom_, what)                                                        \
	{ .cli = option, F_CUSTOM(S, resources.member, custom_), .arg = "stringArray", .help = what },     \
	{ .json = name, F_LIST(S, resources.member, struct param_device_rate, rate_rows) }
#define BYTES(option, letter, name, member, what)                                                            \
	{ .cli = option, .abbr = letter, F_CUSTOM(S, resources.member, &param_memory_custom), .arg = "string", \
	  .help = what },                                                                                    \
	{ .json = name, F_OPT_INT(S, resources.member) }

const struct field params_resources_rows[] = {
	{ .cli = "cpu-shares", .abbr = 'c', .json = "cpu_shares", F_OPT_UINT(S, resources.cpu_shares), .arg = "uint",
	  .help = "Weight among containers that compete for CPU" },
	{ .cli = "cpu-period", .json = "cpu_period", F_OPT_UINT(S, resources.cpu_period), .arg = "uint",
	  .help = "Length of a CPU accounting period in microseconds" },
	{ .cli = "cpu-quota", .json = "cpu_quota", F_OPT_INT(S, resources.cpu_quota), .arg = "int",
	  .help = "CPU time per period in microseconds" },
	{ .cli = "cpu-rt-period", .json = "cpu_rt_period", F_OPT_UINT(S, resources.cpu_rt_period), .arg = "uint",
	  .help = "Length of a real-time period in microseconds" },
	{ .cli = "cpu-rt-runtime", .json = "cpu_rt_runtime", F_OPT_INT(S, resources.cpu_rt_runtime), .arg = "int",
	  .help = "Real-time CPU time per period in microseconds" },
	{ .cli = "cpus", .json = "cpus", F_STR(S, resources.cpus), .arg = "float",
	  .help = "How many CPUs may be used (1.5 is possible)" },
	{ .cli = "cpuset-cpus", .json = "cpuset_cpus", F_STR(S, resources.cpuset_cpus), .arg = "string",
	  .help = "CPUs to run on (\"0-3\", \"0,2\")" },
	{ .cli = "cpuset-mems", .json = "cpuset_mems", F_STR(S, resources.cpuset_mems), .arg = "string",
	  .help = "Memory nodes to use (0-3, 0,1)" },
	BYTES("memory", 'm', "memory", memory, "Memory limit (format: <number>[<unit>], where unit = b, k, m, or g)"),
	BYTES("memory-reservation", 0, "memory_reservation", memory_reservation,
	      "Memory soft limit (format: <number>[<unit>], where unit = b, k, m, or g)"),
	BYTES("memory-swap", 0, "memory_swap", memory_swap, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
	{ .cli = "memory-swappiness", .json = "memory_swappiness", F_OPT_INT(S, resources.memory_swappiness), .arg = "int",
	  .fallback = "-1", .help = "How readily memory is swapped, 0 to 100 (-1: as the system)" },
	{ .cli = "pids-limit", .json = "pids_limit", F_OPT_INT(S, resources.pids_limit), .arg = "int",
	  .help = "How many processes there may be (-1: no limit)" },
	{ .cli = "oom-kill-disable", .json = "oom_kill_disable", F_BOOL(S, resources.oom_kill_disable),
	  .help = "Do not kill processes when memory runs out" },
	{ .cli = "oom-score-adj", .json = "oom_score_adj", F_OPT_INT(S, resources.oom_score_adj), .arg = "int",
	  .help = "How early the kernel kills it when memory runs out, -1000 to 1000" },
	{ .cli = "blkio-weight", .json = "blkio_weight", F_OPT_UINT(S, resources.blkio_weight), .arg = "string",
	  .help = "Weight among containers that compete for disks, 10 to 1000" },
	RATES("blkio-weight-device", "weight_device", blkio_weight_device, &param_weight_device_custom,
	      "Block IO weight (relative device weight, format: DEVICE_NAME:WEIGHT)"),
	RATES("device-read-bps", "throttle_read_bps", read_bps, &param_rate_bps_custom,
	      "Limit read rate (bytes per second) from a device (e.g. --device-read-bps=/dev/sda:1mb)"),
	RATES("device-write-bps", "throttle_write_bps", write_bps, &param_rate_bps_custom,
	      "Limit write rate (bytes per second) to a device (e.g. --device-write-bps=/dev/sda:1mb)"),
	RATES("device-read-iops", "throttle_read_iops", read_iops, &param_rate_iops_custom,
	      "Limit read rate (IO per second) from a device (e.g. --device-read-iops=/dev/sda:1000)"),
	RATES("device-write-iops", "throttle_write_iops", write_iops, &param_rate_iops_custom,
	      "Limit write rate (IO per second) to a device (e.g. --device-write-iops=/dev/sda:1000)"),
	{ .cli = "ulimit", F_CUSTOM(S, resources.ulimits, &param_ulimit_custom), .arg = "strings",
	  .help = "Ulimit options" },
	{ .json = "r_limits", F_LIST(S, resources.ulimits, struct param_ulimit, ulimit_rows) },
	{ .cli = "cgroup-conf", .json = "unified", F_MAP(S, resources.cgroup_conf), .arg = "strings",
	  .help = "Write a value to a file of the cgroup (KEY=VALUE, v2)" },
	{ .cli = "rdt-class", .json = "rdt_class", F_STR(S, resources.rdt_class), .arg = "string",
	  .help = "Intel RDT class of service" },
	{},
};

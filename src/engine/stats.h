/* SPDX-License-Identifier: Apache-2.0
 * engine/stats.h - what a running container uses: CPU time, memory, network, disks, processes.
 * From its control group (v1, v2) where that counts, else from /proc of its processes; network from its first process'
 * /proc/PID/net/dev. Cheap: a few small files, no lock. Allocates nothing that the caller must free. */
#pragma once
#include "engine/container.h"

struct ctr_stats {
	int64_t when;                       /* CLOCK_MONOTONIC, ns */
	int64_t taken;                      /* the same moment, Unix ns */
	uint64_t cpu_ns;                    /* used since the start */
	uint64_t cpu_system_ns;             /* of that in the kernel */
	double cpu, average;                /* per cent of one CPU: since the sample before (or the start); since the start */
	uint64_t memory, memory_limit;      /* bytes; without a limit: the machine's */
	double memory_percent;
	uint64_t rx, tx;                    /* bytes, all interfaces but lo; 0 in the host's network */
	uint64_t read, written;             /* bytes */
	uint64_t pids;
	int64_t running_ns;                 /* since its start */
	int64_t pid;                        /* its first process */
};
/* `before`: the same container's sample before, or NULL. ERROR_STATE when it does not run, ERROR_UNSUPPORTED when it was
 * made without control groups (--cgroups=disabled). */
int ctr_stats(struct ctr *c, const struct ctr_stats *before, struct ctr_stats *ret, struct error *err);
/* Counters of every interface but lo that the process sees, by name, with Podman's names (RxBytes, ...): a new object,
 * empty in the host's network and when the process is gone. */
int ctr_stats_network(int64_t pid, struct json_object **ret, struct error *err);
/* Nanoseconds on each CPU into ret->v (the caller frees it); none where the kernel does not count them (cgroup v2). */
int ctr_stats_per_cpu(struct ctr *c, struct numv *ret, struct error *err);

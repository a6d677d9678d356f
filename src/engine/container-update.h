/* SPDX-License-Identifier: Apache-2.0
 * engine/container-update.h - `update`: settings of a container that may change after its creation.
 * Limits reach a running container through its control group, health timers through its monitor; the rest (environment,
 * ulimits) counts from its next start. All of it is stored. Allocates. */
#pragma once
#include "engine/container.h"

struct ctr_update {
	struct container_params *values;                      /* filled by the rows; members that were given are taken */
	bool (*given)(const void *arg, const char *option);   /* which options were given */
	const void *arg;
};
/* The options of the rows that can be updated, by the file they stand in; blank-separated. */
#define UPDATE_RESOURCES "blkio-weight blkio-weight-device cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus " \
	"cpuset-cpus cpuset-mems device-read-bps device-read-iops device-write-bps device-write-iops memory memory-reservation " \
	"memory-swap memory-swappiness pids-limit ulimit"
#define UPDATE_HEALTH "health-cmd health-interval health-log-destination health-max-log-count health-max-log-size " \
	"health-on-failure health-retries health-start-period health-startup-cmd health-startup-interval health-startup-retries " \
	"health-startup-success health-startup-timeout health-timeout no-healthcheck"

int ctr_update(struct ctr *c, const struct ctr_update *u, struct error *err);
/* Another runtime (--runtime's words) from its next start on. */
int ctr_set_runtime(struct ctr *c, const char *runtime, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/stats-view.h - rows of `stats` and `pod stats`: Podman's field names. */
#pragma once
#include "base/value.h"
#include "engine/stats.h"

enum { STATS_PAST = 16 };
struct stats_row {
	char id[65], pod[65];
	char *name;               /* borrowed from the container */
	struct ctr_stats s;
	struct numv per_cpu;      /* owned; only where --format asks for it */
	bool full_ids;
	float past[STATS_PAST];   /* per cent of CPU in the samples so far, the oldest first */
	size_t n_past;
};
extern const struct value_type stats_row_type;       /* ContainerStats */
extern const struct value_type pod_stats_row_type;   /* PodStatsReport */

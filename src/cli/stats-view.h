/* SPDX-License-Identifier: Apache-2.0
 * cli/stats-view.h - rows of `stats` and `pod stats`: Podman's field names. */
#pragma once
#include "base/value.h"
#include "engine/stats.h"

struct stats_row {
	char id[65], pod[65];
	char *name;               /* borrowed from the container */
	struct ctr_stats s;
	bool full_ids;
};
extern const struct value_type stats_row_type;       /* ContainerStats */
extern const struct value_type pod_stats_row_type;   /* PodStatsReport */

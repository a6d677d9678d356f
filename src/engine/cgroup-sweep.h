/* SPDX-License-Identifier: Apache-2.0
 * engine/cgroup-sweep.h - control groups that a killed start left behind.
 * Between making a group and recording it everything may be killed. Such a group is empty and has no container; it is
 * taken away by whoever lists containers next. Owns nothing; allocates nothing. */
#pragma once
#include "engine/container.h"

/* Removes groups "libpod-ID" below the default parent that are empty, a minute old and not of one in `known`. Groups of
 * other stores on this host that are in use are not empty; removing an unused one hurts nobody. At most once a minute
 * (a file in `runroot` says when). */
void cgroup_sweep(const char *runroot, const struct ctr_list *known);

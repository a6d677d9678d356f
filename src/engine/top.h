/* SPDX-License-Identifier: Apache-2.0
 * engine/top.h - the processes of a container in columns, as `top` and the API show them.
 * Reads /proc of the host; nothing is executed in the container, whatever the descriptors. Allocates. */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "engine/container.h"
#include "os/cgroup.h"

/* A table: n_columns headers, then the cells row by row. */
struct top_table {
	struct strv headers, cells;
};
void top_table_done(struct top_table *t);
#define auto_top_table CLEANUP(top_table_done) struct top_table

/* `descriptors`: "pid", "user", "pid,comm", AIX codes ("%p %c"), or options of ps(1) that choose columns ("-ef", "aux",
 * "-o pid,args"); empty: the default columns. ERROR_INVALID names an unknown one. */
int top_list(struct ctr *c, const struct strv *descriptors, struct top_table *ret, struct error *err);
/* Its processes, by pid: of its control group, else of its PID namespace. */
int top_pids(struct ctr *c, struct cgroup_pids *ret, struct error *err);
/* Without a control group the processes are those of its PID namespace, other containers' in it included. */
bool top_is_by_namespace(struct ctr *c);
/* All descriptors, sorted. */
int top_descriptors(struct strv *ret, struct error *err);

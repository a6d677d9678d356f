/* SPDX-License-Identifier: Apache-2.0
 * engine/top-columns.h - what a line of `top` can say of a process: names, headings and how each is printed.
 * Reads what the caller gathered, a few more files below /proc, and the accounts of the container or the host. */
#pragma once
#include "base/buf.h"
#include "base/str.h"
#include "os/process.h"

struct top_process {
	pid_t pid;
	struct process_stat stat;
	struct process_status status;
	struct strv args;
	int root_fd;              /* the container's root, for names; shared */
	const char *passwd, *group;
	double now, hertz;        /* seconds since boot, clock ticks per second */
	int64_t boot;             /* Unix seconds */
};

struct top_column {
	const char *name, *aix, *header;
	int (*print)(const struct top_process *p, struct buf *to);
};
/* By its name, ps(1)'s name for the same, or "%a"; NULL: there is none. */
const struct top_column *top_column_find(const char *word);

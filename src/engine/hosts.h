/* SPDX-License-Identifier: Apache-2.0
 * engine/hosts.h - /etc/hosts of a container that runs, changed in place: mounts are of that very file.
 *
 * Whoever changes it holds ".hosts.lock" beside it. What is in it may be the container's own words: lines are kept, not
 * believed. Containers in the network namespace of another one have its file; each is a line "127.0.0.1 NAME" in it as
 * long as it runs. Making the file: engine/files.h. Allocates. */
#pragma once
#include "engine/container.h"

#define HOST_NAMES "host.containers.internal host.docker.internal"   /* what the host is called in there */
struct hosts_edit {
	bool (*drops)(const void *arg, const char *line);
	const void *arg;
	const char *add;   /* whole lines for the end; may be empty */
};
/* No such file (--no-hosts): success. */
int hosts_edit(int run_dir_fd, const struct hosts_edit *e, struct error *err);

/* The line of a container called `name` in the file of run_dir. */
int hosts_guest_add(const char *run_dir, const char *name, struct error *err);
/* c's line in the file of the container whose network namespace it shares. c shares none: nothing. */
void hosts_guest_leave(struct ctr *c);

/* SPDX-License-Identifier: Apache-2.0
 * engine/files.h - the files the engine puts into a container: hosts, resolv.conf, hostname, .containerenv, passwd.
 * They lie in the container's run-time directory and are bind-mounted (spec-mounts.c). Made anew at every start.
 * Allocates. */
#pragma once
#include "engine/spec.h"

/* hosts, resolv.conf, hostname, .containerenv. `run_dir_fd`: the container's run-time directory. */
int files_make(const struct spec_context *x, int run_dir_fd, struct error *err);
/* hosts and resolv.conf again, in place, for a container whose networks are known now or have changed. */
struct net_status;
int files_update(struct ctr *c, const struct net_status *net, struct error *err);
/* --tz: "local" or a zone name that exists. */
int files_timezone_check(const char *zone, struct error *err);
/* After spec_process(): an entry in the container's passwd and group for a user that has none, unless --passwd=false.
 * Written into the root file system, or into copies in the run-time directory when that is read-only. */
int files_make_passwd(const struct spec_context *x, int run_dir_fd, struct error *err);

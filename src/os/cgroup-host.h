/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-host.h - internal to os/cgroup*.c: hierarchies as directories, and how limits are put into files. */
#pragma once
#include "os/cgroup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define BIT_OF(c) (UINT32_C(1) << (c))

/* The mount point of a hierarchy ("" when this mode has none): v2 answers the root for every controller. */
const char *cgroup_mount_point(enum cgroup_mode mode, enum cgroup_controller c, char buf[64]);
/* Descriptor of the directory that holds the controller's files: v2's single one, or v1's own. -1: none. */
int cgroup_controller_fd(const struct cgroup *c, enum cgroup_controller which);
/* The directory by which the group is counted, frozen and killed; *ret says which hierarchy. -1: none. */
int cgroup_control_fd(const struct cgroup *c, enum cgroup_controller *ret);
/* Whether the files of this controller are v2's (all on v2; only the unified hierarchy on hybrid). */
bool cgroup_is_v2(const struct cgroup *c);
/* Opens the directory of this hierarchy, if it is there, into c->fds. */
int cgroup_open_dir_of(struct cgroup *c, enum cgroup_controller which, struct error *err);
/* Takes the path over with one leading slash, none doubled, none trailing; one that leads upwards is ERROR_INVALID. */
int cgroup_set_path(struct cgroup *c, const char *path, struct error *err);
void cgroup_warn(struct cgroup_warnings *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Device rules: by v1 files, or as a BPF program on a v2 directory (also the unified one of a hybrid host). */
int cgroup_set_devices(const struct cgroup *c, const struct list *devices, struct cgroup_warnings *w, bool required,
		       struct error *err);

/* blkio's 10..1000 -> io.weight's 1..10000 */
uint64_t cgroup_io_weight(uint64_t w);

/* systemd as manager: starts a transient scope holding how->pid and fills in ret->scope. */
int cgroup_systemd_start(const struct cgroup_create *how, struct cgroup *ret, struct error *err);
int cgroup_systemd_stop(const struct cgroup *c, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-systemd.c - placeholder */
#include "os/cgroup-host.h"
int cgroup_systemd_start(const struct cgroup_create *how, struct cgroup *ret, struct error *err)
{
	return fail(err, ERROR_UNSUPPORTED, "cgroup manager systemd: systemd is not running here: use --cgroup-manager=cgroupfs");
}
int cgroup_systemd_stop(const struct cgroup *c, struct error *err)
{
	return 0;
}

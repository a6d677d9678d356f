/* SPDX-License-Identifier: Apache-2.0
 * Limits, the control group's place, kernel parameters. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/spec.h"
#include "os/cgroup.h"

static int device_number(const char *path, int64_t *ret_major, int64_t *ret_minor, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail_errno(err, "could not get device info for %s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return fail(err, ERROR_INVALID, "%s is not a device", path);
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	return 0;
}

static int add_rates(const struct list *from, struct list *to, struct error *err)
{
	const struct param_device_rate *r = from->v;

	for (size_t i = 0; i < from->n; i++) {
		struct oci_throttle_device *d = list_add(to, sizeof(*d), err);
		if (!d)
			return -1;
		d->rate = r[i].rate;
		TRY(device_number(r[i].path, &d->major, &d->minor, err));
	}
	return 0;
}

static int spec_block_io(const struct params_resources *p, struct oci_block_io *b, struct error *err)
{
	const struct param_device_rate *w = p->blkio_weight_device.v;

	b->weight = p->blkio_weight;
	for (size_t i = 0; i < p->blkio_weight_device.n; i++) {
		struct oci_weight_device *d = list_add(&b->weight_device, sizeof(*d), err);
		if (!d)
			return -1;
		d->weight = (struct opt_uint){ true, w[i].rate };
		TRY(device_number(w[i].path, &d->major, &d->minor, err));
	}
	TRY(add_rates(&p->read_bps, &b->read_bps, err));
	TRY(add_rates(&p->write_bps, &b->write_bps, err));
	TRY(add_rates(&p->read_iops, &b->read_iops, err));
	return add_rates(&p->write_iops, &b->write_iops, err);
}

static int spec_cpu(const struct params_resources *p, struct oci_cpu *c, struct error *err)
{
	c->shares = p->cpu_shares;
	c->period = p->cpu_period;
	c->quota = p->cpu_quota;
	c->realtime_period = p->cpu_rt_period;
	c->realtime_runtime = p->cpu_rt_runtime;
	if (p->cpus) {
		char *end;
		double n = strtod(p->cpus, &end);
		if (*end || end == p->cpus || !isfinite(n) || n <= 0 || n > 65536)
			return fail(err, ERROR_INVALID, "invalid argument \"%s\" for \"--cpus\": must be a positive number of CPUs",
				    p->cpus);
		c->period = (struct opt_uint){ true, 100000 };
		c->quota = (struct opt_int){ true, (int64_t)(n * 100000) };
	}
	TRY(str_set(&c->cpus, p->cpuset_cpus, err));
	return str_set(&c->mems, p->cpuset_mems, err);
}

static void spec_memory(const struct params_resources *p, struct oci_memory *m)
{
	/* 0 is Docker's word for "not limited" */
	if (p->memory.value)
		m->limit = p->memory;
	if (p->memory_reservation.value)
		m->reservation = p->memory_reservation;
	if (p->memory_swap.value)
		m->swap = p->memory_swap;
	if (p->memory.set && p->memory.value > 0 && !p->memory_swap.set)
		m->swap = (struct opt_int){ true, p->memory.value * 2 };
	if (p->memory_swappiness.set && p->memory_swappiness.value >= 0)
		m->swappiness = (struct opt_uint){ true, (uint64_t)p->memory_swappiness.value };
	if (p->oom_kill_disable)
		m->disable_oom_killer = (struct opt_bool){ true, true };
}

/* --cgroups=split: below the group we are in ourselves, as a unit of systemd wants its processes. */
static int split_path(const char *id, char **ret, struct error *err)
{
	char own[CGROUP_PATH_MAX];
	int r = cgroup_of_process(0, CGROUP_UNIFIED, own, sizeof(own), err);

	if (r == 0)
		r = cgroup_of_process(0, CGROUP_PIDS, own, sizeof(own), err);
	if (r < 0)
		return -1;
	return str_printf(ret, err, "%s/libpod-payload-%s", r == 0 || streq(own, "/") ? "" : own, id);
}

static int spec_cgroup_path(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_namespaces *ns = &x->params->ns;
	const char *id = x->container->id;

	if (ns->cgroups && streq(ns->cgroups, "disabled"))
		return 0;
	if (ns->cgroups && streq(ns->cgroups, "split"))
		return split_path(id, &s->lnx.cgroups_path, err);
	if (streq(engine_cgroup_manager(x->engine), "systemd"))
		return str_printf(&s->lnx.cgroups_path, err, "%s:libpod:%s",
				  ns->cgroup_parent ? ns->cgroup_parent : x->rootless ? "user.slice" : "machine.slice", id);
	return str_printf(&s->lnx.cgroups_path, err, "%s/libpod-%s", ns->cgroup_parent ? ns->cgroup_parent : "/libpod_parent", id);
}

/* Namespaced parameters only, and only when the namespace is the container's own. */
static int check_sysctl(const struct params_namespaces *ns, const char *key, struct error *err)
{
	static const char *const ipc[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
		"kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced" };
	bool is_ipc = str_after(key, "fs.mqueue.");

	for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
		is_ipc |= streq(key, ipc[i]);
	if (is_ipc && ns->ipc.mode == NS_HOST)
		return fail(err, ERROR_INVALID, "sysctl %s can't be set since IPC Namespace set to host: invalid argument", key);
	if (str_after(key, "net.") && ns->net.mode == NS_HOST)
		return fail(err, ERROR_INVALID, "sysctl %s can't be set since Network Namespace set to host: invalid argument", key);
	if ((streq(key, "kernel.domainname") || streq(key, "kernel.hostname")) && ns->uts.mode == NS_HOST)
		return fail(err, ERROR_INVALID, "sysctl %s can't be set since UTS Namespace set to host: invalid argument", key);
	if (is_ipc || str_after(key, "net.") || streq(key, "kernel.domainname") || streq(key, "kernel.hostname") ||
	    str_after(key, "user."))
		return 0;
	return fail(err, ERROR_INVALID, "sysctl '%s' is not allowed", key);
}

static int spec_sysctls(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct strmap *m = &x->params->security.sysctl;

	for (size_t i = 0; i < m->n; i++) {
		TRY(check_sysctl(&x->params->ns, m->v[i].key, err));
		TRY(strmap_set(&s->lnx.sysctl, m->v[i].key, m->v[i].value, err));
	}
	return 0;
}

bool spec_limits_asked(const struct params_resources *p)
{
	return p->memory.set || p->memory_reservation.set || p->memory_swappiness.set || p->oom_kill_disable || p->cpus ||
	       p->cpu_quota.set || p->cpu_shares.set || p->cpu_rt_period.set || p->cpu_rt_runtime.set || p->cpuset_cpus ||
	       p->cpuset_mems || p->cgroup_conf.n || p->blkio_weight.set || p->blkio_weight_device.n || p->read_bps.n ||
	       p->write_bps.n || p->read_iops.n || p->write_iops.n;
}

bool spec_limits_ignored(const struct engine *e)
{
	return e->paths.rootless && cgroup_mode() != CGROUP_V2;
}

int spec_limits_check(const struct params_resources *p, struct error *err)
{
	if (p->memory_swappiness.value < -1 || p->memory_swappiness.value > 100)
		return fail(err, ERROR_INVALID, "invalid value: %lld, valid memory swappiness range is 0-100 (-1: as the system)",
			    (long long)p->memory_swappiness.value);
	if (p->blkio_weight.value && (p->blkio_weight.value < 10 || p->blkio_weight.value > 1000))
		return fail(err, ERROR_INVALID, "blkio weight %llu: range of blkio weight is from 10 to 1000",
			    (unsigned long long)p->blkio_weight.value);
	if (p->cgroup_conf.n && cgroup_mode() != CGROUP_V2)
		return fail(err, ERROR_UNSUPPORTED, "cannot use --cgroup-conf without cgroup v2: use the options of the limits");
	return 0;
}

int spec_limits(const struct params_resources *p, struct oci_resources *r, struct error *err)
{
	spec_memory(p, &r->memory);
	TRY(spec_cpu(p, &r->cpu, err));
	TRY(spec_block_io(p, &r->block_io, err));
	if (p->pids_limit.set)
		r->pids.limit = (struct opt_int){ true, p->pids_limit.value <= 0 ? -1 : p->pids_limit.value };
	return 0;
}

int spec_resources(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_resources *p = &x->params->resources;
	struct oci_resources *r = s->lnx.resources;

	TRY(spec_sysctls(x, s, err));
	TRY(spec_cgroup_path(x, s, err));
	if (!r)
		r = s->lnx.resources = calloc(1, sizeof(*r));
	if (!r)
		return fail_oom(err);
	TRY(spec_limits(p, r, err));
	if (p->rdt_class) {
		s->lnx.intel_rdt = calloc(1, sizeof(*s->lnx.intel_rdt));
		if (!s->lnx.intel_rdt)
			return fail_oom(err);
		TRY(str_set(&s->lnx.intel_rdt->clos_id, p->rdt_class, err));
	}
	return strmap_copy(&r->unified, &p->cgroup_conf, err);
}

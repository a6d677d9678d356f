/* SPDX-License-Identifier: Apache-2.0
 * engine/container-update.c - new values are put over the old ones, checked, stored, and carried to what runs. */
#include "engine/container-update.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/container-impl.h"
#include "engine/resolve.h"
#include "engine/spec.h"
#include "os/cgroup.h"
#include "oci/resources.h"

/* ---- which members belong to which option ---- */
enum topic { TOPIC_LIMIT, TOPIC_DEVICE, TOPIC_HEALTH, TOPIC_OTHER };

struct member {
	const char *option;
	size_t off, size;
	enum topic topic;
};
#define M(option, topic, m) { option, offsetof(struct container_params, m), sizeof(((struct container_params *)0)->m), topic }
#define LIMIT(option, m) M(option, TOPIC_LIMIT, resources.m)
#define DEVICE(option, m) M(option, TOPIC_DEVICE, resources.m)
#define HEALTH(option, m) M(option, TOPIC_HEALTH, health.m)

static const struct member members[] = {
	LIMIT("blkio-weight", blkio_weight), LIMIT("cpu-period", cpu_period), LIMIT("cpu-quota", cpu_quota),
	LIMIT("cpu-rt-period", cpu_rt_period), LIMIT("cpu-rt-runtime", cpu_rt_runtime), LIMIT("cpu-shares", cpu_shares),
	LIMIT("cpus", cpus), LIMIT("cpuset-cpus", cpuset_cpus), LIMIT("cpuset-mems", cpuset_mems), LIMIT("memory", memory),
	LIMIT("memory-reservation", memory_reservation), LIMIT("memory-swap", memory_swap),
	LIMIT("memory-swappiness", memory_swappiness), LIMIT("pids-limit", pids_limit),
	DEVICE("blkio-weight-device", blkio_weight_device), DEVICE("device-read-bps", read_bps),
	DEVICE("device-read-iops", read_iops), DEVICE("device-write-bps", write_bps), DEVICE("device-write-iops", write_iops),
	M("ulimit", TOPIC_OTHER, resources.ulimits), M("restart", TOPIC_OTHER, basic.restart),
	HEALTH("health-cmd", command), HEALTH("health-interval", interval), HEALTH("health-interval", interval_off),
	HEALTH("health-log-destination", log_destination), HEALTH("health-max-log-count", max_log_count),
	HEALTH("health-max-log-size", max_log_size), HEALTH("health-on-failure", on_failure), HEALTH("health-retries", retries),
	HEALTH("health-start-period", start_period), HEALTH("health-startup-cmd", startup_command),
	HEALTH("health-startup-interval", startup_interval), HEALTH("health-startup-retries", startup_retries),
	HEALTH("health-startup-success", startup_success), HEALTH("health-startup-timeout", startup_timeout),
	HEALTH("health-timeout", timeout), HEALTH("no-healthcheck", none),
};

static bool is_given(const struct ctr_update *u, const char *option)
{
	return u->given(u->arg, option);
}

/* What is taken out goes into `values` and is freed with it. */
static void exchange(void *a, void *b, size_t n)
{
	unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		unsigned char t = x[i];
		x[i] = y[i];
		y[i] = t;
	}
}

static int check_devices(const struct list *rates, struct error *err)
{
	for (size_t i = 0; i < rates->n; i++) {
		const struct param_device_rate *r = &((const struct param_device_rate *)rates->v)[i];
		struct stat st;
		if (stat(r->path, &st) < 0)
			return fail_errno(err, "could not get device info for %s", r->path);
		if (!S_ISBLK(st.st_mode))
			return fail(err, ERROR_INVALID, "%s: not a block device", r->path);
	}
	return 0;
}

/* ---- what follows from what ---- */
/* --cpus is a quota in a period of its own: one way of saying it makes the other go. */
static void settle_cpus(const struct ctr_update *u, struct params_resources *r)
{
	if (is_given(u, "cpus")) {
		r->cpu_period = (struct opt_uint){};
		r->cpu_quota = (struct opt_int){};
	} else if (is_given(u, "cpu-quota") || is_given(u, "cpu-period")) {
		free(r->cpus);
		r->cpus = NULL;
	}
	if (is_given(u, "memory") && !is_given(u, "memory-swap") && r->memory_swap.set && r->memory_swap.value > 0)
		r->memory_swap = (struct opt_int){};   /* twice the new limit */
}

static bool is_checked(const struct strv *test)
{
	return test->n && !streq(test->v[0], "NONE");
}

/* Times and counts without a command to which they belong. */
static int check_health(const struct ctr_update *u, const struct params_health *h, struct error *err)
{
	static const char *const regular[] = { "health-interval", "health-retries", "health-timeout", "health-start-period" };
	static const char *const startup[] = { "health-startup-interval", "health-startup-retries", "health-startup-success",
					       "health-startup-timeout" };

	for (size_t i = 0; i < ARRAY_LEN(regular); i++)
		if (is_given(u, regular[i]) && !is_checked(&h->test))
			return fail(err, ERROR_INVALID, "--%s: healthcheck command is not set (use --health-cmd)", regular[i]);
	for (size_t i = 0; i < ARRAY_LEN(startup); i++)
		if (is_given(u, startup[i]) && !is_checked(&h->startup_test))
			return fail(err, ERROR_INVALID, "--%s: startup healthcheck command is not set (use --health-startup-cmd)", startup[i]);
	return 0;
}

static int settle_health(const struct ctr_update *u, struct params_health *h, struct error *err)
{
	if (is_given(u, "no-healthcheck") && h->none) {
		for (size_t i = 0; i < ARRAY_LEN(members); i++)
			if (members[i].topic == TOPIC_HEALTH && !streq(members[i].option, "no-healthcheck") && is_given(u, members[i].option))
				return fail(err, ERROR_INVALID, "cannot specify both --no-healthcheck and other HealthCheck flags");
	} else if (is_given(u, "health-cmd")) {
		h->none = false;
	}
	TRY(health_params_refresh(h, is_given(u, "health-cmd"), is_given(u, "health-startup-cmd"), err));
	return check_health(u, h, err);
}

static int settle_env(const struct ctr_update *u, struct params_process *p, struct error *err)
{
	const struct params_process *from = &u->values->process;

	if (is_given(u, "env"))
		for (size_t i = 0; i < from->env.n; i++)
			TRY(strmap_set(&p->env, from->env.v[i].key, from->env.v[i].value, err));
	if (is_given(u, "unsetenv"))
		for (size_t i = 0; i < from->unset_env.n; i++)
			strmap_remove(&p->env, from->unset_env.v[i]);
	return 0;
}

struct changed {
	bool limits, health;
};

static int put_over(const struct ctr_update *u, struct container_params *to, struct changed *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct member *m = &members[i];
		if (!is_given(u, m->option))
			continue;
		if (m->topic == TOPIC_DEVICE)
			TRY(check_devices((const struct list *)((char *)u->values + m->off), err));
		exchange((char *)to + m->off, (char *)u->values + m->off, m->size);
		ret->limits |= m->topic == TOPIC_LIMIT || m->topic == TOPIC_DEVICE;
		ret->health |= m->topic == TOPIC_HEALTH;
	}
	settle_cpus(u, &to->resources);
	TRY(settle_env(u, &to->process, err));
	return ret->health ? settle_health(u, &to->health, err) : 0;
}

/* ---- to what runs ---- */
/* v1: a group has directories only where something is limited. New ones are made and the container's processes moved. */
static int move_all(const struct cgroup *from, struct cgroup *to, uint32_t fresh, struct error *err)
{
	CLEANUP(cgroup_pids_done) struct cgroup_pids pids = {};
	uint32_t all = to->made;
	struct error gone;
	int r = cgroup_pids(from, &pids, err);

	to->made = fresh;
	for (size_t i = 0; r >= 0 && i < pids.n; i++)
		if (cgroup_attach(to, pids.v[i], &gone) < 0 && gone.errnum != ESRCH) {
			*err = gone;
			r = -1;
		}
	to->made = all;
	return r < 0 ? -1 : 0;
}

static int save_group(struct ctr *c, const struct cgroup *g, struct error *err)
{
	auto_live live = {};
	autofree char *text = NULL;
	char saved[2 * CGROUP_PATH_MAX];

	TRY(ctr_live(c, &live, err));
	TRY(cgroup_save(g, saved, sizeof(saved), err) < 0 ? -1 : 0);
	TRY(str_set(&live.cgroup, saved, err));
	TRY(ctr_live_format(&live, &text, err));
	const struct container_change change = { .set = CONTAINER_SET_RUNTIME, .to = { .runtime = text } };
	return ctr_change(c, &change, err) < 0 ? -1 : 0;
}

static int widen(struct ctr *c, struct cgroup *g, const struct cgroup_resources *limits, struct cgroup_warnings *w,
		 struct error *err)
{
	const struct cgroup_create how = { .manager = g->manager, .path = g->path, .resources = limits, .also = g->made };
	auto_cgroup wide = CGROUP_INIT;

	if (g->mode == CGROUP_V2 || g->manager != CGROUP_MANAGER_CGROUPFS)
		return 0;
	TRY(cgroup_create(&how, &wide, w, err));
	uint32_t fresh = wide.made & ~g->made;
	if (!fresh)
		return 0;
	TRY(save_group(c, &wide, err));   /* first: whatever happens now is removed with the container */
	TRY(move_all(g, &wide, fresh, err));
	struct cgroup old = *g;
	*g = wide;
	wide = old;
	return 0;
}

static int set_limits(struct ctr *c, struct error *err)
{
	auto_cgroup cgroup = CGROUP_INIT;
	CLEANUP(oci_resources_free_p) struct oci_resources *r = calloc(1, sizeof(*r));
	struct cgroup_resources limits = {};
	struct cgroup_warnings w = {};
	int has = ctr_cgroup(c, &cgroup, err);

	if (!r)
		return fail_oom(err);
	TRY(has);
	if (!has || !cgroup.made) {
		log_warn(c->engine->log, "Container %.12s has no control group: the new limits count from its next start%s", c->id,
			 c->engine->paths.rootless ? " where cgroups v2 are delegated" : "");
		return 0;
	}
	TRY(spec_limits(&c->params.resources, r, err));
	TRY(oci_resources_convert(r, &limits, err));
	int set = widen(c, &cgroup, &limits, &w, err);
	if (set >= 0)
		set = cgroup_set(&cgroup, &limits, &w, err);
	cgroup_resources_done(&limits);
	for (size_t i = 0; i < w.n; i++)
		log_warn(c->engine->log, "%s", w.text[i]);
	return set < 0 ? fail_wrap(err, "updating container %s", c->id) : 0;
}

static int set_timer(struct ctr *c, struct error *err)
{
	const struct params_health *h = &c->params.health;
	int64_t interval = is_checked(&h->test) && !h->interval_off ? h->interval.value : 0;
	autoclose int dir = ctr_open_run_dir(c, err);

	return dir < 0 ? -1 : monitor_request(dir, MONITOR_HEALTH_INTERVAL, 0, &interval, sizeof(interval), err);
}

/* ---- the record ---- */
static int store_changes(struct ctr *c, struct error *err)
{
	struct container_record changes = {};
	autofree char *params = NULL;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_format_record(c, &params, err));
	changes.params = params;
	changes.restart_policy = c->params.basic.restart.policy ?
		(char *)(uintptr_t)restart_policy_names[c->params.basic.restart.policy] : NULL;
	return store_container_update(s, c->id, &changes, err);
}

int ctr_update(struct ctr *c, const struct ctr_update *u, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct changed changed = {};

	TRY(ctr_sync(c, err));
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	TRY(ctr_load(c, err));
	TRY(put_over(u, &c->params, &changed, err));
	TRY(spec_limits_check(&c->params.resources, err));
	bool runs = ctr_is_running(c) || c->at.status.state == CONTAINER_PAUSED;
	if (changed.limits && runs)   /* what the kernel refuses is not stored */
		TRY(set_limits(c, err));
	TRY(store_changes(c, err));
	if (changed.health && runs)
		TRY(set_timer(c, err));
	ctr_event(c, EVENT_UPDATE);
	return 0;
}

int ctr_set_runtime(struct ctr *c, const char *runtime, struct error *err)
{
	auto_lock lock = LOCK_INIT;

	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	TRY(ctr_load(c, err));
	TRY(str_set(&c->config.runtime, runtime, err));
	return store_changes(c, err);
}

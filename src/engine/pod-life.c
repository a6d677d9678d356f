/* SPDX-License-Identifier: Apache-2.0
 * Pods start, stop, pause and go. Every member is an ordinary container; order comes from what they depend on. */
#include <stdlib.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/pod-impl.h"

static void report(const struct pod_report *r, const struct ctr *c, const struct error *why)
{
	if (r && r->failed)
		r->failed(r->arg, c, why);
}

static bool is_infra(const struct pod *p, const struct ctr *c)
{
	return c->at.record.infra || streq0(c->id, p->config.infra_id ? p->config.infra_id : "");
}

/* ---- start ---- */
/* Runs it to its end. One that was made for a single start goes afterwards. */
static int run_init_container(struct ctr *c, struct error *err)
{
	const struct ctr_remove_options gone = { .force = true, .volumes = true };
	bool once = streq(c->params.basic.init_container_type, "once");
	int64_t code = 0;

	TRY(ctr_start(c, err));
	TRY(ctr_wait(c, 0, -1, &code, err));
	if (code != 0)
		return fail(err, ERROR_STATE, "init container %s exited with code %lld", c->id, (long long)code);
	if (once && ctr_remove(c, &gone, NULL, err) < 0)
		return fail_wrap(err, "failed to remove once init container %s", c->id);
	return 0;
}

static int run_init_containers(struct ctr_list *members, struct error *err)
{
	for (size_t i = 0; i < members->n; i++) {
		struct ctr *c = members->v[i];
		TRY(ctr_load(c, err));
		if (c->params.basic.init_container_type && !ctr_is_in(c, CONTAINER_STATE_ALIVE))
			TRY(run_init_container(c, err));
	}
	return 0;
}

static bool starts_with_pod(const struct ctr *c)
{
	return !c->params.basic.init_container_type && !ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_PAUSED) |
								     CONTAINER_STATE_BIT(CONTAINER_RUNNING) |
								     CONTAINER_STATE_BIT(CONTAINER_REMOVING));
}

static int start_member(struct pod *p, struct ctr *c, const struct ctr *infra, struct error *err)
{
	if (infra && c != infra && !ctr_is_running(infra) && strv_has(&c->config.depends, infra->id))
		return fail(err, ERROR_STATE, "a dependency of container %s failed to start: container state improper", c->id);
	(void)p;
	return ctr_start(c, err) < 0 ? -1 : 0;
}

int pod_start(struct pod *p, const struct pod_report *r, struct error *err)
{
	auto_ctr_list members = {};
	struct ctr *infra = NULL;
	bool failed = false;

	TRY(pod_containers(p, &members, err));
	if (!members.n)
		return fail(err, ERROR_NOT_FOUND, "no containers in pod %s have no dependencies, cannot start pod: no such container",
			    p->config.id);
	TRY(run_init_containers(&members, err));
	for (size_t i = 0; i < members.n; i++) {
		struct ctr *c = members.v[i];
		struct error why;
		if (is_infra(p, c))
			infra = c;
		if (!starts_with_pod(c) || start_member(p, c, infra, &why) >= 0)
			continue;
		report(r, c, &why);
		failed = true;
	}
	if (failed)
		return fail(err, ERROR_STATE, "starting some containers: some containers failed");
	pod_event(p, EVENT_START);
	return 0;
}

/* ---- stop ---- */
static int stop_seconds(struct ctr *c, const struct opt_uint *timeout, uint64_t *ret, struct error *err)
{
	TRY(ctr_load(c, err));
	*ret = timeout && timeout->set ? timeout->value : c->params.process.stop_timeout.set ? c->params.process.stop_timeout.value : 10;
	return 0;
}

/* All get their signal first, then each has until its own deadline. */
static void signal_all(struct pod *p, struct ctr_list *members, const struct opt_uint *timeout)
{
	struct error ignored;
	uint64_t seconds;

	for (size_t i = 0; i < members->n; i++)
		if (!is_infra(p, members->v[i]) && ctr_is_running(members->v[i]) &&
		    stop_seconds(members->v[i], timeout, &seconds, &ignored) >= 0 && seconds)
			ctr_stop_begin(members->v[i], &ignored);
}

static int stop_one(struct ctr *c, int64_t since, const struct opt_uint *timeout, bool signalled, struct error *err)
{
	uint64_t seconds, spent = (uint64_t)((time_monotonic() - since) / NSEC_PER_SEC);
	struct ctr_stop_options o = { .signalled = signalled };

	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE | CONTAINER_STATE_BIT(CONTAINER_STOPPED)))
		return 0;
	TRY(stop_seconds(c, timeout, &seconds, err));
	o.signalled &= seconds > 0;
	o.timeout = (struct opt_uint){ true, seconds > spent ? seconds - spent : seconds ? 1 : 0 };
	return ctr_stop(c, &o, err) < 0 ? -1 : 0;
}

static bool stop_members(struct pod *p, struct ctr_list *members, const struct opt_uint *timeout,
			 const struct pod_report *r)
{
	int64_t since = time_monotonic();
	bool failed = false;

	signal_all(p, members, timeout);
	/* those that others depend on come last: younger ones first, the infra container at the end */
	for (int infra = 0; infra < 2; infra++)
		for (size_t i = members->n; i-- > 0;) {
			struct ctr *c = members->v[i];
			struct error why;
			if (is_infra(p, c) != (infra == 1) || stop_one(c, infra ? time_monotonic() : since, timeout, !infra, &why) >= 0 ||
			    why.kind == ERROR_NOT_FOUND)
				continue;
			report(r, c, &why);
			failed = true;
		}
	return failed;
}

int pod_stop(struct pod *p, const struct opt_uint *timeout, const struct pod_report *r, struct error *err)
{
	auto_ctr_list members = {};

	TRY(pod_containers(p, &members, err));
	bool failed = stop_members(p, &members, timeout, r);
	pod_event(p, EVENT_STOP);
	if (failed)
		return fail(err, ERROR_STATE, "stopping some containers: some containers failed");
	return pod_group_drop(p, err);
}

int pod_restart(struct pod *p, const struct pod_report *r, struct error *err)
{
	TRY(pod_stop(p, NULL, r, err));
	return pod_start(p, r, err);
}

/* ---- one act on all that fit ---- */
typedef int (*member_act)(struct ctr *c, int arg, struct error *err);

struct act {
	unsigned states;
	member_act call;
	int arg;
	const char *word;        /* "killing" */
	enum event_status event;
};

static int act_on_members(struct pod *p, const struct act *a, const struct pod_report *r, struct error *err)
{
	auto_ctr_list members = {};
	bool failed = false;

	TRY(pod_containers(p, &members, err));
	for (size_t i = 0; i < members.n; i++) {
		struct error why;
		if (!ctr_is_in(members.v[i], a->states) || a->call(members.v[i], a->arg, &why) >= 0)
			continue;
		report(r, members.v[i], &why);
		failed = true;
	}
	if (failed)
		return fail(err, ERROR_STATE, "%s some containers: some containers failed", a->word);
	pod_event(p, a->event);
	return 0;
}

#define RUNNING (CONTAINER_STATE_BIT(CONTAINER_RUNNING) | CONTAINER_STATE_BIT(CONTAINER_STOPPING))

static int act_kill(struct ctr *c, int sig, struct error *err)
{
	return ctr_kill(c, sig, err);
}

static int act_pause(struct ctr *c, int ignored, struct error *err)
{
	(void)ignored;
	return ctr_pause(c, err);
}

static int act_unpause(struct ctr *c, int ignored, struct error *err)
{
	(void)ignored;
	return ctr_unpause(c, err);
}

int pod_kill(struct pod *p, int sig, const struct pod_report *r, struct error *err)
{
	const struct act a = { RUNNING, act_kill, sig, "killing", EVENT_KILL };

	return act_on_members(p, &a, r, err);
}

int pod_pause(struct pod *p, const struct pod_report *r, struct error *err)
{
	const struct act a = { CONTAINER_STATE_BIT(CONTAINER_RUNNING), act_pause, 0, "pausing", EVENT_PAUSE };

	return act_on_members(p, &a, r, err);
}

int pod_unpause(struct pod *p, const struct pod_report *r, struct error *err)
{
	const struct act a = { CONTAINER_STATE_BIT(CONTAINER_PAUSED), act_unpause, 0, "unpausing", EVENT_UNPAUSE };

	return act_on_members(p, &a, r, err);
}

/* ---- remove ---- */
static int remove_member(struct ctr *c, const struct pod_remove_options *o, struct error *err)
{
	const struct ctr_remove_options how = { .force = o->force || c->at.record.infra, .volumes = true, .with_pod = true, .timeout = o->timeout };
	struct error why;

	if (ctr_remove(c, &how, o->removed, &why) >= 0 || why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* Others first; the infra container goes when nothing else is left. */
static bool remove_members(struct pod *p, struct ctr_list *members, const struct pod_remove_options *o,
			   const struct pod_report *r)
{
	bool failed = false;

	for (size_t i = members->n; i-- > 0;) {
		struct error why;
		if (is_infra(p, members->v[i]) || remove_member(members->v[i], o, &why) >= 0)
			continue;
		report(r, members->v[i], &why);
		failed = true;
	}
	for (size_t i = 0; !failed && i < members->n; i++) {
		struct error why;
		if (!is_infra(p, members->v[i]) || remove_member(members->v[i], o, &why) >= 0)
			continue;
		report(r, members->v[i], &why);
		failed = true;
	}
	return failed;
}

int pod_remove(struct pod *p, const struct pod_remove_options *o, const struct pod_report *r, struct error *err)
{
	enum pod_intent before = (enum pod_intent)p->config.intent;

	engine_make_room(p->engine);
	TRY(pod_set_intent(p, POD_REMOVING, err));
	for (;;) {
		auto_ctr_list members = {};
		struct error why;
		TRY(pod_containers(p, &members, err));
		if (!members.n)
			break;   /* none came meanwhile: those who try see the intent */
		if (o->force)
			signal_all(p, &members, o->timeout.set ? &o->timeout : NULL);
		if (!remove_members(p, &members, o, r))
			continue;
		if (before == POD_READY && pod_set_intent(p, POD_READY, &why) < 0)
			log_debug(p->engine->log, "pod %s: %s", p->config.id, why.text);
		return fail(err, ERROR_STATE, "not all containers could be removed from pod %s: removing pod containers", p->config.id);
	}
	TRY(pod_group_drop(p, err));
	TRY(pod_delete_record(p, err));
	if (before == POD_READY)
		pod_event(p, EVENT_REMOVE);
	return 0;
}

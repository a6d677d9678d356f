/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container-clone.h"

#include <string.h>

#include "engine/pod.h"

static int copy_params(const struct container_params *from, struct container_params *to, struct error *err)
{
	auto_json *tree = NULL;

	TRY(params_save(from, &tree, err));
	return params_load(tree, to, err);
}

static void clear_namespace(struct param_ns *ns)
{
	free(take_ptr(ns->value));
	ns->mode = NS_DEFAULT;
}

/* What the pod shares was settled for a container of its own: the pod's counts. */
static int enter_pod(struct engine *e, struct container_params *p, const char *to, struct error *err)
{
	const struct { const char *kind; struct param_ns *ns; } shared[] = {
		{ "pid", &p->ns.pid }, { "ipc", &p->ns.ipc }, { "uts", &p->ns.uts }, { "cgroup", &p->ns.cgroup }, { "net", &p->ns.net },
	};
	auto_pod *pod = NULL;

	TRY(pod_find(e, to, &pod, err));
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (pod_shares(pod, shared[i].kind))
			clear_namespace(shared[i].ns);
	if (p->net.networks.n && pod_shares(pod, "net")) {
		log_warn(e->log, "resetting network config, cannot specify a network other than the pod's when sharing the net namespace");
		strv_done(&p->net.networks);
		p->net.networks = (struct strv){};
	}
	return str_set(&p->basic.pod, to, err);
}

/* What came from the pod it was in comes from the new one. */
static int leave_pod(struct ctr *from, struct container_params *p, const char *to, struct error *err)
{
	struct param_ns *all[] = { &p->ns.pid, &p->ns.ipc, &p->ns.uts, &p->ns.cgroup, &p->ns.user, &p->ns.net };
	auto_pod *pod = NULL;

	if (from->at.record.pod) {
		TRY(pod_find(from->engine, from->at.record.pod, &pod, err));
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			if (all[i]->mode == NS_CONTAINER && streq0(all[i]->value, pod->config.infra_id))
				clear_namespace(all[i]);
		if (streq0(p->ns.cgroup_parent, pod->config.cgroup))
			free(take_ptr(p->ns.cgroup_parent));
	}
	return to ? enter_pod(from->engine, p, to, err) : 0;
}

/* "web-clone", "web-clone1", ...; the clone of a clone counts on. */
static int choose_name(struct ctr *from, char **ret, struct error *err)
{
	const char *old = from->at.record.name, *mark = strstr(old, "-clone");
	int n = mark ? (int)(mark - old) : (int)strlen(old);

	for (int i = 0; i < 10000; i++) {
		autofree char *name = NULL;
		if (i)
			TRY(str_printf(&name, err, "%.*s-clone%d", n, old, i));
		else
			TRY(str_printf(&name, err, "%.*s-clone", n, old));
		int taken = ctr_exists(from->engine, name, err);
		TRY(taken);
		if (!taken) {
			*ret = take_ptr(name);
			return 0;
		}
	}
	return fail(err, ERROR_EXISTS, "%s has too many clones: give --name", old);
}

/* Anonymous volumes are the old container's: the new one gets its own. */
static void forget_anonymous(const struct ctr *from, struct container_params *p)
{
	for (size_t i = 0; i < p->storage.mounts.n; i++) {
		struct param_mount *m = &((struct param_mount *)p->storage.mounts.v)[i];
		if (streq0(m->type, "volume") && m->source && strv_has(&from->config.anonymous_volumes, m->source))
			free(take_ptr(m->source));
	}
}

static int prepare(struct ctr *from, const struct ctr_clone *o, struct container_params *p, struct error *err)
{
	TRY(copy_params(&from->params, p, err));
	if (o->changes)
		TRY(copy_params(o->changes, p, err));
	TRY(leave_pod(from, p, o->pod, err));
	forget_anonymous(from, p);
	free(take_ptr(p->basic.name));
	TRY(o->name ? str_set(&p->basic.name, o->name, err) : choose_name(from, &p->basic.name, err));
	if (o->image)
		TRY(str_set(&p->basic.raw_image_name, o->image, err));
	p->process.entrypoint_given = true;   /* resolved already; the image's would be put in front again */
	strv_done(&p->basic.cid_files);
	p->basic.cid_files = (struct strv){};
	return 0;
}

int ctr_clone(struct ctr *from, const struct ctr_clone *o, struct ctr **ret, struct error *err)
{
	CLEANUP(params_done) struct container_params p;

	params_init(&p);
	TRY(ctr_load(from, err));
	TRY(prepare(from, o, &p, err));
	return ctr_create(from->engine, &p, ret, err);
}

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

static void reset_namespace(struct param_ns *ns, const char *infra)
{
	if (ns->mode != NS_CONTAINER || !streq0(ns->value, infra))
		return;
	free(take_ptr(ns->value));
	ns->mode = NS_DEFAULT;
}

/* What came from the pod it was in comes from the new one. */
static int leave_pod(struct ctr *from, struct container_params *p, const char *to, struct error *err)
{
	struct param_ns *all[] = { &p->ns.pid, &p->ns.ipc, &p->ns.uts, &p->ns.cgroup, &p->ns.user, &p->ns.net };
	auto_pod *pod = NULL;

	if (from->at.record.pod) {
		TRY(pod_find(from->engine, from->at.record.pod, &pod, err));
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			reset_namespace(all[i], pod->config.infra_id ? pod->config.infra_id : "");
		if (streq0(p->ns.cgroup_parent, pod->config.cgroup))
			free(take_ptr(p->ns.cgroup_parent));
	}
	return to ? str_set(&p->basic.pod, to, err) : 0;
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

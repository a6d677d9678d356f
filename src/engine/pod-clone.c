/* SPDX-License-Identifier: Apache-2.0
 * `pod clone`: the settings of a pod with changes, and its containers made again in the new one. */
#include <stdlib.h>

#include "engine/pod-impl.h"

static void reset_namespace(struct param_ns *ns, const char *infra)
{
	if (ns->mode != NS_CONTAINER || !streq0(ns->value, infra))
		return;
	free(take_ptr(ns->value));
	ns->mode = NS_DEFAULT;
}

/* What it had from the old pod it gets anew from the new one. */
static int prepare_member(const struct pod *from, const struct pod *to, const struct ctr *old, struct container_params *p,
			  struct error *err)
{
	struct param_ns *all[] = { &p->ns.pid, &p->ns.ipc, &p->ns.uts, &p->ns.cgroup, &p->ns.user, &p->ns.net };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		reset_namespace(all[i], from->config.infra_id ? from->config.infra_id : "");
	if (streq0(p->ns.cgroup_parent, from->config.cgroup))
		free(take_ptr(p->ns.cgroup_parent));
	TRY(str_set(&p->basic.pod, to->config.id, err));
	free(take_ptr(p->basic.name));
	TRY(str_printf(&p->basic.name, err, "%s-clone", old->at.record.name));
	p->process.entrypoint_given = true;
	strv_done(&p->basic.cid_files);
	return 0;
}

static int clone_member(struct pod *from, struct pod *to, struct ctr *old, struct error *err)
{
	CLEANUP(params_done) struct container_params p;
	auto_json *tree = NULL;
	auto_ctr *c = NULL;

	TRY(ctr_load(old, err));
	TRY(params_save(&old->params, &tree, err));
	params_init(&p);
	TRY(params_load(tree, &p, err));
	TRY(prepare_member(from, to, old, &p, err));
	return ctr_create(to->engine, &p, &c, err);
}

static int clone_members(struct pod *from, struct pod *to, struct error *err)
{
	auto_ctr_list members = {};

	TRY(pod_containers(from, &members, err));
	for (size_t i = 0; i < members.n; i++)
		if (!members.v[i]->at.record.infra)
			TRY(clone_member(from, to, members.v[i], err));
	return 0;
}

/* Where another image than ours holds the namespaces, it does so in the clone, with the command it had. */
static int same_infra(const struct pod *from, struct pod_params *to, struct error *err)
{
	auto_ctr *infra = NULL;

	if (!from->config.infra_id)
		return 0;
	TRY(ctr_find_unsynced(from->engine, from->config.infra_id, &infra, err));
	TRY(ctr_load(infra, err));
	if (!infra->params.basic.raw_image_name)
		return 0;
	TRY(str_set(&to->infra_image, infra->params.basic.raw_image_name, err));
	if (!to->infra_command && infra->params.process.entrypoint.n)
		to->infra_command = strv_join(&infra->params.process.entrypoint, " ");
	return 0;
}

/* The given settings over the old ones; mounts, devices and labels are added. */
static int merge(const struct pod *from, struct pod_params *changes, struct pod_params *to, struct error *err)
{
	auto_json *given = NULL;
	auto_strv shared = {};

	TRY(pod_settings(from, &to->c, err));
	TRY(strmap_copy(&to->c.basic.labels, &changes->c.basic.labels, err));
	strmap_done(&changes->c.basic.labels);
	TRY(params_save(&changes->c, &given, err));
	json_object_object_del(given, "labels");
	TRY(params_load(given, &to->c, err));
	if (!changes->c.basic.name) {
		free(take_ptr(to->c.basic.name));
		TRY(str_printf(&to->c.basic.name, err, "%s-clone", from->config.name));
	}
	for (size_t i = 0; i < from->config.shared.n; i++)
		if (!streq(from->config.shared.v[i], "user"))
			TRY(strv_add(&shared, from->config.shared.v[i], err));
	to->share = from->config.infra ? strv_join(&shared, ",") : NULL;
	to->infra = (struct opt_bool){ true, from->config.infra };
	to->share_parent = (struct opt_bool){ true, from->config.share_parent };
	TRY(str_set(&to->exit_policy, from->config.exit_policy, err));
	to->infra_command = take_ptr(changes->infra_command);
	to->infra_name = take_ptr(changes->infra_name);
	to->infra_conmon_pidfile = take_ptr(changes->infra_conmon_pidfile);
	return same_infra(from, to, err);
}

int pod_clone(struct pod *from, struct pod_params *changes, struct pod **ret, struct error *err)
{
	CLEANUP(pod_params_done) struct pod_params p = {};
	const struct pod_remove_options undo = { .force = true, .timeout = { true, 0 } };
	auto_pod *to = NULL;
	struct error ignored;

	TRY(merge(from, changes, &p, err));
	TRY(pod_create(from->engine, &p, &to, err));
	if (clone_members(from, to, err) < 0) {
		pod_remove(to, &undo, NULL, &ignored);
		return -1;
	}
	*ret = take_ptr(to);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * What a container gets from its pod: the infra container's namespaces, the pod's group, mounts, devices, security
 * options and restart policy. What the user said about the container itself stays. */
#include <stdlib.h>

#include "engine/params-parse.h"
#include "engine/pod-impl.h"

/* ---- what contradicts the pod ---- */
static int check(const struct pod *p, const struct container_params *c, struct error *err)
{
	const struct params_network *net = &c->net;
	const char *init = c->basic.init_container_type;
	bool shared_net = pod_shares(p, "net");
	const struct {
		bool bad;
		const char *text;
	} rules[] = {
		{ shared_net && (net->networks.n || net->ip || net->ip6 || net->mac || net->aliases.n),
		  "invalid config provided: networks must be defined when the pod is created: network cannot be configured when it is "
		  "shared with a pod" },
		{ shared_net && (net->ports.n || net->publish_all || net->expose.n),
		  "invalid config provided: published or exposed ports must be defined when the pod is created: network cannot be "
		  "configured when it is shared with a pod" },
		{ shared_net && net->add_hosts.n,
		  "invalid config provided: extra host entries must be specified on the pod: network cannot be configured when it is "
		  "shared with a pod" },
		{ pod_shares(p, "uts") && c->ns.hostname && c->ns.uts.mode == NS_DEFAULT,
		  "invalid config provided: cannot set hostname when joining the pod UTS namespace: invalid configuration" },
		{ p->config.infra_id && ((c->ns.user.mode != NS_DEFAULT && c->ns.user.mode != NS_HOST && c->ns.user.mode != NS_POD) ||
					 c->ns.uidmap.n || c->ns.gidmap.n || c->ns.subuid_name || c->ns.subgid_name),
		  "cannot set user namespace mode when joining pod with infra container: invalid argument" },
		{ init && !streq(init, "always") && !streq(init, "once"), "init-ctr value must be 'always' or 'once'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].bad)
			return fail(err, ERROR_INVALID, "%s", rules[i].text);
	return 0;
}

/* Init containers run before the others: too late for a pod that runs. */
static int check_init(struct pod *p, const struct container_params *c, struct error *err)
{
	auto_ctr_list members = {};

	if (!c->basic.init_container_type)
		return 0;
	TRY(pod_containers(p, &members, err));
	if (streq(pod_state(&members), "Running") || streq(pod_state(&members), "Degraded"))
		return fail(err, ERROR_STATE, "cannot add init-ctr to a running pod");
	return 0;
}

/* ---- namespaces ---- */
static int join_namespace(const struct pod *p, const char *kind, struct param_ns *ns, struct error *err)
{
	if (ns->mode != NS_DEFAULT && ns->mode != NS_POD)
		return 0;
	if (!pod_shares(p, kind)) {
		if (ns->mode == NS_POD)
			return fail(err, ERROR_INVALID, "cannot use pod namespace as container is not joining a pod or pod has no infra "
							"container: invalid argument");
		return 0;
	}
	ns->mode = NS_CONTAINER;
	return str_set(&ns->value, p->config.infra_id, err);
}

static int join_namespaces(const struct pod *p, const struct container_params *settings, struct params_namespaces *ns,
			   struct error *err)
{
	TRY(join_namespace(p, "pid", &ns->pid, err));
	TRY(join_namespace(p, "ipc", &ns->ipc, err));
	TRY(join_namespace(p, "uts", &ns->uts, err));
	TRY(join_namespace(p, "cgroup", &ns->cgroup, err));
	TRY(join_namespace(p, "user", &ns->user, err));
	if (p->config.infra_id && settings->ns.net.mode == NS_HOST && ns->net.mode == NS_DEFAULT)
		ns->net.mode = NS_HOST;
	return join_namespace(p, "net", &ns->net, err);
}

/* ---- the rest ---- */
static bool has_destination(const struct list *mounts, const char *path)
{
	const struct param_mount *m = mounts->v;

	for (size_t i = 0; i < mounts->n; i++)
		if (streq0(m[i].destination, path))
			return true;
	return false;
}

static int inherit_mounts(const struct list *from, struct list *to, struct error *err)
{
	const struct param_mount *m = from->v;

	for (size_t i = 0; i < from->n; i++) {
		if (streq0(m[i].origin, "image") || has_destination(to, m[i].destination))
			continue;
		struct param_mount *n = list_add(to, sizeof(*n), err);
		if (!n)
			return -1;
		TRY(str_set(&n->type, m[i].type, err));
		TRY(str_set(&n->source, m[i].source, err));
		TRY(str_set(&n->destination, m[i].destination, err));
		TRY(str_set(&n->subpath, m[i].subpath, err));
		TRY(strv_copy(&n->options, &m[i].options, err));
	}
	return 0;
}

static int inherit_devices(const struct list *from, struct list *to, struct error *err)
{
	const struct param_device *d = from->v;

	for (size_t i = 0; i < from->n; i++) {
		struct param_device *n = list_add(to, sizeof(*n), err);
		if (!n)
			return -1;
		TRY(str_set(&n->host, d[i].host, err));
		TRY(str_set(&n->container, d[i].container, err));
		TRY(str_set(&n->permissions, d[i].permissions, err));
	}
	return 0;
}

/* The infra container's record: volumes made for the pod have their names there. */
static int inherit(const struct pod *p, const struct container_params *settings, struct container_params *c, struct error *err)
{
	auto_ctr *infra = NULL;
	const struct params_storage *storage = &settings->storage;

	if (p->config.infra_id) {
		TRY(ctr_find_unsynced(p->engine, p->config.infra_id, &infra, err));
		TRY(ctr_load(infra, err));
		storage = &infra->params.storage;
	}
	/* keep-id: the process is the user that keeps its number */
	if (infra && infra->params.ns.user.mode == NS_KEEP_ID && pod_shares(p, "user") && !c->process.user)
		TRY(str_set(&c->process.user, infra->params.process.user, err));
	TRY(inherit_mounts(&storage->mounts, &c->storage.mounts, err));
	TRY(inherit_devices(&storage->devices, &c->storage.devices, err));
	TRY(strv_copy(&c->storage.gpus, &storage->gpus, err));
	if (!c->security.security_opt.n)
		TRY(strv_copy(&c->security.security_opt, &settings->security.security_opt, err));
	if (!c->basic.restart.policy && !c->basic.remove && !c->basic.init_container_type)
		c->basic.restart = p->config.restart;
	if (!c->storage.shm_size.set && !pod_shares(p, "ipc"))
		c->storage.shm_size = settings->storage.shm_size;
	if (!c->storage.shm_size_systemd.set)
		c->storage.shm_size_systemd = settings->storage.shm_size_systemd;
	if (!c->net.no_hosts.set && pod_shares(p, "net"))
		c->net.no_hosts = settings->net.no_hosts;
	return 0;
}

int pod_join(struct pod *p, struct container_params *c, struct error *err)
{
	CLEANUP(params_done) struct container_params settings;

	TRY(pod_settings(p, &settings, err));
	TRY(check(p, c, err));
	TRY(check_init(p, c, err));
	TRY(join_namespaces(p, &settings, &c->ns, err));
	TRY(inherit(p, &settings, c, err));
	if (p->config.cgroup && !c->ns.cgroup_parent && !(c->ns.cgroups && streq(c->ns.cgroups, "disabled")))
		TRY(str_set(&c->ns.cgroup_parent, p->config.cgroup, err));
	return str_set(&c->basic.pod, p->config.id, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "engine/spec.h"

static int add_namespace(struct oci_spec *s, const char *type, const char *path, struct error *err)
{
	struct oci_namespace *n = list_add(&s->lnx.namespaces, sizeof(*n), err);

	if (!n)
		return -1;
	TRY(str_set(&n->type, type, err));
	return str_set(&n->path, path, err);
}

/* `file`: the name in /proc/PID/ns */
static int spec_namespace(struct spec_context *x, struct oci_spec *s, const char *type, const char *file,
			  const struct param_ns *ns, struct error *err)
{
	const struct peer *peer;
	char path[64];

	switch (ns->mode) {
	case NS_HOST:
		return 0;
	case NS_PATH:
		return add_namespace(s, type, ns->value, err);
	case NS_CONTAINER:
		peer = spec_peer(x, ns);
		if (!peer)
			return fail(err, ERROR_STATE, "the container whose %s namespace is to be joined is not running: "
						      "container state improper", type);
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", peer->pid, file);
		return add_namespace(s, type, path, err);
	default:
		return add_namespace(s, type, NULL, err);
	}
}

static int add_map(struct list *to, const struct idmap *from, struct error *err)
{
	for (size_t i = 0; i < from->n; i++) {
		struct oci_idmap *m = list_add(to, sizeof(*m), err);
		if (!m)
			return -1;
		*m = (struct oci_idmap){ from->v[i].inside, from->v[i].outside, from->v[i].count };
	}
	return 0;
}

static int spec_user_namespace(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct param_ns *ns = &x->params->ns.user;

	if (ns->mode == NS_CONTAINER || ns->mode == NS_PATH)
		return spec_namespace(x, s, "user", "user", ns, err);
	if (!x->maps)
		return 0;
	TRY(add_namespace(s, "user", NULL, err));
	TRY(add_map(&s->lnx.uid_mappings, &x->maps->uids, err));
	return add_map(&s->lnx.gid_mappings, &x->maps->gids, err);
}

static int decide_hostname(struct spec_context *x, struct error *err)
{
	const struct params_namespaces *ns = &x->params->ns;
	const struct peer *peer = spec_peer(x, &ns->uts);
	struct utsname host;

	if (peer)
		return str_set(&x->hostname, peer->hostname, err);
	if (ns->uts.mode == NS_HOST || (ns->net.mode == NS_HOST && !ns->hostname && ns->uts.mode != NS_PRIVATE)) {
		if (uname(&host) < 0)
			return fail_errno(err, "uname");
		return str_set(&x->hostname, host.nodename, err);
	}
	if (ns->hostname)
		return str_set(&x->hostname, ns->hostname, err);
	if (x->engine->conf.containers.container_name_as_hostname)
		return str_set(&x->hostname, x->container->at.record.name, err);
	return str_printf(&x->hostname, err, "%.12s", x->container->id);
}

int spec_namespaces(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_namespaces *ns = &x->params->ns;

	TRY(add_namespace(s, "mount", NULL, err));
	TRY(spec_namespace(x, s, "pid", "pid", &ns->pid, err));
	TRY(spec_namespace(x, s, "ipc", "ipc", &ns->ipc, err));
	TRY(spec_namespace(x, s, "uts", "uts", &ns->uts, err));
	TRY(spec_namespace(x, s, "network", "net", &ns->net, err));
	TRY(spec_namespace(x, s, "cgroup", "cgroup", &ns->cgroup, err));
	TRY(spec_user_namespace(x, s, err));
	TRY(decide_hostname(x, err));
	if (ns->uts.mode == NS_PRIVATE)
		TRY(str_set(&s->hostname, x->hostname, err));
	return 0;
}

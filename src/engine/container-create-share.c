/* SPDX-License-Identifier: Apache-2.0
 * What a new container shares with others: namespaces, mounts, volumes. */
#include "engine/container-create.h"
#include "engine/volume.h"

/* ---- other containers ---- */
/* A private IPC namespace is for its container alone. */
static int check_donor(const struct creation *k, const struct param_ns *ns, struct ctr *other, struct error *err)
{
	if (ns != &k->c->params.ns.ipc)
		return 0;
	TRY(ctr_load(other, err));
	if (other->params.ns.ipc.mode == NS_PRIVATE)
		return fail(err, ERROR_INVALID, "joining IPC of container %s is not allowed: non-shareable IPC (hint: use "
						"IpcMode:shareable for the donor container)", other->id);
	return 0;
}

static int depend_on(struct creation *k, struct param_ns *ns, struct error *err)
{
	auto_ctr *other = NULL;

	if (ns->mode != NS_CONTAINER)
		return 0;
	if (ctr_find_unsynced(k->engine, ns->value, &other, err) < 0)
		return fail_wrap(err, "looking up container to share namespace with");
	TRY(check_donor(k, ns, other, err));
	TRY(str_set(&ns->value, other->id, err));
	return strv_has(&k->c->config.depends, other->id) ? 0 : strv_add(&k->c->config.depends, other->id, err);
}

int creation_depend(struct creation *k, struct error *err)
{
	struct params_namespaces *ns = &k->c->params.ns;
	struct param_ns *all[] = { &ns->pid, &ns->ipc, &ns->uts, &ns->cgroup, &ns->user, &ns->net };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		TRY(depend_on(k, all[i], err));
	for (size_t i = 0; i < k->c->params.basic.requires.n; i++) {
		auto_ctr *other = NULL;
		TRY(ctr_find_unsynced(k->engine, k->c->params.basic.requires.v[i], &other, err));
		if (!strv_has(&k->c->config.depends, other->id))
			TRY(strv_add(&k->c->config.depends, other->id, err));
	}
	return 0;
}

static bool has_mount(const struct list *mounts, const char *destination)
{
	const struct param_mount *m = mounts->v;

	for (size_t i = 0; i < mounts->n; i++)
		if (streq0(m[i].destination, destination) && !streq0(m[i].origin, "image"))
			return true;
	return false;
}

static int copy_mount(struct list *to, const struct param_mount *m, const struct strv *options, struct error *err)
{
	struct param_mount *mounts = to->v, *n = NULL;

	for (size_t i = 0; i < to->n; i++)
		if (streq0(mounts[i].destination, m->destination))
			n = &mounts[i];   /* an image's own volume gives way */
	if (!n)
		n = list_add(to, sizeof(*n), err);
	if (!n)
		return -1;
	TRY(str_set(&n->type, m->type, err));
	TRY(str_set(&n->source, m->source, err));
	TRY(str_set(&n->destination, m->destination, err));
	TRY(str_set(&n->subpath, m->subpath, err));
	TRY(str_set(&n->origin, "from", err));
	TRY(strv_copy(&n->options, &m->options, err));
	for (size_t i = 0; i < options->n; i++) {
		size_t at = 0;
		for (const char *other = streq(options->v[i], "ro") ? "rw" : "ro"; at < n->options.n; at++)
			if (streq(n->options.v[at], other))
				break;
		if (at < n->options.n)
			strv_remove(&n->options, at);
		if (!strv_has(&n->options, options->v[i]))
			TRY(strv_add(&n->options, options->v[i], err));
	}
	return 0;
}

int creation_volumes_from(struct creation *k, const char *word, struct error *err)
{
	auto_strv parts = {}, options = {};
	auto_ctr *other = NULL;
	struct list *to = &k->c->params.storage.mounts;
	static const char *const known[] = { "ro", "rw", "z", "Z" };

	TRY(strv_split(&parts, word, ':', err));
	if (parts.n > 1)
		TRY(strv_split(&options, parts.v[1], ',', err));
	for (size_t i = 0; i < options.n; i++) {
		bool ok = false;
		for (size_t j = 0; j < ARRAY_LEN(known); j++)
			ok |= streq(options.v[i], known[j]);
		if (!ok)
			return fail(err, ERROR_INVALID, "invalid --volumes-from option \"%s\": only ro, rw, z and Z are known", options.v[i]);
	}
	if (ctr_find_unsynced(k->engine, parts.v[0], &other, err) < 0)
		return fail_wrap(err, "looking up container \"%s\" for volumes-from", parts.v[0]);
	TRY(ctr_load(other, err));
	const struct param_mount *m = other->params.storage.mounts.v;
	for (size_t i = 0; i < other->params.storage.mounts.n; i++)
		if (!has_mount(to, m[i].destination) && (streq(m[i].type, "bind") || streq(m[i].type, "volume")))
			TRY(copy_mount(to, &m[i], &options, err));
	return strv_has(&k->c->config.depends, other->id) ? 0 : strv_add(&k->c->config.depends, other->id, err);
}

/* ---- volumes ---- */
static int make_volume(struct creation *k, struct param_mount *m, struct error *err)
{
	auto_volume v = {};
	int r = 0;

	if (m->source)
		r = volume_find(k->engine, m->source, &v, err);
	if (r)
		return r < 0 ? -1 : 0;
	TRY(str_set(&v.name, m->source, err));
	if (volume_create(k->engine, &v, err) < 0)
		return err->kind == ERROR_EXISTS ? 0 : -1;
	if (m->source)
		return 0;
	TRY(str_set(&m->source, v.name, err));
	return strv_add(&k->c->config.anonymous_volumes, v.name, err);
}

int creation_make_volumes(struct creation *k, struct error *err)
{
	struct param_mount *m = k->c->params.storage.mounts.v;

	for (size_t i = 0; i < k->c->params.storage.mounts.n; i++) {
		if (!streq(m[i].type, "volume"))
			continue;
		if (k->volumes.fd < 0)
			TRY(volume_lock_use(k->engine, LOCK_SHARED, &k->volumes, err));
		TRY(make_volume(k, &m[i], err));
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * What a CDI device adds to a container: nodes, mounts, environment, groups, hooks. */
#include <stdlib.h>

#include "engine/cdi.h"
#include "engine/spec.h"

struct target {
	struct spec_context *x;
	struct oci_spec *s;
};

static int add_nodes(struct target *t, const struct cdi_edits *e, struct error *err)
{
	const struct cdi_node *n = e->nodes.v;

	for (size_t i = 0; i < e->nodes.n; i++)
		TRY(spec_device_node(t->x, t->s, n[i].host ? n[i].host : n[i].path, n[i].path,
				     n[i].permissions ? n[i].permissions : "rwm", err));
	return 0;
}

static int add_mounts(struct oci_spec *s, const struct cdi_edits *e, struct error *err)
{
	const struct cdi_mount *m = e->mounts.v;

	for (size_t i = 0; i < e->mounts.n; i++) {
		struct oci_mount *o = list_add(&s->mounts, sizeof(*o), err);
		if (!o)
			return -1;
		TRY(str_set(&o->destination, m[i].container, err));
		TRY(str_set(&o->source, m[i].host, err));
		TRY(str_set(&o->type, str_empty(m[i].type) ? "bind" : m[i].type, err));
		TRY(strv_copy(&o->options, &m[i].options, err));
		if (!m[i].options.n)
			TRY(strv_split(&o->options, "ro,nosuid,nodev,bind", ',', err));
		else if (streq(o->type, "bind") && !strv_has(&o->options, "bind") && !strv_has(&o->options, "rbind"))
			TRY(strv_add(&o->options, "bind", err));
	}
	return 0;
}

static struct list *hooks_of(struct oci_hooks *h, const char *name)
{
	const struct {
		const char *name;
		struct list *list;
	} stages[] = {
		{ "prestart", &h->prestart }, { "createRuntime", &h->create_runtime }, { "createContainer", &h->create_container },
		{ "startContainer", &h->start_container }, { "poststart", &h->poststart }, { "poststop", &h->poststop },
	};

	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		if (streq(stages[i].name, name))
			return stages[i].list;
	return NULL;
}

static int add_hooks(struct oci_spec *s, const struct cdi_edits *e, struct error *err)
{
	const struct cdi_hook *h = e->hooks.v;

	for (size_t i = 0; i < e->hooks.n; i++) {
		struct list *to = hooks_of(&s->hooks, h[i].name);
		if (!to)
			return fail(err, ERROR_INVALID, "CDI hook \"%s\" is not known", h[i].name);
		struct oci_hook *o = list_add(to, sizeof(*o), err);
		if (!o)
			return -1;
		TRY(str_set(&o->path, h[i].path, err));
		TRY(strv_copy(&o->args, &h[i].args, err));
		TRY(strv_copy(&o->env, &h[i].env, err));
		o->timeout = h[i].timeout;
	}
	return 0;
}

static int add_env(struct oci_spec *s, const struct cdi_edits *e, struct error *err)
{
	for (size_t i = 0; i < e->env.n; i++) {
		const char *eq = strchr(e->env.v[i], '=');
		autofree char *name = strndup(e->env.v[i], (size_t)(eq - e->env.v[i]));
		if (!name)
			return fail_oom(err);
		TRY(strv_env_set(&s->process->env, name, eq + 1, err));
	}
	return 0;
}

static int add_groups(struct oci_spec *s, const struct cdi_edits *e, struct error *err)
{
	struct numv *to = &s->process->user.additional_gids;

	for (size_t i = 0; i < e->gids.n; i++) {
		uint64_t *v = reallocarray(to->v, to->n + 1, sizeof(*v));
		if (!v)
			return fail_oom(err);
		to->v = v;
		to->v[to->n++] = e->gids.v[i];
	}
	return 0;
}

static int apply(struct target *t, const struct cdi_edits *e, struct error *err)
{
	TRY(add_env(t->s, e, err));
	TRY(add_nodes(t, e, err));
	TRY(add_mounts(t->s, e, err));
	TRY(add_groups(t->s, e, err));
	return add_hooks(t->s, e, err);
}

static int apply_found(void *arg, const struct cdi_spec *s, const struct cdi_device *d, struct error *err)
{
	TRY(apply(arg, &s->edits, err));
	return apply(arg, &d->edits, err);
}

int spec_cdi_device(struct spec_context *x, struct oci_spec *s, const char *name, struct error *err)
{
	struct target t = { x, s };

	return cdi_find(x->engine, name, apply_found, &t, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * engine/secret-container.c - secrets of a container: copied when it is created, mounted and set when it starts. */
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/container.h"
#include "engine/secret.h"
#include "engine/spec.h"
#include "os/file.h"
#include "os/idmap.h"

static const struct param_secret *secret_at(const struct container_params *p, size_t i)
{
	return &((const struct param_secret *)p->storage.secrets.v)[i];
}

int secret_params_check(struct engine *e, const struct container_params *p, struct error *err)
{
	for (size_t i = 0; i < p->storage.secrets.n; i++) {
		auto_secret s = {};
		TRY(secret_find(e, secret_at(p, i)->name, &s, err));
	}
	return 0;
}

static int store_one(struct ctr *c, int dir, size_t i, const struct idmap_pair *maps, struct error *err)
{
	const struct param_secret *p = secret_at(&c->params, i);
	auto_secret s = {};
	auto_secret_buf data = BUF_INIT(SECRET_BYTES_MAX);
	uint32_t uid = (uint32_t)p->uid, gid = (uint32_t)p->gid;
	char name[24];

	TRY(secret_find(c->engine, p->name, &s, err));
	TRY(secret_read(c->engine, &s, &data, err));
	snprintf(name, sizeof(name), "%zu", i);
	TRY(file_replace(dir, name, data.data, data.len, 0600, c->at.record.transient ? 0 : FILE_SYNC, err));
	if (maps && (!idmap_to_outside(&maps->uids, (uint32_t)p->uid, &uid) || !idmap_to_outside(&maps->gids, (uint32_t)p->gid, &gid)))
		return fail(err, ERROR_INVALID, "--secret %s: the container's user namespace does not map %lld:%lld", p->name,
			    (long long)p->uid, (long long)p->gid);
	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(dir, name, (mode_t)p->mode & 0777, 0) < 0)
		return fail_errno(err, "secret %s", p->name);
	return 0;
}

int secret_params_store(struct ctr *c, const struct idmap_pair *maps, struct error *err)
{
	autofree char *path = NULL;
	bool any = false;

	for (size_t i = 0; i < c->params.storage.secrets.n; i++)
		any |= !secret_at(&c->params, i)->env;
	if (!any)
		return 0;
	TRY(c->at.record.transient ? ctr_run_dir(c, &path, err) : ctr_dir(c, &path, err));
	autoclose int own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int dir = own < 0 ? -1 : file_open_dir(own, "secrets", true, 0700, err);
	if (dir < 0)
		return own < 0 ? fail_errno(err, "%s", path) : -1;
	for (size_t i = 0; i < c->params.storage.secrets.n; i++)
		if (!secret_at(&c->params, i)->env)
			TRY(store_one(c, dir, i, maps, err));
	return 0;
}

static int add_json(struct ctr *c, const struct param_secret *p, struct json_object *list, struct error *err)
{
	auto_secret s = {};
	auto_json *o = json_object_new_object();
	struct error gone;

	if (!o)
		return fail_oom(err);
	bool known = secret_find(c->engine, p->name, &s, &gone) == 0;
	TRY(json_add_str(o, "Name", known ? s.spec.name : p->name, err));
	TRY(json_add_str(o, "ID", known ? s.id : "", err));
	TRY(json_add(o, "UID", json_object_new_int64(p->uid), err));
	TRY(json_add(o, "GID", json_object_new_int64(p->gid), err));
	TRY(json_add(o, "Mode", json_object_new_int64(p->mode), err));
	return json_object_array_add(list, json_object_get(o)) < 0 ? fail_oom(err) : 0;
}

int secret_params_json(struct ctr *c, struct json_object **ret, struct error *err)
{
	auto_json *list = NULL;

	for (size_t i = 0; i < c->params.storage.secrets.n; i++) {
		if (secret_at(&c->params, i)->env)
			continue;
		if (!list && !(list = json_object_new_array()))
			return fail_oom(err);
		TRY(add_json(c, secret_at(&c->params, i), list, err));
	}
	*ret = take_ptr(list);
	return 0;
}

/* ---- at the start ---- */
static int add_mount(struct spec_context *x, struct oci_spec *s, const struct param_secret *p, size_t i, struct error *err)
{
	static const char *const options[] = { "bind", "rprivate", "ro", "nosuid", "nodev" };
	const char *target = str_empty(p->target) ? p->name : p->target;
	struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);

	if (!m)
		return -1;
	TRY(str_printf(&m->destination, err, "%s%s", *target == '/' ? "" : "/run/secrets/", target));
	TRY(str_printf(&m->source, err, "%s/secrets/%zu", x->dir, i));
	TRY(str_set(&m->type, "bind", err));
	for (size_t k = 0; k < ARRAY_LEN(options); k++)
		TRY(strv_add(&m->options, options[k], err));
	return 0;
}

static int add_env(struct spec_context *x, struct oci_spec *s, const struct param_secret *p, struct error *err)
{
	auto_secret secret = {};
	auto_secret_buf data = BUF_INIT(SECRET_BYTES_MAX);

	TRY(secret_find(x->engine, p->name, &secret, err));
	TRY(secret_read(x->engine, &secret, &data, err));
	if (strlen(data.data ? data.data : "") != data.len)
		return fail(err, ERROR_INVALID, "--secret %s,type=env: the secret holds a zero byte", p->name);
	return strv_env_set(&s->process->env, str_empty(p->target) ? p->name : p->target, data.data, err);
}

int spec_secrets(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	for (size_t i = 0; i < x->params->storage.secrets.n; i++) {
		const struct param_secret *p = secret_at(x->params, i);
		TRY(p->env ? add_env(x, s, p, err) : add_mount(x, s, p, i, err));
	}
	return 0;
}

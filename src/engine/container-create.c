/* SPDX-License-Identifier: Apache-2.0
 * From params to a record: image, defaults, name, dependencies, volumes - then one write. Volumes made for a container
 * whose record was never written are found by nobody but `volume prune`, like any unused volume. */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/secret.h"
#include "engine/container-create.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/names.h"
#include "engine/network.h"
#include "engine/pod-impl.h"
#include "engine/pull.h"
#include "engine/spec.h"
#include "engine/userns.h"
#include "store/image.h"

#define DRAWS_MAX 8   /* of random names */

static void creation_done(struct creation *k)
{
	image_defaults_done(&k->defaults);
	container_record_done(&k->record);
	lock_release(&k->ids);
	lock_release(&k->volumes);
	ctr_free(k->c);
}

/* ---- image ---- */
static int use_image(struct creation *k, const struct store_image *image, const char *name, struct error *err)
{
	TRY(str_set(&k->record.image_id, image->id, err));
	TRY(str_set(&k->record.image_name, name ? name : image->names.n ? image->names.v[image->names.n - 1] : image->id, err));
	TRY(str_set(&k->c->config.image_digest, image->digests.n ? image->digests.v[0] : NULL, err));
	for (size_t i = 0; i < image->n_layers; i++)
		TRY(strv_add(&k->record.layers, image->layers[i].diff_id, err));
	return image->config ? image_defaults_load("image configuration", image->config, strlen(image->config), &k->defaults, err) :
			       0;
}

static int find_image(struct creation *k, struct error *err)
{
	const struct container_params *p = &k->c->params;
	auto_store_image image = {};
	autofree char *name = NULL;

	TRY(image_obtain(k->engine, p->basic.raw_image_name, &p->image, STORE_IMAGE_ALL, &image, &name, err));
	return use_image(k, &image, name, err);
}

static int rootfs_option(struct params_basic *b, const char *word, struct error *err)
{
	const char *mapping = str_after(word, "idmap=");

	if (mapping) {
		if (!strstr(mapping, "uids=") || !strstr(mapping, "gids="))
			return fail(err, ERROR_INVALID, "rootfs option \"%s\": name both, as in idmap=uids=0-100000-65536;gids=0-100000-65536",
				    word);
		b->rootfs_idmap = true;
		return str_set(&b->rootfs_mapping, mapping, err);
	}
	if (streq(word, "O"))
		b->rootfs_overlay = true;
	else if (streq(word, "idmap"))
		b->rootfs_idmap = true;
	else
		return fail(err, ERROR_UNSUPPORTED, "rootfs option \"%s\" is not supported: O and idmap (with --uidmap or --userns) are", word);
	return 0;
}

/* DIR[:OPTION[,OPTION]] */
static int use_rootfs(struct creation *k, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;
	const char *given = k->c->params.basic.raw_image_name, *colon = strchr(given, ':');
	auto_strv options = {};
	autofree char *dir = colon ? strndup(given, (size_t)(colon - given)) : strdup(given);

	if (!dir)
		return fail_oom(err);
	if (!realpath(dir, path) || stat(path, &st) < 0)
		return fail_errno(err, "rootfs %s", dir);
	if (!S_ISDIR(st.st_mode))
		return fail(err, ERROR_INVALID, "rootfs %s is not a directory", dir);
	if (colon)
		TRY(strv_split(&options, colon + 1, ',', err));
	for (size_t i = 0; i < options.n; i++)
		TRY(rootfs_option(&k->c->params.basic, options.v[i], err));
	TRY(str_set(&k->record.image_name, "", err));
	return str_set(&k->record.rootfs, path, err);
}

/* ---- pod ---- */
/* `ps` shows the pod's ports with every container that answers on them. */
static int show_pod_ports(struct creation *k, const struct pod *pod, struct error *err)
{
	auto_ctr *infra = NULL;

	if (!pod_shares(pod, "net") || k->c->params.ns.net.mode != NS_CONTAINER)
		return 0;
	TRY(ctr_find_unsynced(k->engine, pod->config.infra_id, &infra, err));
	return str_set(&k->record.ports, infra->at.record.ports, err);
}

/* The infra container of a pod belongs to it as well, but shares nothing: it is what is shared. */
static int join_pod(struct creation *k, struct error *err)
{
	struct container_params *p = &k->c->params;
	auto_pod *pod = NULL;

	if (!p->basic.pod)
		return 0;
	k->record.infra = p->basic.infra;
	if (!p->basic.infra) {
		TRY(pod_find(k->engine, p->basic.pod, &pod, err));
		TRY(pod_join(pod, p, err));
		TRY(show_pod_ports(k, pod, err));
	}
	return str_set(&k->record.pod, p->basic.pod, err);
}

/* Whoever removes the pod marks it first and looks for members then: one of us two sees the other. */
static int check_pod_stays(struct ctr *c, struct error *err)
{
	const struct ctr_remove_options o = { .volumes = true, .with_pod = true };
	auto_pod *pod = NULL;
	struct error ignored;

	if (!c->at.record.pod || c->at.record.infra)
		return 0;
	int r = pod_load(c->engine, c->at.record.pod, &pod, err);
	if (r < 0 || (r > 0 && pod->config.intent == POD_READY))
		return r < 0 ? -1 : 0;
	ctr_remove(c, &o, NULL, &ignored);
	return fail(err, ERROR_NOT_FOUND, "no pod with name or ID %s found: no such pod", c->at.record.pod);
}

static bool is_plain_infra(const struct container_params *p)
{
	return p->basic.infra && !p->basic.raw_image_name;
}

/* An infra container needs nothing but our own small init (spec-mounts.c brings it along). */
static int use_init(struct creation *k, struct error *err)
{
	struct params_process *p = &k->c->params.process;

	TRY(str_set(&k->record.image_name, "", err));
	if (p->entrypoint_given)
		return 0;
	p->entrypoint_given = true;
	TRY(strv_add(&p->entrypoint, SPEC_INIT_PATH, err));
	return strv_add(&p->entrypoint, "-P", err);
}

/* A working container that begins with nothing. */
static int use_nothing(struct creation *k, struct error *err)
{
	return str_set(&k->record.image_name, "scratch", err);
}

static bool is_from_nothing(const struct container_params *p)
{
	return p->basic.external && streq0(p->basic.raw_image_name, "scratch");
}

/* ---- name ---- */
/* A random name that is free now; attempt > 0: from a larger set. */
static int draw_name(struct creation *k, unsigned attempt, struct error *err)
{
	struct store *s;

	TRY(engine_store(k->engine, &s, err));
	for (; attempt < DRAWS_MAX; attempt++) {
		TRY(name_random(attempt, &k->c->params.basic.name, err));
		int taken = store_container_name_taken(s, k->c->params.basic.name, err);
		if (taken < 0)
			return -1;
		if (!taken)
			return str_set(&k->record.name, k->c->params.basic.name, err);
		free(take_ptr(k->c->params.basic.name));
	}
	return fail(err, ERROR_EXISTS, "no free random name was found");
}

static int choose_name(struct creation *k, struct error *err)
{
	if (k->c->params.basic.name) {
		const char *name = k->c->params.basic.name;
		if (*name == '/')
			name++;   /* Docker shows names with a slash */
		if (name_check(name, err) < 0)
			return fail_wrap(err, "running container create option");
		return str_set(&k->record.name, name, err);
	}
	k->drawn = true;
	return draw_name(k, 0, err);
}

/* ---- the record ---- */
static int json_list(const struct strv *l, char **ret, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 20);

	buf_add_char(&text, '[');
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			buf_add_char(&text, ',');
		buf_add_json(&text, l->v[i]);
	}
	buf_add_char(&text, ']');
	TRY(buf_ok(&text, "list", err));
	*ret = buf_steal(&text);
	return 0;
}

static int fill_columns(struct creation *k, struct error *err)
{
	const struct container_params *p = &k->c->params;
	const struct param_mount *m = p->storage.mounts.v;
	auto_strv mounts = {}, networks = {};
	auto_buf labels = BUF_INIT(1 << 20);

	if (p->basic.external)
		TRY(str_set(&k->record.command, CTR_WORKING_COMMAND, err));
	else
		TRY(json_list(p->process.command.n ? &p->process.command : &p->process.entrypoint, &k->record.command, err));
	for (size_t i = 0; i < p->storage.mounts.n; i++)
		TRY(strv_add(&mounts, m[i].destination ? m[i].destination : m[i].source, err));
	TRY(json_list(&mounts, &k->record.mounts, err));
	for (size_t i = 0; i < p->net.networks.n; i++)
		TRY(strv_add_n(&networks, p->net.networks.v[i], strcspn(p->net.networks.v[i], ":"), err));
	TRY(json_list(&networks, &k->record.networks, err));
	if (p->net.ports.n)
		TRY(ports_save(&p->net.ports, &k->record.ports, err));
	if (p->basic.restart.policy)
		TRY(str_set(&k->record.restart_policy, restart_policy_names[p->basic.restart.policy], err));
	if (!p->basic.labels.n)
		return 0;
	buf_add_char(&labels, '{');
	for (size_t i = 0; i < p->basic.labels.n; i++) {
		if (i)
			buf_add_char(&labels, ',');
		buf_add_json(&labels, p->basic.labels.v[i].key);
		buf_add_char(&labels, ':');
		buf_add_json(&labels, p->basic.labels.v[i].value);
	}
	buf_add_char(&labels, '}');
	TRY(buf_ok(&labels, "labels", err));
	k->record.labels = buf_steal(&labels);
	return 0;
}

/* Where the log goes; the path is part of the record because rotation and `logs` must agree on it. */
static int choose_log_path(struct creation *k, struct error *err)
{
	const struct params_log *l = &k->c->params.log;
	const char *given = strmap_get(&l->options, "path");
	const char *dir = k->engine->conf.containers.log_path;
	autofree char *own = NULL;

	if (!streq(l->driver, "k8s-file") && !streq(l->driver, "json-file"))
		return 0;
	if (given)
		return str_set(&k->c->config.log_path, given, err);
	if (dir)
		return str_printf(&k->c->config.log_path, err, "%s/%s.log", dir, k->record.id);
	TRY(k->record.transient ? store_container_rundir(k->store, k->record.id, &own, err) :
				  store_container_dir(k->store, k->record.id, &own, err));
	return str_printf(&k->c->config.log_path, err, "%s/ctr.log", own);
}

/* The name belongs to a working container of Buildah's. */
static bool is_external(struct engine *e, const char *name)
{
	auto_ctr *other = NULL;
	struct error gone;

	return ctr_find(e, name, &other, &gone) >= 0 && ctr_is_working(other);
}

/* A name that was free when it was drawn may be taken by now: another one then. */
static int create_row(struct creation *k, struct error *err)
{
	for (unsigned attempt = 1;; attempt++) {
		TRY(ctr_format_record(k->c, &k->record.params, err));
		if (store_container_create(k->store, &k->record, err) == 0)
			return 0;
		if (!k->drawn || err->kind != ERROR_EXISTS || attempt >= DRAWS_MAX)
			return -1;
		free(take_ptr(k->record.params));
		free(take_ptr(k->c->params.basic.name));
		TRY(draw_name(k, attempt, err));
	}
}

static int write_record(struct creation *k, struct error *err)
{
	struct ctr *c = k->c;

	TRY(random_id(k->record.id, err));
	k->record.created = time_now();
	k->record.transient = c->params.basic.remove && c->params.basic.restart.policy <= RESTART_NO;
	k->record.provisional = k->record.transient && c->params.basic.provisional;
	k->record.read_only = c->params.storage.read_only.value;
	TRY(str_set(&c->config.runtime, k->engine->opt.runtime, err));
	TRY(choose_log_path(k, err));
	TRY(fill_columns(k, err));
	if (create_row(k, err) < 0) {
		const struct error why = *err;
		if (why.kind == ERROR_EXISTS)
			return fail(err, ERROR_EXISTS, "creating container storage: %s%s, or use --replace to instruct Podman to do so.",
				    why.text, is_external(k->engine, k->record.name) ? " by an external entity" : "");
		return -1;
	}
	container_record_done(&c->at.record);
	c->at.record = k->record;
	k->record = (struct container_record){};
	c->id = c->at.record.id;
	c->loaded = true;
	return 0;
}

static int build(struct creation *k, struct error *err)
{
	struct container_params *p = &k->c->params;
	struct idmap_pair *maps = NULL;

	TRY(join_pod(k, err));
	TRY(is_plain_infra(p) ? use_init(k, err) : p->basic.rootfs ? use_rootfs(k, err) :
	    is_from_nothing(p) ? use_nothing(k, err) : find_image(k, err));
	TRY(params_resolve(p, &k->defaults, k->engine, err));
	TRY(strv_copy(&k->c->config.args, &p->process.entrypoint, err));
	TRY(strv_copy(&k->c->config.args, &p->process.command, err));
	TRY(creation_check(k, err));
	TRY(userns_reserve(k->engine, p, &k->ids, err));
	TRY(userns_maps(k->engine, p, &maps, err));
	bool mapped = maps != NULL;
	free(maps);
	if (p->basic.rootfs_idmap && !mapped)
		return fail(err, ERROR_INVALID, "rootfs option \"idmap\" needs a user namespace: --uidmap or --userns");
	TRY(choose_name(k, err));
	TRY(creation_depend(k, err));
	for (size_t i = 0; i < p->storage.volumes_from.n; i++)
		TRY(creation_volumes_from(k, p->storage.volumes_from.v[i], err));
	TRY(creation_make_volumes(k, err));
	TRY(write_record(k, err));
	lock_release(&k->volumes);
	return 0;
}

/* Once there is a directory for them; the container goes again when they cannot be read. */
static int store_secrets(struct ctr *c, struct error *err)
{
	const struct ctr_remove_options o = { .volumes = true, .with_pod = true };
	autofree struct idmap_pair *maps = NULL;
	struct error ignored;

	if (!c->params.storage.secrets.n)
		return 0;
	if (userns_maps(c->engine, &c->params, &maps, err) == 0 && secret_params_store(c, maps, err) == 0)
		return 0;
	ctr_remove(c, &o, NULL, &ignored);
	return -1;
}

int ctr_create(struct engine *e, struct container_params *params, struct ctr **ret, struct error *err)
{
	CLEANUP(creation_done) struct creation k = { .engine = e, .ids = LOCK_INIT, .volumes = LOCK_INIT };
	struct container nothing = {};

	TRY(engine_store(e, &k.store, err));
	TRY(ctr_new(e, &nothing, &k.c, err));
	k.c->params = *params;
	*params = (struct container_params){};
	TRY(build(&k, err));
	TRY(store_secrets(k.c, err));
	TRY(check_pod_stays(k.c, err));
	*ret = take_ptr(k.c);
	ctr_event(*ret, EVENT_CREATE);
	return 0;
}

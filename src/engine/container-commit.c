/* SPDX-License-Identifier: Apache-2.0
 * engine/container-commit.c - `commit`: what a container has changed and how it is run, as an image. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "engine/commit.h"
#include "engine/container-impl.h"
#include "engine/image-commit.h"
#include "engine/image-list.h"

#include "engine/volume.h"
#include "image/config-change.h"
#include "image/reference.h"
#include "os/file.h"
#include "store/rootfs.h"

/* ---- the files ---- */
void commit_hold_done(struct commit_hold *h)
{
	close_p(&h->parent);
	close_p(&h->dir);
	free(h->maps);
	strv_done(&h->skip);
	if (h->changes)
		rootfs_changes_done(h->changes);
	free(h->changes);
	*h = (struct commit_hold)COMMIT_HOLD_INIT;
}

static int open_durable_dir(const struct ctr *c, struct error *err)
{
	autofree char *dir = NULL;

	TRY(ctr_dir(c, &dir, err));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "%s", dir) : fd;
}

/* A container that never ran gets its upper directory now, with the owner and mode it is to have. */
static int make_upper(struct ctr *c, struct error *err)
{
	struct store *s;
	autoclose int fd = -1;

	TRY(engine_store(c->engine, &s, err));
	return store_rootfs_bare(s, &c->at, &fd, err);
}

static bool has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "root" is a copy instead of an overlay. */
static int open_upper(struct ctr *c, struct commit_hold *hold, const char **ret_name, struct error *err)
{
	hold->parent = open_durable_dir(c, err);
	if (hold->parent < 0)
		return -1;
	if (!has(hold->parent, "upper") && !has(hold->parent, "root"))
		TRY(make_upper(c, err));
	*ret_name = has(hold->parent, "root") ? "root" : "upper";
	hold->dir = openat(hold->parent, *ret_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return hold->dir < 0 ? fail_errno(err, "container %.12s", c->id) : 0;
}

/* Where no overlay can be had a container's root is a copy of everything: what it changed is found by comparing. */
static int find_changes(struct ctr *c, struct commit_hold *hold, struct commit_layer *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	hold->changes = calloc(1, sizeof(*hold->changes));
	if (!hold->changes)
		return fail_oom(err);
	TRY(store_rootfs_diff(s, &c->at, hold->changes, err));
	rootfs_changes_drop_places(hold->changes, hold->dir);
	ret->changes = hold->changes;
	return 0;
}

/* The places where secrets were mounted say their names. */
static int skip_secrets(const struct ctr *c, struct strv *to, struct error *err)
{
	const struct list *l = &c->params.storage.secrets;

	for (size_t i = 0; i < l->n; i++) {
		const struct param_secret *s = &((const struct param_secret *)l->v)[i];
		const char *target = str_empty(s->target) ? s->name : s->target;
		if (!s->env)
			TRY(strv_addf(to, err, "%s%s", *target == '/' ? "" : "/run/secrets/", target));
	}
	return 0;
}

int commit_container_layer(struct ctr *c, bool take, struct commit_hold *hold, struct commit_layer *ret, struct error *err)
{
	const char *name;

	TRY(ctr_load(c, err));
	TRY(ctr_maps(c, &hold->maps, err));
	TRY(open_upper(c, hold, &name, err));
	TRY(skip_secrets(c, &hold->skip, err));
	*ret = (struct commit_layer){ .dir = hold->dir, .take_parent = -1, .maps = hold->maps, .skip = &hold->skip };
	if (streq(name, "root"))
		return find_changes(c, hold, ret, err);
	if (take) {
		ret->take_parent = hold->parent;
		ret->take_name = "upper";
	}
	return 0;
}

static int whole_root(struct ctr *c, struct commit_hold *hold, struct commit_layer *ret, struct error *err)
{
	struct store *s;
	autoclose int fd = -1;

	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_maps(c, &hold->maps, err));
	TRY(store_rootfs_bare(s, &c->at, &fd, err));
	hold->dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hold->dir < 0)
		return fail_errno(err, "container %.12s", c->id);
	*ret = (struct commit_layer){ .dir = hold->dir, .take_parent = -1, .maps = hold->maps, .whole = true, .skip = &hold->skip };
	TRY(skip_secrets(c, &hold->skip, err));
	return 0;
}

/* ---- the configuration ---- */
static int set_list(struct strv *to, const struct strv *from, struct error *err)
{
	strv_done(to);
	*to = (struct strv){};
	return strv_copy(to, from, err);
}

static int add_once(struct strv *to, const char *s, struct error *err)
{
	return strv_has(to, s) ? 0 : strv_add(to, s, err);
}

static int add_env(const struct strmap *env, struct image_run_config *to, struct error *err)
{
	for (size_t i = 0; i < env->n; i++)
		if (!streq(env->v[i].key, "HOSTNAME") && !streq(env->v[i].key, "container"))
			TRY(strv_env_set(&to->env, env->v[i].key, env->v[i].value, err));
	return 0;
}

static int add_ports(const struct params_network *net, struct image_run_config *to, struct error *err)
{
	char text[48];

	for (size_t i = 0; i < net->ports.n; i++) {
		const struct param_port *p = &((struct param_port *)net->ports.v)[i];
		for (int64_t k = 0; k < (p->range > 0 ? p->range : 1); k++) {
			snprintf(text, sizeof(text), "%lld/%s", (long long)(p->container_port + k), p->protocol ? p->protocol : "tcp");
			TRY(add_once(&to->exposed_ports, text, err));
		}
	}
	for (size_t i = 0; i < net->expose.n; i++) {
		autofree char *port = NULL;
		TRY(str_printf(&port, err, "%s%s", net->expose.v[i], strchr(net->expose.v[i], '/') ? "" : "/tcp"));
		TRY(add_once(&to->exposed_ports, port, err));
	}
	return 0;
}

/* Anonymous volumes the user asked for become the image's; with --include-volumes whatever is mounted by name or path. */
static int add_volumes(struct ctr *c, bool all, struct image_run_config *to, struct error *err)
{
	const struct list *mounts = &c->params.storage.mounts;

	for (size_t i = 0; i < mounts->n; i++) {
		const struct param_mount *m = &((struct param_mount *)mounts->v)[i];
		bool anonymous = streq0(m->type, "volume") && (!m->source || strv_has(&c->config.anonymous_volumes, m->source));
		if (m->origin || !m->destination || !(all || anonymous))
			continue;
		if (streq0(m->type, "volume") || (all && streq0(m->type, "bind")))
			TRY(add_once(&to->volumes, m->destination, err));
	}
	return 0;
}

static int from_container(struct ctr *c, const struct ctr_commit *o, struct image_config *to, struct error *err)
{
	const struct params_process *p = &c->params.process;

	TRY(set_list(&to->config.entrypoint, &p->entrypoint, err));
	TRY(set_list(&to->config.cmd, &p->command, err));
	TRY(add_env(&p->env, &to->config, err));
	TRY(add_ports(&c->params.net, &to->config, err));
	for (size_t i = 0; i < c->params.basic.labels.n; i++)
		TRY(strmap_set(&to->config.labels, c->params.basic.labels.v[i].key, c->params.basic.labels.v[i].value, err));
	if (!str_empty(p->user))
		TRY(str_set(&to->config.user, p->user, err));
	TRY(str_set(&to->config.working_dir, str_empty(p->workdir) ? "/" : p->workdir, err));
	return add_volumes(c, o->include_volumes, &to->config, err);
}

int commit_merge_config(const char *path, struct image_config *to, struct error *err)
{
	autofree char *text = NULL;
	auto_json *tree = NULL;
	size_t len;

	int r = file_read(AT_FDCWD, path, CONFIG_BYTES_MAX, &text, &len, err);
	if (r == 0)
		r = fail_with(err, ENOENT, "open %s", path);
	if (r < 0 || json_parse(path, text, len, NULL, &tree, err) < 0 ||
	    fields_load(image_run_config_rows, FIELD_COLUMN_JSON, tree, &to->config, NULL, err) < 0)
		return fail_wrap(err, "--config");
	return 0;
}

static int describe(struct ctr *c, const struct ctr_commit *o, struct image_config *to, struct error *err)
{
	if (o->squash)
		image_config_forget_history(to);
	TRY(from_container(c, o, to, err));
	if (o->author)
		TRY(str_set(&to->author, o->author, err));
	TRY(str_set(&to->comment, o->message, err));
	if (o->config_file)
		TRY(commit_merge_config(o->config_file, to, err));
	for (size_t i = 0; i < o->changes.n; i++)
		TRY(image_change_apply(to, o->changes.v[i], err));
	return 0;
}

/* The full name: that of an image here the user means, else one below localhost/. */
static int full_name(struct engine *e, const char *name, struct strv *to, struct error *err)
{
	auto_reference r = {};
	auto_store_image known = {};
	autofree char *found = NULL, *text = NULL;
	struct error ignored;

	if (!name)
		return 0;
	TRY(reference_parse(name, &r, err));
	if (image_find(e, name, 0, &known, &found, &ignored) > 0 && found && !strchr(found, '@'))
		return strv_add(to, found, err);
	TRY(reference_normalize_local(&r, err));
	text = reference_text(&r);
	return text ? strv_add(to, text, err) : fail_oom(err);
}

/* ---- the whole ---- */
static int commit_now(struct ctr *c, const struct ctr_commit *o, char ret_id[65], struct error *err)
{
	auto_commit_hold hold = COMMIT_HOLD_INIT;
	auto_image_config config = {};
	auto_strv names = {};
	struct commit m = COMMIT_INIT;
	struct image_history history = { .author = (char *)(uintptr_t)o->author, .comment = (char *)(uintptr_t)o->message };
	autofree char *command = strv_join(&c->config.args, " ");

	TRY(full_name(c->engine, o->name, &names, err));
	TRY(commit_config(c->engine, c->at.record.image_id, &config, err));
	TRY(describe(c, o, &config, err));
	TRY(o->squash ? whole_root(c, &hold, &m.layer, err) : commit_container_layer(c, false, &hold, &m.layer, err));
	history.created_by = command;
	m.base = o->squash ? NULL : c->at.record.image_id;
	m.config = &config;
	m.history = &history;
	m.format = o->format;
	m.timestamp = o->timestamp;
	if (!m.timestamp.set)
		TRY(commit_epoch(&m.timestamp, err));
	m.names = &names;
	m.progress = &o->progress;
	image_say(&o->progress, "Getting image source signatures");
	return commit_image(c->engine, &m, ret_id, err);
}

int ctr_commit(struct ctr *c, const struct ctr_commit *o, char ret_id[65], struct error *err)
{
	TRY(ctr_load(c, err));
	if (c->at.record.rootfs || !c->at.record.image_id)
		return fail(err, ERROR_UNSUPPORTED, "cannot commit a container that uses an exploded rootfs");
	bool pause = o->pause && c->at.status.state == CONTAINER_RUNNING;
	if (pause && ctr_pause(c, err) < 0) {
		if (err->kind != ERROR_UNSUPPORTED)
			return fail_wrap(err, "pausing container \"%s\" to commit", c->id);
		log_warn(c->engine->log, "not paused during the commit: %s", err->text);
		pause = false;
	}
	int r = commit_now(c, o, ret_id, err);
	struct error later;
	if (pause && ctr_unpause(c, &later) < 0)
		log_error(c->engine->log, "Unpausing container \"%s\": %s", c->id, later.text);
	if (r >= 0)
		ctr_event(c, EVENT_COMMIT);
	return r;
}

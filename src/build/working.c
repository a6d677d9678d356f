/* SPDX-License-Identifier: Apache-2.0
 * build/working.c - making, finding and keeping working containers. */
#include "build/working.h"
#include "build/working-internal.h"

#include <fcntl.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "engine/commit.h"
#include "engine/image-inspect.h"
#include "engine/image-list.h"
#include "engine/pull.h"
#include "image/reference.h"
#include "os/file.h"

#define DOCUMENT "working.json"
#define W struct working
enum { DOCUMENT_MAX = 16 << 20, NAMES_MAX = 10000 };

static const struct field document_rows[] = {
	{ .json = "config", F_OBJECT(W, config, image_config_rows) },
	{ .json = "annotations", F_MAP(W, annotations) },
	{ .json = "format", F_STR(W, format) },
	{ .json = "image", F_STR(W, image) },
	{ .json = "digest", F_STR(W, digest) },
	{ .json = "created_by", F_STR(W, created_by) },
	{ .json = "history_comment", F_STR(W, history_comment) },
	{ .json = "settings", F_STRV(W, settings) },
	{ .json = "linked", F_STRV(W, linked) },
	{ .json = "base_history", F_INT(W, base_history) },
	{}
};

void working_done(struct working *w)
{
	ctr_free(w->c);
	fields_done(document_rows, w);
	*w = (struct working){};
}

/* ---- the document ---- */
int working_save(const struct working *w, struct error *err)
{
	auto_buf text = BUF_INIT(DOCUMENT_MAX);
	autofree char *dir = NULL, *path = NULL;
	auto_json *tree = NULL;

	TRY(fields_save(document_rows, FIELD_COLUMN_JSON, w, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "working container", err));
	TRY(ctr_dir(w->c, &dir, err));
	TRY(str_printf(&path, err, "%s/" DOCUMENT, dir));
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, FILE_SYNC, err);
}

static int load(struct working *w, struct error *err)
{
	autofree char *dir = NULL, *path = NULL, *text = NULL;
	auto_json *tree = NULL;
	size_t len;

	TRY(ctr_dir(w->c, &dir, err));
	TRY(str_printf(&path, err, "%s/" DOCUMENT, dir));
	int r = file_read(AT_FDCWD, path, DOCUMENT_MAX, &text, &len, err);
	if (r == 0)
		return fail(err, ERROR_INVALID, "container %s was not finished: remove it", w->c->at.record.name);
	if (r < 0)
		return -1;
	TRY(json_parse(path, text, len, NULL, &tree, err));
	return fields_load(document_rows, FIELD_COLUMN_JSON, tree, w, NULL, err);
}

int working_open(struct engine *e, const char *name, struct working *ret, struct error *err)
{
	auto_working w = {};

	if (ctr_find(e, name, &w.c, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? fail(err, ERROR_NOT_FOUND, "container not known") : -1;
	if (!ctr_is_working(w.c))
		return fail(err, ERROR_INVALID, "container %s is no working container: make one with buildah from", name);
	TRY(load(&w, err));
	*ret = w;
	w = (struct working){};
	return 0;
}

int working_add_history(struct working *w, const char *created_by, struct error *err)
{
	struct image_history *h = list_add(&w->config.history, sizeof(*h), err);
	char when[48];

	if (!h)
		return -1;
	h->empty_layer = true;
	TRY(str_set(&h->created, time_format_utc(time_now(), when), err));
	return str_set(&h->created_by, created_by, err);
}

/* ---- what it is made from ---- */
struct base {
	char *name;                  /* full name or id; NULL: nothing */
	char *label;                 /* what the container is called after */
};

static void base_done(struct base *b)
{
	free(b->name);
	free(b->label);
}

static void fill_image_params(const struct working_from *f, struct params_image *p)
{
	const struct build_options *o = f->options;

	*p = (struct params_image){
		.arch = o->arch, .os = o->os, .variant = o->variant, .platform = o->platforms.n ? o->platforms.v[0] : NULL,
		.pull = (char *)(uintptr_t)f->pull, .authfile = o->remote.authfile, .cert_dir = o->remote.cert_dir,
		.creds = o->remote.creds, .retry_delay = o->remote.retry_delay, .signature_policy = o->remote.signature_policy,
		.decryption_keys = o->decryption_keys, .tls_verify = o->remote.tls_verify, .retry = o->remote.retry, .quiet = f->quiet,
	};
}

/* "alpine" of docker.io/library/alpine:3; twelve digits of an id; an archive's or directory's image without a name is
 * called after the transport. */
static int choose_label(const char *typed, const char *name, const char *id, char **ret, struct error *err)
{
	const char *at = name ? name : typed, *slash;
	size_t n;

	if (!name && transport_is_known(typed)) {
		n = strcspn(typed, ":");
		return str_printf(ret, err, "%.*s", (int)n, typed);
	}
	if (!name)
		return str_printf(ret, err, "%.12s", id);
	slash = strrchr(at, '/');
	at = slash ? slash + 1 : at;
	return str_printf(ret, err, "%.*s", (int)strcspn(at, ":@"), at);
}

static int find_annotations(struct engine *e, const struct store_image *image, struct working *w, struct error *err)
{
	auto_image_inspect *i = NULL;

	TRY(image_inspect_new(e, image, &i, err));
	TRY(strmap_copy(&w->annotations, &i->annotations, err));
	TRY(strmap_set(&w->annotations, "org.opencontainers.image.base.digest", w->digest ? w->digest : "", err));
	strmap_remove(&w->annotations, "org.opencontainers.image.base.name");   /* an id is no name */
	return strchr(w->image, '/') ? strmap_set(&w->annotations, "org.opencontainers.image.base.name", w->image, err) : 0;
}

static int from_image(struct engine *e, const struct working_from *f, struct base *b, struct working *w, struct error *err)
{
	auto_store_image image = {};
	autofree char *name = NULL;
	struct params_image how;

	fill_image_params(f, &how);
	const char *docker = str_after(f->image, "docker:");   /* an image may be called so; the transport has two slashes */
	if (transport_is_known(f->image) && strchr(f->image, ':') && (!docker || str_after(docker, "//")))
		how.pull = NULL;   /* it is no name here */
	if (image_obtain(e, f->image, &how, STORE_IMAGE_ALL, &image, &name, err) < 0)
		return str_after(f->image, "sha256:") ? fail(err, ERROR_NOT_FOUND, "%s: image not known", f->image) : -1;
	if ((!name || !strchr(name, '/')) && image.names.n)
		TRY(str_set(&name, image.names.v[image.names.n - 1], err));
	TRY(choose_label(f->image, name, image.id, &b->label, err));
	TRY(str_set(&b->name, name ? name : image.id, err));
	TRY(str_set(&w->image, b->name, err));
	TRY(str_set(&w->digest, image.manifest, err));
	TRY(commit_config(e, image.id, &w->config, err));
	w->base_history = (int64_t)w->config.history.n;
	return find_annotations(e, &image, w, err);
}

static int from_nothing(const struct working_from *f, struct base *b, struct working *w, struct error *err)
{
	const struct build_options *o = f->options;
	struct platform p = {};
	autofree char *text = NULL;
	int r = 0;

	if (o->platforms.n)
		r = platform_parse(o->platforms.v[0], &p, err);
	else if (o->arch || o->os)
		r = str_printf(&text, err, "%s/%s%s%s", o->os ? o->os : platform_host_os(), o->arch ? o->arch : platform_host_architecture(),
			       o->variant ? "/" : "", o->variant ? o->variant : "") < 0 ? -1 : platform_parse(text, &p, err);
	if (r >= 0)
		r = commit_config_new(&p, &w->config, err);
	platform_done(&p);
	TRY(r);
	TRY(str_set(&w->config.config.working_dir, "/", err));
	return str_set(&b->label, "scratch", err);
}

/* ---- making ---- */
static int create(struct engine *e, const char *image, const char *name, struct ctr **ret, struct error *err)
{
	struct container_params p;
	int r;

	params_init(&p);
	r = str_set(&p.basic.raw_image_name, image ? image : "scratch", err) < 0 || str_set(&p.basic.name, name, err) < 0 ||
	    str_set(&p.image.pull, "never", err) < 0 || str_set(&p.storage.image_volume, "ignore", err) < 0 ||
	    strv_add(&p.process.command, "/bin/sh", err) < 0 ? -1 : 0;
	p.basic.external = true;
	p.process.entrypoint_given = true;
	p.ns.net.mode = NS_NONE;   /* decided anew for every command */
	if (r == 0)
		r = ctr_create(e, &p, ret, err);
	params_done(&p);
	return r;
}

static int create_named(struct engine *e, const struct working_from *f, const struct base *b, struct ctr **ret, struct error *err)
{
	const char *suffix = f->suffix ? f->suffix : "working-container";
	autofree char *first = NULL;

	if (f->name)
		return create(e, b->name, f->name, ret, err);
	TRY(!b->name ? str_set(&first, suffix, err) : str_printf(&first, err, "%s-%s", b->label, suffix));
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		autofree char *numbered = NULL;
		TRY(i ? str_printf(&numbered, err, "%s-%u", first, i) : str_set(&numbered, first, err));
		int taken = ctr_exists(e, numbered, err);
		if (taken < 0)
			return -1;
		if (!taken && create(e, b->name, numbered, ret, err) >= 0)
			return 0;
		if (!taken && err->kind != ERROR_EXISTS)   /* else somebody was faster */
			return -1;
	}
	return fail(err, ERROR_EXISTS, "no free name for a working container of %s", f->image);
}

int working_from(struct engine *e, const struct working_from *f, struct working *ret, struct error *err)
{
	CLEANUP(base_done) struct base b = {};
	const struct ctr_remove_options remove = { .force = true, .volumes = true };
	auto_working w = {};
	struct error ignored;
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(streq(f->image, "scratch") ? from_nothing(f, &b, &w, err) : from_image(e, f, &b, &w, err));
	TRY(str_set(&w.format, f->format, err));
	TRY(strv_copy(&w.settings, f->settings, err));
	TRY(create_named(e, f, &b, &w.c, err));
	/* at once: whoever mounts it before the first step gets an overlay, or an error */
	autoclose int upper = working_save(&w, err) < 0 ? -1 : working_open_upper(s, w.c, err);
	if (upper < 0) {
		ctr_remove(w.c, &remove, NULL, &ignored);
		return -1;
	}
	*ret = w;
	w = (struct working){};
	return 0;
}

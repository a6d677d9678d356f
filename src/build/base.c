/* SPDX-License-Identifier: Apache-2.0
 * build/base.c - what a stage begins with: an image, another stage, a context, nothing. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "build/build-impl.h"
#include "engine/image-list.h"
#include "engine/pull.h"
#include "image/reference.h"
#include "os/path.h"
#include "store/layer.h"

int build_add_layer(struct build *b, struct build_layer **ret, struct error *err)
{
	struct build_layer **slot = list_add(&b->layers, sizeof(*slot), err);

	if (!slot)
		return -1;
	*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		return fail_oom(err);
	(*slot)->fd = -1;
	(*slot)->staged = (struct stage_layer)STAGE_LAYER_INIT;
	*ret = *slot;
	return 0;
}

static struct build_layer *find_layer(const struct build *b, const char *diff_id)
{
	struct build_layer **v = b->layers.v;

	for (size_t i = 0; i < b->layers.n; i++)
		if (streq(v[i]->diff_id, diff_id))
			return v[i];
	return NULL;
}

const struct named_context *build_context_find(const struct build *b, const char *name)
{
	const struct named_context *c = b->contexts.v;

	for (size_t i = 0; i < b->contexts.n; i++)
		if (strcasecmp(c[i].name, name) == 0)
			return &c[i];
	return NULL;
}

/* ---- images ---- */
static int add_image_layer(struct build *b, const struct store_image_layer *l, struct build_layer **ret, struct error *err)
{
	struct build_layer *have = find_layer(b, l->diff_id);

	if (have && (have->blob || !l->blob)) {
		*ret = have;
		return 0;
	}
	TRY(stage_pin_layer(b->stage, l->diff_id, err));
	TRY(build_add_layer(b, ret, err));
	snprintf((*ret)->diff_id, sizeof((*ret)->diff_id), "%s", l->diff_id);
	(*ret)->size = l->blob_size;
	TRY(str_set(&(*ret)->blob, l->blob ? l->blob : l->diff_id, err));
	TRY(str_set(&(*ret)->media_type, l->media_type, err));
	(*ret)->fd = store_layer_open(b->store, l->diff_id, err);
	if (!l->blob) {
		free((*ret)->blob);
		(*ret)->blob = NULL;
	}
	return (*ret)->fd < 0 ? -1 : 0;
}

static void note_line(void *data, const char *text)
{
	build_note(data, text);
}

/* "oci-archive:PATH" and its like: PATH in the context comes first. The name as it can be opened; *ret_fd holds it. */
static int name_in_context(const struct build *b, const char *given, char **ret_name, int *ret_fd, struct error *err)
{
	static const char *const kinds[] = { "oci-archive:", "docker-archive:", "oci:", "dir:" };
	const char *path = NULL;
	struct error missing;

	for (size_t i = 0; i < ARRAY_LEN(kinds) && !path; i++)
		path = str_after(given, kinds[i]);
	if (!path || b->context.fd < 0)
		return str_set(ret_name, given, err);
	size_t len = strcspn(path, ":");
	autofree char *file = strndup(path, len);
	if (!file)
		return fail_oom(err);
	*ret_fd = path_open_in_root(b->context.fd, file, (struct path_open){ .oflags = O_PATH }, &missing);
	if (*ret_fd < 0)
		return str_set(ret_name, given, err);
	return str_printf(ret_name, err, "%.*s/proc/%d/fd/%d%s", (int)(path - given), given, (int)getpid(), *ret_fd, path + len);
}

/* --pull, --platform and the registry's options under the names of `run`. */
static int obtain(struct build *b, const char *given, const char *platform, struct store_image *ret, char **ret_name,
		  struct error *err)
{
	autofree char *allowed = NULL, *name = NULL;
	autoclose int fd = -1;

	TRY(source_policy_image(&b->policy, given, &allowed, err));
	TRY(name_in_context(b, allowed, &name, &fd, err));
	const struct image_remote *r = &b->o->remote;
	struct image_progress lines = { .line = note_line, .data = b };
	const struct image_progress *before = b->engine->progress;
	struct params_image p = {
		.pull = b->o->pull ? b->o->pull : (char *)"missing", .authfile = r->authfile, .cert_dir = r->cert_dir, .creds = r->creds,
		.retry_delay = r->retry_delay, .signature_policy = r->signature_policy, .tls_verify = r->tls_verify, .retry = r->retry,
		.decryption_keys = b->o->decryption_keys,
	};
	bool yes;

	if (b->o->pull && parse_bool(b->o->pull, &yes))
		p.pull = yes ? (char *)"always" : (char *)"missing";
	if (platform) {
		p.platform = (char *)platform;
	} else if (b->o->platforms.n || b->o->arch || b->o->os || b->o->variant) {
		p.os = b->platform.os;
		p.arch = b->platform.architecture;
		p.variant = b->platform.variant;
	}
	b->engine->progress = &lines;
	int r2 = image_obtain(b->engine, name, &p, STORE_IMAGE_ALL, ret, ret_name, err);
	b->engine->progress = before;
	return r2;
}

int stage_push_layer(struct stage_run *st, struct build_layer *l, struct error *err)
{
	struct build_layer **grown = realloc(st->layers, (st->n_layers + 1) * sizeof(*grown));

	if (!grown)
		return fail_oom(err);
	st->layers = grown;
	st->layers[st->n_layers++] = l;
	return 0;
}

static int read_annotations(struct build *b, struct stage_run *st, const struct store_image *image, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	auto_manifest m = {};
	struct error ignored;
	bool inherit = !b->o->inherit_annotations.set || b->o->inherit_annotations.value;

	if (!inherit || !image->manifest || store_blob_read(b->store, image->manifest, &text, &ignored) < 0 ||
	    oci_manifest_parse(text.data, text.len, media_type_parse(image->manifest_type), &m, &ignored) < 0)
		return 0;
	return strmap_copy(&st->annotations, &m.annotations, err);
}

/* An image of another platform than was asked for: the registry had nothing nearer. */
static void warn_platform(struct build *b, const struct stage_run *st, const struct store_image *image)
{
	struct platform p = {};
	struct error ignored;
	const struct platform *want = &b->platform;
	const bool asked = b->o->platforms.n || b->o->arch || b->o->os || b->o->variant;

	if (st->s->platform && platform_parse(st->s->platform, &p, &ignored) >= 0)
		want = &p;
	bool variant = !str_empty(want->variant) && !streq(want->variant, image->variant ? image->variant : "") &&
		       !(streq0(want->architecture, "arm64") && streq(want->variant, "v8"));
	bool differs = variant || (want->architecture && !streq0(image->arch, want->architecture)) || (want->os && !streq0(image->os, want->os));
	if ((st->s->platform || asked) && differs)
		log_warn(b->engine->log, "image platform (%s/%s%s%s) does not match the expected platform (%s/%s%s%s)", image->os ? image->os : "",
			 image->arch ? image->arch : "", str_empty(image->variant) ? "" : "/", image->variant ? image->variant : "",
			 want->os ? want->os : "", want->architecture ? want->architecture : "", str_empty(want->variant) ? "" : "/",
			 want->variant ? want->variant : "");
	platform_done(&p);
}

static int from_image(struct build *b, struct stage_run *st, const char *name, struct error *err)
{
	auto_store_image image = {};
	autofree char *full = NULL;

	TRY(obtain(b, name, st->s->platform, &image, &full, err));
	if (!image.config)
		return fail(err, ERROR_INVALID, "%s: is not an image of a file system", name);
	TRY(image_config_parse(image.config, strlen(image.config), &st->config, err));
	for (size_t i = 0; i < image.n_layers; i++) {
		struct build_layer *l;
		TRY(add_image_layer(b, &image.layers[i], &l, err));
		TRY(stage_push_layer(st, l, err));
	}
	memcpy(st->base_id, image.id, sizeof(st->base_id));
	memcpy(st->id, image.id, sizeof(st->id));
	TRY(str_set(&st->base_name, full && !transport_is_known(name) ? full : name, err));
	warn_platform(b, st, &image);
	TRY(str_set(&st->base_digest, image.manifest, err));
	return read_annotations(b, st, &image, err);
}

int base_image_layers(struct build *b, const char *name, const char *platform, struct step_trees *to, struct sha256 *key,
		      struct error *err)
{
	auto_store_image image = {};
	autofree char *full = NULL;

	TRY(obtain(b, name, platform, &image, &full, err));
	to->v = calloc(image.n_layers + 1, sizeof(int));
	if (!to->v)
		return fail_oom(err);
	for (size_t i = 0; i < image.n_layers; i++) {
		struct build_layer *l;
		TRY(add_image_layer(b, &image.layers[i], &l, err));
		to->v[to->n++] = l->fd;
		key_text(key, l->diff_id);
	}
	return 0;
}

int base_known(void *data, const char *name, struct lint_base *ret, struct error *err)
{
	struct build *b = data;
	auto_store_image image = {};
	CLEANUP(image_config_done) struct image_config config = {};
	struct error ignored;

	if (build_context_find(b, name) || image_find(b->engine, name, STORE_IMAGE_CONFIG, &image, NULL, &ignored) < 0 || !image.config ||
	    image_config_parse(image.config, strlen(image.config), &config, &ignored) < 0)
		return 0;
	TRY(strv_copy(&ret->env, &config.config.env, err));
	ret->platform = config.platform;
	config.platform = (struct platform){};
	return 1;
}

/* ---- stages ---- */
static int copy_config(const struct image_config *from, struct image_config *to, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);

	TRY(image_config_format(from, &text, err));
	return image_config_parse(text.data, text.len, to, err);
}

static int from_stage(struct stage_run *st, const struct stage_run *base, struct error *err)
{
	TRY(copy_config(&base->config, &st->config, err));
	strv_done(&st->config.config.on_build);
	for (size_t i = 0; i < base->n_layers; i++)
		TRY(stage_push_layer(st, base->layers[i], err));
	memcpy(st->chain, base->chain, sizeof(st->chain));
	memcpy(st->base_id, base->base_id, sizeof(st->base_id));
	memcpy(st->id, base->id, sizeof(st->id));
	TRY(str_set(&st->base_name, base->base_name, err));
	TRY(str_set(&st->base_digest, base->base_digest, err));
	return strmap_copy(&st->annotations, &base->annotations, err);
}

static int from_scratch(struct build *b, struct stage_run *st, struct error *err)
{
	struct platform p = {};

	if (st->s->platform)
		TRY(platform_parse(st->s->platform, &p, err));
	const struct platform *use = st->s->platform ? &p : &b->platform;
	int r = str_set(&st->config.platform.os, use->os ? use->os : b->platform.os, err);
	if (r >= 0)
		r = str_set(&st->config.platform.architecture, use->architecture ? use->architecture : b->platform.architecture, err);
	if (r >= 0)
		r = str_set(&st->config.platform.variant, str_empty(use->variant) ? NULL : use->variant, err);
	platform_done(&p);
	TRY(r);
	TRY(str_set(&st->config.rootfs_type, "layers", err));
	return str_set(&st->config.config.working_dir, "/", err);
}

static int from_context(struct build *b, struct stage_run *st, const char *name, struct error *err)
{
	const struct named_context *c = build_context_find(b, name);

	if (!c)
		return fail(err, ERROR_NOT_FOUND, "build context %s is not known", name);
	if (c->c.kind == CONTEXT_IMAGE)
		return from_image(b, st, c->c.image, err);
	if (c->c.kind == CONTEXT_OCI_LAYOUT) {
		autofree char *reference = NULL;
		TRY(str_printf(&reference, err, "oci:%s", c->c.image));
		return from_image(b, st, reference, err);
	}
	return fail(err, ERROR_UNSUPPORTED, "FROM %s: a directory cannot be a base: use docker-image:// or oci-layout://", name);
}

const char *base_context_image(const struct build *b, const struct graph_source *base)
{
	const struct named_context *c = base->kind == GRAPH_CONTEXT ? build_context_find(b, base->name) : NULL;

	return c && c->c.kind == CONTEXT_IMAGE ? c->c.image : NULL;
}

/* ONBUILD of a base image: its instructions come right behind FROM, once. */
static int take_triggers(struct stage_run *st, struct error *err)
{
	struct strv *texts = &st->config.config.on_build;

	for (size_t i = 0; i < texts->n; i++) {
		struct instruction *in = list_add(&st->triggers, sizeof(*in), err);
		if (!in)
			return -1;
		if (instruction_parse(texts->v[i], '\\', in, err) < 0)
			return fail_wrap(err, "ONBUILD of %s", st->base_name ? st->base_name : "the base");
	}
	strv_done(texts);
	return 0;
}

static int begin_chain(struct stage_run *st)
{
	struct sha256 h;

	if (st->s->base.kind == GRAPH_STAGE)
		return 0;
	key_begin(&h, "from");
	key_text(&h, st->base_id);
	key_text(&h, st->config.platform.os);
	key_text(&h, st->config.platform.architecture);
	sha256_end_hex(&h, st->chain);
	return 0;
}

int base_prepare(struct build *b, struct stage_run *st, struct error *err)
{
	const struct graph_source *base = &st->s->base;
	const char *name = base->name;
	const struct scope *above = NULL;
	int r;

	if (b->o->from && st->s->index == 0 && base->kind != GRAPH_STAGE)
		name = b->o->from;
	if (base->kind == GRAPH_STAGE) {
		above = &b->stages[base->stage].scope;
		r = from_stage(st, &b->stages[base->stage], err);
	} else if (base->kind == GRAPH_CONTEXT) {
		r = from_context(b, st, name, err);
	} else if (base->kind == GRAPH_SCRATCH && name == base->name) {
		r = from_scratch(b, st, err);
	} else {
		r = from_image(b, st, name, err);
	}
	if (r < 0)
		return base->kind == GRAPH_STAGE ? -1 : fail_wrap(err, "creating build container");
	st->n_base = st->n_layers;
	st->n_history = st->config.history.n;
	bool inherit = !b->o->inherit_labels.set || b->o->inherit_labels.value;
	if (!inherit)
		strmap_done(&st->config.config.labels);
	for (size_t i = 0; i < b->o->unset_labels.n; i++)
		strmap_remove(&st->config.config.labels, b->o->unset_labels.v[i]);
	TRY(take_triggers(st, err));
	if (b->o->stage_labels)
		TRY(stages_label(st, err));
	if (!strv_env_get(&st->config.config.env, "PATH") && !streq0(st->config.platform.os, "windows"))   /* as with Buildah and BuildKit */
		TRY(strv_env_set(&st->config.config.env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", err));
	if (base->kind != GRAPH_STAGE)
		TRY(image_set_env(st, err));
	TRY(scope_init(&st->scope, &b->head, b->file.escape, &st->config.config.env, above, err));
	return begin_chain(st);
}

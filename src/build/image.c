/* SPDX-License-Identifier: Apache-2.0
 * build/image.c - the configuration and the layers of a stage become an image of the store. */
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "build/build-impl.h"
#include "engine/commit.h"
#include "engine/event.h"
#include "engine/image-remove.h"
#include "engine/info.h"
#include "image/reference.h"

/* ---- documents ---- */
static void digest_of(const struct buf *text, char ret[SHA256_TEXT_MAX])
{
	sha256_text(text->data, text->len, ret);
}

static bool is_docker(const struct build *b)
{
	return b->o->format && (streq(b->o->format, "docker") || strstr(b->o->format, "vnd.docker"));
}

/* Docker's document also says what the container was that the image was made of: so the two formats never share an id. */
static int format_config(const struct stage_run *st, struct buf *to, struct error *err)
{
	auto_json *tree = NULL;

	if (!is_docker(st->b))
		return image_config_format(&st->config, to, err);
	TRY(fields_save(image_config_rows, FIELD_COLUMN_JSON, &st->config, &tree, err));
	struct json_object *config = json_get_object(tree, "config");
	if (st->b->has_time && config && str_empty(st->config.config.hostname)) {   /* what steps saw: the same every time */
		TRY(json_add_str(config, "Hostname", "sandbox", err));
		TRY(json_add_str(config, "Domainname", "", err));
	}
	TRY(json_add(tree, "container_config", json_object_get(json_get_object(tree, "config")), err));
	json_format(to, tree, 0);
	return buf_ok(to, "image config", err);
}

int image_now(const struct stage_run *st, struct step_image *ret, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	char digest[SHA256_TEXT_MAX];

	TRY(format_config(st, &text, err));
	digest_of(&text, digest);
	memcpy(ret->id, digest + strlen("sha256:"), 65);
	ret->docker = is_docker(st->b);
	ret->config = buf_steal(&text);
	return ret->config ? 0 : fail_oom(err);
}

/* ---- what the command line adds ---- */
int image_set_env(struct stage_run *st, struct error *err)
{
	const struct build_options *o = st->b->o;
	struct strv *env = &st->config.config.env;

	for (size_t i = 0; i < o->env.n; i++) {
		const char *word = o->env.v[i], *eq = strchr(word, '=');
		autofree char *name = eq ? strndup(word, (size_t)(eq - word)) : strdup(word);
		const char *value = eq ? eq + 1 : getenv(word);
		if (!name)
			return fail_oom(err);
		if (value)
			TRY(strv_env_set(env, name, value, err));
	}
	return 0;
}

static bool is_from_alone(const struct stage_run *st)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->ops[i].kind != OP_FROM)
			return false;
	return *st->base_id;
}

/* Nothing but FROM of an image, and no option asks for more: the base as it is, with more names. */
static bool says_nothing(const struct stage_run *st)
{
	const struct build_options *o = st->b->o;

	return is_from_alone(st) && !o->labels.n && !o->annotations.n && !o->env.n && !o->squash && !o->squash_all && !o->unset_env.n &&
	       !o->unset_labels.n && !o->unset_annotations.n && !(o->inherit_labels.set && !o->inherit_labels.value) &&
	       !(o->inherit_annotations.set && !o->inherit_annotations.value);
}

bool image_is_relabelled(const struct stage_run *st)
{
	return is_from_alone(st) && !says_nothing(st) && !st->b->o->omit_history;
}

int image_set_identity(struct stage_run *st, struct error *err)
{
	const struct opt_bool *wanted = &st->b->o->identity_label;

	if (wanted->set ? !wanted->value : st->b->has_time || says_nothing(st))
		return 0;
	return strmap_set(&st->config.config.labels, "io.buildah.version", BUILDAH_LEVEL, err);
}

static int set_labels(struct stage_run *st, const struct build_options *o, struct error *err)
{
	for (size_t i = 0; i < o->labels.n; i++)
		TRY(strmap_add_pair(&st->config.config.labels, o->labels.v[i], err));
	return image_set_identity(st, err);
}

/* "NAME" is added, "NAME-" taken away. */
static int set_os_features(struct strv *to, const struct strv *words, struct error *err)
{
	for (size_t i = 0; i < words->n; i++) {
		size_t len = strlen(words->v[i]);
		bool away = len && words->v[i][len - 1] == '-';
		autofree char *name = strndup(words->v[i], len - away);
		if (!name)
			return fail_oom(err);
		for (size_t k = to->n; k-- > 0;)
			if (streq(to->v[k], name))
				strv_remove(to, k);
		if (!away)
			TRY(strv_add(to, name, err));
	}
	return 0;
}

int image_describe(struct build *b, struct stage_run *st, struct error *err)
{
	struct image_config *c = &st->config;
	char when[48];

	for (size_t i = 0; i < b->o->unset_env.n; i++)
		strv_env_unset(&c->config.env, b->o->unset_env.v[i]);
	TRY(set_labels(st, b->o, err));
	if (b->o->os_version)
		TRY(str_set(&c->platform.os_version, b->o->os_version, err));
	TRY(set_os_features(&c->platform.os_features, &b->o->os_features, err));
	if (b->o->platforms.n || b->o->arch || b->o->os) {
		TRY(str_set(&c->platform.os, b->platform.os, err));
		TRY(str_set(&c->platform.architecture, b->platform.architecture, err));
		TRY(str_set(&c->platform.variant, str_empty(b->platform.variant) ? NULL : b->platform.variant, err));
	}
	if (b->has_time || !c->created)
		TRY(str_set(&c->created, time_format_rfc3339(b->has_time ? b->time_s * NSEC_PER_SEC : time_now(), when), err));
	if (b->o->omit_history) {
		struct image_history *h = c->history.v;
		for (size_t i = 0; i < c->history.n; i++) {
			free(h[i].created);
			free(h[i].created_by);
			free(h[i].author);
			free(h[i].comment);
		}
		free(c->history.v);
		c->history = (struct list){};
	}
	return 0;
}

/* ---- the manifest ---- */
/* The same bytes under the other format's name. */
static enum media_type layer_type(const char *have, bool docker)
{
	static const enum media_type pairs[][2] = {
		{ MEDIA_OCI_LAYER, MEDIA_DOCKER_LAYER }, { MEDIA_OCI_LAYER_GZIP, MEDIA_DOCKER_LAYER_GZIP },
		{ MEDIA_OCI_LAYER_ZSTD, MEDIA_DOCKER_LAYER_ZSTD },
	};
	enum media_type t = have ? media_type_parse(have) : MEDIA_OCI_LAYER;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (t == pairs[i][0] || t == pairs[i][1])
			return pairs[i][docker];
	return t;
}

static int add_descriptor(struct oci_manifest *m, const struct build_layer *l, bool docker, struct error *err)
{
	struct oci_descriptor *d = list_add(&m->layers, sizeof(*d), err);

	if (!d)
		return -1;
	d->size = l->size;
	TRY(str_set(&d->digest, l->blob ? l->blob : l->diff_id, err));
	return str_set(&d->media_type, media_type_name(layer_type(l->media_type, docker)), err);
}

/* Which image it was built on; an id is no name. */
static int annotate_base(const struct stage_run *st, struct strmap *to, struct error *err)
{
	const struct opt_bool *inherit = &st->b->o->inherit_annotations;

	if (!*st->base_id || (inherit->set && !inherit->value))
		return 0;
	if (!str_empty(st->base_digest))
		TRY(strmap_set(to, "org.opencontainers.image.base.digest", st->base_digest, err));
	return str_empty(st->base_name) || !strchr(st->base_name, '/') ? 0 :
	       strmap_set(to, "org.opencontainers.image.base.name", st->base_name, err);
}

static int set_annotations(struct build *b, const struct stage_run *st, struct oci_manifest *m, struct error *err)
{
	const struct build_options *o = b->o;

	if (is_docker(b))
		return 0;
	TRY(strmap_copy(&m->annotations, &st->annotations, err));
	TRY(annotate_base(st, &m->annotations, err));
	if (!o->created_annotation.set || o->created_annotation.value)
		TRY(strmap_set(&m->annotations, "org.opencontainers.image.created", st->config.created, err));
	else
		strmap_remove(&m->annotations, "org.opencontainers.image.created");
	for (size_t i = 0; i < o->unset_annotations.n; i++)
		strmap_remove(&m->annotations, o->unset_annotations.v[i]);
	for (size_t i = 0; i < o->annotations.n; i++)
		TRY(strmap_add_pair(&m->annotations, o->annotations.v[i], err));
	return 0;
}

static int write_manifest(struct build *b, const struct stage_run *st, const char *config_digest, size_t config_len,
			  struct buf *to, struct error *err)
{
	auto_manifest m = { .schema_version = 2 };
	bool docker = is_docker(b);
	auto_json *tree = NULL;

	TRY(str_set(&m.media_type, media_type_name(docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST), err));
	TRY(str_set(&m.config.media_type, media_type_name(docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG), err));
	TRY(str_set(&m.config.digest, config_digest, err));
	m.config.size = (int64_t)config_len;
	for (size_t i = 0; i < st->n_layers; i++)
		TRY(add_descriptor(&m, st->layers[i], docker, err));
	TRY(set_annotations(b, st, &m, err));
	TRY(fields_save(oci_manifest_rows, FIELD_COLUMN_JSON, &m, &tree, err));
	json_format(to, tree, 0);
	return buf_ok(to, "manifest", err);
}

/* ---- names ---- */
static int full_names(const struct build *b, struct strv *to, struct error *err)
{
	for (size_t i = 0; i < b->o->tags.n; i++) {
		auto_reference r = {};
		if (reference_parse(b->o->tags.v[i], &r, err) < 0) {
			const struct error bad = *err;
			const char *why = strstr(bad.text, "\": ");   /* the name stands in front already */
			return fail(err, bad.kind, "tag %s: %s", b->o->tags.v[i], why ? why + 3 : bad.text);
		}
		TRY(reference_normalize_local(&r, err));
		autofree char *text = reference_text(&r);
		if (!text)
			return fail_oom(err);
		if (!strv_has(to, text))
			TRY(strv_add(to, text, err));
	}
	return 0;
}

static int labels_text(const struct strmap *labels, struct buf *to, struct error *err)
{
	if (!labels->n)
		return 0;
	buf_add_char(to, '{');
	for (size_t i = 0; i < labels->n; i++) {
		if (i)
			buf_add_char(to, ',');
		buf_add_json(to, labels->v[i].key);
		buf_add_char(to, ':');
		buf_add_json(to, labels->v[i].value);
	}
	buf_add_char(to, '}');
	return buf_ok(to, "labels", err);
}

static int commit(struct build *b, const struct stage_run *st, const char *config_digest, const char *manifest_digest,
		  const struct strv *names, char ret_id[65], struct error *err)
{
	auto_buf labels = BUF_INIT(CONFIG_BYTES_MAX);
	autofree struct store_image_layer *layers = calloc(st->n_layers + 1, sizeof(*layers));
	const struct image_config *c = &st->config;
	bool docker = is_docker(b);
	int64_t created = 0;

	if (!layers)
		return fail_oom(err);
	for (size_t i = 0; i < st->n_layers; i++) {
		const struct build_layer *l = st->layers[i];
		layers[i] = (struct store_image_layer){ .diff_id = (char *)l->diff_id, .blob = l->blob, .blob_size = l->size,
							.media_type = (char *)media_type_name(layer_type(l->media_type, docker)) };
	}
	TRY(labels_text(&c->config.labels, &labels, err));
	TRY(time_parse(c->created, 0, &created, err));
	const struct store_image_new row = {
		.manifest = manifest_digest, .manifest_type = media_type_name(docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST),
		.config_digest = config_digest, .names = names, .created = created, .os = c->platform.os,
		.arch = c->platform.architecture, .variant = c->platform.variant, .labels = labels.data, .layers = layers,
		.n_layers = st->n_layers,
	};
	return store_image_commit(b->stage, &row, ret_id, err);
}

/* 1: nothing but FROM, and nothing asks for more: the base itself is the image. */
static int is_base(const struct build *b, const struct stage_run *st, const struct buf *config, struct error *err)
{
	auto_buf base = BUF_INIT(CONFIG_BYTES_MAX);
	auto_image_config c = {};

	if (b->has_time || !says_nothing(st))
		return 0;
	TRY(commit_config(b->engine, st->base_id, &c, err));
	TRY(image_config_format(&c, &base, err));
	return base.len == config->len && memcmp(base.data, config->data, base.len) == 0;
}

/* 1: a build that came from the cache as a whole: the image is here and has these names already. */
static int is_there(struct build *b, const struct stage_run *st, const struct buf *config, const char *config_digest, const struct strv *names, char ret_id[65], char ret_manifest[72],
		    struct error *err)
{
	auto_store_image image = {};
	const struct build_options *o = b->o;

	if (o->annotations.n || o->unset_annotations.n || o->created_annotation.set || o->format)
		return 0;   /* they are in the manifest, which the id does not tell of */
	int base = is_base(b, st, config, err);
	TRY(base);
	int found = store_image_get(b->store, base ? st->base_id : config_digest + strlen("sha256:"), STORE_IMAGE_NAMES, &image, err);
	if (found != 1 || image.read_only || !image.manifest || strlen(image.manifest) >= 72 ||
	    (!base && !streq0(image.manifest_type, media_type_name(MEDIA_OCI_MANIFEST))))
		return found < 0 ? -1 : 0;
	for (size_t i = 0; i < names->n; i++) {
		if (strv_has(&image.names, names->v[i]))
			continue;
		if (!base)
			return 0;
		TRY(image_tag(b->engine, image.id, names->v[i], err));
	}
	snprintf(ret_id, 65, "%s", image.id);
	snprintf(ret_manifest, 72, "%s", image.manifest);
	return 1;
}

int image_commit_stage(struct build *b, const struct stage_run *st, const struct strv *names, char ret_id[65], char *ret_manifest,
		       struct error *err)
{
	auto_buf config = BUF_INIT(CONFIG_BYTES_MAX), manifest = BUF_INIT(MANIFEST_BYTES_MAX);
	char config_digest[SHA256_TEXT_MAX], manifest_digest[SHA256_TEXT_MAX];

	TRY(format_config(st, &config, err));
	digest_of(&config, config_digest);
	TRY(stage_blob_add(b->stage, config_digest, config.data, config.len, err));
	TRY(write_manifest(b, st, config_digest, config.len, &manifest, err));
	digest_of(&manifest, manifest_digest);
	TRY(stage_blob_add(b->stage, manifest_digest, manifest.data, manifest.len, err));
	if (commit(b, st, config_digest, manifest_digest, names, ret_id, err) < 0)
		return fail_wrap(err, "committing image");
	memcpy(ret_manifest, manifest_digest, sizeof(manifest_digest));
	log_debug(b->engine->log, "created new image ID \"%s\"", ret_id);
	return step_image_show(b->store, ret_id, err);
}

int image_finish(struct build *b, struct stage_run *st, struct error *err)
{
	auto_buf config = BUF_INIT(CONFIG_BYTES_MAX);
	char config_digest[SHA256_TEXT_MAX];
	struct build_result *r = b->result;

	TRY(full_names(b, &r->names, err));
	build_tell(b, &(struct build_event){ .type = BUILD_COMMIT, .stage = st->s->index, .n_stages = b->n_stages,
					     .text = b->o->tags.n ? b->o->tags.v[0] : "" });
	TRY(format_config(st, &config, err));
	digest_of(&config, config_digest);
	int same = is_there(b, st, &config, config_digest, &r->names, r->id, r->manifest, err);
	if (same)
		return same < 0 ? -1 : step_image_show(b->store, r->id, err);
	TRY(image_commit_stage(b, st, &r->names, r->id, r->manifest, err));
	engine_event(b->engine, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_BUILD, .id = r->id,
						 .name = r->names.n ? r->names.v[0] : "" });
	return 0;
}

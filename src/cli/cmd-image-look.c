/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-look.c - `skopeo inspect` and its relatives: list-tags, delete. */
#include <stdio.h>

#include "base/format.h"
#include "base/template.h"
#include "base/units.h"
#include "cli/skopeo.h"
#include "cli/text.h"
#include "engine/image-look.h"

/* ---- what inspect shows ---- */
struct layer_data {
	char *mime_type, *digest;
	int64_t size;
	struct json_object *annotations;
};

struct look_report {
	char *name, *tag, *digest, *docker_version, *architecture, *os, *created;
	struct strv repo_tags, layers, env;
	struct strmap labels;
	struct list layers_data;
};

static const struct field layer_rows[] = {
	{ .json = "MIMEType", F_STR(struct layer_data, mime_type), .flags = FIELD_ALWAYS },
	{ .json = "Digest", F_STR(struct layer_data, digest), .flags = FIELD_ALWAYS },
	{ .json = "Size", F_INT(struct layer_data, size), .flags = FIELD_ALWAYS },
	{ .json = "Annotations", F_JSON(struct layer_data, annotations), .flags = FIELD_ALWAYS },
	{}
};

#define L struct look_report
static const struct field report_rows[] = {
	{ .json = "Name", F_STR(L, name) },
	{ .json = "Tag", F_STR(L, tag) },
	{ .json = "Digest", F_STR(L, digest), .flags = FIELD_ALWAYS },
	{ .json = "RepoTags", F_STRV(L, repo_tags), .flags = FIELD_ALWAYS },
	{ .json = "Created", F_STR(L, created), .flags = FIELD_ALWAYS },
	{ .json = "DockerVersion", F_STR(L, docker_version), .flags = FIELD_ALWAYS },
	{ .json = "Labels", F_MAP(L, labels), .flags = FIELD_ALWAYS },
	{ .json = "Architecture", F_STR(L, architecture), .flags = FIELD_ALWAYS },
	{ .json = "Os", F_STR(L, os), .flags = FIELD_ALWAYS },
	{ .json = "Layers", F_STRV(L, layers), .flags = FIELD_ALWAYS },
	{ .json = "LayersData", F_LIST(L, layers_data, struct layer_data, layer_rows), .flags = FIELD_ALWAYS },
	{ .json = "Env", F_STRV(L, env), .flags = FIELD_ALWAYS },
	{}
};
static const struct value_type report_type = { .name = "inspect.Output", .rows = report_rows };

static void report_done(struct look_report *r)
{
	fields_done(report_rows, r);
}

/* Annotations of the layers, as the manifest has them. */
static int add_layers(const struct image_look *l, struct look_report *r, struct error *err)
{
	const struct op_descriptor *v = l->manifest.parsed.layers.v;
	auto_json *tree = NULL;

	TRY(json_parse("manifest", l->manifest.bytes, l->manifest.len, NULL, &tree, err));
	struct json_object *layers = json_get_array(tree, "layers");
	for (size_t i = 0; i < l->manifest.parsed.layers.n; i++) {
		struct layer_data *d = list_add(&r->layers_data, sizeof(*d), err);
		if (!d)
			return -1;
		TRY(strv_add(&r->layers, v[i].digest, err));
		TRY(str_set(&d->digest, v[i].digest, err));
		TRY(str_set(&d->mime_type, v[i].media_type, err));
		d->size = v[i].size;
		d->annotations = json_object_get(json_get_object(json_object_array_get_idx(layers, i), "annotations"));
	}
	return 0;
}

static int fill_report(const struct image_look *l, struct look_report *r, struct error *err)
{
	auto_image_config c = {};

	TRY(image_config_parse(l->config, l->config_len, &c, err));
	TRY(str_set(&r->name, l->name, err));
	TRY(str_set(&r->digest, l->top.parsed.digest, err));
	TRY(strv_copy(&r->repo_tags, &l->tags, err));
	TRY(str_set(&r->created, c.created, err));
	TRY(str_set(&r->docker_version, c.docker_version, err));
	TRY(strmap_copy(&r->labels, &c.config.labels, err));
	strmap_sort(&r->labels);
	TRY(str_set(&r->architecture, c.platform.architecture, err));
	TRY(str_set(&r->os, c.platform.os, err));
	TRY(strv_copy(&r->env, &c.config.env, err));
	return add_layers(l, r, err);
}

/* ---- inspect ---- */
struct look_params {
	struct skopeo_choice choice;
	struct skopeo_place place;
	struct skopeo_retry retry;
	char *format, *manifest_digest;
	bool config, raw, no_tags;
};

#define P struct look_params
static const struct field look_rows[] = {
	{ .cli = "config", F_BOOL(P, config), .help = "Show the image's config" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "string", .help = "Show what a Go template makes of it" },
	{ .cli = "manifest-digest", F_STR(P, manifest_digest), .arg = "algorithm", .help = "Algorithm of the manifest's digest (sha256)" },
	{ .cli = "no-tags", .abbr = 'n', F_BOOL(P, no_tags), .help = "Do not list the tags of the repository" },
	{ .cli = "raw", F_BOOL(P, raw), .help = "Show the manifest's (or with --config the config's) very bytes" },
	{}
};

static int print_bytes(const char *bytes, size_t len, struct error *err)
{
	return fwrite(bytes, 1, len, stdout) == len ? 0 : fail_errno(err, "Error writing manifest to standard output");
}

/* A template that is "json" means the JSON document, as without one. */
static int print_report(const struct look_how *p, const struct value *v, struct json_object *tree, struct error *err)
{
	auto_buf out = BUF_INIT((size_t)16 << 20);
	struct format_request rq = { .name = "skopeo inspect", .format = p->format };
	struct value list = value_list(v, 1);

	if (!p->format || streq(p->format, "json"))
		return skopeo_print_json(tree, err);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "--format", err);
}

static int print_config(const struct look_how *p, const struct image_look *l, struct error *err)
{
	struct json_limits limits = { .max_bytes = CONFIG_BYTES_MAX };
	auto_json *tree = NULL;

	if (p->raw)
		return print_bytes(l->config, l->config_len, err);
	TRY(json_parse("config", l->config, l->config_len, &limits, &tree, err));
	struct value v = value_json(tree);
	return print_report(p, &v, tree, err);
}

static int print_image(const struct look_how *p, const struct image_look *l, struct error *err)
{
	CLEANUP(report_done) struct look_report r = {};
	auto_json *tree = NULL;

	TRY(fill_report(l, &r, err));
	TRY(fields_save(report_rows, FIELD_COLUMN_JSON, &r, &tree, err));
	if (!r.labels.n)
		json_object_object_add(tree, "Labels", NULL);
	if (!r.env.n)
		json_object_object_add(tree, "Env", NULL);
	struct value v = value_struct(&report_type, &r);
	return print_report(p, &v, tree, err);
}

static int look(struct cli *cli, const struct image_copy *o, const char *name, const struct look_how *how, bool tags,
		struct error *err)
{
	auto_image_look l = {};
	unsigned want = 0;
	struct engine *e;

	if (how->raw && how->format)
		return fail(err, ERROR_INVALID, "raw output does not support format option");
	if (!how->raw || how->config)
		want |= IMAGE_LOOK_CONFIG;
	if (!how->raw && !how->config && tags)
		want |= IMAGE_LOOK_TAGS;
	TRY(cli_engine(cli, &e, err));
	TRY(image_look(e, name, o, want, &l, err));
	if (how->config)
		return print_config(how, &l, err);
	return how->raw ? print_bytes(l.top.bytes, l.top.len, err) : print_image(how, &l, err);
}

int look_print(struct cli *cli, const struct skopeo_place *place, const char *name, struct look_how how, struct error *err)
{
	const struct skopeo_choice none = {};
	struct image_copy o = { .from = skopeo_remote(cli, place, &none, NULL, NULL), .from_blobs = place->shared_blob_dir,
				.from_daemon = place->daemon_host };
	autofree char *full = NULL;

	TRY(str_printf(&full, err, "%s%s", transport_is_known(name) ? "" : "containers-storage:", name));
	return look(cli, &o, full, &how, true, err);
}

static int run_look(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct look_params *p = params;
	struct look_how how = { p->format, p->raw, p->config };

	if (p->manifest_digest && !streq(p->manifest_digest, "sha256"))
		return fail(err, ERROR_UNSUPPORTED, "--manifest-digest %s is not supported (only sha256)", p->manifest_digest);
	TRY(skopeo_globals_apply(cli, err));
	struct image_copy o = { .from = skopeo_remote(cli, &p->place, &p->choice, &p->retry, NULL),
				.platform = skopeo_platform(cli, &p->choice), .from_blobs = p->place.shared_blob_dir,
				.from_daemon = p->place.daemon_host };
	return look(cli, &o, args->v[0], &how, !p->no_tags, err);
}

#define PLACE_GROUPS(T) \
	{ skopeo_choice_rows, offsetof(T, choice) }, { skopeo_place_rows, offsetof(T, place) }, \
	{ skopeo_retry_rows, offsetof(T, retry) }, {}

const struct command cmd_image_look = {
	.summary = "Inspect an image in a registry or another place",
	.description = "Shows what an image at any transport is without fetching its layers.",
	.args = "IMAGE-NAME", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ { look_rows }, PLACE_GROUPS(P) }, .params_size = sizeof(struct look_params),
	.examples = "docker://registry.example/web:1\n--config --raw oci:web:1", .run = run_look, .flags = COMMAND_IN_USERNS,
	.format_type = &report_type,
};

/* ---- list-tags, delete ---- */
struct place_params {
	struct skopeo_choice choice;
	struct skopeo_place place;
	struct skopeo_retry retry;
};

static int add_strings(struct json_object *o, const char *key, const struct strv *from, struct error *err)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return fail_oom(err);
	TRY(json_add(o, key, list, err));
	for (size_t i = 0; i < from->n; i++)
		if (json_object_array_add(list, json_object_new_string(from->v[i])) < 0)
			return fail_oom(err);
	return 0;
}

static int run_list_tags(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct place_params *p = params;
	struct image_remote remote = skopeo_remote(cli, &p->place, &p->choice, &p->retry, NULL);
	auto_json *o = json_object_new_object();
	autofree char *repository = NULL;
	auto_strv tags = {};
	struct engine *e;

	TRY(skopeo_globals_apply(cli, err));
	TRY(cli_engine(cli, &e, err));
	TRY(image_list_tags(e, args->v[0], &remote, &tags, &repository, err));
	if (!o)
		return fail_oom(err);
	if (repository)
		TRY(json_add_str(o, "Repository", repository, err));
	TRY(add_strings(o, "Tags", &tags, err));
	return skopeo_print_json(o, err);
}

const struct command cmd_image_list_tags = {
	.summary = "List the tags of a repository",
	.description = "Lists all tags of a repository (docker://) or the names inside a docker archive (docker-archive:).",
	.args = "SOURCE-IMAGE", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ PLACE_GROUPS(struct place_params) }, .params_size = sizeof(struct place_params),
	.examples = "docker://registry.example/web", .run = run_list_tags, .flags = COMMAND_IN_USERNS,
};

static int run_delete(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct place_params *p = params;
	struct image_remote remote = skopeo_remote(cli, &p->place, &p->choice, &p->retry, NULL);
	struct engine *e;

	TRY(skopeo_globals_apply(cli, err));
	TRY(cli_engine(cli, &e, err));
	return image_delete_remote(e, args->v[0], &remote, err);
}

const struct command cmd_image_delete = {
	.summary = "Delete an image from a registry",
	.description = "Deletes the manifest a tag or digest leads to. Other tags of the same manifest go with it.",
	.args = "IMAGE-NAME", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ PLACE_GROUPS(struct place_params) }, .params_size = sizeof(struct place_params),
	.examples = "docker://registry.example/web:1", .run = run_delete, .flags = COMMAND_IN_USERNS,
};

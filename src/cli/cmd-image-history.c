/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-history.c - `history` and `image tree`: what an image is made of. */
#include <stdio.h>

#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/image-inspect.h"
#include "engine/image-list.h"
#include "store/layer.h"

/* ---- history ---- */
struct history_params {
	char *format;
	bool human, no_trunc, quiet;
};
#define P struct history_params
static const struct field history_rows[] = {
	{ .cli = "format", F_STR(P, format), .help = "Show JSON, or what a Go template makes of each step" },
	{ .cli = "human", .abbr = 'H', F_BOOL(P, human), .fallback = "true",
	  .help = "Show sizes and dates for people" },
	{ .cli = "no-trunc", MORE(.aliases = "notruncate"), F_BOOL(P, no_trunc), .help = "Do not shorten texts" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show ids only" },
	{}
};

struct history_row {
	const struct image_history_step *step;
	const struct history_params *p;
};

#define METHOD(name)                                                                                      \
	static int step_##name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW                                    \
	const struct history_row *r = self;    \
	const struct image_history_step *s = r->step; \
	(void)c, (void)err, (void)s

METHOD(id)
{
	ROW;
	size_t n = strlen(s->id);
	*ret = value_str_n(s->id, r->p->no_trunc || n < 12 ? n : 12);
	return 0;
}

METHOD(created)
{
	ROW;
	char ago[56], at[40];
	*ret = value_strf(c->pool, "%s",
			  r->p->human ? text_ago(s->created, ago) : text_rfc3339(s->created / NSEC_PER_SEC, at));
	return 0;
}

METHOD(created_at)
{
	ROW;
	char at[40];
	*ret = value_strf(c->pool, "%s", text_rfc3339(s->created / NSEC_PER_SEC, at));
	return 0;
}

METHOD(created_by)
{
	ROW;
	*ret = !r->p->no_trunc && strlen(s->created_by) > 45 ? value_strf(c->pool, "%.42s...", s->created_by)
							     : value_str(s->created_by);
	return 0;
}

METHOD(size)
{
	ROW;
	char text[32];
	*ret = value_strf(c->pool, "%s", text_size(s->size, 3, "", text));
	return 0;
}

METHOD(comment)
{
	ROW;
	*ret = value_str(s->comment);
	return 0;
}

METHOD(tags)
{
	ROW;
	*ret = value_strv(&s->tags);
	return 0;
}

static int step_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct image_history_step *s = ((const struct history_row *)self)->step;
	auto_json *o = json_object_new_object(), *tags = json_object_new_array();
	char at[40];

	if (!o || !tags)
		return fail_oom(err);
	text_rfc3339(s->created / NSEC_PER_SEC, at);
	TRY(json_add_str(o, "id", s->id, err));
	TRY(json_add_str(o, "created", at, err));
	TRY(json_add_str(o, "Created", at, err));
	TRY(json_add_str(o, "CreatedBy", s->created_by, err));
	TRY(json_add(o, "size", json_object_new_int64(s->size), err));
	TRY(json_add_str(o, "comment", s->comment, err));
	for (size_t i = 0; i < s->tags.n; i++)
		if (json_object_array_add(tags, json_object_new_string(s->tags.v[i])) < 0)
			return fail_oom(err);
	if (s->tags.n)
		TRY(json_add(o, "tags", take_ptr(tags), err));
	*ret = take_ptr(o);
	return 0;
}

static const struct value_type history_type = {
	.name = "images.historyReporter", .json = step_json,
	.methods = (const struct value_method[]){
		{ "ID", step_id }, { "Created", step_created }, { "CreatedSince", step_created },
		{ "CreatedAt", step_created_at }, { "CreatedBy", step_created_by }, { "Size", step_size },
		{ "Comment", step_comment }, { "Tags", step_tags }, {} },
};

static void init_history(void *params)
{
	((struct history_params *)params)->human = true;
}

static int print_history(const struct image_history_steps *h, const struct history_params *p, struct error *err)
{
	autofree struct history_row *rows = calloc(h->n ? h->n : 1, sizeof(*rows));
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);

	if (!rows)
		return fail_oom(err);
	for (size_t i = 0; i < h->n; i++)
		rows[i] = (struct history_row){ &h->v[i], p };
	struct format_request rq = {
		.name = "history", .format = p->quiet ? "{{.ID}}" : p->format, .type = &history_type,
		.fallback = "table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
	};
	struct value list = value_structs(&history_type, rows, h->n, sizeof(*rows));
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "history", err);
}

static int run_history(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_image_history_steps h = {};
	auto_store_image image = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(image_find(e, args->v[0], STORE_IMAGE_ALL, &image, NULL, err));
	TRY(image_history_get(e, &image, &h, err));
	return print_history(&h, params, err);
}

const struct command cmd_history = {
	.summary = "List the build steps behind an image", .args = "IMAGE", .min_args = 1, .max_args = 1,
	.examples = "alpine\n--no-trunc --format '{{.CreatedBy}}' alpine",
	.groups = (const struct command_rows[]){ { history_rows }, {} }, .params_size = sizeof(P), .init = init_history,
	.run = run_history, .format_type = &history_type,
};

/* ---- tree ---- */
struct tree_params {
	bool what_requires;
};
static const struct field tree_rows[] = {
	{ .cli = "whatrequires", F_BOOL(struct tree_params, what_requires),
	  .help = "Show the layers of images that are made of this one" },
	{}
};

struct tree {
	struct store *store;
	struct store_image_list all;
};

static void tree_done(struct tree *t)
{
	store_image_list_done(&t->all);
}

/* Has the image these n layers at its bottom? */
static bool stands_on(const struct store_image *image, const struct store_image *base, size_t n)
{
	if (image->n_layers < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!streq(image->layers[i].diff_id, base->layers[i].diff_id))
			return false;
	return true;
}

static int add_top_names(const struct tree *t, const struct store_image *of, size_t n, struct buf *out,
			 struct error *err)
{
	auto_strv names = {};

	for (size_t i = 0; i < t->all.n; i++)
		if (t->all.v[i].n_layers == n && stands_on(&t->all.v[i], of, n))
			TRY(image_repo_tags(&t->all.v[i], &names, err));
	autofree char *text = strv_join(&names, " ");
	if (names.n)
		buf_addf(out, " Top Layer of: [%s]", text ? text : "");
	return 0;
}

/* The line of layer number n (1: lowest) of an image. */
static int add_layer(const struct tree *t, const struct store_image *of, size_t n, const char *before, struct buf *out,
		     struct error *err)
{
	const char *diff_id = of->layers[n - 1].diff_id, *hex = str_after(diff_id, "sha256:");
	struct store_layer layer = {};
	char size[32];
	int r = store_layer_find(t->store, diff_id, &layer, err);

	text_size(r > 0 ? layer.bytes : 0, 4, "", size);
	store_layer_done(&layer);
	TRY(r);
	buf_addf(out, "%sID: %.12s Size: %7s", before, hex ? hex : diff_id, size);
	TRY(add_top_names(t, of, n, out, err));
	buf_add_char(out, '\n');
	return 0;
}

/* Is image i the first of those that share its layer n + 1 above `base`'s n layers? Each branch is drawn once. */
static bool is_first_branch(const struct tree *t, size_t i, const struct store_image *base, size_t n)
{
	const struct store_image *image = &t->all.v[i];

	if (image->n_layers <= n || !stands_on(image, base, n))
		return false;
	for (size_t k = 0; k < i; k++)
		if (t->all.v[k].n_layers > n && stands_on(&t->all.v[k], image, n + 1))
			return false;
	return true;
}

static size_t count_branches(const struct tree *t, const struct store_image *base, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < t->all.n; i++)
		count += is_first_branch(t, i, base, n);
	return count;
}

/* What stands on the first n layers of `base`. At most IMAGE_LAYERS_MAX deep. */
static int add_branches(const struct tree *t, const struct store_image *base, size_t n, const char *indent,
			struct buf *out, struct error *err)
{
	size_t left = count_branches(t, base, n);

	for (size_t i = 0; i < t->all.n; i++) {
		autofree char *before = NULL, *deeper = NULL;
		if (!is_first_branch(t, i, base, n))
			continue;
		left--;
		TRY(str_printf(&before, err, "%s%s", indent, left ? "├── " : "└── "));
		TRY(str_printf(&deeper, err, "%s%s", indent, left ? "│   " : "    "));
		TRY(add_layer(t, &t->all.v[i], n + 1, before, out, err));
		TRY(add_branches(t, &t->all.v[i], n + 1, deeper, out, err));
	}
	return 0;
}

static int add_head(const struct store_image *image, struct buf *out, struct error *err)
{
	auto_strv names = {};
	char size[32];

	TRY(image_repo_tags(image, &names, err));
	autofree char *text = strv_join(&names, " ");
	buf_addf(out, "Image ID: %.12s\nTags:     [%s]\nSize:     %s\n%s\n", image->id, text ? text : "",
		 text_size(image->size, 4, "", size), image->n_layers ? "Image Layers" : "No Image Layers");
	return 0;
}

static int add_layers(const struct tree *t, const struct store_image *image, struct buf *out, struct error *err)
{
	for (size_t n = 1; n <= image->n_layers; n++)
		TRY(add_layer(t, image, n, n == image->n_layers ? "└── " : "├── ", out, err));
	return 0;
}

static int run_tree(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct tree_params *p = params;
	CLEANUP(tree_done) struct tree t = {};
	auto_store_image image = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(image_find(e, args->v[0], STORE_IMAGE_ALL, &image, NULL, err));
	TRY(engine_store(e, &t.store, err));
	TRY(store_image_list(t.store, STORE_IMAGE_NAMES | STORE_IMAGE_LAYERS, &t.all, err));
	TRY(add_head(&image, &out, err));
	TRY(p->what_requires ? add_branches(&t, &image, image.n_layers, "", &out, err) : add_layers(&t, &image, &out, err));
	return text_print(&out, "tree", err);
}

const struct command cmd_image_tree = {
	.summary = "Draw the layers of an image as a tree", .args = "IMAGE", .min_args = 1, .max_args = 1,
	.examples = "alpine\n--whatrequires alpine",
	.groups = (const struct command_rows[]){ { tree_rows }, {} }, .params_size = sizeof(struct tree_params),
	.run = run_tree,
};

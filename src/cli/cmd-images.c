/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-images.c - `images`: one row a name. */
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/image-list.h"
#include "image/reference.h"

enum sort { SORT_CREATED, SORT_ID, SORT_REPOSITORY, SORT_SIZE, SORT_TAG };
static const char *const sort_names[] = { "created", "id", "repository", "size", "tag", NULL };

struct images_params {
	struct strv filters;
	char *format;
	bool all, digests, history, no_trunc, noheading, quiet;
	bool as_buildah;
	int sort;
};

#define P struct images_params
static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Show intermediate images too" },
	{ .cli = "digests", F_BOOL(P, digests), .help = "Show digests" },
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "stringArray", .complete = "image-filters",
	  .help = "Show only images that match (key=value, repeatable)" },
	{ .cli = "format", F_STR(P, format), .help = "Show JSON, or what a Go template makes of each image" },
	{ .cli = "history", F_BOOL(P, history), .help = "Show the names an image has or had" },
	{ .cli = "no-trunc", MORE(.aliases = "notruncate"), F_BOOL(P, no_trunc), .help = "Do not shorten ids" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "Leave the column headings out" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show ids only" },
	{ .cli = "sort", F_ENUM(P, sort, sort_names), .fallback = "created",
	  .help = "Sort by created, id, repository, size or tag" },
	{}
};

/* One line of the list. */
struct image_row {
	struct image_summary of;   /* first: the summary's rows apply; borrowed members */
	const char *name;          /* NULL: the image has none */
	bool no_trunc, seconds;    /* seconds: {{.Created}} is a number */
};

/* ---- what templates see ---- */
#define METHOD(name)                                                                                     \
	static int row_##name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW const struct image_row *r = self; (void)c; (void)err

METHOD(id)
{
	ROW;
	*ret = r->no_trunc ? value_strf(c->pool, "sha256:%s", r->of.id) : value_str_copy(c->pool, r->of.id, 12);
	return 0;
}

METHOD(full_id)
{
	ROW;
	*ret = value_str(r->of.id);
	return 0;
}

METHOD(repository)
{
	ROW;
	*ret = r->name ? value_str_n(r->name, image_repository_len(r->name)) : value_str("<none>");
	return 0;
}

static const char *tag_of(const struct image_row *r)
{
	const char *rest = r->name ? r->name + image_repository_len(r->name) : "";
	return *rest == ':' ? rest + 1 : "<none>";
}

METHOD(tag)
{
	ROW;
	const char *tag = tag_of(r), *at = strchr(tag, '@');
	*ret = value_str_n(tag, at ? (size_t)(at - tag) : strlen(tag));
	return 0;
}

METHOD(created)
{
	ROW;
	char text[56];
	*ret = r->seconds ? value_int(r->of.created) : value_strf(c->pool, "%s", text_ago(r->of.created * NSEC_PER_SEC, text));
	return 0;
}

METHOD(created_at)
{
	ROW;
	char text[40];
	*ret = value_strf(c->pool, "%s", text_utc(r->of.created, text));
	return 0;
}

METHOD(size)
{
	ROW;
	char text[32];
	*ret = value_strf(c->pool, "%s", text_size(r->of.size, 3, " ", text));
	return 0;
}

METHOD(history)
{
	ROW;
	autofree char *text = strv_join(&r->of.history, ", ");
	*ret = value_strf(c->pool, "%s", text ? text : "");
	return 0;
}

METHOD(read_only)
{
	ROW;
	*ret = value_bool(r->of.read_only);
	return 0;
}

METHOD(dangling)
{
	ROW;
	*ret = value_bool(r->of.dangling);
	return 0;
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct image_row *r = self;
	auto_json *o = NULL;
	char at[40];

	TRY(fields_save(image_summary_rows, FIELD_COLUMN_JSON, &r->of, &o, err));
	json_object_object_del(o, "RepoTags");
	TRY(json_add_str(o, "CreatedAt", text_rfc3339(r->of.created, at), err));
	if (r->name) {
		struct json_object *repository =
			json_object_new_string_len(r->name, (int)image_repository_len(r->name));
		TRY(json_add(o, "Repository", repository, err));
	}
	if (r->name && !streq(tag_of(r), "<none>"))
		TRY(json_add_str(o, "Tag", tag_of(r), err));
	*ret = take_ptr(o);
	return 0;
}

static const struct value_type row_type = {
	.name = "images.imageReporter", .rows = image_summary_rows, .json = row_json,
	.methods = (const struct value_method[]){
		{ "ID", row_id }, { "Id", row_full_id }, { "Repository", row_repository }, { "Name", row_repository }, { "Tag", row_tag },
		{ "Created", row_created }, { "CreatedSince", row_created }, { "CreatedAt", row_created_at },
		{ "CreatedTime", row_created_at }, { "Size", row_size }, { "History", row_history },
		{ "ReadOnly", row_read_only }, { "IsReadOnly", row_read_only }, { "Dangling", row_dangling },
		{ "IsDangling", row_dangling }, {} },
};

static const struct format_header headers[] = {
	{ "ID", "IMAGE ID" }, { "ReadOnly", "R/O" }, { "IsReadOnly", "R/O" }, {}
};

/* ---- rows ---- */
struct image_rows {
	struct image_row *v;
	size_t n;
};

static void image_rows_done(struct image_rows *l)
{
	free(l->v);
}

static int add_row(struct image_rows *to, const struct image_summary *of, const char *name,
		   const struct images_params *p, struct error *err)
{
	struct image_row *v = reallocarray(to->v, to->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	to->v = v;
	to->v[to->n++] = (struct image_row){ .of = *of, .name = name, .no_trunc = p->no_trunc,
					      .seconds = p->as_buildah && p->format };
	return 0;
}

/* `images quay.io/a/b:tag` asks for that name, not for the others of the image. */
static bool is_wanted(const char *name, const char *only)
{
	size_t n = only ? image_repository_len(only) : 0;

	if (!only)
		return true;
	if (strchr(only, '@'))
		return image_repository_len(name) == n && strncmp(name, only, n) == 0;
	return streq(name, only);
}

/* A row a tagged name; names by digest only where there is no tag at all. */
static int add_rows(struct image_rows *to, const struct image_summary *of, const char *only,
		    const struct images_params *p, struct error *err)
{
	size_t before = to->n;

	for (size_t i = 0; i < of->names.n; i++)
		if (!strchr(of->names.v[i], '@') && is_wanted(of->names.v[i], only))
			TRY(add_row(to, of, of->names.v[i], p, err));
	if (to->n > before)
		return 0;
	return add_row(to, of, of->names.n ? of->names.v[0] : NULL, p, err);
}

static int by_name(const struct image_row *a, const struct image_row *b)
{
	return strcmp(a->name ? a->name : "<none>", b->name ? b->name : "<none>");
}

static int by_number(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare(const void *x, const void *y, void *arg)
{
	const struct image_row *a = x, *b = y;

	switch (*(const int *)arg) {
	case SORT_ID:         return strcmp(a->of.id, b->of.id);
	case SORT_REPOSITORY: return by_name(a, b);
	case SORT_SIZE:       return by_number(a->of.size, b->of.size);
	case SORT_TAG:        return strcmp(tag_of(a), tag_of(b));
	default:              return by_number(b->of.created, a->of.created);
	}
}

/* qsort_r() need not keep equal rows in order; the list comes in a good one. */
static void sort_rows(struct image_rows *l, int sort)
{
	for (size_t i = 1; i < l->n; i++)
		for (size_t k = i; k > 0 && compare(&l->v[k - 1], &l->v[k], &sort) > 0; k--) {
			struct image_row swap = l->v[k];
			l->v[k] = l->v[k - 1];
			l->v[k - 1] = swap;
		}
}

/* ---- printing ---- */
static int print_ids(const struct image_rows *l, bool no_trunc, struct error *err)
{
	auto_strv seen = {};

	for (size_t i = 0; i < l->n; i++) {
		const char *id = l->v[i].of.id;
		if (strv_has(&seen, id))
			continue;
		TRY(strv_add(&seen, id, err));
		printf(no_trunc ? "sha256:%s\n" : "%.12s\n", id);
	}
	return 0;
}

static int print_rows(const struct image_rows *l, const struct images_params *p, struct error *err)
{
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT), columns = BUF_INIT(1024);
	bool any_read_only = false;

	for (size_t i = 0; i < l->n; i++)
		any_read_only |= l->v[i].of.read_only;
	buf_addf(&columns, "table {{.Repository}}\t{{.Tag}}\t%s{{.ID}}\t{{.Created}}\t{{.Size}}%s%s",
		 p->digests ? "{{.Digest}}\t" : "",
		 p->history ? "\t{{if .History}}{{.History}}{{else}}<none>{{end}}" : "",
		 any_read_only ? "\t{{.ReadOnly}}" : "");
	struct format_request rq = { .name = "images", .format = p->format, .fallback = columns.data,
				     .noheading = p->noheading, .headers = headers, .type = &row_type };
	struct value list = value_structs(&row_type, l->v, l->n, sizeof(*l->v));
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "list of images", err);
}

/* The full name when the argument is one (with domain and tag or digest), else NULL: it is a pattern. */
static const char *single_name(const struct strv *args)
{
	struct error ignored = {};
	auto_reference r = {};

	if (!args->n || reference_parse(args->v[0], &r, &ignored) < 0)
		return NULL;
	return r.domain && (r.tag || r.digest) ? args->v[0] : NULL;
}

static int run_images(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct images_params *p = params;
	struct image_list_options o = { .all = p->all, .filters = &p->filters };
	CLEANUP(image_rows_done) struct image_rows l = {};
	auto_image_summaries found = {};
	struct engine *e;

	if (args->n && p->filters.n)
		return fail(err, ERROR_INVALID, "cannot specify an image and a filter(s)");
	if (args->n)
		TRY(strv_addf(&p->filters, err, "reference=%s", args->v[0]));
	TRY(cli_engine(cli, &e, err));
	TRY(image_list(e, &o, &found, err));
	for (size_t i = 0; i < found.n; i++)
		TRY(add_rows(&l, &found.v[i], single_name(args), p, err));
	sort_rows(&l, p->sort);
	return p->quiet ? print_ids(&l, p->no_trunc, err) : print_rows(&l, p, err);
}

const struct command cmd_images = {
	.summary = "List stored images",
	.description = "Shows the images in the store, one line a name. With an argument: those whose name matches it.",
	.args = "[IMAGE]", .max_args = 1,
	.examples = "--sort size\n"
		    "--filter label=team=web --quiet\n"
		    "--format 'table {{.Repository}} {{.Tag}} {{.Size}}'",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct images_params),
	.run = run_images, .format_type = &row_type,
};

/* ---- buildah images ---- */
struct working_images_params {
	struct images_params images;   /* first: its rows apply */
	bool json;
};
static const struct field working_rows[] = {
	{ .cli = "json", F_BOOL(struct working_images_params, json), .help = "Show JSON as Buildah does" },
	{}
};

static int list_object(const struct image_summary *s, struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object(), *names = json_object_new_array(), *history = json_object_new_array();
	char when[56], size[32], id[72];

	if (!o || !names || !history)
		return fail_oom(err);
	for (size_t i = 0; i < s->names.n; i++)
		json_object_array_add(names, json_object_new_string(s->names.v[i]));
	for (size_t i = 0; i < s->history.n; i++)
		json_object_array_add(history, json_object_new_string(s->history.v[i]));
	snprintf(id, sizeof(id), "%s", s->id);
	TRY(json_add_str(o, "id", id, err));
	TRY(json_add(o, "names", take_ptr(names), err));
	TRY(json_add_str(o, "digest", s->digest ? s->digest : "", err));
	TRY(json_add_str(o, "createdat", text_ago(s->created * NSEC_PER_SEC, when), err));
	TRY(json_add_str(o, "size", text_size(s->size, 3, " ", size), err));
	TRY(json_add(o, "created", json_object_new_int64(s->created), err));
	TRY(json_add_str(o, "createdatraw", text_rfc3339(s->created, when), err));
	TRY(json_add(o, "readonly", json_object_new_boolean(s->read_only), err));
	TRY(json_add(o, "history", take_ptr(history), err));
	*ret = take_ptr(o);
	return 0;
}

static int print_json(const struct image_summaries *l, struct error *err)
{
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT);
	auto_json *all = json_object_new_array();

	if (!all)
		return fail_oom(err);
	for (size_t i = 0; i < l->n; i++) {
		struct json_object *o = NULL;
		TRY(list_object(&l->v[i], &o, err));
		json_object_array_add(all, o);
	}
	json_format(&text, all, 4);
	buf_add_char(&text, '\n');
	return text_print(&text, "list of images", err);
}

static int run_working_images(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct working_images_params *p = params;
	struct image_list_options o = { .all = p->images.all, .filters = &p->images.filters };
	auto_image_summaries found = {};
	struct engine *e;

	if (args->n > 1)
		return fail(err, ERROR_INVALID, "'buildah images' requires at most 1 argument");
	TRY(cli_engine(cli, &e, err));
	if (args->n) {
		int known = image_exists(e, args->v[0], err);
		TRY(known);
		if (!known)
			return fail(err, ERROR_NOT_FOUND, "%s: image not known", args->v[0]);
	}
	p->images.as_buildah = true;
	if (!p->json)
		return run_images(cli, &p->images, args, err);
	if (args->n)
		TRY(strv_addf(&p->images.filters, err, "reference=%s", args->v[0]));
	TRY(image_list(e, &o, &found, err));
	return print_json(&found, err);
}

const struct command cmd_working_images = {
	.summary = "List stored images", .args = "[IMAGE...]", .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { rows }, { working_rows }, {} }, .params_size = sizeof(struct working_images_params),
	.examples = "--json\n--filter dangling=true", .run = run_working_images, .format_type = &row_type,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-system-df.c - `system df`: what takes how much room, and what could be freed. */
#include <fcntl.h>
#include <stdio.h>

#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/container.h"
#include "engine/image-list.h"
#include "engine/volume.h"
#include "store/check.h"
#include "store/layer.h"
#include "store/rootfs.h"

struct df_params {
	char *format;
	bool verbose;
};
static const struct field rows[] = {
	{ .cli = "format", F_STR(struct df_params, format),
	  .help = "Show JSON, or what a Go template makes of each kind" },
	{ .cli = "verbose", .abbr = 'v', F_BOOL(struct df_params, verbose),
	  .help = "Show every image, container and volume" },
	{}
};

/* ---- the summary ---- */
struct df_row {
	char *type;
	int64_t total, active, size, reclaimable;
};
static const struct field df_rows[] = {
	{ .json = "Type", F_STR(struct df_row, type), .flags = FIELD_ALWAYS },
	{ .json = "Total", F_INT(struct df_row, total), .flags = FIELD_ALWAYS },
	{ .json = "Active", F_INT(struct df_row, active), .flags = FIELD_ALWAYS },
	{ .json = "RawSize", F_INT(struct df_row, size), .flags = FIELD_ALWAYS },
	{ .json = "RawReclaimable", F_INT(struct df_row, reclaimable), .flags = FIELD_ALWAYS },
	{ .json = "TotalCount", F_INT(struct df_row, total), .flags = FIELD_ALWAYS },
	{}
};

static char *reclaimable_text(const struct df_row *r, char out[48])
{
	char size[24];
	long percent = r->size > 0 ? (long)((double)r->reclaimable / (double)r->size * 100 + 0.5) : 0;

	snprintf(out, 48, "%s (%ld%%)", size_format(r->reclaimable, size), percent);
	return out;
}

static int row_size(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	char size[24];

	(void)err;
	*ret = value_strf(c->pool, "%s", size_format(((const struct df_row *)self)->size, size));
	return 0;
}

static int row_reclaimable(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	char text[48];

	(void)err;
	*ret = value_strf(c->pool, "%s", reclaimable_text(self, text));
	return 0;
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	auto_json *o = NULL;
	char text[48], size[24];

	TRY(fields_save(df_rows, FIELD_COLUMN_JSON, self, &o, err));
	TRY(json_add_str(o, "Size", size_format(((const struct df_row *)self)->size, size), err));
	TRY(json_add_str(o, "Reclaimable", reclaimable_text(self, text), err));
	*ret = take_ptr(o);
	return 0;
}

static const struct value_type df_type = {
	.name = "system.dfSummary", .rows = df_rows, .json = row_json,
	.methods = (const struct value_method[]){ { "Size", row_size }, { "Reclaimable", row_reclaimable }, {} },
};

/* ---- every image ---- */
struct df_image {
	const struct store_image *image;
	const char *name;
	int64_t shared, unique;
};

#define METHOD(T, name)                                                                                            \
	static int T##_##name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW(T) const struct df_##T *r = self; (void)c; (void)err

static struct value size_value(struct value_call *c, int64_t bytes)
{
	char size[24];
	return value_strf(c->pool, "%s", size_format(bytes, size));
}

static struct value age_value(struct value_call *c, int64_t created)
{
	char span[40];
	return value_strf(c->pool, "%s", duration_human(time_now() - created, span));
}

METHOD(image, repository)
{
	ROW(image);
	*ret = r->name ? value_str_n(r->name, image_repository_len(r->name)) : value_str("<none>");
	return 0;
}

METHOD(image, tag_method)
{
	ROW(image);
	const char *rest = r->name ? r->name + image_repository_len(r->name) : "";
	*ret = value_str(*rest == ':' ? rest + 1 : "<none>");
	return 0;
}

METHOD(image, id) { ROW(image); *ret = value_str_n(r->image->id, 12); return 0; }
METHOD(image, created) { ROW(image); *ret = age_value(c, r->image->created); return 0; }
METHOD(image, size) { ROW(image); *ret = size_value(c, r->image->size); return 0; }
METHOD(image, shared) { ROW(image); *ret = size_value(c, r->shared); return 0; }
METHOD(image, unique) { ROW(image); *ret = size_value(c, r->unique); return 0; }
METHOD(image, containers) { ROW(image); *ret = value_int(r->image->containers); return 0; }

static const struct value_type image_type = {
	.name = "system.dfImage",
	.methods = (const struct value_method[]){
		{ "Repository", image_repository }, { "Tag", image_tag_method }, { "ImageID", image_id },
		{ "Created", image_created }, { "Size", image_size }, { "SharedSize", image_shared },
		{ "UniqueSize", image_unique }, { "Containers", image_containers }, {} },
};

static bool has_layer(const struct store_image *image, const char *diff_id)
{
	for (size_t i = 0; i < image->n_layers; i++)
		if (streq(image->layers[i].diff_id, diff_id))
			return true;
	return false;
}

static int measure_image(struct store *s, const struct store_image_list *all, const struct store_image *image,
			 struct df_image *to, struct error *err)
{
	*to = (struct df_image){ .image = image, .name = image->names.n ? image->names.v[0] : NULL };
	for (size_t l = 0; l < image->n_layers; l++) {
		struct store_layer layer = {};
		size_t users = 0;
		int r = store_layer_find(s, image->layers[l].diff_id, &layer, err);
		for (size_t i = 0; i < all->n; i++)
			users += has_layer(&all->v[i], image->layers[l].diff_id);
		if (r > 0 && users > 1)
			to->shared += layer.bytes;
		store_layer_done(&layer);
		TRY(r);
	}
	to->unique = image->size - to->shared;
	return 0;
}

static int print_table(const char *title, const char *columns, const struct value *list, const struct value_type *type,
		       const struct format_header *headers, struct buf *out, struct error *err)
{
	struct format_request rq = { .name = "df", .fallback = columns, .type = type, .headers = headers };

	buf_addf(out, "%s space usage:\n\n", title);
	return format_rows(&rq, list, out, err);
}

static int add_images(struct store *s, struct buf *out, struct error *err)
{
	auto_store_image_list all = {};

	TRY(store_image_list(s, STORE_IMAGE_NAMES | STORE_IMAGE_LAYERS, &all, err));
	autofree struct df_image *v = calloc(all.n ? all.n : 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < all.n; i++)
		TRY(measure_image(s, &all, &all.v[i], &v[i], err));
	struct value list = value_structs(&image_type, v, all.n, sizeof(*v));
	return print_table("Images", "table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t"
			   "{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}", &list, &image_type,
			   (const struct format_header[]){ { "ImageID", "IMAGE ID" }, {} }, out, err);
}

/* ---- every container ---- */
struct df_container {
	const struct container *of;
	int64_t size, volumes;
};

METHOD(container, id) { ROW(container); *ret = value_str_n(r->of->record.id, 12); return 0; }

/* The record has the words as a JSON list. */
METHOD(container, command)
{
	ROW(container);
	const char *text = r->of->record.infra ? NULL : r->of->record.command;   /* an infra container runs our own init */
	struct error ignored = {};
	auto_json *words = NULL;
	auto_buf line = BUF_INIT(1 << 16);

	if (!text || json_parse("command", text, strlen(text), NULL, &words, &ignored) < 0 ||
	    !json_object_is_type(words, json_type_array)) {
		*ret = value_str(text);
		return 0;
	}
	for (size_t i = 0; i < json_object_array_length(words); i++)
		buf_addf(&line, "%s%s", i ? " " : "", json_object_get_string(json_object_array_get_idx(words, i)));
	*ret = value_strf(c->pool, "%s", line.data ? line.data : "");
	return 0;
}

METHOD(container, volumes) { ROW(container); *ret = value_int(r->volumes); return 0; }
METHOD(container, size) { ROW(container); *ret = size_value(c, r->size); return 0; }
METHOD(container, created) { ROW(container); *ret = age_value(c, r->of->record.created); return 0; }
METHOD(container, names) { ROW(container); *ret = value_str(r->of->record.name); return 0; }

METHOD(container, image)
{
	ROW(container);
	*ret = r->of->record.image_id ? value_str_n(r->of->record.image_id, 12) : value_str("");
	return 0;
}

METHOD(container, status_method)
{
	ROW(container);
	*ret = value_str(container_state_name(r->of->status.state));
	return 0;
}

static const struct value_type container_type = {
	.name = "system.dfContainer",
	.methods = (const struct value_method[]){
		{ "ContainerID", container_id }, { "Image", container_image }, { "Command", container_command },
		{ "LocalVolumes", container_volumes }, { "RWSize", container_size }, { "Created", container_created },
		{ "Status", container_status_method }, { "Names", container_names }, {} },
};

static int64_t named_volumes(struct ctr *c)
{
	struct error ignored = {};
	int64_t n = 0;

	if (ctr_load(c, &ignored) < 0)
		return 0;
	const struct param_mount *m = c->params.storage.mounts.v;
	for (size_t i = 0; i < c->params.storage.mounts.n; i++)
		n += streq0(m[i].type, "volume");
	return n;
}

static void measure_container(struct store *s, struct ctr *c, struct df_container *to)
{
	struct rootfs_size size = {};
	struct error ignored = {};

	(void)store_rootfs_size(s, &c->at, &size, &ignored);   /* one that goes while we look has none */
	*to = (struct df_container){ .of = &c->at, .volumes = named_volumes(c), .size = size.rw };
}

static int add_containers(struct engine *e, struct store *s, struct buf *out, struct error *err)
{
	static const struct format_header headers[] = {
		{ "ContainerID", "CONTAINER ID" }, { "LocalVolumes", "LOCAL VOLUMES" }, { "RWSize", "SIZE" }, {}
	};
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	autofree struct df_container *v = calloc(all.n ? all.n : 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < all.n; i++)
		measure_container(s, all.v[i], &v[i]);
	struct value list = value_structs(&container_type, v, all.n, sizeof(*v));
	buf_add_char(out, '\n');
	return print_table("Containers", "table {{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.RWSize}}\t"
			   "{{.Created}}\t{{.Status}}\t{{.Names}}", &list, &container_type, headers, out, err);
}

/* ---- every volume ---- */
struct df_volume {
	const char *name;
	int64_t links, size;
};

METHOD(volume, name) { ROW(volume); *ret = value_str(r->name); return 0; }
METHOD(volume, links) { ROW(volume); *ret = value_int(r->links); return 0; }
METHOD(volume, size) { ROW(volume); *ret = size_value(c, r->size); return 0; }

static const struct value_type volume_type = {
	.name = "system.dfVolume",
	.methods = (const struct value_method[]){
		{ "VolumeName", volume_name }, { "Links", volume_links }, { "Size", volume_size }, {} },
};

static int64_t count_links(const struct ctr_list *all, const char *name)
{
	int64_t links = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct error ignored = {};
		if (ctr_load(all->v[i], &ignored) < 0)
			continue;
		const struct param_mount *m = all->v[i]->params.storage.mounts.v;
		for (size_t k = 0; k < all->v[i]->params.storage.mounts.n; k++)
			links += streq0(m[k].type, "volume") && streq0(m[k].source, name);
	}
	return links;
}

struct df_volumes {
	struct strv names;
	struct df_volume *v;   /* names.n of them */
};

static void df_volumes_done(struct df_volumes *l)
{
	strv_done(&l->names);
	free(l->v);
}

static int measure_volumes(struct engine *e, struct df_volumes *l, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	TRY(volume_list(e, &l->names, err));
	l->v = calloc(l->names.n ? l->names.n : 1, sizeof(*l->v));
	if (!l->v)
		return fail_oom(err);
	for (size_t i = 0; i < l->names.n; i++) {
		auto_volume volume = {};
		struct error ignored = {};
		const char *name = l->names.v[i];
		l->v[i] = (struct df_volume){ .name = name, .links = count_links(&all, name) };
		if (volume_find(e, name, &volume, &ignored) > 0)
			(void)store_tree_usage(AT_FDCWD, volume.mountpoint, &l->v[i].size, NULL, &ignored);
	}
	return 0;
}

static int add_volumes(struct engine *e, struct buf *out, struct error *err)
{
	CLEANUP(df_volumes_done) struct df_volumes l = {};

	TRY(measure_volumes(e, &l, err));
	struct value list = value_structs(&volume_type, l.v, l.names.n, sizeof(*l.v));
	buf_add_char(out, '\n');
	return print_table("Local Volumes", "table {{.VolumeName}}\t{{.Links}}\t{{.Size}}", &list, &volume_type,
			   (const struct format_header[]){ { "VolumeName", "VOLUME NAME" }, {} }, out, err);
}

/* The store does not know which container uses which volume. */
static int sum_volumes(struct engine *e, struct df_row *to, struct error *err)
{
	CLEANUP(df_volumes_done) struct df_volumes l = {};

	TRY(measure_volumes(e, &l, err));
	for (size_t i = 0; i < l.names.n; i++) {
		to->total++;
		to->active += l.v[i].links;
		to->size += l.v[i].size;
		to->reclaimable += l.v[i].links ? 0 : l.v[i].size;
	}
	return 0;
}

static int print_summary(struct engine *e, struct store *s, const char *format, struct error *err)
{
	struct store_usage u;
	auto_buf out = BUF_INIT(1 << 20);

	TRY(store_usage(s, &u, err));
	struct df_row r[] = {
		{ (char[]){ "Images" }, u.images, u.images_active, u.images_bytes, u.images_reclaimable },
		{ (char[]){ "Containers" }, u.containers, u.containers_active, u.containers_bytes, u.containers_reclaimable },
		{ .type = (char[]){ "Local Volumes" } },
	};
	TRY(sum_volumes(e, &r[ARRAY_LEN(r) - 1], err));
	struct format_request rq = { .name = "df", .format = format, .type = &df_type,
				     .fallback = "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}" };
	struct value list = value_structs(&df_type, r, ARRAY_LEN(r), sizeof(*r));
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "disk usage", err);
}

static int print_all(struct engine *e, struct store *s, struct error *err)
{
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);

	TRY(add_images(s, &out, err));
	TRY(add_containers(e, s, &out, err));
	TRY(add_volumes(e, &out, err));
	return text_print(&out, "disk usage", err);
}

static int run_df(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct df_params *p = params;
	struct engine *e;
	struct store *s;

	(void)args;
	if (p->format && p->verbose)
		return fail(err, ERROR_INVALID, "cannot combine --format and --verbose flags");
	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	return p->verbose ? print_all(e, s, err) : print_summary(e, s, p->format, err);
}

const struct command cmd_system_df = {
	.summary = "Disk use of images, containers and volumes",
	.examples = "--verbose\n--format '{{.Type}}: {{.Size}}'",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct df_params),
	.run = run_df, .format_type = &df_type,
};

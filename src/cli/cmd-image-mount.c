/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-mount.c - `image mount` and `image unmount`. */
#include <stdio.h>
#include <string.h>

#include "base/format.h"
#include "base/table.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/image-list.h"
#include "engine/image-mount.h"

/* ---- mount ---- */
struct mount_params {
	char *format;
	bool all;
};
#define P struct mount_params
static const struct field mount_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Mount all images" },
	{ .cli = "format", F_STR(P, format), .arg = "format", .help = "Change the output format (json)" },
	{}
};

struct mounted {
	struct store_image image;
	char *path;
};

struct mounted_list {
	struct mounted v[1024];
	size_t n;
};

static void mounted_list_free(struct mounted_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		store_image_done(&l->v[i].image);
		free(l->v[i].path);
	}
	free(l);
}
DEFINE_CLEANUP(struct mounted_list, mounted_list_free);

static int add(struct engine *e, const char *id, bool mount, struct mounted_list *l, struct error *err)
{
	struct mounted *m = &l->v[l->n];
	struct store *s;

	if (l->n == ARRAY_LEN(l->v))
		return fail(err, ERROR_INVALID, "more than %zu mounted images", ARRAY_LEN(l->v));
	TRY(engine_store(e, &s, err));
	int found = store_image_get(s, id, STORE_IMAGE_NAMES, &m->image, err);
	if (found <= 0)
		return found;   /* removed meanwhile */
	l->n++;
	return mount ? image_mount(e, id, &m->path, err) : image_mounted(e, id, &m->path, err);
}

static int add_images(struct engine *e, const P *p, const struct strv *names, struct mounted_list *l, struct error *err)
{
	auto_strv ids = {}, filters = {};
	struct image_list_options o = { .filters = &filters };

	if (!p->all && !names->n)
		TRY(image_mounts(e, &ids, err));
	if (p->all) {
		TRY(strv_add(&filters, "readonly=false", err));
		TRY(image_list_ids(e, &o, &ids, err));
	}
	for (size_t i = 0; i < names->n; i++) {
		auto_store_image image = {};
		TRY(image_find(e, names->v[i], 0, &image, NULL, err));
		TRY(strv_add(&ids, image.id, err));
	}
	for (size_t i = 0; i < ids.n; i++)
		TRY(add(e, ids.v[i], p->all || names->n, l, err));
	return 0;
}

static int json_strings(struct json_object *o, const char *name, const struct strv *from, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, name, list, err));
	for (size_t i = 0; i < from->n; i++)
		if (json_object_array_add(list, json_object_new_string(from->v[i])) < 0)
			return fail_oom(err);
	return 0;
}

static int print_json(const struct mounted_list *l, struct error *err)
{
	auto_json *all = json_object_new_array();
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);

	for (size_t i = 0; all && i < l->n; i++) {
		const struct store_image *image = &l->v[i].image;
		struct json_object *o = json_object_new_object();
		if (json_object_array_add(all, o) < 0)
			return fail_oom(err);
		TRY(json_add_str(o, "id", image->id, err));
		TRY(json_strings(o, "Names", &image->names, err));
		TRY(json_strings(o, "Repositories", &image->names, err));
		TRY(json_add_str(o, "mountpoint", l->v[i].path, err));
	}
	json_format(&out, all, 1);
	buf_add_char(&out, '\n');
	return text_print(&out, "mounts", err);
}

static int print_table(const struct mounted_list *l, struct error *err)
{
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT), out = BUF_INIT(BUF_MAX_DEFAULT);

	for (size_t i = 0; i < l->n; i++) {
		const struct store_image *image = &l->v[i].image;
		buf_addf(&text, "%s\t%s\n", image->names.n ? image->names.v[0] : image->id, l->v[i].path ? l->v[i].path : "");
	}
	TRY(buf_ok(&text, "mounts", err));
	TRY(text.len ? table_format(&out, text.data, text.len, err) : 0);
	return out.len ? text_print(&out, "mounts", err) : 0;
}

static int run_mount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	CLEANUP(mounted_list_free_p) struct mounted_list *l = calloc(1, sizeof(*l));
	struct engine *e;

	if (!l)
		return fail_oom(err);
	if (p->all && args->n)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any image names or IDs");
	if (!str_empty(p->format) && !format_is_json(p->format))
		return fail(err, ERROR_INVALID, "unknown --format argument: \"%s\"", p->format);
	TRY(cli_engine(cli, &e, err));
	TRY(add_images(e, p, args, l, err));
	if (!str_empty(p->format))
		return print_json(l, err);
	if (args->n == 1) {
		printf("%s\n", l->v[0].path);
		return 0;
	}
	return print_table(l, err);
}

const struct command cmd_image_mount = {
	.summary = "Mount images read-only",
	.description = "Mounts the file systems of images and prints where; without images lists what is mounted.",
	.args = "[IMAGE...]", .max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { mount_rows }, {} },
	.params_size = sizeof(P), .examples = "fedora\n--all --format json", .run = run_mount, .flags = COMMAND_IN_USERNS,
};

/* ---- unmount ---- */
struct unmount_params { bool all, force; };
static const struct field unmount_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct unmount_params, all), .help = "Unmount all images" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct unmount_params, force), .help = "Unmount although others mounted it, too" },
	{}
};

static int unmount_one(struct engine *e, const char *id, bool force, struct error *err)
{
	int gone = image_unmount(e, id, force, err);

	if (gone == 1)
		printf("%s\n", id);
	return gone;
}

static int run_unmount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct unmount_params *p = params;
	auto_strv ids = {};
	struct engine *e;

	if (!p->all && !args->n)
		return fail(err, ERROR_INVALID, "image name or ID must be specified");
	if (p->all && args->n)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any image names or IDs");
	TRY(cli_engine(cli, &e, err));
	if (p->all)
		TRY(image_mounts(e, &ids, err));
	for (size_t i = 0; i < args->n; i++) {
		auto_store_image image = {};
		struct error why;
		if (image_find(e, args->v[i], 0, &image, NULL, &why) > 0)
			TRY(strv_add(&ids, image.id, err));
		else
			cli_note_error(cli, &why);
	}
	for (size_t i = 0; i < ids.n; i++) {
		struct error why;
		if (unmount_one(e, ids.v[i], p->force, &why) < 0)
			cli_note_error(cli, &why);
	}
	return 0;
}

const struct command cmd_image_unmount = {
	.summary = "Unmount images", .description = "Undoes one mount of each image, or all of them.", .args = "[IMAGE...]",
	.max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { unmount_rows }, {} },
	.params_size = sizeof(struct unmount_params), .examples = "fedora\n--all --force", .run = run_unmount,
	.flags = COMMAND_IN_USERNS,
};

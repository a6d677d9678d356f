/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah.c - working containers as a list, when the program is called `buildah`: containers, rm, mount, umount, rename,
 * prune; and what is refused by name. from and run: cmd-buildah-from.c; add, copy, config: cmd-buildah-copy.c; commit and
 * inspect: cmd-buildah-commit.c; images: cmd-images.c. */
#include <stdio.h>
#include <string.h>

#include "base/filter.h"
#include "base/format.h"
#include "base/units.h"
#include "build/working.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/image-remove.h"
#include "engine/ps.h"
#include "os/file.h"
#include "store/build-cache.h"
#include "store/rootfs.h"

/* ---- containers ---- */
struct list_params {
	struct strv filters;
	char *format;
	bool all, json, noheading, notruncate, quiet;
};
#define P struct list_params
static const struct field list_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Also containers that are no working containers" },
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "key=value", .help = "Only those with this id, name or ancestor" },
	{ .cli = "format", F_STR(P, format), .arg = "template", .help = "Show what a Go template makes of each container" },
	{ .cli = "json", F_BOOL(P, json), .help = "Show JSON" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "No line with the columns' names" },
	{ .cli = "notruncate", MORE(.aliases = "no-trunc"), F_BOOL(P, notruncate), .help = "Do not shorten ids" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Ids only" },
	{}
};
#undef P

struct list_row {
	char *id, *image_id, *image_name, *name;   /* borrowed */
	bool builder;
	bool whole;                                /* ids in full */
};

static int row_builder(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct list_row *r = self;

	(void)c;
	(void)err;
	*ret = value_str(r->builder ? "   *" : "");
	return 0;
}

static int row_id(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct list_row *r = self;

	(void)err;
	*ret = value_strf(c->pool, "%.*s", r->whole ? 64 : 12, r->id);
	return 0;
}

static int row_image_id(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct list_row *r = self;

	(void)err;
	*ret = value_strf(c->pool, "%.*s", r->whole ? 64 : 12, r->image_id ? r->image_id : "");
	return 0;
}

#define R struct list_row
static const struct field row_fields[] = {
	{ .json = "id", F_STR(R, id), .flags = FIELD_ALWAYS }, { .json = "builder", F_BOOL(R, builder), .flags = FIELD_ALWAYS },
	{ .json = "imageid", F_STR(R, image_id), .flags = FIELD_ALWAYS },
	{ .json = "imagename", F_STR(R, image_name), .flags = FIELD_ALWAYS },
	{ .json = "containername", F_STR(R, name), .flags = FIELD_ALWAYS }, {}
};
#undef R
static const struct value_type row_type = { "containersList", row_fields, (const struct value_method[]){
	{ "ContainerID", row_id, 0, 0 }, { "Builder", row_builder, 0, 0 }, { "ImageID", row_image_id, 0, 0 }, {} }, NULL };
static const struct format_header list_headers[] = {
	{ "ContainerID", "CONTAINER ID" }, { "Builder", "BUILDER" }, { "ImageID", "IMAGE ID" }, { "ImageName", "IMAGE NAME" },
	{ "ContainerName", "CONTAINER NAME" }, {}
};

static int check_filters(const struct strv *filters, struct error *err)
{
	static const char *const known[] = { "id=", "name=", "ancestor=" };

	for (size_t i = 0; i < filters->n; i++) {
		bool found = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= str_after(filters->v[i], known[k]) != NULL;
		if (!found)
			return fail(err, ERROR_INVALID, "invalid filter \"%s\": id=, name= and ancestor= are known", filters->v[i]);
	}
	return 0;
}

static int print_list(const struct list_params *p, const struct list_row *v, size_t n, struct error *err)
{
	auto_buf text = BUF_INIT((size_t)64 << 20);
	const struct value list = value_structs(&row_type, v, n, sizeof(*v));
	const struct format_request rq = {
		.name = "containers", .format = p->json ? "json" : p->format, .noheading = p->noheading, .headers = list_headers, .type = &row_type,
		.fallback = p->quiet ? "{{.ContainerID}}" :
			    "table {{.ContainerID}}\t{{.Builder}}\t{{.ImageID}}\t{{.ImageName}}\t{{.ContainerName}}",
	};

	TRY(format_rows(&rq, &list, &text, err));
	return text_print(&text, "containers", err);
}

static int run_list(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct list_params *p = params;
	auto_ctr_list l = {};
	auto_filters filters = {};
	struct engine *e;
	size_t n = 0;

	(void)args;
	TRY(check_filters(&p->filters, err));
	TRY(filters_add_all(&filters, container_filter_keys, &p->filters, err));
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_list(e, &l, err));
	autofree struct list_row *v = calloc(l.n + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < l.n; i++) {
		const struct container_record *r = &l.v[i]->at.record;
		struct container_filter_object object = { l.v[i], e };
		bool working = ctr_is_working(l.v[i]);
		int fits = working || p->all ? filters_match(&filters, &object, err) : 0;
		TRY(fits);
		if (fits)
			v[n++] = (struct list_row){ .id = (char *)(uintptr_t)r->id, .image_id = r->image_id, .image_name = r->image_name,
						    .name = r->name, .builder = working, .whole = p->quiet || p->notruncate };
	}
	return print_list(p, v, n, err);
}

const struct command cmd_working_list = {
	.summary = "List working containers", .groups = (const struct command_rows[]){ { list_rows, 0 }, {} },
	.params_size = sizeof(struct list_params), .examples = "--filter name=work --quiet\n--format '{{.ContainerName}}'", .run = run_list,
	.format_type = &row_type, .flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- for each ---- */
struct each_params {
	bool all;
};
static const struct field each_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct each_params, all), .help = "All working containers" },
	{}
};
static const struct command_rows each_groups[] = { { each_rows, 0 }, {} };

struct each {
	const char *doing;              /* "removing container": before the name in messages */
	int (*fn)(struct working *w, struct error *err);
};

/* All are tried; every failure is told, the last one as the command's. */
static int one(struct engine *e, const struct each *what, const char *name, struct error *failed, bool *any)
{
	auto_working w = {};
	struct error err = {};

	if (working_open(e, name, &w, &err) >= 0 && what->fn(&w, &err) >= 0)
		return 0;
	fail_wrap(&err, "%s \"%s\"", what->doing, name);
	if (*any)
		fprintf(stderr, "%s\n", failed->text);
	*failed = err;
	*any = true;
	return -1;
}

static int for_each(struct cli *cli, const struct each_params *p, const struct strv *names, const struct each *what, struct error *err)
{
	auto_ctr_list l = {};
	struct engine *e;
	bool any = false;

	if (p->all && names->n)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any containers names or IDs");
	if (!p->all && !names->n)
		return fail(err, ERROR_INVALID, "container ID must be specified");
	TRY(cli_engine(cli, &e, err));
	if (p->all)
		TRY(ctr_list(e, &l, err));
	for (size_t i = 0; i < l.n; i++)
		if (ctr_is_working(l.v[i]))
			one(e, what, l.v[i]->id, err, &any);
	for (size_t i = 0; i < names->n; i++)
		one(e, what, names->v[i], err, &any);
	return any ? -1 : 0;
}

/* ---- rm ---- */
static int remove_one(struct working *w, struct error *err)
{
	const struct ctr_remove_options o = { .force = true, .volumes = true };

	TRY(ctr_remove(w->c, &o, NULL, err));
	puts(w->c->id);
	return 0;
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return for_each(cli, params, args, &(const struct each){ "removing container", remove_one }, err);
}

const struct command cmd_working_rm = {
	.summary = "Remove working containers", .args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .groups = each_groups,
	.params_size = sizeof(struct each_params), .examples = "work\n--all", .run = run_rm, .flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- mount, umount ---- */
struct mount_params {
	bool json, notruncate;
};
static const struct field mount_rows[] = {
	{ .cli = "json", F_BOOL(struct mount_params, json), .help = "Show JSON" },
	{ .cli = "notruncate", F_BOOL(struct mount_params, notruncate), .flags = FIELD_HIDDEN, .help = "Nothing is shortened either way" },
	{}
};

static int mount_path(struct ctr *c, char **ret, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_container_lock(s, c->id, -1, &lock, err));
	return store_rootfs_mount(s, &c->at, ret, err);
}

static int add_mount(struct json_object *to, const char *name, const char *path, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add_str(o, "container", name, err));
	TRY(json_add_str(o, "mountPoint", path, err));
	json_object_array_add(to, take_ptr(o));
	return 0;
}

static int tell_mount(struct json_object *all, bool with_name, const struct ctr *c, const char *path, struct error *err)
{
	if (all)
		return add_mount(all, c->at.record.name, path, err);
	if (with_name)
		printf("%s %s\n", c->at.record.name, path);
	else
		puts(path);
	return 0;
}

static int list_mounts(struct engine *e, struct json_object *all, struct error *err)
{
	auto_ctr_list l = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(ctr_list(e, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		autofree char *path = NULL;
		int mounted = ctr_is_working(l.v[i]) ? store_rootfs_mounted(s, l.v[i]->id, &path, err) : 0;
		TRY(mounted);
		if (mounted)
			TRY(tell_mount(all, true, l.v[i], path, err));
	}
	return 0;
}

static int mount_named(struct engine *e, const struct strv *names, struct json_object *all, struct error *err)
{
	bool any = false;

	for (size_t i = 0; i < names->n; i++) {
		autofree char *path = NULL;
		auto_working w = {};
		struct error one = {};
		if (working_open(e, names->v[i], &w, &one) >= 0 && mount_path(w.c, &path, &one) >= 0) {
			TRY(tell_mount(all, names->n > 1, w.c, path, err));
			continue;
		}
		if (any)
			fprintf(stderr, "%s\n", err->text);
		*err = one;
		fail_wrap(err, "reading build container \"%s\"", names->v[i]);
		any = true;
	}
	return any ? -1 : 0;
}

static int run_mount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct mount_params *p = params;
	auto_json *all = p->json ? json_object_new_array() : NULL;
	auto_buf text = BUF_INIT((size_t)16 << 20);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(args->n ? mount_named(e, args, all, err) : list_mounts(e, all, err));
	if (!all)
		return 0;
	json_format(&text, all, 4);
	buf_add_char(&text, '\n');
	return text_print(&text, "mounts", err);
}

static int unmount_one(struct working *w, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	autofree char *path = NULL;
	struct store *s;

	TRY(engine_store(w->c->engine, &s, err));
	TRY(store_container_lock(s, w->c->id, -1, &lock, err));
	int mounted = store_rootfs_mounted(s, w->c->id, &path, err);
	TRY(mounted);
	if (!mounted)
		return fail(err, ERROR_STATE, "container is not mounted");
	TRY(store_rootfs_unmount(s, w->c->id, false, err));
	puts(w->c->id);
	return 0;
}

/* --all leaves out those that are not mounted. */
static int unmount_mounted(struct working *w, struct error *err)
{
	autofree char *path = NULL;
	struct store *s;

	TRY(engine_store(w->c->engine, &s, err));
	int mounted = store_rootfs_mounted(s, w->c->id, &path, err);
	return mounted > 0 ? unmount_one(w, err) : mounted;
}

static int run_umount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct each_params *p = params;

	return for_each(cli, p, args, &(const struct each){ "unmounting container", p->all ? unmount_mounted : unmount_one }, err);
}

const struct command cmd_working_mount = {
	.summary = "Mount working containers where the host sees them", .args = "[CONTAINER...]", .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { mount_rows, 0 }, {} }, .params_size = sizeof(struct mount_params), .examples = "work\n--json",
	.run = run_mount, .flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};
const struct command cmd_working_umount = {
	.summary = "Unmount working containers", .args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY,
	.groups = each_groups, .params_size = sizeof(struct each_params), .examples = "work", .run = run_umount,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- rename ---- */
static int run_rename(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_working w = {};
	auto_ctr *other = NULL;
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	if (working_open(e, args->v[0], &w, err) < 0)
		return fail_wrap(err, "reading build container \"%s\"", args->v[0]);
	if (streq(w.c->at.record.name, args->v[1]))
		return fail(err, ERROR_INVALID, "renaming a container with the same name as its current name");
	int taken = ctr_exists(e, args->v[1], err);
	TRY(taken);
	if (!taken)
		return ctr_rename(w.c, args->v[1], err);
	TRY(ctr_find(e, args->v[1], &other, err));
	return fail(err, ERROR_EXISTS, "the container name \"%s\" is already in use by container \"%s\"", args->v[1], other->id);
}

const struct command cmd_working_rename = {
	.summary = "Rename a working container", .args = "CONTAINER NAME", .min_args = 2, .max_args = 2, .examples = "work base",
	.run = run_rename, .flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

/* ---- prune ---- */
struct prune_params {
	bool all, force;
};
static const struct field prune_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct prune_params, all), .help = "All images that no container uses, not only those without a name" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct prune_params, force), .help = "Nobody is asked either way" },
	{}
};

static void prune_failed(void *arg, const struct error *e)
{
	cli_note_error(arg, e);
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct prune_params *p = params;
	struct build_cache_prune cache = { .all = p->all };
	const struct image_prune_options o = { .all = p->all };
	auto_image_removal removal = { .failed = prune_failed, .arg = cli };
	struct engine *e;
	struct store *s;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	TRY(build_cache_prune(s, &cache, err));
	TRY(file_remove_tree(store_root_fd(s), "build-cache", err));   /* contents of cache mounts */
	TRY(image_prune(e, &o, &removal, err));
	for (size_t i = 0; i < removal.deleted.n; i++)
		puts(removal.deleted.v[i]);
	return 0;
}

const struct command cmd_working_prune = {
	.summary = "Remove unnamed images and unused results of builds",
	.groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(struct prune_params), .examples = "--all",
	.run = run_prune, .flags = COMMAND_IN_USERNS,
};

/* ---- what there is not ---- */
static int run_refused(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	(void)params;
	(void)args;
	return fail(err, ERROR_UNSUPPORTED, "`%s` is not supported: confidential workloads are not made here", cli->path);
}

const struct command cmd_working_refused = {
	.summary = "Not supported", .args = "[ARG...]", .max_args = ARGS_ANY, .run = run_refused, .flags = COMMAND_RAW | COMMAND_HIDDEN,
};

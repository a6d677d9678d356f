/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-inspect.c - `inspect` (container, image, volume, network, pod: the first of that name) and `container inspect`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/template.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/network.h"
#include "cli/text.h"
#include "engine/image-inspect.h"
#include "engine/image-list.h"
#include "engine/inspect.h"
#include "engine/pod.h"
#include "engine/volume.h"

struct inspect_params {
	char *format, *type;
	bool latest, size;
};
#define P struct inspect_params

/* ---- the objects found ---- */
struct found {
	struct ctr *container;
	struct container_inspect *view;
	struct image_inspect *image;
	struct volume *volume;
	struct network_inspected *network;
	struct json_object *pod;
};
struct inspected {
	struct found *v;
	size_t n;
};

static void found_done(struct found *f)
{
	container_inspect_free(f->view);
	ctr_free(f->container);
	image_inspect_free(f->image);
	if (f->volume)
		volume_done(f->volume);
	free(f->volume);
	if (f->network)
		network_inspected_done(f->network);
	free(f->network);
	json_object_put(f->pod);
}

static void inspected_done(struct inspected *l)
{
	for (size_t i = 0; i < l->n; i++)
		found_done(&l->v[i]);
	free(l->v);
}

static struct value show(const struct found *f)
{
	if (f->view)
		return value_struct(&container_inspect_type, f->view);
	if (f->image)
		return value_struct(&image_inspect_type, f->image);
	if (f->network)
		return value_struct(&network_inspected_type, f->network);
	return f->pod ? value_document(&pod_schema, f->pod) : value_struct(&volume_value_type, f->volume);
}

typedef int (*finder)(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
		      struct error *err);

static int find_container(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
			  struct error *err)
{
	if ((p->latest ? ctr_latest(e, &ret->container, err) : ctr_find(e, name, &ret->container, err)) < 0)
		return err->kind == ERROR_NOT_FOUND && name ? fail(err, ERROR_NOT_FOUND, "no such container \"%s\"", name) : -1;
	return ctr_inspect(ret->container, p->size, &ret->view, err);
}

static int find_image(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
		      struct error *err)
{
	auto_store_image image = {};

	(void)p;
	TRY(image_find(e, name, STORE_IMAGE_ALL, &image, NULL, err));
	return image_inspect_new(e, &image, &ret->image, err);
}

static int find_volume(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
		       struct error *err)
{
	struct error odd;

	(void)p;
	ret->volume = calloc(1, sizeof(*ret->volume));
	if (!ret->volume)
		return fail_oom(err);
	if (volume_find(e, name, ret->volume, &odd) > 0)
		return volume_count_mounts(e, ret->volume, err);
	free(take_ptr(ret->volume));
	return fail(err, ERROR_NOT_FOUND, "inspecting object: no volume with name \"%s\" found: no such volume", name);
}

static int find_network(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
			struct error *err)
{
	(void)p;
	ret->network = calloc(1, sizeof(*ret->network));
	if (!ret->network)
		return fail_oom(err);
	if (network_inspect(e, name, ret->network, err) >= 0)
		return 0;
	free(take_ptr(ret->network));
	return -1;
}

static int find_pod(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
		    struct error *err)
{
	auto_pod *pod = NULL;

	TRY(p->latest ? pod_latest(e, &pod, err) : pod_find(e, name, &pod, err));
	return pod_inspect(pod, &ret->pod, err);
}

static const struct {
	const char *name;
	finder find;
} types[] = { { "container", find_container }, { "image", find_image }, { "volume", find_volume },
	    { "network", find_network }, { "pod", find_pod } };

/* ERROR_NOT_FOUND moves on to the next kind of object. */
static int find_any(struct engine *e, const struct inspect_params *p, const char *name, struct found *ret,
		    struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].find(e, p, name, ret, err) >= 0)
			return 0;
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
	}
	return fail(err, ERROR_NOT_FOUND, "no such object: \"%s\"", name);
}

static int choose(const struct inspect_params *p, finder *ret, struct error *err)
{
	*ret = find_any;
	if (!p->type || streq(p->type, "all")) {
		if (p->latest)
			*ret = find_container;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(p->type, types[i].name)) {
			*ret = types[i].find;
			return 0;
		}
	return fail(err, ERROR_INVALID, "invalid type \"%s\": must be one of container, image, network, pod, volume, or all", p->type);
}

/* ---- names that templates have used for years ---- */
static const struct {
	const char *old, *name;
} aliases[] = {
	{ ".Src", ".Source" }, { ".Dst", ".Destination" }, { ".ImageID", ".Image" },
	{ ".State.Healthcheck", ".State.Health" },
};

static bool word_ends(const char *s)
{
	return !((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_');
}

static int rewrite(const char *format, struct buf *to, struct error *err)
{
	while (*format) {
		size_t i;
		for (i = 0; i < ARRAY_LEN(aliases); i++) {
			const char *rest = str_after(format, aliases[i].old);
			if (rest && word_ends(rest)) {
				buf_add_str(to, aliases[i].name);
				format = rest;
				break;
			}
		}
		if (i == ARRAY_LEN(aliases))
			buf_add_char(to, *format++);
	}
	return buf_ok(to, "--format", err);
}

/* ---- the command ---- */
static int inspect_all(struct cli *cli, const struct inspect_params *p, const struct strv *names, struct inspected *l,
		       struct error *err)
{
	struct engine *e;
	finder find;
	size_t n = p->latest ? 1 : names->n;

	TRY(choose(p, &find, err));
	TRY(cli_engine(cli, &e, err));
	l->v = calloc(n, sizeof(*l->v));
	if (!l->v)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct error why = {};
		struct found *f = &l->v[l->n++];
		if (find(e, p, p->latest ? NULL : names->v[i], f, &why) >= 0)
			continue;
		l->n--;
		found_done(f);
		*f = (struct found){};
		cli_note_error(cli, &why);
	}
	return 0;
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct inspect_params *p = params;
	CLEANUP(inspected_done) struct inspected l = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT), format = BUF_INIT(1 << 20);

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and arguments cannot be used together");
	if (!p->latest && !args->n)
		return fail(err, ERROR_INVALID, "no names or ids specified");
	if (p->size && p->type && !streq(p->type, "container") && !streq(p->type, "all"))
		return fail(err, ERROR_INVALID, "--size is not supported for type \"%s\"", p->type);
	TRY(inspect_all(cli, p, args, &l, err));
	autofree struct value *v = calloc(l.n ? l.n : 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < l.n; i++)
		v[i] = show(&l.v[i]);
	if (p->format && !format_is_json(p->format))
		TRY(rewrite(p->format, &format, err));
	struct format_request rq = { .name = "inspect", .format = format.data ? format.data : p->format };
	struct value list = value_list(v, l.n);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "inspect", err);
}

static int offer_member(struct completion *c, const char *name, struct error *err)
{
	const char *typed = str_after(c->word, "{{.");
	autofree char *text = NULL;

	if (!typed || !str_after(name, typed))
		return 0;
	TRY(str_printf(&text, err, "{{.%s}}", name));
	return strv_has(&c->found, text) ? 0 : strv_add(&c->found, text, err);
}

static int offer_pod(struct json_object *document, struct completion *c, struct error *err)
{
	json_object_object_foreach(document, name, value) {
		(void)value;
		TRY(offer_member(c, name, err));
	}
	for (const struct value_absent *more = pod_schema.absent; more->name; more++)
		TRY(offer_member(c, more->name, err));
	return 1;
}

/* Somebody may complete the format before the image's tag is there. */
static bool begins_image(struct engine *e, const char *word)
{
	auto_store_image_list all = {};
	struct error ignored;
	struct store *s;

	if (engine_store(e, &s, &ignored) < 0 || store_image_list(s, STORE_IMAGE_NAMES, &all, &ignored) < 0)
		return false;
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = 0; k < all.v[i].names.n; k++) {
			const char *name = all.v[i].names.v[k], *slash = strrchr(name, '/');
			if (str_after(name, word) || (slash && str_after(slash + 1, word)))
				return true;
		}
	return false;
}

static int complete_format(struct cli *cli, void *params, struct completion *c, struct error *err)
{
	CLEANUP(found_done) struct found f = {};
	struct error unknown;
	struct engine *e;
	finder find;

	if (!c->args->n)
		return 0;
	TRY(cli_engine(cli, &e, err));
	if (choose(params, &find, &unknown) < 0)
		return 0;
	if (find(e, params, c->args->v[0], &f, &unknown) < 0) {
		if (!begins_image(e, c->args->v[0]))
			return 0;
		return template_complete(&image_inspect_type, c->word, &c->found, err) < 0 ? -1 : 1;
	}
	if (f.view)
		return 0;
	if (f.pod)
		return offer_pod(f.pod, c, err);
	return template_complete(f.image ? &image_inspect_type : f.network ? &network_inspected_type : &volume_value_type, c->word,
				 &c->found, err) < 0 ? -1 : 1;
}

static int run_container_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct inspect_params *p = params;

	TRY(str_set(&p->type, "container", err));
	int r = run_inspect(cli, params, args, err);
	free_p(&p->type);   /* no row of this command owns it */
	return r;
}

static const struct field rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "string", .fallback = "json",
	  .help = "Show JSON, or what a Go template makes of it" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "size", .abbr = 's', F_BOOL(P, size), .help = "Show sizes of files, too" },
	{}
};
static const struct field type_rows[] = {
	{ .cli = "type", .abbr = 't', F_STR(P, type), .arg = "string", .fallback = "all", .complete = "inspect-types",
	  .help = "Kind of object to look for (container, image, network, pod, volume, all)" },
	{}
};

const struct command cmd_inspect = {
	.summary = "Show JSON of a container, image, volume, network or pod",
	.description = "Shows everything the engine knows of containers, images, volumes, networks and pods, found by name or ID.",
	.args = "{CONTAINER|IMAGE|POD|NETWORK|VOLUME} [...]", .max_args = ARGS_ANY,
	.examples = "web\n"
		    "--type image alpine\n"
		    "--format '{{.State.Status}} {{.State.ExitCode}}' web db",
	.groups = (const struct command_rows[]){ { rows, 0 }, { type_rows, 0 }, {} }, .params_size = sizeof(P),
	.run = run_inspect, .format_type = &container_inspect_type, .complete_format = complete_format,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_container_inspect = {
	.summary = "Full configuration and state of a container as JSON",
	.description = "Shows everything the engine knows of a container, by name or ID.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY,
	.examples = "web\n--format '{{json .Mounts}}' web",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_container_inspect,
	.format_type = &container_inspect_type, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

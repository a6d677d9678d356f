/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-diff.c - `diff` and `export`: what is in a container's root. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/format.h"
#include "base/json.h"
#include "cli/cli.h"
#include "engine/container-files.h"

/* ---- diff ---- */
struct diff_params {
	char *format;
	bool latest;
};
#define D struct diff_params

static int print_json(const struct rootfs_changes *l, struct error *err)
{
	static const struct { const char *name; enum rootfs_change_kind kind; } lists[] = {
		{ "changed", ROOTFS_MODIFIED }, { "added", ROOTFS_ADDED }, { "deleted", ROOTFS_DELETED },
	};
	auto_json *o = json_object_new_object();
	auto_buf text = BUF_INIT((size_t)256 << 20);

	if (!o)
		return fail_oom(err);
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		struct json_object *list = NULL;
		for (size_t i = 0; i < l->n; i++) {
			if (l->v[i].kind != lists[k].kind)
				continue;
			if (!list)
				TRY(json_add(o, lists[k].name, list = json_object_new_array(), err));
			if (json_object_array_add(list, json_object_new_string(l->v[i].path)) < 0)
				return fail_oom(err);
		}
	}
	json_format(&text, o, 5);
	TRY(buf_ok(&text, "the list", err));
	puts(text.data);
	return 0;
}

static int diff(struct cli *cli, const D *p, struct strv *args, enum diff_kind kind, struct error *err)
{
	auto_rootfs_changes l = {};
	auto_ctr *c = NULL;
	struct engine *e;

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (!p->latest && !args->n)
		return fail(err, ERROR_INVALID, "\"%s\" requires a name, id, or the \"--latest\" flag", cli->path);
	if (p->format && *p->format && !format_is_json(p->format))
		return fail(err, ERROR_INVALID, "only supported value for '--format' is 'json'");
	TRY(cli_engine(cli, &e, err));
	if (p->latest)
		TRY(ctr_latest(e, &c, err));
	TRY(engine_diff(e, c ? c->id : args->v[0], args->n > 1 ? args->v[1] : NULL, kind, &l, err));
	if (p->format && *p->format)
		return print_json(&l, err);
	for (size_t i = 0; i < l.n; i++)
		printf("%c %s\n", "CAD"[l.v[i].kind], l.v[i].path);
	return 0;
}

static int run_diff(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return diff(cli, params, args, DIFF_ANY, err);
}

static int run_container_diff(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return diff(cli, params, args, DIFF_CONTAINER, err);
}

static int run_image_diff(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return diff(cli, params, args, DIFF_IMAGE, err);
}

#define FORMAT_ROW { .cli = "format", F_STR(D, format), .arg = "format", .help = "Change the output format (json)" }
static const struct field diff_rows[] = {
	FORMAT_ROW,
	{ .cli = "latest", .abbr = 'l', F_BOOL(D, latest), .help = "Act on the latest container this program knows" }, {}
};
static const struct field image_diff_rows[] = { FORMAT_ROW, {} };

const struct command cmd_diff = {
	.summary = "Show the changes to a container's or image's files",
	.description = "Lists what a container changed against its image, or an image's last layer against those below: C changed,\n"
		"A added, D deleted. With a second name: against that container or image.",
	.args = "CONTAINER|IMAGE [CONTAINER|IMAGE]", .max_args = 2, .examples = "web\n--format json fedora",
	.groups = (const struct command_rows[]){ { diff_rows }, {} }, .params_size = sizeof(D), .run = run_diff,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_container_diff = {
	.summary = "Show the changes to a container's files",
	.description = "Lists what a container changed against its image: C changed, A added, D deleted. With a second name: against\n"
		"that container or image.",
	.args = "CONTAINER [CONTAINER|IMAGE]", .max_args = 2, .examples = "web\n--latest --format json",
	.groups = (const struct command_rows[]){ { diff_rows }, {} }, .params_size = sizeof(D), .run = run_container_diff,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_image_diff = {
	.summary = "Show the changes to an image's files",
	.description = "Lists what an image's last layer changes against those below: C changed, A added, D deleted. With a second\n"
		"name: what the whole image changes against that image or container.",
	.args = "IMAGE [IMAGE]", .min_args = 1, .max_args = 2, .examples = "fedora\nnew old",
	.groups = (const struct command_rows[]){ { image_diff_rows }, {} }, .params_size = sizeof(D), .run = run_image_diff,
	.flags = COMMAND_IN_USERNS,
};

/* ---- export ---- */
struct export_params {
	char *output;
};
#define E struct export_params

static int open_output(const char *path, struct error *err)
{
	struct stat st;
	bool std = !path || !*path;

	if (std && isatty(STDOUT_FILENO))
		return fail(err, ERROR_INVALID, "refusing to export to terminal. Use -o flag or redirect");
	if (!std && strchr(path, ':'))
		return fail(err, ERROR_INVALID, "invalid filename (should not contain ':') \"%s\"", path);
	int fd = std ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(err, "%s", std ? "standard output" : path);
	return fd;
}

static int run_export(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	E *p = params;
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, args->v[0] + (args->v[0][0] == '/'), &c, err));
	autoclose int out = open_output(p->output, err);
	return out < 0 ? -1 : ctr_export(c, out, err);
}

static const struct field export_rows[] = {
	{ .cli = "output", .abbr = 'o', F_STR(E, output), .arg = "file", .complete = "files",
	  .help = "Write to this file (default: standard output, which must be redirected)" }, {}
};

const struct command cmd_export = {
	.summary = "Export a container's files as a tar archive",
	.description = "Writes a container's root file system as a tar archive; volumes and other mounts are not part of it.",
	.args = "CONTAINER", .min_args = 1, .max_args = 1, .examples = "web > web.tar\n--output web.tar web",
	.groups = (const struct command_rows[]){ { export_rows }, {} }, .params_size = sizeof(E), .run = run_export,
	.flags = COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-info.c - `info`: host, store, registries, plugins and version. */
#include <assert.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/version.h"
#include "cli/yaml.h"
#include "engine/info.h"

struct info_params {
	char *format;
	bool debug;
};
static const struct field rows[] = {
	{ .cli = "debug", .abbr = 'D', F_BOOL(struct info_params, debug), .flags = FIELD_HIDDEN,
	  .help = "Accepted for old scripts, without effect" },
	{ .cli = "format", .abbr = 'f', F_STR(struct info_params, format),
	  .help = "Show JSON, or what a Go template makes of it" },
	{}
};

struct info_report {
	struct info info;
	struct version version;
};

/* The rows of struct info, at its place, and one more. */
static const struct field report_rows[] = {
	{ .json = "version", F_OBJECT(struct info_report, version, version_rows), .flags = FIELD_ALWAYS },
	{}
};

static void report_done(struct info_report *r)
{
	info_done(&r->info);
	fields_done(report_rows, r);
}

static int report_version(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct info_report *r = self;

	(void)c;
	(void)err;
	*ret = value_struct(&version_type, &r->version);
	return 0;
}

static int report_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct info_report *r = self;
	auto_json *o = NULL, *version = NULL;

	TRY(fields_save(info_rows, FIELD_COLUMN_JSON, &r->info, &o, err));
	TRY(fields_save(version_rows, FIELD_COLUMN_JSON, &r->version, &version, err));
	TRY(json_add(o, "version", take_ptr(version), err));
	*ret = take_ptr(o);
	return 0;
}

static_assert(offsetof(struct info_report, info) == 0, "info_rows count from the start of the report");
static const struct value_type report_type = {
	.name = "define.Info", .rows = info_rows, .json = report_json,
	.methods = (const struct value_method[]){ { "Version", report_version }, {} },
};

static int print_report(const struct info_report *r, const char *format, struct buf *out, struct error *err)
{
	struct format_request rq = { .name = "info", .format = format, .type = &report_type };
	struct value one = value_struct(&report_type, r), list = value_list(&one, 1);
	auto_json *tree = NULL;

	if (format && !format_is_json(format))
		return format_each(&rq, &list, out, err);
	TRY(report_json(r, &tree, err));
	if (!format) {
		TRY(yaml_format(out, tree, err));
	} else {
		json_format(out, tree, 2);
	}
	buf_add_char(out, '\n');
	return 0;
}

static int run_info(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct info_params *p = params;
	CLEANUP(report_done) struct info_report r = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(info_get(e, &r.info, err));
	TRY(version_get(cli->program, &r.version, err));
	TRY(print_report(&r, p->format, &out, err));
	return text_print(&out, "info", err);
}

const struct command cmd_info = {
	.summary = "Report host, store, registries, plugins and version",
	.description = "Shows what this machine offers to containers and where the engine keeps what, as YAML.",
	.examples = "--format json\n--format '{{.Host.OCIRuntime.Name}}'",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct info_params),
	.run = run_info, .format_type = &report_type,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-info.c - `buildah info`: host and store under Buildah's names. */
#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/info.h"

struct info_params {
	char *format;
};
static const struct field rows[] = {
	{ .cli = "format", F_STR(struct info_params, format), .arg = "template", .help = "Show what a Go template makes of it" },
	{}
};

static int add_number(struct json_object *o, const char *key, int64_t value, struct error *err)
{
	return json_add(o, key, json_object_new_int64(value), err);
}

static int add_host(struct json_object *all, const struct info_host *h, struct error *err)
{
	struct json_object *o = json_object_new_object(), *distribution = json_object_new_object();

	TRY(json_add(all, "host", o, err));
	TRY(json_add_str(o, "CgroupVersion", h->cgroup_version, err));
	TRY(json_add(o, "Distribution", distribution, err));
	TRY(json_add_str(distribution, "distribution", h->distribution.name, err));
	TRY(json_add_str(distribution, "version", h->distribution.version, err));
	TRY(add_number(o, "MemFree", h->mem_free, err));
	TRY(add_number(o, "MemTotal", h->mem_total, err));
	TRY(json_add_str(o, "OCIRuntime", h->runtime.name, err));
	TRY(add_number(o, "SwapFree", h->swap_free, err));
	TRY(add_number(o, "SwapTotal", h->swap_total, err));
	TRY(json_add_str(o, "arch", h->arch, err));
	TRY(add_number(o, "cpus", h->cpus, err));
	TRY(json_add_str(o, "hostname", h->hostname, err));
	TRY(json_add_str(o, "kernel", h->kernel, err));
	TRY(json_add_str(o, "os", h->os, err));
	TRY(json_add(o, "rootless", json_object_new_boolean(h->security.rootless), err));
	TRY(json_add_str(o, "uptime", h->uptime, err));
	return json_add_str(o, "variant", h->variant, err);
}

static int add_store(struct json_object *all, const struct info_store *s, struct error *err)
{
	struct json_object *o = json_object_new_object(), *containers = json_object_new_object(), *images = json_object_new_object(),
			   *status = json_object_new_object();

	TRY(json_add(all, "store", o, err));
	TRY(json_add(o, "ContainerStore", containers, err));
	TRY(add_number(containers, "number", s->containers.number, err));
	TRY(json_add_str(o, "GraphDriverName", s->driver, err));
	TRY(json_add(o, "GraphOptions", json_object_get(s->options), err));
	TRY(json_add_str(o, "GraphRoot", s->root, err));
	TRY(json_add(o, "GraphStatus", status, err));
	for (size_t i = 0; i < s->status.n; i++)
		TRY(json_add_str(status, s->status.v[i].key, s->status.v[i].value, err));
	TRY(json_add(o, "ImageStore", images, err));
	TRY(add_number(images, "number", s->images.number, err));
	return json_add_str(o, "RunRoot", s->runroot, err);
}

static int run_info(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct info_params *p = params;
	auto_buf text = BUF_INIT((size_t)1 << 20);
	auto_json *all = json_object_new_object();
	auto_info info = {};
	struct engine *e;

	(void)args;
	if (!all)
		return fail_oom(err);
	TRY(cli_engine(cli, &e, err));
	TRY(info_get(e, &info, err));
	TRY(add_host(all, &info.host, err));
	TRY(add_store(all, &info.store, err));
	if (p->format) {
		const struct value one = value_json(all), list = value_list(&one, 1);
		const struct format_request rq = { .name = "info", .format = p->format, .json_indent = 4 };
		TRY(format_each(&rq, &list, &text, err));
	} else {
		json_format(&text, all, 4);
		buf_add_char(&text, '\n');
	}
	return text_print(&text, "info", err);
}

const struct command cmd_working_info = {
	.summary = "Show what Buildah's commands work with", .groups = (const struct command_rows[]){ { rows, 0 }, {} },
	.params_size = sizeof(struct info_params), .examples = "--format '{{.host.OCIRuntime}}'", .run = run_info, .flags = COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-generate.c - `generate spec`: what a container or pod was asked for, as the REST interface would take it. */
#include <fcntl.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "engine/pod.h"
#include "os/file.h"

struct spec_params {
	char *file;
	bool compact, name;
};
#define P struct spec_params

/* The next name nobody has: NAME-clone, NAME-clone1, ... */
static int free_name(struct engine *e, const char *name, bool pod, char **ret, struct error *err)
{
	for (unsigned i = 0; i < 1000; i++) {
		autofree char *next = NULL;
		if (i)
			TRY(str_printf(&next, err, "%s-clone%u", name, i));
		else
			TRY(str_printf(&next, err, "%s-clone", name));
		int taken = pod ? pod_exists(e, next, err) : ctr_exists(e, next, err);
		if (taken < 0)
			return -1;
		if (!taken) {
			*ret = take_ptr(next);
			return 0;
		}
	}
	return fail(err, ERROR_EXISTS, "no free name like %s-clone was found", name);
}

static int rename_in(struct engine *e, const P *p, struct json_object *o, const char *name, bool pod, struct error *err)
{
	autofree char *next = NULL;

	if (p->name)
		TRY(free_name(e, name, pod, &next, err));
	return json_add_str(o, "name", next ? next : name, err);
}

static int spec_of_container(struct engine *e, const P *p, const char *word, struct json_object **ret, struct error *err)
{
	auto_ctr *c = NULL;
	auto_json *o = NULL;

	TRY(ctr_find(e, word, &c, err));
	TRY(ctr_load(c, err));
	TRY(params_save(&c->params, &o, err));
	if (c->at.record.image_name)
		TRY(json_add_str(o, "image", c->at.record.image_name, err));
	TRY(rename_in(e, p, o, c->at.record.name, false, err));
	*ret = take_ptr(o);
	return 0;
}

static int spec_of_pod(struct engine *e, const P *p, const char *word, struct json_object **ret, struct error *err)
{
	auto_pod *pod = NULL;
	CLEANUP(params_done) struct container_params c;
	auto_json *o = NULL;
	struct json_object *shared = json_object_new_array();

	params_init(&c);
	if (pod_find(e, word, &pod, err) < 0) {
		json_object_put(shared);
		return -1;
	}
	for (size_t i = 0; i < pod->config.shared.n; i++)
		json_object_array_add(shared, json_object_new_string(pod->config.shared.v[i]));
	if (pod_settings(pod, &c, err) < 0 || params_save(&c, &o, err) < 0) {
		json_object_put(shared);
		return -1;
	}
	TRY(json_add(o, "shared_namespaces", shared, err));
	TRY(json_add_str(o, "exit_policy", pod->config.exit_policy, err));
	TRY(json_add(o, "no_infra", json_object_new_boolean(!pod->config.infra), err));
	TRY(rename_in(e, p, o, pod->config.name, true, err));
	*ret = take_ptr(o);
	return 0;
}

static int run_spec(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_json *o = NULL;
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	int r = ctr_exists(e, args->v[0], err);
	if (r == 0 && pod_exists(e, args->v[0], err) == 0)
		return fail(err, ERROR_NOT_FOUND, "could not find a pod or container with the id %s", args->v[0]);
	TRY(r);
	TRY(r ? spec_of_container(e, p, args->v[0], &o, err) : spec_of_pod(e, p, args->v[0], &o, err));
	json_format(&text, o, p->compact ? 0 : 1);
	buf_add_char(&text, '\n');
	TRY(buf_ok(&text, "specification", err));
	if (!p->file)
		return text_print(&text, "specification", err);
	TRY(file_replace(AT_FDCWD, p->file, text.data, text.len, 0644, 0, err));
	puts(p->file);
	return 0;
}

static void spec_init(void *params)
{
	((P *)params)->name = true;
}

static const struct field spec_rows[] = {
	{ .cli = "compact", .abbr = 'c', F_BOOL(P, compact), .help = "Print the JSON on one line" },
	{ .cli = "filename", .abbr = 'f', F_STR(P, file), .arg = "string", .complete = "files", .help = "Write it into this file" },
	{ .cli = "name", .abbr = 'n', F_BOOL(P, name), .fallback = "true", .help = "Give it a name that is free" },
	{}
};

const struct command cmd_generate_spec = {
	.summary = "Print the specification of a container or pod as JSON",
	.description = "Prints what a container or pod was asked for, as JSON to make another one like it.",
	.args = "{CONTAINER|POD}", .min_args = 1, .max_args = 1, .examples = "web\n--compact --filename web.json web",
	.groups = (const struct command_rows[]){ { spec_rows, 0 }, {} }, .params_size = sizeof(P), .init = spec_init,
	.run = run_spec, .flags = COMMAND_IN_USERNS,
};

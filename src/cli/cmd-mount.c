/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-mount.c - `mount`, `unmount`: a container's root where the host sees it. */
#include <stdio.h>
#include <unistd.h>

#include "base/format.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/selection.h"
#include "engine/container-files.h"

struct mount_params {
	struct selection_params s;
	char *format;
	bool no_trunc, force;
};
#define P struct mount_params

static int mount_one(struct ctr *c, void *arg, struct error *err)
{
	autofree char *path = NULL;

	(void)arg;
	TRY(ctr_mount(c, &path, err));
	puts(path);
	return 0;
}

struct mounted {
	struct ctr *c;
	char *path;
};

static int add_json(struct json_object *list, const struct mounted *m, struct error *err)
{
	auto_json *o = json_object_new_object();
	struct json_object *names = json_object_new_array();

	if (!o || !names || json_object_array_add(names, json_object_new_string(m->c->at.record.name)) < 0)
		return fail_oom(err);
	TRY(json_add_str(o, "id", m->c->id, err));
	TRY(json_add(o, "Names", names, err));
	TRY(json_add_str(o, "mountpoint", m->path, err));
	return json_object_array_add(list, json_object_get(o)) < 0 ? fail_oom(err) : 0;
}

static int list_mounted(struct cli *cli, const P *p, struct error *err)
{
	auto_ctr_list l = {};
	auto_json *list = json_object_new_array();
	auto_buf text = BUF_INIT((size_t)16 << 20);
	bool json = p->format && format_is_json(p->format);
	struct engine *e;

	if (p->format && *p->format && !json)
		return fail(err, ERROR_INVALID, "unknown --format argument: \"%s\"", p->format);
	if (!list)
		return fail_oom(err);
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_list(e, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		autofree char *path = NULL;
		int r = ctr_mounted(l.v[i], &path, err);
		TRY(r);
		if (r && json)
			TRY(add_json(list, &(struct mounted){ l.v[i], path }, err));
		else if (r)
			printf("%.*s  %s\n", p->no_trunc ? 64 : 12, l.v[i]->id, path);
	}
	if (!json)
		return 0;
	json_format(&text, list, 1);
	TRY(buf_ok(&text, "the list", err));
	puts(text.data);
	return 0;
}

/* A user's mounts are seen in the user's own mount namespace only. */
static int check_place(struct cli *cli, struct error *err)
{
	if (geteuid() == 0)
		return 0;
	return fail(err, ERROR_UNSUPPORTED, "cannot run command \"%s\" in rootless mode, must execute `%s unshare` first", cli->path,
		    cli->program);
}

static int run_mount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	P *p = params;
	const struct selection_call call = { .params = &p->s, .names = args, .act = mount_one };

	if (p->s.latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	TRY(check_place(cli, err));
	if (!args->n && !p->s.latest && !p->s.all)
		return list_mounted(cli, p, err);
	return selection_run(cli, &call, err);
}

static int unmount_one(struct ctr *c, void *arg, struct error *err)
{
	const P *p = arg;
	autofree char *path = NULL;
	int mounted = ctr_mounted(c, &path, err);

	TRY(mounted);
	if (!mounted && p->s.all)
		return 0;
	if (!mounted && p->force) {
		puts(c->id);
		return 0;
	}
	if (!mounted)
		return fail(err, ERROR_STATE, "unmounting container %s: layer is not mounted", c->id);
	TRY(ctr_unmount(c, p->force, err));
	puts(c->id);
	return 0;
}

static int run_unmount(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	P *p = params;
	const struct selection_call call = { .params = &p->s, .names = args, .act = unmount_one, .arg = p };

	TRY(selection_check(&p->s, args, err));   /* wrong everywhere: told before the place is */
	TRY(check_place(cli, err));
	return selection_run(cli, &call, err);
}

static const struct field mount_rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s),
	{ .cli = "format", F_STR(P, format), .arg = "format", .help = "Print the mounted containers in this format (json)" },
	{ .cli = "no-trunc", MORE(.aliases = "notruncate"), F_BOOL(P, no_trunc), .help = "Do not truncate output" }, {}
};
static const struct field unmount_rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s),
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Unmount whoever still uses it" }, {}
};

const struct command cmd_mount = {
	.summary = "Mount a container's root file system",
	.description = "Mounts the containers' root file systems and prints where; without a name: lists what is mounted. Each mount\n"
		"wants an unmount. As a user: inside unshare.",
	.args = "[CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--all\n--format json",
	.groups = (const struct command_rows[]){ { mount_rows }, {} }, .params_size = sizeof(P), .run = run_mount,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_unmount = {
	.summary = "Unmount a container's root file system",
	.description = "Takes back one mount of each container; the last one unmounts its root file system. A running container keeps\n"
		"its own.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--force web\n--all",
	.groups = (const struct command_rows[]){ { unmount_rows }, {} }, .params_size = sizeof(P), .run = run_unmount,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

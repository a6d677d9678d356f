/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-top.c - `top`. */
#include <stdio.h>

#include "base/table.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/pod.h"
#include "engine/top.h"

struct top_params {
	bool latest, list;
};
#define P struct top_params

static int print_table(const struct top_table *t, struct error *err)
{
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT), out = BUF_INIT(BUF_MAX_DEFAULT);
	size_t n = t->headers.n;

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s", t->headers.v[i], i + 1 < n ? "\t" : "\n");
	for (size_t i = 0; i < t->cells.n; i++)
		buf_addf(&text, "%s%s", t->cells.v[i], (i + 1) % n ? "\t" : "\n");
	TRY(buf_ok(&text, "process table", err));
	TRY(table_format(&out, text.data, text.len, err));
	return text_print(&out, "process table", err);
}

static int list_descriptors(struct error *err)
{
	auto_strv names = {};

	TRY(top_descriptors(&names, err));
	for (size_t i = 0; i < names.n; i++)
		puts(names.v[i]);
	return 0;
}

static int run_top(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct top_params *p = params;
	auto_top_table t = {};
	auto_strv descriptors = {};
	auto_ctr *c = NULL;
	struct engine *e;

	if (p->list)
		return list_descriptors(err);
	if (!args->n && !p->latest)
		return fail(err, ERROR_INVALID, "you must provide the name or id of a running container");
	TRY(cli_engine(cli, &e, err));
	TRY(p->latest ? ctr_latest(e, &c, err) : ctr_find(e, args->v[0], &c, err));
	for (size_t i = p->latest ? 0 : 1; i < args->n; i++)
		TRY(strv_add(&descriptors, args->v[i], err));
	TRY(top_list(c, &descriptors, &t, err));
	return print_table(&t, err);
}

/* ---- of a pod ---- */
static bool shares_pids(const struct ctr *c, const struct ctr_list *members)
{
	const struct param_ns *pid = &c->params.ns.pid;

	for (size_t i = 0; pid->mode == NS_CONTAINER && i < members->n; i++)
		if (streq(members->v[i]->id, pid->value))
			return true;
	return false;
}

static int add_member(struct ctr *c, const struct ctr_list *members, const struct strv *descriptors, struct top_table *t,
		      struct error *err)
{
	auto_top_table one = {};

	TRY(ctr_load(c, err));
	if (!(ctr_conditions(c) & (1u << WAIT_RUNNING | 1u << WAIT_PAUSED)) ||
	    (shares_pids(c, members) && top_is_by_namespace(c)))   /* listed with the owner of the namespace */
		return 0;
	TRY(top_list(c, descriptors, &one, err));
	if (!t->headers.n)
		TRY(strv_copy(&t->headers, &one.headers, err));
	return strv_copy(&t->cells, &one.cells, err);
}

static int run_pod_top(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct top_params *p = params;
	auto_top_table t = {};
	auto_strv descriptors = {};
	auto_ctr_list members = {};
	auto_pod *pod = NULL;
	struct engine *e;

	if (p->list)
		return list_descriptors(err);
	if (!args->n && !p->latest)
		return fail(err, ERROR_INVALID, "you must provide the name or id of a running pod");
	TRY(cli_engine(cli, &e, err));
	TRY(p->latest ? pod_latest(e, &pod, err) : pod_find(e, args->v[0], &pod, err));
	for (size_t i = p->latest ? 0 : 1; i < args->n; i++)
		TRY(strv_add(&descriptors, args->v[i], err));
	TRY(pod_containers(pod, &members, err));
	for (size_t i = 0; i < members.n; i++)
		TRY(add_member(members.v[i], &members, &descriptors, &t, err));
	if (!t.headers.n)
		return fail(err, ERROR_STATE, "pod top can only be used on pods with at least one running container");
	return print_table(&t, err);
}

static const struct field rows[] = {
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "list-descriptors", F_BOOL(P, list), .flags = FIELD_HIDDEN, .help = "List the known descriptors" },
	{}
};

const struct command cmd_top = {
	.summary = "Process list of a container",
	.description = "Shows the processes of a container in columns. Format descriptors choose them:\n"
		       "args capamb capbnd capeff capinh capprm cgroup comm etime group groups hgroup hgroups hpid huser label\n"
		       "nice pcpu pgid pid ppid rgroup rss ruser seccomp state stime time tty user vsz",
	.args = "CONTAINER [FORMAT-DESCRIPTORS|ARGS...]", .max_args = ARGS_ANY,
	.examples = "web\nweb pid user pcpu args",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_top,
	.flags = COMMAND_ARGS_STOP | COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_pod_top = {
	.summary = "Process list across a pod's containers",
	.description = "Shows the processes of a pod's containers in columns, chosen by the format descriptors of top.",
	.args = "POD [FORMAT-DESCRIPTORS|ARGS...]", .max_args = ARGS_ANY, .examples = "web\nweb pid user pcpu args",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_pod_top,
	.flags = COMMAND_ARGS_STOP | COMMAND_LATEST | COMMAND_IN_USERNS,
};

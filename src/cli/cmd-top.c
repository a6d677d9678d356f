/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-top.c - `top`. */
#include <stdio.h>

#include "base/table.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "engine/pod.h"
#include "engine/top.h"

struct top_params {
	bool latest, list;
	int64_t interval;   /* seconds; 0: once */
};
#define P struct top_params

static int print_table(const struct top_table *t, bool screen, struct error *err)
{
	auto_buf text = BUF_INIT(BUF_MAX_DEFAULT), out = BUF_INIT(BUF_MAX_DEFAULT), frame = BUF_INIT(BUF_MAX_DEFAULT);
	size_t n = t->headers.n;

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s", t->headers.v[i], i + 1 < n ? "\t" : "\n");
	for (size_t i = 0; i < t->cells.n; i++)
		buf_addf(&text, "%s%s", t->cells.v[i], (i + 1) % n ? "\t" : "\n");
	TRY(buf_ok(&text, "process table", err));
	TRY(table_format(&out, text.data, text.len, err));
	TRY(buf_ok(&out, "process table", err));
	if (!screen)
		return text_print(&out, "process table", err);
	const struct screen_look look = screen_look();
	screen_cut_lines(&frame, &look, out.data, out.len);
	TRY(buf_ok(&frame, "process table", err));
	return screen_show(&frame, err);
}

/* Once, or until the container does not run any more. */
static int show_tables(const struct top_params *p, int (*list)(void *arg, struct top_table *ret, struct error *err), void *arg,
		       struct error *err)
{
	bool screen = p->interval && screen_begin();

	if (p->interval < 0 || p->interval > 86400)
		return fail(err, ERROR_INVALID, "invalid interval: want seconds from 1 to 86400, or 0 for one table");
	for (bool first = true;; first = false) {
		auto_top_table t = {};
		if (list(arg, &t, err) < 0)
			return first || err->kind != ERROR_STATE ? -1 : 0;
		TRY(print_table(&t, screen, err));
		if (!p->interval)
			return 0;
		if (fflush(stdout) == EOF)
			return fail_errno(err, "write");
		screen_wait(time_monotonic() + p->interval * NSEC_PER_SEC);   /* resized: a new one at once */
	}
}

static int list_descriptors(struct error *err)
{
	auto_strv names = {};

	TRY(top_descriptors(&names, err));
	for (size_t i = 0; i < names.n; i++)
		puts(names.v[i]);
	return 0;
}

struct one {
	struct engine *e;
	const char *id;
	const struct strv *descriptors;
};

static int list_one(void *arg, struct top_table *ret, struct error *err)
{
	const struct one *o = arg;
	auto_ctr *c = NULL;

	if (ctr_find(o->e, o->id, &c, err) < 0) {
		err->kind = err->kind == ERROR_NOT_FOUND ? ERROR_STATE : err->kind;   /* gone meanwhile */
		return -1;
	}
	return top_list(c, o->descriptors, ret, err);
}

static int run_top(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct top_params *p = params;
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
	struct one o = { e, c->id, &descriptors };
	return show_tables(p, list_one, &o, err);
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

struct several {
	struct pod *pod;
	const struct strv *descriptors;
};

static int list_several(void *arg, struct top_table *ret, struct error *err)
{
	const struct several *s = arg;
	auto_ctr_list members = {};

	TRY(pod_containers(s->pod, &members, err));
	for (size_t i = 0; i < members.n; i++)
		TRY(add_member(members.v[i], &members, s->descriptors, ret, err));
	return ret->headers.n ? 0 : fail(err, ERROR_STATE, "pod top can only be used on pods with at least one running container");
}

static int run_pod_top(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct top_params *p = params;
	auto_strv descriptors = {};
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
	struct several s = { pod, &descriptors };
	return show_tables(p, list_several, &s, err);
}

static const struct field rows[] = {
	{ .cli = "interval", .abbr = 'i', F_INT(P, interval), .arg = "seconds",
	  .help = "Show it again every so many seconds, in place on a terminal (default: once)" },
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

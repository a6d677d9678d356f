/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-ps.c - `ps`. */
#include <stdio.h>
#include <unistd.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/ps.h"

struct ps_params {
	struct strv filters;
	char *format, *sort;
	int64_t last;
	uint64_t watch;
	bool all, external, latest, namespaces, no_trunc, noheading, pod, quiet, size, sync;
};
#define P struct ps_params

static const struct format_header headers[] = {
	{ "ID", "CONTAINER ID" }, { "Names", "NAMES" }, { "CreatedHuman", "CREATED" }, { "Cgroup", "CGROUPNS" },
	{ "IPC", "IPC" }, { "MNT", "MNT" }, { "NET", "NET" }, { "PIDNS", "PIDNS" }, { "USERNS", "USERNS" }, { "UTS", "UTS" },
	{ "Pod", "POD ID" }, { "PodName", "PODNAME" }, { "Restarts", "RESTARTS" }, { "RunningFor", "CREATED" }, {}
};

static const char *default_format(const struct ps_params *p)
{
	if (p->quiet)
		return "{{.ID}}";
	if (p->namespaces)
		return "table {{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.Cgroup}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}"
		       "\t{{.UTS}}";
	if (p->pod && p->size)
		return "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Pod}}"
		       "\t{{.PodName}}\t{{.Size}}";
	if (p->pod)
		return "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Pod}}"
		       "\t{{.PodName}}";
	if (p->size)
		return "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";
	return "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
}

static int check(const struct ps_params *p, struct error *err)
{
	if (p->last >= 0 && p->latest)
		return fail(err, ERROR_INVALID, "last and latest are mutually exclusive");
	if (p->quiet && (p->size || p->namespaces) && p->format)
		return fail(err, ERROR_INVALID, "quiet conflicts with size and namespace");
	if (p->quiet && p->size)
		return fail(err, ERROR_INVALID, "quiet and size are mutually exclusive");
	if (p->size && p->namespaces)
		return fail(err, ERROR_INVALID, "size and namespace options conflict");
	return 0;
}

static int print_once(struct cli *cli, const struct ps_params *p, struct error *err)
{
	const struct ps_options o = {
		.all = p->all, .latest = p->latest, .last = p->last > 0 ? p->last : 0, .size = p->size || (p->format && strstr(p->format, ".Size")),
		.namespaces = p->namespaces, .pod = p->pod, .external = p->external, .filters = &p->filters, .sort = p->sort,
		.no_trunc = p->no_trunc,
	};
	const struct format_request rq = { .name = "ps", .format = p->format, .fallback = default_format(p),
					   .noheading = p->noheading, .headers = headers, .type = &ps_row_type };
	CLEANUP(ps_rows_done) struct ps_rows rows = {};
	auto_buf out = BUF_INIT((size_t)256 << 20);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(ps_list(e, &o, &rows, err));
	struct value v = ps_rows_value(&rows);
	TRY(format_rows(&rq, &v, &out, err));
	return text_print(&out, "containers", err);
}

static int run_ps(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct ps_params *p = params;

	(void)args;
	TRY(check(p, err));
	if (!p->watch)
		return print_once(cli, p, err);
	for (;;) {
		fputs("\033[H\033[2J", stdout);
		TRY(print_once(cli, p, err));
		fflush(stdout);
		sleep((unsigned)p->watch);
	}
}

static void ps_init(void *params)
{
	((struct ps_params *)params)->last = -1;
}

static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Show containers in every state, not only running ones" },
	{ .cli = "external", MORE(.aliases = "storage"), F_BOOL(P, external),
	  .help = "Show also working containers (buildah)" },
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "filter", .complete = "ps-filters",
	  .help = "Show only containers that match (key=value, repeatable)" },
	{ .cli = "format", F_STR(P, format), .arg = "string",
	  .help = "Show JSON, or what a Go template makes of each container" },
	{ .cli = "last", .abbr = 'n', F_INT(P, last), .arg = "int", .fallback = "-1",
	  .help = "Show the newest N containers in every state" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "namespace", MORE(.aliases = "ns"), F_BOOL(P, namespaces), .help = "Show the namespaces' numbers" },
	{ .cli = "no-trunc", MORE(.aliases = "notruncate"), F_BOOL(P, no_trunc), .help = "Do not shorten ids and commands" },
	{ .cli = "noheading", F_BOOL(P, noheading), .help = "Leave the column headings out" },
	{ .cli = "pod", .abbr = 'p', F_BOOL(P, pod), .help = "Show the pod each container belongs to" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show ids only" },
	{ .cli = "size", .abbr = 's', F_BOOL(P, size), .help = "Show sizes of files, too" },
	{ .cli = "sort", F_STR(P, sort), .arg = "choice", .fallback = "created", .complete = "ps-sort",
	  .help = "Sort output by: command, created, id, image, names, runningfor, size, or status" },
	{ .cli = "sync", F_BOOL(P, sync), .help = "Look at the processes instead of trusting the index" },
	{ .cli = "watch", .abbr = 'w', F_UINT(P, watch), .arg = "uint",
	  .help = "Show the list again every so many seconds" },
	{}
};

const struct command cmd_ps = {
	.summary = "List containers",
	.description = "Shows containers, by default those that run.",
	.examples = "--all --size\n"
		    "--filter status=exited --quiet\n"
		    "--format 'table {{.Names}} {{.Status}} {{.Ports}}'",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .init = ps_init, .run = run_ps,
	.format_type = &ps_row_type, .flags = COMMAND_IN_USERNS,
};

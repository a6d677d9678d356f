/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-pod-ps.c - `pod ps` and `pod inspect`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/pod.h"

struct pod_ps_params {
	struct strv filters;
	char *format, *sort;
	bool ids, names, status, latest, ns, no_trunc, noheading, quiet;
};
#define P struct pod_ps_params

static const struct format_header headers[] = {
	{ "Id", "POD ID" }, { "ID", "POD ID" }, { "Name", "NAME" }, { "Status", "STATUS" }, { "Labels", "LABELS" },
	{ "NumberOfContainers", "# OF CONTAINERS" }, { "Created", "CREATED" }, { "InfraID", "INFRA ID" },
	{ "ContainerIds", "IDS" }, { "ContainerNames", "NAMES" }, { "ContainerStatuses", "STATUS" }, { "Cgroup", "CGROUP" },
	{ "Namespace", "NAMESPACES" }, { "Restarts", "RESTARTS" }, {}
};

static int default_format(const struct pod_ps_params *p, struct buf *to, struct error *err)
{
	buf_add_str(to, "table {{.Id}}\t{{.Name}}\t{{.Status}}\t{{.Created}}\t{{.InfraID}}");
	if (p->ids)
		buf_add_str(to, "\t{{.ContainerIds}}");
	if (p->names)
		buf_add_str(to, "\t{{.ContainerNames}}");
	if (p->status)
		buf_add_str(to, "\t{{.ContainerStatuses}}");
	if (p->ns)
		buf_add_str(to, "\t{{.Cgroup}}\t{{.Namespace}}");
	if (!p->ids && !p->names && !p->status)
		buf_add_str(to, "\t{{.NumberOfContainers}}");
	return buf_ok(to, "format", err);
}

static int run_ps(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct pod_ps_params *p = params;
	const struct pod_ps_options o = { .filters = &p->filters, .sort = p->sort, .latest = p->latest, .no_trunc = p->no_trunc };
	CLEANUP(pod_rows_done) struct pod_rows rows = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT), fallback = BUF_INIT(4096);
	struct engine *e;

	(void)args;
	if (p->quiet && p->format)
		return fail(err, ERROR_INVALID, "quiet and format cannot be used together");
	TRY(default_format(p, &fallback, err));
	TRY(cli_engine(cli, &e, err));
	TRY(pod_ps(e, &o, &rows, err));
	const struct format_request rq = { .name = "pod ps", .format = p->format, .fallback = p->quiet ? "{{.Id}}" : fallback.data,
					   .noheading = p->noheading, .headers = headers, .type = &pod_row_type, .json_indent = 2 };
	struct value v = pod_rows_value(&rows);
	TRY(format_rows(&rq, &v, &out, err));
	return text_print(&out, "pods", err);
}

static const struct field ps_rows[] = {
	{ .cli = "ctr-ids", F_BOOL(P, ids), .help = "Show the containers' IDs" },
	{ .cli = "ctr-names", F_BOOL(P, names), .help = "Show the containers' names" },
	{ .cli = "ctr-status", F_BOOL(P, status), .help = "Show the containers' states" },
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "stringArray", .complete = "pod-filters",
	  .help = "Show only pods that match (key=value, repeatable)" },
	{ .cli = "format", F_STR(P, format), .arg = "string", .help = "Show JSON, or what a Go template makes of each pod" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest pod this program knows" },
	{ .cli = "namespace", MORE(.aliases = "ns"), F_BOOL(P, ns), .help = "Show what is shared" },
	{ .cli = "no-trunc", MORE(.aliases = "notruncate"), F_BOOL(P, no_trunc), .help = "Do not shorten ids" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "Leave the column headings out" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show ids only" },
	{ .cli = "sort", F_STR(P, sort), .arg = "string", .fallback = "created", .complete = "pod-sort",
	  .help = "Sort output by created, id, name, number or status" },
	{}
};
#undef P

const struct command cmd_pod_ps = {
	.summary = "List pods", .description = "Shows the pods, the newest first.",
	.examples = "--ctr-names --ctr-status\n--filter status=running --quiet\n--format '{{.Name}} {{.Status}}'",
	.groups = (const struct command_rows[]){ { ps_rows, 0 }, {} }, .params_size = sizeof(struct pod_ps_params),
	.run = run_ps, .format_type = &pod_row_type, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect ---- */
struct pod_inspect_params {
	char *format;
	bool latest;
};

struct documents {
	struct json_object **v;
	size_t n;
};

static void documents_done(struct documents *d)
{
	for (size_t i = 0; i < d->n; i++)
		json_object_put(d->v[i]);
	free(d->v);
}

static int load_one(struct engine *e, const char *name, struct json_object **ret, struct error *err)
{
	auto_pod *p = NULL;

	TRY(name ? pod_find(e, name, &p, err) : pod_latest(e, &p, err));
	return pod_inspect(p, ret, err);
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct pod_inspect_params *p = params;
	CLEANUP(documents_done) struct documents d = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;
	size_t n = p->latest ? 1 : args->n;

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and pods cannot be used together");
	if (!n)
		return fail(err, ERROR_INVALID, "you must provide the name or id of a running pod");
	TRY(cli_engine(cli, &e, err));
	d.v = calloc(n, sizeof(*d.v));
	autofree struct value *v = calloc(n, sizeof(*v));
	if (!d.v || !v)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct error why = {};
		if (load_one(e, p->latest ? NULL : args->v[i], &d.v[d.n], &why) < 0) {
			cli_note_error(cli, &why);
			continue;
		}
		v[d.n] = value_document(&pod_schema, d.v[d.n]);
		d.n++;
	}
	const struct format_request rq = { .name = "pod inspect", .format = p->format };
	struct value list = value_list(v, d.n);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "pods", err);
}

/* For completion alone: what is shown is a document. */
static int member(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	(void)self, (void)c, (void)err;
	*ret = value_nil();
	return 0;
}
#define MEMBER(name) { name, member }
static const struct value_method inspect_members[] = {
	MEMBER("ID"), MEMBER("Name"), MEMBER("Namespace"), MEMBER("Created"), MEMBER("CreateCommand"), MEMBER("ExitPolicy"),
	MEMBER("State"), MEMBER("Hostname"), MEMBER("Labels"), MEMBER("CreateCgroup"), MEMBER("CgroupParent"), MEMBER("CgroupPath"),
	MEMBER("CreateInfra"), MEMBER("InfraContainerID"), MEMBER("InfraConfig"), MEMBER("SharedNamespaces"), MEMBER("NumContainers"),
	MEMBER("Containers"), MEMBER("CPUPeriod"), MEMBER("CPUQuota"), MEMBER("CPUShares"), MEMBER("CPUSetCPUs"), MEMBER("CPUSetMems"),
	MEMBER("Mounts"), MEMBER("Devices"), MEMBER("BlkioDeviceReadBps"), MEMBER("BlkioDeviceWriteBps"), MEMBER("VolumesFrom"),
	MEMBER("SecurityOpts"), MEMBER("MemoryLimit"), MEMBER("MemorySwap"), MEMBER("BlkioWeight"), MEMBER("BlkioWeightDevice"),
	MEMBER("RestartPolicy"), MEMBER("LockNumber"), {}
};
#undef MEMBER
static const struct value_type inspect_type = { .name = "define.InspectPodData", .methods = inspect_members };

static const struct field inspect_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct pod_inspect_params, format), .arg = "string", .fallback = "json",
	  .help = "Show JSON, or what a Go template makes of it" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(struct pod_inspect_params, latest),
	  .help = "Act on the latest pod this program knows" },
	{}
};

const struct command cmd_pod_inspect = {
	.summary = "Show a pod's configuration and state as JSON",
	.description = "Shows everything the engine knows of pods, by name or ID.", .args = "POD [POD...]", .max_args = ARGS_ANY,
	.examples = "web\n--format '{{.State}} {{.NumContainers}}' web",
	.groups = (const struct command_rows[]){ { inspect_rows, 0 }, {} }, .params_size = sizeof(struct pod_inspect_params),
	.format_type = &inspect_type,
	.run = run_inspect, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

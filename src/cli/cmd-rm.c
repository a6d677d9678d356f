/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-rm.c - `rm`. Exit codes: 1 a container does not exist and nothing else failed, 2 one is running. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/selection.h"
#include "engine/pod.h"

struct rm_params {
	struct selection_params s;
	int64_t seconds;
	bool force, volumes, depend, storage;
};
#define P struct rm_params

struct removal {
	struct cli *cli;
	const struct rm_params *p;
	unsigned failures, missing, running;
};

static void rm_init(void *params)
{
	((struct rm_params *)params)->seconds = INT64_MIN;
}

static void count(struct removal *r, const struct error *e)
{
	r->failures++;
	r->missing += e->kind == ERROR_NOT_FOUND;
	r->running += e->kind == ERROR_STATE;
	cli_note_error(r->cli, e);
}

static void not_found(void *arg, const char *name, const struct error *e)
{
	struct error own = *e;

	if (e->kind == ERROR_NOT_FOUND)
		fail(&own, ERROR_NOT_FOUND, "no container with ID or name \"%s\" found: no such container", name);
	count(arg, &own);
}

/* --depend on what holds a pod's namespaces: everything of the pod depends on it. 1: done. */
static int remove_pod_of(struct removal *r, const struct ctr *c, const struct ctr_remove_options *o, struct error *err)
{
	auto_pod *pod = NULL;
	auto_strv removed = {};
	const struct pod_remove_options how = { .force = o->force || o->depend, .timeout = o->timeout, .removed = &removed };
	struct error lost;

	(void)r;
	if (!c->at.record.infra || !o->depend || !c->at.record.pod || pod_find(c->engine, c->at.record.pod, &pod, &lost) < 0)
		return 0;
	TRY(pod_remove(pod, &how, NULL, err));
	for (size_t i = 0; i < removed.n; i++)
		puts(removed.v[i]);
	return 1;
}

static void remove_all(struct removal *r, struct ctr_list *list, const struct strv *names)
{
	struct ctr_remove_options o = { .force = r->p->force, .volumes = r->p->volumes, .depend = r->p->depend };

	if (r->p->seconds != INT64_MIN)
		o.timeout = (struct opt_uint){ true, r->p->seconds < 0 ? UINT64_MAX : (uint64_t)r->p->seconds };
	o.volumes |= r->p->s.all && r->p->force;
	for (size_t i = 0; i < list->n; i++) {
		struct ctr *c = list->v[i];
		auto_strv removed = {};
		struct error failed;
		const char *shown = c->id;
		for (size_t j = 0; j < names->n; j++)
			if (streq(names->v[j], c->at.record.name) || str_after(c->id, names->v[j]))
				shown = names->v[j];
		autofree char *name = strdup(shown);
		int pod = remove_pod_of(r, c, &o, &failed);
		if (pod < 0)
			count(r, &failed);
		if (pod || (c->at.record.infra && r->p->s.all))
			continue;
		if (ctr_remove(c, &o, &removed, &failed) < 0) {
			/* with --all a dependent may have taken it along */
			if (!(failed.kind == ERROR_NOT_FOUND && (r->p->s.all || r->p->depend || r->p->s.ignore)))
				count(r, &failed);
			continue;
		}
		for (size_t j = 0; j + 1 < removed.n; j++)
			puts(removed.v[j]);
		puts(name ? name : c->id);
	}
}

/* Containers that others depend on come last. */
static void order_by_dependency(struct ctr_list *list)
{
	struct error ignored;

	for (size_t i = 0; i < list->n; i++)
		for (size_t j = i + 1; j < list->n; j++) {
			if (ctr_load(list->v[j], &ignored) < 0 || !strv_has(&list->v[j]->config.depends, list->v[i]->id))
				continue;
			struct ctr *c = list->v[i];
			list->v[i] = list->v[j];
			list->v[j] = c;
		}
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct rm_params *p = params;
	struct removal r = { .cli = cli, .p = p };
	auto_ctr_list list = {};
	struct engine *e;
	const struct ctr_selection s = {
		.names = args, .cid_files = &p->s.cid_files, .filters = &p->s.filters, .all = p->s.all, .latest = p->s.latest,
		.ignore = p->s.ignore || p->force,
	};

	if (p->seconds != INT64_MIN && !p->force)
		return fail(err, ERROR_INVALID, "--force option must be specified to use the --time option");
	TRY(selection_check(&p->s, args, err));
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_select(e, &s, &list, not_found, &r, err));
	order_by_dependency(&list);
	remove_all(&r, &list, args);
	if (!r.failures)
		return 0;
	return r.missing == r.failures ? 1 : r.running ? 2 : 125;
}

static const struct field rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s), SELECTION_CIDFILE(P, s),
	/* without -f, which is --force here */
	{ .cli = "filter", F_STRV(P, s.filters), .arg = "filter", .complete = "ps-filters",
	  .help = "Choose containers by conditions (key=value)" },
	{ .cli = "depend", F_BOOL(P, depend), .help = "Delete also containers that depend on it" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Stop the container first if it runs" },
	{ .cli = "ignore", .abbr = 'i', F_BOOL(P, s.ignore), .help = "Containers that do not exist are no error" },
	{ .cli = "time", MORE(.aliases = "timeout"), .abbr = 't', F_INT(P, seconds), .arg = "int", .fallback = "10",
	  .help = "Seconds between the stop signal and SIGKILL" },
	{ .cli = "volumes", .abbr = 'v', F_BOOL(P, volumes), .help = "Delete the container's anonymous volumes, too" },
	{ .cli = "storage", F_BOOL(P, storage), .flags = FIELD_HIDDEN, .help = "Accepted for old scripts" },
	{}
};

const struct command cmd_rm = {
	.summary = "Delete containers",
	.description = "Deletes containers with their files; images stay. One that runs needs --force.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--force --time 2 web\n--filter status=exited",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .init = rm_init, .run = run_rm,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/selection.h"

#include <stdio.h>

int selection_check(const struct selection_params *p, const struct strv *names, struct error *err)
{
	if (p->all && p->latest)
		return fail(err, ERROR_INVALID, "--all and --latest cannot be used together");
	if (p->filters.n && names->n)
		return fail(err, ERROR_INVALID, "--filter takes no arguments");
	if (p->all && p->cid_files.n)
		return fail(err, ERROR_INVALID, "--all and --cidfile cannot be used together");
	if (p->latest && p->cid_files.n)
		return fail(err, ERROR_INVALID, "--cidfile and --latest cannot be used together");
	if (p->latest && names->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (p->all && names->n)
		return fail(err, ERROR_INVALID, "no arguments are needed with --all");
	if (!names->n && !p->all && !p->latest && !p->cid_files.n && !p->filters.n)
		return fail(err, ERROR_INVALID, "you must provide at least one name or id");
	return 0;
}

static void note(void *arg, const char *name, const struct error *e)
{
	(void)name;
	cli_note_error(arg, e);
}

/* What the user called it, to be printed back; the id for those found by other means. */
static const char *given_name(const struct selection_call *call, const struct ctr *c)
{
	for (size_t i = 0; call->names && i < call->names->n; i++) {
		const char *n = call->names->v[i];
		if (streq(n, c->at.record.name) || str_after(c->id, n))
			return n;
	}
	return call->params->all || call->params->filters.n || call->params->latest ? c->id : c->id;
}

int selection_run(struct cli *cli, const struct selection_call *call, struct error *err)
{
	const struct selection_params *p = call->params;
	const struct ctr_selection s = {
		.names = call->names, .cid_files = &p->cid_files, .filters = &p->filters, .all = p->all, .latest = p->latest,
		.ignore = p->ignore, .running_only = call->running_only && p->all,
	};
	auto_ctr_list list = {};
	struct engine *e;

	if (!call->filter_names)
		TRY(selection_check(p, call->names, err));
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_select(e, &s, &list, note, cli, err));
	for (size_t i = 0; i < list.n; i++) {
		struct error failed;
		int done = call->act(list.v[i], call->arg, &failed);
		if (done < 0)
			cli_note_error(cli, &failed);
		else if (call->print && done != SELECTION_PASSED)
			puts(given_name(call, list.v[i]));
	}
	return 0;
}

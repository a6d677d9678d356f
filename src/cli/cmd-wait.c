/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-wait.c - `wait`. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/cli.h"
#include "engine/container.h"

struct wait_params {
	struct strv conditions;
	char *interval;
	bool first, ignore, latest;
};
#define P struct wait_params

static int parse_conditions(const struct strv *words, unsigned *ret, struct error *err)
{
	*ret = 0;
	for (size_t i = 0; i < words->n; i++) {
		unsigned bit = 0;
		for (int k = 0; ctr_condition_names[k]; k++)
			if (streq(ctr_condition_names[k], words->v[i]))
				bit = 1u << k;
		if (!bit)
			return fail(err, ERROR_INVALID, "unknown container state: %s: invalid argument", words->v[i]);
		*ret |= bit;
	}
	return 0;
}

/* "250", without a unit, are milliseconds. */
static int parse_interval(const char *text, int64_t *ret, struct error *err)
{
	autofree char *ms = NULL;
	struct error ignored;

	if (!text) {
		*ret = 250000000;
		return 0;
	}
	if (duration_parse(text, ret, err) == 0)
		return 0;
	TRY(str_printf(&ms, err, "%sms", text));
	return duration_parse(ms, ret, &ignored) == 0 ? 0 : duration_parse(text, ret, err);
}

/* NULL in the list: --ignore and not there. */
static int find_all(struct engine *e, const struct wait_params *p, const struct strv *names, struct ctr_list *ret,
		    struct error *err)
{
	size_t n = p->latest ? 1 : names->n;

	ret->v = calloc(n, sizeof(*ret->v));
	if (!ret->v)
		return fail_oom(err);
	for (; ret->n < n; ret->n++) {
		const char *name = p->latest ? NULL : names->v[ret->n];
		int r = name ? ctr_find(e, *name == '/' ? name + 1 : name, &ret->v[ret->n], err)
			     : ctr_latest(e, &ret->v[ret->n], err);
		if (r < 0 && !(p->ignore && err->kind == ERROR_NOT_FOUND))
			return -1;
	}
	return 0;
}

static int wait_each(struct cli *cli, const struct ctr_list *l, unsigned conditions, int64_t interval)
{
	for (size_t i = 0; i < l->n; i++) {
		struct error err = {};
		int64_t code = -1;

		if (l->v[i] && ctr_wait(l->v[i], conditions, interval, &code, &err) < 0)
			cli_note_error(cli, &err);
		else
			printf("%" PRId64 "\n", code);
	}
	return 0;
}

/* Until the first of them meets a condition; then ctr_wait() has nothing to wait for. */
static int wait_first(const struct ctr_list *l, unsigned conditions, int64_t interval, struct error *err)
{
	const unsigned ended = 1u << WAIT_STOPPED | 1u << WAIT_EXITED, want = conditions ? conditions : ended;
	const useconds_t nap = interval > 0 && interval < 50000000 ? (useconds_t)(interval / 1000) : 50000;
	int64_t code;

	for (;;) {
		bool any = false;
		for (size_t i = 0; i < l->n; i++) {
			if (!l->v[i])
				continue;
			any = true;
			TRY(ctr_sync(l->v[i], err));
			if (!(ctr_conditions(l->v[i]) & want))
				continue;
			TRY(ctr_wait(l->v[i], conditions, interval, &code, err));
			printf("%" PRId64 "\n", code);
			return 0;
		}
		if (!any)
			return fail(err, ERROR_NOT_FOUND, "none of the containers exists: no such container");
		usleep(nap);
	}
}

static int run_wait(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct wait_params *p = params;
	auto_ctr_list list = {};
	struct engine *e;
	unsigned conditions;
	int64_t interval;

	TRY(parse_interval(p->interval, &interval, err));
	if (!p->latest && !args->n)
		return fail(err, ERROR_INVALID, "\"%s\" requires a name, id, or the \"--latest\" flag", cli->path);
	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	TRY(parse_conditions(&p->conditions, &conditions, err));
	TRY(cli_engine(cli, &e, err));
	TRY(find_all(e, p, args, &list, err));
	return p->first ? wait_first(&list, conditions, interval, err) : wait_each(cli, &list, conditions, interval);
}

static const struct field rows[] = {
	{ .cli = "condition", F_CSV(P, conditions), .arg = "strings", .complete = "wait-conditions",
	  .help = "Condition to wait for, e.g. running, stopped, healthy (default stopped)" },
	{ .cli = "exit-first-match", F_BOOL(P, first),
	  .help = "Wait for the first container that meets a condition only" },
	{ .cli = "ignore", F_BOOL(P, ignore), .help = "Answer -1 for containers that do not exist" },
	{ .cli = "interval", .abbr = 'i', F_STR(P, interval), .arg = "string", .fallback = "250ms",
	  .help = "Longest time between two looks at the container" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{}
};

const struct command cmd_wait = {
	.summary = "Wait until containers reach a state and print their exit codes",
	.description = "Waits for the containers one after the other and prints the exit code of each.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--condition healthy web",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_wait,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

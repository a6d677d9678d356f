/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-stats.c - `stats` and `pod stats`: on a terminal the table stays in its place and fits it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/stats-screen.h"
#include "cli/text.h"
#include "engine/pod.h"

struct stats_params {
	char *format;
	bool all, latest, no_reset, no_stream, no_trunc;
	int64_t interval;
};
#define P struct stats_params

struct samples {
	struct stats_row *v;
	size_t n;
};

static void samples_done(struct samples *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].per_cpu.v);
	}
	free(s->v);
	*s = (struct samples){};
}

/* Which containers: looked up anew for every sample, they come and go. */
struct watched {
	struct engine *e;
	const P *p;
	const struct strv *names;
	bool pods, screen;   /* screen: one frame over the other */
};

static int choose_pods(const struct watched *w, struct ctr_list *ret, struct error *err);

static int choose(const struct watched *w, struct ctr_list *ret, struct error *err)
{
	if (w->pods)
		return choose_pods(w, ret, err);
	if (!w->names->n && !w->p->latest)
		return ctr_list(w->e, ret, err);
	for (size_t i = 0; i < w->names->n; i++) {
		auto_ctr *c = NULL;
		TRY(ctr_find(w->e, w->names->v[i] + (w->names->v[i][0] == '/'), &c, err));
		TRY(ctr_list_add(ret, &c, err));
	}
	if (!w->p->latest)
		return 0;
	auto_ctr *c = NULL;
	TRY(ctr_latest(w->e, &c, err));
	return ctr_list_add(ret, &c, err);
}

static const struct stats_row *find_before(const struct samples *before, const char *id)
{
	for (size_t i = 0; i < before->n; i++)
		if (streq(before->v[i].id, id))
			return &before->v[i];
	return NULL;
}

static void remember(struct stats_row *r, const struct stats_row *old)
{
	size_t n = old ? old->n_past : 0, drop = n == STATS_PAST;

	if (n)
		memcpy(r->past, old->past + drop, (n - drop) * sizeof(r->past[0]));
	r->n_past = n - drop;
	r->past[r->n_past++] = (float)r->s.cpu;
}

static int sample(const struct watched *w, const struct samples *before, bool first, struct samples *ret, struct error *err)
{
	auto_ctr_list l = {};
	struct error why;

	TRY(choose(w, &l, err));
	ret->v = calloc(l.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return fail_oom(err);
	for (size_t i = 0; i < l.n; i++) {
		struct ctr *c = l.v[i];
		struct stats_row *r = &ret->v[ret->n];
		const struct stats_row *old = find_before(before, c->id);
		if (ctr_stats(c, old ? &old->s : NULL, &r->s, &why) < 0) {
			bool named = w->names->n && !w->pods && first;
			if (named || (why.kind != ERROR_STATE && why.kind != ERROR_UNSUPPORTED && why.kind != ERROR_NOT_FOUND)) {
				*err = why;
				return -1;
			}
			continue;
		}
		snprintf(r->id, sizeof(r->id), "%s", c->id);
		snprintf(r->pod, sizeof(r->pod), "%s", c->at.record.pod ? c->at.record.pod : "");
		r->full_ids = w->p->no_trunc;
		remember(r, old);
		if (w->p->format && strstr(w->p->format, "PerCPU"))
			TRY(ctr_stats_per_cpu(c, &r->per_cpu, err));
		TRY(str_set(&r->name, c->at.record.name, err));
		ret->n++;
	}
	return 0;
}

static const struct format_header headers[] = {
	{ "UpTime", "CPU TIME" }, { "CPUPerc", "CPU %" }, { "AVGCPU", "AVG CPU %" }, { "MemUsage", "MEM USAGE / LIMIT" },
	{ "MemUsageBytes", "MEM USAGE / LIMIT" }, { "MemPerc", "MEM %" }, { "NetIO", "NET IO" }, { "BlockIO", "BLOCK IO" },
	{ "PIDS", "PIDS" }, { "Pod", "POD" }, { "CID", "CID" }, { "CPU", "CPU %" }, { "Mem", "MEM %" }, {}
};

static int show(const struct watched *w, const struct samples *s, struct error *err)
{
	const struct value_type *type = w->pods ? &pod_stats_row_type : &stats_row_type;
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	autofree struct value *rows = calloc(s->n + 1, sizeof(*rows));

	if (!rows)
		return fail_oom(err);
	for (size_t i = 0; i < s->n; i++)
		rows[i] = value_struct(type, &s->v[i]);
	const struct format_request rq = {
		.name = "stats", .format = w->p->format, .type = type, .headers = headers, .json_indent = 1,
		.fallback = w->pods ?
			"table {{.Pod}}\t{{.CID}}\t{{.Name}}\t{{.CPU}}\t{{.MemUsage}}\t{{.Mem}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}" :
			"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.UpTime}}\t"
			"{{.AVGCPU}}",
	};
	struct value list = value_list(rows, s->n);
	TRY(format_rows(&rq, &list, &out, err));
	if (w->screen)
		fputs("\033[H\033[J", stdout);
	TRY(text_print(&out, "statistics", err));
	return fflush(stdout) == EOF ? fail_errno(err, "write") : 0;
}

/* Our own table fits the window; a format is the user's business. */
static int draw(const struct watched *w, const struct samples *s, struct error *err)
{
	auto_buf frame = BUF_INIT(BUF_MAX_DEFAULT);
	struct screen_look look;

	if (!w->screen || w->p->format)
		return show(w, s, err);
	look = screen_look();
	stats_frame(&frame, &look, s->v, s->n, w->pods);
	TRY(buf_ok(&frame, "statistics", err));
	return screen_show(&frame, err);
}

/* Until the next sample is due. */
static int stay(const struct watched *w, const struct samples *s, struct error *err)
{
	int64_t until = time_monotonic() + w->p->interval * NSEC_PER_SEC;

	while (screen_wait(until))
		TRY(draw(w, s, err));
	return 0;
}

static int watch(const struct watched *w, struct error *err)
{
	CLEANUP(samples_done) struct samples before = {};

	for (bool first = true;; first = false) {
		struct samples now = {};
		int r = sample(w, &before, first, &now, err);
		if (r == 0)
			r = draw(w, &now, err);
		if (r == 0 && !w->p->no_stream)
			r = stay(w, &now, err);
		samples_done(&before);
		before = now;
		if (r < 0 || w->p->no_stream)
			return r;
	}
}

static int run(struct cli *cli, const P *p, struct strv *args, bool pods, struct error *err)
{
	struct watched w = { .p = p, .names = args, .pods = pods };

	if (p->all + p->latest + (args->n > 0) > 1)
		return fail(err, ERROR_INVALID, "--all, --latest and %s cannot be used together", pods ? "arguments" : "containers");
	if (p->interval < 1 || p->interval > 86400)
		return fail(err, ERROR_INVALID, "invalid interval, must be a positive number greater zero");
	TRY(cli_engine(cli, &w.e, err));
	w.screen = !p->no_reset && !p->no_stream && screen_begin();
	return watch(&w, err);
}

static int run_stats(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return run(cli, params, args, false, err);
}

static void init(void *params)
{
	((P *)params)->interval = 5;
}

#define COMMON                                                                                                    \
	{ .cli = "no-reset", F_BOOL(P, no_reset), .help = "Do not clear the screen between samples" },              \
	{ .cli = "no-stream", F_BOOL(P, no_stream), .help = "Show one sample and leave" }
static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "All containers (running ones have numbers)" },
	{ .cli = "format", F_STR(P, format), .arg = "template", .help = "JSON or a Go template" },
	{ .cli = "interval", .abbr = 'i', F_INT(P, interval), .arg = "seconds", .fallback = "5", .help = "Seconds between samples" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "no-trunc", F_BOOL(P, no_trunc), .help = "Do not truncate output" }, COMMON, {}
};

const struct command cmd_stats = {
	.summary = "Show what containers use, live",
	.description = "Shows what running containers use: CPU, memory, network, disks, processes.",
	.args = "[CONTAINER...]", .max_args = ARGS_ANY, .params_size = sizeof(P), .init = init, .run = run_stats,
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .format_type = &stats_row_type,
	.examples = "--all --no-stream\nweb\n--no-stream --format \"table {{.ID}} {{.Name}} {{.MemUsage}}\" web",
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

/* ---- pods ---- */
static bool is_of(const struct ctr *c, const struct strv *ids)
{
	return c->at.record.pod && (!ids->n || strv_has(ids, c->at.record.pod));
}

static int choose_pods(const struct watched *w, struct ctr_list *ret, struct error *err)
{
	auto_ctr_list all = {};
	auto_strv ids = {};

	for (size_t i = 0; i < w->names->n; i++) {
		auto_pod *pod = NULL;
		TRY(pod_find(w->e, w->names->v[i], &pod, err));
		TRY(strv_add(&ids, pod->config.id, err));
	}
	if (w->p->latest) {
		auto_pod *pod = NULL;
		TRY(pod_latest(w->e, &pod, err));
		TRY(strv_add(&ids, pod->config.id, err));
	}
	TRY(ctr_list(w->e, &all, err));
	for (size_t i = 0; i < all.n; i++)
		if (is_of(all.v[i], &ids))
			TRY(ctr_list_add(ret, &all.v[i], err));
	return 0;
}

static int run_pod_stats(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return run(cli, params, args, true, err);
}

static const struct field pod_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "All pods" },
	{ .cli = "format", F_STR(P, format), .arg = "template", .help = "JSON or a Go template" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest pod this program knows" }, COMMON, {}
};

const struct command cmd_pod_stats = {
	.summary = "Show what the containers of pods use, live",
	.description = "Shows what the running containers of pods use: CPU, memory, network, disks, processes.",
	.args = "[POD...]", .max_args = ARGS_ANY, .params_size = sizeof(P), .init = init, .run = run_pod_stats,
	.groups = (const struct command_rows[]){ { pod_rows, 0 }, {} }, .format_type = &pod_stats_row_type,
	.examples = "--no-stream mypod\n-a --no-stream --format json", .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

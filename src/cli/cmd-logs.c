/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-logs.c - `logs`. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/cli.h"
#include "engine/container.h"
#include "engine/logs.h"
#include "engine/pod.h"
#include "monitor/protocol.h"
#include "os/file.h"

#define OUTPUT_FULL 32768

struct logs_params {
	char *since, *until, *container;
	int64_t tail;
	bool colour, details, follow, latest, names, timestamps;
};
#define P struct logs_params

static void init_logs(void *params)
{
	((struct logs_params *)params)->tail = -1;
}

/* What is printed, in one buffer for both streams: 2>&1 keeps their order. */
struct printer {
	struct log_style *styles;   /* one for each container */
	struct buf out;
	bool is_stderr;             /* what `out` holds */
};

static int flush(void *arg, struct error *err)
{
	struct printer *p = arg;
	int r = file_write_all(p->is_stderr ? STDERR_FILENO : STDOUT_FILENO, p->out.data, p->out.len, err);

	buf_truncate(&p->out, 0);
	return r < 0 ? fail_wrap(err, "write logs") : 0;
}

static int print_line(void *arg, size_t source, const struct log_line *line, struct error *err)
{
	struct printer *p = arg;

	if (p->out.len && (p->is_stderr != line->is_stderr || p->out.len > OUTPUT_FULL))
		TRY(flush(p, err));
	p->is_stderr = line->is_stderr;
	log_line_print(line, &p->styles[source], &p->out);
	return buf_ok(&p->out, "log line", err);
}

/* A container and how we hear of its end. */
struct subject {
	struct ctr *c;
	struct logs_source *source;
	int wake;      /* a monitor's client that waits for EXIT; -1 */
	bool ended;
	char short_id[13];
};

static void listen_for_end(struct subject *s)
{
	autofree char *path = NULL;
	struct error none;

	if (ctr_run_dir(s->c, &path, &none) < 0)
		return;
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || monitor_connect(dir, MONITOR_SOCKET_NAME, &s->wake, &none) <= 0)
		return;
	if (monitor_hello(s->wake, MONITOR_ROLE_WAIT, NULL, NULL, &none) < 0)
		close(take_fd(s->wake));
}

/* The monitor has written everything before it tells the exit. If it vanished without a word, looking at the container
 * gives it a new one, and the log goes on. */
static bool is_running(void *arg)
{
	struct subject *s = arg;
	struct monitor_exit x;
	struct error none;
	int r = s->wake >= 0 ? monitor_wait(s->wake, 0, &x, &none) : -1;

	if (r == 0)
		return true;
	s->ended |= r > 0;
	if (s->ended)
		return false;
	if (s->wake >= 0)
		close(take_fd(s->wake));
	if (ctr_sync(s->c, &none) < 0 ||
	    !(ctr_conditions(s->c) & (1u << WAIT_RUNNING | 1u << WAIT_PAUSED | 1u << WAIT_STOPPING)))
		return false;
	listen_for_end(s);
	s->source->wake_fd = s->wake;
	return true;
}

/* Podman follows the journal by its events there; who asks for both says so in vain there, and scripts look for that. */
static int check_backend(const struct ctr *c, const struct logs_params *p, enum logs_driver driver, struct error *err)
{
	const char *backend = c->engine->opt.events_backend;

	if (!p->follow || driver != LOGS_JOURNALD || !backend || streq(backend, "journald"))
		return 0;
	return fail(err, ERROR_INVALID, "using --follow with the journald --log-driver but without the journald --events-backend (%s) "
		    "is not supported", backend);
}

static int make_source(struct subject *s, const struct logs_params *p, struct logs_source *ret, struct error *err)
{
	struct ctr *c = s->c;

	s->source = ret;
	TRY(ctr_load(c, err));
	*ret = (struct logs_source){ .id = c->id, .name = c->at.record.name, .path = c->config.log_path,
				     .is_running = is_running, .arg = s };
	TRY(logs_driver_parse(c->params.log.driver, &ret->driver, err));
	TRY(check_backend(c, p, ret->driver, err));
	if (p->follow)
		listen_for_end(s);
	ret->wake_fd = s->wake;
	return 0;
}

struct job {
	struct subject *subjects;
	struct logs_source *sources;
	struct log_style *styles;
	size_t n;
};

static void job_done(struct job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		ctr_free(j->subjects[i].c);
		close_p(&j->subjects[i].wake);
	}
	free(j->subjects);
	free(j->sources);
	free(j->styles);
}

static int find_all(struct engine *e, const struct logs_params *p, const struct strv *names, struct job *j,
		    struct error *err)
{
	size_t n = p->latest ? 1 : names->n;

	j->subjects = calloc(n, sizeof(*j->subjects));
	j->sources = calloc(n, sizeof(*j->sources));
	j->styles = calloc(n, sizeof(*j->styles));
	if (!j->subjects || !j->sources || !j->styles)
		return fail_oom(err);
	for (; j->n < n; j->n++) {
		struct subject *s = &j->subjects[j->n];
		const char *name = p->latest ? NULL : names->v[j->n];
		s->wake = -1;
		TRY(name ? ctr_find(e, *name == '/' ? name + 1 : name, &s->c, err) : ctr_latest(e, &s->c, err));
		snprintf(s->short_id, sizeof(s->short_id), "%.12s", s->c->id);
	}
	for (size_t i = 0; i < n; i++) {
		TRY(make_source(&j->subjects[i], p, &j->sources[i], err));
		j->styles[i] = (struct log_style){
			.prefix = n < 2 ? NULL : p->names ? j->sources[i].name : j->subjects[i].short_id,
			.timestamps = p->timestamps, .colour = p->colour, .colour_number = (unsigned)i,
		};
	}
	return 0;
}

static int make_options(const struct logs_params *p, struct logs_options *ret, struct error *err)
{
	*ret = (struct logs_options){ .tail = p->tail, .follow = p->follow, .stop_fd = -1 };
	if (p->since && time_parse(p->since, time_now(), &ret->since_ns, err) < 0)
		return fail_wrap(err, "parsing --since \"%s\"", p->since);
	if (p->until && until_parse(p->until, &ret->until_ns, err) < 0)
		return fail_wrap(err, "parsing --until \"%s\"", p->until);
	return 0;
}

static int print_logs(struct engine *e, const struct logs_params *p, const struct strv *names, struct error *err)
{
	CLEANUP(job_done) struct job j = {};
	struct logs_options options;

	TRY(make_options(p, &options, err));
	TRY(find_all(e, p, names, &j, err));
	struct printer printer = { .styles = j.styles, .out = BUF_INIT((size_t)16 << 20) };
	const struct logs_output out = { .line = print_line, .flush = flush, .arg = &printer };
	int r = logs_read(j.sources, j.n, &options, &out, err);
	buf_done(&printer.out);
	return r;
}

static int run_logs(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct logs_params *p = params;
	struct engine *e;

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (!p->latest && !args->n)
		return fail(err, ERROR_INVALID, "specify at least one container name or ID to log");
	TRY(cli_engine(cli, &e, err));
	return print_logs(e, p, args, err);
}

/* ---- of a pod ---- */
static int choose_members(struct pod *pod, const char *wanted, const char *given, struct strv *ret, struct error *err)
{
	auto_ctr_list members = {};

	TRY(pod_containers(pod, &members, err));
	for (size_t i = 0; i < members.n; i++)
		if (!wanted || streq(members.v[i]->at.record.name, wanted) || str_after(members.v[i]->id, wanted))
			TRY(strv_add(ret, members.v[i]->id, err));
	if (wanted && !ret->n)
		return fail(err, ERROR_NOT_FOUND, "container %s is not in pod %s: no such container", wanted, given);
	return 0;
}

static int run_pod_logs(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct logs_params p = *(const struct logs_params *)params;
	auto_pod *pod = NULL;
	auto_strv ids = {};
	struct engine *e;

	if (p.latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and pods cannot be used together");
	if (!p.latest && !args->n)
		return fail(err, ERROR_INVALID, "specify at least one pod name or ID to log");
	if (p.container && !*p.container)
		return fail(err, ERROR_INVALID, "-c or --container cannot be empty: invalid argument");
	TRY(cli_engine(cli, &e, err));
	TRY(p.latest ? pod_latest(e, &pod, err) : pod_find(e, args->v[0], &pod, err));
	TRY(choose_members(pod, p.container, args->n ? args->v[0] : pod->config.name, &ids, err));
	p.latest = false;
	return ids.n ? print_logs(e, &p, &ids, err) : 0;
}

static const struct field rows[] = {
	{ .cli = "color", F_BOOL(P, colour), .help = "Show each container in a color of its own" },
	{ .cli = "details", F_BOOL(P, details), .help = "Accepted, changes nothing", .flags = FIELD_HIDDEN },
	{ .cli = "follow", .abbr = 'f', F_BOOL(P, follow), .help = "Go on with new lines until the container ends" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "names", .abbr = 'n', F_BOOL(P, names), .help = "Show the container's name instead of its id" },
	{ .cli = "since", F_STR(P, since), .arg = "string", .help = "Show lines since TIMESTAMP (or a duration ago)" },
	{ .cli = "tail", F_INT(P, tail), .arg = "int", .fallback = "-1",
	  .help = "Show so many LINES from the end; -1: all" },
	{ .cli = "timestamps", .abbr = 't', F_BOOL(P, timestamps), .help = "Show the time of each line" },
	{ .cli = "until", F_STR(P, until), .arg = "string", .help = "Leave out lines written after TIMESTAMP" },
	{}
};

static const struct field pod_rows[] = {
	{ .cli = "container", .abbr = 'c', F_STR(P, container), .arg = "string", .complete = "containers",
	  .help = "Show this container of the pod only" },
	{}
};

const struct command cmd_pod_logs = {
	.summary = "Print or follow the output of a pod's containers",
	.description = "Prints what the containers of a pod wrote, each line with the container's id in front.",
	.args = "POD", .max_args = 1, .examples = "--tail 20 web\n--follow --container db web",
	.groups = (const struct command_rows[]){ { rows, 0 }, { pod_rows, 0 }, {} }, .params_size = sizeof(P), .init = init_logs,
	.run = run_pod_logs, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_logs = {
	.summary = "Print or follow container output",
	.description = "Prints what the containers wrote to their standard output and error.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY,
	.examples = "--tail 20 web\n--follow --since 10m --names web db",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .init = init_logs,
	.run = run_logs, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

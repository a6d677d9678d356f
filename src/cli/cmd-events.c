/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-events.c - `events`. */
#include <stdio.h>

#include "base/format.h"
#include "cli/cli.h"
#include "engine/event.h"
#include "engine/events.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

struct events_params {
	struct strv filters;
	char *format, *since, *until;
	bool no_trunc, stream;
};
#define P struct events_params

static void init_events(void *params)
{
	struct events_params *p = params;

	p->stream = p->no_trunc = true;
}

static int format_json(const struct event *ev, struct buf *out, struct error *err)
{
	auto_json *tree = NULL;

	TRY(event_save(ev, &tree, err));
	json_format(out, tree, 0);
	buf_add_char(out, '\n');
	return 0;
}

static int print_event(void *arg, const struct event *ev, struct error *err)
{
	const struct events_params *p = arg;
	const struct value row = value_structs(&event_value_type, ev, 1, sizeof(*ev));
	const struct format_request rq = { .name = "events", .format = p->format, .type = &event_value_type };
	auto_buf out = BUF_INIT(LINE_MAX_BYTES);

	if (!p->format) {
		event_print(ev, !p->no_trunc, &out);
		buf_add_char(&out, '\n');
	} else {
		TRY(format_is_json(p->format) ? format_json(ev, &out, err) : format_rows(&rq, &row, &out, err));
	}
	TRY(buf_ok(&out, "event", err));
	if (fwrite(out.data, 1, out.len, stdout) != out.len || (p->stream && fflush(stdout) != 0))
		return fail_errno(err, "write events");
	return 0;
}

/* A bad template is told before the first event comes. */
static int check_format(const struct events_params *p, struct error *err)
{
	const struct value none = value_structs(&event_value_type, NULL, 0, sizeof(struct event));
	const struct format_request rq = { .name = "events", .format = p->format, .type = &event_value_type };
	auto_buf out = BUF_INIT(LINE_MAX_BYTES);

	return !p->format || format_is_json(p->format) ? 0 : format_rows(&rq, &none, &out, err);
}

static int run_events(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct events_params *p = params;
	const struct events_query q = {
		.filters = p->filters, .since = p->since, .until = p->until, .stream = p->stream, .stop_fd = -1};
	autofree char *path = NULL;
	struct events events;
	struct engine *e;

	TRY(check_format(p, err));
	TRY(cli_engine(cli, &e, err));
	TRY(engine_events(e, &events, &path, err));
	return events_read(&events, &q, print_event, p, err);
}

static const struct field rows[] = {
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "stringArray", .complete = "event-filters",
	  .help = "Show only events that match (key=value, repeatable)" },
	{ .cli = "format", F_STR(P, format), .arg = "string",
	  .help = "Show JSON, or what a Go template makes of each event" },
	{ .cli = "no-trunc", F_BOOL(P, no_trunc), .fallback = "true", .help = "Do not shorten ids" },
	{ .cli = "since", F_STR(P, since), .arg = "string", .help = "Show events since TIMESTAMP (or a duration ago)" },
	{ .cli = "stream", F_BOOL(P, stream), .fallback = "true", .help = "Go on with new events" },
	{ .cli = "until", F_STR(P, until), .arg = "string", .help = "Leave out what happened after TIMESTAMP" },
	{}
};

const struct command cmd_events = {
	.summary = "Print the event history and follow new events",
	.description = "Prints what happens to containers, images, volumes and so on. Earlier events are shown with "
		       "--since and "
		       "--until.",
	.examples = "--since 1h --until 10m\n"
		    "--filter container=web --filter event=died\n"
		    "--format '{{.Time}} {{.Name}} {{.Status}}'",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} },
	.params_size = sizeof(P),
	.init = init_events,
	.run = run_events,
	.format_type = &event_value_type,
};

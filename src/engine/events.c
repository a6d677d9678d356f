/* SPDX-License-Identifier: Apache-2.0
 * Events: which backend, which events. */
#include "engine/events.h"

#include <ctype.h>

#include "base/units.h"
#include "engine/events-impl.h"
#include "engine/logs.h"

static const char *backend_name(const struct events *e)
{
	return e->backend ? e->backend : "file";
}

int events_write(const struct events *e, const struct event *ev, struct error *err)
{
	struct event now = *ev;

	if (!now.time_ns)
		now.time_ns = time_now();
	if (streq(backend_name(e), "none"))
		return 0;
	if (streq(backend_name(e), "journald"))
		return events_journal_write(&now, err);
	return events_file_write(e, &now, err);
}

/* ---- filters ---- */

static bool is_object(const struct event *ev, enum event_type type, const char *value)
{
	return ev->type == type && (streq0(ev->name, value) || (ev->id && str_after(ev->id, value)));
}

#define OBJECT(word, kind)                                                             \
	static int match_##word(const void *o, const char *value, struct error *err)   \
	{                                                                              \
		return is_object(o, kind, value);                                      \
	}                                                                              \
	_Static_assert(1, "needs a semicolon")
OBJECT(container, EVENT_CONTAINER);
OBJECT(image, EVENT_IMAGE);
OBJECT(artifact, EVENT_ARTIFACT);
OBJECT(pod, EVENT_POD);

static int match_volume(const void *o, const char *value, struct error *err)
{
	const struct event *ev = o;

	return ev->type == EVENT_VOLUME && ev->name && str_after(ev->name, value);
}

static int match_status(const void *o, const char *value, struct error *err)
{
	const struct event *ev = o;

	return streq(event_status_name(ev->status), streq(value, "die") ? "died" : value);   /* Docker says die */
}

static int match_type(const void *o, const char *value, struct error *err)
{
	return streq(event_type_name(((const struct event *)o)->type), value);
}

static int match_event_label(const void *o, const char *value, struct error *err)
{
	const struct strmap *m = ((const struct event *)o)->attributes;
	const char *eq = strchr(value, '=');

	for (size_t i = 0; m && i < m->n; i++) {
		size_t n = strlen(m->v[i].key);
		if (eq ? n == (size_t)(eq - value) && memcmp(m->v[i].key, value, n) == 0 && streq(m->v[i].value, eq + 1)
		       : streq(m->v[i].key, value))
			return 1;
	}
	return 0;
}

static const struct filter_key filter_keys[] = {
	{ .name = "container", .match = match_container }, { .name = "image", .match = match_image },
	{ .name = "artifact", .match = match_artifact },   { .name = "pod", .match = match_pod },
	{ .name = "volume", .match = match_volume },       { .name = "event", .match = match_status },
	{ .name = "status", .match = match_status },       { .name = "type", .match = match_type },
	{ .name = "label", .match = match_event_label },   {},
};

/* Keys in any case: "Event=start". */
static int add_filter(struct filters *f, const char *text, struct error *err)
{
	autofree char *lower = NULL;

	TRY(str_set(&lower, text, err));
	for (char *p = lower; *p && *p != '='; p++)
		*p = (char)tolower((unsigned char)*p);
	return filters_add(f, filter_keys, lower, err);
}

int event_offer(struct event_reader *r, const struct event *ev, struct error *err)
{
	if ((r->since_ns && ev->time_ns <= r->since_ns) || (r->until_ns && ev->time_ns >= r->until_ns))
		return 0;
	int match = filters_match(&r->filters, ev, err);
	return match <= 0 ? match : r->sink(r->arg, ev, err);
}

static int reader_init(struct event_reader *r, const struct events_query *q, struct error *err)
{
	r->query = q;
	r->begin_ns = time_now();
	for (size_t i = 0; i < q->filters.n; i++)
		TRY(add_filter(&r->filters, q->filters.v[i], err));
	if (!str_empty(q->since) && time_parse(q->since, r->begin_ns, &r->since_ns, err) < 0)
		return fail_wrap(err, "unable to convert since time of %s", q->since);
	if (!str_empty(q->until) && until_parse(q->until, &r->until_ns, err) < 0)
		return fail_wrap(err, "unable to convert until time of %s", q->until);
	return 0;
}

int events_read(const struct events *e, const struct events_query *q,
		int (*sink)(void *arg, const struct event *ev, struct error *err), void *arg, struct error *err)
{
	struct event_reader r = { .sink = sink, .arg = arg };
	int result = reader_init(&r, q, err);

	if (result < 0)
		fail_wrap(err, "failed to parse event filters");
	if (result == 0 && streq(backend_name(e), "none"))
		result = fail(err, ERROR_UNSUPPORTED, "cannot read events with the \"none\" backend");
	else if (result == 0 && streq(backend_name(e), "journald"))
		result = events_journal_read(&r, err);
	else if (result == 0)
		result = events_file_read(e, &r, err);
	filters_done(&r.filters);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/event.h"

#include <unistd.h>

static const char *backend_of(const struct engine *e)
{
	const char *word = e->opt.events_backend ? e->opt.events_backend : e->conf.engine.events_logger;

	if (!str_empty(word))
		return word;
	return !e->paths.rootless && access("/run/systemd/journal/socket", W_OK) == 0 ? "journald" : "file";
}

int engine_events(const struct engine *e, struct events *ret, char **ret_path, struct error *err)
{
	const char *backend = backend_of(e), *path = e->conf.engine.events_logfile_path;
	autofree char *own = NULL;

	if (!streq(backend, "file") && !streq(backend, "journald") && !streq(backend, "none"))
		return fail(err, ERROR_INVALID,
			    "unknown events backend \"%s\", choose from: file, journald, none: invalid argument", backend);
	if (streq(backend, "file"))
		TRY(str_empty(path) ? path_join(&own, e->state, "events.log", err) : str_set(&own, path, err));
	*ret = (struct events){ .backend = backend, .path = own, .max_size = e->conf.engine.events_logfile_max_size };
	*ret_path = take_ptr(own);
	return 0;
}

void engine_event(const struct engine *e, const struct event *event)
{
	autofree char *path = NULL;
	struct error err = {};
	struct events events;

	if (engine_events(e, &events, &path, &err) < 0 || events_write(&events, event, &err) < 0)
		log_debug(e->log, "Failed to write event: %s", err.text);
}

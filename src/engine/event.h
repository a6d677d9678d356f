/* SPDX-License-Identifier: Apache-2.0
 * engine/event.h - writing events with the engine's configuration.
 * Owns nothing; engine/events.h has the backends. Allocates. */
#pragma once
#include "engine/engine.h"
#include "engine/events.h"

/* Where this engine's events are: backend by --events-backend, containers.conf, else journald where it runs and file
 * where not. *ret_path owns the file's name that *ret borrows (NULL for other backends). */
int engine_events(const struct engine *e, struct events *ret, char **ret_path, struct error *err);
/* Writes one event. Never fails a command: what goes wrong is logged (debug). */
void engine_event(const struct engine *e, const struct event *event);

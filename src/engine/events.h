/* SPDX-License-Identifier: Apache-2.0
 * engine/events.h - what happened to containers, images, ...: written, kept, filtered, followed.
 *
 * Backends: "file" (JSON lines in Podman's format, one O_APPEND write each under a shared lock of the file; when it
 * would get larger than its limit the newer half moves to a new file between two log-rotation events, and a follower
 * sees every event once), "journald" (native protocol; read through journalctl), "none". Writing an event never fails a
 * command: callers ignore the result or log it.
 * A struct events is a few words and opens nothing before it is used. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "base/filter.h"
#include "base/value.h"

enum event_type {
	EVENT_CONTAINER, EVENT_IMAGE, EVENT_ARTIFACT, EVENT_NETWORK, EVENT_POD, EVENT_SYSTEM, EVENT_VOLUME,
	EVENT_MACHINE, EVENT_SECRET, EVENT_TYPE_MAX
};
enum event_status {
	EVENT_ATTACH, EVENT_AUTO_UPDATE, EVENT_BUILD, EVENT_CHECKPOINT, EVENT_CLEANUP, EVENT_COMMIT, EVENT_COPY,
	EVENT_CREATE, EVENT_EXEC, EVENT_EXEC_DIED, EVENT_DIED, EVENT_EXPORT, EVENT_HEALTH_STATUS, EVENT_HISTORY,
	EVENT_IMPORT, EVENT_INIT, EVENT_KILL, EVENT_LOAD, EVENT_MOUNT, EVENT_CONNECT, EVENT_DISCONNECT, EVENT_PAUSE,
	EVENT_PRUNE, EVENT_PULL, EVENT_PULL_ERROR, EVENT_PUSH, EVENT_REFRESH, EVENT_REMOVE, EVENT_RENAME,
	EVENT_RENUMBER, EVENT_RESTART, EVENT_RESTORE, EVENT_ROTATE, EVENT_SAVE, EVENT_START, EVENT_STOP, EVENT_SYNC,
	EVENT_TAG, EVENT_UNMOUNT, EVENT_UNPAUSE, EVENT_UNTAG, EVENT_UPDATE, EVENT_STATUS_MAX
};
const char *event_type_name(enum event_type t);
const char *event_status_name(enum event_status s);

struct event {
	enum event_type type;
	enum event_status status;
	int64_t time_ns;                /* Unix; 0 when writing: now */
	const char *id, *name, *image, *network, *pod_id, *error;
	const char *health_status, *health_log;
	int64_t health_failing_streak;
	struct opt_int exit_code;
	struct opt_bool oom_killed;
	const struct strmap *attributes;   /* labels and so on */
	const char *inspect_data;          /* JSON text of a verbose create event */
};

struct events {
	const char *backend;     /* "file", "journald", "none"; NULL: file */
	const char *path;        /* file backend */
	int64_t max_size;        /* bytes; <= 0: never rotated */
};

int events_write(const struct events *e, const struct event *ev, struct error *err);

struct events_query {
	struct strv filters;     /* "key=value" */
	const char *since, *until;   /* as given; NULL */
	bool stream;             /* wait for new ones (until `until`) */
	int stop_fd;             /* readable: end; -1: none */
};
/* Calls sink for each event that passes, oldest first; the event is borrowed for the call. Without since and until a
 * stream starts with new events only. sink < 0 ends with *err. */
int events_read(const struct events *e, const struct events_query *q,
		int (*sink)(void *arg, const struct event *ev, struct error *err), void *arg, struct error *err);
/* The line `podman events` prints, without newline. */
void event_print(const struct event *ev, bool truncate, struct buf *out);
/* The JSON object of --format json and of the API (libpod's). New reference. */
int event_save(const struct event *ev, struct json_object **ret, struct error *err);
/* For --format templates: value_struct(&event_value_type, ev). */
extern const struct value_type event_value_type;

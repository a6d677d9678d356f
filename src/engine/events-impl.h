/* SPDX-License-Identifier: Apache-2.0
 * engine/events-impl.h - what engine/event*.c share. Internal. */
#pragma once
#include "base/buf.h"
#include "base/json.h"
#include "engine/events.h"

int event_type_find(const char *name, enum event_type *ret);        /* 1; 0: unknown */
int event_status_find(const char *name, enum event_status *ret);

/* An event read back; owns what the event borrows. */
struct event_read {
	struct event event;
	struct json_object *tree;
	struct strmap attributes;
};
void event_read_done(struct event_read *e);
#define auto_event_read CLEANUP(event_read_done) struct event_read

/* The line of the file backend, without newline (Podman's format). */
void event_format_line(const struct event *ev, struct buf *out);
/* 1: *ret (to be done); 0: no event (garbage, a type of the future). */
int event_parse_line(const char *line, size_t len, struct event_read *ret);
/* One journal entry. 1; 0: not an event. */
int event_parse_journal(const char *entry, size_t len, struct event_read *ret, struct error *err);

/* A query made ready: compiled filters, times as numbers. */
struct event_reader {
	const struct events_query *query;
	struct filters filters;
	int64_t since_ns, until_ns;   /* 0: none */
	int64_t begin_ns;             /* when reading began */
	int (*sink)(void *arg, const struct event *ev, struct error *err);
	void *arg;
};
/* Passes the event on if it matches. */
int event_offer(struct event_reader *r, const struct event *ev, struct error *err);

int events_file_write(const struct events *e, const struct event *ev, struct error *err);
int events_file_read(const struct events *e, struct event_reader *r, struct error *err);
int events_journal_write(const struct event *ev, struct error *err);
int events_journal_read(struct event_reader *r, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * base/log.h - log lines as logrus writes them, on one descriptor.
 *
 *   time="2026-11-22T21:40:01+01:00" level=warning msg="no such thing" container=abc
 *   WARN[0003] no such thing                                             (stderr is a terminal)
 *
 * The threshold lives in a struct log that the edge (cli/, api/, the small programs) makes and hands down by const
 * pointer; there is no global. Code below the edge may hold such a pointer and warn through it, it never chooses
 * level or destination. A NULL log swallows everything. One write(2) a line, no stdio, no heap: usable after fork().
 * Secrets never go into a log at any level. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum log_level { LOG_LEVEL_PANIC, LOG_LEVEL_FATAL, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE, LOG_LEVEL_MAX };

struct log {
	int fd;                /* where lines go, normally 2; borrowed */
	enum log_level level;  /* lines above it are dropped */
	bool terminal;         /* the short form instead of key=value */
	bool color;            /* ANSI colour in the short form */
	bool to_syslog;        /* a copy to syslog(3) (--syslog) */
	int64_t start;         /* time_monotonic() at start, for the short form */
};

#define LOG_INIT ((struct log){ .fd = 2, .level = LOG_LEVEL_WARN })

/* Looks whether fd is a terminal and whether NO_COLOR is set (no_color: the environment's value, may be NULL). */
void log_init(struct log *l, int fd, const char *no_color);
/* trace debug info warn warning error fatal panic, any case. -1 and ERROR_INVALID: not a valid level. */
int log_level_parse(const char *s, enum log_level *ret, struct error *err);

static inline bool log_on(const struct log *l, enum log_level level)
{
	return l && level <= l->level;
}
void log_printf(const struct log *l, enum log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* One plain line at warning level: sentences about a command's result that scripts know without time and level. */
void log_notice(const struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As log_printf with further key=value pairs: const char * key, value, ..., NULL. */
void log_pairs(const struct log *l, enum log_level level, const char *msg, ...) __attribute__((sentinel));

/* Arguments are evaluated only when the level is on. */
#define log_error(l, ...) (log_on(l, LOG_LEVEL_ERROR) ? log_printf(l, LOG_LEVEL_ERROR, __VA_ARGS__) : (void)0)
#define log_warn(l, ...)  (log_on(l, LOG_LEVEL_WARN) ? log_printf(l, LOG_LEVEL_WARN, __VA_ARGS__) : (void)0)
#define log_info(l, ...)  (log_on(l, LOG_LEVEL_INFO) ? log_printf(l, LOG_LEVEL_INFO, __VA_ARGS__) : (void)0)
#define log_debug(l, ...) (log_on(l, LOG_LEVEL_DEBUG) ? log_printf(l, LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)

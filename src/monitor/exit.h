/* SPDX-License-Identifier: Apache-2.0
 * monitor/exit.h - the exit record: the one file that says how a container ended.
 *
 * "exit.json" in the container's run-time directory (for everyone, gone with a reboot) and, unless the container is
 * transient, the same in its store directory (fsynced, with its directory, before anyone is told). One line:
 *     {"exit_code":137,"signal":9,"oom":true,"timed_out":false,"started_ns":...,"finished_ns":...}
 * exit_code -1: unknown. Written by umiak-monitor; the engine removes it when the container starts again.
 * No allocation: usable anywhere. */
#pragma once
#include <stddef.h>

#include "base/error.h"
#include "monitor/protocol.h"

#define EXIT_RECORD_NAME "exit.json"
#define EXIT_RECORD_MAX 256

/* Writes the line with its newline into out; returns its length. */
size_t exit_record_format(const struct monitor_exit *e, char out[EXIT_RECORD_MAX]);
/* Parses what exit_record_format() wrote, members in any order. */
int exit_record_parse(const char *text, size_t len, struct monitor_exit *ret, struct error *err);
/* 1: *ret read; 0: no record. */
int exit_record_read(int dirfd, const char *name, struct monitor_exit *ret, struct error *err);
/* Writes the record atomically; durable: file and directory are fsynced. Returns 0 or -errno. */
int exit_record_write(int dirfd, const char *name, const struct monitor_exit *e, bool durable);

/* SPDX-License-Identifier: Apache-2.0
 * engine/logs-impl.h - what engine/logs*.c share. Internal. */
#pragma once
#include "base/buf.h"
#include "engine/journal.h"
#include "engine/logs.h"

/* Filters by since and until, then calls the sink. 1: delivered or left out; 0: past until, no later line counts. */
int logs_deliver(const struct logs_output *out, const struct logs_options *o, size_t source, const struct log_line *l,
		 struct error *err);

/* One entry of the export format; false: it is no container's line. Text borrowed from data. */
bool logs_journal_parse(const char *data, size_t len, struct log_line *ret);

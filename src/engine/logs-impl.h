/* SPDX-License-Identifier: Apache-2.0
 * engine/logs-impl.h - what engine/logs*.c share. Internal. */
#pragma once
#include "base/buf.h"
#include "engine/journal.h"
#include "engine/logs.h"

/* One entry of the export format; false: it is no container's line. Text borrowed from data. */
bool logs_journal_parse(const char *data, size_t len, struct log_line *ret);

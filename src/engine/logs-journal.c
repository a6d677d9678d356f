/* SPDX-License-Identifier: Apache-2.0
 * A journal entry as a container's line. */
#include <time.h>

#include "base/units.h"
#include "engine/logs-impl.h"

bool logs_journal_parse(const char *data, size_t len, struct log_line *ret)
{
	struct log_line l = {};
	struct journal_field f;
	struct tm tm;

	for (size_t used = 0, n; (n = journal_field_parse(data + used, len - used, &f)) > 0 && f.name_len > 0;
	     used += n) {
		if (journal_field_is(&f, "MESSAGE")) {
			l.text = f.value;
			l.len = f.value_len;
		} else if (journal_field_is(&f, "PRIORITY")) {
			l.is_stderr = journal_field_number(&f) == 3;
		} else if (journal_field_is(&f, "CONTAINER_PARTIAL_MESSAGE")) {
			l.partial = true;
		} else if (journal_field_is(&f, "__REALTIME_TIMESTAMP")) {
			int64_t us = journal_field_number(&f);
			l.time_ns = us < INT64_MAX / 1000 ? us * 1000 : 0;
		}
	}
	if (!l.text || l.time_ns <= 0)
		return false;
	time_t t = l.time_ns / NSEC_PER_SEC;
	l.offset_s = localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
	*ret = l;
	return true;
}

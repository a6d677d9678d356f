/* SPDX-License-Identifier: Apache-2.0
 * fuzz-event: lines of an event log, printed and written again; and the same bytes as journal export entries (events
 * and container lines). */
#include <stdint.h>
#include <string.h>

#include "engine/events-impl.h"
#include "engine/logs-impl.h"

static void check_line(const char *line, size_t len)
{
	auto_event_read e = {}, again = {};
	auto_buf out = BUF_INIT(1 << 22);
	auto_json *tree = NULL;
	struct error err;

	if (event_parse_line(line, len, &e) == 0)
		return;
	event_print(&e.event, true, &out);
	if (event_save(&e.event, &tree, &err) < 0)
		__builtin_trap();
	event_format_line(&e.event, &out);
	if (event_parse_line(out.data, out.len, &again) != 1 || again.event.status != e.event.status)
		__builtin_trap();
}

static void check_journal(const char *data, size_t len)
{
	size_t n;

	for (; (n = journal_entry_length(data, len)) > 0; data += n, len -= n) {
		auto_event_read e = {};
		struct log_line l;
		struct error err;

		logs_journal_parse(data, n, &l);
		event_parse_journal(data, n, &e, &err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	check_journal(at, size);
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at);

		check_line(at, len);
		at += len + 1;
	}
	return 0;
}

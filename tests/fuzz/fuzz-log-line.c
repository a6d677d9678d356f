/* SPDX-License-Identifier: Apache-2.0
 * fuzz-log-line: lines of container logs (what a hostile container wrote): parsed, printed, and read back. */
#include <stdint.h>
#include <string.h>

#include "base/own.h"
#include "engine/log-line.h"

static void check(const char *line, size_t len, struct buf *scratch)
{
	const struct log_style style = { .prefix = "web", .timestamps = true };
	auto_buf out = BUF_INIT(1 << 20);
	struct log_line l, again;
	char stamp[40];

	if (log_line_parse(line, len, scratch, &l) == 0)
		return;
	log_line_print(&l, &style, &out);
	/* What was understood can be written and understood again. */
	auto_buf text = BUF_INIT(1 << 20);
	buf_addf(&text, "%s %s %c ", log_time_format(l.time_ns, l.offset_s, stamp), l.is_stderr ? "stderr" : "stdout",
		 l.partial ? 'P' : 'F');
	buf_add(&text, l.text, l.len);
	if (l.time_ns > 0 && log_line_parse(text.data, text.len, scratch, &again) == 1 && again.time_ns != l.time_ns)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	auto_buf scratch = BUF_INIT(1 << 20), other = BUF_INIT(1 << 20);

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at);
		struct log_line l;

		check(at, len, &scratch);
		log_line_parse(at, len, &other, &l);
		at += len + 1;
	}
	return 0;
}

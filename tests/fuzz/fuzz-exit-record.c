/* SPDX-License-Identifier: Apache-2.0
 * fuzz-exit-record: how a container ended; what was read is written and read again. The same bytes as detach keys. */
#include <stdint.h>
#include <string.h>

#include "engine/attach.h"
#include "monitor/exit.h"

static void check_keys(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	uint8_t out[64 + DETACH_KEYS_MAX];
	struct detach_keys k;
	struct error err;
	size_t n;

	if (!text || detach_keys_parse(text, &k, &err) < 0)
		return;
	if (!detach_keys_feed(&k, data, size < 64 ? size : 64, out, &n) && n + k.matched < (size < 64 ? size : 64))
		__builtin_trap();   /* typed bytes were lost */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct monitor_exit e, again;
	char text[EXIT_RECORD_MAX];
	struct error err;

	check_keys(data, size);
	if (exit_record_parse((const char *)data, size, &e, &err) < 0)
		return 0;
	if (exit_record_parse(text, exit_record_format(&e, text), &again, &err) < 0 || again.finished_ns != e.finished_ns ||
	    again.exit_code != e.exit_code)
		__builtin_trap();
	return 0;
}

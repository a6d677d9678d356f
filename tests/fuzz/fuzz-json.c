/* SPDX-License-Identifier: Apache-2.0
 * The JSON reader and writer: what was accepted must read back as the same text. */
#include <assert.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {};
	auto_json *o = NULL, *again = NULL;
	auto_buf out = BUF_INIT((size_t)64 << 20), second = BUF_INIT((size_t)64 << 20);

	if (json_parse("fuzz", (const char *)data, size, NULL, &o, &err) < 0)
		return 0;
	json_format(&out, o, size % 5);
	assert(json_parse("again", out.data, out.len, &(struct json_limits){ .max_bytes = (size_t)64 << 20 }, &again, &err) == 0);
	json_format(&second, again, size % 5);
	assert(out.len == second.len && memcmp(out.data, second.data, out.len) == 0);
	return 0;
}

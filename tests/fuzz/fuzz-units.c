/* SPDX-License-Identifier: Apache-2.0
 * Durations, sizes and times; what was read as a duration prints as text that reads back the same. */
#include <assert.h>

#include "base/str.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	struct error err = {};
	char shown[64];
	int64_t n, again;

	if (!text)
		return 0;
	if (duration_parse(text, &n, &err) == 0) {
		assert(duration_parse(duration_format(n, shown), &again, &err) == 0 && again == n);
		duration_human(n, shown);
	}
	if (size_parse(text, &n, &err) == 0) {
		size_format(n, shown);
		size_format_binary(n, shown);
	}
	if (time_parse(text, INT64_C(1700000000) * NSEC_PER_SEC, &n, &err) == 0) {
		time_format_go(n, shown);
		assert(time_parse(time_format_rfc3339(n, shown), 0, &again, &err) < 0 || again == n);
	}
	return 0;
}

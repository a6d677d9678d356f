/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions and labels of --filter: the first line is the pattern, the rest the text. */
#include "base/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	struct strmap_entry entry = { (char *)"io.app", (char *)"web" };
	struct strmap labels = { &entry, 1 };
	struct error err = {};
	char *end;

	if (!text || size > 300)
		return 0;
	end = strchrnul(text, '\n');
	const char *rest = *end ? end + 1 : "a web server";
	*end = '\0';
	match_regex(text, rest, &err);
	match_id(text, "0123456789abcdef", &err);
	match_label(text, &labels);
	return 0;
}

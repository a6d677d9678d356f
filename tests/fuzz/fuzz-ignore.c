/* SPDX-License-Identifier: Apache-2.0
 * fuzz-ignore: the first line is a path, the rest an ignore file. Without exceptions what is pruned is pruned below, too. */
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"
#include "build/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size), *below = NULL;
	auto_ignore *ig = NULL;
	struct error err = {};

	if (!text || ignore_new(&ig, &err) < 0)
		return 0;
	size_t n = strcspn(text, "\n");
	const char *rest = text[n] ? text + n + 1 : "";
	text[n] = '\0';
	if (ignore_parse(ig, "I", rest, strlen(rest), &err) < 0)
		return 0;
	bool clean = *text && *text != '/' && !strstr(text, "//") && !str_ends(text, "/") && n < 1000 && !strchr(rest, '!');
	if (clean && ignore_check(ig, text) == IGNORE_PRUNE) {
		if (str_printf(&below, &err, "%s/a/b", text) == 0 && ignore_check(ig, below) != IGNORE_PRUNE)
			abort();
	}
	(void)ignore_glob(rest, text);
	return 0;
}

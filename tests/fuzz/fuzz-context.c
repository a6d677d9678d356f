/* SPDX-License-Identifier: Apache-2.0
 * fuzz-context: addresses of contexts and of ADD: what is accepted can be no option and names nothing above. */
#include <stdint.h>
#include <stdlib.h>

#include "build/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	auto_git_address g = {};
	struct error err = {};

	if (!text)
		return 0;
	(void)add_source_kind(text);
	if (git_address_parse(text, &g, &err) != 1)
		return 0;
	if (!g.remote || *g.remote == '-' || (g.ref && (*g.ref == '-' || !*g.ref)))
		abort();
	if (g.subdir && (*g.subdir == '/' || str_after(g.subdir, "../") || streq(g.subdir, "..") || strstr(g.subdir, "/../")))
		abort();
	return 0;
}

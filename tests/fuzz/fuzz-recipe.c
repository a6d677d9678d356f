/* SPDX-License-Identifier: Apache-2.0 - recipes of tars: any bytes are items inside the text, an error or the end. */
#include <stdint.h>
#include <stdlib.h>

#include "image/tar-recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct recipe_cursor c = { .at = bytes, .end = bytes + len };
	struct recipe_item i;
	struct error err;
	int n;

	while ((n = recipe_next(&c, &i, &err)) > 0)
		if (i.at < 0 || i.len < 0 || (i.n && (i.bytes < bytes || i.n > (size_t)(bytes + len - i.bytes))))
			abort();
	if (n < 0 && err.kind != ERROR_CORRUPT)
		abort();
	return 0;
}

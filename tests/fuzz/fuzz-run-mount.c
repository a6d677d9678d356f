/* SPDX-License-Identifier: Apache-2.0
 * fuzz-run-mount: the text behind RUN --mount=. */
#include <stdint.h>

#include "build/containerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	auto_run_mount m = {};
	struct error err = {};

	if (text)
		(void)run_mount_parse(text, &m, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The TOML reader on any bytes; what it accepts must be a tree that can be written. */
#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT((size_t)64 << 20);
	struct error err = {};

	if (toml_parse("fuzz", (const char *)data, size, &tree, &err) < 0)
		return 0;
	json_format(&text, tree, 0);
	return 0;
}

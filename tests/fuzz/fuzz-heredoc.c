/* SPDX-License-Identifier: Apache-2.0
 * fuzz-heredoc: one instruction with its heredocs, as an ONBUILD trigger of an image comes in. */
#include <stdint.h>

#include "build/containerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	auto_instruction in = {};
	auto_run_script script = {};
	struct error err = {};

	if (!text || instruction_parse(text, size & 1 ? '`' : '\\', &in, &err) < 0)
		return 0;
	(void)instruction_script(&in, &script, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * fuzz-http-answer: what a plugin's socket may send; a whole answer stays the same one when the peer closes. */
#include <stdint.h>

#include "base/http-answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf body = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
	struct error err;
	int status = 0, same = 0;
	int r = http_answer_parse((const char *)data, size, false, &status, &body, &err);
	int last = http_answer_parse((const char *)data, size, true, &same, &again, &err);

	if (r == 1 && (last != 1 || status != same || body.len != again.len))
		__builtin_trap();
	return 0;
}

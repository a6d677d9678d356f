/* SPDX-License-Identifier: Apache-2.0 - worker messages: the first byte chooses the operation, the rest is its body. */
#include <stdint.h>
#include <stdlib.h>

#include "image/wire.h"
#include "image/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len < 1)
		return 0;
	const struct worker_op_info *info = &worker_ops[(bytes[0] >> 1) % OP_MAX];
	const struct field *rows = bytes[0] & 1 ? info->reply : info->request;
	autofree void *to = calloc(1, bytes[0] & 1 ? info->reply_size : info->request_size);
	struct error err;

	if (to && wire_decode(rows, bytes + 1, len - 1, to, &err) == 0)
		fields_done(rows, to);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 - gzip and zstd framing: any bytes end in output, an error or the end. */
#include <stdint.h>
#include <stdlib.h>

#include "worker/inflate.h"

#define OUT_MAX ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static uint8_t out[65536];
	auto_inflate *z = NULL;
	struct error err;
	size_t made = 0;

	if (inflate_new(compression_detect(bytes, len), &z, &err) < 0)
		return 0;
	struct inflate_io io = { .in = bytes, .in_len = len };
	do {
		size_t before = io.in_len;
		io.out = out;
		io.out_len = sizeof(out);
		if (inflate_run(z, &io, &err) < 0)
			return 0;
		made += sizeof(out) - io.out_len;
		if (io.in_len == before && io.out_len == sizeof(out))
			break;
	} while (made < OUT_MAX);
	inflate_end(z, &err);
	return 0;
}

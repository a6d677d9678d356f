/* SPDX-License-Identifier: Apache-2.0 - tables of contents of zstd:chunked blobs (plain text in, compressed here so that the
 * fuzzer gets past zstd), and footers. */
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>

#include "worker/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct chunked_units u = {};
	struct op_toc toc;
	struct error err;
	char packed[70000];

	chunked_footer(bytes, len, 1 << 20, &toc);
	chunked_parse(bytes, len, 4096, 1 << 20, &u, &err);
	chunked_units_done(&u);
	if (len > 65536)
		return 0;
	size_t n = ZSTD_compress(packed, sizeof(packed), bytes, len, 1);
	if (!ZSTD_isError(n) && chunked_parse(packed, n, (int64_t)len, 1 << 20, &u, &err) == 0) {
		int64_t at = 0;
		for (size_t i = 0; i < u.n; i++) {
			if (u.v[i].offset != at || u.v[i].size <= 0)
				abort();
			at += u.v[i].size;
		}
		if (at != 1 << 20)
			abort();
	}
	chunked_units_done(&u);
	return 0;
}

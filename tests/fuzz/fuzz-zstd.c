/* SPDX-License-Identifier: Apache-2.0 - zstd framing: frames, skippable frames (zstd:chunked ends in them), cuts anywhere.
 * The first byte says how small the pieces are that the stream comes in; the result must not depend on it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/inflate.h"

#define OUT_MAX ((size_t)1 << 20)

struct result {
	bool good;
	size_t n;
};

static bool feed(struct inflate *z, const uint8_t *bytes, size_t len, uint8_t *out, struct result *r, size_t room)
{
	struct inflate_io io = { .in = bytes, .in_len = len };
	struct error err;

	do {
		size_t before = io.in_len, some = OUT_MAX - r->n < room ? OUT_MAX - r->n : room;
		io.out = out + r->n;
		io.out_len = some;
		if (inflate_run(z, &io, &err) < 0)
			return false;
		r->n += some - io.out_len;
		if (io.in_len == before && io.out_len == some)
			break;
	} while (r->n < OUT_MAX);
	return io.in_len == 0;
}

static struct result run(const uint8_t *bytes, size_t len, size_t piece, uint8_t *out)
{
	auto_inflate *z = NULL;
	struct result r = { .good = true };
	struct error err;

	if (inflate_new(COMPRESSION_ZSTD, &z, &err) < 0)
		return (struct result){ 0 };
	for (size_t at = 0; r.good && at < len; at += piece)
		r.good = feed(z, bytes + at, len - at < piece ? len - at : piece, out, &r, piece < 64 ? 4096 : 65536);
	r.good = r.good && inflate_end(z, &err) == 0;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static uint8_t whole[OUT_MAX], pieces[OUT_MAX];

	if (len < 2)
		return 0;
	struct result a = run(bytes + 1, len - 1, len, whole), b = run(bytes + 1, len - 1, (size_t)bytes[0] % 67 + 1, pieces);
	if (a.n == OUT_MAX || b.n == OUT_MAX)
		return 0;
	if (a.good != b.good || (a.good && (a.n != b.n || memcmp(whole, pieces, a.n) != 0)))
		abort();
	return 0;
}

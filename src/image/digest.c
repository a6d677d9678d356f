/* SPDX-License-Identifier: Apache-2.0
 * image/digest.c - digests as text. */
#include "image/digest.h"

#include <string.h>

#include "base/str.h"

static const struct {
	const char *name;
	size_t size;
} algorithms[DIGEST_ALGORITHM_MAX] = {
	[DIGEST_SHA256] = { "sha256", 32 },
	[DIGEST_SHA384] = { "sha384", 48 },
	[DIGEST_SHA512] = { "sha512", 64 },
};

const char *digest_algorithm_name(enum digest_algorithm a)
{
	return algorithms[a].name;
}

size_t digest_size(enum digest_algorithm a)
{
	return algorithms[a].size;
}

/* Upper case is refused: two spellings of one digest would be two file names. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(const char *s, struct digest *ret)
{
	for (int a = 0; a < DIGEST_ALGORITHM_MAX; a++) {
		const char *hex = str_after(s, algorithms[a].name);
		if (!hex || *hex++ != ':')
			continue;
		if (strnlen(hex, 2 * DIGEST_BYTES_MAX + 1) != 2 * algorithms[a].size)
			return false;
		struct digest d = { .algorithm = (enum digest_algorithm)a };
		for (size_t i = 0; i < algorithms[a].size; i++) {
			int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);
			if (hi < 0 || lo < 0)
				return false;
			d.bytes[i] = (uint8_t)(hi << 4 | lo);
		}
		*ret = d;
		return true;
	}
	return false;
}

int digest_parse(const char *s, struct digest *ret, struct error *err)
{
	if (!parse(s, ret))
		return fail(err, ERROR_INVALID, "invalid digest \"%.80s\"", s);
	return 0;
}

bool digest_is_valid(const char *s)
{
	struct digest d;

	return s && parse(s, &d);
}

char *digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX])
{
	const char *name = algorithms[d->algorithm].name;
	size_t n = strlen(name);

	memcpy(out, name, n);
	out[n] = ':';
	hex_encode(d->bytes, algorithms[d->algorithm].size, out + n + 1);
	return out;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, digest_size(a->algorithm)) == 0;
}

const char *digest_hex(const char *s)
{
	return strchr(s, ':') + 1;
}

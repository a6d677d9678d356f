/* SPDX-License-Identifier: Apache-2.0 - the tar reader: every entry and all data of any bytes, in pieces of odd sizes. */
#include <stdint.h>
#include <string.h>

#include "image/tar.h"

struct input {
	const uint8_t *at;
	size_t left, piece;
};

static int next(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct input *in = data;
	size_t n = in->left < in->piece ? in->left : in->piece;

	(void)err;
	*ret = in->at;
	*ret_len = n;
	in->at += n;
	in->left -= n;
	return n > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const size_t pieces[] = { 512, 4096, 1, 777 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct input in = { bytes, len, pieces[i] };
		const struct tar_entry *e;
		const uint8_t *data;
		struct error err;
		auto_tar_reader *r = NULL;
		size_t n;
		int64_t at;
		if (tar_reader_new((struct tar_source){ .next = next, .data = &in }, &r, &err) < 0)
			return 0;
		while (tar_next(r, &e, &err) > 0) {
			volatile size_t sum = strlen(e->name) + strlen(e->link) + e->n_xattrs;
			while (tar_data_at(r, &at, &data, &n, &err) > 0)
				sum += (size_t)at + data[n - 1];
			(void)sum;
		}
	}
	return 0;
}

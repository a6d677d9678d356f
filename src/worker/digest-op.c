/* SPDX-License-Identifier: Apache-2.0
 * worker/digest-op.c - OP_DIGEST: the digest of a file or a range of it. */
#include "worker/hash.h"
#include "worker/input.h"
#include "worker/role.h"

#include "base/str.h"

int op_digest(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_digest *a = r->args;
	struct op_digested *ret = reply;
	char text[DIGEST_TEXT_MAX];
	const uint8_t *bytes;
	size_t len;
	bool fresh;
	int n;

	(void)w;
	if (r->n_fds != 1 || a->algorithm < 0 || a->algorithm >= DIGEST_ALGORITHM_MAX || a->offset < -1)
		return fail(err, ERROR_INVALID, "digest: bad request");
	auto_hash hash = {};
	TRY(hash_init(&hash, (enum digest_algorithm)a->algorithm, err));
	CLEANUP(input_done) struct input in = { .fd = r->fds[0], .offset = a->offset, .left = a->size, .head_fd = -1 };
	TRY(input_init(&in, err));
	while ((n = input_next(&in, &bytes, &len, &fresh, err)) > 0)
		hash_add(&hash, bytes, len);
	TRY(n);
	ret->bytes = in.total;
	return str_set(&ret->digest, hash_text(&hash, text), err);
}

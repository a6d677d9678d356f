/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/documents.h"

#include "conf/helpers.h"
#include "os/file.h"

void documents_done(struct documents *d)
{
	worker_free(d->worker);
	d->worker = NULL;
}

void described_done(struct op_described *d)
{
	fields_done(worker_ops[OP_DESCRIBE_MANIFEST].reply, d);
}

static int start(struct documents *d, struct error *err)
{
	autofree char *program = NULL;

	if (d->worker)
		return 0;
	TRY(helper_find("umiak-worker", &program, err));
	struct worker_options o = { .program = program, .root_fd = -1, .log = d->engine->log };
	return worker_start(WORKER_ARCHIVE, &o, &d->worker, err);
}

int documents_ask(struct documents *d, enum worker_op op, const void *request, const void *bytes, size_t len, void *reply,
		  struct error *err)
{
	autoclose int fd = bytes ? file_memfd_data("umiak-document", bytes, len, err) : -1;

	if (bytes && fd < 0)
		return -1;
	TRY(start(d, err));
	return worker_call(d->worker, op, request, &fd, fd >= 0 ? 1 : 0, reply, NULL, err);
}

int documents_describe(struct documents *d, const void *bytes, size_t len, const char *media_type, const char *digest,
		       struct op_described *ret, struct error *err)
{
	struct op_describe q = { .digest = (char *)(uintptr_t)digest, .media_type = (char *)(uintptr_t)media_type };

	TRY(documents_ask(d, OP_DESCRIBE_MANIFEST, &q, bytes, len, ret, err));
	if (digest_is_valid(ret->digest))
		return 0;
	described_done(ret);
	return fail(err, ERROR_CORRUPT, "the worker's answer makes no sense");
}

int documents_digest(struct documents *d, int fd, char ret[DIGEST_TEXT_MAX], int64_t *ret_size, struct error *err)
{
	struct op_digest q = { .algorithm = DIGEST_SHA256, .size = -1 };
	struct op_digested a = {};

	TRY(start(d, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	TRY(worker_call(d->worker, OP_DIGEST, &q, &fd, 1, &a, NULL, err));
	int r = digest_is_valid(a.digest) ? 0 : fail(err, ERROR_CORRUPT, "the worker's answer makes no sense");
	if (r == 0)
		snprintf(ret, DIGEST_TEXT_MAX, "%s", a.digest);
	if (ret_size)
		*ret_size = a.bytes;
	fields_done(worker_ops[OP_DIGEST].reply, &a);
	return r;
}

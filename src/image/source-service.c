/* SPDX-License-Identifier: Apache-2.0
 * image/source-service.c - what a source's workers do besides images: digests, tag lists, plain downloads. */
#include <string.h>

#include "image/repository.h"
#include "image/source-internal.h"
#include "os/file.h"

int source_digest(struct source *s, const void *bytes, size_t len, char ret[DIGEST_TEXT_MAX], struct error *err)
{
	struct op_digest q = { .algorithm = DIGEST_SHA256, .size = (int64_t)len };
	struct op_digested d = {};
	autoclose int fd = file_memfd_data("umiak-document", bytes, len, err);

	if (fd < 0)
		return -1;
	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	TRY(worker_call(s->parse, OP_DIGEST, &q, &fd, 1, &d, NULL, err));
	int r = source_check_digest(d.digest, "document", err);
	if (r == 0)
		snprintf(ret, DIGEST_TEXT_MAX, "%s", d.digest);
	free(d.digest);
	return r;
}

int source_digest_begin(struct source *s, int fd, struct error *err)
{
	const struct op_digest q = { .algorithm = DIGEST_SHA256, .offset = -1, .size = -1 };

	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	return worker_send(s->parse, OP_DIGEST, &q, &fd, 1, err) < 0 ? -1 : 0;
}

int source_digest_end(struct source *s, char ret[DIGEST_TEXT_MAX], int64_t *ret_bytes, struct error *err)
{
	auto_worker_message m = { .fd = -1 };

	TRY(worker_receive(s->parse, &m, err));
	if (m.event == WORKER_FAILED) {
		*err = m.error;
		return -1;
	}
	if (m.event != WORKER_REPLY || m.op != OP_DIGEST)
		return fail(err, ERROR_CORRUPT, "the worker gave another answer than a digest");
	const struct op_digested *d = m.reply;
	TRY(source_check_digest(d->digest, "stream", err));
	snprintf(ret, DIGEST_TEXT_MAX, "%s", d->digest);
	*ret_bytes = d->bytes;
	return 0;
}

int source_list_tags(struct source *s, struct strv *ret, struct error *err)
{
	return repository_list_tags_of(s->fetch, s->endpoint, ret, err);
}

int source_get_url(struct source *s, const char *url, int fd, const struct strv *read_paths, struct error *err)
{
	struct op_get q = { .reference = (char *)(uintptr_t)url, .size = -1 };
	struct op_got got = {};

	TRY(source_worker(s, WORKER_FETCH, read_paths, &s->fetch, err));
	TRY(worker_call(s->fetch, OP_GET_URL, &q, &fd, 1, &got, NULL, err));
	fields_done(worker_ops[OP_GET_URL].reply, &got);
	return 0;
}

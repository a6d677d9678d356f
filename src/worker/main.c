/* SPDX-License-Identifier: Apache-2.0
 * umiak-worker ROLE - does one kind of work on untrusted bytes, confined to what that work needs (worker/program.h). */
#include <stdio.h>
#include <string.h>

#include "worker/program.h"

static op_handler *const handlers[OP_MAX] = {
	[OP_PARSE_MANIFEST] = op_parse_manifest, [OP_PARSE_CONFIG] = op_parse_config, [OP_OPEN_ARCHIVE] = op_open_archive,
	[OP_ARCHIVE_IMAGE] = op_archive_image, [OP_ARCHIVE_BLOB] = op_archive_blob, [OP_UNPACK] = op_unpack,
	[OP_DESCRIBE_MANIFEST] = op_describe_manifest, [OP_PARSE_PAYLOAD] = op_parse_payload,
	[OP_VERIFY_SIGSTORE] = op_verify_sigstore, [OP_SIGN_SIGSTORE] = op_sign_sigstore, [OP_MAKE_KEY] = op_make_key,
	[OP_DIGEST] = op_digest, [OP_RECOMPRESS] = op_recompress,
	[OP_CHUNK_TOC] = op_chunk_toc, [OP_CHUNK_PLAN] = op_chunk_plan,
};

static int answer(struct worker_state *w, const struct request *r, struct error *err)
{
	const struct worker_op_info *info = &worker_ops[r->op];
	struct error why;
	autofree void *reply = calloc(1, info->reply_size);

	if (!handlers[r->op] || !reply)
		return fail(err, ERROR_CORRUPT, "%s: not now", info->name);
	int result = handlers[r->op](w, r, reply, &why);
	result = result < 0 ? peer_fail(&w->peer, r, &why, err) : peer_reply(&w->peer, r, reply, -1, err);
	fields_done(info->reply, reply);
	return result;
}

static int serve_all(struct worker_state *w, struct error *err)
{
	for (;;) {
		auto_request r = REQUEST_INIT;
		int n = peer_receive(&w->peer, &r, err);
		if (n <= 0)
			return n;
		TRY(answer(w, &r, err));
	}
}

static int serve(struct worker_state *w, struct error *err)
{
	int r = serve_all(w, err);

	archive_free(w->archive);
	return r;
}

static int find_role(const char *name, enum worker_role *ret)
{
	for (int i = 0; i < WORKER_ROLE_MAX; i++)
		if (streq(worker_role_name((enum worker_role)i), name)) {
			*ret = (enum worker_role)i;
			return 0;
		}
	return -1;
}

int main(int argc, char **argv)
{
	enum worker_role role;

	if (argc != 2 || find_role(argv[1], &role) < 0 || role == WORKER_FETCH) {
		fprintf(stderr, "usage: umiak-worker unpack|archive|digest|pack (started by umiak, not by hand)\n");
		return 64;
	}
	return worker_program("umiak-worker", role, serve);
}

/* SPDX-License-Identifier: Apache-2.0
 * umiak-worker ROLE - does one kind of work on untrusted bytes, confined to what that work needs.
 *
 * Started by `umiak` with a SOCK_SEQPACKET socket as descriptor 3. The first request is OP_SETUP: it confines the process
 * (worker/sandbox.h). Then requests are answered until the socket closes. stdin and stdout are /dev/null; stderr is the
 * caller's, for sanitizers and the dynamic linker. Exit codes: 0 client gone, 1 protocol error, 64 wrong use. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <string.h>

#include "worker/role.h"
#include "worker/sandbox.h"

#define SOCKET_FD 3

#ifdef __SANITIZE_ADDRESS__   /* the leak checker wants ptrace, which the sandbox denies */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static op_handler *const handlers[OP_MAX] = {
	[OP_PARSE_MANIFEST] = op_parse_manifest, [OP_PARSE_CONFIG] = op_parse_config, [OP_OPEN_ARCHIVE] = op_open_archive,
	[OP_ARCHIVE_IMAGE] = op_archive_image, [OP_ARCHIVE_BLOB] = op_archive_blob, [OP_UNPACK] = op_unpack,
	[OP_DESCRIBE_MANIFEST] = op_describe_manifest, [OP_PARSE_PAYLOAD] = op_parse_payload,
	[OP_VERIFY_SIGSTORE] = op_verify_sigstore, [OP_SIGN_SIGSTORE] = op_sign_sigstore, [OP_MAKE_KEY] = op_make_key,
	[OP_DIGEST] = op_digest, [OP_RECOMPRESS] = op_recompress,
	[OP_CHUNK_TOC] = op_chunk_toc, [OP_CHUNK_PLAN] = op_chunk_plan,
};

/* What must not happen lazily inside the sandbox: OpenSSL's providers and their files. */
static void warm_up(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
}

static int take_setup(struct worker_state *w, struct error *err)
{
	auto_request r = REQUEST_INIT;
	struct op_ready ready = {};
	int n = peer_receive(&w->peer, &r, err);

	if (n <= 0)
		return n;
	if (r.op != OP_SETUP)
		return fail(err, ERROR_CORRUPT, "the first request must be the set-up");
	w->setup = *(struct op_setup *)r.args;
	*(struct op_setup *)r.args = (struct op_setup){};
	warm_up();
	struct error why;
	if (sandbox_enter(w->peer.role, &w->setup, w->setup.has_root ? r.fds[0] : -1, &ready, &why) < 0)
		return peer_fail(&w->peer, &r, &why, err) < 0 ? -1 : fail(err, ERROR_SYSTEM, "set-up failed");
	TRY(peer_reply(&w->peer, &r, &ready, -1, err));
	return 1;
}

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

static int serve(struct worker_state *w, struct error *err)
{
	for (;;) {
		auto_request r = REQUEST_INIT;
		int n = peer_receive(&w->peer, &r, err);
		if (n <= 0)
			return n;
		TRY(answer(w, &r, err));
	}
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
	struct worker_state w = { .peer = { .sock = SOCKET_FD } };
	struct error err;

	if (argc != 2 || find_role(argv[1], &w.peer.role) < 0) {
		fprintf(stderr, "usage: umiak-worker fetch|unpack|archive|digest|pack (started by umiak, not by hand)\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	int n = take_setup(&w, &err);
	if (n > 0)
		n = w.peer.role == WORKER_FETCH ? fetch_serve(&w, &err) : serve(&w, &err);
	archive_free(w.archive);
	if (n < 0 && (err.errnum == EPIPE || err.errnum == ECONNRESET))
		return 0;   /* the client went away while we were at work */
	if (n < 0)
		fprintf(stderr, "umiak-worker %s: %s\n", argv[1], err.text);
	return n < 0;
}

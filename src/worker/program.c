/* SPDX-License-Identifier: Apache-2.0
 * worker/program.c - what a worker does before its first request of work, and how it ends. */
#include "worker/program.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <signal.h>
#include <string.h>

#include "worker/sandbox.h"

#define SOCKET_FD 3

#ifdef __SANITIZE_ADDRESS__   /* the leak checker wants ptrace, which the sandbox denies */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

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

int worker_program(const char *name, enum worker_role role, worker_serve *serve)
{
	struct worker_state w = { .peer = { .sock = SOCKET_FD, .role = role } };
	struct error err;

	signal(SIGPIPE, SIG_IGN);
	int n = take_setup(&w, &err);
	if (n > 0)
		n = serve(&w, &err);
	if (n < 0 && (err.errnum == EPIPE || err.errnum == ECONNRESET))
		return 0;   /* the client went away while we were at work */
	if (n < 0)
		fprintf(stderr, "%s %s: %s\n", name, worker_role_name(role), err.text);
	return n < 0;
}

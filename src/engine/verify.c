/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/verify.h"

#include "conf/helpers.h"
#include "image/worker.h"

void verifier_done(struct verifier *v)
{
	worker_free(v->worker);
}

static int start(struct verifier *v, struct error *err)
{
	autofree char *program = NULL;
	struct worker_options o = { .root_fd = -1, .log = v->engine->log };

	if (v->worker)
		return 0;
	TRY(helper_find("umiak-worker", &program, err));
	o.program = program;
	o.setup.userns = v->engine->paths.rootless;
	return worker_start(WORKER_DIGEST, &o, &v->worker, err);
}

int verifier_digest(void *arg, int fd, char ret_digest[72], struct error *err)
{
	struct verifier *v = arg;
	struct op_digest request = { .algorithm = DIGEST_SHA256, .size = -1 };
	struct op_digested reply = {};

	TRY(start(v, err));
	TRY(worker_call(v->worker, OP_DIGEST, &request, &fd, 1, &reply, NULL, err));
	snprintf(ret_digest, 72, "%s", reply.digest ? reply.digest : "");
	fields_done(worker_ops[OP_DIGEST].reply, &reply);
	return 0;
}

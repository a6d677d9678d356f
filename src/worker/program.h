/* SPDX-License-Identifier: Apache-2.0
 * worker/program.h - the frame of the worker programs, umiak-worker (main.c) and umiak-fetch (fetch-main.c).
 *
 * Started by `umiak` with a SOCK_SEQPACKET socket as descriptor 3. The first request is OP_SETUP: it confines the process
 * (worker/sandbox.h). Then requests are answered until the socket closes. stdin and stdout are /dev/null; stderr is the
 * caller's, for sanitizers and the dynamic linker. Exit codes: 0 client gone, 1 protocol error, 64 wrong use. */
#pragma once
#include "worker/role.h"

typedef int worker_serve(struct worker_state *w, struct error *err);

/* Set-up, then `serve` until the client goes; the exit code. */
int worker_program(const char *name, enum worker_role role, worker_serve *serve);

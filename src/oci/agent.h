/* SPDX-License-Identifier: Apache-2.0
 * oci/agent.h - the agent behind linux.seccomp.listenerPath: it gets the listener of a filter and the container's state.
 * Owns nothing, allocates nothing: used by the parent (exec) and between clone() and exec() (first process). */
#pragma once
#include <sys/uio.h>

#include "base/error.h"

/* A connected stream socket. */
int agent_connect(const char *path, struct error *err);
/* One message: the text's pieces and the listener's descriptor. */
int agent_send(int sock, const struct iovec *text, size_t n, int listener, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/agent.h - key files of --ssh ID=KEY[,KEY...]: an ssh-agent of the build's own holds them.
 *
 * Its socket lies in the build's stage; it ends with the build, however that ends. RUN sees the agent, never the keys.
 * Owned by the build (build_agents_done). Allocates; not after fork(). */
#pragma once
#include "base/field.h"
#include "os/spawn.h"

struct build;

void build_agents_done(struct list *agents);
/* The socket of an agent that has these keys (comma-separated files); started once. Borrowed. */
int build_agent(struct build *b, const char *keys, const char **ret_socket, struct error *err);

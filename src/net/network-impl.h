/* SPDX-License-Identifier: Apache-2.0
 * net/network-impl.h - what the files that make up definitions share (network*.c). */
#pragma once
#include "net/network.h"
#include "os/lock.h"

enum { NETWORK_FILE_MAX = 1 << 20, NETWORK_SUBNETS_MAX = 64 };

/* Letters, digits, '_', '.', '-'; the first a letter or digit. */
bool network_name_is_valid(const char *name);
const char *network_default_name(const struct net_env *env);
int network_save(const struct net_env *env, const struct network *n, struct error *err);
/* The lock all changes of the directory queue on. */
int network_lock(const struct net_env *env, struct lock *ret, struct error *err);
int64_t network_now(void);

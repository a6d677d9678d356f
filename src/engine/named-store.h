/* SPDX-License-Identifier: Apache-2.0
 * engine/named-store.h - the store that a name speaks of: "containers-storage:[driver@graphroot+runroot:options]NAME"
 * (containers-transports(5)). Without brackets, and with those of our own root, it is ours. */
#pragma once
#include "engine/engine.h"

struct named_store {
	bool is_store, is_other;
	char *driver, *root, *runroot, *name;   /* name: with the transport, without the brackets */
	struct strv options;                    /* of the driver: as --storage-opt */
	struct engine engine;                   /* is_other: opened at first use, as every engine */
};
void named_store_done(struct named_store *s);
#define auto_named_store CLEANUP(named_store_done) struct named_store

/* Any name with or without a transport. A store of another program (Podman's) is refused: it can be an additional store. */
int named_store_find(struct engine *e, const char *text, struct named_store *ret, struct error *err);

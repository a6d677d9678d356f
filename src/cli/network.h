/* SPDX-License-Identifier: Apache-2.0
 * cli/network.h - what the files of the network commands share. */
#pragma once
#include "base/filter.h"
#include "base/value.h"
#include "cli/cli.h"
#include "engine/events.h"
#include "engine/network.h"

/* A network as `network ls` shows it; the network is borrowed. */
struct network_row {
	struct network network;
	bool no_trunc;
};
struct network_filter_object {
	const struct network *network;
	struct engine *engine;
};
extern const struct filter_key network_filter_keys[];
/* Removes the networks that no container uses and that match all filters (label=, until=); their names into *removed. What
 * could not be removed is told at once. */
int network_prune(struct cli *cli, struct engine *e, const struct strv *filters, struct strv *removed, struct error *err);
/* Writes an event about the definition. */
void network_tell(struct engine *e, enum event_status status, const struct network *n);

/* A network as `network inspect` shows it, with the running containers on it. */
struct network_inspected {
	struct network network;
	struct json_object *containers;   /* {id: {name, interfaces}} */
};
extern const struct value_type network_inspected_type;
void network_inspected_done(struct network_inspected *v);
int network_inspect(struct engine *e, const char *name, struct network_inspected *ret, struct error *err);

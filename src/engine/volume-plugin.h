/* SPDX-License-Identifier: Apache-2.0
 * engine/volume-plugin.h - volume drivers of others: programs behind a socket of [engine.volume_plugins] that speak
 * Docker's volume plugin protocol, version 1.
 *
 * Each call is one connection and waits for volume_plugin_timeout seconds at most. The plugin knows us by one mount ID for all
 * containers of a root: who uses a volume is counted here (engine/volume-mount.c), not there. Where a volume is mounted now
 * stands in <runroot>/volumes/NAME/.mountpoint. Answers are bounded (1 MiB). Allocates: not between clone() and exec(). */
#pragma once
#include "engine/volume.h"

/* A driver of its own, not one of ours. A plugin called "image" goes before the driver of that name. */
bool volume_uses_plugin(const struct engine *e, const struct volume *v);
/* Makes the volume in its plugin unless that has it already. ERROR_UNSUPPORTED `... required plugin missing`. */
int volume_plugin_create(struct engine *e, const struct volume *v, struct error *err);
/* ERROR_NOT_FOUND: the plugin does not have it; ERROR_UNSUPPORTED: there is no such plugin (any more). */
int volume_plugin_remove(struct engine *e, const struct volume *v, struct error *err);
/* v->mountpoint becomes the place. */
int volume_plugin_mount(struct engine *e, struct volume *v, struct error *err);
int volume_plugin_unmount(struct engine *e, const struct volume *v, struct error *err);
/* v->mountpoint: where it is mounted now, "" when it is not. */
int volume_plugin_place(struct engine *e, struct volume *v, struct error *err);

/* `volume reload`: records for the volumes plugins have, and none for those they have no more. What cannot be asked or removed
 * is one sentence of `problems`; in_use tells whether containers need a volume. */
struct volume_reload {
	struct strv added, removed, problems;
};
void volume_reload_done(struct volume_reload *r);
int volume_reload(struct engine *e, int (*in_use)(void *arg, const char *name, struct error *err), void *arg,
		  struct volume_reload *ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/rootless.h - getting the rights the engine needs without being root: one user + mount namespace per user,
 * kept by a sleeping process, made by the first command, joined by all later ones (tens of microseconds).
 *
 * Owns: <runtime_dir>/umiak/pause (pid and start time of the sleeping process) and pause.lock; keeps Podman's pause.pid
 * for those who look there (engine/pause-file.h). Does not own: where the
 * directories are (conf/paths.h). Call order at the edge: paths_load(), rootless_enter(), then engine_init(), while
 * still single-threaded and before files are opened whose owner matters.
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "conf/paths.h"

struct rootless {
	const char *program;  /* as given */
	bool entered;         /* this process now is uid 0 of a user namespace of its user */
	bool made;            /* and it was this call that made the namespace */
	bool single_id;       /* only the user's own id is mapped: images with other owners cannot be unpacked exactly */
	char note[512];       /* one sentence about a pause.pid that named a stranger; "" otherwise */
	char warning[512];    /* one sentence when something degraded (no subordinate ids, ...); "" otherwise */
};

/* Makes sure this process may set up containers:
 *   - root with CAP_SYS_ADMIN (also in a container or inside `unshare`): nothing to do;
 *   - any other user, and root without CAP_SYS_ADMIN: joins the user's namespace, making it when there is none. When the
 *     sleeping process died but containers still run in its namespace, that namespace is kept and gets a new one.
 * Sets _CONTAINERS_USERNS_CONFIGURED, _CONTAINERS_ROOTLESS_UID and _CONTAINERS_ROOTLESS_GID when inside. `program` is the
 * name of the executed file (may be NULL): one called podman also keeps pause.pid. */
int rootless_enter(const struct paths *p, const char *program, struct rootless *ret, struct error *err);

/* Whether rootless_enter() would have to enter (or has entered) a namespace. */
bool rootless_is_needed(void);

/* Ends the sleeping process and forgets it (`system migrate`): the next command makes a new namespace, which sees changed
 * subordinate ids. From outside or inside the namespace; who is in it stays in it. 1: it was there; 0: none. */
int rootless_end(const struct paths *p, struct error *err);

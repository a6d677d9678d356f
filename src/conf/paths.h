/* SPDX-License-Identifier: Apache-2.0
 * conf/paths.h - who we are and where our files lie.
 *
 * Owns: the answer to "rootful or rootless, for which user", the XDG directories of that user, and our own
 * default roots. Does not own: --root/--runroot and storage.conf, which replace the default roots
 * (conf/storage-conf.h); entering the user namespace (engine/rootless.h).
 *
 * Rootless rule: a process that is not uid 0 is rootless. A process that is uid 0 is rootless when it was put
 * into the user namespace of a rootless engine, which is known by _CONTAINERS_USERNS_CONFIGURED (not empty) and
 * _CONTAINERS_ROOTLESS_UID/_GID in the environment: the same names Podman, Buildah and Skopeo use, so that those
 * work inside `umiak unshare` and the other way round. Whoever enters the namespace sets them for its children.
 *
 * Life cycle: paths_load() once at start, before or after joining the user namespace; paths_done() at the end.
 * The run-time directory may be made by paths_load(), nothing else is. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"

struct paths {
	bool rootless;
	uint32_t uid, gid;    /* of the user, as seen from outside a rootless user namespace */
	char *home;           /* $HOME, else the passwd entry, else "/" */
	char *config_home;    /* $XDG_CONFIG_HOME, else ~/.config (root too) */
	char *data_home;      /* $XDG_DATA_HOME, else ~/.local/share */
	char *cache_home;     /* $XDG_CACHE_HOME, else ~/.cache */
	char *runtime_dir;    /* rootless: $XDG_RUNTIME_DIR, else /run/user/UID, else <tmp>/umiak-run-UID; root: "/run" */
	char *session_dir;    /* the same, for what is not the engine's own (auth.json); differs in one case: */
	/* What a user's commands without a session began in <tmp>/umiak-run-UID goes on there when a session's directory
	 * (/run/user/UID) appears later: containers that run are found by everybody. */
	char *runtime_note;   /* a sentence when $XDG_RUNTIME_DIR could not be used; NULL */
	char *store_root;     /* default: /var/lib/umiak; rootless $XDG_DATA_HOME/umiak */
	char *run_root;       /* default: /run/umiak; rootless <runtime_dir>/umiak */
	char *socket;         /* default API socket: <runtime_dir>/umiak/umiak.sock */
	char *tmp;            /* $TMPDIR, else /var/tmp: big temporary files */
	/* Set by the edge when the command line says so; NULL: the usual places. */
	char *registries_d, *short_name_aliases, *policy;
};

/* Fills *ret; it is empty on failure. ERROR_DENIED when the run-time directory belongs to somebody else. */
int paths_load(struct paths *ret, struct error *err);
void paths_done(struct paths *p);
#define auto_paths CLEANUP(paths_done) struct paths
/* malloc'ed "dir/name"; *ret is untouched on failure. */
int path_join(char **ret, const char *dir, const char *name, struct error *err);
/* Makes `path` and its missing parents with this mode, as the current user; an existing directory is fine. */
int path_make(const char *path, unsigned mode, struct error *err);

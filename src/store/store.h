/* SPDX-License-Identifier: Apache-2.0
 * store/store.h - where everything lies: opening a store, its two databases, its locks and its recovery.
 *
 * Owns <root> (durable) and <runroot> (dies with the boot). Does not own: what a container does (engine), image
 * formats (image), mounts inside containers (oci).
 *
 *   <root>/format oci-layout index.json       version mark; OCI layout (index.json is derived, never read back)
 *          blobs/sha256/HEX                   byte-exact blobs
 *          layers/sha256-HEX/{tree/,layer.json}   one unpacked layer per diff-id
 *          mapped/HEX/MAPPING/                layers with other owners (derived; rootless user namespaces)
 *          images/HEX.json  containers/ID/    self-describing records: enough to rebuild the index
 *          volumes/                           named volumes
 *          partial/HEX                        blobs whose download was interrupted
 *          staging/  locks/                    work in progress (and in undoing), lock files
 *          reserve                            room for removals on a full disk (store_make_room())
 *          cache.db  packed.db                caches of builds (build-cache.h) and pushes (packed.h): may be deleted
 *          index.db                           SQLite, WAL, synchronous=FULL: images, names, layers, blobs, containers
 *   <runroot>/run-<epoch>.db                  SQLite, WAL, synchronous=OFF: every container as it is now
 *          containers/ID/                     run-time directory of a container (sockets, pid files)
 *
 * Truth. Content is files; the index makes it visible. All reads of containers (ps, inspect, exec, start) go to the
 * run database alone, which holds a working copy of every container plus its dynamic state; a durable container also
 * has containers/ID/container.json and a row in the index. The run database is named after the epoch (boot id, pid
 * namespace, start time of PID 1): when the name does not exist, the machine was restarted, and the first command to
 * notice takes the epoch lock, sweeps and rebuilds it from the index; others wait. Nothing asks for manual repair.
 *
 * Intent before action. Whatever takes more than one atomic step first leaves a mark that outlives kill -9: a
 * directory in staging/ whose "lock" file its owner holds locked, or a container row with an intent. A mark whose
 * owner is gone is garbage by definition; store_open() and the listing calls sweep it (a stat or two when there is none).
 *
 * Life cycle: store_open() ... store_close(). One process, one thread. NOT across fork(): SQLite connections must not
 * be touched by a child. A child of fork() may call only what is marked "safe after fork" (rootfs.h, the path
 * getters) and must not call store_close(). Allocates. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"
#include "base/str.h"
#include "os/lock.h"
#include "os/quota.h"

struct store;

enum store_driver {
	STORE_OVERLAY,   /* the kernel's overlayfs; falls back to a copy per container where it cannot be mounted */
	STORE_VFS,       /* a full copy (reflinked where possible) per container */
	STORE_DRIVER_MAX
};
const char *store_driver_name(enum store_driver driver);   /* "overlay", "vfs" */
/* ERROR_INVALID naming the known ones otherwise. */
int store_driver_parse(const char *name, enum store_driver *ret, struct error *err);

struct store_options {
	const char *root, *runroot;         /* absolute; made when missing */
	enum store_driver driver;
	const struct strv *additional;      /* roots of read-only stores (ours or Podman's), looked at after ours; may be NULL */
	bool no_sync;                       /* no fsync at all (CI); shows in `info` */
	struct quota quota;                 /* of what one container writes; overlay only */
	bool userxattr;                     /* overlay with user.* attributes: rootless (inside our user namespace) */
	int64_t lock_timeout_ns;            /* <= 0: LOCK_TIMEOUT_DEFAULT */
};

/* Opens or makes the store. Databases are opened when first needed. Refuses a store of a newer format and file systems
 * that cannot hold it, with the remedy in the text. *ret is owned by the caller. */
int store_open(const struct store_options *options, struct store **ret, struct error *err);
/* ERROR_UNSUPPORTED when another program (Podman) keeps its images there; ours, and a place for a new one, are fine. */
int store_check_owner(const char *root, struct error *err);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store, store_close);
#define auto_store CLEANUP(store_close_p) struct store

/* Borrowed, safe after fork. */
const char *store_root(const struct store *s);
const char *store_runroot(const struct store *s);
int store_root_fd(const struct store *s);
int store_runroot_fd(const struct store *s);
enum store_driver store_get_driver(const struct store *s);
void store_epoch(const struct store *s, char out[32]);   /* a word that names this boot */
bool store_is_syncing(const struct store *s);       /* false: --no-sync */
const struct strv *store_additional(const struct store *s);

/* Whether this open found a new epoch (first command after a reboot) and recovered: the engine then honours restart
 * policies. Containers that were running are exited with code 255 and error text "reboot". */
bool store_was_recovered(const struct store *s);

/* Descriptors of both databases for a process that lives long (-1: none now): as long as one is open, commands find the
 * databases as if another command had them open, which spares each of them the work of the first after everybody left
 * (SQLite reads the whole WAL again, a third of what a short command costs). Close-on-exec. Safe after fork. */
enum { STORE_HOLDS = 2 };
void store_hold(const struct store *s, int32_t ret[STORE_HOLDS]);

/* A lock file <root>/locks/<kind>/<name> for objects the store does not know itself (networks, volumes, pods). kind and
 * name are single path components. As lock_acquire(): 1 held, 0 busy with how.timeout_ns == 0. */
int store_lock(struct store *s, const char *kind, const char *name, struct lock_how how, struct lock *ret,
	       struct error *err);
/* Call before something is removed: on a full disk it gives up the file that is kept for this moment (room.c), so that the
 * writes of a removal find room. Never fails; a statvfs() when there is room. */
void store_make_room(struct store *s);
/* Removes what dead owners left: stages, rows with intents. Cheap when there is nothing. */
int store_sweep(struct store *s, struct error *err);

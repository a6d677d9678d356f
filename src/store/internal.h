/* SPDX-License-Identifier: Apache-2.0
 * store/internal.h - (internal to src/store) struct store and what its files share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/error.h"
#include "base/own.h"
#include "base/str.h"
#include "store/check.h"
#include "store/container.h"
#include "store/db.h"
#include "store/image.h"
#include "store/layer.h"
#include "store/stage.h"
#include "store/store.h"

#define STORE_FORMAT "umiak store 1\n"
enum { STORE_JSON_MAX = 16 << 20 };

/* An additional store of containers/storage. */
struct foreign_store {
	bool looked;
	struct json_object *images, *layers;   /* images NULL: it is none */
};

struct store {
	char *root, *runroot;
	int root_fd, runroot_fd;
	enum store_driver driver;
	struct strv additional;
	struct foreign_store *foreign;        /* one per additional store: what containers/storage wrote (foreign.h) */
	struct db **extra;              /* one per additional store, opened when needed; NULL: not open */
	bool no_sync, userxattr, recovered, recovering;
	bool reserve_gone;              /* given up by store_make_room() */
	struct quota quota;
	int64_t lock_timeout_ns;
	char run_name[32];              /* run-<epoch>.db */
	struct db *index, *run;         /* opened by store_index(), store_run() */
	struct db *cache;               /* opened by build-cache.c when asked for; NULL */
};

/* ---- databases: the connection, opened when first asked for ---- */
int store_index(struct store *s, struct db **ret, struct error *err);
int store_run(struct store *s, struct db **ret, struct error *err);
/* 1, or 0 when there is no cache and `make` does not ask for one. (build-cache.c) */
int build_cache_db(struct store *s, bool make, struct db **ret, struct error *err);
/* Appends the keys of steps an image of ours was made from, sorted. (step-image.c) */
int step_image_live_keys(struct store *s, struct strv *ret, struct error *err);
/* Whether a step in the build cache names the layer. 1/0. (build-cache.c) */
int build_cache_refers(struct store *s, const char *digest, struct error *err);
/* Index of additional store i; 1, or 0 when that directory holds no store. */
int store_extra_index(struct store *s, size_t i, struct db **ret, struct error *err);
void store_forget_databases(struct store *s);
extern const struct db_schema index_schema, run_schema;

/* ---- room (room.c) ---- */
/* Makes the reserve when it is missing and there is plenty of room. Never fails. */
void store_reserve_room(struct store *s);

/* ---- files ---- */
/* FILE_SYNC, or 0 with no_sync. */
unsigned store_sync_flag(const struct store *s);
int store_sync_dir(const struct store *s, int dirfd, const char *path, struct error *err);
/* malloc'ed "<base>/<a>/<b>". */
int store_path_join(char **ret, struct error *err, const char *base, const char *a, const char *b);
/* Calls fn for every entry of a directory ("." and ".." left out); a missing directory has none. fn < 0 stops. */
int dir_each(int dirfd, const char *path, int (*fn)(void *arg, int dir, const char *name, struct error *err), void *arg,
	     struct error *err);

/* ---- digests ---- */
enum { DIGEST_HEX = 64 };
/* "sha256:HEX" -> "HEX" (points into digest), or NULL and *err. */
const char *store_digest_hex(const char *digest, struct error *err);
bool is_hex64(const char *s);
/* "blobs/sha256/HEX", "layers/sha256-HEX". */
#define BLOB_PATH_MAX 96
int blob_relpath(const char *digest, char out[BLOB_PATH_MAX], struct error *err);
int layer_relpath(const char *diff_id, char out[BLOB_PATH_MAX], struct error *err);

/* ---- locks ---- */
/* As lock_acquire() on <dirfd>/locks/<kind>/<name>; makes the directory; survives that the file is removed by
 * store_unlock_remove() meanwhile. */
int lock_named(int dirfd, const char *kind, const char *name, struct lock_how how, struct lock *ret, struct error *err);
/* Releases an exclusive lock and takes its file away. */
void unlock_named(int dirfd, const char *kind, const char *name, struct lock *l);
int64_t store_timeout(const struct store *s, int64_t timeout_ns);

/* ---- recovery (epoch.c, sweep.c, rebuild.c) ---- */
int epoch_name(char out[32], struct error *err);
/* Makes the run database of this epoch when it is missing. */
int epoch_enter(struct store *s, struct error *err);
/* Sweeps dead stages; `all`: also everything on disk that no row knows. */
int sweep_stages(struct store *s, struct error *err);
int sweep_unknown(struct store *s, struct error *err);
/* Partial downloads nobody has gone on with for a day. */
int sweep_partials(struct store *s, struct error *err);
/* Containers with an intent whose owner is gone. */
int sweep_containers(struct store *s, struct error *err);
/* Writes a new index from images/ and containers/ and puts it in place of the old one (kept as index.db.old). */
int index_rebuild(struct store *s, struct check_report *report, struct error *err);
int index_exists(const struct store *s);
/* Adds a finding (printf-style text); report NULL: nothing. */
int report_add(struct check_report *report, enum check_object object, const char *name, struct error *err,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- content (layer.c, stage.c, collect.c) ---- */
struct layer_info {
	char *diff_id, *tree_digest;
	int64_t bytes, entries, created;
};
void layer_info_done(struct layer_info *l);
/* layer.json in directory `dirfd`/path: 1, or 0 when missing; ERROR_CORRUPT when it makes no sense. */
int layer_info_load(int dirfd, const char *path, struct layer_info *ret, struct error *err);
/* Removes the blob and/or layer of that digest when no image refers to it and nobody holds its lease. Takes what it
 * removes through the stage's directory. Adds freed bytes and diff-ids when the outputs are given. */
struct collected {
	struct strv *layers;
	int64_t bytes;
};
int collect_digest(struct store *s, struct stage *st, const char *digest, struct collected *c, struct error *err);
/* Writes down, before the act, that the stage may leave this digest (or "image:HEX") behind unreferenced. */
int stage_note(struct stage *st, const char *what, struct error *err);
/* The notes of a stage directory that is not (any more) ours. */
int stage_read_notes(int dirfd, const char *dir, struct strv *ret, struct error *err);
struct store *stage_store(const struct stage *st);
/* Moves <dirfd>/path into the stage's directory, from where it is removed with the stage. 1, or 0 when missing. */
int stage_trash(struct stage *st, int dirfd, const char *path, struct error *err);
/* Whether the stage holds a lease or a pin on the digest. */
bool stage_holds(const struct stage *st, const char *digest);

/* ---- records (record.c, image-record.c) ---- */
int container_record_format(const struct container_record *r, struct buf *to, struct error *err);
int container_record_parse(const char *what, const char *text, size_t len, struct container_record *ret,
			   struct error *err);
int image_record_format(const struct store_image *i, struct buf *to, struct error *err);
int image_record_parse(const char *what, const char *text, size_t len, struct store_image *ret, struct error *err);
/* Writes images/HEX.json from the rows of the image; inside or outside a transaction. */
int image_record_save(struct store *s, const struct store_image *i, struct error *err);
/* The record file as the index has the image now; nothing for one that is gone. The caller holds image/ID. */
int image_record_refresh(struct store *s, const char *id, struct error *err);
/* Rewrites index.json from the index. */
int oci_layout_save(struct store *s, struct error *err);
/* Inserts the image's rows (all of them; the image must not exist) with the given config text. */
int image_insert_rows(struct db *db, const struct store_image *i, const char *config, const int64_t *layer_bytes,
		      struct error *err);
/* Gives the name to the image row `rowid`, noting the loss in its former owner's history. 1: it was another's, whose id
 * goes to former. */
int image_move_name(struct db *db, int64_t rowid, const char *name, char former[65], struct error *err);
int image_rowid(struct db *db, const char *id, int64_t *ret, struct error *err);   /* 1/0 */
int image_load(struct db *db, const char *id, unsigned want, struct store_image *ret, struct error *err);   /* 1/0 */

/* ---- containers (container*.c) ---- */
/* PROVISIONAL: to be removed when the process in monitor_pid is gone and the state still "created". */
enum container_intent { INTENT_NONE, INTENT_CREATE, INTENT_RELOAD, INTENT_REMOVE, INTENT_PROVISIONAL };
int container_insert_run(struct db *run, const struct container *c, enum container_intent intent, struct error *err);
int container_insert_index(struct db *index, const struct container_record *r, struct error *err);
/* Every step of a removal from wherever it stands; the lock is held. */
int container_erase(struct store *s, const char *id, struct error *err);
/* Brings the working copy to what the index says. */
int container_reload(struct store *s, const char *id, struct error *err);
/* The container.json of a durable container, without making it visible. */
int container_save_file(struct store *s, const struct container_record *r, bool is_new, struct error *err);

/* As store_tree_usage() of a layer that was just unpacked; marks the unpacker may not set itself are set. */
int store_tree_settle(const struct store *s, int tree, int64_t *ret_bytes, int64_t *ret_entries, struct error *err);

/* ---- root file systems (rootfs*.c) ---- */
/* Opens the trees of all layers: ret[0] is the lowest. */
struct layer_fds {
	int *v;
	size_t n;
};
void layer_fds_done(struct layer_fds *l);
int layer_fds_open(const struct store *s, const struct strv *layers, struct layer_fds *ret, struct error *err);
/* The lowest layer under every image (rootfs-mountpoints.c): a new descriptor, or -1: there is none, go without. */
int rootfs_mountpoints_open(const struct store *s);
struct idmap_pair;
/* Replaces every descriptor by one of a copy whose owners are seen through the maps. */
int layer_fds_map_by_copy(const struct store *s, const struct strv *layers, struct layer_fds *l,
			  const struct idmap_pair *maps, struct error *err);
/* One layer laid over a directory. */
struct layer_copy_how {
	const struct idmap_pair *maps;   /* owners as seen through these; NULL: as they are */
	bool verbatim;                   /* whiteouts and overlay's attributes are copied, not obeyed: it stays a layer */
};
int layer_copy(int from, int to, struct layer_copy_how how, struct error *err);
/* The copied tree of a container (vfs): a directory descriptor of containers/ID/root, made when missing. */
int rootfs_copy_open(const struct store *s, const char *id, const struct strv *layers, const struct idmap_pair *maps,
		     struct error *err);
/* Overlay on overlay, on a FUSE or in a container without the right: a copy works everywhere. */
bool rootfs_overlay_is_impossible(const struct error *err);
/* Overlay's marks in a layer or an upper directory. */

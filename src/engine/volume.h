/* SPDX-License-Identifier: Apache-2.0
 * engine/volume.h - named and anonymous volumes: a directory and a record.
 *
 *   <volume path>/NAME/_data        the contents (those of a plugin lie where the plugin says: engine/volume-plugin.h)
 *   <volume path>/NAME/volume.json  the record (made last: a directory without it is an unfinished creation)
 *
 * The default volume path is <root>/volumes (--volumepath, containers.conf volume_path). A volume is used by the
 * containers whose records name it. Copy-up: the first container that mounts an empty new volume over a directory of
 * its image copies that directory's contents (engine/launch.c has the root file system at hand).
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "base/value.h"
#include "engine/engine.h"
#include "os/lock.h"
#include "os/quota.h"

struct volume {
	char *name, *driver, *mountpoint, *scope;
	int64_t created;               /* Unix ns */
	struct strmap labels, options;
	bool anonymous, needs_copy_up, needs_chown;
	int64_t uid, gid;
	uint64_t mount_count;          /* volume_count_mounts(); no part of the record */
};
extern const struct field volume_rows[];
extern const struct value_type volume_value_type, volume_list_value_type;   /* as `volume inspect` and `volume ls` show one */
void volume_done(struct volume *v);
#define auto_volume CLEANUP(volume_done) struct volume

/* 1 found, 0 no such volume. */
int volume_find(struct engine *e, const char *name, struct volume *ret, struct error *err);
/* Makes it; an existing one of that name is ERROR_EXISTS. v->name NULL: a random name, anonymous. */
int volume_create(struct engine *e, struct volume *v, struct error *err);
/* As volume_create() for a volume its plugin is known to have. */
int volume_adopt(struct engine *e, struct volume *v, struct error *err);
bool volume_is_empty(const struct volume *v);
int volume_save(struct engine *e, const struct volume *v, struct error *err);
/* The record alone goes: what a plugin has of it is left to the plugin. */
int volume_forget(struct engine *e, const char *name, struct error *err);
/* Removes record and contents. ERROR_NOT_FOUND `no such volume`. */
int volume_remove(struct engine *e, const char *name, struct error *err);
/* The same when no container uses it, else ERROR_IN_USE naming one: looked at while none can begin to. */
int volume_remove_unused(struct engine *e, const char *name, struct error *err);
/* Shared: held from looking for a volume to having recorded who uses it. Exclusive: held by removals. Not around anything that
 * waits for a container. */
int volume_lock_use(struct engine *e, enum lock_mode mode, struct lock *ret, struct error *err);
/* Names of all volumes, sorted. */
int volume_list(struct engine *e, struct strv *ret, struct error *err);
/* What --opt said: uid, gid, size... taken out of "o", keys checked. Local driver. */
int volume_options_check(struct volume *v, struct error *err);
/* 1: its contents are limited by the file system; 0: they are not. */
int volume_options_quota(const struct volume *v, struct quota *ret, struct error *err);

/* ---- volumes with a mount of their own (options type, device, o; driver image; plugins) ---- */
/* Mounted on its mountpoint (which a plugin tells only now) as long as it has users: a container's id, ... */
int volume_mount(struct engine *e, struct volume *v, const char *user, struct error *err);
/* user NULL: whoever uses it. 1: unmounted now; 0: others use it, or there is nothing to do. */
int volume_unmount(struct engine *e, struct volume *v, const char *user, struct error *err);
/* `volume mount`, `volume unmount`: each mount wants an unmount. */
int volume_mount_host(struct engine *e, struct volume *v, struct error *err);
int volume_unmount_host(struct engine *e, struct volume *v, struct error *err);
/* Fills v->mount_count: who has it mounted; 0 for plain directories, as with Podman. */
int volume_count_mounts(struct engine *e, struct volume *v, struct error *err);
struct ctr;
/* All volumes of a container before it starts, and after its end. Not after fork(). */
int volumes_mount_for(struct ctr *c, struct error *err);
int volumes_release(struct ctr *c, struct error *err);

/* The contents as a tar stream; an archive (plain or compressed) over the contents. */
int volume_export(struct engine *e, struct volume *v, int out, struct error *err);
int volume_import(struct engine *e, struct volume *v, int in, struct error *err);

/* Copies the directory `path` of the root file system into the volume when it is new and empty; owner and mode of
 * the directory are taken over as well. Where the image has no such directory the volume is given to uid, gid (as stored).
 * A volume that still holds nothing stays new. rootfs_fd: the mounted root. */
struct volume_owner {
	uint32_t uid, gid;
};
int volume_copy_up(struct engine *e, struct volume *v, int rootfs_fd, const char *path, struct volume_owner owner,
		   struct error *err);

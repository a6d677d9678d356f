/* SPDX-License-Identifier: Apache-2.0
 * conf/storage-conf.h - containers-storage.conf(5) as far as it concerns our store.
 *
 * Owns: where the store's roots are, which driver and mount options it uses, additional read-only image stores.
 * Our default roots are our own (conf/paths.h). A graphroot or runroot that is Podman's own default is read as
 * "default", so that a distribution's storage.conf does not put us into Podman's store: the two never share a
 * directory for writing. Any other graphroot/runroot is taken as written; $HOME, $UID, $USER are expanded.
 *
 * Life cycle: storage_conf_load() once; storage_conf_done(). Allocates: not between clone() and exec(). */
#pragma once
#include "base/field.h"
#include "conf/paths.h"

struct storage_conf {
	char *driver;               /* "overlay", "vfs"; NULL: overlay where it works */
	char *graphroot, *runroot;  /* absolute; never NULL after load */
	char *rootless_storage_path;
	char *imagestore;           /* where images go when not into graphroot; NULL: graphroot */
	bool transient_store;
	struct strv additional_image_stores, additional_layer_stores;
	char *root_auto_userns_user;
	uint64_t auto_userns_min_size, auto_userns_max_size;   /* 1024, 65536 */
	bool disable_volatile;
	bool ignore_chown_errors;
	char *force_mask;           /* octal, "shared", "private" or NULL */
	char *mount_program;        /* fuse-overlayfs, NULL: the kernel's overlayfs */
	char *mountopt;             /* comma-separated, as written, e.g. "nodev,metacopy=on" */
	char *size, *inodes;        /* quota per container, as written */
	bool skip_mount_home;
	bool use_composefs;
	char *sync;
	struct strmap pull_options; /* enable_partial_images, use_hard_links, convert_images, ... */
	struct strv options;        /* STORAGE_OPTS and --storage-opt, as given: "overlay.mountopt=nodev" */
	struct strv warnings;
};

/* Defaults, the files by the search rule (CONTAINERS_STORAGE_CONF, _OVERRIDE, drop-ins), STORAGE_DRIVER and
 * STORAGE_OPTS. *conf is empty on failure. */
int storage_conf_load(struct storage_conf *conf, const struct paths *paths, struct error *err);
int storage_conf_merge(struct storage_conf *conf, const char *what, const char *text, size_t len, struct error *err);
/* Applies one "--storage-opt" ("overlay.mountopt=...", ".ignore_chown_errors=true"). ERROR_USAGE: unknown option. */
int storage_conf_option(struct storage_conf *conf, const char *option, struct error *err);
void storage_conf_done(struct storage_conf *conf);
#define auto_storage_conf CLEANUP(storage_conf_done) struct storage_conf

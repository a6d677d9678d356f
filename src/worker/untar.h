/* SPDX-License-Identifier: Apache-2.0
 * worker/untar.h - a tar stream becomes a directory tree, and never anything outside it.
 *
 * Containment (security-matrix F): the tree's root is a descriptor. An entry's name is cleaned as text (no "..", no
 * absolute names survive), its parent directory is opened by openat2(RESOLVE_IN_ROOT) below that descriptor - so a link
 * made by the same layer can only lead to another place in the same tree, as under chroot() - and the last component
 * is only ever created, never followed: O_EXCL | O_NOFOLLOW for files, fchownat/utimensat with AT_SYMLINK_NOFOLLOW.
 * What is in the way of an entry of another type is removed first. The process is chrooted and confined besides.
 *
 * Whiteouts become the kernel overlay's: ".wh.NAME" a 0:0 character device, ".wh..wh..opq" the opaque attribute of
 * the directory ("trusted.overlay.", in a user namespace "user.overlay."). Overlay attributes in the archive itself are
 * dropped, as are attributes a layer has no business with; in a user namespace devices are left out, as in Podman.
 * umask must be 0. Single thread per call. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/tar-recipe.h"
#include "image/tar.h"

#define UNTAR_ENTRIES_MAX INT64_C(5000000)
#define UNTAR_BYTES_MAX (INT64_C(1) << 40)
#define UNTAR_DIRECTORY_NAMES_MAX ((size_t)48 << 20)   /* memory for directories' names until their times are set */

struct untar_options {
	int root;                 /* directory descriptor; borrowed */
	bool userns;
	bool ignore_chown;
	bool plain;               /* no whiteouts: ".wh." names are ordinary */
	int64_t max_entries, max_bytes;   /* 0: the limits above */
	struct recipe_tap *tap;   /* is told which bytes went into which file; NULL: nobody */
};

/* What the tree holds now: names below its root, and sizes of regular files with hard links counted once. -1: the
 * archive replaced some of its own entries, so only a walk can tell. */
struct untar_result {
	int64_t entries, bytes;
};

int untar(struct tar_source source, const struct untar_options *o, struct untar_result *ret, struct error *err);

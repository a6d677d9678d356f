/* SPDX-License-Identifier: Apache-2.0
 * os/overlay-marks.h - how the tree of a layer says that something below it is hidden. The one place that knows.
 *
 * As overlayfs does itself: a whiteout is a character device 0:0, and a directory that hides all below it has the
 * attribute overlay.opaque "y" (trusted., or user. where that may not be set). On a file system that is an overlay - a
 * store inside a container - the kernel makes no such devices: there a whiteout is an empty file with the attribute
 * overlay.whiteout in a directory marked overlay.opaque "x", which overlay mounts understand since Linux 6.7; the copies
 * made where overlay cannot be mounted understand it on every kernel.
 * Only system calls: usable anywhere. Directories may be O_PATH descriptors where names are given, not for opaque_*. */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>

/* 0; -1 and errno, EEXIST when the name is taken. */
int whiteout_make(int dir, const char *name);
/* st: of the name itself, as lstat(2) gives it. */
bool whiteout_is(int dir, const char *name, const struct stat *st);
/* 0; -1 and errno. */
int opaque_make(int dir);
bool opaque_is(int dir);
/* Marks left as user.overlay.* by somebody who may not set trusted.* become what overlay as root reads. fd: a file or a
 * directory. 0; -1 and errno. */
int overlay_marks_settle(int fd);

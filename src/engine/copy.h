/* SPDX-License-Identifier: Apache-2.0
 * engine/copy.h - copies a directory tree of a container into a volume or tmpfs.
 * Works on descriptors only, follows no link, keeps owner, mode, times, extended attributes, links between files and
 * holes are not kept. The source is hostile: names travel one component at a time. Allocates. */
#pragma once
#include "base/error.h"

/* Contents of directory `from` into the existing directory `to`, which also gets owner, mode and times of `from`. */
int copy_tree(int from, int to, struct error *err);

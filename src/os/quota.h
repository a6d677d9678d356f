/* SPDX-License-Identifier: Apache-2.0
 * os/quota.h - limits of one directory's contents: project quotas of ext4 and xfs.
 *
 * A directory with a project of its own hands it to all that is made in it, and the file system counts and limits what
 * the project holds. Projects are numbers of the whole file system: like containers/storage we take them upwards from the
 * project of the directory that holds all of ours, else from a number made of its inode, so that two stores do not meet.
 * Limits are root's to set (of the first user namespace). Owns nothing. Not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct quota { uint64_t bytes, inodes; };   /* 0: no limit */

static inline bool quota_limits(const struct quota *q) { return q->bytes || q->inodes; }

/* Gives the empty directory dir_fd a new project with these limits. home_fd: the directory whose entries' directories
 * `inner` have projects already. Two processes do not get the same one. ERROR_UNSUPPORTED names what to do. */
int quota_assign(int home_fd, const char *inner, int dir_fd, const struct quota *q, uint32_t *ret_project, struct error *err);
/* A directory joins a project; what is made in it from now on belongs to that, too. */
int quota_join(int dir_fd, uint32_t project, struct error *err);
/* The project of a directory; 0: none, or the file system knows of none. */
uint32_t quota_project(int dir_fd);

/* SPDX-License-Identifier: Apache-2.0
 * conf/helpers.h - where the programs we start lie.
 * Owns nothing. Looks only at fixed places, never at $PATH for our own programs (a wrong one would run with our
 * privileges). Allocates: resolve paths before clone(). */
#pragma once
#include "base/error.h"
#include "base/str.h"

/* One of our own programs ("umiak-monitor", "umiak-init", "umiak-worker", ...): $UMIAK_HELPER_DIR,
 * the directory of the running program and its siblings in a build tree, then the libexec directory.
 * *ret is an absolute path owned by the caller. ERROR_NOT_FOUND names the places looked at. */
int helper_find(const char *name, char **ret, struct error *err);
/* A foreign helper (pasta, newuidmap, crun, ...): an absolute name as given; else $CONTAINERS_HELPER_BINARY_DIR, `dirs` (helper_binaries_dir of
 * containers.conf, may be NULL) and, when `in_path`, $PATH. ERROR_NOT_FOUND when there is none. */
int helper_find_foreign(const char *name, const struct strv *dirs, bool in_path, char **ret, struct error *err);

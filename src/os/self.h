/* SPDX-License-Identifier: Apache-2.0
 * os/self.h - keeping containers from overwriting our own program file (CVE-2019-5736, security matrix C1).
 *
 * A process of ours that is visible in a container shows its program as /proc/PID/exe; whoever can open that link could
 * write the host's file once nobody runs it. So such a process must run from a protected file: a detached read-only
 * clone of the mount it lies on (no copy; writes are EROFS whoever tries), else a sealed copy in memory.
 * Owns nothing; no allocation. self_protect() belongs at the very start of main(), single-threaded. */
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* A protected descriptor (O_PATH, close-on-exec) of the program file `path`, for execveat(fd, "", AT_EMPTY_PATH).
 * The clone must be made in the mount namespace that will be current at exec; it needs CAP_SYS_ADMIN there, else the
 * sealed copy is made. */
int self_open_protected(const char *path, struct error *err);
/* Whether /proc/self/exe is protected already: sealed, or on a read-only mount that is attached nowhere. */
bool self_is_protected(void);
/* Runs this very program again from a protected file, with the same arguments and environment, unless it is already.
 * Returns 0 when protected, -1 when that was impossible; does not return otherwise. The name in ps stays argv[0]. */
int self_protect(char *const argv[], char *const envp[], struct error *err);

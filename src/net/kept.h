/* SPDX-License-Identifier: Apache-2.0
 * net/kept.h - a small program of ours that stays behind: known by a file that it keeps locked.
 *
 * Whoever takes the lock starts the program with the descriptor and notes who it is; the lock lives as long as the program
 * does, however it dies. So nobody mistakes another process for it. Allocates: not between clone() and exec(). */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Into the locked file. */
int kept_note(int file, pid_t pid, struct error *err);
/* Sends the signal. 1: sent; 0: it does not run. */
int kept_signal(int dir, const char *name, int sig, struct error *err);
/* Sends the signal, waits that long and kills what is still there. Does not run: success. */
int kept_stop(int dir, const char *name, int sig, int64_t timeout_ns, struct error *err);

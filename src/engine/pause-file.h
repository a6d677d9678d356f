/* SPDX-License-Identifier: Apache-2.0
 * engine/pause-file.h - the pid of the sleeping process under the name where scripts and tools of Podman's look for it.
 *
 * Owns: <runtime_dir>/libpod/tmp/pause.pid, as long as it names our process. Written for them alone: engine/rootless.c
 * keeps a record of its own and never believes this file. A sleeping process of Podman's that is named there and lives
 * keeps its entry. Allocates. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* What the sleeping process calls itself when the command that starts it is called podman. */
#define PAUSE_TITLE "podman pause"

/* Whether a command of this name (base name of the executed file; may be NULL) stands in Podman's place. */
bool pause_file_wanted(const char *program);
/* Whether the file is there: one system call. */
bool pause_file_exists(const char *runtime_dir);
/* Names `pid`. When the file names a process that is none of this kind (its pid was used again), `note` gets a sentence about
 * it; else "". Nothing depends on the file: what fails is left. */
void pause_file_write(const char *runtime_dir, pid_t pid, char *note, size_t note_size);
/* Removes the file when it names `pid`. */
void pause_file_remove(const char *runtime_dir, pid_t pid);

/* SPDX-License-Identifier: Apache-2.0
 * cli/preexec.h - programs of the administrator that run before every command and may forbid it. */
#pragma once

/* Nothing unless /etc/containers/podman_preexec_hooks.txt exists. Else every executable in the hook directories
 * (/usr/libexec/podman/pre-exec-hooks, /etc/containers/pre-exec-hooks, $PODMAN_PREEXEC_HOOKS_DIR) is run with the whole
 * command line, in the order of their names. -1: go on; else the exit code of the one that forbids. */
int preexec_hooks(int argc, char **argv);

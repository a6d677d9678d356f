/* SPDX-License-Identifier: Apache-2.0
 * cli/help.h - what --help prints, line by line as Podman's (tests and scripts parse it).
 * Owns nothing. */
#pragma once
#include <stdio.h>

#include "cli/cli.h"

/* Help of the program (row NULL), a group or a command. `path`: as in the usage line, "podman container ls". */
int help_print(struct cli *cli, const struct command_row *row, const char *path, FILE *out, struct error *err);
/* Has the command options to show? (The usage line says [options] only then.) */
bool help_has_options(const struct command *cmd);

/* The visible children of a group in alphabetical order; owned array, the rows are not. */
int help_children(const char *parent, const struct command_row ***ret, size_t *ret_n, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/report.h - errors as users read them, at the edge.
 * Owns nothing. */
#pragma once
#include "cli/cli.h"

/* Prints the error on stderr in Podman's (or Docker's) words; nothing for a bare exit code. */
void report_error(const struct cli *cli, const struct error *err);
/* The exit code for it; Docker's client uses other numbers than Podman. */
int report_exit_code(const struct cli *cli, const struct error *err);

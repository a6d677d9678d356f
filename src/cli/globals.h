/* SPDX-License-Identifier: Apache-2.0
 * cli/globals.h - the options of the program itself, and what they do before any command runs.
 * Owns nothing. */
#pragma once
#include "cli/cli.h"

extern const struct field cli_global_rows[];
/* The rows in force: cli_global_rows, or Skopeo's. */
const struct field *globals_rows(const struct cli *cli);

/* Sets up logging and standard output from the parsed globals. Bad values end the program with 1, as Podman does:
 * returned as ERROR_EXIT after the message was printed. */
int globals_apply(struct cli *cli, struct error *err);
/* With --module: looks whether configuration can be read, before anything else on the line is looked at. */
int globals_check_modules(struct cli *cli, struct error *err);
/* Refuses options that ask for what this build cannot do (a remote engine, profiling), by name. */
int globals_check(struct cli *cli, struct error *err);
/* Is the local engine only one choice: no option or variable has chosen a remote service yet? (--remote in --help) */
bool globals_offer_remote(const struct cli *cli);

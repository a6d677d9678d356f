/* SPDX-License-Identifier: Apache-2.0
 * cli/man.h - manual pages from the rows, as scdoc text (the build turns them into roff).
 * Owns nothing. */
#pragma once
#include <stdio.h>

#include "cli/cli.h"

/* `__man`: no words: the list of pages, one "NAME PATH..." a line; words: the page of that command or group, of the
 * program for "umiak". */
int man_print(struct cli *cli, char *const *words, int n, FILE *out, struct error *err);

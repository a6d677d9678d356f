/* SPDX-License-Identifier: Apache-2.0
 * cli/transfer.c - progress lines on stderr. */
#include "cli/transfer.h"

#include <stdio.h>

static void print_line(void *data, const char *text)
{
	(void)data;
	fprintf(stderr, "%s\n", text);
}

const struct image_progress cli_progress_lines = { .line = print_line };

struct image_progress cli_progress(bool quiet)
{
	return quiet ? (struct image_progress){} : cli_progress_lines;
}

/* SPDX-License-Identifier: Apache-2.0
 * cli/stats-screen.h - one frame of `stats` on a terminal: as many columns as the window has room for, the more important
 * ones first; a curve of the CPU's last samples, a bar of the memory. Pure: rows and a look in, text out. */
#pragma once
#include "cli/screen.h"
#include "cli/stats-view.h"

/* pods: a column says which pod a container is of. Rows that find no line are counted on the last one. */
void stats_frame(struct buf *to, const struct screen_look *look, const struct stats_row *rows, size_t n, bool pods);

/* SPDX-License-Identifier: Apache-2.0
 * cli/screen.h - lines that stay in their place on a terminal and are drawn again and again, without flicker.
 *
 * Starts at the top of the window; a line is written over the one before it and cut at the edge, what is left of the last
 * frame is erased. Resizing draws again at once. Only for a standard output that is a terminal with a cursor; colour unless
 * NO_COLOR is set, block characters where the locale is UTF-8. One at a time (it owns SIGWINCH). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct screen_look {
	int columns, lines;     /* of the window, as large as it is now */
	bool color, unicode;
};
/* False: not a terminal, or one without a cursor (TERM=dumb): print line after line. */
bool screen_begin(void);
struct screen_look screen_look(void);
/* Shows the frame: lines with '\n', already no wider than the window. */
int screen_show(const struct buf *frame, struct error *err);
/* True: the window has another size now; false: the time (CLOCK_MONOTONIC, ns) has come. */
bool screen_wait(int64_t until_ns);

/* ---- pieces of lines ---- */
/* `level` of 0..1 as a bar of `width` columns, or the last `width` values (0..1) as a curve. */
void screen_bar(struct buf *to, const struct screen_look *look, double level, int width);
void screen_curve(struct buf *to, const struct screen_look *look, const float *values, size_t n, int width);
/* The text, cut (with a mark) or filled up to `width` columns. */
void screen_text(struct buf *to, const struct screen_look *look, const char *text, int width);
/* As it is to a terminal: no control characters, no wider than the window; a line with '\n'. */
void screen_cut_lines(struct buf *to, const struct screen_look *look, const char *text, size_t len);

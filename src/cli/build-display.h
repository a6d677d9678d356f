/* SPDX-License-Identifier: Apache-2.0
 * cli/build-display.h - what a build shows: Podman's lines when piped, a live tree on a terminal, nothing with --quiet.
 * Stages run beside each other; lines of one are never mixed into those of another: the first stage that is not done
 * speaks, what the others say is kept until their turn. */
#pragma once
#include "build/build.h"

struct build_display;
enum build_display_mode { BUILD_DISPLAY_PLAIN, BUILD_DISPLAY_TTY, BUILD_DISPLAY_QUIET };
/* out, err: where lines go (--logfile: both the file). */
int build_display_new(enum build_display_mode mode, FILE *out, FILE *err_stream, struct build_display **ret, struct error *err);
void build_display_free(struct build_display *d);
DEFINE_CLEANUP(struct build_display, build_display_free);
/* The build_request's event function; data: the display. */
void build_display_event(void *data, const struct build_event *e);
/* Which of several platforms it is about from now on: in front of each step. Borrowed; NULL: there is one. */
void build_display_prefix(struct build_display *d, const char *platform);
/* Everything that is still kept, after a failure as well. */
void build_display_end(struct build_display *d);

/* SPDX-License-Identifier: Apache-2.0
 * cli/transfer.h - what the commands that move images share: progress lines on stderr. Owns nothing. */
#pragma once
#include "engine/image.h"

/* Lines to stderr, or nothing with quiet. */
struct image_progress cli_progress(bool quiet);
/* Takes what is unfinished from the screen; before an error is printed. */
void cli_progress_end(void);
extern const struct image_progress cli_progress_lines;

/* SPDX-License-Identifier: Apache-2.0
 * cli/commands.c - every command by its words. One struct may have several rows; its first row is the page of the
 * manual. New command: an extern line, a row, and the file in meson.build. Rows in alphabetical order within a block. */
#include "cli/command.h"

extern const struct command cmd_completion, cmd_help, cmd_version;

const struct command_row command_rows[] = {
	{ "completion", &cmd_completion },
	{ "help", &cmd_help },
	{ "version", &cmd_version },
	{}
};

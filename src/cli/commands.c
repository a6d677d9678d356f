/* SPDX-License-Identifier: Apache-2.0
 * cli/commands.c - every command by its words. One struct may have several rows; its first row is the page of the
 * manual. New command: a name in the list below, a row, and the file in meson.build. */
#include "cli/command.h"

extern const struct command
	cmd_completion,
	cmd_help,
	cmd_history,
	cmd_image_exists,
	cmd_image_inspect,
	cmd_image_prune,
	cmd_image_tree,
	cmd_images,
	cmd_info,
	cmd_rmi,
	cmd_system_check,
	cmd_system_df,
	cmd_system_migrate,
	cmd_system_prune,
	cmd_system_renumber,
	cmd_system_reset,
	cmd_tag,
	cmd_untag,
	cmd_version;

const struct command_row command_rows[] = {
	/* the program */
	{ "completion", &cmd_completion },
	{ "help", &cmd_help },
	{ "info", &cmd_info },
	{ "version", &cmd_version },

	/* images */
	{ "history", &cmd_history },
	{ "images", &cmd_images },
	{ "rmi", &cmd_rmi },
	{ "tag", &cmd_tag },
	{ "untag", &cmd_untag },
	{ "image", .group = "Image commands" },
	{ "image exists", &cmd_image_exists },
	{ "image history", &cmd_history },
	{ "image inspect", &cmd_image_inspect },
	{ "image list", &cmd_images, "ls" },
	{ "image prune", &cmd_image_prune },
	{ "image rm", &cmd_rmi },
	{ "image tag", &cmd_tag },
	{ "image tree", &cmd_image_tree },
	{ "image untag", &cmd_untag },

	/* the engine as a whole */
	{ "system", .group = "Engine-wide commands" },
	{ "system check", &cmd_system_check },
	{ "system df", &cmd_system_df },
	{ "system info", &cmd_info },
	{ "system migrate", &cmd_system_migrate },
	{ "system prune", &cmd_system_prune },
	{ "system renumber", &cmd_system_renumber },
	{ "system reset", &cmd_system_reset },

	{}
};

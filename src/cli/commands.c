/* SPDX-License-Identifier: Apache-2.0
 * cli/commands.c - every command by its words. One struct may have several rows; its first row is the page of the
 * manual. New command: an extern const struct command cmd_completion, cmd_help, cmd_info, cmd_version;
extern const struct command cmd_history, cmd_image_exists, cmd_image_inspect, cmd_image_prune, cmd_image_tree, cmd_images;
extern const struct command cmd_rmi, cmd_tag, cmd_untag;

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

	{}
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

const struct field params_basic_rows[] = {
	{ .cli = "name", .json = "name", F_STR(S, basic.name), .arg = "string", .help = "Assign a name to the container" },
	{ .cli = "pod", .json = "pod", F_STR(S, basic.pod), .arg = "string", .complete = "pods",
	  .help = "Run the container in an existing pod" },
	{ .json = "raw_image_name", F_STR(S, basic.raw_image_name) },
	{ .cli = "rootfs", .json = "use_rootfs", F_BOOL(S, basic.rootfs),
	  .help = "The first argument is not an image but the rootfs to the exploded container" },
	{ .cli = "label", .abbr = 'l', .json = "labels", F_MAP(S, basic.labels), .arg = "stringArray",
	  .help = "Set metadata on the container" },
	{ .cli = "label-file", F_STRV(S, basic.label_files), .arg = "stringArray", .complete = "files",
	  .help = "Read in a line delimited file of labels" },
	{ .cli = "annotation", .json = "annotations", F_MAP(S, basic.annotations), .arg = "stringArray",
	  .help = "Add annotations to the container (key=value)" },
	{ .cli = "requires", .json = "dependency_containers", F_CSV(S, basic.requires), .arg = "strings",
	  .complete = "containers", .help = "Containers that must be started before this one" },
	{ .json = "create_command", F_STRV(S, basic.create_command) },
	{ .cli = "restart", F_CUSTOM(S, basic.restart, &param_restart_custom), .arg = "string", .complete = "restart-policies",
	  .help = "Restart policy to apply when the container exits (\"always\"|\"no\"|\"never\"|\"on-failure\"|"
		  "\"unless-stopped\")" },
	{ .json = "restart_policy", F_ENUM(S, basic.restart.policy, restart_policy_names) },
	{ .json = "restart_tries", F_INT(S, basic.restart.retries) },
	{ .cli = "rm", .json = "remove", F_BOOL(S, basic.remove), .help = "Remove the container (and its anonymous volumes) after it exits" },
	{ .json = "removeImage", F_BOOL(S, basic.remove_image) },
	{ .cli = "conmon-pidfile", .json = "conmon_pid_file", F_STR(S, basic.conmon_pid_file), .arg = "string",
	  .complete = "files", .help = "Write the process id of the container's monitor to this file" },
	{ .cli = "pidfile", .json = "pidfile", F_STR(S, basic.pid_file), .arg = "string", .complete = "files",
	  .help = "Write the container's process id to the file" },
	{ .cli = "cidfile", .json = "cid_files", F_STRV(S, basic.cid_files), .arg = "stringArray", .complete = "files",
	  .help = "Write the container ID to the file" },
	{ .cli = "sdnotify", .json = "sdnotifyMode", F_STR(S, basic.sdnotify_mode), .arg = "string", .fallback = "container",
	  .complete = "sdnotify-modes", .help = "Control sd-notify behavior (\"container\"|\"conmon\"|\"healthy\"|\"ignore\")" },
	{ .cli = "systemd", .json = "systemd", F_STR(S, basic.systemd), .arg = "string", .fallback = "true",
	  .help = "Run the container in systemd mode (\"true\"|\"false\"|\"always\")" },
	{ .cli = "timeout", .json = "timeout", F_INT(S, basic.timeout), .arg = "uint",
	  .help = "Maximum length of time the container is allowed to run, in seconds" },
	{ .cli = "init-ctr", .json = "init_container_type", F_STR(S, basic.init_container_type), .arg = "string",
	  .help = "Make this an init container of its pod (\"always\"|\"once\")" },
	{},
};

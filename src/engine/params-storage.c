/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

static const struct field mount_rows[] = {
	{ .json = "type", F_STR(struct param_mount, type) },
	{ .json = "source", F_STR(struct param_mount, source) },
	{ .json = "destination", F_STR(struct param_mount, destination) },
	{ .json = "subpath", F_STR(struct param_mount, subpath) },
	{ .json = "options", F_STRV(struct param_mount, options) },
	{ .json = "origin", F_STR(struct param_mount, origin) },
	{},
};

static const struct field device_rows[] = {
	{ .json = "path", F_STR(struct param_device, host) },
	{ .json = "destination", F_STR(struct param_device, container) },
	{ .json = "permissions", F_STR(struct param_device, permissions) },
	{},
};

static const struct field secret_rows[] = {
	{ .json = "source", F_STR(struct param_secret, name) },
	{ .json = "target", F_STR(struct param_secret, target) },
	{ .json = "mode_text", F_STR(struct param_secret, mode_text) },
	{ .json = "env", F_BOOL(struct param_secret, env) },
	{ .json = "uid", F_INT(struct param_secret, uid) },
	{ .json = "gid", F_INT(struct param_secret, gid) },
	{ .json = "mode", F_INT(struct param_secret, mode) },
	{},
};

const struct field params_storage_rows[] = {
	{ .cli = "volume", .abbr = 'v', F_CUSTOM(S, storage.mounts, &param_volume_custom), .arg = "stringArray",
	  .complete = "volumes", .help = "Mount a directory or volume ([SOURCE:]TARGET[:OPTIONS])" },
	{ .cli = "mount", F_CUSTOM(S, storage.mounts, &param_mount_custom), .arg = "stringArray",
	  .help = "Mount something (type=TYPE,target=PATH,...)" },
	{ .cli = "tmpfs", F_CUSTOM(S, storage.mounts, &param_tmpfs_custom), .arg = "TMPFS",
	  .help = "Mount a tmpfs (TARGET[:OPTIONS])" },
	{ .json = "mounts", F_LIST(S, storage.mounts, struct param_mount, mount_rows) },
	{ .cli = "volumes-from", .json = "volumes_from", F_STRV(S, storage.volumes_from), .arg = "stringArray",
	  .complete = "containers", .help = "Take over the volumes of another container" },
	{ .cli = "device", F_CUSTOM(S, storage.devices, &param_device_custom), .arg = "stringArray", .complete = "files",
	  .help = "Device of the host to give (HOST[:CONTAINER][:rwm])" },
	{ .json = "devices", F_LIST(S, storage.devices, struct param_device, device_rows) },
	{ .cli = "device-cgroup-rule", .json = "device_cgroup_rule", F_CSV(S, storage.device_cgroup_rules), .arg = "strings",
	  .help = "Rule for allowed devices (\"c 1:3 rwm\")" },
	{ .cli = "gpus", .json = "gpus", F_CSV(S, storage.gpus), .arg = "strings",
	  .help = "GPU to give, or 'all'" },
	{ .cli = "secret", F_CUSTOM(S, storage.secrets, &param_secret_custom), .arg = "stringArray", .complete = "secrets",
	  .help = "Secret to hand in (NAME[,OPTION=VALUE...])" },
	{ .json = "secrets", F_LIST(S, storage.secrets, struct param_secret, secret_rows) },
	{ .cli = "read-only", .json = "read_only_filesystem", F_OPT_BOOL(S, storage.read_only),
	  .help = "Do not let the root file system be written to" },
	{ .cli = "read-only-tmpfs", .json = "read_write_tmpfs", F_OPT_BOOL(S, storage.read_only_tmpfs), .fallback = "true",
	  .help = "Keep /dev, /dev/shm, /run, /tmp and /var/tmp writable with --read-only" },
	{ .cli = "image-volume", .json = "image_volume_mode", F_STR(S, storage.image_volume), .arg = "string",
	  .fallback = "anonymous", .help = "How image volumes are treated (\"bind\"|\"tmpfs\"|\"ignore\")" },
	{ .cli = "shm-size", F_CUSTOM(S, storage.shm_size, &param_memory_custom), .arg = "string", .fallback = "65536k",
	  .help = "Size of /dev/shm (format: <number>[<unit>], where unit = b, k, m, or g)" },
	{ .json = "shm_size", F_OPT_INT(S, storage.shm_size) },
	{ .cli = "shm-size-systemd", F_CUSTOM(S, storage.shm_size_systemd, &param_memory_custom), .arg = "string",
	  .help = "Size of the tmpfs mounts made for systemd (/run, /run/lock, ...)" },
	{ .json = "shm_size_systemd", F_OPT_INT(S, storage.shm_size_systemd) },
	{},
};

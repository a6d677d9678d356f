/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/params-parse.h"

#define S struct container_params

const char *const ns_mode_names[] = {
	[NS_DEFAULT] = "default", [NS_HOST] = "host", [NS_PRIVATE] = "private", [NS_SHAREABLE] = "shareable",
	[NS_NONE] = "none", [NS_CONTAINER] = "container", [NS_PATH] = "path", [NS_POD] = "pod",
	[NS_KEEP_ID] = "keep-id", [NS_NOMAP] = "no-map", [NS_AUTO] = "auto",
	[NS_BRIDGE] = "bridge", [NS_PASTA] = "pasta", [NS_SLIRP] = "slirp4netns", [NS_MODE_MAX] = NULL,
};

static const struct field ns_rows[] = {
	{ .json = "nsmode", F_ENUM(struct param_ns, mode, ns_mode_names) },
	{ .json = "value", F_STR(struct param_ns, value) },
	{},
};

static const struct field idmap_rows[] = {
	{ .json = "container_id", F_UINT(struct param_idmap, container) },
	{ .json = "host_id", F_UINT(struct param_idmap, host) },
	{ .json = "size", F_UINT(struct param_idmap, size) },
	{ .json = "flags", F_STR(struct param_idmap, flags) },
	{},
};

const struct field params_namespaces_rows[] = {
	{ .cli = "pid", F_CUSTOM(S, ns.pid, &param_ns_pid_custom), .arg = "string", .complete = "namespaces",
	  .help = "PID namespace: private, host, container:NAME, ns:PATH" },
	{ .json = "pidns", F_OBJECT(S, ns.pid, ns_rows) },
	{ .cli = "ipc", F_CUSTOM(S, ns.ipc, &param_ns_ipc_custom), .arg = "string", .complete = "namespaces",
	  .help = "IPC namespace: private, shareable, host, none, container:NAME, ns:PATH" },
	{ .json = "ipcns", F_OBJECT(S, ns.ipc, ns_rows) },
	{ .cli = "uts", F_CUSTOM(S, ns.uts, &param_ns_uts_custom), .arg = "string", .complete = "namespaces",
	  .help = "UTS namespace: private, host, container:NAME, ns:PATH" },
	{ .json = "utsns", F_OBJECT(S, ns.uts, ns_rows) },
	{ .cli = "cgroupns", F_CUSTOM(S, ns.cgroup, &param_ns_cgroup_custom), .arg = "string", .complete = "namespaces",
	  .help = "Cgroup namespace: private, host, container:NAME, ns:PATH" },
	{ .json = "cgroupns", F_OBJECT(S, ns.cgroup, ns_rows) },
	{ .cli = "userns", F_CUSTOM(S, ns.user, &param_ns_user_custom), .arg = "string", .complete = "namespaces",
	  .help = "User namespace: host, auto, keep-id, nomap, private, container:NAME, ns:PATH" },
	{ .json = "userns", F_OBJECT(S, ns.user, ns_rows) },
	{ .json = "netns", F_OBJECT(S, ns.net, ns_rows) },
	{ .cli = "uidmap", F_CUSTOM(S, ns.uidmap, &param_idmap_custom), .arg = "strings",
	  .help = "Mapping of user ids (CONTAINER:HOST:SIZE, repeatable)" },
	{ .json = "uidmap", F_LIST(S, ns.uidmap, struct param_idmap, idmap_rows) },
	{ .cli = "gidmap", F_CUSTOM(S, ns.gidmap, &param_idmap_custom), .arg = "strings",
	  .help = "Mapping of group ids (CONTAINER:HOST:SIZE, repeatable)" },
	{ .json = "gidmap", F_LIST(S, ns.gidmap, struct param_idmap, idmap_rows) },
	{ .cli = "subuidname", .json = "subuidname", F_STR(S, ns.subuid_name), .arg = "string",
	  .help = "Take user ids from this name's range in /etc/subuid" },
	{ .cli = "subgidname", .json = "subgidname", F_STR(S, ns.subgid_name), .arg = "string",
	  .help = "Take group ids from this name's range in /etc/subgid" },
	{ .cli = "hostname", .abbr = 'h', .json = "hostname", F_STR(S, ns.hostname), .arg = "string",
	  .help = "Host name inside the container" },
	{ .cli = "no-hostname", .json = "no_hostname", F_BOOL(S, ns.no_hostname),
	  .help = "Leave /etc/hostname as the image has it" },
	{ .cli = "cgroups", .json = "cgroups_mode", F_STR(S, ns.cgroups), .arg = "string", .fallback = "enabled",
	  .help = "Whether cgroups are made (\"enabled\"|\"disabled\"|\"no-conmon\"|\"split\")" },
	{ .cli = "cgroup-parent", .json = "cgroup_parent", F_STR(S, ns.cgroup_parent), .arg = "string",
	  .help = "Cgroup below which the container's is made" },
	{},
};

/* SPDX-License-Identifier: Apache-2.0
 * Podman's names for what `container inspect` shows. Templates find rows without regard to case. */
#include "engine/inspect-view.h"

#define A .flags = FIELD_ALWAYS

#define H struct health_log
static const struct field health_log_rows[] = {
	{ .json = "Start", F_STR(H, start), A }, { .json = "End", F_STR(H, end), A }, { .json = "ExitCode", F_INT(H, exit_code), A },
	{ .json = "Output", F_STR(H, output), A }, {},
};
#undef H
#define H struct view_health
static const struct field health_rows[] = {
	{ .json = "Status", F_STR(H, status), A }, { .json = "FailingStreak", F_INT(H, failing_streak), A },
	{ .json = "Log", F_LIST(H, log, struct health_log, health_log_rows), A }, {},
};
#undef H

#define S struct view_state
static const struct field state_rows[] = {
	{ .json = "OciVersion", F_STR(S, oci_version), A }, { .json = "Status", F_STR(S, status), A },
	{ .json = "Running", F_BOOL(S, running), A }, { .json = "Paused", F_BOOL(S, paused), A },
	{ .json = "Restarting", F_BOOL(S, restarting), A }, { .json = "OOMKilled", F_BOOL(S, oom_killed), A },
	{ .json = "Dead", F_BOOL(S, dead), A }, { .json = "Pid", F_INT(S, pid), A },
	{ .json = "ConmonPid", F_INT(S, monitor_pid) }, { .json = "ExitCode", F_INT(S, exit_code), A },
	{ .json = "Error", F_STR(S, error), A }, { .json = "StartedAt", F_TIME(S, started), A },
	{ .json = "FinishedAt", F_TIME(S, finished), A },
	{ .json = "Health", F_OPT_OBJECT(S, health, struct view_health, health_rows) },
	{ .json = "Checkpointed", F_BOOL(S, checkpointed) }, { .json = "CheckpointLog", F_STR(S, checkpoint_log) },
	{ .json = "CheckpointPath", F_STR(S, checkpoint_path) }, { .json = "RestoreLog", F_STR(S, restore_log) }, { .json = "CgroupPath", F_STR(S, cgroup_path) },
	{ .json = "CheckpointedAt", F_TIME(S, zero_time), A }, { .json = "RestoredAt", F_TIME(S, zero_time), A },
	{ .json = "Restored", F_BOOL(S, restored) }, { .json = "StoppedByUser", F_BOOL(S, stopped_by_user) }, {},
};
#undef S

#define M struct view_mount
static const struct field mount_rows[] = {
	{ .json = "Type", F_STR(M, type), A }, { .json = "Name", F_STR(M, name) }, { .json = "Source", F_STR(M, source), A },
	{ .json = "Destination", F_STR(M, destination), A }, { .json = "Driver", F_STR(M, driver), A },
	{ .json = "Mode", F_STR(M, mode), A }, { .json = "Options", F_STRV(M, options), A }, { .json = "RW", F_BOOL(M, rw), A },
	{ .json = "Propagation", F_STR(M, propagation), A }, { .json = "SubPath", F_STR(M, sub_path) }, {},
};
#undef M

#define C struct view_healthcheck
static const struct field healthcheck_rows[] = {
	{ .json = "Test", F_STRV(C, test) }, { .json = "StartPeriod", F_DURATION(C, start_period) },
	{ .json = "StartInterval", F_DURATION(C, start_interval) },
	{ .json = "Interval", F_DURATION(C, interval) }, { .json = "Timeout", F_DURATION(C, timeout) },
	{ .json = "Retries", F_UINT(C, retries) }, {},
};
#undef C
#define C struct view_startup
static const struct field startup_rows[] = {
	{ .json = "Test", F_STRV(C, test) }, { .json = "StartPeriod", F_DURATION(C, start_period) },
	{ .json = "StartInterval", F_DURATION(C, start_interval) }, { .json = "Interval", F_DURATION(C, interval) },
	{ .json = "Timeout", F_DURATION(C, timeout) }, { .json = "Retries", F_UINT(C, retries) }, { .json = "Successes", F_UINT(C, successes) }, {},
};
#undef C

#define C struct view_config
static const struct field config_rows[] = {
	{ .json = "Hostname", F_STR(C, hostname), A }, { .json = "Domainname", F_STR(C, domainname), A },
	{ .json = "User", F_STR(C, user), A }, { .json = "AttachStdin", F_BOOL(C, attach_stdin), A },
	{ .json = "AttachStdout", F_BOOL(C, attach_stdout), A }, { .json = "AttachStderr", F_BOOL(C, attach_stderr), A },
	{ .json = "Tty", F_BOOL(C, tty), A }, { .json = "OpenStdin", F_BOOL(C, open_stdin), A },
	{ .json = "StdinOnce", F_BOOL(C, stdin_once), A }, { .json = "Env", F_STRV(C, env), A }, { .json = "Cmd", F_STRV(C, cmd), A },
	{ .json = "Image", F_STR(C, image), A }, { .json = "Volumes", F_JSON(C, volumes), A },
	{ .json = "WorkingDir", F_STR(C, workdir), A }, { .json = "Entrypoint", F_STRV(C, entrypoint), A },
	{ .json = "OnBuild", F_JSON(C, on_build), A }, { .json = "Labels", F_MAP(C, labels), A },
	{ .json = "Annotations", F_MAP(C, annotations), A }, { .json = "StopSignal", F_STR(C, stop_signal), A },
	{ .json = "StartupHealthCheck", F_OPT_OBJECT(C, startup, struct view_startup, startup_rows) },
	{ .json = "Healthcheck", F_OPT_OBJECT(C, health, struct view_healthcheck, healthcheck_rows) },
	{ .json = "HealthcheckOnFailureAction", F_STR(C, on_failure) },
	{ .json = "HealthLogDestination", F_STR(C, log_destination) },
	{ .json = "HealthcheckMaxLogCount", MORE(.go = "HealthMaxLogCount"), F_UINT(C, max_log_count) },
	{ .json = "HealthcheckMaxLogSize", MORE(.go = "HealthMaxLogSize"), F_UINT(C, max_log_size) },
	{ .json = "CreateCommand", F_STRV(C, create_command) }, { .json = "Timezone", F_STR(C, timezone) },
	{ .json = "SystemdMode", F_BOOL(C, systemd_mode) }, { .json = "Umask", F_STR(C, umask) },
	{ .json = "Secrets", F_JSON(C, secrets) }, { .json = "Timeout", F_UINT(C, timeout), A },
	{ .json = "StopTimeout", F_UINT(C, stop_timeout), A }, { .json = "Passwd", F_BOOL(C, passwd) },
	{ .json = "ChrootDirs", F_STRV(C, chroot_dirs) }, { .json = "sdNotifyMode", F_STR(C, sdnotify_mode) },
	{ .json = "sdNotifySocket", F_STR(C, sdnotify_socket) }, { .json = "ExposedPorts", F_JSON(C, exposed_ports) }, {},
};
#undef C

#define L struct view_log
static const struct field log_rows[] = {
	{ .json = "Type", F_STR(L, type), A }, { .json = "Config", F_JSON(L, config), A }, { .json = "Path", F_STR(L, path), A },
	{ .json = "Tag", F_STR(L, tag), A }, { .json = "Size", F_STR(L, size), A }, {},
};
#undef L
#define R struct view_restart
static const struct field restart_rows[] = {
	{ .json = "Name", F_STR(R, name), A }, { .json = "MaximumRetryCount", F_UINT(R, maximum), A }, {},
};
#undef R
#define D struct view_device
static const struct field device_rows[] = {
	{ .json = "PathOnHost", F_STR(D, host), A }, { .json = "PathInContainer", F_STR(D, container), A },
	{ .json = "CgroupPermissions", F_STR(D, permissions), A }, {},
};
#undef D
#define D struct view_rate
static const struct field weight_rows[] = { { .json = "Path", F_STR(D, path), A }, { .json = "Weight", F_UINT(D, rate), A }, {} };
static const struct field rate_rows[] = { { .json = "Path", F_STR(D, path), A }, { .json = "Rate", F_UINT(D, rate), A }, {} };
#undef D
#define U struct view_ulimit
static const struct field ulimit_rows[] = {
	{ .json = "Name", F_STR(U, name), A }, { .json = "Soft", F_INT(U, soft), A }, { .json = "Hard", F_INT(U, hard), A }, {},
};
#undef U
#define I struct view_id_mappings
static const struct field id_mappings_rows[] = {
	{ .json = "UidMap", F_STRV(I, uids), A }, { .json = "GidMap", F_STRV(I, gids), A }, {},
};
#undef I

#define H struct view_host
#define RATES(name, member, rows) { .json = name, F_LIST(H, member, struct view_rate, rows), A }
static const struct field host_rows[] = {
	{ .json = "Binds", F_STRV(H, binds), A }, { .json = "CgroupManager", F_STR(H, cgroup_manager), A },
	{ .json = "CgroupMode", F_STR(H, cgroup_mode), A }, { .json = "ContainerIDFile", F_STR(H, cid_file), A },
	{ .json = "LogConfig", F_OBJECT(H, log, log_rows) }, { .json = "NetworkMode", F_STR(H, network_mode), A },
	{ .json = "PortBindings", F_JSON(H, port_bindings), A }, { .json = "RestartPolicy", F_OBJECT(H, restart, restart_rows) },
	{ .json = "AutoRemove", F_BOOL(H, auto_remove), A }, { .json = "AutoRemoveImage", F_BOOL(H, auto_remove_image), A },
	{ .json = "Annotations", F_MAP(H, annotations), A }, { .json = "VolumeDriver", F_STR(H, volume_driver), A },
	{ .json = "VolumesFrom", F_STRV(H, volumes_from), A }, { .json = "CapAdd", F_STRV(H, cap_add), A },
	{ .json = "CapDrop", F_STRV(H, cap_drop), A }, { .json = "Dns", F_STRV(H, dns), A },
	{ .json = "DnsOptions", F_STRV(H, dns_options), A }, { .json = "DnsSearch", F_STRV(H, dns_search), A },
	{ .json = "ExtraHosts", F_STRV(H, extra_hosts), A }, { .json = "HostsFile", F_STR(H, hosts_file), A },
	{ .json = "GroupAdd", F_STRV(H, groups), A }, { .json = "IpcMode", F_STR(H, ipc_mode), A },
	{ .json = "Cgroup", F_STR(H, cgroup), A }, { .json = "Cgroups", F_STR(H, cgroups), A },
	{ .json = "Links", F_JSON(H, links), A }, { .json = "OomScoreAdj", F_INT(H, oom_score_adj), A },
	{ .json = "PidMode", F_STR(H, pid_mode), A }, { .json = "Privileged", F_BOOL(H, privileged), A },
	{ .json = "PublishAllPorts", F_BOOL(H, publish_all), A }, { .json = "ReadonlyRootfs", F_BOOL(H, readonly), A },
	{ .json = "SecurityOpt", F_STRV(H, security_opt), A }, { .json = "Tmpfs", F_MAP(H, tmpfs), A },
	{ .json = "UTSMode", F_STR(H, uts_mode), A }, { .json = "UsernsMode", F_STR(H, userns_mode), A },
	{ .json = "IDMappings", F_OPT_OBJECT(H, id_mappings, struct view_id_mappings, id_mappings_rows) },
	{ .json = "ShmSize", F_INT(H, shm_size), A }, { .json = "Runtime", F_STR(H, runtime), A },
	{ .json = "ConsoleSize", F_JSON(H, console_size), A }, { .json = "Isolation", F_STR(H, isolation), A },
	{ .json = "CpuShares", F_UINT(H, cpu_shares), A }, { .json = "Memory", F_INT(H, memory), A },
	{ .json = "NanoCpus", F_INT(H, nano_cpus), A }, { .json = "CgroupParent", F_STR(H, cgroup_parent), A },
	{ .json = "BlkioWeight", F_UINT(H, blkio_weight), A }, RATES("BlkioWeightDevice", weight_device, weight_rows),
	RATES("BlkioDeviceReadBps", read_bps, rate_rows), RATES("BlkioDeviceWriteBps", write_bps, rate_rows),
	RATES("BlkioDeviceReadIOps", read_iops, rate_rows), RATES("BlkioDeviceWriteIOps", write_iops, rate_rows),
	{ .json = "CpuPeriod", F_UINT(H, cpu_period), A }, { .json = "CpuQuota", F_INT(H, cpu_quota), A },
	{ .json = "CpuRealtimePeriod", F_UINT(H, cpu_rt_period), A }, { .json = "CpuRealtimeRuntime", F_INT(H, cpu_rt_runtime), A },
	{ .json = "CpusetCpus", F_STR(H, cpuset_cpus), A }, { .json = "CpusetMems", F_STR(H, cpuset_mems), A },
	{ .json = "Devices", F_LIST(H, devices, struct view_device, device_rows), A }, { .json = "DiskQuota", F_INT(H, disk_quota), A },
	{ .json = "KernelMemory", F_INT(H, kernel_memory), A }, { .json = "MemoryReservation", F_INT(H, memory_reservation), A },
	{ .json = "MemorySwap", F_INT(H, memory_swap), A }, { .json = "MemorySwappiness", F_INT(H, memory_swappiness), A },
	{ .json = "OomKillDisable", F_BOOL(H, oom_kill_disable), A }, { .json = "Init", F_BOOL(H, init) },
	{ .json = "PidsLimit", F_INT(H, pids_limit), A },
	{ .json = "Ulimits", F_LIST(H, ulimits, struct view_ulimit, ulimit_rows), A }, { .json = "CpuCount", F_INT(H, zero), A },
	{ .json = "CpuPercent", F_INT(H, zero), A }, { .json = "IOMaximumIOps", F_INT(H, zero), A },
	{ .json = "IOMaximumBandwidth", F_INT(H, zero), A }, { .json = "CgroupConf", F_MAP(H, cgroup_conf) },
	{ .json = "IntelRdtClosID", F_STR(H, rdt_class) }, {},
};
#undef H

static const struct field address_rows[] = {
	{ .json = "Addr", F_STR(struct view_address, address), A }, { .json = "PrefixLength", F_INT(struct view_address, prefix), A }, {},
};
#define N struct view_network
static const struct field network_rows[] = {
	{ .json = "EndpointID", F_STR(N, empty), A }, { .json = "Gateway", F_STR(N, gateway), A },
	{ .json = "IPAddress", F_STR(N, ip), A }, { .json = "IPPrefixLen", F_INT(N, prefix), A },
	{ .json = "IPv6Gateway", F_STR(N, gateway6), A }, { .json = "GlobalIPv6Address", F_STR(N, ip6), A },
	{ .json = "GlobalIPv6PrefixLen", F_INT(N, prefix6), A }, { .json = "MacAddress", F_STR(N, mac), A },
	{ .json = "Bridge", F_STR(N, empty), A }, { .json = "SandboxID", F_STR(N, sandbox_id), A },
	{ .json = "HairpinMode", F_BOOL(N, hairpin), A }, { .json = "LinkLocalIPv6Address", F_STR(N, empty), A },
	{ .json = "LinkLocalIPv6PrefixLen", F_INT(N, zero), A }, { .json = "Ports", F_JSON(N, ports), A },
	{ .json = "SandboxKey", F_STR(N, sandbox_key), A }, { .json = "Networks", F_JSON(N, networks) },
	{ .json = "SecondaryIPAddresses", F_LIST(N, addresses, struct view_address, address_rows) },
	{ .json = "SecondaryIPv6Addresses", F_LIST(N, addresses6, struct view_address, address_rows) },
	{ .json = "AdditionalMacAddresses", F_STRV(N, more_macs) }, {},
};
#undef N
#define G struct view_graph
static const struct field graph_rows[] = { { .json = "Name", F_STR(G, name), A }, { .json = "Data", F_MAP(G, data), A }, {} };
#undef G

#define I struct container_inspect
const struct field container_inspect_fields[] = {
	{ .json = "Id", F_STR(I, id), A }, { .json = "Created", F_TIME(I, created), A }, { .json = "Path", F_STR(I, path), A },
	{ .json = "Args", F_STRV(I, args), A }, { .json = "State", F_OBJECT(I, state, state_rows) },
	{ .json = "Image", F_STR(I, image), A }, { .json = "ImageDigest", F_STR(I, image_digest), A },
	{ .json = "ImageName", F_STR(I, image_name), A }, { .json = "Rootfs", F_STR(I, rootfs), A }, { .json = "Pod", F_STR(I, pod), A },
	{ .json = "ResolvConfPath", F_STR(I, resolv_path), A }, { .json = "HostnamePath", F_STR(I, hostname_path), A },
	{ .json = "HostsPath", F_STR(I, hosts_path), A }, { .json = "StaticDir", F_STR(I, static_dir), A },
	{ .json = "OCIConfigPath", F_STR(I, config_path) }, { .json = "OCIRuntime", F_STR(I, runtime) },
	{ .json = "ConmonPidFile", F_STR(I, monitor_pid_file), A }, { .json = "PidFile", F_STR(I, pid_file), A },
	{ .json = "Name", F_STR(I, name), A }, { .json = "RestartCount", F_INT(I, restarts), A },
	{ .json = "Driver", F_STR(I, driver), A }, { .json = "MountLabel", F_STR(I, mount_label), A },
	{ .json = "ProcessLabel", F_STR(I, process_label), A }, { .json = "AppArmorProfile", F_STR(I, apparmor), A },
	{ .json = "EffectiveCaps", F_STRV(I, effective_caps), A }, { .json = "BoundingCaps", F_STRV(I, bounding_caps), A },
	{ .json = "ExecIDs", F_STRV(I, exec_ids), A }, { .json = "GraphDriver", F_OBJECT(I, graph, graph_rows) },
	{ .json = "SizeRw", F_INT(I, size_rw) }, { .json = "SizeRootFs", F_INT(I, size_root) },
	{ .json = "Mounts", F_LIST(I, mounts, struct view_mount, mount_rows), A },
	{ .json = "Dependencies", F_STRV(I, dependencies), A },
	{ .json = "NetworkSettings", F_OBJECT(I, network, network_rows) }, { .json = "Namespace", F_STR(I, namespace), A },
	{ .json = "IsInfra", F_BOOL(I, is_infra), A }, { .json = "IsService", F_BOOL(I, is_service), A },
	{ .json = "KubeExitCodePropagation", F_STR(I, exit_propagation), A }, { .json = "lockNumber", F_INT(I, lock_number), A },
	{ .json = "Config", F_OBJECT(I, config, config_rows) }, { .json = "HostConfig", F_OBJECT(I, host, host_rows) },
	{ .json = "UseImageHosts", F_BOOL(I, use_image_hosts), A }, { .json = "UseImageHostname", F_BOOL(I, use_image_hostname), A },
	{},
};

const struct value_type container_inspect_type = { .name = "define.InspectContainerData", .rows = container_inspect_fields };

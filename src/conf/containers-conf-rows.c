/* SPDX-License-Identifier: Apache-2.0
 * conf/containers-conf-rows.c - containers.conf(5): one row per key, and the built-in defaults. */
#include "conf/containers-conf.h"

#include <unistd.h>

/* ---- [engine.runtimes] and [farms.list]: name -> strings ---- */
static void named_list_free(const struct field *f, void *at)
{
	struct list *l = at;
	struct conf_named_list *v = l->v;

	for (size_t i = 0; i < l->n; i++) {
		free(v[i].name);
		strv_done(&v[i].values);
	}
	free(l->v);
	*l = (struct list){};
}

static struct conf_named_list *named_list_entry(struct list *l, const char *name, struct error *err)
{
	struct conf_named_list *v = l->v;

	for (size_t i = 0; i < l->n; i++)
		if (streq(v[i].name, name)) {
			strv_done(&v[i].values);
			return &v[i];
		}
	v = list_add(l, sizeof(*v), err);
	if (v && str_set(&v->name, name, err) < 0)
		return NULL;
	return v;
}

/* A later file replaces the entries it names and keeps the others. */
static int named_list_load(const struct field *f, void *at, struct json_object *value, struct error *err)
{
	if (!json_object_is_type(value, json_type_object))
		return fail(err, ERROR_INVALID, "expected a table of lists");
	json_object_object_foreach(value, key, paths) {
		struct conf_named_list *e = named_list_entry(at, key, err);
		if (!e)
			return -1;
		if (!json_object_is_type(paths, json_type_array))
			return fail(err, ERROR_INVALID, "%s: expected a list of strings", key);
		for (size_t i = 0; i < json_object_array_length(paths); i++) {
			struct json_object *s = json_object_array_get_idx(paths, i);
			if (!json_object_is_type(s, json_type_string))
				return fail(err, ERROR_INVALID, "%s: expected a list of strings", key);
			TRY(strv_add(&e->values, json_object_get_string(s), err));
		}
	}
	return 0;
}

static const struct field_custom named_list = { .load = named_list_load, .done = named_list_free };

const struct strv *conf_named_list_find(const struct list *l, const char *name)
{
	const struct conf_named_list *v = l->v;

	for (size_t i = 0; i < l->n; i++)
		if (streq(v[i].name, name))
			return &v[i].values;
	return NULL;
}

/* ---- [engine.service_destinations.NAME] ---- */
static const struct field destination_rows[] = {
	{ .conf = "uri", F_STR(struct conf_destination, uri) },
	{ .conf = "identity", F_STR(struct conf_destination, identity) },
	{ .conf = "tls_cert", F_STR(struct conf_destination, tls_cert) },
	{ .conf = "tls_key", F_STR(struct conf_destination, tls_key) },
	{ .conf = "tls_ca", F_STR(struct conf_destination, tls_ca) },
	{ .conf = "is_machine", F_BOOL(struct conf_destination, is_machine) },
	{}
};

static void destinations_free(const struct field *f, void *at)
{
	struct list *l = at;
	struct conf_destination *v = l->v;

	for (size_t i = 0; i < l->n; i++) {
		free(v[i].name);
		fields_done(destination_rows, &v[i]);
	}
	free(l->v);
	*l = (struct list){};
}

static int destinations_load(const struct field *f, void *at, struct json_object *value, struct error *err)
{
	struct list *l = at;

	if (!json_object_is_type(value, json_type_object))
		return fail(err, ERROR_INVALID, "expected a table");
	json_object_object_foreach(value, key, table) {
		struct conf_destination *d = NULL, *v = l->v;
		for (size_t i = 0; i < l->n && !d; i++)
			d = streq(v[i].name, key) ? &v[i] : NULL;
		if (!d)
			d = list_add(l, sizeof(*d), err);
		if (!d)
			return -1;
		TRY(str_set(&d->name, key, err));
		if (fields_load(destination_rows, FIELD_COLUMN_CONF, table, d, NULL, err) < 0)
			return fail_wrap(err, "%s", key);
	}
	return 0;
}

static const struct field_custom destinations = { .load = destinations_load, .done = destinations_free };

const struct conf_destination *conf_destination_find(const struct containers_conf *conf, const char *name)
{
	const struct conf_destination *v = conf->engine.service_destinations.v;

	for (size_t i = 0; i < conf->engine.service_destinations.n; i++)
		if (streq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* ---- the rows ---- */
static const struct field containers_rows[] = {
	{ .conf = "annotations", F_STRV(struct conf_containers, annotations) },
	{ .conf = "apparmor_profile", F_STR(struct conf_containers, apparmor_profile) },
	{ .conf = "base_hosts_file", F_STR(struct conf_containers, base_hosts_file) },
	{ .conf = "cgroup_conf", F_STRV(struct conf_containers, cgroup_conf) },
	{ .conf = "cgroups", F_STR(struct conf_containers, cgroups) },
	{ .conf = "cgroupns", F_STR(struct conf_containers, cgroupns) },
	{ .conf = "container_name_as_hostname", F_BOOL(struct conf_containers, container_name_as_hostname) },
	{ .conf = "default_capabilities", F_STRV(struct conf_containers, default_capabilities) },
	{ .conf = "default_sysctls", F_STRV(struct conf_containers, default_sysctls) },
	{ .conf = "default_ulimits", F_STRV(struct conf_containers, default_ulimits) },
	{ .conf = "devices", F_STRV(struct conf_containers, devices) },
	{ .conf = "dns_options", F_STRV(struct conf_containers, dns_options) },
	{ .conf = "dns_searches", F_STRV(struct conf_containers, dns_searches) },
	{ .conf = "dns_servers", F_STRV(struct conf_containers, dns_servers) },
	{ .conf = "env", F_STRV(struct conf_containers, env) },
	{ .conf = "env_host", F_BOOL(struct conf_containers, env_host) },
	{ .conf = "host_containers_internal_ip", F_STR(struct conf_containers, host_containers_internal_ip) },
	{ .conf = "http_proxy", F_BOOL(struct conf_containers, http_proxy) },
	{ .conf = "init", F_BOOL(struct conf_containers, init) },
	{ .conf = "init_path", F_STR(struct conf_containers, init_path) },
	{ .conf = "interface_name", F_STR(struct conf_containers, interface_name) },
	{ .conf = "ipcns", F_STR(struct conf_containers, ipcns) },
	{ .conf = "keyring", F_BOOL(struct conf_containers, keyring) },
	{ .conf = "label", F_BOOL(struct conf_containers, label) },
	{ .conf = "label_users", F_BOOL(struct conf_containers, label_users) },
	{ .conf = "log_driver", F_STR(struct conf_containers, log_driver) },
	{ .conf = "log_path", F_STR(struct conf_containers, log_path) },
	{ .conf = "log_size_max", F_SIZE(struct conf_containers, log_size_max) },
	{ .conf = "log_tag", F_STR(struct conf_containers, log_tag) },
	{ .conf = "mounts", F_STRV(struct conf_containers, mounts) },
	{ .conf = "netns", F_STR(struct conf_containers, netns) },
	{ .conf = "no_hosts", F_BOOL(struct conf_containers, no_hosts) },
	{ .conf = "oom_score_adj", F_OPT_INT(struct conf_containers, oom_score_adj) },
	{ .conf = "pidns", F_STR(struct conf_containers, pidns) },
	{ .conf = "pids_limit", F_INT(struct conf_containers, pids_limit) },
	{ .conf = "prepare_volume_on_create", F_BOOL(struct conf_containers, prepare_volume_on_create) },
	{ .conf = "privileged", F_BOOL(struct conf_containers, privileged) },
	{ .conf = "read_only", F_BOOL(struct conf_containers, read_only) },
	{ .conf = "seccomp_profile", F_STR(struct conf_containers, seccomp_profile) },
	{ .conf = "shm_size", F_STR(struct conf_containers, shm_size) },
	{ .conf = "tz", F_STR(struct conf_containers, tz) },
	{ .conf = "umask", F_STR(struct conf_containers, umask) },
	{ .conf = "userns", F_STR(struct conf_containers, userns) },
	{ .conf = "userns_size", F_UINT(struct conf_containers, userns_size) },
	{ .conf = "utsns", F_STR(struct conf_containers, utsns) },
	{ .conf = "volumes", F_STRV(struct conf_containers, volumes) },
	{}
};

static const struct field network_rows[] = {
	{ .conf = "network_backend", F_STR(struct conf_network, network_backend) },
	{ .conf = "netavark", F_STR(struct conf_network, netavark) },
	{ .conf = "netavark_plugin_dirs", F_STRV(struct conf_network, netavark_plugin_dirs) },
	{ .conf = "default_network", F_STR(struct conf_network, default_network) },
	{ .conf = "default_subnet", F_STR(struct conf_network, default_subnet) },
	{ .conf = "default_subnet_pools", F_JSON(struct conf_network, default_subnet_pools) },
	{ .conf = "default_rootless_network_cmd", F_STR(struct conf_network, default_rootless_network_cmd) },
	{ .conf = "network_config_dir", F_STR(struct conf_network, network_config_dir) },
	{ .conf = "firewall_driver", F_STR(struct conf_network, firewall_driver) },
	{ .conf = "dns_bind_port", F_UINT(struct conf_network, dns_bind_port) },
	{ .conf = "pasta_options", F_STRV(struct conf_network, pasta_options) },
	{ .conf = "default_host_ips", F_STRV(struct conf_network, default_host_ips) },
	{}
};

static const struct field engine_rows[] = {
	{ .conf = "active_service", F_STR(struct conf_engine, active_service) },
	{ .conf = "add_compression", F_STRV(struct conf_engine, add_compression) },
	{ .conf = "cgroup_manager", F_STR(struct conf_engine, cgroup_manager) },
	{ .conf = "cgroup_check", F_BOOL(struct conf_engine, cgroup_check) },
	{ .conf = "compat_api_enforce_docker_hub", F_BOOL(struct conf_engine, compat_api_enforce_docker_hub) },
	{ .conf = "compose_providers", F_STRV(struct conf_engine, compose_providers) },
	{ .conf = "compose_warning_logs", F_BOOL(struct conf_engine, compose_warning_logs) },
	{ .conf = "conmon_env_vars", F_STRV(struct conf_engine, conmon_env_vars) },
	{ .conf = "conmon_path", F_STRV(struct conf_engine, conmon_path) },
	{ .conf = "conmonrs_path", F_STRV(struct conf_engine, conmonrs_path) },
	{ .conf = "database_backend", F_STR(struct conf_engine, database_backend) },
	{ .conf = "detach_keys", F_STR(struct conf_engine, detach_keys) },
	{ .conf = "enable_port_reservation", F_BOOL(struct conf_engine, enable_port_reservation) },
	{ .conf = "env", F_STRV(struct conf_engine, env) },
	{ .conf = "events_logfile_path", F_STR(struct conf_engine, events_logfile_path) },
	{ .conf = "events_logfile_max_size", F_SIZE(struct conf_engine, events_logfile_max_size) },
	{ .conf = "events_logger", F_STR(struct conf_engine, events_logger) },
	{ .conf = "events_container_create_inspect_data", F_BOOL(struct conf_engine, events_container_create_inspect_data) },
	{ .conf = "healthcheck_events", F_BOOL(struct conf_engine, healthcheck_events) },
	{ .conf = "helper_binaries_dir", F_STRV(struct conf_engine, helper_binaries_dir) },
	{ .conf = "hooks_dir", F_STRV(struct conf_engine, hooks_dir) },
	{ .conf = "cdi_spec_dirs", F_STRV(struct conf_engine, cdi_spec_dirs) },
	{ .conf = "image_build_format", F_STR(struct conf_engine, image_build_format) },
	{ .conf = "image_default_format", F_STR(struct conf_engine, image_default_format) },
	{ .conf = "image_default_transport", F_STR(struct conf_engine, image_default_transport) },
	{ .conf = "image_parallel_copies", F_UINT(struct conf_engine, image_parallel_copies) },
	{ .conf = "image_volume_mode", F_STR(struct conf_engine, image_volume_mode) },
	{ .conf = "infra_command", F_STR(struct conf_engine, infra_command) },
	{ .conf = "infra_image", F_STR(struct conf_engine, infra_image) },
	{ .conf = "kube_generate_type", F_STR(struct conf_engine, kube_generate_type) },
	{ .conf = "lock_type", F_STR(struct conf_engine, lock_type) },
	{ .conf = "multi_image_archive", F_BOOL(struct conf_engine, multi_image_archive) },
	{ .conf = "namespace", F_STR(struct conf_engine, namespace) },
	{ .conf = "network_cmd_options", F_STRV(struct conf_engine, network_cmd_options) },
	{ .conf = "network_cmd_path", F_STR(struct conf_engine, network_cmd_path) },
	{ .conf = "no_pivot_root", F_BOOL(struct conf_engine, no_pivot_root) },
	{ .conf = "num_locks", F_UINT(struct conf_engine, num_locks) },
	{ .conf = "pod_exit_policy", F_STR(struct conf_engine, pod_exit_policy) },
	{ .conf = "pull_policy", F_STR(struct conf_engine, pull_policy) },
	{ .conf = "remote", F_BOOL(struct conf_engine, remote) },
	{ .conf = "remote_uri", F_STR(struct conf_engine, remote_uri) },
	{ .conf = "remote_identity", F_STR(struct conf_engine, remote_identity) },
	{ .conf = "retry", F_UINT(struct conf_engine, retry) },
	{ .conf = "retry_delay", F_STR(struct conf_engine, retry_delay) },
	{ .conf = "runtime", F_STR(struct conf_engine, runtime) },
	{ .conf = "runtime_path", F_STRV(struct conf_engine, runtime_path) },
	{ .conf = "runtime_supports_json", F_STRV(struct conf_engine, runtime_supports_json) },
	{ .conf = "runtime_supports_kvm", F_STRV(struct conf_engine, runtime_supports_kvm) },
	{ .conf = "runtime_supports_nocgroups", F_STRV(struct conf_engine, runtime_supports_nocgroups) },
	{ .conf = "runtime_supports_nocgroup", F_STRV(struct conf_engine, runtime_supports_nocgroups) },   /* the spelling Podman's code reads */
	{ .conf = "image_copy_tmp_dir", F_STR(struct conf_engine, image_copy_tmp_dir) },
	{ .conf = "ssh_config", F_STR(struct conf_engine, ssh_config) },
	{ .conf = "service_timeout", F_UINT(struct conf_engine, service_timeout) },
	{ .conf = "stop_timeout", F_UINT(struct conf_engine, stop_timeout) },
	{ .conf = "exit_command_delay", F_UINT(struct conf_engine, exit_command_delay) },
	{ .conf = "static_dir", F_STR(struct conf_engine, static_dir) },
	{ .conf = "tmp_dir", F_STR(struct conf_engine, tmp_dir) },
	{ .conf = "volume_path", F_STR(struct conf_engine, volume_path) },
	{ .conf = "chown_copied_files", F_BOOL(struct conf_engine, chown_copied_files) },
	{ .conf = "compression_format", F_STR(struct conf_engine, compression_format) },
	{ .conf = "compression_level", F_OPT_INT(struct conf_engine, compression_level) },
	{ .conf = "service_destinations", F_CUSTOM(struct conf_engine, service_destinations, &destinations) },
	{ .conf = "runtimes", F_CUSTOM(struct conf_engine, runtimes, &named_list) },
	{ .conf = "runtimes_flags", F_CUSTOM(struct conf_engine, runtimes_flags, &named_list) },
	{ .conf = "volume_plugins", F_MAP(struct conf_engine, volume_plugins) },
	{ .conf = "platform_to_oci_runtime", F_MAP(struct conf_engine, platform_to_oci_runtime) },
	{ .conf = "volume_plugin_timeout", F_UINT(struct conf_engine, volume_plugin_timeout) },
	{}
};

static const struct field secrets_rows[] = {
	{ .conf = "driver", F_STR(struct conf_secrets, driver) },
	{ .conf = "opts", F_MAP(struct conf_secrets, opts) },
	{}
};

static const struct field machine_rows[] = {
	{ .conf = "cpus", F_UINT(struct conf_machine, cpus) },
	{ .conf = "disk_size", F_UINT(struct conf_machine, disk_size) },
	{ .conf = "memory", F_UINT(struct conf_machine, memory) },
	{ .conf = "image", F_STR(struct conf_machine, image) },
	{ .conf = "user", F_STR(struct conf_machine, user) },
	{ .conf = "volumes", F_STRV(struct conf_machine, volumes) },
	{ .conf = "provider", F_STR(struct conf_machine, provider) },
	{ .conf = "rosetta", F_BOOL(struct conf_machine, rosetta) },
	{ .conf = "import_native_ca", F_BOOL(struct conf_machine, import_native_ca) },
	{}
};

static const struct field farms_rows[] = {
	{ .conf = "default", F_STR(struct conf_farms, default_farm) },
	{ .conf = "list", F_CUSTOM(struct conf_farms, list, &named_list) },
	{}
};

static const struct field podmansh_rows[] = {
	{ .conf = "shell", F_STR(struct conf_podmansh, shell) },
	{ .conf = "container", F_STR(struct conf_podmansh, container) },
	{ .conf = "timeout", F_UINT(struct conf_podmansh, timeout) },
	{}
};

const struct field containers_conf_rows[] = {
	{ .conf = "containers", F_OBJECT(struct containers_conf, containers, containers_rows) },
	{ .conf = "network", F_OBJECT(struct containers_conf, network, network_rows) },
	{ .conf = "engine", F_OBJECT(struct containers_conf, engine, engine_rows) },
	{ .conf = "secrets", F_OBJECT(struct containers_conf, secrets, secrets_rows) },
	{ .conf = "machine", F_OBJECT(struct containers_conf, machine, machine_rows) },
	{ .conf = "farms", F_OBJECT(struct containers_conf, farms, farms_rows) },
	{ .conf = "podmansh", F_OBJECT(struct containers_conf, podmansh, podmansh_rows) },
	{}
};

/* ---- built-in defaults ---- */
struct default_str { size_t off; const char *value; };
struct default_list { size_t off; const char *values; };   /* blank-separated */
#define C(m) offsetof(struct containers_conf, m)

static const struct default_str strings[] = {
	{ C(containers.cgroups), "enabled" },
	{ C(containers.cgroupns), "private" },
	{ C(containers.ipcns), "shareable" },
	{ C(containers.netns), "private" },
	{ C(containers.pidns), "private" },
	{ C(containers.shm_size), "65536k" },
	{ C(containers.umask), "0022" },
	{ C(containers.userns), "host" },
	{ C(containers.utsns), "private" },
	{ C(network.default_network), "podman" },
	{ C(network.default_subnet), "10.88.0.0/16" },
	{ C(network.default_rootless_network_cmd), "pasta" },
	{ C(network.network_config_dir), "/etc/containers/networks" },
	{ C(engine.detach_keys), "ctrl-p,ctrl-q" },
	{ C(engine.image_default_transport), "docker://" },
	{ C(engine.image_volume_mode), "anonymous" },
	{ C(engine.infra_command), "/pause" },
	{ C(engine.kube_generate_type), "pod" },
	{ C(engine.lock_type), "file" },
	{ C(engine.pod_exit_policy), "continue" },
	{ C(engine.pull_policy), "missing" },
	{ C(engine.image_copy_tmp_dir), "/var/tmp" },
	{ C(engine.compression_format), "gzip" },
	{ C(secrets.driver), "file" },
	{ C(machine.image), "docker://quay.io/podman/machine-os" },
	{ C(podmansh.shell), "/bin/sh" },
	{ C(podmansh.container), "podmansh" },
};

static const struct default_list lists[] = {
	{ C(containers.default_capabilities), "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID "
					      "SETPCAP SETUID SYS_CHROOT" },
	{ C(containers.env), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ C(network.netavark_plugin_dirs), "/usr/local/libexec/netavark /usr/libexec/netavark /usr/local/lib/netavark "
					   "/usr/lib/netavark" },
	{ C(engine.conmon_env_vars), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ C(engine.helper_binaries_dir), "/usr/local/libexec/podman /usr/local/lib/podman /usr/libexec/podman "
					 "/usr/lib/podman" },
	{ C(engine.hooks_dir), "/usr/share/containers/oci/hooks.d" },
	{ C(engine.cdi_spec_dirs), "/etc/cdi /var/run/cdi" },
	{ C(engine.runtime_supports_json), "crun runc kata runsc youki krun ocijail" },
	{ C(engine.runtime_supports_kvm), "kata kata-runtime kata-qemu kata-fc krun" },
	{ C(engine.runtime_supports_nocgroups), "crun krun" },
	{ C(machine.volumes), "$HOME:$HOME" },
};

static const size_t true_by_default[] = {
	C(containers.http_proxy), C(containers.keyring), C(engine.compat_api_enforce_docker_hub),
	C(engine.compose_warning_logs), C(engine.enable_port_reservation), C(engine.healthcheck_events),
	C(engine.chown_copied_files), C(machine.rosetta), C(engine.cgroup_check),
};

/* Where the usual runtimes lie, as Podman looks for them. */
static int default_runtimes(struct list *l, struct error *err)
{
	static const char *const names[] = { "crun", "crun-vm", "crun-wasm", "runc", "runj", "kata", "runsc", "youki", "krun",
					     "ocijail" };
	static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct conf_named_list *e = named_list_entry(l, names[i], err);
		if (!e)
			return -1;
		for (size_t k = 0; k < ARRAY_LEN(dirs); k++)
			TRY(strv_addf(&e->values, err, "%s/%s", dirs[k], names[i]));
	}
	return 0;
}

static void set_numbers(struct containers_conf *conf, const struct paths *paths)
{
	conf->containers.log_size_max = -1;
	conf->containers.pids_limit = paths->rootless ? 0 : 2048;
	conf->engine.events_logfile_max_size = 1000000;
	conf->engine.num_locks = 2048;
	conf->engine.retry = 3;
	conf->engine.service_timeout = 5;
	conf->engine.stop_timeout = 10;
	conf->engine.exit_command_delay = 300;
	conf->engine.volume_plugin_timeout = 5;
	conf->machine.disk_size = 100;
	conf->machine.memory = 2048;
	conf->podmansh_timeout = 30;
}

int containers_conf_init(struct containers_conf *conf, const struct paths *paths, struct error *err)
{
	*conf = (struct containers_conf){};
	set_numbers(conf, paths);
	for (size_t i = 0; i < ARRAY_LEN(true_by_default); i++)
		*(bool *)((char *)conf + true_by_default[i]) = true;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		TRY(str_set((char **)((char *)conf + strings[i].off), strings[i].value, err));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		TRY(strv_split((struct strv *)((char *)conf + lists[i].off), lists[i].values, ' ', err));
	if (paths->rootless) {
		autofree char *networks = NULL;
		TRY(path_join(&networks, paths->store_root, "networks", err));
		TRY(str_set(&conf->network.network_config_dir, networks, err));
	}
	return default_runtimes(&conf->engine.runtimes, err);
}

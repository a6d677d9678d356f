/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/globals.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/skopeo.h"
#include "conf/containers-conf.h"

#define G struct cli_globals
#define FIRST FIELD_GLOBAL_FIRST

static const char log_levels[] = "trace, debug, info, warn, warning, error, fatal, panic";

const struct field cli_global_rows[] = {
	{ .cli = "cdi-spec-dir", F_STRV(G, cdi_spec_dirs), .arg = "stringArray", .complete = "files",
	  .help = "Directory with CDI device descriptions (repeatable)" },
	{ .cli = "cgroup-manager", F_STR(G, cgroup_manager), .complete = "cgroup-managers",
	  .help = "Who makes cgroups (\"cgroupfs\"|\"systemd\")" },
	{ .cli = "config", F_STR(G, config), .flags = FIRST, .complete = "files",
	  .help = "Directory that holds the registry logins" },
	{ .cli = "conmon", F_STR(G, conmon), .complete = "files", .help = "Path of the monitor program" },
	{ .cli = "connection", .abbr = 'c', F_STR(G, connection), .flags = FIRST, .complete = "connections",
	  .help = "Remote service to use (CONTAINER_CONNECTION)" },
	{ .cli = "context", F_STR(G, context), .flags = FIRST | FIELD_HIDDEN, .complete = "none",
	  .help = "Accepted for Docker scripts" },
	{ .cli = "cpu-profile", F_STR(G, cpu_profile), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "File for a CPU profile" },
	{ .cli = "debug", .abbr = 'D', F_BOOL(G, debug), .flags = FIRST | FIELD_HIDDEN,
	  .help = "Same as --log-level=debug" },
	{ .cli = "default-mounts-file", F_STR(G, default_mounts_file), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "File that lists mounts for every container" },
	{ .cli = "events-backend", F_STR(G, events_backend), .complete = "event-backends",
	  .help = "Where events are kept (\"file\"|\"journald\"|\"none\")" },
	{ .cli = "help", .abbr = 'h', F_BOOL(G, help), .help = "Show this help" },
	{ .cli = "hooks-dir", F_STRV(G, hooks_dirs), .arg = "stringArray", .complete = "files",
	  .help = "Directory with OCI hooks (repeatable)" },
	{ .cli = "host", .abbr = 'H', F_STR(G, url), .flags = FIRST | FIELD_HIDDEN, .help = "Docker's name of --url" },
	{ .cli = "identity", F_STR(G, identity), .flags = FIRST, .complete = "files",
	  .help = "SSH key for a remote service (CONTAINER_SSHKEY)" },
	{ .cli = "imagestore", F_STR(G, imagestore), .complete = "files",
	  .help = "Keep pulled, loaded and imported images in this directory" },
	{ .cli = "log-level", F_STR(G, log_level), .fallback = "warn", .complete = "log-levels",
	  .help = "Log messages from this level on (trace, debug, info, warn, warning, error, fatal, panic)" },
	{ .cli = "max-workers", F_INT(G, max_workers), .flags = FIELD_HIDDEN, .complete = "none",
	  .help = "How many operations may run in parallel" },
	{ .cli = "memory-profile", F_STR(G, memory_profile), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "File for a memory profile" },
	{ .cli = "module", F_STRV(G, modules), .arg = "stringArray", .flags = FIRST, .complete = "modules",
	  .help = "Load a containers.conf module (repeatable)" },
	{ .cli = "namespace", F_STR(G, namespace), .flags = FIELD_HIDDEN, .complete = "none",
	  .help = "Separate view of containers and pods" },
	{ .cli = "network-backend", F_STR(G, network_backend), .flags = FIELD_HIDDEN, .complete = "none",
	  .help = "Accepted for old scripts, without effect" },
	{ .cli = "network-config-dir", MORE(.aliases = "cni-config-dir"), F_STR(G, network_config_dir), .complete = "files",
	  .help = "Directory of the network definitions" },
	{ .cli = "noout", F_BOOL(G, noout), .flags = FIRST | FIELD_HIDDEN, .help = "Write nothing to standard output" },
	{ .cli = "out", F_STR(G, out), .flags = FIRST, .complete = "files", .help = "Write standard output to a file" },
	{ .cli = "pull-option", F_STRV(G, pull_options), .arg = "stringArray", .flags = FIELD_HIDDEN, .complete = "none",
	  .help = "How images are pulled" },
	{ .cli = "registries-conf", F_STR(G, registries_conf), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "The registries.conf to read" },
	{ .cli = "registries-conf-dir", F_STR(G, registries_conf_dir), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "Directory that says where signatures are kept" },
	{ .cli = "remote", .abbr = 'r', F_BOOL(G, remote), .flags = FIRST, .help = "Use a remote service" },
	{ .cli = "root", F_STR(G, root), .complete = "files",
	  .help = "Directory in which images, containers and volumes are stored" },
	{ .cli = "runroot", F_STR(G, runroot), .complete = "files",
	  .help = "Directory of the state that ends with a reboot" },
	{ .cli = "runtime", F_STR(G, runtime), .complete = "files",
	  .help = "OCI runtime to run containers with instead of the built-in one" },
	{ .cli = "runtime-flag", F_STRV(G, runtime_flags), .arg = "stringArray", .complete = "none",
	  .help = "Pass an option to the OCI runtime (repeatable)" },
	{ .cli = "signature-policy", F_STR(G, signature_policy), .flags = FIRST | FIELD_HIDDEN, .complete = "files",
	  .help = "Signature policy to use instead of policy.json" },
	{ .cli = "short-name-alias-conf", F_STR(G, short_name_alias_conf), .flags = FIELD_HIDDEN, .complete = "files",
	  .help = "File of the aliases that short names have got" },
	{ .cli = "ssh", F_STR(G, ssh), .flags = FIRST, .fallback = "golang", .complete = "ssh-modes",
	  .help = "How to reach a remote service by SSH (\"golang\"|\"native\")" },
	{ .cli = "storage-driver", F_STR(G, storage_driver), .complete = "none",
	  .help = "How layers are kept (\"overlay\"|\"vfs\")" },
	{ .cli = "storage-opt", F_STRV(G, storage_opts), .arg = "stringArray", .complete = "none",
	  .help = "Pass an option to the storage driver (repeatable)" },
	{ .cli = "syslog", F_BOOL(G, syslog), .help = "Copy log messages to syslog" },
	{ .cli = "tls-ca", F_STR(G, tls_ca), .flags = FIRST, .complete = "files",
	  .help = "Certificate authority of a remote service, PEM" },
	{ .cli = "tls-cert", F_STR(G, tls_cert), .flags = FIRST, .complete = "files",
	  .help = "Client certificate for a remote service, PEM" },
	{ .cli = "tls-details", F_STR(G, tls_details), .flags = FIRST, .complete = "files",
	  .help = "File with TLS settings for registries" },
	{ .cli = "tls-key", F_STR(G, tls_key), .flags = FIRST, .complete = "files",
	  .help = "Key of the client certificate, PEM" },
	{ .cli = "tmpdir", F_STR(G, tmpdir), .complete = "files",
	  .help = "Directory for the engine's own temporary state" },
	{ .cli = "trace", F_BOOL(G, trace), .flags = FIELD_HIDDEN, .help = "Show trace messages, same as --log-level=trace" },
	{ .cli = "transient-store", F_BOOL(G, transient_store), .help = "Keep containers in run-time state only" },
	{ .cli = "url", F_STR(G, url), .flags = FIRST, .complete = "files",
	  .help = "Address of a remote service (CONTAINER_HOST)" },
	{ .cli = "userns-gid-map", F_STR(G, userns_gid_map), .flags = FIELD_HIDDEN | FIRST, .complete = "none",
	  .help = "Not supported: work in the builder's own user namespace" },
	{ .cli = "userns-uid-map", F_STR(G, userns_uid_map), .flags = FIELD_HIDDEN | FIRST, .complete = "none",
	  .help = "Not supported: work in the builder's own user namespace" },
	{ .cli = "version", .abbr = 'v', F_BOOL(G, version), .flags = FIRST, .help = "Show the version" },
	{ .cli = "volumepath", F_STR(G, volumepath), .complete = "files",
	  .help = "Directory in which volumes are kept" },
	{}
};

const struct field *globals_rows(const struct cli *cli)
{
	return cli->skopeo ? skopeo_global_rows : cli_global_rows;
}

/* Podman ends with 1, without "Error:", for what is wrong before anything starts; Buildah with 125. */
static int refuse(const struct cli *cli, struct error *err, const char *message)
{
	enum { FAILED = 1, BUILDAH_FAILED = 125 };

	fprintf(stderr, "%s\n", message);
	return fail_exit(err, streq(cli->program, "buildah") ? BUILDAH_FAILED : FAILED);
}

static int apply_log(struct cli *cli, struct error *err)
{
	const char *level = cli->global.log_level;
	struct error why = {};
	char message[256];

	if (cli->global.debug && level && strcasecmp(level, "warn") != 0)
		return refuse(cli, err, "Setting --log-level and --debug is not allowed");
	if (cli->global.debug)
		level = "debug";
	else if (cli->global.trace && !level)
		level = "trace";
	if (level && log_level_parse(level, &cli->log.level, &why) < 0) {
		snprintf(message, sizeof(message), "Log Level \"%s\" is not supported, choose from: %s", level, log_levels);
		return refuse(cli, err, message);
	}
	cli->log.to_syslog = cli->global.syslog;
	if (!cli->skopeo && !streq(cli->program, "buildah"))
		log_info(&cli->log, "%s filtering at log level %s", cli->program, level ? level : "warn");
	return 0;
}

static int apply_out(struct cli *cli, struct error *err)
{
	const char *path = cli->global.noout ? "/dev/null" : cli->global.out;
	char message[512];

	if (str_empty(path))
		return 0;
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
		snprintf(message, sizeof(message), "unable to open file for standard output: open %s: %s", path,
			 strerror(errno));
		return refuse(cli, err, message);
	}
	return 0;
}

/* --config is a directory; it may be missing (it is made at the first login). */
static int apply_config(struct cli *cli, struct error *err)
{
	const char *path = cli->global.config;
	struct stat st;
	char message[512];

	if (str_empty(path))
		return 0;
	if (stat(path, &st) < 0 && errno != ENOENT)
		snprintf(message, sizeof(message), "Supplied --config folder (%s) exists but is not accessible: %s", path,
			 strerror(errno));
	else if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		snprintf(message, sizeof(message), "Supplied --config file (%s) is not a directory", path);
	else
		return setenv("DOCKER_CONFIG", path, 1) < 0 ? fail_oom(err) : 0;
	return refuse(cli, err, message);
}

int globals_apply(struct cli *cli, struct error *err)
{
	TRY(apply_out(cli, err));
	TRY(apply_log(cli, err));
	TRY(apply_config(cli, err));
	if (cli->global.registries_conf && setenv("CONTAINERS_REGISTRIES_CONF", cli->global.registries_conf, 1) < 0)
		return fail_oom(err);
	return 0;
}

int globals_check_modules(struct cli *cli, struct error *err)
{
	auto_containers_conf conf = {};
	auto_paths paths = {};
	struct error why = {};
	char message[sizeof(why.text) + 80];

	if (!cli->global.modules.n)
		return 0;
	TRY(paths_load(&paths, err));
	if (containers_conf_load(&conf, &paths, &cli->global.modules, &why) >= 0)
		return 0;
	snprintf(message, sizeof(message), "Failed to obtain podman configuration: parsing containers.conf: %s", why.text);
	return refuse(cli, err, message);
}

bool globals_offer_remote(const struct cli *cli)
{
	return !cli->global.url && !cli->global.connection && !getenv("CONTAINER_HOST") && !getenv("CONTAINER_CONNECTION");
}

static int no_remote(const char *what, struct error *err)
{
	return fail(err, ERROR_UNSUPPORTED,
		    "%s asks for a remote service, which this program cannot use; leave it out to use the local engine",
		    what);
}

/* storage.options.pull_options: what cannot be honoured is refused unless it asks for what is so anyway. */
static bool pull_options_are_known(const struct strv *options, struct error *err)
{
	static const char *const known[] = { "enable_partial_images", "use_hard_links", "convert_images", "ostree_repos",
		"insecure_allow_unpredictable_image_contents" };

	for (size_t i = 0; i < options->n; i++) {
		const char *o = options->v[i], *eq = strchr(o, '=');
		size_t n = eq ? (size_t)(eq - o) : 0;
		bool found = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= strlen(known[k]) == n && strncmp(o, known[k], n) == 0;
		if (!found)
			fail(err, ERROR_INVALID, "--pull-option %s: unknown option (want KEY=VALUE with enable_partial_images, ...)", o);
		else if (!streq(eq, "=false") && !streq(eq, "=") && strncmp(o, "enable_partial_images", n) != 0)
			fail(err, ERROR_UNSUPPORTED, "--pull-option %s is not supported", o), found = false;
		if (!found)
			return false;
	}
	return true;
}

int globals_check(struct cli *cli, struct error *err)
{
	const struct cli_globals *g = &cli->global;
	const struct { const char *what; bool given; } remote[] = {
		{ "--remote", g->remote }, { "--url", !str_empty(g->url) }, { "--connection", !str_empty(g->connection) },
		{ "CONTAINER_HOST", !cli->docker && getenv("CONTAINER_HOST") },
		{ "CONTAINER_CONNECTION", !cli->docker && getenv("CONTAINER_CONNECTION") },
	};

	if (g->context && !streq(g->context, "default"))
		return fail(err, ERROR_NOT_FOUND, "read cli flags: connection \"%s\" not found", g->context);
	for (size_t i = 0; i < ARRAY_LEN(remote); i++)
		if (remote[i].given)
			return no_remote(remote[i].what, err);
	if (g->cpu_profile || g->memory_profile)
		return fail(err, ERROR_UNSUPPORTED, "%s: there is no built-in profiler; use perf(1)",
			    g->cpu_profile ? "--cpu-profile" : "--memory-profile");
	if (!str_empty(g->namespace))
		return fail(err, ERROR_UNSUPPORTED, "--namespace: separate views are not supported; use --root and --runroot");
	if (g->userns_uid_map || g->userns_gid_map)
		return fail(err, ERROR_UNSUPPORTED, "%s: building is done in the builder's own user namespace",
			    g->userns_uid_map ? "--userns-uid-map" : "--userns-gid-map");
	if (!pull_options_are_known(&g->pull_options, err))
		return -1;
	if (cli_global_given(cli, "max-workers") && g->max_workers <= 0)
		return fail(err, ERROR_INVALID, "maximum workers must be set to a positive number (got %lld)",
			    (long long)g->max_workers);
	return 0;
}

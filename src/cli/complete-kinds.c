/* SPDX-License-Identifier: Apache-2.0
 * cli/complete-kinds.c - what completes a CONTAINER, an IMAGE, a log level, ...: one row a kind. */
#include <dirent.h>
#include <net/if.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "conf/registries-conf.h"
#include "engine/engine.h"
#include "engine/network.h"
#include "engine/secret.h"
#include "engine/volume.h"
#include "engine/pod.h"
#include "os/caps.h"
#include "store/container.h"
#include "store/image.h"

/* ---- containers ---- */
#define BIT CONTAINER_STATE_BIT
#define RUNNING (BIT(CONTAINER_RUNNING))
#define STARTABLE (BIT(CONTAINER_CREATED) | BIT(CONTAINER_INITIALIZED) | BIT(CONTAINER_STOPPED) | BIT(CONTAINER_EXITED))

/* Commands (last word) that only make sense in some states; others offer every container. */
static const struct { const char *command; unsigned states; } container_states[] = {
	{ "attach", RUNNING },  { "exec", RUNNING },   { "kill", RUNNING },     { "pause", RUNNING },
	{ "port", RUNNING },    { "stats", RUNNING },  { "stop", RUNNING | BIT(CONTAINER_PAUSED) },
	{ "top", RUNNING },     { "unpause", BIT(CONTAINER_PAUSED) },           { "start", STARTABLE },
	{ "init", BIT(CONTAINER_CREATED) },            { "checkpoint", RUNNING }, { "restore", STARTABLE },
};

static unsigned states_for(const char *command)
{
	const char *blank = strrchr(command, ' '), *word = blank ? blank + 1 : command;

	for (size_t i = 0; i < ARRAY_LEN(container_states); i++)
		if (streq(container_states[i].command, word))
			return container_states[i].states;
	return 0;
}

/* Names, and ids once two characters of one are typed. */
static int add_container(struct completion *c, const struct container *one, const char *behind, struct error *err)
{
	char text[300], id[80];

	snprintf(text, sizeof(text), "%s%s", one->record.name, behind);
	TRY(complete_add(c, text, one->record.image_name, err));
	snprintf(id, sizeof(id), "%.12s%s", one->record.id, behind);
	return strlen(c->word) > 1 ? complete_add(c, id, one->record.name, err) : 0;
}

static int list_containers(struct cli *cli, unsigned states, struct container_list *ret, struct error *err)
{
	struct container_query q = { .states = states };
	struct engine *e;
	struct store *s;

	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	return store_container_list(s, &q, ret, err);
}

static int provide_containers(struct cli *cli, struct completion *c, struct error *err)
{
	CLEANUP(container_list_done) struct container_list l = {};
	bool is_copy = str_ends(c->command, "cp") && !c->option;

	if (is_copy && strchr(c->word, ':')) {
		c->directive = COMPLETE_NO_SPACE;
		return complete_container_path(cli, c, err);
	}
	TRY(list_containers(cli, states_for(c->command), &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(add_container(c, &l.v[i], is_copy ? ":" : "", err));
	if (is_copy)
		c->directive = COMPLETE_NO_SPACE;
	return 0;
}

/* ---- pods ---- */
/* The states that make sense for `pod COMMAND`; others offer every pod. */
static const struct { const char *command, *states; } pod_states[] = {
	{ "kill", "Running Degraded" },   { "pause", "Running Degraded" }, { "stop", "Running Degraded" },
	{ "top", "Running Degraded" },    { "stats", "Running Degraded" }, { "start", "Created Stopped Exited" },
};

static bool pod_fits(const struct completion *c, struct pod *p)
{
	const char *blank = strrchr(c->command, ' '), *word = blank ? blank + 1 : c->command;
	auto_ctr_list members = {};
	struct error ignored;

	for (size_t i = 0; !c->option && i < ARRAY_LEN(pod_states); i++)
		if (streq(pod_states[i].command, word))
			return pod_containers(p, &members, &ignored) >= 0 && strstr(pod_states[i].states, pod_state(&members));
	return true;
}

static int provide_pods(struct cli *cli, struct completion *c, struct error *err)
{
	auto_pod_list l = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(pod_list(e, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		char id[13];
		if (!pod_fits(c, l.v[i]))
			continue;
		snprintf(id, sizeof(id), "%.12s", l.v[i]->config.id);
		TRY(complete_add(c, l.v[i]->config.name, NULL, err));
		if (strlen(c->word) > 1)
			TRY(complete_add(c, id, l.v[i]->config.name, err));
	}
	return 0;
}

/* ---- images ---- */
static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

static int add_image(struct completion *c, const struct store_image *image, struct error *err)
{
	for (size_t i = 0; i < image->names.n; i++) {
		TRY(complete_add(c, image->names.v[i], NULL, err));
		if (*c->word)
			TRY(complete_add(c, short_name(image->names.v[i]), NULL, err));
	}
	char id[13];
	snprintf(id, sizeof(id), "%.12s", image->id);
	if (strlen(c->word) > 12)
		return complete_add(c, image->id, NULL, err);
	return strlen(c->word) > 1 ? complete_add(c, id, NULL, err) : 0;
}

static int provide_images(struct cli *cli, struct completion *c, struct error *err)
{
	auto_store_image_list l = {};
	struct engine *e;
	struct store *s;

	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	TRY(store_image_list(s, STORE_IMAGE_NAMES, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(add_image(c, &l.v[i], err));
	return 0;
}

/* ---- words that never change ---- */
static int add_words(struct completion *c, const char *const *words, struct error *err)
{
	for (; *words; words++)
		TRY(complete_add(c, *words, NULL, err));
	return 0;
}

#define WORDS(name, ...)                                                                             \
	static int provide_##name(struct cli *cli, struct completion *c, struct error *err)          \
	{                                                                                            \
		static const char *const words[] = { __VA_ARGS__, NULL };                            \
		(void)cli;                                                                           \
		return add_words(c, words, err);                                                     \
	}                                                                                            \
	struct words_need_a_semicolon_##name

WORDS(exit_policies, "continue", "stop");
WORDS(init_types, "always", "once");
WORDS(pod_filters, "ctr-ids=", "ctr-names=", "ctr-number=", "ctr-status=", "id=", "label=", "name=", "network=", "status=",
      "until=");
WORDS(pod_sort, "created", "id", "name", "number", "status");
WORDS(pod_shares, "cgroup", "ipc", "net", "pid", "uts", "none");
WORDS(log_levels, "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic");
WORDS(cgroup_managers, "cgroupfs", "systemd");
WORDS(event_backends, "file", "journald", "none");
WORDS(event_filters, "artifact=", "container=", "event=", "image=", "label=", "pod=", "type=", "volume=");
WORDS(ssh_modes, "golang", "native");
WORDS(shells, "bash", "zsh", "fish");
WORDS(log_drivers, "journald", "json-file", "k8s-file", "none", "passthrough", "passthrough-tty");
WORDS(pull_policies, "always", "missing", "never", "newer");
WORDS(image_formats, "oci", "docker");
WORDS(restart_policies, "always", "no", "on-failure", "unless-stopped");
WORDS(image_filters, "after=", "before=", "containers=", "dangling=", "digest=", "id=", "intermediate=", "label=",
      "manifest=", "readonly=", "reference=", "since=", "until=");
WORDS(prune_filters, "label=", "until=");
WORDS(container_filters, "ancestor=", "before=", "command=", "exited=", "health=", "id=", "label=", "name=", "network=",
      "pod=", "restart-policy=", "should-start-on-boot=", "since=", "status=", "until=", "volume=");
WORDS(wait_conditions, "configured", "created", "exited", "healthy", "initialized", "paused", "removing", "running",
      "stopped", "stopping", "unhealthy");
WORDS(namespaces, "container:", "host", "none", "ns:", "private");
WORDS(user_namespaces, "auto", "container:", "host", "keep-id", "nomap", "ns:", "private");
WORDS(platforms, "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64",
      "linux/s390x");
WORDS(oses, "linux", "windows", "freebsd");
WORDS(arches, "386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x");
WORDS(health_actions, "kill", "none", "restart", "stop");
WORDS(sdnotify_modes, "conmon", "container", "healthy", "ignore");
WORDS(network_drivers, "bridge", "ipvlan", "macvlan");
WORDS(network_filters, "dangling=", "driver=", "id=", "label=", "name=", "until=");
WORDS(image_volume_modes, "anonymous", "ignore", "tmpfs");
WORDS(systemd_modes, "always", "false", "true");
WORDS(top_columns, "args", "capeff", "comm", "etime", "group", "hgroup", "hpid", "huser", "label", "nice", "pcpu",
      "pgid", "pid", "ppid", "seccomp", "state", "stime", "time", "tty", "user", "vsz");

WORDS(inspect_types, "all", "container", "image", "network", "pod", "volume");
WORDS(ps_sort, "command", "created", "id", "image", "names", "runningfor", "size", "status");
WORDS(log_options, "label=", "labels=", "max-size=", "path=", "tag=");

/* "CAP_" in front may be left out on the command line; people type it both ways. */
static int provide_capabilities(struct cli *cli, struct completion *c, struct error *err)
{
	(void)cli;
	TRY(complete_add(c, "all", NULL, err));
	for (unsigned cap = 0; caps_name(cap); cap++) {
		TRY(complete_add(c, caps_name(cap), NULL, err));
		if (str_after(caps_name(cap), "CAP_"))
			TRY(complete_add(c, caps_name(cap) + 4, NULL, err));
	}
	return 0;
}

static int provide_secrets(struct cli *cli, struct completion *c, struct error *err)
{
	auto_secret_list l = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(secret_load_all(e, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(complete_add(c, l.v[i].spec.name, NULL, err));
	return 0;
}

static int provide_volumes(struct cli *cli, struct completion *c, struct error *err)
{
	auto_strv names = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(volume_list(e, &names, err));
	for (size_t i = 0; i < names.n; i++)
		TRY(complete_add(c, names.v[i], NULL, err));
	return 0;
}

static int provide_networks(struct cli *cli, struct completion *c, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network_list all = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(network_place(e, false, &place, err));
	TRY(network_list(&place.env, &all, err));
	for (size_t i = 0; i < all.n; i++)
		TRY(complete_add(c, all.v[i].name, NULL, err));
	return 0;
}

static int provide_signals(struct cli *cli, struct completion *c, struct error *err)
{
	(void)cli;
	for (int sig = 1; sig < 32; sig++) {
		const char *abbrev = sigabbrev_np(sig);
		char name[32];
		snprintf(name, sizeof(name), "SIG%s", abbrev ? abbrev : "");
		if (abbrev)
			TRY(complete_add(c, name, NULL, err));
	}
	return 0;
}

/* ---- things of the host ---- */
static int provide_interfaces(struct cli *cli, struct completion *c, struct error *err)
{
	struct if_nameindex *all = if_nameindex();
	int r = 0;

	(void)cli;
	for (struct if_nameindex *i = all; i && i->if_index && r >= 0; i++)
		r = complete_add(c, i->if_name, NULL, err);
	if_freenameindex(all);
	return r;
}

static int add_sysctls(struct completion *c, const char *dir, const char *prefix, int depth, struct error *err);

static int add_sysctl(struct completion *c, const char *dir, const char *prefix, const struct dirent *entry, int depth,
		      struct error *err)
{
	char path[600], name[300];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >= sizeof(path) ||
	    (size_t)snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name) >= sizeof(name) - 2)
		return 0;
	if (entry->d_type != DT_DIR)
		return complete_add(c, name, NULL, err);
	size_t n = strlen(name), typed = strlen(c->word);
	name[n] = '.';
	name[n + 1] = '\0';
	/* Only branches that what is typed leads into; the rest of the tree is thousands of entries. */
	if (strncmp(name, c->word, n + 1 < typed ? n + 1 : typed) != 0)
		return 0;
	return add_sysctls(c, path, name, depth + 1, err);
}

static int add_sysctls(struct completion *c, const char *dir, const char *prefix, int depth, struct error *err)
{
	DIR *d = depth < 8 ? opendir(dir) : NULL;
	int r = 0;

	for (struct dirent *e; d && r >= 0 && (e = readdir(d));)
		if (e->d_name[0] != '.')
			r = add_sysctl(c, dir, prefix, e, depth, err);
	if (d)
		closedir(d);
	return r;
}

static int provide_sysctls(struct cli *cli, struct completion *c, struct error *err)
{
	(void)cli;
	TRY(add_sysctls(c, "/proc/sys", "", 0, err));
	strv_sort(&c->found);
	return 0;
}

static int add_files_of(struct completion *c, const char *dir, struct error *err)
{
	DIR *d = opendir(dir);
	auto_strv names = {};
	int r = 0;

	for (struct dirent *e; d && r >= 0 && (e = readdir(d));)
		if (e->d_name[0] != '.')
			r = strv_add(&names, e->d_name, err);
	if (d)
		closedir(d);
	strv_sort(&names);
	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = complete_add(c, names.v[i], NULL, err);
	return r;
}

/* containers.conf modules, the user's first. */
static int provide_modules(struct cli *cli, struct completion *c, struct error *err)
{
	auto_paths paths = {};
	autofree char *home = NULL;

	(void)cli;
	TRY(paths_load(&paths, err));
	TRY(path_join(&home, paths.config_home, "containers/containers.conf.modules", err));
	TRY(add_files_of(c, home, err));
	TRY(add_files_of(c, "/etc/containers/containers.conf.modules", err));
	return add_files_of(c, "/usr/share/containers/containers.conf.modules", err);
}

static int provide_users(struct cli *cli, struct completion *c, struct error *err)
{
	int r = 0;

	(void)cli;
	setpwent();
	for (struct passwd *p; r >= 0 && (p = getpwent());)
		r = complete_add(c, p->pw_name, NULL, err);
	endpwent();
	return r;
}

static int provide_registries(struct cli *cli, struct completion *c, struct error *err)
{
	auto_registries_conf conf = {};
	auto_paths paths = {};

	(void)cli;
	TRY(paths_load(&paths, err));
	TRY(registries_conf_load(&conf, &paths, err));
	for (size_t i = 0; i < conf.unqualified_search.n; i++)
		TRY(complete_add(c, conf.unqualified_search.v[i], NULL, err));
	return 0;
}

const struct completion_kind completion_kinds[] = {
	/* words of usage lines */
	{ "CONTAINER", "containers", provide_containers, COMPLETE_NO_FILES },
	{ "IMAGE", "images", provide_images, COMPLETE_NO_FILES },
	{ "NETWORK", "networks", provide_networks, COMPLETE_NO_FILES },
	{ NULL, "network-drivers", provide_network_drivers, COMPLETE_NO_FILES },
	{ NULL, "network-filters", provide_network_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ "POD", "pods", provide_pods, COMPLETE_NO_FILES },
	{ "REGISTRY", "registries", provide_registries, COMPLETE_NO_FILES },
	{ "SECRET", "secrets", provide_secrets, COMPLETE_NO_FILES },
	{ "SHELL", "shells", provide_shells, COMPLETE_NO_FILES },
	{ "VOLUME", "volumes", provide_volumes, COMPLETE_NO_FILES },
	/* values of options */
	{ NULL, "files", NULL, COMPLETE_DEFAULT },
	{ NULL, "dirs", NULL, COMPLETE_DIRS },
	{ NULL, "none", NULL, COMPLETE_NO_FILES },
	{ NULL, "arch", provide_arches, COMPLETE_NO_FILES },
	{ NULL, "capabilities", provide_capabilities, COMPLETE_NO_FILES },
	{ NULL, "cgroup-managers", provide_cgroup_managers, COMPLETE_NO_FILES },
	{ NULL, "connections", NULL, COMPLETE_NO_FILES },
	{ NULL, "ps-filters", provide_container_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "event-backends", provide_event_backends, COMPLETE_NO_FILES },
	{ NULL, "event-filters", provide_event_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "health-actions", provide_health_actions, COMPLETE_NO_FILES },
	{ NULL, "image-filters", provide_image_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "image-formats", provide_image_formats, COMPLETE_NO_FILES },
	{ NULL, "image-volume-modes", provide_image_volume_modes, COMPLETE_NO_FILES },
	{ NULL, "inspect-types", provide_inspect_types, COMPLETE_NO_FILES },
	{ NULL, "interfaces", provide_interfaces, COMPLETE_NO_FILES },
	{ NULL, "log-drivers", provide_log_drivers, COMPLETE_NO_FILES },
	{ NULL, "log-options", provide_log_options, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "log-levels", provide_log_levels, COMPLETE_NO_FILES },
	{ NULL, "modules", provide_modules, COMPLETE_DEFAULT },
	{ NULL, "namespaces", provide_namespaces, COMPLETE_NO_FILES },
	{ NULL, "oses", provide_oses, COMPLETE_NO_FILES },
	{ NULL, "platforms", provide_platforms, COMPLETE_NO_FILES },
	{ NULL, "exit-policies", provide_exit_policies, COMPLETE_NO_FILES },
	{ NULL, "init-types", provide_init_types, COMPLETE_NO_FILES },
	{ NULL, "pod-filters", provide_pod_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "pod-shares", provide_pod_shares, COMPLETE_NO_FILES },
	{ NULL, "pod-sort", provide_pod_sort, COMPLETE_NO_FILES },
	{ NULL, "prune-filters", provide_prune_filters, COMPLETE_NO_FILES | COMPLETE_NO_SPACE },
	{ NULL, "ps-sort", provide_ps_sort, COMPLETE_NO_FILES },
	{ NULL, "pull-policies", provide_pull_policies, COMPLETE_NO_FILES },
	{ NULL, "restart-policies", provide_restart_policies, COMPLETE_NO_FILES },
	{ NULL, "sdnotify-modes", provide_sdnotify_modes, COMPLETE_NO_FILES },
	{ NULL, "signals", provide_signals, COMPLETE_NO_FILES },
	{ NULL, "ssh-modes", provide_ssh_modes, COMPLETE_NO_FILES },
	{ NULL, "sysctls", provide_sysctls, COMPLETE_NO_FILES },
	{ NULL, "systemd-modes", provide_systemd_modes, COMPLETE_NO_FILES },
	{ NULL, "top-columns", provide_top_columns, COMPLETE_NO_FILES },
	{ NULL, "user-namespaces", provide_user_namespaces, COMPLETE_NO_FILES },
	{ NULL, "users", provide_users, COMPLETE_NO_FILES },
	{ NULL, "wait-conditions", provide_wait_conditions, COMPLETE_NO_FILES },
	{}
};

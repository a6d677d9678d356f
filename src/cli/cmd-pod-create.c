/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-pod-create.c - `pod create` and `pod clone`: the settings are rows of containers, chosen by name. */
#include "cli/pod-options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/file.h"

struct pod_create_params {
	struct pod_params pod;
	char *id_file;
	bool replace, start, destroy;
};
#define P struct pod_create_params

static int fill_words(struct cli *cli, struct pod_create_params *p, const struct strv *args, struct error *err)
{
	struct params_basic *b = &p->pod.c.basic;

	if (args->n && b->name)
		return fail(err, ERROR_INVALID, "cannot specify --name and NAME at the same time");
	if (args->n)
		TRY(str_set(&b->name, args->v[0], err));
	for (int i = 0; i < cli->argc; i++)
		TRY(strv_add(&b->create_command, cli->argv[i], err));
	if (p->replace && !b->name)
		return fail(err, ERROR_INVALID, "cannot replace pod without --name being set");
	return params_finish(&p->pod.c, err);
}

int pod_options_replace(struct engine *e, const char *name, struct error *err)
{
	const struct pod_remove_options o = { .force = true, .timeout = { true, 0 } };
	auto_pod *old = NULL;
	struct error missing;

	if (pod_find(e, name, &old, &missing) < 0) {
		if (missing.kind == ERROR_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}
	return streq(old->config.name, name) ? pod_remove(old, &o, NULL, err) : 0;
}

int pod_options_write_id(const char *path, const struct pod *pod, struct error *err)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(err, "failed to write pod ID to file: open %s", path);
	return file_write_all(fd, pod->config.id, strlen(pod->config.id), err);
}

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct pod_create_params *p = params;
	auto_pod *pod = NULL;
	struct engine *e;

	TRY(fill_words(cli, p, args, err));
	TRY(cli_engine(cli, &e, err));
	if (p->id_file && access(p->id_file, F_OK) == 0)
		return fail(err, ERROR_EXISTS, "pod-id-file exists. Ensure another pod is not using it or delete %s", p->id_file);
	if (p->replace)
		TRY(pod_options_replace(e, p->pod.c.basic.name, err));
	TRY(pod_create(e, &p->pod, &pod, err));
	if (p->id_file)
		TRY(pod_options_write_id(p->id_file, pod, err));
	puts(pod->config.id);
	return 0;
}

static void create_init(void *params)
{
	struct pod_create_params *p = params;

	params_init(&p->pod.c);
}

static const struct field own_rows[] = {
	{ .cli = "name", .abbr = 'n', F_STR(P, pod.c.basic.name), .arg = "string", .help = "Name for the pod" },
	{ .cli = "hostname", F_STR(P, pod.c.ns.hostname), .arg = "string", .help = "Host name inside the pod" },
	{ .cli = "infra-command", F_STR(P, pod.infra_command), .arg = "string",
	  .help = "Command of the infra container, instead of its image's" },
	{ .cli = "infra-conmon-pidfile", F_STR(P, pod.infra_conmon_pidfile), .arg = "string", .complete = "files",
	  .help = "Write the process id of the infra container's monitor to this file" },
	{ .cli = "infra-name", F_STR(P, pod.infra_name), .arg = "string", .help = "Name of the infra container" },
	{}
};

static const struct field create_rows[] = {
	{ .cli = "exit-policy", F_STR(P, pod.exit_policy), .arg = "string", .fallback = "continue",
	  .complete = "exit-policies", .help = "What happens when the last container exits (\"continue\"|\"stop\")" },
	{ .cli = "infra", F_OPT_BOOL(P, pod.infra), .fallback = "true",
	  .help = "Make an infra container, which holds what the others share" },
	{ .cli = "infra-image", F_STR(P, pod.infra_image), .arg = "string", .complete = "images",
	  .help = "Image of the infra container (none is needed)" },
	{ .cli = "pod-id-file", F_STR(P, id_file), .arg = "string", .complete = "files", .help = "Write the pod's ID to this file" },
	{ .cli = "replace", F_BOOL(P, replace), .help = "Delete a pod of the same name first" },
	{ .cli = "share", F_STR(P, pod.share), .arg = "string", .fallback = "ipc,net,uts", .complete = "pod-shares",
	  .help = "Namespaces the containers share (+NAME: besides the usual ones)" },
	{ .cli = "share-parent", F_OPT_BOOL(P, pod.share_parent), .fallback = "true",
	  .help = "Make a cgroup for the pod as parent of its containers' cgroups" },
	{}
};

#define SETTINGS                                                                                                  \
	{ own_rows, 0 }, { params_basic_rows, offsetof(P, pod.c), "label label-file restart" },                   \
	{ params_storage_rows, offsetof(P, pod.c), "device gpus shm-size shm-size-systemd volume volumes-from" }, \
	{ params_namespaces_rows, offsetof(P, pod.c),                                                             \
	  "cgroup-parent gidmap pid subgidname subuidname uidmap userns uts" },                       \
	{ params_security_rows, offsetof(P, pod.c), "security-opt sysctl" },                                      \
	{ params_resources_rows, offsetof(P, pod.c),                                                              \
	  "blkio-weight blkio-weight-device cpu-shares cpus cpuset-cpus cpuset-mems device-read-bps device-write-bps memory "  \
	  "memory-swap" }

static const struct command_rows create_groups[] = {
	SETTINGS, { create_rows, 0 }, { params_namespaces_rows, offsetof(P, pod.c), "no-hostname" },
	{ params_network_rows, offsetof(P, pod.c),
	  "add-host dns dns-option dns-search hosts-file ip ip6 mac-address network network-alias no-hosts publish" }, {}
};

const struct command cmd_pod_create = {
	.summary = "Create an empty pod",
	.description = "Makes a pod: containers that are created with --pod share its namespaces, ports and limits.",
	.args = "[NAME]", .max_args = 1, .examples = "--name web --publish 8080:80\n--share +pid --memory 256m db",
	.groups = create_groups, .params_size = sizeof(P), .init = create_init, .run = run_create,
	.flags = COMMAND_ARGS_STOP | COMMAND_IN_USERNS,
};

/* ---- clone ---- */
static int run_clone(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct pod_create_params *p = params;
	const struct pod_remove_options gone = { .force = true };
	auto_pod *from = NULL, *pod = NULL;
	struct engine *e;

	TRY(fill_words(cli, p, &(struct strv){ args->v + 1, args->n > 1 ? 1 : 0 }, err));
	TRY(cli_engine(cli, &e, err));
	TRY(pod_find(e, args->v[0], &from, err));
	TRY(pod_clone(from, &p->pod, &pod, err));
	if (p->destroy)
		TRY(pod_remove(from, &gone, NULL, err));
	if (p->start)
		TRY(pod_start(pod, NULL, err));
	puts(pod->config.id);
	return 0;
}

static const struct field clone_rows[] = {
	{ .cli = "destroy", F_BOOL(P, destroy), .help = "Delete the original pod" },
	{ .cli = "start", F_BOOL(P, start), .help = "Start the new pod" },
	{}
};

static const struct command_rows clone_groups[] = { SETTINGS, { clone_rows, 0 }, {} };

const struct command cmd_pod_clone = {
	.summary = "Copy a pod and its containers",
	.description = "Makes a pod with the settings of another and copies of its containers; options change settings.",
	.args = "POD [NAME]", .min_args = 1, .max_args = 2,
	.missing = "must specify at least 1 argument: invalid argument", .examples = "web web-test\n--memory 1g --start web",
	.groups = clone_groups, .params_size = sizeof(P), .init = create_init, .run = run_clone,
	.flags = COMMAND_IN_USERNS,
};

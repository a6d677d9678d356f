/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run-options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/descriptors.h"
#include "cli/pod-options.h"
#include "os/file.h"

#define P struct run_params

static const struct field common_rows[] = {
	{ .cli = "replace", F_BOOL(P, replace), .help = "Delete a container of the same name first" },
	{ .cli = "pod-id-file", F_STR(P, pod_id_file), .arg = "string", .complete = "files",
	  .help = "Take the ID of the pod to belong to from this file" },
	{ .cli = "disable-content-trust", F_BOOL(P, ignored_bool), .help = "Accepted for Docker's sake, does nothing",
	  .flags = FIELD_HIDDEN },
	{ .cli = "kernel-memory", F_STR(P, ignored),
	  .help = "Accepted for old scripts, does nothing", .flags = FIELD_HIDDEN },
	{}
};

static const struct field run_rows[] = {
	{ .cli = "detach", .abbr = 'd', F_BOOL(P, detach),
	  .help = "Leave the container in the background, print its ID" },
	{ .cli = "detach-keys", F_STR(P, detach_keys), .arg = "[a-Z] | ctrl-<value>", .fallback = "ctrl-p,ctrl-q",
	  .help = "Key sequence that detaches from the container" },
	{ .cli = "rmi", F_BOOL(P, rmi),
	  .help = "Remove the image after the container unless others use it, implies --rm" },
	{ .cli = "sig-proxy", F_BOOL(P, sig_proxy), .fallback = "true",
	  .help = "Pass signals on to the container's process" },
	{ .cli = "passwd", F_BOOL(P, passwd), .fallback = "true",
	  .help = "Add entries for the user to /etc/passwd and /etc/group of the container" },
	{ .cli = "preserve-fd", F_CSV(P, preserve_fd), .arg = "uints",
	  .help = "File descriptors to pass into the container" },
	{ .cli = "preserve-fds", F_OPT_UINT(P, preserve_fds), .arg = "uint",
	  .help = "Pass this many file descriptors from 3 up into the container" },
	{}
};

#define CONTAINER_ROWS                                                                                          \
	{ params_basic_rows, offsetof(P, c) }, { params_image_rows, offsetof(P, c) },                           \
	{ params_process_rows, offsetof(P, c) }, { params_storage_rows, offsetof(P, c) },                       \
	{ params_namespaces_rows, offsetof(P, c) }, { params_network_rows, offsetof(P, c) },                    \
	{ params_security_rows, offsetof(P, c) }, { params_resources_rows, offsetof(P, c) },                    \
	{ params_log_rows, offsetof(P, c) }, { params_health_rows, offsetof(P, c) }, { common_rows, 0 }

const struct command_rows run_groups[] = { CONTAINER_ROWS, { run_rows, 0 }, {} };
const struct command_rows create_groups[] = { CONTAINER_ROWS, {} };

void run_params_init(void *params)
{
	struct run_params *p = params;

	params_init(&p->c);
	p->sig_proxy = p->passwd = true;
}

static int fill_words(struct cli *cli, struct run_params *p, const struct strv *args, struct error *err)
{
	struct params_process *process = &p->c.process;

	TRY(str_set(&p->c.basic.raw_image_name, args->v[0], err));
	for (size_t i = 1; i < args->n; i++)
		TRY(strv_add(&process->command, args->v[i], err));
	for (int i = 0; i < cli->argc; i++)
		TRY(strv_add(&p->c.basic.create_command, cli->argv[i], err));
	if (!p->passwd)
		process->passwd = (struct opt_bool){ true, false };
	process->preserve_fds = p->preserve_fds;
	TRY(descriptors_keep(&p->preserve_fd, &p->c.process.preserve_fds, err));
	p->c.basic.remove |= p->rmi;
	p->c.basic.remove_image = p->rmi;
	return 0;
}

static int check_words(struct cli *cli, struct run_params *p, struct error *err)
{
	static const char *const streams[] = { "stdin", "stdout", "stderr" };
	const struct params_process *process = &p->c.process;

	if (p->replace && !p->c.basic.name)
		return fail(err, ERROR_INVALID, "cannot replace container without --name being set");
	if (p->rmi && cli_given(cli, "rm") && !p->c.basic.remove)
		return fail(err, ERROR_INVALID, "the --rmi option does not work without --rm");
	if (p->detach && process->attach.n)
		return fail(err, ERROR_INVALID, "conflicting options: cannot specify --attach and --detach together");
	for (size_t i = 0; i < process->attach.n; i++) {
		bool known = false;
		for (size_t j = 0; j < ARRAY_LEN(streams); j++)
			known |= strcasecmp(process->attach.v[i], streams[j]) == 0;
		if (!known)
			return fail(err, ERROR_INVALID, "invalid stream \"%s\" for --attach - must be one of stdin, stdout, or stderr: "
							"invalid argument", process->attach.v[i]);
	}
	if (p->ignored)
		log_warn(&cli->log, "The --kernel-memory flag is no longer supported. This flag is a noop.");
	return 0;
}

/* An old file is replaced: --cidfile of a script that runs again names the new container. */
static int write_cidfiles(const struct ctr *c, struct error *err)
{
	const struct strv *files = &c->params.basic.cid_files;

	for (size_t i = 0; i < files->n; i++) {
		autoclose int fd = open(files->v[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			return fail_errno(err, "cid file %s", files->v[i]);
		TRY(file_write_all(fd, c->id, strlen(c->id), err));
	}
	return 0;
}

static int replace_old(struct engine *e, const char *name, struct error *err)
{
	const struct ctr_remove_options o = { .force = true, .timeout = { true, 0 } };
	auto_ctr *old = NULL;
	struct error missing;

	if (ctr_find(e, name, &old, &missing) < 0) {
		if (missing.kind == ERROR_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}
	if (!streq(old->at.record.name, name))
		return 0;   /* an id that begins like the name */
	return ctr_remove(old, &o, NULL, err);
}

/* ---- pods ---- */
static int read_pod_id(struct run_params *p, struct error *err)
{
	autofree char *id = NULL;

	if (!p->pod_id_file)
		return 0;
	if (p->c.basic.pod)
		return fail(err, ERROR_INVALID, "cannot specify both --pod and --pod-id-file");
	int r = file_read(AT_FDCWD, p->pod_id_file, 4096, &id, NULL, err);
	if (r == 0)
		return fail(err, ERROR_INVALID, "reading pod-id-file: open %s: no such file or directory", p->pod_id_file);
	if (r < 0)
		return fail_wrap(err, "reading pod-id-file");
	id[strcspn(id, "\n")] = '\0';
	return str_set(&p->c.basic.pod, id, err);
}

/* Ports, networks, hosts and the host name become the new pod's: they are what its infra container is for. */
static int move_to_pod(struct container_params *c, struct pod_params *to, struct error *err)
{
	to->c.net = c->net;
	c->net = (struct params_network){};
	to->c.ns.net = c->ns.net;
	c->ns.net = (struct param_ns){};
	to->c.ns.hostname = take_ptr(c->ns.hostname);
	to->c.ns.user = c->ns.user;
	c->ns.user = (struct param_ns){};
	to->c.ns.pid.mode = c->ns.pid.mode;
	TRY(str_set(&to->c.ns.pid.value, c->ns.pid.value, err));
	to->c.basic.restart = c->basic.restart;
	return strv_copy(&to->c.basic.create_command, &c->basic.create_command, err);
}

/* --pod new:NAME. *ret stays NULL when no pod was asked for. */
static int make_pod(struct engine *e, struct run_params *p, struct pod **ret, struct error *err)
{
	CLEANUP(pod_params_done) struct pod_params pod = {};
	const char *name = p->c.basic.pod ? str_after(p->c.basic.pod, "new:") : NULL;

	if (!name)
		return 0;
	if (!*name)
		return fail(err, ERROR_INVALID, "new pod name must be at least one character");
	params_init(&pod.c);
	TRY(str_set(&pod.c.basic.name, name, err));
	TRY(move_to_pod(&p->c, &pod, err));
	TRY(pod_create(e, &pod, ret, err));
	return str_set(&p->c.basic.pod, (*ret)->config.id, err);
}

static int create(struct engine *e, struct run_params *p, struct ctr **ret, struct error *err)
{
	const struct pod_remove_options undo = { .force = true, .timeout = { true, 0 } };
	auto_pod *made = NULL;
	struct error ignored;

	TRY(make_pod(e, p, &made, err));
	if (ctr_create(e, &p->c, ret, err) >= 0)
		return 0;
	if (made)
		pod_remove(made, &undo, NULL, &ignored);
	return -1;
}

/* resolv.conf there is another container's, or leads nowhere. */
static int check_dns(const struct container_params *c, struct error *err)
{
	const bool given = c->net.dns.n || c->net.dns_search.n || c->net.dns_options.n;

	if (!given || (c->ns.net.mode != NS_NONE && c->ns.net.mode != NS_CONTAINER))
		return 0;
	return fail(err, ERROR_INVALID, "conflicting options: dns and the network mode: %s", ns_mode_names[c->ns.net.mode]);
}

int run_create(struct cli *cli, struct run_params *p, const struct strv *args, struct ctr **ret, struct error *err)
{
	struct engine *e;

	TRY(check_words(cli, p, err));
	TRY(fill_words(cli, p, args, err));
	TRY(read_pod_id(p, err));
	TRY(params_finish(&p->c, err));
	TRY(check_dns(&p->c, err));
	TRY(cli_engine(cli, &e, err));
	if (p->replace)
		TRY(replace_old(e, p->c.basic.name, err));
	TRY(create(e, p, ret, err));
	return write_cidfiles(*ret, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/cmd-exec.c - a further process in a running container. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/cli.h"
#include "oci/exec.h"
#include "os/file.h"
#include "os/user.h"

const struct field cli_exec_rows[] = {
	{ .cli = "process", .abbr = 'p', F_STR(struct cli, process), .arg = "FILE", .help = "File with the process object" },
	{ .cli = "env", .abbr = 'e', F_STRV(struct cli, env), .arg = "NAME=VALUE", .help = "Set a variable" },
	{ .cli = "tty", .abbr = 't', F_BOOL(struct cli, tty), .help = "Give the process a terminal" },
	{ .cli = "user", .abbr = 'u', F_STR(struct cli, user), .arg = "UID[:GID]", .help = "Who the process is" },
	{ .cli = "cap", .abbr = 'c', F_STRV(struct cli, caps), .arg = "CAP", .help = "Add a capability" },
	{ .cli = "cwd", F_STR(struct cli, cwd), .arg = "DIR", .help = "Working directory" },
	{ .cli = "cgroup", F_STR(struct cli, cgroup), .arg = "PATH", .help = "Cgroup below the container's" },
	{ .cli = "detach", .abbr = 'd', F_BOOL(struct cli, detach), .help = "Do not wait for the process" },
	{ .cli = "console-socket", F_STR(struct cli, console_socket), .arg = "SOCKET",
	  .help = "Socket that receives the terminal" },
	{ .cli = "pid-file", F_STR(struct cli, pid_file), .arg = "FILE", .help = "File for the process id" },
	{ .cli = "preserve-fds", F_INT(struct cli, preserve_fds), .arg = "N", .help = "Pass this many descriptors above 2" },
	{ .cli = "process-label", F_STR(struct cli, process_label), .arg = "LABEL", .help = "SELinux label" },
	{ .cli = "apparmor", F_STR(struct cli, apparmor), .arg = "PROFILE", .help = "AppArmor profile" },
	{ .cli = "no-new-privs", F_BOOL(struct cli, no_new_privs), .help = "Set no_new_privs" },
	{ .cli = "no-subreaper", F_BOOL(struct cli, no_subreaper), .help = "Accepted for compatibility" },
	{}
};

static int process_from_file(const char *path, struct oci_process_spec **ret, struct error *err)
{
	autofree char *text = NULL;
	size_t len = 0;

	int found = file_read(AT_FDCWD, path, 4 << 20, &text, &len, err);
	if (found < 0)
		return -1;
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "open `%s`: No such file or directory", path);
	return oci_process_spec_load(path, text, len, ret, err);
}

/* "uid" or "uid:gid": numbers only, there is no passwd file to trust here (CVE-2026-30892). */
static int parse_user(const char *text, struct oci_user *to, struct error *err)
{
	auto_strv parts = {};
	uint32_t uid, gid = 0;

	TRY(strv_split(&parts, text, ':', err));
	if (parts.n > 2 || user_parse_id(parts.v[0], &uid, err) != 1 ||
	    (parts.n == 2 && user_parse_id(parts.v[1], &gid, err) != 1))
		return fail(err, ERROR_INVALID, "invalid user `%s`: UID or UID:GID as numbers", text);
	to->uid = uid;
	to->gid = gid;
	return 0;
}

static int add_caps(struct cli *c, struct oci_process_spec *p, struct error *err)
{
	if (!c->caps.n)
		return 0;
	if (!p->capabilities && !(p->capabilities = calloc(1, sizeof(*p->capabilities))))
		return fail_oom(err);
	TRY(strv_copy(&p->capabilities->bounding, &c->caps, err));
	TRY(strv_copy(&p->capabilities->effective, &c->caps, err));
	return strv_copy(&p->capabilities->permitted, &c->caps, err);
}

static int add_env(struct cli *c, struct oci_process_spec *p, struct error *err)
{
	for (size_t i = 0; i < c->env.n; i++) {
		autofree char *name = strdup(c->env.v[i]);
		char *eq = name ? strchr(name, '=') : NULL;
		if (!name)
			return fail_oom(err);
		if (!eq)
			return fail(err, ERROR_INVALID, "invalid variable `%s`: NAME=VALUE", c->env.v[i]);
		*eq = '\0';
		TRY(strv_env_set(&p->env, name, eq + 1, err));
	}
	return 0;
}

/* Without a file: what the container's own process has, changed by the options. */
static int process_from_options(struct cli *c, struct oci_spec *spec, const struct strv *args,
				struct oci_process_spec **ret, struct error *err)
{
	CLEANUP(oci_process_spec_free_p) struct oci_process_spec *p = take_ptr(spec->process);

	if (!p)
		return fail(err, ERROR_INVALID, "the container's config.json has no process");
	if (args->n < 2)
		return fail(err, ERROR_USAGE, "please specify a command to execute");
	strv_done(&p->args);
	for (size_t i = 1; i < args->n; i++)
		TRY(strv_add(&p->args, args->v[i], err));
	p->terminal = c->tty;
	p->no_new_privileges = c->no_new_privs;
	if (c->cwd)
		TRY(str_set(&p->cwd, c->cwd, err));
	if (c->user) {
		free(p->user.additional_gids.v);
		p->user.additional_gids = (struct numv){};
		TRY(parse_user(c->user, &p->user, err));
	}
	TRY(add_caps(c, p, err));
	TRY(add_env(c, p, err));
	*ret = take_ptr(p);
	return 0;
}

static int load_process(struct cli *c, struct oci_spec *spec, const struct strv *args, struct oci_process_spec **ret,
			struct error *err)
{
	CLEANUP(oci_process_spec_free_p) struct oci_process_spec *p = NULL;

	if (c->process)
		TRY(process_from_file(c->process, &p, err));
	else
		TRY(process_from_options(c, spec, args, &p, err));
	if (c->process_label)
		TRY(str_set(&p->selinux_label, c->process_label, err));
	if (c->apparmor)
		TRY(str_set(&p->apparmor_profile, c->apparmor, err));
	*ret = take_ptr(p);
	return 0;
}

static int finish_exec(struct cli *c, struct oci_process *p, struct error *err)
{
	if (p->console_master >= 0 && !str_empty(c->console_socket))
		TRY(send_console(c->console_socket, p->console_master, err));
	if (c->pid_file)
		TRY(write_pid_file(c->pid_file, p->pid, err));
	if (c->detach)
		return 0;
	return wait_foreground(p->pid, p->pidfd, str_empty(c->console_socket) ? p->console_master : -1, err);
}

int cmd_exec(struct cli *c, const struct strv *args, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	auto_oci_spec spec = {};
	auto_oci_process process = OCI_PROCESS_INIT;
	CLEANUP(oci_process_spec_free_p) struct oci_process_spec *p = NULL;
	struct oci_exec_options o = OCI_EXEC_OPTIONS_INIT;

	TRY(container_open(c, args->v[0], false, &k, err));
	if (k.status == OCI_STOPPED)
		return fail(err, ERROR_STATE, "the container `%s` is not running", args->v[0]);
	if (k.status == OCI_PAUSED)
		return fail(err, ERROR_STATE, "the container `%s` is paused", args->v[0]);
	TRY(container_spec(&k, &spec, err));
	TRY(load_process(c, &spec, args, &p, err));
	o.id = args->v[0];
	o.target_pidfd = k.pidfd;
	o.target_pid = (pid_t)k.state.pid;
	o.cgroup = k.cgroup.made ? &k.cgroup : NULL;
	o.sub_cgroup = c->cgroup;
	o.seccomp = spec.lnx.seccomp;
	o.personality = spec.lnx.personality;
	o.preserve_fds = (unsigned)c->preserve_fds;
	o.warn = cli_warn;
	o.warn_arg = c;
	TRY(oci_exec_spawn(p, &o, &process, err));
	return finish_exec(c, &process, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/cmd-create.c - create, run, start. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/units.h"
#include "oci/cli.h"
#include "oci/resources.h"
#include "os/file.h"
#include "os/process.h"

#define CREATE_ROWS                                                                                              \
	{ .cli = "bundle", .abbr = 'b', F_STR(struct cli, bundle), .arg = "DIR", .help = "The bundle's directory" },   \
	{ .cli = "config", .abbr = 'f', F_STR(struct cli, config), .arg = "FILE",                                   \
	  .help = "Another file than config.json" },                                                            \
	{ .cli = "console-socket", F_STR(struct cli, console_socket), .arg = "SOCKET",                              \
	  .help = "Socket that receives the terminal" },                                                        \
	{ .cli = "pid-file", F_STR(struct cli, pid_file), .arg = "FILE", .help = "File for the process id" },        \
	{ .cli = "preserve-fds", F_INT(struct cli, preserve_fds), .arg = "N",                                       \
	  .help = "Pass this many descriptors above 2" },                                                        \
	{ .cli = "no-pivot", F_BOOL(struct cli, no_pivot), .help = "Move the root instead of pivot_root" },          \
	{ .cli = "no-subreaper", F_BOOL(struct cli, no_subreaper), .help = "Accepted for compatibility" },           \
	{ .cli = "no-new-keyring", F_BOOL(struct cli, no_new_keyring), .help = "Keep the session keyring" }

const struct field cli_create_rows[] = { CREATE_ROWS, {} };
const struct field cli_run_rows[] = {
	CREATE_ROWS,
	{ .cli = "detach", .abbr = 'd', F_BOOL(struct cli, detach), .help = "Do not wait for the container" },
	{ .cli = "keep", F_BOOL(struct cli, keep), .help = "Do not delete the container when it has ended" },
	{}
};

/* ---- what is being created ---- */
struct creation {
	struct oci_spec spec;
	struct container k;
	struct oci_process process;
	char *config_path, *config_text;
	size_t config_len;
	int listen_fd, hook_stdout, hook_stderr;
	char *listen_pid;
};

static void creation_done(struct creation *n)
{
	oci_spec_done(&n->spec);
	container_done(&n->k);
	oci_process_done(&n->process);
	free(n->config_path);
	free(n->config_text);
	close_p(&n->listen_fd);
	close_p(&n->hook_stdout);
	close_p(&n->hook_stderr);
}
#define auto_creation CLEANUP(creation_done) struct creation
#define CREATION_INIT                                                                                \
	{ .k = CONTAINER_INIT, .process = OCI_PROCESS_INIT, .listen_fd = -1, .hook_stdout = -1, .hook_stderr = -1 }

static int load_config(struct cli *c, struct creation *n, struct error *err)
{
	autofree char *bundle = realpath(c->bundle ? c->bundle : ".", NULL);
	const char *name = c->config ? c->config : "config.json";

	if (!bundle)
		return fail_errno(err, "bundle `%s`", c->bundle ? c->bundle : ".");
	/* --config is relative to where we were called, the default to the bundle. */
	if (c->config)
		TRY(str_printf(&n->config_path, err, "%s", name));
	else
		TRY(str_printf(&n->config_path, err, "%s/%s", bundle, name));
	int found = file_read(AT_FDCWD, n->config_path, 16 << 20, &n->config_text, &n->config_len, err);
	if (found < 0)
		return -1;
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "open `%s`: No such file or directory", n->config_path);
	TRY(oci_spec_load(n->config_path, n->config_text, n->config_len, &n->spec, err));
	n->k.state.bundle = take_ptr(bundle);
	return 0;
}

static int absolute_root(struct creation *n, struct error *err)
{
	struct oci_root *r = n->spec.root;
	autofree char *path = NULL;

	if (!r)
		return fail(err, ERROR_INVALID, "%s: root is missing", n->config_path);
	if (r->path[0] != '/') {
		TRY(str_printf(&path, err, "%s/%s", n->k.state.bundle, r->path));
		free(r->path);
		r->path = take_ptr(path);
	}
	return str_set(&n->k.state.rootfs, r->path, err);
}

/* LISTEN_FDS of socket activation: the container's process is meant (reserve_descriptors() lets them pass). */
static int listen_fds(struct oci_spec *spec, struct error *err)
{
	const char *text = getenv("LISTEN_FDS");
	int64_t n;

	if (str_empty(text) || !parse_i64(text, &n) || n <= 0 || n > 1024 || !spec->process)
		return 0;
	TRY(strv_env_set(&spec->process->env, "LISTEN_FDS", text, err));
	TRY(strv_env_set(&spec->process->env, "LISTEN_PID", "1", err));
	const char *names = getenv("LISTEN_FDNAMES");
	if (names)
		TRY(strv_env_set(&spec->process->env, "LISTEN_FDNAMES", names, err));
	return 0;
}

static void show_warnings(struct cli *c, const struct cgroup_warnings *w)
{
	for (size_t i = 0; i < w->n; i++)
		cli_say(c, CLI_WARNING, w->text[i]);
}

static int create_cgroup(struct cli *c, struct creation *n, const char *id, struct error *err)
{
	struct cgroup_resources r = {};
	struct cgroup_warnings w = {};
	struct cgroup_create how = {
		.manager = c->manager, .path = n->spec.lnx.cgroups_path, .name = id, .resources = &r,
		.all_controllers = true,
	};

	TRY(oci_resources_convert(n->spec.lnx.resources, &r, err));
	int ret = c->manager == CGROUP_MANAGER_DISABLED ? 0 : cgroup_create(&how, &n->k.cgroup, &w, err);
	if (ret >= 0 && n->k.cgroup.made && n->spec.lnx.resources)
		ret = cgroup_set(&n->k.cgroup, &r, &w, err);
	cgroup_resources_done(&r);
	show_warnings(c, &w);
	return ret < 0 ? fail_wrap(err, "cgroup") : 0;
}

static int open_hook_output(const struct oci_spec *s, const char *key, int *ret_fd, struct error *err)
{
	const char *path = oci_spec_annotation(s, key);

	if (str_empty(path))
		return 0;
	*ret_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);
	return *ret_fd < 0 ? fail_errno(err, "open `%s` for the output of hooks", path) : 0;
}

static int describe_descriptors(struct oci_state *s, struct error *err)
{
	auto_buf b = BUF_INIT(1 << 16);
	char link[32], target[4096];

	for (int i = 0; i < 3; i++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", i);
		ssize_t len = readlink(link, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		buf_add_char(&b, i ? ',' : '[');
		buf_add_json(&b, target);
	}
	buf_add_char(&b, ']');
	TRY(buf_ok(&b, "descriptors", err));
	s->descriptors = buf_steal(&b);
	return 0;
}

static int save_state(struct cli *c, struct creation *n, const char *id, struct error *err)
{
	struct oci_state *s = &n->k.state;
	char created[48], saved[1200];

	TRY(str_set(&s->id, id, err));
	TRY(str_set(&s->created, time_format_rfc3339(time_now(), created), err));
	TRY(strmap_copy(&s->annotations, &n->spec.annotations, err));
	TRY(describe_descriptors(s, err));
	s->systemd_cgroup = c->manager == CGROUP_MANAGER_SYSTEMD;
	s->pid = n->process.pid;
	TRY(process_start_time(PROC_HOST, n->process.pid, &s->start_time, err));
	if (n->k.cgroup.made) {
		TRY(cgroup_save(&n->k.cgroup, saved, sizeof(saved), err));
		TRY(str_set(&s->cgroup_path, saved, err));
	}
	TRY(file_replace(n->k.dir.fd, "config.json", n->config_text, n->config_len, 0600, 0, err));
	return oci_state_save(&n->k.dir, s, err);
}

static struct oci_options spawn_options(struct cli *c, struct creation *n, const char *id)
{
	struct oci_options o = OCI_OPTIONS_INIT;

	o.id = id;
	o.bundle = n->k.state.bundle;
	o.cgroup = n->k.cgroup.made ? &n->k.cgroup : NULL;
	o.no_pivot = c->no_pivot;
	o.no_new_keyring = c->no_new_keyring;
	o.preserve_fds = (unsigned)c->preserve_fds;
	o.start_listen_fd = n->listen_fd;
	o.hook_stdout_fd = n->hook_stdout;
	o.hook_stderr_fd = n->hook_stderr;
	o.notify_socket = getenv("NOTIFY_SOCKET");
	o.warn = cli_warn;
	o.warn_arg = c;
	if (c->debug) {
		o.plan = cli_plan;
		o.plan_arg = c;
	}
	return o;
}

static int check_terminal(const struct cli *c, const struct oci_spec *s, bool foreground, struct error *err)
{
	bool terminal = s->process && s->process->terminal;

	if (terminal && str_empty(c->console_socket) && !foreground)
		return fail(err, ERROR_INVALID, "process.terminal is set: for a detached container use --console-socket");
	if (!terminal && !str_empty(c->console_socket))
		return fail(err, ERROR_INVALID, "--console-socket is given, but process.terminal is not set");
	return 0;
}

static int spawn_container(struct cli *c, struct creation *n, const char *id, struct error *err)
{
	const struct oci_options o = spawn_options(c, n, id);

	TRY(oci_spawn(&n->spec, &o, &n->process, err));
	TRY(oci_wait_created(&n->process, err));
	if (n->process.console_master >= 0 && !str_empty(c->console_socket))
		TRY(send_console(c->console_socket, n->process.console_master, err));
	TRY(save_state(c, n, id, err));
	return c->pid_file ? write_pid_file(c->pid_file, n->process.pid, err) : 0;
}

/* Everything up to "created"; what was made is gone again when it fails. */
static int create_container(struct cli *c, struct creation *n, const char *id, bool listen, struct error *err)
{
	struct error ignored;

	TRY(oci_id_check(id, err));
	TRY(load_config(c, n, err));
	TRY(absolute_root(n, err));
	TRY(check_terminal(c, &n->spec, !listen && !c->detach, err));
	TRY(listen_fds(&n->spec, err));
	TRY(oci_state_create(c->state_root, id, &n->k.dir, err));
	int r = open_hook_output(&n->spec, "run.oci.hooks.stdout", &n->hook_stdout, err);
	if (r == 0)
		r = open_hook_output(&n->spec, "run.oci.hooks.stderr", &n->hook_stderr, err);
	if (r == 0 && listen)
		r = n->listen_fd = start_socket_listen(&n->k.dir, err);
	if (r >= 0)
		r = create_cgroup(c, n, id, err);
	if (r >= 0)
		r = spawn_container(c, n, id, err);
	if (r >= 0)
		return 0;
	if (n->process.pid > 0)
		kill(n->process.pid, SIGKILL);
	if (n->k.cgroup.made)
		(void)cgroup_remove(&n->k.cgroup, &ignored);
	(void)oci_state_remove(c->state_root, id, &ignored);
	return -1;
}

int cmd_create(struct cli *c, const struct strv *args, struct error *err)
{
	auto_creation n = CREATION_INIT;

	TRY(create_container(c, &n, args->v[0], true, err));
	return 0;
}

/* ---- run ---- */
static int poststart(struct cli *c, struct container *k, const struct oci_spec *spec, struct error *err)
{
	const struct oci_hook_state s = {
		.id = k->state.id, .status = "running", .bundle = k->state.bundle, .pid = (pid_t)k->state.pid,
		.annotations = &k->state.annotations, .root = k->state.rootfs,
	};
	struct error ignored;

	if (oci_hooks_run(&spec->hooks, OCI_HOOK_POSTSTART, &s, err) == 0)
		return 0;
	k->status = OCI_RUNNING;
	(void)container_delete(c, k, true, &ignored);
	return -1;
}

static void unlock(struct creation *n)
{
	close_p(&n->k.dir.lock_fd);
	n->k.dir.lock_fd = -1;
}

static int start_and_wait(struct cli *c, struct creation *n, struct error *err)
{
	TRY(oci_start(&n->process, err));
	TRY(poststart(c, &n->k, &n->spec, err));
	if (c->detach)
		return 0;
	unlock(n);   /* exec, kill and delete need it while we wait */
	int master = str_empty(c->console_socket) ? n->process.console_master : -1;
	return wait_foreground(n->process.pid, n->process.pidfd, master, err);
}

/* The lock was free while the container ran: somebody may have deleted it meanwhile. */
static int delete_after_run(struct cli *c, const char *id, struct error *err)
{
	auto_container k = CONTAINER_INIT;

	if (container_open(c, id, true, &k, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	return container_delete(c, &k, true, err);
}

int cmd_run(struct cli *c, const struct strv *args, struct error *err)
{
	auto_creation n = CREATION_INIT;
	struct error ignored;

	if (!c->detach)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	TRY(create_container(c, &n, args->v[0], false, err));
	int code = start_and_wait(c, &n, err);
	if (code >= 0 && (c->detach || c->keep))
		return code;
	unlock(&n);
	return delete_after_run(c, args->v[0], code < 0 ? &ignored : err) < 0 ? -1 : code;
}

/* ---- start ---- */
int cmd_start(struct cli *c, const struct strv *args, struct error *err)
{
	auto_container k = CONTAINER_INIT;
	auto_oci_spec spec = {};

	TRY(container_open(c, args->v[0], true, &k, err));
	if (k.status != OCI_CREATED)
		return fail(err, ERROR_STATE, "container `%s` is not in created state, it is %s", args->v[0],
			    oci_status_names[k.status]);
	TRY(container_spec(&k, &spec, err));
	autoclose int sock = start_socket_connect(&k.dir, err);
	if (sock < 0)
		return -1;
	/* Gone before the byte is sent: nobody starts it twice, and a crash leaves it stopped, never half-started. */
	if (unlinkat(k.dir.fd, "start", 0) < 0)
		return fail_errno(err, "remove start socket");
	TRY(oci_start_fd(sock, err));
	TRY(poststart(c, &k, &spec, err));
	return 0;
}

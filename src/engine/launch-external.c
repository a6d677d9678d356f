/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch-external.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/fd-pass.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/spawn.h"

extern char **environ;

/* ---- the bundle ---- */
static int write_config(const struct external *x, struct oci_spec *spec, struct error *err)
{
	autofree char *path = NULL;
	auto_buf text = BUF_INIT((size_t)4 << 20);

	/* nothing in our specs is newer, and runtimes of stable distributions refuse 1.2 */
	TRY(str_set(&spec->version, "1.0.2", err));
	free(take_ptr(spec->root->path));
	TRY(str_printf(&spec->root->path, err, "%s/rootfs", x->run_dir));
	TRY(oci_spec_save(spec, 0, &text, err));
	TRY(str_printf(&path, err, "%s/config.json", x->run_dir));
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, 0, err);
}

/* The runtime needs a path. It gets one in a mount namespace that only it and we see. */
static int attach_rootfs(const struct external *x, int rootfs_fd, struct error *err)
{
	autofree char *path = NULL;
	autoclose int target = -1;

	TRY(str_printf(&path, err, "%s/rootfs", x->run_dir));
	if (unshare(CLONE_NEWNS) < 0)
		return fail_errno(err, "unshare");
	TRY(mount_set_propagation("/", MS_SLAVE, true, err));
	target = file_open_dir(AT_FDCWD, path, true, 0755, err);
	return target < 0 ? -1 : mount_attach(rootfs_fd, target, err);
}

/* ---- running it ---- */
static int add_command(const struct external *x, struct strv *argv, const char *log, const char *command, struct error *err)
{
	TRY(strv_add(argv, x->path, err));
	for (size_t i = 0; x->flags && i < x->flags->n; i++)
		TRY(strv_addf(argv, err, "--%s", x->flags->v[i]));
	if (log)
		TRY(strv_addf(argv, err, "--log=%s", log));
	return strv_add(argv, command, err);
}

/* What the runtime said last, without its decoration. */
static void last_sentence(char *text, char *out, size_t size)
{
	char *end = text + strlen(text), *line, *message;

	while (end > text && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	message = strstr(line, "msg=\"");
	if (message) {
		line = message + 5;
		line[strcspn(line, "\"")] = '\0';
	}
	const char *stamp = strstr(line, "Z: ");   /* crun: 2026-01-01T00:00:00.000000Z: text */
	snprintf(out, size, "%s", stamp && stamp - line < 40 ? stamp + 3 : line);
}

static int fail_runtime(const struct external *x, char *text, struct error *err)
{
	const char *slash = strrchr(x->path, '/');
	char said[700];
	enum error_kind kind = ERROR_RUNTIME;

	last_sentence(text, said, sizeof(said));
	if (strstr(said, "not found in $PATH") || strstr(said, "no such file or directory") || strstr(said, "No such file or directory"))
		kind = ERROR_NO_COMMAND;
	else if (strstr(said, "ermission denied") || strstr(said, "is a directory") || strstr(said, "unknown option") ||
		 strstr(said, "not defined"))
		kind = ERROR_NOT_EXECUTABLE;
	(void)slash;
	return fail(err, kind, "%s", *said ? said : "the runtime failed without a word");
}

static int run(const struct external *x, struct strv *argv, const struct external_create *c, const char *log,
	       struct error *err)
{
	struct spawn s = SPAWN_INIT;
	auto_buf said = BUF_INIT(1 << 20);
	struct spawn_io io = { .errout = c ? NULL : &said, .out = c ? NULL : &said };
	int status;

	s.path = x->path;
	s.argv = argv->v;
	s.envp = environ;
	if (c) {
		s.stdin_fd = c->stdio[0];
		s.stdout_fd = c->stdio[1];
		s.stderr_fd = c->stdio[2];
	}
	TRY(spawn_run(&s, &io, &status, err));
	if (status == 0)
		return 0;
	autofree char *text = NULL;
	if (log && file_read(AT_FDCWD, log, 1 << 20, &text, NULL, err) < 0)
		return -1;
	if (!text || !*text) {
		free(take_ptr(text));
		text = buf_steal(&said);
	}
	if (!text)
		return fail_oom(err);
	return fail_runtime(x, text, err);
}

/* ---- the console ---- */
static int listen_console(const char *path, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		return fail(err, ERROR_INVALID, "%s: too long for a socket: use a shorter --runroot", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return fail_errno(err, "console socket %s", path);
	return take_fd(fd);
}

static int receive_console(int listener, struct error *err)
{
	autoclose int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char data[256];
	int master = -1;

	if (fd < 0 || fd_receive(fd, data, sizeof(data), &master) < 0)
		return fail_errno(err, "receiving the console");
	if (master < 0)
		return fail(err, ERROR_RUNTIME, "the runtime sent no console");
	return master;
}

/* ---- commands ---- */
static int read_pid(const char *path, pid_t *ret, struct error *err)
{
	char text[32];
	int64_t pid;

	if (file_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0 || !parse_i64(text, &pid) || pid <= 0)
		return fail(err, ERROR_RUNTIME, "the runtime wrote no pid file");
	*ret = (pid_t)pid;
	return 0;
}

int external_create(const struct external *x, struct oci_spec *spec, const struct external_create *c, pid_t *ret_pid,
		    int *ret_console, struct error *err)
{
	auto_strv argv = {};
	autofree char *log = NULL, *pid_file = NULL, *console = NULL;
	autoclose int listener = -1;

	TRY(str_printf(&log, err, "%s/oci-log", x->run_dir));
	TRY(str_printf(&pid_file, err, "%s/oci-pid", x->run_dir));
	TRY(write_config(x, spec, err));
	TRY(attach_rootfs(x, c->rootfs_fd, err));
	unlink(log);
	TRY(add_command(x, &argv, log, "create", err));
	TRY(strv_addf(&argv, err, "--bundle=%s", x->run_dir));
	TRY(strv_addf(&argv, err, "--pid-file=%s", pid_file));
	if (c->no_pivot)
		TRY(strv_add(&argv, "--no-pivot", err));
	if (c->preserve_fds)
		TRY(strv_addf(&argv, err, "--preserve-fds=%u", c->preserve_fds));
	if (c->terminal) {
		TRY(str_printf(&console, err, "%s/console", x->run_dir));
		listener = listen_console(console, err);
		if (listener < 0)
			return -1;
		TRY(strv_addf(&argv, err, "--console-socket=%s", console));
	}
	TRY(strv_add(&argv, x->id, err));
	TRY(run(x, &argv, c, log, err));
	*ret_console = -1;
	if (listener >= 0) {
		*ret_console = receive_console(listener, err);
		unlink(console);
		if (*ret_console < 0)
			return -1;
	}
	return read_pid(pid_file, ret_pid, err);
}

int external_start(const struct external *x, struct error *err)
{
	auto_strv argv = {};

	TRY(add_command(x, &argv, NULL, "start", err));
	TRY(strv_add(&argv, x->id, err));
	return run(x, &argv, NULL, NULL, err);
}

int external_delete(const struct external *x, struct error *err)
{
	auto_strv argv = {};
	struct error unknown;

	TRY(add_command(x, &argv, NULL, "delete", err));
	TRY(strv_add(&argv, "--force", err));
	TRY(strv_add(&argv, x->id, err));
	if (run(x, &argv, NULL, NULL, &unknown) < 0 && !strstr(unknown.text, "does not exist") && unknown.kind != ERROR_NO_COMMAND) {
		*err = unknown;
		return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/container.c - a container of umiak-oci as its commands see it: state, status, cgroup, removal. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "oci/cli.h"
#include "os/file.h"
#include "os/process.h"

#define KILL_WAIT_NS (INT64_C(10) * 1000000000)

void container_done(struct container *c)
{
	oci_state_dir_done(&c->dir);
	oci_state_done(&c->state);
	close_p(&c->pidfd);
	cgroup_done(&c->cgroup);
}

int container_open(const struct cli *c, const char *id, bool lock, struct container *ret, struct error *err)
{
	auto_container k = CONTAINER_INIT;

	TRY(oci_state_open(c->state_root, id, lock, &k.dir, err));
	TRY(oci_state_load(&k.dir, &k.state, err));
	TRY(oci_state_status(&k.dir, &k.state, &k.status, &k.pidfd, err));
	if (!str_empty(k.state.cgroup_path))
		TRY(cgroup_open(k.state.cgroup_path, &k.cgroup, err));
	if (k.status == OCI_RUNNING && k.cgroup.made && cgroup_is_frozen(&k.cgroup, err) == 1)
		k.status = OCI_PAUSED;
	*ret = k;
	k = (struct container)CONTAINER_INIT;
	return 0;
}

int container_spec(const struct container *k, struct oci_spec *ret, struct error *err)
{
	autofree char *text = NULL;
	size_t len = 0;

	int found = file_read(k->dir.fd, "config.json", 16 << 20, &text, &len, err);
	if (found < 0)
		return -1;
	if (!found)
		return fail(err, ERROR_NOT_FOUND, "container `%s` has lost its config.json", k->state.id);
	return oci_spec_load("config.json", text, len, ret, err);
}

/* ---- removal ---- */
/* On v1 a frozen process does not even die; whoever froze it, in whatever group: it is to be deleted now. */
static void thaw_anywhere(pid_t pid)
{
	char group[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX + 64];
	struct error ignored;

	if (cgroup_mode() == CGROUP_V2 ||
	    cgroup_of_process(pid, CGROUP_FREEZER, group, sizeof(group), &ignored) <= 0 || streq(group, "/"))
		return;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/freezer%s/freezer.state", group);
	(void)file_try_write(AT_FDCWD, path, "THAWED");
}

static int kill_container(struct container *k, struct error *err)
{
	if (k->cgroup.made && k->status == OCI_PAUSED)
		(void)cgroup_thaw(&k->cgroup, err);
	if (k->pidfd >= 0)
		TRY(process_signal(k->pidfd, SIGKILL, err));
	else if (k->state.pid > 0 && process_is_alive(PROC_HOST, (pid_t)k->state.pid, k->state.start_time))
		kill((pid_t)k->state.pid, SIGKILL);
	if (k->pidfd >= 0)
		thaw_anywhere((pid_t)k->state.pid);
	if (k->cgroup.made)
		TRY(cgroup_kill(&k->cgroup, err));
	if (k->pidfd < 0)
		return 0;
	int gone = process_wait_exit(k->pidfd, KILL_WAIT_NS, err);
	TRY(gone);
	if (!gone)
		return fail(err, ERROR_TIMEOUT, "container `%s` does not die", k->state.id);
	return 0;
}

static void poststop(struct cli *c, const struct container *k)
{
	auto_oci_spec spec = {};
	struct error err = {};
	const struct oci_hook_state s = {
		.id = k->state.id, .status = "stopped", .bundle = k->state.bundle, .annotations = &k->state.annotations,
		.root = k->state.rootfs,
	};

	if (container_spec(k, &spec, &err) < 0)
		return;
	/* Each of them runs, whatever became of the one before: they clean up. */
	struct oci_hook *all = spec.hooks.poststop.v;
	for (size_t i = 0; i < spec.hooks.poststop.n; i++) {
		const struct oci_hooks one = { .poststop = { .v = &all[i], .n = 1 } };
		if (oci_hooks_run(&one, OCI_HOOK_POSTSTOP, &s, &err) < 0)
			cli_say(c, CLI_WARNING, err.text);
	}
}

int container_delete(struct cli *c, struct container *k, bool force, struct error *err)
{
	if (k->status != OCI_STOPPED && k->status != OCI_CREATED && !force)
		return fail(err, ERROR_STATE, "container `%s` is %s: use --force", k->state.id,
			    oci_status_names[k->status]);
	TRY(kill_container(k, err));
	if (k->cgroup.made && cgroup_remove(&k->cgroup, err) < 0)
		return fail_wrap(err, "container `%s`", k->state.id);
	poststop(c, k);
	return oci_state_remove(c->state_root, k->state.id, err);
}

/* ---- small things create, run and exec share ---- */
int reserve_descriptors(struct cli *c, bool activated, struct error *err)
{
	const char *text = getenv("LISTEN_FDS");
	int64_t n;

	if (c->preserve_fds < 0 || c->preserve_fds > 65536)
		return fail(err, ERROR_INVALID, "--preserve-fds: %lld is out of range", (long long)c->preserve_fds);
	if (activated && !str_empty(text) && parse_i64(text, &n) && n > 0 && n <= 1024)
		for (; n > 0 && fcntl((int)(3 + c->preserve_fds), F_GETFD) >= 0; n--)
			c->preserve_fds++;
	for (int64_t fd = 3; fd < 3 + c->preserve_fds; fd++)
		if (fcntl((int)fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			return fail_errno(err, "--preserve-fds");
	return 0;
}

int write_pid_file(const char *path, pid_t pid, struct error *err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);

	if (file_replace(AT_FDCWD, path, text, (size_t)n, 0644, 0, err) < 0)
		return fail_wrap(err, "pid file `%s`", path);
	return 0;
}

/* Beyond the 107 bytes of a socket address, through the directory's descriptor. */
static int socket_address(const struct oci_state_dir *d, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/start", d->fd);
	return 0;
}

int start_socket_listen(const struct oci_state_dir *d, struct error *err)
{
	struct sockaddr_un a;

	socket_address(d, &a);
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return fail_errno(err, "start socket");
	return take_fd(fd);
}

int start_socket_connect(const struct oci_state_dir *d, struct error *err)
{
	struct sockaddr_un a;

	socket_address(d, &a);
	autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail_errno(err, "connect to the container's start socket");
	return take_fd(fd);
}

int send_console(const char *socket_path, int master, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static const char name[] = "/dev/ptmx";   /* containerd shows it; the descriptor is what counts */
	struct iovec iov = { (char *)name, sizeof(name) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *m = CMSG_FIRSTHDR(&h);

	if (strlen(socket_path) >= sizeof(a.sun_path))
		return fail(err, ERROR_INVALID, "console socket `%s`: the path is too long", socket_path);
	memcpy(a.sun_path, socket_path, strlen(socket_path));
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail_errno(err, "connect to console socket `%s`", socket_path);
	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(m), &master, sizeof(int));
	return sendmsg(fd, &h, MSG_NOSIGNAL) < 0 ? fail_errno(err, "send the terminal to `%s`", socket_path) : 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/apply-process.c - the late stages: stdio, limits, user, capabilities, seccomp, the command, exec. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "oci/agent.h"
#include "oci/apply.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

/* ---- stdio ---- */
/* A process that is not root shall be able to open /dev/stdout, which leads to a pipe or file of root's. */
static int give_stdio(const struct oci_user *u, struct error *err)
{
	struct stat st;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0 || st.st_uid == u->uid)
			continue;
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))   /* the host's /dev/null stays the host's */
			continue;
		gid_t gid = S_ISCHR(st.st_mode) ? (gid_t)-1 : (gid_t)u->gid;   /* a terminal keeps its group */
		if (fchown(fd, (uid_t)u->uid, gid) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS)
			return fail_errno(err, "chown descriptor %d", fd);
	}
	return 0;
}

int step_stdio(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	for (int i = 0; i < 3; i++) {
		int from = c->terminal ? c->console_fd : c->stdio[i];
		if (from < 0)
			continue;
		if (from == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(from, i) < 0)
			return fail_errno(err, "dup2");
	}
	if (c->terminal && ioctl(0, TIOCSCTTY, 0) < 0)
		return fail_errno(err, "make the terminal the controlling one");
	return c->plan->process->user.uid ? give_stdio(&c->plan->process->user, err) : 0;
}

/* ---- what the process is given ---- */
int step_label(struct child *c, const struct plan_step *s, struct error *err)
{
	if (procfs_write(c->proc_fd, s->a, s->b, err) < 0)
		return fail_wrap(err, "set the label `%s`", s->b);
	return 0;
}

int step_rlimit(struct child *c, const struct plan_step *s, struct error *err)
{
	const struct rlimit l = { .rlim_cur = s->u1, .rlim_max = s->u2 };

	(void)c;
	return setrlimit((int)s->n, &l) < 0 ? fail_errno(err, "setrlimit `%s`", s->a) : 0;
}

int step_scheduler(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return syscall(SYS_sched_setattr, 0, &c->plan->sched, 0) < 0 ? fail_errno(err, "sched_setattr") : 0;
}

int step_io_priority(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, c->plan->io_priority) < 0)
		return fail_errno(err, "ioprio_set");
	return 0;
}

int step_personality(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return personality(c->plan->personality) < 0 ? fail_errno(err, "personality") : 0;
}

int step_memory_policy(struct child *c, const struct plan_step *s, struct error *err)
{
	unsigned long bits = 8 * sizeof(c->plan->mempolicy_nodes);

	if (syscall(SYS_set_mempolicy, c->plan->mempolicy_mode, s->n ? c->plan->mempolicy_nodes : NULL,
		    s->n ? bits : 0) < 0)
		return fail_errno(err, "set_mempolicy");
	return 0;
}

/* "0-3,7"; what it names beyond the machine's CPUs the kernel ignores. */
int step_affinity(struct child *c, const struct plan_step *s, struct error *err)
{
	cpu_set_t set;
	const char *p = s->a;

	(void)c;
	CPU_ZERO(&set);
	while (*p) {
		unsigned from = 0, to;
		for (; *p >= '0' && *p <= '9' && from < CPU_SETSIZE; p++)
			from = from * 10 + (unsigned)(*p - '0');
		to = from;
		if (*p == '-')
			for (p++, to = 0; *p >= '0' && *p <= '9' && to < CPU_SETSIZE; p++)
				to = to * 10 + (unsigned)(*p - '0');
		if (from >= CPU_SETSIZE || to >= CPU_SETSIZE || from > to || (*p && *p != ','))
			return fail(err, ERROR_INVALID, "invalid CPU list `%s`", s->a);
		for (; from <= to; from++)
			CPU_SET(from, &set);
		p += *p == ',';
	}
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? fail_errno(err, "sched_setaffinity `%s`", s->a) : 0;
}

int step_umask(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c, (void)err;
	umask((mode_t)s->n);
	return 0;
}

/* First as root of the container, then, where root has no access (network file systems), as the user. */
int step_cwd(struct child *c, const struct plan_step *s, struct error *err)
{
	if (c->cwd_done)
		return 0;
	if (chdir(s->a) < 0) {
		if (errno == EACCES && !s->n)
			return 0;
		return fail_errno(err, "chdir to `%s`", s->a);
	}
	c->cwd_done = true;
	return path_verify_cwd(err);   /* CVE-2024-21626 */
}

/* ---- identity ---- */
/* setresuid() away from root keeps the permitted capabilities (PR_SET_KEEPCAPS) but not the effective ones. A filter that
 * is installed without no_new_privs still needs CAP_SYS_ADMIN; PLAN_CAPABILITIES sets the final sets. */
static int raise_effective(struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {};

	if (syscall(SYS_capget, &head, d) < 0)
		return fail_errno(err, "capget");
	d[0].effective = d[0].permitted;
	d[1].effective = d[1].permitted;
	return syscall(SYS_capset, &head, d) < 0 ? fail_errno(err, "capset") : 0;
}

int step_user(struct child *c, const struct plan_step *s, struct error *err)
{
	const struct oci_user *u = &c->plan->process->user;

	(void)s;
	TRY(caps_apply_bounding(&c->plan->caps, err));
	/* Where setgroups is denied (a single mapped id) an empty list changes nothing anyway. */
	if (!c->plan->keep_groups && syscall(SYS_setgroups, c->plan->n_groups, c->plan->groups) < 0 &&
	    (errno != EPERM || c->plan->n_groups))
		return fail_errno(err, "setgroups");
	if (syscall(SYS_setresgid, (gid_t)u->gid, (gid_t)u->gid, (gid_t)u->gid) < 0)
		return fail_errno(err, "setresgid to %u", (unsigned)u->gid);
	if (syscall(SYS_setresuid, (uid_t)u->uid, (uid_t)u->uid, (uid_t)u->uid) < 0)
		return fail_errno(err, "setresuid to %u", (unsigned)u->uid);
	if (u->uid && plan_filter(c->plan) && !c->plan->process->no_new_privileges)
		return raise_effective(err);
	return 0;
}

int step_no_new_privs(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c, (void)s;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail_errno(err, "prctl PR_SET_NO_NEW_PRIVS") : 0;
}

int step_capabilities(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return caps_apply(&c->plan->caps, c->plan->caps_lenient, err);
}

/* ---- seccomp ---- */
/* The agent gets the listener with the container's state in front; an exec leaves that to its parent. */
static int pass_listener(struct child *c, int listener, struct error *err)
{
	size_t outer_len = 0, inner_len = 0;

	if (c->target_pidfd >= 0)
		return sync_send_fd(c->sync_fd, SYNC_LISTENER, 0, listener, err);
	if (c->agent_fd < 0)
		return 0;
	const char *outer = hook_state_text_pid(&c->plan->seccomp_state, c->host_pid, &outer_len);
	const char *inner = hook_state_text_pid(&c->plan->hook_state, c->host_pid, &inner_len);
	char end[] = "}";
	const struct iovec text[] = { { (char *)outer, outer_len }, { (char *)inner, inner_len }, { end, 1 } };
	TRY(agent_send(c->agent_fd, text, ARRAY_LEN(text), listener, err));
	close(c->agent_fd);
	c->agent_fd = -1;
	return 0;
}

int step_seccomp(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	int listener = seccomp_install(plan_filter(c->plan), err);
	if (listener < 0)
		return fail_wrap(err, "seccomp");
	if (listener == 0 || !plan_filter(c->plan)->notify)
		return 0;
	int r = pass_listener(c, listener, err);
	close(listener);
	return r;
}

/* ---- the command ---- */
static int command_error(const char *name, int errnum, bool searched, struct error *err)
{
	const char *where = searched ? " in $PATH" : "";

	if (errnum == ENOENT || errnum == ENOTDIR)
		return fail(err, ERROR_NO_COMMAND, "executable file `%s` not found%s: %s", name, where,
			    strerror(errnum));
	return fail(err, ERROR_NOT_EXECUTABLE, "open executable `%s`%s: %s", name, where, strerror(errnum));
}

static int try_command(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* An image whose command, or whose script's interpreter, is /proc/self/exe would get us running under its own rules,
 * and could then write to our file (CVE-2019-5736). */
static int refuse_self(struct child *c, const char *path, struct error *err)
{
	char head[256], *interpreter;
	struct stat st;

	for (int depth = 0; depth < 6; depth++) {
		autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)   /* executable but not readable: then it is not a script either */
			return stat(path, &st) == 0 && st.st_dev == c->plan->self_dev && st.st_ino == c->plan->self_ino
				? fail(err, ERROR_DENIED, "`%s` is the runtime itself", path) : 0;
		if (fstat(fd, &st) == 0 && st.st_dev == c->plan->self_dev && st.st_ino == c->plan->self_ino)
			return fail(err, ERROR_DENIED, "`%s` is the runtime itself", path);
		ssize_t n = S_ISREG(st.st_mode) ? read(fd, head, sizeof(head) - 1) : 0;
		if (n < 3 || head[0] != '#' || head[1] != '!')
			return 0;
		head[n] = '\0';
		interpreter = head + 2 + strspn(head + 2, " \t");
		interpreter[strcspn(interpreter, " \t\n")] = '\0';
		snprintf(c->interpreter, sizeof(c->interpreter), "%s", interpreter);
		path = c->interpreter;
	}
	return 0;   /* the kernel gives up there too */
}

static int find_command(struct child *c, struct error *err)
{
	struct plan *p = c->plan;
	const char *name = p->process->args.v[0];
	int worst = ENOENT;

	if (strchr(name, '/')) {
		int e = try_command(name);
		memcpy(p->path_buf, name, strlen(name) + 1);
		return e ? command_error(name, e, false, err) : 0;
	}
	for (const char *at = p->search; at;) {
		size_t len = strcspn(at, ":");
		/* An empty element is the working directory. */
		snprintf(p->path_buf, p->path_size, "%.*s/%s", len ? (int)len : 1, len ? at : ".", name);
		int e = try_command(p->path_buf);
		if (!e)
			return 0;
		if (e == EACCES)
			worst = e;
		at = at[len] ? at + len + 1 : NULL;
	}
	return command_error(name, worst, true, err);
}

int step_command(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	TRY(find_command(c, err));
	return refuse_self(c, c->plan->path_buf, err);
}

/* Everything of the runtime's goes: what lies above the preserved numbers, and what lies between them. */
static int close_all_but(struct child *c, const int *keep, size_t n, struct error *err)
{
	for (int fd = 3; fd < 3 + (int)c->preserve_fds; fd++) {
		int flags = fcntl(fd, F_GETFD);
		bool kept = flags < 0 || !(flags & FD_CLOEXEC);
		for (size_t i = 0; i < n; i++)
			kept |= keep[i] == fd;
		if (!kept)
			close(fd);
	}
	return file_close_from(3 + (int)c->preserve_fds, keep, n, err);
}

int step_created(struct child *c, const struct plan_step *s, struct error *err)
{
	char byte[64];
	ssize_t n;

	(void)s;
	/* We may stand here for long, and must hold nothing meanwhile: no lock, no file of the runtime's. */
	int keep[3] = { c->sync_fd };
	size_t n_keep = 1;
	if (c->start_listen_fd >= 0)
		keep[n_keep++] = c->start_listen_fd;
	if (c->agent_fd >= 0)
		keep[n_keep++] = c->agent_fd;
	TRY(close_all_but(c, keep, n_keep, err));
	TRY(sync_send(c->sync_fd, SYNC_CREATED, 0, err));
	if (c->start_listen_fd >= 0) {
		int conn;
		do
			conn = accept4(c->start_listen_fd, NULL, NULL, SOCK_CLOEXEC);
		while (conn < 0 && errno == EINTR);
		if (conn < 0)
			return fail_errno(err, "wait for start");
		close(c->sync_fd);
		c->sync_fd = conn;
	}
	do
		n = read(c->sync_fd, byte, sizeof(byte));
	while (n < 0 && errno == EINTR);
	if (n <= 0)   /* whoever could have started us is gone */
		_exit(0);
	return 0;
}

int step_descriptors(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	if (syscall(SYS_close_range, 3 + (unsigned)s->n, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return fail_errno(err, "close_range");
	return 0;
}

int step_exec(struct child *c, const struct plan_step *s, struct error *err)
{
	struct plan *p = c->plan;

	(void)s;
	execve(p->path_buf, p->process->args.v, p->env);
	int errnum = errno;
	return fail(err, errnum == ENOENT || errnum == ENOTDIR ? ERROR_NO_COMMAND : ERROR_NOT_EXECUTABLE, "exec `%s`: %s",
		    p->path_buf, strerror(errnum));
}

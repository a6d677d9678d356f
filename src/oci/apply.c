/* SPDX-License-Identifier: Apache-2.0
 * oci/apply.c - the loop over the plan; namespaces, identity and hooks of the child. */
#include "oci/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/agent.h"
#include "os/cgroup.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

void child_warn(struct child *c, const char *fmt, ...)
{
	char text[240];
	struct error ignored;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)sync_send_warning(c->sync_fd, text, &ignored);
}

int child_host_pid(struct child *c, struct error *err)
{
	char text[24];
	int64_t pid;

	if (c->host_pid)
		return 0;
	/* A procfs shows us the pid of the pid namespace it was mounted for: the runtime's. */
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);
	if (n < 0)
		return fail_errno(err, "readlink /proc/self");
	text[n] = '\0';
	if (!parse_i64(text, &pid))
		return fail(err, ERROR_SYSTEM, "/proc/self points to `%s`", text);
	c->host_pid = (pid_t)pid;
	return 0;
}

/* ---- identity and namespaces ---- */
static int step_undumpable(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c, (void)s;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? fail_errno(err, "prctl PR_SET_DUMPABLE") : 0;
}

static int step_cgroup(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return cgroup_join(&c->cgroup, err);
}

static int step_map(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return sync_ask(c->sync_fd, SYNC_MAP, err);
}

static int step_join(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	if (s->fd < 0)   /* the helper stage was there already */
		return 0;
	if (ns_join(s->fd, (enum ns_kind)s->n, err) < 0)
		return fail_wrap(err, "join namespace `%s`", s->a);
	return 0;
}

static int step_join_all(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	if (c->target_flags)   /* none left: the helper stage joined everything */
		TRY(ns_join_process(c->target_pidfd, c->target_flags, err));
	c->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->root_fd < 0 ? fail_errno(err, "open the container's root") : 0;
}

static int step_root_ids(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c, (void)s;
	/* EINVAL: 0 is not mapped; then we stay who we are, with all capabilities of the namespace. */
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_errno(err, "setresgid 0");
	if (syscall(SYS_setresuid, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_errno(err, "setresuid 0");
	return 0;
}

static int write_offset(const char *clock, const struct oci_time_offset *o, struct error *err)
{
	char text[80];

	if (!o)
		return 0;
	snprintf(text, sizeof(text), "%s %lld %llu\n", clock, (long long)o->secs, (unsigned long long)o->nanosecs);
	return file_write_str(AT_FDCWD, "/proc/self/timens_offsets", text, err);
}

static int step_time_offsets(struct child *c, const struct plan_step *s, struct error *err)
{
	const struct oci_time_offsets *o = c->plan->time_offsets;

	(void)s;
	/* unshare() makes the namespace for our children only; once it has its offsets we may enter it ourselves. */
	if (unshare((int)ns_info(NS_TIME)->flag) < 0)
		return fail_errno(err, "unshare time namespace");
	TRY(write_offset("monotonic", o->monotonic, err));
	TRY(write_offset("boottime", o->boottime, err));
	autoclose int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open /proc/self/ns/time_for_children");
	return ns_join(fd, NS_TIME, err);
}

static int step_unshare(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	return unshare((int)s->n) < 0 ? fail_errno(err, "unshare") : 0;
}

static int step_session(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c, (void)s;
	return setsid() < 0 && errno != EPERM ? fail_errno(err, "setsid") : 0;
}

static int step_keyring(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)err;
	/* Without it the container would share the caller's session keyring. Quotas and kernels without keys degrade. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, s->a) < 0 && errno != ENOSYS)
		child_warn(c, "could not create a session keyring: %s", strerror(errno));
	return 0;
}

/* A new network namespace comes with its loopback down. */
static int step_loopback(struct child *c, const struct plan_step *s, struct error *err)
{
	struct ifreq r = { .ifr_name = "lo" };

	(void)c, (void)s;
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : fail_errno(err, "socket");
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? fail_errno(err, "bring the loopback interface up") : 0;
}

static int step_procfs(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	c->proc_fd = procfs_open(err);
	return c->proc_fd < 0 ? -1 : 0;
}

static int step_hostname(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	return sethostname(s->a, strlen(s->a)) < 0 ? fail_errno(err, "sethostname `%s`", s->a) : 0;
}

static int step_domainname(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	return setdomainname(s->a, strlen(s->a)) < 0 ? fail_errno(err, "setdomainname `%s`", s->a) : 0;
}

static int step_sysctl(struct child *c, const struct plan_step *s, struct error *err)
{
	char path[300];

	snprintf(path, sizeof(path), "sys/%s", s->a);
	if (procfs_write(c->proc_fd, path, s->b, err) < 0)
		return fail_wrap(err, "sysctl `%s`", s->a);
	return 0;
}

/* ---- hooks, listener ---- */
static int step_seccomp_connect(struct child *c, const struct plan_step *s, struct error *err)
{
	TRY(child_host_pid(c, err));
	c->agent_fd = agent_connect(s->a, err);
	return c->agent_fd < 0 ? -1 : 0;
}

static int step_hooks_outside(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return sync_ask(c->sync_fd, SYNC_HOOKS, err);
}

static int run_hooks(struct child *c, enum oci_hook_kind kind, int cwd_fd, struct error *err)
{
	struct hook_run r = { .kind = kind, .cwd_fd = cwd_fd, .stdout_fd = -1, .stderr_fd = -1 };

	r.state = hook_state_text_pid(&c->plan->hook_state, c->host_pid ? c->host_pid : getpid(), &r.state_len);
	return hooks_run_text(hooks_of(c->plan->hooks, kind), &r, err);
}

static int step_hooks_create(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	TRY(child_host_pid(c, err));
	autoclose int bundle = open(c->plan->bundle ? c->plan->bundle : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return run_hooks(c, OCI_HOOK_CREATE_CONTAINER, bundle, err);
}

static int step_hooks_start(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)s;
	return run_hooks(c, OCI_HOOK_START_CONTAINER, -1, err);
}

/* ---- the loop ---- */
static step_fn *const steps[PLAN_KIND_MAX] = {
	[PLAN_UNDUMPABLE] = step_undumpable, [PLAN_CGROUP] = step_cgroup, [PLAN_MAP] = step_map,
	[PLAN_JOIN] = step_join, [PLAN_JOIN_ALL] = step_join_all, [PLAN_ROOT_IDS] = step_root_ids,
	[PLAN_UNSHARE] = step_unshare, [PLAN_TIME_OFFSETS] = step_time_offsets, [PLAN_SESSION] = step_session,
	[PLAN_KEYRING] = step_keyring, [PLAN_PROCFS] = step_procfs, [PLAN_LOOPBACK] = step_loopback,
	[PLAN_SOURCE] = step_source,
	[PLAN_PROPAGATION] = step_propagation, [PLAN_ROOTFS] = step_rootfs, [PLAN_MOUNT] = step_mount,
	[PLAN_CGROUP_V1] = step_cgroup_v1, [PLAN_DEVICE] = step_device, [PLAN_LINK] = step_link,
	[PLAN_MAKE_CWD] = step_make_cwd, [PLAN_CONSOLE] = step_console,
	[PLAN_SECCOMP_CONNECT] = step_seccomp_connect, [PLAN_HOOKS_OUTSIDE] = step_hooks_outside,
	[PLAN_HOOKS_CREATE] = step_hooks_create, [PLAN_PIVOT] = step_pivot,
	[PLAN_READONLY_PATH] = step_readonly_path, [PLAN_MASK_PATH] = step_mask_path,
	[PLAN_ROOT_READONLY] = step_root_readonly, [PLAN_ROOT_PROPAGATION] = step_root_propagation,
	[PLAN_HOSTNAME] = step_hostname, [PLAN_DOMAINNAME] = step_domainname, [PLAN_SYSCTL] = step_sysctl,
	[PLAN_STDIO] = step_stdio, [PLAN_LABEL] = step_label, [PLAN_RLIMIT] = step_rlimit,
	[PLAN_SCHEDULER] = step_scheduler, [PLAN_IO_PRIORITY] = step_io_priority,
	[PLAN_PERSONALITY] = step_personality, [PLAN_MEMORY_POLICY] = step_memory_policy,
	[PLAN_AFFINITY] = step_affinity, [PLAN_UMASK] = step_umask, [PLAN_CWD] = step_cwd, [PLAN_USER] = step_user,
	[PLAN_NO_NEW_PRIVS] = step_no_new_privs, [PLAN_SECCOMP] = step_seccomp,
	[PLAN_CAPABILITIES] = step_capabilities, [PLAN_COMMAND] = step_command, [PLAN_CREATED] = step_created,
	[PLAN_HOOKS_START] = step_hooks_start, [PLAN_DESCRIPTORS] = step_descriptors, [PLAN_EXEC] = step_exec,
};

/* Handlers vanish at exec by themselves; what our caller ignores or blocks would not. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int apply_steps(struct child *c, struct error *err)
{
	for (size_t i = 0; i < c->plan->n; i++) {
		const struct plan_step *s = &c->plan->steps[i];
		if (c->debug)
			TRY(sync_send(c->sync_fd, SYNC_STEP, (long)i, err));
		TRY(steps[s->kind](c, s, err));
	}
	return fail(err, ERROR_RUNTIME, "the plan has no exec");
}

/* Nobody but we may look at an undumpable process, not even who made it. */
static int tell_netns(struct child *c, struct error *err)
{
	int fd = c->plan->tell_netns ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;

	if (!c->plan->tell_netns)
		return 0;
	int r = fd < 0 ? fail_errno(err, "open our network namespace") : sync_send_fd(c->sync_fd, SYNC_NETNS, 0, fd, err);
	close_p(&fd);
	return r;
}

void child_main(struct child *c)
{
	struct error err = {};

	reset_signals();
	umask(0);
	if (tell_netns(c, &err) >= 0)
		(void)apply_steps(c, &err);
	sync_send_error(c->sync_fd, &err);
	_exit(127);
}

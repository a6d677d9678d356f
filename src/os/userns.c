/* SPDX-License-Identifier: Apache-2.0
 * os/userns.c - the process that keeps a user namespace alive.
 *
 * It is forked (not executed): it shares no memory with the engine, keeps no descriptor, and does nothing but sleep.
 * Being made by clone(CLONE_NEWUSER) and never executing, its memory still belongs to the parent namespace; so it must
 * stay dumpable, or the kernel would not let its own user join it. */
#include "os/userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

static void sleep_forever(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (;;)
		pause();
}

static int become_root(struct error *err)
{
	if (setresgid(0, 0, 0) < 0)
		return fail_errno(err, "become group 0 of the user namespace");
	if (setresuid(0, 0, 0) < 0)
		return fail_errno(err, "become user 0 of the user namespace");
	return 0;
}

/* The command line of the command that happened to be first would stay in ps for ever: the argument area of our own memory
 * (fields 48 and 49 of stat) is overwritten. */
static void set_title(const char *title)
{
	char text[1024];
	ssize_t n = file_read_small(AT_FDCWD, "/proc/self/stat", text, sizeof(text));
	unsigned long start = 0, end = 0;
	char *p = n > 0 ? strrchr(text, ')') : NULL;

	prctl(PR_SET_NAME, title, 0, 0, 0);
	for (int field = 2; p && field < 48; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %lu %lu", &start, &end) != 2 || start == 0 || end - start <= strlen(title) ||
	    end - start > (1UL << 20))
		return;
	memset((void *)start, 0, end - start);
	memcpy((void *)start, title, strlen(title));
}

/* In the child, once it has its mappings. Nothing of the caller's may be held: no terminal, directory, descriptor. */
static int settle(const char *title, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return fail_errno(err, "open /dev/null");
	TRY(become_root(err));
	if (setsid() < 0 || chdir("/") < 0)
		return fail_errno(err, "leave the session");
	/* mounts of the host keep arriving, ours stay here */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail_errno(err, "make / a slave mount");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return fail_errno(err, "open /dev/null");
	set_title(title);
	return 0;
}

static void child_main(int sync, const char *title) __attribute__((noreturn));

static void child_main(int sync, const char *title)
{
	struct error err = { .kind = ERROR_NONE };
	struct error ignored;
	char go;

	/* its end closing means that the parent gave up */
	if (read(sync, &go, 1) != 1)
		_exit(1);
	settle(title, &err);
	if (file_write_all(sync, &err, sizeof(err), &ignored) < 0 || err.kind != ERROR_NONE)
		_exit(1);
	file_close_from(3, NULL, 0, &ignored);
	sleep_forever();
	_exit(0);
}

static int explain_clone(struct error *err)
{
	int e = errno;

	if (e == ENOSPC || e == EUSERS)
		return fail_with(err, e, "make a user namespace: the limit is reached: raise sysctl user.max_user_namespaces");
	if (e == EPERM || e == EACCES)
		return fail_with(err, e, "make a user namespace: not allowed for normal users here (sysctl "
					"kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns, or a chroot)");
	return fail_with(err, e, "make a user namespace");
}

/* Lets the child go on and hears how it went. */
static int converse(int sync, struct error *err)
{
	struct error theirs;

	TRY(file_write_all(sync, "g", 1, err));
	ssize_t n = file_read_full(sync, &theirs, sizeof(theirs), err);
	if (n < 0)
		return -1;
	if (n != (ssize_t)sizeof(theirs))
		return fail(err, ERROR_SYSTEM, "the process of the user namespace died");
	if (theirs.kind == ERROR_NONE)
		return 0;
	*err = theirs;
	return -1;
}

int userns_start_pause(const struct idmap_pair *m, const char *title, pid_t *ret_pid, struct error *err)
{
	/* no exit signal: it is not one of the children a later wait() of ours is about */
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNS };
	int sync[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0)
		return fail_errno(err, "socketpair");
	autoclose int ours = sync[0];
	autoclose int theirs = sync[1];
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(ours);
		child_main(theirs, title);
	}
	if (pid < 0)
		return explain_clone(err);
	close(take_fd(theirs));
	if (idmap_write(pid, m, err) < 0 || converse(ours, err) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
		return -1;
	}
	*ret_pid = pid;
	return 0;
}

pid_t userns_fork_pause(const char *title, struct error *err)
{
	struct error ignored;
	pid_t pid = fork();

	if (pid < 0)
		return fail_errno(err, "fork");
	if (pid == 0) {
		if (settle(title, &ignored) < 0)
			_exit(1);
		file_close_from(3, NULL, 0, &ignored);
		sleep_forever();
	}
	return pid;
}

/* Joining a mount namespace moves us to its root: back to the same directory, by its path there or, where something else
 * (or nothing) lies under that path, by the old descriptor. */
static void go_back(const char *cwd, int old)
{
	struct stat was, is;

	if (old < 0)
		return;
	if (cwd && chdir(cwd) == 0 && fstat(old, &was) == 0 && stat(".", &is) == 0 && was.st_dev == is.st_dev &&
	    was.st_ino == is.st_ino)
		return;
	if (fchdir(old) < 0)
		(void)!chdir("/");
}

int userns_join(int pidfd, struct error *err)
{
	autofree char *cwd = getcwd(NULL, 0);
	autoclose int old = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	TRY(ns_join_process(pidfd, CLONE_NEWUSER | CLONE_NEWNS, err));
	go_back(cwd, old);
	return become_root(err);
}

int userns_owner(pid_t pid, uid_t *ret, struct error *err)
{
	autoclose int fd = ns_open(pid, NS_USER, err);

	if (fd < 0)
		return -1;
	return ioctl(fd, NS_GET_OWNER_UID, ret) < 0 ? fail_errno(err, "owner of a user namespace") : 0;
}

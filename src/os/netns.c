/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "os/netns.h"
#include "os/ns.h"

enum { STACK = 256 << 10 };

struct call {
	int netns_fd;
	int (*fn)(void *arg, struct error *err);
	void *arg;
	struct error *err;
	int result;
};

static int run(void *arg)
{
	struct call *c = arg;

	c->result = ns_join(c->netns_fd, NS_NET, c->err);
	if (c->result >= 0)
		c->result = c->fn(c->arg, c->err);
	return 0;
}

/* Runs c in a child that shares memory and descriptors with us; `flags`: namespaces it gets. The child's function returns:
 * clone() then ends the process. _exit() would do the same, and make the address sanitizer say that it does not know this
 * stack and leave the marks of its frames in memory that somebody else gets next. */
static int run_child(struct call *c, int (*child)(void *arg), int flags)
{
	sigset_t all, old;
	pid_t pid;

	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED)
		return fail_errno(c->err, "mmap");
	/* a handler of ours must not run in a child that shares our memory */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	/* no exit signal: nobody else waits for it */
	pid = clone(child, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | flags, c);
	int failed = errno;
	if (pid > 0)
		while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
			;
	sigprocmask(SIG_SETMASK, &old, NULL);
	munmap(stack, STACK);
	if (pid < 0)
		return fail_with(c->err, failed, "clone");
	if (c->result == -2)
		return fail(c->err, ERROR_SYSTEM, "the process inside the network namespace died");
	return c->result;
}

int netns_call(int netns_fd, int (*fn)(void *arg, struct error *err), void *arg, struct error *err)
{
	struct call c = { .netns_fd = netns_fd, .fn = fn, .arg = arg, .err = err, .result = -2 };

	return netns_fd < 0 ? fn(arg, err) : run_child(&c, run, 0);
}

/* The descriptor outlives the child: the table is shared. */
static int open_own(void *arg)
{
	struct call *c = arg;

	c->result = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (c->result < 0)
		c->result = fail_errno(c->err, "open the new network namespace");
	return 0;
}

int netns_new(struct error *err)
{
	struct call c = { .netns_fd = -1, .err = err, .result = -2 };

	return run_child(&c, open_own, CLONE_NEWNET);
}

struct socket_call {
	int domain, type, protocol;
};

static int open_socket(void *arg, struct error *err)
{
	const struct socket_call *s = arg;
	int fd = socket(s->domain, s->type | SOCK_CLOEXEC, s->protocol);

	return fd < 0 ? fail_errno(err, "socket") : fd;
}

int netns_socket(int netns_fd, int domain, int type, int protocol, struct error *err)
{
	struct socket_call s = { domain, type, protocol };

	return netns_call(netns_fd, open_socket, &s, err);
}

struct sysctl_call {
	const char *name, *value;
};

static int write_sysctl(void *arg, struct error *err)
{
	const struct sysctl_call *s = arg;
	char path[256], now[128];
	size_t len = strlen(s->value);
	ssize_t n;

	if (snprintf(path, sizeof(path), "/proc/sys/%s", s->name) >= (int)sizeof(path))
		return fail(err, ERROR_INVALID, "sysctl %s: name too long", s->name);
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	int refused = fd < 0 ? errno : 0;
	if (refused && refused != ENOENT)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", path);
	n = read(fd, now, sizeof(now) - 1);
	while (n > 0 && now[n - 1] == '\n')
		n--;
	if (n == (ssize_t)len && memcmp(now, s->value, len) == 0)
		return 0;
	if (refused)
		return fail_with(err, refused, "write %s to %s", s->value, path);
	return pwrite(fd, s->value, len, 0) == (ssize_t)len ? 1 : fail_errno(err, "write %s to %s", s->value, path);
}

int netns_sysctl(int netns_fd, const char *name, const char *value, struct error *err)
{
	struct sysctl_call s = { name, value };

	return netns_call(netns_fd, write_sysctl, &s, err);
}

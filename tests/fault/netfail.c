/* SPDX-License-Identifier: Apache-2.0
 * tests/fault/netfail.c - for LD_PRELOAD: one netlink call of umiak fails. Calls are counted over all its processes.
 *
 * The file NETFAIL names holds a struct plan. A call is one request (socket() of a netlink kind, sendto(), recvfrom()); at
 * the N-th:
 *   refuse   the kernel never sees it, the caller gets `errnum`
 *   deny     it was carried out, and the acknowledgement says that it was not (what a batch does that stops half-way)
 * Limit 0 counts only. Other programs that inherit the variable are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

struct plan {
	atomic_int calls, limit, errnum, deny;
};
static struct plan *plan;

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("NETFAIL");
	int fd = path && !strcmp(program_invocation_short_name, "umiak") ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	plan = p == MAP_FAILED ? NULL : p;
}

static bool is_turn(void)
{
	return plan && atomic_fetch_add(&plan->calls, 1) + 1 == atomic_load(&plan->limit);
}

static bool is_netlink(int fd)
{
	int domain, saved = errno;
	socklen_t len = sizeof(domain);
	bool r = plan && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_NETLINK;

	errno = saved;
	return r;
}

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");

	if (domain == AF_NETLINK && is_turn()) {
		errno = plan->errnum;
		return -1;
	}
	return next(domain, type, protocol);
}

__attribute__((visibility("default"))) ssize_t sendto(int fd, const void *data, size_t len, int flags,
						      const struct sockaddr *to, socklen_t to_len)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
		(ssize_t (*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");

	if (is_netlink(fd) && is_turn()) {
		errno = plan->errnum;
		return -1;
	}
	return next(fd, data, len, flags, to, to_len);
}

static void deny(void *data, ssize_t len)
{
	struct nlmsghdr *h = data;

	for (int left = (int)len; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
		if (h->nlmsg_type == NLMSG_ERROR)
			((struct nlmsgerr *)NLMSG_DATA(h))->error = -plan->errnum;
}

__attribute__((visibility("default"))) ssize_t recvfrom(int fd, void *data, size_t len, int flags,
							struct sockaddr *from, socklen_t *from_len)
{
	ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *) =
		(ssize_t (*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))dlsym(RTLD_NEXT, "recvfrom");
	const bool turn = is_netlink(fd) && is_turn();
	ssize_t got = next(fd, data, len, flags, from, from_len);

	if (!turn || got < 0)
		return got;
	if (plan->deny) {
		deny(data, got);
		return got;
	}
	errno = plan->errnum;
	return -1;
}

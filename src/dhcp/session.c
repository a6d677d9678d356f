/* SPDX-License-Identifier: Apache-2.0
 * The client's sockets and clock. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cage.h"
#include "dhcp/arp.h"
#include "dhcp/dhcp.h"

enum {
	WAIT_MAX_MS = 60000,      /* so that a machine that slept sees the time at once */
	ARP_BUFFER = 16384,       /* it is read while an address is asked for only */
};

struct session {
	struct client *client;
	int packets, arp, quiet, signals, keeper;
	uint32_t ifindex;
	bool told;                        /* the first lease is there */
};
static struct session session;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint32_t random32(void)
{
	uint32_t r = 0;

	return getrandom(&r, sizeof(r), 0) == sizeof(r) ? r : (uint32_t)now_ms() * 2654435761u;
}

/* ---- to the keeper ---- */
static void say(char kind, const char *text, size_t n)
{
	char buf[MESSAGE_MAX] = { kind };

	memcpy(buf + 1, text, n);
	(void)!send(session.keeper, buf, n + 1, 0);   /* a keeper that is gone is seen by the loop */
}

__attribute__((format(printf, 1, 2))) static int fail_session(const char *form, ...)
{
	char text[256];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	say('F', text, strlen(text));
	return 1;
}

static void lease_changed(struct client *c, const struct dhcp_lease *l)
{
	char text[DHCP_TEXT_MAX];

	(void)c;
	session.told |= l != NULL;
	if (session.told)
		say('L', text, l ? dhcp_lease_format(l, text) : 0);
}

/* ---- packets ---- */
static void send_packet(struct client *c, const uint8_t *packet, size_t n, const uint8_t *to_mac)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)session.ifindex,
				  .sll_halen = DHCP_MAC, .sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

	(void)c;
	if (to_mac)
		memcpy(to.sll_addr, to_mac, DHCP_MAC);
	(void)!sendto(session.packets, packet, n, 0, (struct sockaddr *)&to, sizeof(to));   /* lost packets are sent again */
}

/* Packets that never were on a wire have no checksum yet. */
static bool is_checked(struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		struct tpacket_auxdata aux;
		if (h->cmsg_level != SOL_PACKET || h->cmsg_type != PACKET_AUXDATA || h->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(h), sizeof(aux));
		return aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
	}
	return false;
}

static void receive_packet(struct client *c)
{
	uint8_t packet[DHCP_PACKET_MAX];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))] __attribute__((aligned(8)));
	struct sockaddr_ll from = {};
	struct iovec io = { packet, sizeof(packet) };
	struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(session.packets, &m, MSG_DONTWAIT);

	if (n > 0 && !(m.msg_flags & MSG_TRUNC) && from.sll_pkttype != PACKET_OUTGOING && from.sll_halen == DHCP_MAC)
		client_receive(c, packet, (size_t)n, from.sll_addr, is_checked(&m), now_ms());
}

/* ---- ARP ---- */
static bool hear_arp(struct client *c)
{
	uint8_t packet[64];   /* an Ethernet frame is filled up to that */
	struct sockaddr_ll from = {};
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(session.arp, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

	if (n > 0 && from.sll_pkttype != PACKET_OUTGOING)
		client_hear(c, packet, (size_t)n, now_ms());
	return n >= 0;
}

static void send_probe(struct client *c, uint32_t address)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)session.ifindex,
					.sll_halen = DHCP_MAC, .sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	uint8_t packet[ARP_SIZE], old[64];

	if (c->tries == 0)   /* what lies there since the last time */
		while (recv(session.arp, old, sizeof(old), MSG_DONTWAIT) >= 0)
			;
	arp_probe(c->who.mac, address, packet);
	(void)!sendto(session.arp, packet, sizeof(packet), 0, (const struct sockaddr *)&to, sizeof(to));
}

static int open_arp(uint32_t ifindex)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)ifindex };
	int size = ARP_BUFFER, fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return fd;
}

/* Unfragmented UDP to the client's port; the socket's bytes begin with the IP header. */
static int open_packets(uint32_t ifindex)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = { ARRAY_LEN(code), code };
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)ifindex };
	int on = 1, fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);   /* hears nothing until it is bound */

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return fd;
}

/* Where it cannot be had (somebody in the container has the port) only politeness is lost. */
static int open_quiet(const char *ifname)
{
	static struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog filter = { ARRAY_LEN(none), none };
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT) };
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname) + 1);
	(void)!bind(fd, (const struct sockaddr *)&at, sizeof(at));
	return fd;
}

/* ---- the start ---- */
static bool read_mac(int fd, const char *ifname, struct dhcp_who *who)
{
	struct ifreq r = {};

	if (strlen(ifname) >= IFNAMSIZ)
		return false;
	memcpy(r.ifr_name, ifname, strlen(ifname) + 1);
	if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		return false;
	memcpy(who->mac, r.ifr_hwaddr.sa_data, DHCP_MAC);
	if (who->id_len)
		return true;
	who->id[0] = 1;   /* Ethernet */
	memcpy(who->id + 1, who->mac, DHCP_MAC);
	who->id_len = 1 + DHCP_MAC;
	return true;
}

static int open_all(const char *ifname, int netns_fd)
{
	sigset_t set;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return fail_session("network namespace of the container: %s", strerror(errno));
	close(netns_fd);
	session.ifindex = if_nametoindex(ifname);
	if (!session.ifindex)
		return fail_session("interface %s vanished", ifname);
	session.quiet = open_quiet(ifname);
	session.packets = open_packets(session.ifindex);
	session.arp = open_arp(session.ifindex);
	if (session.packets < 0 || session.arp < 0)
		return fail_session("packet socket: %s", strerror(errno));
	if (!read_mac(session.packets, ifname, &session.client->who))
		return fail_session("MAC address of %s: %s", ifname, strerror(errno));
	sigprocmask(SIG_BLOCK, NULL, &set);
	session.signals = signalfd(-1, &set, SFD_CLOEXEC);
	return session.signals < 0 ? fail_session("signalfd: %s", strerror(errno)) : 0;
}

static void give_up_rights(void)
{
	static const int calls[] = {
#if defined(__x86_64__)
		SYS_poll,
#endif
		SYS_ppoll, SYS_recvmsg, SYS_recvfrom, SYS_sendto, SYS_read, SYS_clock_gettime, SYS_getrandom,
		SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_brk, SYS_munmap, SYS_close, SYS_exit, SYS_exit_group,
		SYS_restart_syscall,
	};

	cage_enter(&(struct cage){ .calls = calls, .n_calls = ARRAY_LEN(calls) });
}

/* ---- the loop ---- */
/* false: it is over. */
static bool take_signal(struct client *c)
{
	struct signalfd_siginfo s;

	if (read(session.signals, &s, sizeof(s)) != sizeof(s))
		return true;
	if (s.ssi_signo == SIGUSR1)
		client_renew(c, now_ms());
	return s.ssi_signo != SIGTERM;
}

static int wait_ms(const struct client *c, int64_t now, int64_t limit)
{
	int64_t until = !session.told && limit < c->deadline ? limit : c->deadline, left = until - now;

	return left < 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left;
}

static int give_up(const struct client *c)
{
	const uint8_t *m = c->taken_by;
	uint32_t a = c->taken;

	if (!a)
		return fail_session("no DHCP server answered within %d seconds: start one there", START_MS / 1000);
	return fail_session("the server offers %u.%u.%u.%u, which %02x:%02x:%02x:%02x:%02x:%02x has already: take it out of the server's range",
			    a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static int serve(struct client *c)
{
	struct pollfd p[] = { { session.packets, POLLIN, 0 }, { session.signals, POLLIN, 0 }, { session.keeper, 0, 0 }, { session.arp, 0, 0 } };
	int64_t limit = now_ms() + START_MS;

	client_start(c, now_ms());
	for (;;) {
		p[3].fd = c->state == CLIENT_PROBING ? session.arp : -1;
		p[3].events = POLLIN;
		if (poll(p, ARRAY_LEN(p), wait_ms(c, now_ms(), limit)) < 0 && errno != EINTR)
			return 1;
		if (p[2].revents || (p[1].revents && !take_signal(c)))   /* the keeper ended, or says so */
			return 0;
		if (p[0].revents)   /* also to take note of an interface that is down */
			receive_packet(c);
		while (c->state == CLIENT_PROBING && hear_arp(c))
			;
		if (!session.told && now_ms() >= limit)
			return give_up(c);
		client_expire(c, now_ms());
	}
}

int session_run(struct client *c, const char *ifname, int netns_fd, int to_keeper)
{
	session = (struct session){ .client = c, .keeper = to_keeper };
	c->send = send_packet;
	c->probe = send_probe;
	c->changed = lease_changed;
	c->random = random32;
	if (open_all(ifname, netns_fd) != 0)
		return 1;
	give_up_rights();
	int r = serve(c);
	client_release(c);
	return r;
}

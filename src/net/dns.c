/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/units.h"
#include "conf/helpers.h"
#include "net/firewall.h"
#include "net/kept.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/netns.h"
#include "os/spawn.h"

#define LISTEN  "listen"
#define RUNNING ".running"
#define LOCK    ".lock"
#define STOP_NS INT64_C(1000000000)
enum { DNS_PORT = 53, HOST_PORT = 20053, PORT_TRIES = 32, LISTEN_MAX = FIREWALL_DNS_MAX, ANSWER_TRIES = 50, ANSWER_MS = 20 };

/* What a network's "listen" file says. */
struct listening {
	struct ip v[LISTEN_MAX];
	size_t n;
	uint16_t port;
};

/* ---- directories. The resolver reads them as nobody ---- */
static int open_dir(int at, const char *path, struct error *err)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : fail_errno(err, "open %s", path);
	fd = file_open_dir(at, path, true, 0755, err);
	if (fd >= 0 && fchmod(fd, 0755) < 0) {
		close(fd);
		return fail_errno(err, "chmod %s", path);
	}
	return fd;
}

static int open_root(const struct net_env *env, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/dns", env->run_dir));
	return open_dir(AT_FDCWD, path, err);
}

static int lock_root(int root, struct lock *ret, struct error *err)
{
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = LOCK_TIMEOUT_DEFAULT };

	return lock_acquire(root, LOCK, how, ret, err) < 0 ? -1 : 0;
}

/* ---- the "listen" file ---- */
static int parse_listen(int dir, struct listening *ret, struct error *err)
{
	autofree char *text = NULL;
	auto_strv lines = {};
	struct listening l = {};
	uint32_t port;

	int r = file_read(dir, LISTEN, 65536, &text, NULL, err);
	if (r <= 0)
		return r;
	TRY(strv_split(&lines, text, '\n', err));
	for (size_t i = 0; i < lines.n; i++) {
		const char *address = str_after(lines.v[i], "address "), *number = str_after(lines.v[i], "port ");
		if (address && l.n < LISTEN_MAX && ip_parse(address, &l.v[l.n]))
			l.n++;
		else if (number && parse_u32(number, &port) && port < 65536)
			l.port = (uint16_t)port;
	}
	*ret = l;
	return 1;
}

static void format_listen(const struct network *n, uint16_t port, struct buf *to)
{
	const struct network_subnet *s = n->subnets.v;

	for (size_t i = 0; i < n->subnets.n; i++) {
		if (s[i].gateway)
			buf_addf(to, "address %s\n", s[i].gateway);
		buf_addf(to, "subnet %s\n", s[i].subnet);
	}
	buf_addf(to, "port %u\n", port);
	for (size_t i = 0; i < n->dns_servers.n; i++)
		buf_addf(to, "forward %s\n", n->dns_servers.v[i]);
	if (n->internal)
		buf_add_str(to, "internal yes\n");
}

/* ---- which port ---- */
struct probe {
	const struct network *n;
	uint16_t port;
};

static socklen_t make_address(const struct ip *a, uint16_t port, struct sockaddr_storage *s)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)s;
	struct sockaddr_in *four = (struct sockaddr_in *)s;

	*s = (struct sockaddr_storage){ .ss_family = a->family };
	memcpy(a->family == AF_INET ? (void *)&four->sin_addr : (void *)&six->sin6_addr, a->b, ip_len(a));
	four->sin_port = htons(port);   /* the same place in both */
	return a->family == AF_INET ? sizeof(*four) : sizeof(*six);
}

static bool is_free(const struct ip *a, uint16_t port, int type)
{
	autoclose int fd = socket(a->family, type | SOCK_CLOEXEC, 0);
	struct sockaddr_storage s;
	socklen_t len = make_address(a, port, &s);
	int on = 1;

	if (fd < 0)
		return errno == EAFNOSUPPORT;
	setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&s, len) == 0 || errno != EADDRINUSE;
}

/* 1 free, 0 somebody has it. */
static int probe_port(void *arg, struct error *err)
{
	const struct probe *p = arg;
	const struct network_subnet *s = p->n->subnets.v;
	struct ip a;

	(void)err;
	for (size_t i = 0; i < p->n->subnets.n; i++)
		if (s[i].gateway && ip_parse(s[i].gateway, &a) && (!is_free(&a, p->port, SOCK_DGRAM) || !is_free(&a, p->port, SOCK_STREAM)))
			return 0;
	return 1;
}

static int choose_port(const struct net_env *env, const struct network *n, uint16_t *ret, struct error *err)
{
	struct probe p = { .n = n, .port = (uint16_t)env->conf->dns_bind_port };
	int tries = p.port || env->rootless ? 1 : PORT_TRIES;

	if (!p.port)
		p.port = env->rootless ? DNS_PORT : HOST_PORT;
	for (int i = 0; i < tries; i++, p.port++) {
		int r = netns_call(env->host_netns, probe_port, &p, err);
		if (r < 0)
			return -1;
		if (r) {
			*ret = p.port;
			return 0;
		}
	}
	return fail(err, ERROR_IN_USE, "name server of network %s: port %u is in use: choose another dns_bind_port in containers.conf",
		    n->name, p.port - 1U);
}

static int redirect(const struct net_env *env, const struct listening *l, struct error *err)
{
	const struct firewall_dns d = { .addresses = l->v, .n = l->n, .port = l->port };

	return l->port == DNS_PORT ? 0 : firewall_dns(env, &d, err);
}

static int redirect_no_more(const struct net_env *env, const struct listening *l, struct netlink *firewall, struct error *err)
{
	const struct firewall_dns d = { .addresses = l->v, .n = l->n, .port = l->port, .remove = true, .socket = firewall };

	return l->port == DNS_PORT ? 0 : firewall_dns(env, &d, err);
}

static int write_listen(const struct net_env *env, const struct network *n, int dir, struct listening *l, struct error *err)
{
	auto_buf text = BUF_INIT(65536);
	autofree char *old = NULL;

	int known = parse_listen(dir, l, err);
	if (known < 0)
		return -1;
	if (!known || !l->port)
		TRY(choose_port(env, n, &l->port, err));
	format_listen(n, l->port, &text);
	TRY(buf_ok(&text, LISTEN, err));
	if (known && file_read(dir, LISTEN, 65536, &old, NULL, err) == 1 && streq(old, text.data))
		return 0;
	TRY(file_replace(dir, LISTEN, text.data, text.len, 0644, 0, err));
	TRY(parse_listen(dir, l, err));
	return redirect(env, l, err);
}

/* ---- the container's file ---- */
static int write_member(int dir, const struct net_dns_member *m, struct error *err)
{
	const struct net_address *a = m->at->addresses.v;
	auto_buf text = BUF_INIT(65536);

	for (size_t i = 0; i < m->at->addresses.n; i++)
		buf_addf(&text, "ip %.*s\n", (int)strcspn(a[i].net, "/"), a[i].net);
	for (size_t i = 0; i < m->names->n; i++)
		if (!strpbrk(m->names->v[i], " \n"))
			buf_addf(&text, "name %s\n", m->names->v[i]);
	for (size_t i = 0; m->servers && i < m->servers->n; i++)
		buf_addf(&text, "dns %s\n", m->servers->v[i]);
	TRY(buf_ok(&text, "names of the container", err));
	return file_replace(dir, m->id, text.data, text.len, 0644, 0, err);
}

/* ---- the process ---- */
static int start(const struct net_env *env, int root, int lock, struct error *err)
{
	autofree char *program = NULL;
	struct spawn_fd fds[2] = { { lock, 3 }, { env->host_netns, 4 } };
	char *argv[] = { (char *)"umiak-resolver", (char *)"3", env->host_netns >= 0 ? (char *)"4" : NULL, NULL };
	struct spawned child = SPAWNED_INIT;
	struct spawn s = SPAWN_INIT;

	TRY(helper_find("umiak-resolver", &program, err));
	s.path = program;
	s.argv = argv;
	s.fds = fds;
	s.n_fds = env->host_netns >= 0 ? 2 : 1;
	s.cwd_fd = root;
	s.new_session = true;
	TRY(spawn_start(&s, &child, err));
	close(child.pidfd);
	return kept_note(lock, child.pid, err) < 0 ? -1 : 1;
}

/* 1: it was started; 0: it runs. Its lock is the inherited description of ours. */
static int start_if_missing(const struct net_env *env, int root, struct error *err)
{
	const struct lock_how once = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = 0 };
	auto_lock lock = LOCK_INIT;

	int r = lock_acquire(root, RUNNING, once, &lock, err);
	if (r <= 0)
		return r;
	TRY(start(env, root, lock.fd, err));
	lock_hand_over(&lock);
	return 1;
}

int net_dns_stop(const struct net_env *env, struct error *err)
{
	autoclose int root = open_root(env, err);

	return root < 0 ? -1 : kept_stop(root, RUNNING, SIGKILL, STOP_NS, err);
}

/* A question that is answered by itself, from the gateway's own address: the files were read, the sockets are there.
 * 1 answered, 0 not. */
static int ask(void *arg, struct error *err)
{
	static const uint8_t query[] = { 0x55, 0xaa, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'd', 'n', 's', 6, 'p', 'o', 'd', 'm', 'a', 'n',
					 0, 0, 1, 0, 1 };
	const struct net_dns_wait *q = arg;
	autoclose int fd = socket(q->address.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage s;
	socklen_t len = make_address(&q->address, q->port, &s);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t answer[64];

	(void)err;
	if (fd < 0 || connect(fd, (struct sockaddr *)&s, len) < 0)
		return 0;
	for (int i = 0; i < ANSWER_TRIES; i++) {
		if (send(fd, query, sizeof(query), 0) == (ssize_t)sizeof(query) && poll(&p, 1, ANSWER_MS) == 1 &&
		    recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 2)
			return 1;
		struct timespec pause = { .tv_nsec = 300000 << (i < 5 ? i : 5) };
		nanosleep(&pause, NULL);   /* refused at once: nobody listens yet */
	}
	return 0;
}

static void warn(const struct net_env *env, const char *network, const char *why)
{
	log_warn(env->log, "names of containers on network %s do not resolve: %s", network, why);
}

static void ensure_running(const struct net_env *env, const struct listening *l, const char *name, int root,
			   struct net_dns_wait *ret)
{
	struct error failed;

	*ret = (struct net_dns_wait){};
	if (!l->n)
		return;
	if (start_if_missing(env, root, &failed) < 0)
		warn(env, name, failed.text);
	else
		*ret = (struct net_dns_wait){ l->v[0], l->port };
}

/* ---- from outside ---- */
static int add(const struct net_env *env, const struct network *n, const struct net_dns_member *m, int root, struct listening *l,
	       struct error *err)
{
	auto_lock lock = LOCK_INIT;

	TRY(lock_root(root, &lock, err));
	autoclose int dir = open_dir(root, n->id, err);
	if (dir < 0)
		return -1;
	TRY(write_listen(env, n, dir, l, err));
	return write_member(dir, m, err);
}

int net_dns_add(const struct net_env *env, const struct network *n, const struct net_dns_member *m, struct net_dns_wait *ret,
		struct error *err)
{
	autoclose int root = open_root(env, err);
	struct listening l = {};

	if (root < 0)
		return -1;
	TRY(add(env, n, m, root, &l, err));
	ensure_running(env, &l, n->name, root, ret);
	return 0;
}

int net_dns_wait(const struct net_env *env, const char *network, const struct net_dns_wait *w, struct error *err)
{
	struct net_dns_wait question = *w;
	struct error failed;

	for (int i = 0; question.port && i < 2; i++) {
		int r = netns_call(env->host_netns, ask, &question, err);
		if (r)
			return r < 0 ? -1 : 0;
		autoclose int root = i ? -1 : open_root(env, &failed);
		if (root >= 0 && start_if_missing(env, root, &failed) <= 0)   /* it had been about to end: once more */
			break;
	}
	if (question.port)
		warn(env, network, "umiak-resolver does not answer");
	return 0;
}

/* 1: nobody but the "listen" file is there. */
static int is_empty(int dir, struct error *err)
{
	DIR *d = file_stream(dir, ".");
	int r = 1;

	if (!d)
		return fail_errno(err, "read the names of a network");
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.' && !streq(e->d_name, LISTEN))
			r = 0;
	closedir(d);
	return r;
}

/* Under the lock. */
static int remove_member(const struct net_env *env, int root, const struct net_dns_gone *g, struct error *err)
{
	const char *network_id = g->network_id, *id = g->id;
	autoclose int dir = openat(root, network_id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct listening l = {};

	if (dir < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open the names of network %s", network_id);
	if (unlinkat(dir, id, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove the names of container %s", id);
	int empty = is_empty(dir, err);
	if (empty <= 0)
		return empty;
	int r = parse_listen(dir, &l, err) < 0 ? -1 : redirect_no_more(env, &l, g->firewall, err);
	unlinkat(dir, LISTEN, 0);
	if (unlinkat(root, network_id, AT_REMOVEDIR) < 0 && errno != ENOENT && r >= 0)
		return file_remove_tree(root, network_id, err);   /* a file that a killed command left */
	return r;
}

int net_dns_remove(const struct net_env *env, const struct net_dns_gone *g, struct error *err)
{
	autoclose int root = open_root(env, err);
	auto_lock lock = LOCK_INIT;

	if (root < 0)
		return -1;
	TRY(lock_root(root, &lock, err));
	return remove_member(env, root, g, err);
}

int net_dns_restore(const struct net_env *env, const struct network *n, struct error *err)
{
	autoclose int root = open_root(env, err);
	struct listening l = {};

	if (root < 0)
		return -1;
	autoclose int dir = openat(root, n->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open the names of network %s", n->name);
	{
		auto_lock lock = LOCK_INIT;
		TRY(lock_root(root, &lock, err));
		TRY(write_listen(env, n, dir, &l, err));
	}
	TRY(redirect(env, &l, err));
	struct net_dns_wait w;
	ensure_running(env, &l, n->name, root, &w);
	return net_dns_wait(env, n->name, &w, err);
}

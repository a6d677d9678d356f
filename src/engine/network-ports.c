/* SPDX-License-Identifier: Apache-2.0
 * Host ports: held by sockets, shown as text. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "engine/network.h"

void port_sockets_done(struct port_sockets *s)
{
	for (size_t i = 0; i < s->n; i++)
		close_p(&s->v[i]);
	free(s->v);
	*s = (struct port_sockets){};
}

/* Hundreds of ports are hundreds of descriptors. */
static void raise_limit(size_t need)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur == RLIM_INFINITY || l.rlim_cur > need + 256)
		return;
	l.rlim_cur = l.rlim_max < need + 256 ? l.rlim_max : need + 256;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int in_use(const struct param_port *p, bool six, int64_t port, struct error *err)
{
	const char *host = p->host_ip ? p->host_ip : "";
	const char *left = strchr(host, ':') ? "[" : "", *right = *left ? "]" : "";
	char upper[8] = "";

	for (size_t i = 0; p->protocol[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(p->protocol[i] - 'a' + 'A');
	return fail(err, ERROR_NOT_EXECUTABLE, "cannot listen on the %s port: listen %s%d %s%s%s:%lld: bind: address already in use", upper,
		    p->protocol, six ? 6 : 4, left, host, right, (long long)port);
}

static int no_socket(struct error *err)
{
	struct rlimit l = {};

	if (errno != EMFILE || getrlimit(RLIMIT_NOFILE, &l) < 0)
		return fail_errno(err, "socket");
	return fail(err, ERROR_NOT_EXECUTABLE, "each published port needs a descriptor and this process may have %llu: publish fewer, raise "
					       "`ulimit -Hn`, or set enable_port_reservation = false in containers.conf",
		    (unsigned long long)l.rlim_cur);
}

static int open_one(const struct param_port *p, int64_t port, struct error *err)
{
	static const int on = 1, off = 0;
	bool wild = str_empty(p->host_ip), six;
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in at4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int type = (streq(p->protocol, "tcp") ? SOCK_STREAM : streq(p->protocol, "udp") ? SOCK_DGRAM : SOCK_SEQPACKET) | SOCK_CLOEXEC;
	int protocol = streq(p->protocol, "sctp") ? IPPROTO_SCTP : 0;
	struct ip host = { .family = AF_INET6 };

	if (!wild && !ip_parse(p->host_ip, &host))
		return fail(err, ERROR_INVALID, "cannot parse \"%s\" as an IP address", p->host_ip);
	six = host.family == AF_INET6;
	autoclose int fd = socket(host.family, type, protocol);
	if (fd < 0 && wild && errno == EAFNOSUPPORT) {
		six = false;
		fd = socket(AF_INET, type, protocol);
	}
	if (fd < 0)   /* no SCTP in this kernel's sockets: nobody else can have the port either */
		return errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? -2 : no_socket(err);
	/* without an address: both families with one socket */
	if (six && !wild)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* Connections in TIME_WAIT are no hindrance for us; afterwards nobody else can bind and listen. */
	if (!streq(p->protocol, "udp"))
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	memcpy(&at6.sin6_addr, host.b, 16);
	if (!wild)
		memcpy(&at4.sin_addr, host.b, 4);
	if (bind(fd, six ? (void *)&at6 : (void *)&at4, six ? sizeof(at6) : sizeof(at4)) < 0)
		return errno == EADDRINUSE ? in_use(p, six, port, err) :
					     fail_errno(err, "cannot bind to host port %s:%lld/%s", wild ? "" : p->host_ip, (long long)port,
							p->protocol);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off));
	return take_fd(fd);
}

/* Bound, not listening: where no rule leads a packet to the container, the answer is "connection refused". */
int port_sockets_open(const struct list *ports, struct port_sockets *ret, struct error *err)
{
	const struct param_port *p = ports->v;
	size_t n = 0;

	for (size_t i = 0; i < ports->n; i++)
		n += (size_t)p[i].range;
	if (!n)
		return 0;
	raise_limit(n);
	ret->v = calloc(n, sizeof(*ret->v));
	if (!ret->v)
		return fail_oom(err);
	for (size_t i = 0; i < ports->n; i++)
		for (int64_t k = 0; k < p[i].range; k++) {
			int fd = open_one(&p[i], p[i].host_port + k, err);
			if (fd == -1)
				return -1;
			if (fd >= 0)
				ret->v[ret->n++] = fd;
		}
	return 0;
}

/* ---- text ---- */
int ports_format(const struct list *ports, char **ret, struct error *err)
{
	const struct param_port *p = ports->v;
	auto_buf text = BUF_INIT(1 << 20);

	for (size_t i = 0; i < ports->n; i++) {
		const char *host = str_empty(p[i].host_ip) ? "0.0.0.0" : p[i].host_ip;
		if (i)
			buf_add_str(&text, ", ");
		if (p[i].range > 1)
			buf_addf(&text, "%s:%lld-%lld->%lld-%lld/%s", host, (long long)p[i].host_port,
				 (long long)(p[i].host_port + p[i].range - 1), (long long)p[i].container_port,
				 (long long)(p[i].container_port + p[i].range - 1), p[i].protocol);
		else
			buf_addf(&text, "%s:%lld->%lld/%s", host, (long long)p[i].host_port, (long long)p[i].container_port, p[i].protocol);
	}
	TRY(buf_ok(&text, "ports", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

struct ports {
	struct list ports;
};
static const struct field ports_rows[] = { { .json = "ports", F_LIST(struct ports, ports, struct param_port, param_port_rows) }, {} };

int ports_save(const struct list *ports, char **ret, struct error *err)
{
	const struct ports p = { *ports };
	auto_buf text = BUF_INIT(4 << 20);
	auto_json *tree = NULL;

	TRY(fields_save(ports_rows, FIELD_COLUMN_JSON, &p, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "ports", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

int ports_parse(const char *text, struct list *ret, struct error *err)
{
	struct ports p = {};
	auto_json *tree = NULL;

	if (str_empty(text))
		return 0;
	TRY(json_parse("ports of a container", text, strlen(text), NULL, &tree, err));
	TRY(fields_load(ports_rows, FIELD_COLUMN_JSON, tree, &p, NULL, err));
	*ret = p.ports;
	return 0;
}

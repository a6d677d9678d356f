/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pasta.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "os/file.h"
#include "os/link.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/spawn.h"

#define FEATURES ".umiak-pasta"   /* "DEVICE:INODE:MTIME:SIZE 0|1": whether that program knows --map-guest-addr */
#define TUN      "/dev/net/tun"
#define START_NS (INT64_C(30) * 1000000000)
enum { PORT_TRIES = 20, PORT_PAUSE_NS = 25000000 };

void pasta_name(char ret[PASTA_NAME], pid_t pid, uint64_t start)
{
	snprintf(ret, PASTA_NAME, "umiak-%d-%" PRIu64, pid, start);
}

/* ---- the namespace's file ---- */
static int make_file(const struct pasta_job *job, int netns_fd, struct error *err)
{
	autofree char *path = NULL;
	char from[40];

	autoclose int dir = file_open_dir(AT_FDCWD, job->dir, true, 0700, err);
	if (dir < 0)
		return -1;
	TRY(str_printf(&path, err, "%s/%s", job->dir, job->name));
	autoclose int fd = openat(dir, job->name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", netns_fd);
	if (fd < 0 || mount(from, path, NULL, MS_BIND, NULL) < 0)
		return fail_errno(err, "mounting the network namespace on %s", path);
	return 0;
}

int pasta_stop(const char *dir, const char *name, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/%s", dir, name));
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != ENOENT && errno != EINVAL)
		return fail_errno(err, "unmount %s", path);
	return unlink(path) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", path) : 0;
}

static bool is_left_over(const char *name)
{
	uint64_t start;
	pid_t pid;
	int end = 0;

	return sscanf(name, "umiak-%d-%" SCNu64 "%n", &pid, &start, &end) == 2 && !name[end] &&
	       !process_is_alive(PROC_HOST, pid, start);
}

int pasta_sweep(const char *dir, struct error *err)
{
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", dir);
	int r = 0;
	for (struct dirent *e = readdir(d); e && r >= 0; e = readdir(d))
		if (is_left_over(e->d_name))
			r = pasta_stop(dir, e->d_name, err);
	closedir(d);
	return r < 0 ? -1 : 0;
}

/* ---- what this pasta knows ---- */
static int describe(const char *program, char *to, size_t size, struct error *err)
{
	struct stat st;

	if (stat(program, &st) < 0)
		return fail_errno(err, "%s", program);
	snprintf(to, size, "%ju:%ju:%jd:%jd", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (intmax_t)st.st_mtim.tv_sec,
		 (intmax_t)st.st_size);
	return 0;
}

/* Unknown versions are taken for new ones: the first start finds out. */
static bool knows_guest(const struct pasta_job *job, const char *version)
{
	autofree char *path = NULL;
	struct error ignored;
	char text[160];
	size_t n = strlen(version);

	return str_printf(&path, &ignored, "%s/%s", job->dir, FEATURES) < 0 ||
	       file_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0 || strncmp(text, version, n) != 0 || text[n] != ' ' ||
	       text[n + 1] != '0';
}

static void remember_guest(const struct pasta_job *job, const char *version, bool knows)
{
	autofree char *path = NULL;
	struct error ignored;
	char text[160];
	int n = snprintf(text, sizeof(text), "%s %d\n", version, knows);

	if (str_printf(&path, &ignored, "%s/%s", job->dir, FEATURES) >= 0)
		file_replace(AT_FDCWD, path, text, (size_t)n, 0600, 0, &ignored);
}

/* ---- starting it ---- */
static int check_tun(struct error *err)
{
	int fd = open(TUN, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return close(fd);
	if (errno == EACCES || errno == EPERM)
		return fail(err, ERROR_UNSUPPORTED, "pasta needs %s, which this user may not open: `chmod 0666 %s` as root, or use "
			    "--network none or host", TUN, TUN);
	return fail(err, ERROR_UNSUPPORTED, "pasta needs %s, which is not there: `modprobe tun` as root, or use --network none or host",
		    TUN);
}

static int check_ports(const struct pasta_job *job, struct error *err)
{
	char text[32];
	int64_t first = 1024;

	if (file_read_small(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof(text)) > 0)
		parse_i64(text, &first);
	for (size_t i = 0; i < job->n_ports; i++)
		if (job->ports[i].host_port && job->ports[i].host_port < first)
			return fail(err, ERROR_NOT_EXECUTABLE, "rootless containers cannot publish port %lld: choose one from %lld on, or "
				    "`sysctl net.ipv4.ip_unprivileged_port_start=%lld` as root", (long long)job->ports[i].host_port,
				    (long long)first, (long long)job->ports[i].host_port);
	return 0;
}

/* pasta's lines without what it says about syslog and itself. */
static char *clean_output(struct buf *out)
{
	char *from = out->data, *to = out->data;

	while (from && *from) {
		char *end = strchr(from, '\n');
		size_t n = end ? (size_t)(end - from) + 1 : strlen(from);
		if (str_after(from, "Usage: "))
			break;
		if (!str_after(from, "Failed to send ")) {
			memmove(to, from, n);
			to += n;
		}
		from += n;
	}
	while (to > out->data && to[-1] == '\n')
		to--;
	if (to)
		*to = '\0';
	return to && to > out->data ? out->data : NULL;
}

static int run_pasta(const struct pasta_job *job, const struct pasta_words *w, struct buf *out, int *ret_status, struct error *err)
{
	struct spawn s = SPAWN_INIT;
	const struct spawn_io io = { .out = out, .errout = out, .timeout_ns = START_NS };
	auto_strv argv = {};
	char *const env[] = { NULL };

	TRY(strv_add(&argv, "pasta", err));
	TRY(strv_copy(&argv, &w->argv, err));
	s.path = job->program;
	s.argv = argv.v;
	s.envp = env;
	return spawn_run(&s, &io, ret_status, err);
}

/* A port that somebody else has: said as everybody knows it. 1: *err is set. */
static int find_taken_port(const struct net_port *p, struct error *err)
{
	int type = streq(p->protocol, "udp") ? SOCK_DGRAM : SOCK_STREAM;
	struct ip a = { .family = AF_INET };

	if (!str_empty(p->host_ip) && !ip_parse(p->host_ip, &a))
		return 0;
	for (int64_t i = 0; i < p->range; i++) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)(p->host_port + i)) };
		struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = in6.sin6_port };
		bool v6 = a.family == AF_INET6;
		autoclose int fd = socket(a.family, type | SOCK_CLOEXEC, 0);
		memcpy(v6 ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr, a.b, ip_len(&a));
		if (fd < 0 || bind(fd, v6 ? (void *)&in6 : (void *)&in4, v6 ? sizeof(in6) : sizeof(in4)) == 0)
			continue;
		(fail)(err, ERROR_NOT_EXECUTABLE, "listen %s %s%s%s:%lld: bind: %s", p->protocol,
		       v6 ? "[" : "", str_empty(p->host_ip) ? "0.0.0.0" : p->host_ip, v6 ? "]" : "", (long long)(p->host_port + i),
		       errno == EADDRINUSE ? "address already in use" : strerror(errno));
		return 1;
	}
	return 0;
}

static bool is_port_taken(const struct pasta_job *job)
{
	struct error ignored;

	for (size_t i = 0; i < job->n_ports; i++)
		if (find_taken_port(&job->ports[i], &ignored))
			return true;
	return false;
}

static int fail_start(const struct pasta_job *job, int status, struct buf *out, struct error *err)
{
	const char *said = clean_output(out);

	for (size_t i = 0; i < job->n_ports; i++)
		if (find_taken_port(&job->ports[i], err))
			return fail_wrap(err, "pasta failed with exit code %d", process_exit_code(status));
	const char *sockets = said ? strstr(said, "Can't open enough sockets") : NULL;
	if (sockets)
		return fail(err, ERROR_NOT_EXECUTABLE, "pasta failed with exit code %d: %s: publish fewer ports, or raise `ulimit -Hn`",
			    process_exit_code(status), sockets);
	return fail(err, ERROR_NOT_EXECUTABLE, "pasta failed with exit code %d:\n%s", process_exit_code(status), said ? said : "(it said nothing)");
}

/* Once more without the option that an old pasta does not know; some more times while a port is taken. */
static int start(const struct net_env *env, const struct pasta_job *job, struct pasta_words *w, struct error *err)
{
	char version[128];

	TRY(describe(job->program, version, sizeof(version), err));
	bool guest = knows_guest(job, version);
	for (int tries = 0;;) {
		auto_buf out = BUF_INIT(256 << 10);
		int status;
		pasta_words_done(w);
		TRY(pasta_command(env, job, guest, w, err));
		TRY(run_pasta(job, w, &out, &status, err));
		if (status == 0 && out.len)
			log_debug(env->log, "pasta: %s", clean_output(&out));
		if (status == 0)
			return 0;
		if (guest && out.data && strstr(out.data, "unrecognized option '--map-guest-addr")) {
			remember_guest(job, version, false);
			guest = false;
		} else if (!is_port_taken(job) || tries++ == PORT_TRIES) {
			return fail_start(job, status, &out, err);
		} else {   /* maybe by the pasta of this container's last run, which is just ending */
			nanosleep(&(struct timespec){ .tv_nsec = PORT_PAUSE_NS }, NULL);
		}
	}
}

/* ---- what the namespace got ---- */
struct look {
	struct net_attachment *a;
	struct netlink *n;
	bool v4, v6;
};

static int take_address(void *arg, const struct link_address *la, struct error *err)
{
	struct look *l = arg;
	struct net_address *to;
	char text[IP_NET_TEXT];

	if (ip_is_loopback(&la->net.ip) || ip_is_link_local(&la->net.ip))
		return 0;
	to = list_add(&l->a->addresses, sizeof(*to), err);
	if (!to)
		return -1;
	ip_net_format(&la->net, text);
	l->v4 |= la->net.ip.family == AF_INET;
	l->v6 |= la->net.ip.family == AF_INET6;
	return str_set(&to->net, text, err);
}

static int take_gateway(void *arg, const struct link_route *r, struct error *err)
{
	struct look *l = arg;
	struct net_address *v = l->a->addresses.v;
	char text[IP_TEXT];

	if (r->to.prefix || !r->via.family)
		return 0;
	ip_format(&r->via, text);
	for (size_t i = 0; i < l->a->addresses.n; i++) {
		struct ip_net own;
		if (!v[i].gateway && ip_net_parse(v[i].net, &own) && own.ip.family == r->via.family)
			TRY(str_set(&v[i].gateway, text, err));
	}
	return 0;
}

static bool has_family(const struct look *l, const char *text)
{
	struct ip a;

	return ip_parse(text, &a) && (a.family == AF_INET ? l->v4 : l->v6);
}

static int find_device(void *arg, const struct link_info *i, struct error *err)
{
	struct net_attachment *a = arg;
	char mac[18];

	if (!(i->flags & IFF_UP) || (i->flags & IFF_LOOPBACK) || a->ifname)
		return 0;
	link_mac_format(i->mac, mac);
	TRY(str_set(&a->ifname, i->name, err));
	return str_set(&a->mac, mac, err);
}

static int look(const struct pasta_words *w, int netns_fd, struct net_status *s, struct error *err)
{
	auto_netlink n = NETLINK_INIT;
	struct look l = { .n = &n };

	TRY(str_set(&s->mode, "pasta", err));
	l.a = list_add(&s->attachments, sizeof(*l.a), err);
	if (!l.a)
		return -1;
	TRY(str_set(&l.a->network, "pasta", err));
	TRY(netlink_open(netns_fd, NETLINK_ROUTE, &n, err));
	TRY(link_list(&n, find_device, l.a, err));
	TRY(link_address_list(&n, take_address, &l, err));
	TRY(link_route_list(&n, take_gateway, &l, err));
	for (size_t i = 0; i < w->dns.n; i++)
		if (has_family(&l, w->dns.v[i]))
			TRY(strv_add(&l.a->dns_servers, w->dns.v[i], err));
	if (w->guest_address && has_family(&l, w->guest_address))
		return str_set(&s->host_address, w->guest_address, err);
	return pasta_host_address(&l.a->addresses, &s->host_address, err) < 0 ? -1 : 0;
}

static int note_ports(const struct pasta_job *job, struct net_status *s, struct error *err)
{
	for (size_t i = 0; i < job->n_ports; i++) {
		struct net_port *p = list_add(&s->ports, sizeof(*p), err);
		if (!p)
			return -1;
		*p = job->ports[i];
		p->host_ip = p->protocol = NULL;
		TRY(str_set(&p->host_ip, job->ports[i].host_ip, err));
		TRY(str_set(&p->protocol, job->ports[i].protocol, err));
	}
	return 0;
}

static int connect_namespace(const struct net_env *env, const struct pasta_job *job, int netns_fd, struct net_status *s,
			     struct error *err)
{
	auto_pasta_words w = {};

	TRY(make_file(job, netns_fd, err));
	TRY(start(env, job, &w, err));
	if (job->ports_only)
		return 0;
	TRY(note_ports(job, s, err));
	return look(&w, netns_fd, s, err);
}

int pasta_start(const struct net_env *env, const struct pasta_job *job, int netns_fd, struct net_status *ret, struct error *err)
{
	auto_net_status s = {};
	struct error ignored;

	TRY(check_tun(err));
	TRY(check_ports(job, err));
	TRY(pasta_sweep(job->dir, err));
	if (connect_namespace(env, job, netns_fd, &s, err) < 0) {
		pasta_stop(job->dir, job->name, &ignored);
		return -1;
	}
	if (ret) {
		*ret = s;
		s = (struct net_status){};
	}
	return 0;
}

/* ---- the host's address ---- */
struct pick {
	const struct list *exclude;
	struct ip best;
};

static bool is_excluded(const struct list *exclude, const struct ip *a)
{
	const struct net_address *v = exclude ? exclude->v : NULL;
	struct ip_net n;

	for (size_t i = 0; exclude && i < exclude->n; i++)
		if (ip_net_parse(v[i].net, &n) && ip_equal(&n.ip, a))
			return true;
	return false;
}

static int pick_address(void *arg, const struct link_address *la, struct error *err)
{
	struct pick *p = arg;

	(void)err;
	if (ip_is_loopback(&la->net.ip) || ip_is_link_local(&la->net.ip) || is_excluded(p->exclude, &la->net.ip))
		return 0;
	if (!p->best.family || (p->best.family == AF_INET6 && la->net.ip.family == AF_INET))
		p->best = la->net.ip;
	return 0;
}

int pasta_host_address(const struct list *exclude, char **ret, struct error *err)
{
	auto_netlink n = NETLINK_INIT;
	struct pick p = { .exclude = exclude };
	char text[IP_TEXT];

	TRY(netlink_open(-1, NETLINK_ROUTE, &n, err));
	TRY(link_address_list(&n, pick_address, &p, err));
	if (!p.best.family)
		return 0;
	ip_format(&p.best, text);
	return str_set(ret, text, err) < 0 ? -1 : 1;
}

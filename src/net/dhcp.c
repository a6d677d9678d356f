/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "conf/helpers.h"
#include "net/kept.h"
#include "net/setup-impl.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/spawn.h"

#define RUNNING ".running"
#define STOP_NS INT64_C(2000000000)
enum { LEASE_MAX = 8192, ANSWER_MS = 15000 };

int net_dhcp_check(const struct net_env *env, const struct network *n, const struct network_option *o, struct error *err)
{
	static const char remedy[] = "create it with --subnet, or with --ipam-driver none";

	if (env->netavark || !network_is_dhcp(n))
		return 0;
	if (env->rootless)
		return fail(err, ERROR_UNSUPPORTED, "network %s: DHCP is for root's networks, a user's reach no server: %s", n->name, remedy);
	if (streq(n->driver, "bridge") && !o->unmanaged)
		return fail(err, ERROR_UNSUPPORTED, "network %s: the dhcp ipam driver needs a bridge of the host with a server behind it "
						    "(--opt mode=unmanaged), a macvlan or an ipvlan: %s", n->name, remedy);
	if (streq(n->driver, "ipvlan") && o->mode && !streq(o->mode, "l2"))
		return fail(err, ERROR_UNSUPPORTED, "network %s: no DHCP in ipvlan mode %s, which has no broadcasts: use mode l2, or %s",
			    n->name, o->mode, remedy);
	return 0;
}

/* ---- its directory ---- */
static int dir_path(const struct net_env *env, const char *id, const struct net_attachment *a, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/dhcp/%s-%.12s", env->run_dir, id, a->network_id);
}

static int open_dir(const struct net_env *env, const char *id, const struct net_attachment *a, struct error *err)
{
	autofree char *path = NULL;

	TRY(dir_path(env, id, a, &path, err));
	return file_open_dir(AT_FDCWD, path, true, 0700, err);
}

bool net_dhcp_is_held(const struct net_env *env, const char *id, const struct net_attachment *a)
{
	autofree char *path = NULL;
	struct error ignored;

	return a->dhcp && dir_path(env, id, a, &path, &ignored) >= 0 && access(path, F_OK) == 0;
}

/* ---- the lease ---- */
static int take_address(struct net_attachment *a, const char *value, struct error *err)
{
	struct ip_net checked;
	struct net_address *x;

	if (!ip_net_parse(value, &checked))
		return 0;
	x = list_add(&a->addresses, sizeof(*x), err);
	return x ? str_set(&x->net, value, err) : -1;
}

static int take_router(struct net_attachment *a, const char *value, struct error *err)
{
	struct net_address *x = a->addresses.v;
	struct ip checked;

	return a->addresses.n && !a->internal && ip_parse(value, &checked) ? str_set(&x->gateway, value, err) : 0;
}

static int take_route(struct net_attachment *a, const char *value, struct error *err)
{
	return a->internal ? 0 : strv_add(&a->routes, value, err);
}

static int take_dns(struct net_attachment *a, const char *value, struct error *err)
{
	struct ip checked;

	return ip_parse(value, &checked) && !strv_has(&a->dns_servers, value) ? strv_add(&a->dns_servers, value, err) : 0;
}

static int take_domain(struct net_attachment *a, const char *value, struct error *err)
{
	return strv_has(&a->dns_search, value) ? 0 : strv_add(&a->dns_search, value, err);
}

static const struct {
	const char *word;
	int (*take)(struct net_attachment *a, const char *value, struct error *err);
} words[] = {
	{ "address ", take_address }, { "router ", take_router }, { "route ", take_route }, { "dns ", take_dns }, { "search ", take_domain },
};

/* Empty, or not there: no lease. */
static int read_lease(int dir, struct net_attachment *ret, struct error *err)
{
	autofree char *text = NULL;
	auto_strv lines = {};

	if (file_read(dir, "lease", LEASE_MAX, &text, NULL, err) < 0)
		return -1;
	TRY(strv_split(&lines, text ? text : "", '\n', err));
	for (size_t i = 0; i < lines.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(words); k++) {
			const char *value = str_after(lines.v[i], words[k].word);
			if (value)
				TRY(words[k].take(ret, value, err));
		}
	return 0;
}

/* What a lease decides, from one to the other. */
static void move_lease(struct net_attachment *from, struct net_attachment *to)
{
	to->addresses = from->addresses;
	to->dns_servers = from->dns_servers;
	to->dns_search = from->dns_search;
	to->routes = from->routes;
	from->addresses = (struct list){};
	from->dns_servers = from->dns_search = from->routes = (struct strv){};
}

static bool same_words(const struct strv *a, const struct strv *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = streq(a->v[i], b->v[i]);
	return same;
}

static bool same_lease(const struct net_attachment *a, const struct net_attachment *b)
{
	const struct net_address *x = a->addresses.v, *y = b->addresses.v;
	bool same = a->addresses.n == b->addresses.n && same_words(&a->dns_servers, &b->dns_servers) &&
		    same_words(&a->dns_search, &b->dns_search) && same_words(&a->routes, &b->routes);

	for (size_t i = 0; same && i < a->addresses.n; i++)
		same = streq0(x[i].net, y[i].net) && (x[i].gateway == y[i].gateway || streq0(x[i].gateway, y[i].gateway));
	return same;
}

/* ---- the program ---- */
/* Where the MAC is shared with the parent another name is needed: the ids of container and network. */
static int format_id(const char *id, const struct net_attachment *a, char **ret, struct error *err)
{
	auto_buf text = BUF_INIT(256);
	char plain[64];

	snprintf(plain, sizeof(plain), "%.12s-%.12s", id, a->network_id);
	if (streq0(a->driver, "ipvlan")) {
		buf_add_str(&text, "00");
		for (const char *c = plain; *c; c++)
			buf_addf(&text, "%02x", (unsigned)(unsigned char)*c);
	}
	TRY(buf_ok(&text, "client id", err));
	return str_set(ret, text.data ? text.data : "", err);
}

static int make_words(const struct net_env *env, const char *id, const struct net_attachment *a, struct strv *ret, struct error *err)
{
	const struct net_address *x = a->addresses.v;
	autofree char *client = NULL;
	struct ip_net old;
	uint32_t wanted = 0;

	if (a->addresses.n && ip_net_parse(x[0].net, &old) && old.ip.family == AF_INET)
		memcpy(&wanted, old.ip.b, sizeof(wanted));
	TRY(format_id(id, a, &client, err));
	TRY(strv_add(ret, "umiak-dhcp", err));
	TRY(strv_add(ret, a->ifname, err));
	TRY(strv_add(ret, a->hostname ? a->hostname : "", err));
	TRY(strv_add(ret, client, err));
	TRY(strv_addf(ret, err, "%u", ntohl(wanted)));
	return env->reload_command ? env->reload_command(env->alive_arg, id, ret, err) : 0;
}

/* `lock` is on dir's RUNNING; *ret_answer tells the outcome. */
static int start(const struct strv *argv, int dir, int lock, int netns_fd, int *ret_answer, struct error *err)
{
	autofree char *program = NULL;
	struct spawned child = SPAWNED_INIT;
	struct spawn s = SPAWN_INIT;
	int ends[2];

	TRY(helper_find("umiak-dhcp", &program, err));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int answer = ends[0], told = ends[1];
	const struct spawn_fd fds[] = { { lock, 3 }, { netns_fd, 4 }, { told, 5 } };
	s.path = program;
	s.argv = argv->v;
	s.envp = environ;   /* for the command that it will start */
	s.fds = fds;
	s.n_fds = ARRAY_LEN(fds);
	s.cwd_fd = dir;
	s.new_session = true;
	TRY(spawn_start(&s, &child, err));
	close(child.pidfd);
	*ret_answer = take_fd(answer);
	return kept_note(lock, child.pid, err);
}

static int wait_for_lease(const struct network *n, const struct net_attachment *a, int answer, struct error *err)
{
	struct pollfd p = { .fd = answer, .events = POLLIN };
	char text[256];
	ssize_t len = poll(&p, 1, ANSWER_MS) == 1 ? read(answer, text, sizeof(text) - 1) : 0;

	text[len > 0 ? len : 0] = '\0';
	if (streq(text, "ok"))
		return 0;
	return fail(err, ERROR_TIMEOUT, "network %s: no address by DHCP through %s: %s; or create the network with --subnet or "
					"--ipam-driver none", n->name, str_empty(a->bridge) ? a->ifname : a->bridge,
		    len > 0 ? text : "umiak-dhcp does not answer");
}

/* 1: it was started and has a lease; 0: it runs. */
static int start_if_missing(const struct net_env *env, const struct network *n, const char *id, const struct net_attachment *a, int dir,
			    int netns_fd, struct error *err)
{
	const struct lock_how once = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = 0 };
	auto_lock lock = LOCK_INIT;
	autoclose int answer = -1;
	auto_strv argv = {};

	int r = lock_acquire(dir, RUNNING, once, &lock, err);
	if (r <= 0)
		return r;
	TRY(make_words(env, id, a, &argv, err));
	TRY(start(&argv, dir, lock.fd, netns_fd, &answer, err));
	lock_hand_over(&lock);
	return wait_for_lease(n, a, answer, err) < 0 ? -1 : 1;
}

/* ---- from outside ---- */
int net_dhcp_start(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, int netns_fd,
		   struct error *err)
{
	autoclose int dir = open_dir(env, id, a, err);

	if (dir < 0)
		return -1;
	TRY(start_if_missing(env, n, id, a, dir, netns_fd, err));
	return read_lease(dir, a, err);
}

int net_dhcp_follow(const struct net_env *env, const char *id, struct net_attachment *a, int netns_fd, struct net_attachment *ret_old,
		    struct error *err)
{
	CLEANUP(net_attachment_done) struct net_attachment now = { .internal = a->internal };
	autoclose int dir = open_dir(env, id, a, err);
	auto_ends e = LINK_ENDS_INIT;
	auto_network n = {};

	if (dir < 0)
		return -1;
	TRY(network_get(env, a->network, &n, err));
	int started = start_if_missing(env, &n, id, a, dir, netns_fd, err);
	if (started < 0 || (!started && kept_signal(dir, RUNNING, SIGUSR1, err) < 0))
		return -1;
	TRY(read_lease(dir, &now, err));
	if (same_lease(a, &now))
		return 0;
	move_lease(a, ret_old);
	move_lease(&now, a);
	TRY(link_ends_open(env, netns_fd, &e, err));
	return attachment_readdress(env, &n, ret_old, a, &e, err) < 0 ? -1 : 1;
}

int net_dhcp_stop(const struct net_env *env, const char *id, const struct net_attachment *a, struct error *err)
{
	autofree char *path = NULL;

	if (!net_dhcp_is_held(env, id, a))
		return 0;
	TRY(dir_path(env, id, a, &path, err));
	autoclose int dir = open_dir(env, id, a, err);
	if (dir < 0)
		return -1;
	TRY(kept_stop(dir, RUNNING, SIGTERM, STOP_NS, err));
	return file_remove_tree(AT_FDCWD, path, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rootless.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "net/dns.h"
#include "os/file.h"
#include "os/link.h"
#include "os/lock.h"
#include "os/netns.h"
#include "os/ns.h"
#include "os/process.h"

#define USERS "rootless"
#define LOCK  ".lock"
#define HOST  ".host"

/* One namespace per run root: the name is a hash of its place. */
static void make_name(const struct net_env *env, char ret[PASTA_NAME])
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (const char *p = env->run_dir; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	snprintf(ret, PASTA_NAME, "umiak-rootless-%016llx", (unsigned long long)h);
}

static int open_users(const struct net_env *env, struct lock *lock, struct error *err)
{
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = LOCK_TIMEOUT_DEFAULT };
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/" USERS, env->run_dir));
	autoclose int dir = file_open_dir(AT_FDCWD, path, true, 0700, err);
	if (dir < 0 || lock_acquire(dir, LOCK, how, lock, err) < 0)
		return -1;
	return take_fd(dir);
}

static int find(const struct rootless_net *r, const char *name, int *ret_fd)
{
	autofree char *path = NULL;
	struct error ignored;

	if (str_printf(&path, &ignored, "%s/%s", r->dir, name) < 0)
		return 0;
	int fd = ns_open_path(path, NS_NET, &ignored);
	if (fd < 0)
		return 0;   /* not there, or an empty file of an earlier mount namespace */
	*ret_fd = fd;
	return 1;
}

int rootless_net_find(const struct net_env *env, const struct rootless_net *r, int *ret_fd, struct error *err)
{
	char name[PASTA_NAME];

	(void)err;
	make_name(env, name);
	return find(r, name, ret_fd);
}

/* ---- making it ---- */
/* Port 53 is for the resolver, which has no rights; nobody but us and it opens ports here. */
static int configure(int netns, struct error *err)
{
	static const struct {
		const char *name, *value;
	} sysctls[] = {
		{ "net/ipv4/ip_unprivileged_port_start", "0" }, { "net/ipv4/ip_forward", "1" }, { "net/ipv6/conf/all/forwarding", "1" },
		{ "net/ipv6/conf/default/accept_dad", "0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(sysctls); i++)
		if (netns_sysctl(netns, sysctls[i].name, sysctls[i].value, err) < 0)
			return fail_wrap(err, "the rootless network namespace");
	return 0;
}

/* Addresses that the host does not have, so that its own lead to it. */
#define UPLINK "-a,169.254.3.2,-n,30,-g,169.254.3.1,-a,fd75:6d69:616b:1::2,-g,fd75:6d69:616b:1::1"

static bool has_own_addresses(const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (streq(words->v[i], "-a") || str_after(words->v[i], "--address"))
			return true;
	return false;
}

static int start_uplink(const struct net_env *env, const struct rootless_net *r, const char *name, int netns, struct error *err)
{
	const struct pasta_job job = { .program = r->program, .dir = r->dir, .name = name,
				       .options = has_own_addresses(&env->conf->pasta_options) ? NULL : UPLINK };
	autofree char *path = NULL;
	auto_net_status s = {};

	if (pasta_start(env, &job, netns, &s, err) < 0)
		return fail_wrap(err, "the way out of the user's networks");
	const char *host = s.host_address ? s.host_address : "";
	if (*host && !streq(host, PASTA_GUEST_ADDRESS)) {
		int mapped = rootless_host_map(netns, PASTA_GUEST_ADDRESS, host, err);
		if (mapped < 0)
			return -1;
		host = mapped ? PASTA_GUEST_ADDRESS : host;
	}
	TRY(str_printf(&path, err, "%s/" USERS "/" HOST, env->run_dir));
	return file_replace(AT_FDCWD, path, host, strlen(host), 0600, 0, err);
}

int rootless_net_host(const struct net_env *env, char **ret, struct error *err)
{
	autofree char *path = NULL;
	char text[IP_TEXT];

	TRY(str_printf(&path, err, "%s/" USERS "/" HOST, env->run_dir));
	if (file_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	return str_set(ret, text, err) < 0 ? -1 : 1;
}

static int make(const struct net_env *env, const struct rootless_net *r, const char *name, struct error *err)
{
	autoclose int netns = -1;

	TRY(pasta_stop(r->dir, name, err));   /* what an earlier mount namespace left, and its pasta */
	netns = netns_new(err);
	if (netns < 0)
		return -1;
	TRY(configure(netns, err));
	TRY(start_uplink(env, r, name, netns, err));
	return take_fd(netns);
}

static int see_uplink(void *arg, const struct link_info *l, struct error *err)
{
	(void)err;
	*(bool *)arg |= streq(l->kind, "tun");
	return 0;
}

/* pasta's interface goes with its process. */
static int restore_uplink(const struct net_env *env, const struct rootless_net *r, const char *name, int netns, struct error *err)
{
	auto_netlink n = NETLINK_INIT;
	bool there = false;

	TRY(netlink_open(netns, NETLINK_ROUTE, &n, err));
	TRY(link_list(&n, see_uplink, &there, err));
	if (there)
		return 0;
	TRY(pasta_stop(r->dir, name, err));
	return start_uplink(env, r, name, netns, err);
}

/* Says who starts it: until the container is alive, its starter is. */
static int note_user(int users, const char *id, struct error *err)
{
	char text[64];
	uint64_t start = 0;
	struct error ignored;
	pid_t pid = getpid();

	process_start_time(PROC_HOST, pid, &start, &ignored);
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)pid, start);
	if (file_replace(users, id, text, (size_t)n, 0600, 0, err) < 0)
		return fail_wrap(err, "note that container %s uses the user's networks", id);
	return 0;
}

int rootless_net_open(const struct net_env *env, const struct rootless_net *r, const char *id, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	char name[PASTA_NAME];
	int found = -1;

	make_name(env, name);
	autoclose int users = open_users(env, &lock, err);
	if (users < 0)
		return -1;
	TRY(note_user(users, id, err));
	if (!find(r, name, &found))
		return make(env, r, name, err);
	autoclose int netns = found;
	TRY(restore_uplink(env, r, name, netns, err));
	return take_fd(netns);
}

/* ---- leaving it ---- */
static bool is_being_started(int users, const char *id)
{
	char text[64];
	uint64_t start;
	int pid;

	return file_read_small(users, id, text, sizeof(text)) > 0 && sscanf(text, "%d %" SCNu64, &pid, &start) == 2 && pid > 0 &&
	       process_is_alive(PROC_HOST, pid, start);
}

static int is_used(const struct net_env *env, int users, const char *id, struct error *err)
{
	const char *pid = str_after(id, "unshare-");
	uint32_t n;

	if (pid)
		return parse_u32(pid, &n) && process_is_alive(PROC_HOST, (pid_t)n, 0);
	return is_being_started(users, id) || !env->alive ? 1 : env->alive(env->alive_arg, id, err);
}

/* 1: somebody is there. Who is gone without a word is forgotten. */
static int has_users(const struct net_env *env, int users, struct error *err)
{
	DIR *d = file_stream(users, ".");
	int r = 0;

	if (!d)
		return fail_errno(err, "read who uses the user's networks");
	for (struct dirent *e = readdir(d); e && r == 0; e = readdir(d)) {
		if (e->d_name[0] == '.')
			continue;
		r = is_used(env, users, e->d_name, err);
		if (r == 0)
			unlinkat(users, e->d_name, 0);
	}
	closedir(d);
	return r;
}

int rootless_net_leave(const struct net_env *env, const struct rootless_net *r, const char *id, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	char name[PASTA_NAME];

	make_name(env, name);
	autoclose int users = open_users(env, &lock, err);
	if (users < 0)
		return -1;
	if (unlinkat(users, id, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "forget that container %s uses the user's networks", id);
	int used = has_users(env, users, err);
	if (used != 0)
		return used < 0 ? -1 : 0;
	TRY(pasta_sweep(r->dir, err));
	TRY(net_dns_stop(env, err));   /* a resolver lives in the namespace that goes */
	return pasta_stop(r->dir, name, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "net/lease.h"
#include "os/file.h"
#include "os/lock.h"

enum { TRIES_MAX = 70000 };   /* a /16 and some */

struct pool {
	const struct net_env *env;
	const char *network, *subnet, *id;
	int dir;                     /* leases of the network */
	struct ip first, last;       /* what may be given out */
	struct ip skip[3];           /* network, broadcast, gateway */
	char hint[80];               /* name of the link that holds the address given last */
};

static int lease_dir(const struct net_env *env, const char *network_id, bool create, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/leases/%s", env->run_dir, network_id));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT || !create)
		return fail_errno(err, "open %s", path);
	return file_open_dir(AT_FDCWD, path, true, 0700, err);
}

/* Owner of a lease: 1, or 0 when there is none. */
static int owner(int dir, const char *name, char ret[80])
{
	ssize_t n = readlinkat(dir, name, ret, 79);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Running, or between intent and commit (setup.c). */
static int is_alive(const struct pool *p, const char *id, struct error *err)
{
	autofree char *intent = NULL;

	TRY(str_printf(&intent, err, "%s/pending/%s", p->env->run_dir, id));
	int held = lock_is_held(AT_FDCWD, intent, LOCK_SHARED, err);
	if (held)
		return held;
	return p->env->alive ? p->env->alive(p->env->alive_arg, id, err) : 1;
}

/* Takes a dead owner's lease. Under a lock, so that two who find the same corpse do not both take it. 1 taken. */
static int take_over(const struct pool *p, const char *name, char holder[80], struct error *err)
{
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = -1 };
	auto_lock lock = LOCK_INIT;

	if (owner(p->dir, name, holder) && streq(holder, p->id))
		return 1;
	TRY(lock_acquire(p->dir, ".lock", how, &lock, err));
	if (owner(p->dir, name, holder)) {
		int r = is_alive(p, holder, err);
		if (r)
			return r < 0 ? -1 : 0;
		if (unlinkat(p->dir, name, 0) < 0 && errno != ENOENT)
			return fail_errno(err, "remove lease %s", name);
	}
	if (symlinkat(p->id, p->dir, name) == 0)
		return 1;
	return errno == EEXIST ? 0 : fail_errno(err, "make lease %s", name);
}

/* 1 taken, 0 somebody has it. */
static int try_one(const struct pool *p, const struct ip *a, struct error *err)
{
	char name[IP_TEXT];

	ip_format(a, name);
	if (symlinkat(p->id, p->dir, name) == 0)
		return 1;
	return errno == EEXIST ? 0 : fail_errno(err, "make lease %s of network %s", name, p->network);
}

static int take_wanted(const struct pool *p, const struct ip *want, struct error *err)
{
	char name[IP_TEXT], holder[80];
	int r = try_one(p, want, err);

	ip_format(want, name);
	if (r == 0)
		r = take_over(p, name, holder, err);
	if (r == 0)
		return fail(err, ERROR_IN_USE, "IPAM error: requested ip address %s is already allocated to container ID %s", name, holder);
	return r < 0 ? -1 : 0;
}

/* ---- any address ---- */
static void set_hint(const struct pool *p, const struct ip *a)
{
	char text[IP_TEXT], temporary[96];

	ip_format(a, text);
	snprintf(temporary, sizeof(temporary), ".%d%s", (int)getpid(), p->hint);
	/* only a hint: a lost one costs a few tries */
	if (symlinkat(text, p->dir, temporary) == 0 && renameat(p->dir, temporary, p->dir, p->hint) < 0)
		unlinkat(p->dir, temporary, 0);
}

static struct ip start(const struct pool *p)
{
	char text[80];
	struct ip a;

	if (!owner(p->dir, p->hint, text) || !ip_parse(text, &a) || ip_compare(&a, &p->first) < 0 || ip_compare(&a, &p->last) >= 0)
		return p->first;
	return ip_add(a, 1);
}

static bool is_skipped(const struct pool *p, const struct ip *a)
{
	for (size_t i = 0; i < ARRAY_LEN(p->skip); i++)
		if (ip_equal(&p->skip[i], a))
			return true;
	return false;
}

/* Walks once around the range. 1 and *ret, or 0: all taken. */
static int walk(const struct pool *p, bool dead_too, struct ip *ret, struct error *err)
{
	const struct ip begin = start(p);
	struct ip a = begin;
	char name[IP_TEXT], holder[80];

	for (int i = 0; i < TRIES_MAX; i++) {
		int r = is_skipped(p, &a) ? 0 : try_one(p, &a, err);
		if (r == 0 && dead_too && !is_skipped(p, &a)) {
			ip_format(&a, name);
			r = owner(p->dir, name, holder) && streq(holder, p->id) ? 0 : take_over(p, name, holder, err);
		}
		if (r) {
			*ret = a;
			return r;
		}
		a = ip_compare(&a, &p->last) >= 0 ? p->first : ip_add(a, 1);
		if (ip_equal(&a, &begin))
			return 0;
	}
	return 0;
}

static int take_any(const struct pool *p, struct ip *ret, struct error *err)
{
	char first[IP_TEXT], last[IP_TEXT];
	int r = walk(p, false, ret, err);

	if (r == 0)
		r = walk(p, true, ret, err);
	if (r > 0)
		set_hint(p, ret);
	if (r)
		return r < 0 ? -1 : 0;
	ip_format(&p->first, first);
	ip_format(&p->last, last);
	return fail(err, ERROR_IN_USE, "IPAM error: failed to find free IP in range: %s - %s: network %s is full: remove "
				       "containers from it, or create one with a larger --subnet or --ip-range", first, last, p->network);
}

static int fill_pool(struct pool *p, const struct network_subnet *s, struct error *err)
{
	const struct network_range *range = s->lease_range;
	struct ip_net net;

	if (!ip_net_parse(s->subnet, &net))
		return fail(err, ERROR_INVALID, "subnet %s", s->subnet);
	p->skip[0] = ip_net_first(&net);
	p->skip[1] = ip_net_last(&net);
	if (net.prefix >= ip_bits(&net.ip) - 1)   /* point to point: both are hosts */
		p->skip[0] = p->skip[1] = (struct ip){};
	if (net.ip.family == AF_INET6)
		p->skip[1] = (struct ip){};
	if (s->gateway)
		ip_parse(s->gateway, &p->skip[2]);
	p->first = p->skip[0].family ? ip_add(ip_net_first(&net), 1) : ip_net_first(&net);
	p->last = ip_add(ip_net_last(&net), p->skip[1].family ? -1 : 0);
	if (range && range->start_ip)
		ip_parse(range->start_ip, &p->first);
	if (range && range->end_ip)
		ip_parse(range->end_ip, &p->last);
	if (ip_equal(&p->first, &p->skip[2]))
		p->first = ip_add(p->first, 1);
	snprintf(p->hint, sizeof(p->hint), ".last-%s", s->subnet);
	for (char *c = p->hint; *c; c++)
		if (*c == '/')
			*c = '_';
	return 0;
}

int lease_take(const struct net_env *env, const struct network *n, const struct network_subnet *s, const char *id,
	       const struct ip *want, struct ip *ret, struct error *err)
{
	struct pool p = { .env = env, .network = n->name, .subnet = s->subnet, .id = id };
	autoclose int dir = lease_dir(env, n->id, true, err);

	if (dir < 0)
		return -1;
	p.dir = dir;
	TRY(fill_pool(&p, s, err));
	if (!want)
		return take_any(&p, ret, err);
	if (ip_equal(want, &p.skip[2]))
		return fail(err, ERROR_IN_USE, "IPAM error: requested ip address %s is the gateway of network %s", s->gateway, n->name);
	TRY(take_wanted(&p, want, err));
	*ret = *want;
	return 0;
}

int lease_give(const struct net_env *env, const char *network_id, const struct ip *a, const char *id, struct error *err)
{
	autoclose int dir = lease_dir(env, network_id, false, err);
	char name[IP_TEXT], holder[80];

	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	ip_format(a, name);
	if (!owner(dir, name, holder) || !streq(holder, id))
		return 0;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? fail_errno(err, "remove lease %s", name) : 0;
}

bool lease_is_of(const struct net_env *env, const char *network_id, const struct ip *a, const char *id)
{
	struct error ignored;
	autoclose int dir = lease_dir(env, network_id, false, &ignored);
	char name[IP_TEXT], holder[80];

	if (dir < 0)
		return false;
	ip_format(a, name);
	return owner(dir, name, holder) && streq(holder, id);
}

int lease_give_network(const struct net_env *env, const char *network_id, const char *id, struct error *err)
{
	int dir = lease_dir(env, network_id, false, err);
	char holder[80];

	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	DIR *d = fdopendir(dir);
	if (!d) {
		close(dir);
		return fail_errno(err, "leases of network %s", network_id);
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.' && owner(dir, e->d_name, holder) && streq(holder, id))
			unlinkat(dir, e->d_name, 0);
	closedir(d);
	return 0;
}

int lease_forget(const struct net_env *env, const char *network_id, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/leases/%s", env->run_dir, network_id));
	return file_remove_tree(AT_FDCWD, path, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * The life of a container's networks. Intent first: the file pending/ID says which networks, names and ports may have been
 * touched; its lock is free when its writer died. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "net/dhcp.h"
#include "net/dns.h"
#include "net/firewall.h"
#include "net/lease.h"
#include "net/netavark.h"
#include "net/setup-impl.h"
#include "os/file.h"

static const struct field address_rows[] = {
	{ .json = "net", F_STR(struct net_address, net) }, { .json = "gateway", F_STR(struct net_address, gateway) }, {},
};
#define A struct net_attachment
const struct field net_attachment_rows[] = {
	{ .json = "network", F_STR(A, network) }, { .json = "network_id", F_STR(A, network_id) }, { .json = "driver", F_STR(A, driver) },
	{ .json = "ifname", F_STR(A, ifname) }, { .json = "host_ifname", F_STR(A, host_ifname) }, { .json = "bridge", F_STR(A, bridge) },
	{ .json = "mac", F_STR(A, mac) }, { .json = "addresses", F_LIST(A, addresses, struct net_address, address_rows) },
	{ .json = "aliases", F_STRV(A, aliases) }, { .json = "dns_servers", F_STRV(A, dns_servers) },
	{ .json = "dns_enabled", F_BOOL(A, dns_enabled) }, { .json = "internal", F_BOOL(A, internal) },
	{ .json = "metric", F_INT(A, metric) }, { .json = "dhcp", F_BOOL(A, dhcp) }, { .json = "dns_search", F_STRV(A, dns_search) },
	{ .json = "routes", F_STRV(A, routes) }, { .json = "hostname", F_STR(A, hostname) },
	{ .json = "no_default_route", F_BOOL(A, no_default_route) }, { .json = "ip", F_STR(A, ip) }, { .json = "ip6", F_STR(A, ip6) },
	{ .json = "static_mac", F_STR(A, static_mac) }, { .json = "options", F_MAP(A, options) }, {},
};
#undef A
const struct field net_port_rows[] = {
	{ .json = "host_ip", F_STR(struct net_port, host_ip) }, { .json = "protocol", F_STR(struct net_port, protocol) },
	{ .json = "host_port", F_INT(struct net_port, host_port) }, { .json = "container_port", F_INT(struct net_port, container_port) },
	{ .json = "range", F_INT(struct net_port, range) }, {},
};
#define S struct net_status
const struct field net_status_rows[] = {
	{ .json = "mode", F_STR(S, mode) }, { .json = "attachments", F_LIST(S, attachments, struct net_attachment, net_attachment_rows) },
	{ .json = "ports", F_LIST(S, ports, struct net_port, net_port_rows) }, { .json = "helper_pid", F_INT(S, helper_pid) },
	{ .json = "helper_start", F_UINT(S, helper_start) },
	{ .json = "host_address", F_STR(S, host_address) }, { .json = "netavark", F_STR(S, netavark) }, { .json = "name", F_STR(S, name) }, {},
};
#undef S
#define R struct net_request
const struct field net_request_rows[] = {
	{ .json = "network", F_STR(R, network) }, { .json = "ip", F_STR(R, ip) }, { .json = "ip6", F_STR(R, ip6) },
	{ .json = "mac", F_STR(R, mac) }, { .json = "interface_name", F_STR(R, interface_name) },
	{ .json = "host_interface_name", F_STR(R, host_interface_name) }, { .json = "aliases", F_STRV(R, aliases) },
	{ .json = "hostname", F_STR(R, hostname) }, { .json = "options", F_MAP(R, options) }, {},
};
#undef R

void net_request_done(struct net_request *r)
{
	fields_done(net_request_rows, r);
}

void net_attachment_done(struct net_attachment *a)
{
	fields_done(net_attachment_rows, a);
}

void net_status_done(struct net_status *s)
{
	fields_done(net_status_rows, s);
}

struct net_attachment *net_status_find(const struct net_status *s, const char *network)
{
	struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++)
		if (streq0(a[i].network, network))
			return &a[i];
	return NULL;
}

/* ---- intents ---- */
static int pending_dir(const struct net_env *env, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/pending", env->run_dir));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : fail_errno(err, "open %s", path);
	return file_open_dir(AT_FDCWD, path, true, 0700, err);
}

static const struct lock_how try_lock = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = 0 };

/* A sweep may hold or remove the file for a moment: then the next try. */
static int lock_intent(int dir, const char *id, struct lock *ret, struct error *err)
{
	struct stat st;

	for (int i = 0; i < 200; i++) {
		int r = lock_acquire(dir, id, try_lock, ret, err);
		if (r < 0)
			return -1;
		if (r > 0 && fstat(ret->fd, &st) == 0 && st.st_nlink > 0)
			return 0;
		lock_release(ret);
		usleep(5000);
	}
	return fail(err, ERROR_STATE, "another command is setting up the network of container %s", id);
}

static int write_intent(const struct net_env *env, const char *id, const struct net_status *s, struct lock *ret, struct error *err)
{
	autoclose int dir = pending_dir(env, err);
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(1 << 20);

	if (dir < 0)
		return -1;
	TRY(fields_save(net_status_rows, FIELD_COLUMN_JSON, s, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "network intent", err));
	if (ret->fd < 0)
		TRY(lock_intent(dir, id, ret, err));
	if (ftruncate(ret->fd, 0) < 0 || pwrite(ret->fd, text.data, text.len, 0) != (ssize_t)text.len)
		return fail_errno(err, "write network intent of container %s", id);
	return 0;
}

void net_commit(const struct net_env *env, const char *id, struct lock *intent)
{
	struct error ignored;
	autoclose int dir = pending_dir(env, &ignored);

	if (dir >= 0)
		unlinkat(dir, id, 0);
	lock_release(intent);
}

/* ---- plan ---- */
static int plan_ports(const struct net_job *job, struct net_status *s, struct error *err)
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

void networks_done(struct networks *l)
{
	for (size_t i = 0; i < l->n; i++)
		network_done(&l->v[i]);
}

int setup_add_attachment(const struct net_env *env, const struct network *n, const struct net_request *r, struct net_status *s,
			  struct error *err)
{
	struct net_attachment a = {}, *at;

	if (net_status_find(s, n->name))
		return fail(err, ERROR_INVALID, "network %s is given twice", n->name);
	if (attachment_plan(env, n, r, s, &a, err) < 0) {
		net_attachment_done(&a);
		return -1;
	}
	at = list_add(&s->attachments, sizeof(*at), err);
	if (!at) {
		net_attachment_done(&a);
		return -1;
	}
	*at = a;
	return 0;
}

static int plan(const struct net_env *env, const struct net_job *job, struct networks *l, struct lock *intent, struct net_status *s,
		struct error *err)
{
	struct net_attachment *a;

	if (job->n_requests > NET_NETWORKS_MAX)
		return fail(err, ERROR_INVALID, "more than %d networks", NET_NETWORKS_MAX);
	TRY(str_set(&s->mode, "bridge", err));
	TRY(str_set(&s->netavark, env->netavark, err));
	TRY(str_set(&s->name, env->netavark ? job->name : NULL, err));
	for (size_t i = 0; i < job->n_requests; i++) {
		const struct net_request *r = &job->requests[i];
		struct network *n = &l->v[l->n++];
		TRY(network_get(env, r->network, n, err));
		TRY(setup_add_attachment(env, n, r, s, err));
	}
	TRY(write_intent(env, job->id, s, intent, err));
	a = s->attachments.v;
	for (size_t i = 0; i < l->n; i++)
		TRY(attachment_lease(env, &l->v[i], job->id, &a[i], err));
	TRY(plan_ports(job, s, err));   /* not before: they are undone by the addresses */
	return write_intent(env, job->id, s, intent, err);
}

int net_check(const struct net_env *env, const struct net_job *job, struct error *err)
{
	for (size_t i = 0; i < job->n_requests; i++) {
		auto_network n = {};
		struct network_option o;
		TRY(network_get(env, job->requests[i].network, &n, err));
		TRY(network_options(&n, &o, err));
		TRY(net_dhcp_check(env, &n, &o, err));
	}
	return 0;
}

int net_plan(const struct net_env *env, const struct net_job *job, struct lock *ret_intent, struct net_status *ret,
	     struct error *err)
{
	auto_networks l = {};
	auto_net_status s = {};
	struct error ignored;

	if (plan(env, job, &l, ret_intent, &s, err) < 0) {
		if (ret_intent->fd >= 0) {
			net_teardown(env, job->id, &s, -1, &ignored);
			net_commit(env, job->id, ret_intent);
		}
		return -1;
	}
	*ret = s;
	s = (struct net_status){};
	return 0;
}

/* ---- apply ---- */
int setup_load_networks(const struct net_env *env, const struct net_status *s, struct networks *l, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++) {
		TRY(network_get(env, a[i].network, &l->v[l->n], err));
		l->n++;
	}
	return 0;
}

int setup_firewall(const struct net_env *env, const struct networks *l, const struct net_status *s, bool replace,
			  struct error *err)
{
	const struct network *v[NET_NETWORKS_MAX];
	const struct firewall_change c = { .networks = v, .n_networks = l->n, .status = s, .replace = replace };

	for (size_t i = 0; i < l->n; i++)
		v[i] = &l->v[i];
	return firewall_apply(env, &c, err);
}

/* Removed between plan and now: a container that goes on would have a bridge that nobody takes away. */
static int still_defined(const struct net_env *env, const struct networks *l, struct error *err)
{
	struct error ignored;

	for (size_t i = 0; i < l->n; i++) {
		autofree char *path = NULL;
		if (l->v[i].builtin)
			continue;
		TRY(str_printf(&path, err, "%s/%s.json", env->config_dir, l->v[i].name));
		if (access(path, F_OK) == 0 || errno != ENOENT)
			continue;
		net_forget(env, &l->v[i], &ignored);
		return fail(err, ERROR_NOT_FOUND, "unable to find network with name or ID %s: network not found: it was just removed", l->v[i].name);
	}
	return 0;
}

int net_apply(const struct net_env *env, const char *id, struct net_status *s, int netns_fd, struct error *err)
{
	auto_networks l = {};
	auto_ends e = LINK_ENDS_INIT;
	struct net_attachment *a = s->attachments.v;

	if (s->netavark)
		return netavark_setup(env, &(struct netavark_job){ id, s, 0, s->attachments.n }, netns_fd, s, err);
	TRY(setup_load_networks(env, s, &l, err));
	TRY(link_ends_open(env, netns_fd, &e, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(attachment_link(env, &l.v[i], id, &a[i], &e, err));
	int r = setup_firewall(env, &l, s, false, err);
	return r < 0 || still_defined(env, &l, err) < 0 ? -1 : r;
}

bool setup_owns_address(const struct net_env *env, const char *id, const struct net_status *s)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++)
		if (attachment_is_leased(env, id, &a[i]))
			return true;
	return false;
}

/* ---- tear down ---- */
/* Keeps the first failure. */
static int first(int r, struct error *now, struct error *err)
{
	if (r < 0 && err->kind == ERROR_NONE)
		*err = *now;
	return r < 0 ? -1 : 0;
}

static int teardown_netavark(const struct net_env *env, const char *id, const struct net_status *s, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;
	struct error now, all = {};
	int r = first(netavark_teardown(env, &(struct netavark_job){ id, s, 0, s->attachments.n }, true, &now), &now, &all);

	for (size_t i = 0; i < s->attachments.n; i++)
		r |= first(attachment_release(env, id, &a[i], &now), &now, &all);
	if (r < 0)
		*err = all;
	return r < 0 ? -1 : 0;
}

int net_teardown(const struct net_env *env, const char *id, const struct net_status *s, int netns_fd, struct error *err)
{
	const struct net_attachment *a = s->attachments.v;
	auto_ends e = LINK_ENDS_INIT;
	const struct firewall_change c = { .remove = true, .status = s, .socket = &e.firewall };
	struct error now, all = {};
	int r = 0;

	if (s->netavark)
		return teardown_netavark(env, id, s, err);
	/* An address that is no longer ours was given back before: the ports went first and may be another's by now. */
	const bool ours = s->ports.n && setup_owns_address(env, id, s);
	const int ports = ours ? first(firewall_apply(env, &c, &now), &now, &all) : 0;
	r |= ports;
	int ends = s->attachments.n ? first(link_ends_open(env, netns_fd, &e, &now), &now, &all) : 0;
	r |= ends;
	for (size_t i = 0; i < s->attachments.n; i++) {
		r |= first(net_dhcp_stop(env, id, &a[i], &now), &now, &all);   /* while its interface is there */
		if (ends >= 0)
			r |= first(attachment_unlink(env, &a[i], &e, &now), &now, &all);
		const struct net_dns_gone gone = { a[i].network_id, id, &e.firewall };
		if (a[i].dns_enabled)
			r |= first(net_dns_remove(env, &gone, &now), &now, &all);
		if (ports >= 0)   /* else the next try must know that they are ours */
			r |= first(attachment_release(env, id, &a[i], &now), &now, &all);
	}
	link_ends_detach(&e);
	if (r < 0)
		*err = all;
	return r < 0 ? -1 : 0;
}

/* ---- what killed commands left ---- */
/* The lock of pending/ID is ours. */
static int sweep_one(const struct net_env *env, int dir, const char *id, struct lock *lock, struct error *err)
{
	autofree char *text = NULL;
	auto_json *tree = NULL;
	auto_net_status s = {};
	size_t len;
	int alive = env->alive ? env->alive(env->alive_arg, id, err) : 1;

	if (alive < 0)
		return -1;
	if (alive) {   /* its row has the status already */
		unlinkat(dir, id, 0);
		return 0;
	}
	TRY(file_read_fd(lock->fd, id, 1 << 20, &text, &len, err));
	/* killed before the text was written: nothing had been done */
	struct error bad;
	if (len && json_parse(id, text, len, NULL, &tree, &bad) >= 0 &&
	    fields_load(net_status_rows, FIELD_COLUMN_JSON, tree, &s, NULL, &bad) >= 0)
		TRY(net_teardown(env, id, &s, -1, err));
	unlinkat(dir, id, 0);
	return 0;
}

int net_sweep(const struct net_env *env, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/pending", env->run_dir));
	DIR *d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", path);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		auto_lock lock = LOCK_INIT;
		struct error failed;
		if (e->d_name[0] == '.' || lock_acquire(dirfd(d), e->d_name, try_lock, &lock, &failed) <= 0)
			continue;
		if (sweep_one(env, dirfd(d), e->d_name, &lock, &failed) < 0)
			log_warn(env->log, "cleaning up the network of container %s: %s", e->d_name, failed.text);
	}
	closedir(d);
	return 0;
}

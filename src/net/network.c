/* SPDX-License-Identifier: Apache-2.0
 * Definitions: rows, reading, listing, removing. Creation: network-create.c; checks: network-check.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/value.h"
#include "net/network-impl.h"
#include "os/file.h"

#define N struct network

static const struct field range_rows[] = {
	{ .json = "start_ip", F_STR(struct network_range, start_ip) },
	{ .json = "end_ip", F_STR(struct network_range, end_ip) }, {},
};
static const struct field subnet_rows[] = {
	{ .json = "subnet", F_STR(struct network_subnet, subnet), .flags = FIELD_ALWAYS },
	{ .json = "gateway", F_STR(struct network_subnet, gateway) },
	{ .json = "lease_range", F_OPT_OBJECT(struct network_subnet, lease_range, struct network_range, range_rows) }, {},
};
static const struct field route_rows[] = {
	{ .json = "destination", F_STR(struct network_route, destination), .flags = FIELD_ALWAYS },
	{ .json = "gateway", F_STR(struct network_route, gateway) },
	{ .json = "metric", F_OPT_UINT(struct network_route, metric) },
	{ .json = "route_type", F_STR(struct network_route, route_type) }, {},
};
const struct field network_rows[] = {
	{ .json = "name", F_STR(N, name), .flags = FIELD_ALWAYS },
	{ .json = "id", MORE(.go = "ID"), F_STR(N, id), .flags = FIELD_ALWAYS },
	{ .json = "driver", F_STR(N, driver), .flags = FIELD_ALWAYS },
	{ .json = "network_interface", F_STR(N, network_interface) },
	{ .json = "created", F_TIME(N, created), .flags = FIELD_ALWAYS },
	{ .json = "subnets", F_LIST(N, subnets, struct network_subnet, subnet_rows) },
	{ .json = "routes", F_LIST(N, routes, struct network_route, route_rows) },
	{ .json = "ipv6_enabled", MORE(.go = "IPv6Enabled"), F_BOOL(N, ipv6_enabled), .flags = FIELD_ALWAYS },
	{ .json = "internal", F_BOOL(N, internal), .flags = FIELD_ALWAYS },
	{ .json = "dns_enabled", MORE(.go = "DNSEnabled"), F_BOOL(N, dns_enabled), .flags = FIELD_ALWAYS },
	{ .json = "network_dns_servers", MORE(.go = "NetworkDNSServers"), F_STRV(N, dns_servers) },
	{ .json = "labels", F_MAP(N, labels) },
	{ .json = "options", F_MAP(N, options) },
	{ .json = "ipam_options", MORE(.go = "IPAMOptions"), F_MAP(N, ipam_options) },
	{},
};
#undef N

void network_done(struct network *n)
{
	fields_done(network_rows, n);
	n->builtin = false;
}

void network_list_done(struct network_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		network_done(&l->v[i]);
	free(l->v);
	*l = (struct network_list){};
}

/* ---- one file ---- */
int network_parse(const char *what, const char *text, size_t len, struct network *ret, struct error *err)
{
	auto_json *tree = NULL;
	auto_network n = {};

	TRY(json_parse(what, text, len, NULL, &tree, err));
	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_INVALID, "%s: not a JSON object", what);
	if (fields_load(network_rows, FIELD_COLUMN_JSON, tree, &n, NULL, err) < 0 || network_check(&n, err) < 0)
		return fail_wrap(err, "%s", what);
	*ret = n;
	n = (struct network){};
	return 0;
}

/* 1, or 0: no such file. */
static int load(const char *dir, const char *name, struct network *ret, struct error *err)
{
	autofree char *path = NULL, *text = NULL;
	auto_network n = {};
	size_t len;

	TRY(str_printf(&path, err, "%s/%s.json", dir, name));
	int r = file_read(AT_FDCWD, path, NETWORK_FILE_MAX, &text, &len, err);
	if (r <= 0)
		return r;
	TRY(network_parse(path, text, len, &n, err));
	if (!streq(n.name, name))
		return fail(err, ERROR_INVALID, "%s: the network name \"%s\" does not match the file name", path, n.name);
	*ret = n;
	n = (struct network){};
	return 1;
}

/* ---- the default network ---- */
const char *network_default_name(const struct net_env *env)
{
	return str_empty(env->conf->default_network) ? "podman" : env->conf->default_network;
}

static int make_default(const struct net_env *env, struct network *ret, struct error *err)
{
	/* Podman's own, so that both see the same network */
	static const char id[] = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9";
	const char *subnet = str_empty(env->conf->default_subnet) ? "10.88.0.0/16" : env->conf->default_subnet;
	auto_network n = { .builtin = true };
	struct network_subnet *s;
	struct ip_net net;
	char text[IP_TEXT];

	if (!ip_net_parse(subnet, &net))
		return fail(err, ERROR_INVALID, "containers.conf: default_subnet \"%s\" is not a network", subnet);
	s = list_add(&n.subnets, sizeof(*s), err);
	if (!s)
		return -1;
	struct ip first = ip_add(ip_net_first(&net), 1);
	ip_format(&first, text);
	TRY(str_set(&s->subnet, subnet, err));
	TRY(str_set(&s->gateway, text, err));
	TRY(str_set(&n.name, network_default_name(env), err));
	TRY(str_set(&n.id, id, err));
	TRY(str_set(&n.driver, "bridge", err));
	TRY(str_set(&n.network_interface, "podman0", err));
	TRY(strmap_set(&n.ipam_options, "driver", "host-local", err));
	n.ipv6_enabled = net.ip.family == AF_INET6;
	n.created = network_now();
	*ret = n;
	n = (struct network){};
	return 1;
}

/* ---- all files ---- */
static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct network *)a)->name, ((const struct network *)b)->name);
}

static int list_take(struct network_list *l, struct network *n, struct error *err)
{
	struct network *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v) {
		network_done(n);
		return fail_oom(err);
	}
	l->v = v;
	v[l->n++] = *n;
	*n = (struct network){};
	return 0;
}

static int list_file(const struct net_env *env, const char *file, struct network_list *l, struct error *err)
{
	size_t len = strlen(file);
	autofree char *name = NULL;
	auto_network n = {};
	struct error bad;

	if (!str_ends(file, ".json") || len == strlen(".json") || file[0] == '.')
		return 0;
	name = strndup(file, len - strlen(".json"));
	if (!name)
		return fail_oom(err);
	int r = load(env->config_dir, name, &n, &bad);
	if (r < 0)
		log_warn(env->log, "Error reading network config file: %s", bad.text);
	return r > 0 ? list_take(l, &n, err) : 0;
}

int network_list(const struct net_env *env, struct network_list *ret, struct error *err)
{
	auto_network_list l = {};
	DIR *d = opendir(env->config_dir);
	bool has_default = false;
	int r = 0;

	if (!d && errno != ENOENT)
		return fail_errno(err, "open %s", env->config_dir);
	for (struct dirent *e = d ? readdir(d) : NULL; e && r >= 0; e = readdir(d))
		r = list_file(env, e->d_name, &l, err);
	if (d)
		closedir(d);
	for (size_t i = 0; i < l.n; i++)
		has_default |= streq(l.v[i].name, network_default_name(env));
	if (r >= 0 && !has_default) {
		auto_network n = {};
		TRY(make_default(env, &n, err));
		r = list_take(&l, &n, err);
	}
	if (r < 0)
		return -1;
	qsort(l.v, l.n, sizeof(*l.v), by_name);
	*ret = l;
	l = (struct network_list){};
	return 0;
}

static int find_by_id(const struct net_env *env, const char *id, struct network *ret, struct error *err)
{
	auto_network_list l = {};
	struct network *found = NULL;

	if (strspn(id, "0123456789abcdef") != strlen(id))
		return 0;
	TRY(network_list(env, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		if (!str_after(l.v[i].id, id))
			continue;
		if (found)
			return fail(err, ERROR_INVALID, "more than one result for network ID %s: network already exists", id);
		found = &l.v[i];
	}
	if (!found)
		return 0;
	*ret = *found;
	*found = (struct network){};
	return 1;
}

int network_find(const struct net_env *env, const char *name_or_id, struct network *ret, struct error *err)
{
	int r;

	if (!network_name_is_valid(name_or_id))
		return 0;
	r = load(env->config_dir, name_or_id, ret, err);
	if (r == 0 && streq(name_or_id, network_default_name(env)))
		r = make_default(env, ret, err);
	return r ? r : find_by_id(env, name_or_id, ret, err);
}

int network_get(const struct net_env *env, const char *name_or_id, struct network *ret, struct error *err)
{
	int r = network_find(env, name_or_id, ret, err);

	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "unable to find network with name or ID %s: network not found", name_or_id);
	return r < 0 ? -1 : 0;
}

/* ---- saving and removing ---- */
int network_save(const struct net_env *env, const struct network *n, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(NETWORK_FILE_MAX);
	autofree char *name = NULL;
	autoclose int dir = file_open_dir(AT_FDCWD, env->config_dir, true, 0755, err);

	if (dir < 0)
		return fail_wrap(err, "network directory %s", env->config_dir);
	TRY(fields_save(network_rows, FIELD_COLUMN_JSON, n, &tree, err));
	json_write(&text, tree, &(struct json_style){ .indent = 5 });
	buf_add_char(&text, '\n');
	TRY(buf_ok(&text, "network definition", err));
	TRY(str_printf(&name, err, "%s.json", n->name));
	return file_replace(dir, name, text.data, text.len, 0644, env->no_sync ? 0 : FILE_SYNC, err);
}

int network_lock(const struct net_env *env, struct lock *ret, struct error *err)
{
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_NETWORK, .timeout_ns = -1 };
	autoclose int dir = file_open_dir(AT_FDCWD, env->config_dir, true, 0755, err);

	if (dir < 0)
		return fail_wrap(err, "network directory %s", env->config_dir);
	/* the name Podman locks as well */
	return lock_acquire(dir, "netavark.lock", how, ret, err) < 0 ? -1 : 0;
}

bool network_is_default(const struct net_env *env, const struct network *n)
{
	return streq(n->name, network_default_name(env));
}

int network_remove(const struct net_env *env, const struct network *n, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	autofree char *path = NULL;

	if (network_is_default(env, n))
		return fail(err, ERROR_INVALID, "default network %s cannot be removed", n->name);
	TRY(network_lock(env, &lock, err));
	TRY(str_printf(&path, err, "%s/%s.json", env->config_dir, n->name));
	if (unlink(path) < 0)
		return errno == ENOENT ? fail(err, ERROR_NOT_FOUND, "unable to find network with name or ID %s: network not found",
					      n->name) : fail_errno(err, "remove %s", path);
	return env->no_sync ? 0 : file_sync_dir(AT_FDCWD, env->config_dir, err);
}

static bool is_among(const struct strv *l, const char *s)
{
	return l && strv_has(l, s);
}

int network_update_dns(const struct net_env *env, struct network *n, const struct strv *add, const struct strv *drop,
		       struct error *err)
{
	const struct { const struct strv *l; const char *what; } both[] = { { add, "AddDNSServer" }, { drop, "RemoveDNSServer" } };
	auto_lock lock = LOCK_INIT;
	auto_strv now = {};
	struct ip ignored;

	for (size_t k = 0; k < ARRAY_LEN(both); k++)
		for (size_t i = 0; both[k].l && i < both[k].l->n; i++)
			if (!ip_parse(both[k].l->v[i], &ignored))
				return fail(err, ERROR_INVALID, "unable to parse ip %s specified in %s: invalid argument",
					    both[k].l->v[i], both[k].what);
	if (!n->dns_enabled)
		return fail(err, ERROR_INVALID, "cannot set Network DNS Servers for a network with DNS disabled: invalid argument");
	TRY(network_lock(env, &lock, err));
	for (size_t i = 0; i < n->dns_servers.n; i++)
		if (!is_among(drop, n->dns_servers.v[i]))
			TRY(strv_add(&now, n->dns_servers.v[i], err));
	for (size_t i = 0; add && i < add->n; i++)
		if (!strv_has(&now, add->v[i]))
			TRY(strv_add(&now, add->v[i], err));
	strv_done(&n->dns_servers);
	n->dns_servers = now;
	now = (struct strv){};
	return network_save(env, n, err);
}

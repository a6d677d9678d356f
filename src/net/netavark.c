/* SPDX-License-Identifier: Apache-2.0 */
#include "net/netavark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "net/network-impl.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/spawn.h"

#define MINUTE_NS INT64_C(60000000000)
enum { ANSWER_MAX = 1 << 20, NETNS_AT = 3 };

/* ---- the namespace ---- */
static int netns_path(const struct net_env *env, const char *id, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/netavark/%s", env->run_dir, id);
}

static int keep_netns(const struct net_env *env, const char *id, int netns_fd, struct error *err)
{
	autofree char *dir = NULL, *path = NULL;
	char from[48];

	TRY(str_printf(&dir, err, "%s/netavark", env->run_dir));
	TRY(netns_path(env, id, &path, err));
	autoclose int made = file_open_dir(AT_FDCWD, dir, true, 0700, err);
	if (made < 0)
		return -1;
	autoclose int file = openat(made, id, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return fail_errno(err, "create %s", path);
	struct error absent;
	autoclose int there = ns_open_path(path, NS_NET, &absent);
	if (there >= 0)
		return 0;
	snprintf(from, sizeof(from), "/proc/self/fd/%d", netns_fd);
	return mount(from, path, NULL, MS_BIND, NULL) < 0 ? fail_errno(err, "keep the network namespace of container %s", id) : 0;
}

int netavark_netns(const struct net_env *env, const char *id, struct error *err)
{
	autofree char *path = NULL;

	TRY(netns_path(env, id, &path, err));
	return ns_open_path(path, NS_NET, err);
}

static int let_go(const struct net_env *env, const char *id, struct error *err)
{
	autofree char *path = NULL;

	TRY(netns_path(env, id, &path, err));
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);   /* not mounted: fine */
	return unlink(path) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", path) : 0;
}

/* ---- what it is told ---- */
static int add_new(struct json_object *to, const char *key, struct json_object *value, struct json_object **ret, struct error *err)
{
	*ret = value;
	return json_add(to, key, value, err);
}

static int add_strings(struct json_object *to, const char *key, const struct strv *v, struct error *err)
{
	struct json_object *list;

	TRY(add_new(to, key, json_object_new_array(), &list, err));
	for (size_t i = 0; i < v->n; i++)
		if (json_object_array_add(list, json_object_new_string(v->v[i])) < 0)
			return fail_oom(err);
	return 0;
}

static int add_ports(struct json_object *to, const struct list *ports, struct error *err)
{
	const struct net_port *p = ports->v;
	struct json_object *list;

	TRY(add_new(to, "port_mappings", json_object_new_array(), &list, err));
	for (size_t i = 0; i < ports->n; i++) {
		struct json_object *o = json_object_new_object();
		if (!o || json_object_array_add(list, o) < 0)
			return fail_oom(err);
		TRY(json_add_str(o, "host_ip", p[i].host_ip ? p[i].host_ip : "", err));
		TRY(json_add_str(o, "protocol", p[i].protocol, err));
		TRY(json_add(o, "host_port", json_object_new_int64(p[i].host_port), err));
		TRY(json_add(o, "container_port", json_object_new_int64(p[i].container_port), err));
		TRY(json_add(o, "range", json_object_new_int64(p[i].range > 0 ? p[i].range : 1), err));
	}
	return 0;
}

static int list_addresses(const struct net_attachment *a, struct strv *ret, struct error *err)
{
	const struct net_address *x = a->addresses.v;

	for (size_t i = 0; i < a->addresses.n; i++)
		TRY(strv_addf(ret, err, "%.*s", (int)strcspn(x[i].net, "/"), x[i].net));
	return 0;
}

static int add_attachment(struct json_object *to, const struct net_attachment *a, struct error *err)
{
	struct json_object *o, *options;
	auto_strv addresses = {};

	TRY(add_new(to, a->network, json_object_new_object(), &o, err));
	TRY(list_addresses(a, &addresses, err));
	TRY(json_add_str(o, "interface_name", a->ifname, err));
	TRY(json_add_str(o, "static_mac", a->mac, err));
	TRY(add_strings(o, "static_ips", &addresses, err));
	TRY(add_strings(o, "aliases", &a->aliases, err));
	TRY(add_new(o, "options", json_object_new_object(), &options, err));
	for (size_t i = 0; i < a->options.n; i++)
		TRY(json_add_str(options, a->options.v[i].key, a->options.v[i].value, err));
	return 0;
}

static int add_definition(const struct net_env *env, struct json_object *to, const struct net_attachment *a, struct error *err)
{
	struct json_object *o = NULL;
	auto_network n = {};

	TRY(network_get(env, a->network, &n, err));
	TRY(fields_save(network_rows, FIELD_COLUMN_JSON, &n, &o, err));
	return json_add(to, a->network, o, err);
}

static int make_request(const struct net_env *env, const struct netavark_job *job, struct buf *to, struct error *err)
{
	const struct net_attachment *a = job->status->attachments.v;
	auto_json *root = json_object_new_object();
	struct json_object *networks, *definitions;

	if (!root)
		return fail_oom(err);
	TRY(json_add_str(root, "container_id", job->id, err));
	TRY(json_add_str(root, "container_name", job->status->name ? job->status->name : job->id, err));
	TRY(add_ports(root, &job->status->ports, err));
	TRY(add_new(root, "networks", json_object_new_object(), &networks, err));
	TRY(add_new(root, "network_info", json_object_new_object(), &definitions, err));
	for (size_t i = job->first; i < job->first + job->n; i++) {
		TRY(add_attachment(networks, &a[i], err));
		TRY(add_definition(env, definitions, &a[i], err));
	}
	json_format(to, root, 0);
	return buf_ok(to, "request for netavark", err);
}

/* ---- running it ---- */
static int make_words(const struct net_env *env, const char *program, struct strv *ret, struct error *err)
{
	const char *slash = strrchr(program, '/');
	autofree char *aardvark = NULL;

	TRY(str_printf(&aardvark, err, "%.*s/aardvark-dns", slash ? (int)(slash - program) : 0, program));
	TRY(strv_add(ret, "netavark", err));
	TRY(strv_add(ret, "--config", err));
	TRY(strv_add(ret, env->run_dir, err));
	TRY(strv_add(ret, "--rootless=false", err));
	return strv_addf(ret, err, "--aardvark-binary=%s", access(aardvark, X_OK) == 0 ? aardvark : "");
}

static int make_environment(const struct net_env *env, struct strv *ret, struct error *err)
{
	const char *path = getenv("PATH");

	TRY(strv_addf(ret, err, "PATH=%s:/usr/sbin:/sbin", str_empty(path) ? "/usr/bin:/bin" : path));
	if (env->conf->dns_bind_port)
		TRY(strv_addf(ret, err, "NETAVARK_DNS_PORT=%llu", (unsigned long long)env->conf->dns_bind_port));
	return str_empty(env->conf->firewall_driver) ? 0 : strv_addf(ret, err, "NETAVARK_FW=%s", env->conf->firewall_driver);
}

/* It says {"error": "..."} on stdout. */
static int explain(const struct buf *out, int status, struct error *err)
{
	auto_json *o = NULL;
	struct error ignored;
	const char *words = NULL;

	if (out->len && json_parse("netavark", out->data, out->len, NULL, &o, &ignored) >= 0)
		words = json_get_str(o, "error");
	if (words)
		return fail(err, ERROR_NOT_EXECUTABLE, "netavark: %s", words);
	return fail(err, ERROR_NOT_EXECUTABLE, "netavark failed with exit code %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

struct call {
	const char *program, *verb, *argument;
	const char *const *more;          /* further words, NULL-terminated; NULL: none */
	int netns_fd;                     /* -1: none */
	const struct buf *input;
};

static int run(const struct net_env *env, const struct call *c, struct buf *out, struct error *err)
{
	auto_buf said = BUF_INIT(ANSWER_MAX);
	auto_strv argv = {}, environment = {};
	struct spawn s = SPAWN_INIT;
	const struct spawn_fd fd = { c->netns_fd, NETNS_AT };
	const struct spawn_io io = { .input = c->input ? c->input->data : NULL, .input_len = c->input ? c->input->len : 0,
				     .out = out, .errout = &said, .timeout_ns = MINUTE_NS };
	int status;

	TRY(make_words(env, c->program, &argv, err));
	TRY(make_environment(env, &environment, err));
	TRY(strv_add(&argv, c->verb, err));
	TRY(strv_add(&argv, c->argument, err));
	for (const char *const *w = c->more; w && *w; w++)
		TRY(strv_add(&argv, *w, err));
	s.path = c->program;
	s.argv = argv.v;
	s.envp = environment.v;
	s.fds = &fd;
	s.n_fds = c->netns_fd >= 0;
	if (spawn_run(&s, &io, &status, err) < 0)
		return fail_wrap(err, "%s", c->program);
	if (said.len)
		log_debug(env->log, "netavark: %.*s", (int)said.len, said.data);
	return status ? explain(out, status, err) : 0;
}

/* ---- what it answers ---- */
/* Addresses that are not ours to give. */
static int take_addresses(struct json_object *interface, struct net_attachment *a, struct error *err)
{
	struct json_object *subnets = json_get_array(interface, "subnets");

	for (size_t i = 0; subnets && i < json_object_array_length(subnets) && i < NETWORK_SUBNETS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(subnets, i);
		const char *net = json_get_str(o, "ipnet"), *gateway = json_get_str(o, "gateway");
		struct ip_net checked;
		if (!net || !ip_net_parse(net, &checked))
			continue;
		struct net_address *x = list_add(&a->addresses, sizeof(*x), err);
		if (!x)
			return -1;
		TRY(str_set(&x->net, net, err));
		TRY(str_set(&x->gateway, gateway, err));
	}
	return 0;
}

static int take_answer(const struct netavark_job *job, const struct buf *out, struct net_status *ret, struct error *err)
{
	struct net_attachment *a = ret->attachments.v;
	auto_json *o = NULL;

	TRY(json_parse("netavark's answer", out->data ? out->data : "", out->len, NULL, &o, err));
	for (size_t i = job->first; i < job->first + job->n; i++) {
		struct json_object *network = json_get_object(o, a[i].network);
		struct json_object *interfaces = network ? json_get_object(network, "interfaces") : NULL;
		struct json_object *interface = interfaces ? json_get_object(interfaces, a[i].ifname) : NULL;
		if (!interface)
			return fail(err, ERROR_RUNTIME, "netavark did not set up network %s", a[i].network);
		if (!a[i].addresses.n)
			TRY(take_addresses(interface, &a[i], err));
	}
	return 0;
}

/* ---- from outside ---- */
int netavark_setup(const struct net_env *env, const struct netavark_job *job, int netns_fd, struct net_status *ret, struct error *err)
{
	auto_buf request = BUF_INIT(ANSWER_MAX), answer = BUF_INIT(ANSWER_MAX);
	const struct call c = { .program = job->status->netavark, .verb = "setup", .argument = "/proc/self/fd/3",
				.netns_fd = netns_fd, .input = &request };

	TRY(make_request(env, job, &request, err));
	TRY(keep_netns(env, job->id, netns_fd, err));
	TRY(run(env, &c, &answer, err));
	return ret ? take_answer(job, &answer, ret, err) : 0;
}

int netavark_teardown(const struct net_env *env, const struct netavark_job *job, bool last, struct error *err)
{
	auto_buf request = BUF_INIT(ANSWER_MAX), answer = BUF_INIT(ANSWER_MAX);
	struct error absent;
	autoclose int netns = netavark_netns(env, job->id, &absent);
	int r = 0;
	if (netns >= 0) {
		const struct call c = { .program = job->status->netavark, .verb = "teardown", .argument = "/proc/self/fd/3",
					.netns_fd = netns, .input = &request };
		r = make_request(env, job, &request, err) < 0 ? -1 : run(env, &c, &answer, err);
	}
	return last && let_go(env, job->id, r < 0 ? &absent : err) < 0 ? -1 : r;
}

int netavark_update_dns(const struct net_env *env, const struct network *n, struct error *err)
{
	auto_buf answer = BUF_INIT(ANSWER_MAX);
	autofree char *servers = strv_join(&n->dns_servers, ",");
	const char *const words[] = { "--network-dns-servers", servers ? servers : "", NULL };
	const struct call c = { .program = env->netavark, .verb = "update", .argument = n->name, .more = words, .netns_fd = -1 };

	return run(env, &c, &answer, err);
}

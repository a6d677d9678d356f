/* SPDX-License-Identifier: Apache-2.0
 * A container's networks around its start and end. */
#include "engine/network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/helpers.h"
#include "engine/container-impl.h"
#include "engine/files.h"
#include "os/file.h"
#include "os/ns.h"
#include "store/store.h"

/* ---- where ---- */
void network_place_done(struct network_place *p)
{
	free(p->config_dir);
	free(p->run_dir);
	free(p->pasta);
	free(p->netavark);
	free(p->netns_dir);
	close_p(&p->netns_fd);
	*p = (struct network_place)NETWORK_PLACE_INIT;
}

/* A user's definitions lie below the root in force. */
static int config_dir(const struct engine *e, char **ret, struct error *err)
{
	const char *asked = e->opt.network_config_dir, *conf = e->conf.network.network_config_dir;
	const char *rest = conf ? str_after(conf, e->paths.store_root) : NULL;

	if (asked)
		return str_set(ret, asked, err);
	if (e->paths.rootless && rest && streq(rest, "/networks"))
		return str_printf(ret, err, "%s/networks", e->root);
	return str_set(ret, str_empty(conf) ? "/etc/containers/networks" : conf, err);
}

/* Being started counts as well: its intent is locked (net/lease.c). */
static int is_alive(void *arg, const char *id, struct error *err)
{
	struct container_status st = {};
	struct store *s;

	TRY(engine_store(arg, &s, err));
	int r = store_container_status(s, id, &st, err);
	bool alive = r > 0 && (CONTAINER_STATE_BIT(st.state) & (CONTAINER_STATE_ALIVE | CONTAINER_STATE_BIT(CONTAINER_STOPPED)));
	container_status_done(&st);
	return r < 0 ? -1 : alive;
}

static int reload_command(void *arg, const char *id, struct strv *ret, struct error *err)
{
	TRY(engine_own_command(arg, ret, err));
	TRY(strv_add(ret, "network", err));
	TRY(strv_add(ret, "reload", err));
	return strv_add(ret, id, err);
}

/* A run root that outlived a reboot: leases of that time mean nothing. */
static void forget_old_boots(const struct engine *e, const char *epoch)
{
	DIR *d = opendir(e->runroot);
	struct error ignored;

	for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d)) {
		const char *word = str_after(x->d_name, "networks-");
		if (word && !streq(word, epoch))
			file_remove_tree(dirfd(d), x->d_name, &ignored);
	}
	if (d)
		closedir(d);
}

/* containers.conf `netavark`: a path, or a name in helper_binaries_dir. `need`: for a start. */
static int find_netavark(const struct engine *e, bool need, struct network_place *p, struct error *err)
{
	const char *name = e->conf.network.netavark, *backend = e->conf.network.network_backend;
	struct error absent;

	if (need && !str_empty(backend) && !streq(backend, "netavark"))
		return fail(err, ERROR_INVALID, "containers.conf: network_backend = \"%s\": unsupported network backend: only netavark, "
						"whose definitions ours are", backend);
	if (str_empty(name) || p->netavark || e->paths.rootless)
		return 0;
	if (helper_find_foreign(name, &e->conf.engine.helper_binaries_dir, false, &p->netavark, &absent) < 0)
		return need ? fail(err, ERROR_NOT_FOUND, "containers.conf: netavark = \"%s\": %s", name, absent.text) : 0;
	p->env.netavark = p->netavark;
	return 0;
}

int network_place(struct engine *e, bool host, struct network_place *ret, struct error *err)
{
	struct store *s;
	char epoch[32];

	TRY(engine_of_containers(e, &e, err));
	TRY(engine_store(e, &s, err));
	TRY(config_dir(e, &ret->config_dir, err));
	store_epoch(s, epoch);
	TRY(str_printf(&ret->run_dir, err, "%s/networks-%s", e->runroot, epoch));
	if (store_was_recovered(s))
		forget_old_boots(e, epoch);
	ret->env = (struct net_env){
		.config_dir = ret->config_dir, .run_dir = ret->run_dir, .host_netns = -1, .rootless = e->paths.rootless,
		.no_sync = !store_is_syncing(s), .conf = &e->conf.network, .log = e->log, .alive = is_alive, .alive_arg = e,
		.reload_command = reload_command,
	};
	if (!e->paths.rootless)
		return find_netavark(e, false, ret, err);
	if (!host)
		return 0;
	TRY(network_user_place(e, false, ret, err));
	return network_user_find(ret, err);
}

/* ---- a start ---- */
void ctr_net_done(struct ctr_net *n)
{
	port_sockets_done(&n->sockets);
	net_status_done(&n->status);
	lock_release(&n->intent);
	network_place_done(&n->place);
	*n = (struct ctr_net)CTR_NET_INIT;
}

static int copy_ports(const struct list *from, struct list *to, struct error *err)
{
	const struct param_port *p = from->v;

	for (size_t i = 0; i < from->n; i++) {
		struct net_port *x = list_add(to, sizeof(*x), err);
		if (!x)
			return -1;
		*x = (struct net_port){ .host_port = p[i].host_port, .container_port = p[i].container_port, .range = p[i].range };
		TRY(str_set(&x->host_ip, p[i].host_ip, err));
		TRY(str_set(&x->protocol, p[i].protocol, err));
	}
	return 0;
}

/* Nobody needs pasta to be told that a network is none. */
static int open_user_net(struct ctr *c, struct ctr_net *n, const struct net_job *job, struct error *err)
{
	if (!str_empty(c->engine->conf.network.netavark))
		log_warn(c->engine->log, "containers.conf: netavark is for root's networks only, a user's are made without");
	TRY(net_check(&n->place.env, job, err));
	TRY(network_user_place(c->engine, true, &n->place, err));
	return network_user_open(&n->place, c->id, err);
}

static int plan_job(struct ctr *c, struct ctr_net *n, const struct net_job *job, struct error *err)
{
	struct error ignored;
	bool user = c->engine->paths.rootless;

	if (user)
		TRY(open_user_net(c, n, job, err));
	if (!user && c->engine->conf.engine.enable_port_reservation)
		TRY(port_sockets_open(&c->params.net.ports, &n->sockets, err));
	int r = net_plan(&n->place.env, job, &n->intent, &n->status, err);
	if (r >= 0 && user)
		r = network_user_host(&n->place, &n->status, err);
	n->planned = r >= 0;
	if (r < 0 && user)
		network_user_leave(&n->place, c->id, &ignored);
	return r < 0 ? -1 : 1;
}

static int plan_bridge(struct ctr *c, struct ctr_net *n, struct error *err)
{
	CLEANUP(network_requests_done) struct list requests = {};
	struct net_status ports = {};
	struct net_job job = { .id = c->id, .name = c->at.record.name };

	TRY(network_place(c->engine, true, &n->place, err));
	TRY(net_sweep(&n->place.env, err));
	TRY(find_netavark(c->engine, true, &n->place, err));
	TRY(network_requests(&c->params, c->id, &requests, err));
	int r = copy_ports(&c->params.net.ports, &ports.ports, err);
	job.requests = requests.v;
	job.n_requests = requests.n;
	job.ports = ports.ports.v;
	job.n_ports = ports.ports.n;
	if (r >= 0)
		r = plan_job(c, n, &job, err);
	net_status_done(&ports);
	return r;
}

/* Addresses are pasta's to decide: known when it runs. */
static int plan_pasta(struct ctr *c, struct ctr_net *n, struct error *err)
{
	TRY(network_place(c->engine, false, &n->place, err));
	TRY(str_set(&n->status.mode, "pasta", err));
	n->planned = true;
	return copy_ports(&c->params.net.ports, &n->status.ports, err) < 0 ? -1 : 1;
}

int ctr_net_plan(struct ctr *c, struct ctr_net *ret, struct error *err)
{
	TRY(ctr_load(c, err));
	if (c->params.ns.net.mode == NS_PASTA)
		return plan_pasta(c, ret, err);
	return c->params.ns.net.mode == NS_BRIDGE && c->params.net.networks.n ? plan_bridge(c, ret, err) : 0;
}

/* Descriptor of the container's namespace; never our own by mistake. */
static int open_netns(const struct ctr_net_end *end, struct error *err)
{
	autoclose int own = ns_open(0, NS_NET, err), theirs = -1;

	if (own < 0)
		return -1;
	theirs = end->netns_fd >= 0 ? fcntl(end->netns_fd, F_DUPFD_CLOEXEC, 3) : ns_open(end->pid, NS_NET, err);
	if (theirs < 0)
		return end->netns_fd >= 0 ? fail_errno(err, "network namespace of the container") : -1;
	if (ns_same(own, theirs))
		return fail(err, ERROR_RUNTIME, "process %d has no network namespace of its own", (int)end->pid);
	return take_fd(theirs);
}

static bool is_pasta(const struct net_status *s)
{
	return streq0(s->mode, "pasta");
}

static int apply_pasta(struct ctr *c, struct ctr_net *n, pid_t pid, int netns, struct error *err)
{
	int r = network_user_connect(c, &n->place, pid, netns, &n->status, err);

	return r <= 0 ? r : files_update(c, &n->status, err);
}

static int apply_bridge(struct ctr *c, struct ctr_net *n, pid_t pid, int netns, struct error *err)
{
	int missing = net_apply(&n->place.env, c->id, &n->status, netns, err);
	if (missing < 0)
		return -1;
	if (n->status.netavark || network_has_leases(&n->status))   /* addresses that were not known to the child */
		TRY(files_update(c, &n->status, err));
	if (n->status.netavark)
		return 0;
	if (missing && !n->place.env.rootless)
		networks_restore(c->engine, &n->place, c->id);
	TRY(network_names_add(c, &n->place, &n->status, err));
	return c->engine->paths.rootless ? network_user_publish(&n->place, pid, netns, &n->status, err) : 0;
}

/* Everything is tried, the first failure is told. */
static int take_away(struct network_place *p, const char *id, const struct net_status *s, struct error *err)
{
	struct error now, all = {};
	bool bridge = !is_pasta(s), rootless = p->env.rootless;

	if (rootless && network_user_stop(p, s, &now) < 0)
		all = now;
	if (bridge && net_teardown(&p->env, id, s, -1, &now) < 0 && !all.kind)
		all = now;
	if (bridge && rootless && network_user_leave(p, id, &now) < 0 && !all.kind)
		all = now;
	if (!all.kind)
		return 0;
	*err = all;
	return -1;
}

/* The name that scripts expect of a namespace ("NetworkSettings.SandboxKey"): <run dir>/netns/netns-ID, which leads there.
 * Only a convenience: a failure is none. */
static void name_netns(const struct ctr *c, pid_t pid)
{
	char to[48], name[96];
	struct error ignored;
	autoclose int dir = ctr_open_run_dir(c, &ignored);

	if (dir < 0)
		return;
	snprintf(to, sizeof(to), "/proc/%d/ns/net", (int)pid);
	snprintf(name, sizeof(name), "netns/netns-%.12s", c->id);
	mkdirat(dir, "netns", 0700);
	unlinkat(dir, name, 0);
	(void)!symlinkat(to, dir, name);
}

int ctr_net_apply(struct ctr *c, struct ctr_net *n, const struct ctr_net_end *end, struct error *err)
{
	pid_t pid = end->pid;

	if (!n->planned)
		return 0;
	autoclose int netns = open_netns(end, err);
	int r = netns < 0 ? -1 : is_pasta(&n->status) ? apply_pasta(c, n, pid, netns, err) : apply_bridge(c, n, pid, netns, err);
	if (r < 0)
		ctr_net_abort(c, n);
	else
		name_netns(c, pid);
	return r;
}

void ctr_net_abort(struct ctr *c, struct ctr_net *n)
{
	struct error failed;

	if (!n->planned)
		return;
	n->planned = false;
	if (take_away(&n->place, c->id, &n->status, &failed) < 0)
		log_warn(c->engine->log, "network of container %s: %s", c->id, failed.text);
	if (n->intent.fd >= 0)
		net_commit(&n->place.env, c->id, &n->intent);
}

void ctr_net_commit(struct ctr *c, struct ctr_net *n)
{
	if (n->planned && n->intent.fd >= 0)
		net_commit(&n->place.env, c->id, &n->intent);
	n->planned = false;
	/* the monitor has them now */
	port_sockets_done(&n->sockets);
}

int ctr_net_teardown(struct ctr *c, const struct net_status *s, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;

	if (!s)
		return 0;
	TRY(network_place(c->engine, !is_pasta(s), &place, err));
	if (c->engine->paths.rootless)
		TRY(network_user_place(c->engine, false, &place, err));
	return take_away(&place, c->id, s, err);
}

/* ---- files ---- */
void network_hosts(const struct net_status *s, const char *names, struct buf *to)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++) {
		const struct net_address *x = a[i].addresses.v;
		/* pasta's: the first is enough, as in Podman */
		size_t n = is_pasta(s) && a[i].addresses.n > 1 ? 1 : a[i].addresses.n;
		for (size_t k = 0; k < n; k++)
			buf_addf(to, "%.*s\t%s\n", (int)strcspn(x[k].net, "/"), x[k].net, names);
	}
}

static const char *gateway(const struct net_status *s, uint8_t family)
{
	const struct net_attachment *a = s->attachments.v;
	struct ip ip;

	for (size_t i = 0; i < s->attachments.n; i++) {
		const struct net_address *x = a[i].addresses.v;
		for (size_t k = 0; k < a[i].addresses.n && streq0(a[i].driver, "bridge"); k++)
			if (x[k].gateway && ip_parse(x[k].gateway, &ip) && ip.family == family)
				return x[k].gateway;
	}
	return NULL;
}

const char *network_host_address(const struct engine *e, const struct container_params *p, const struct net_status *s)
{
	const char *conf = e->conf.containers.host_containers_internal_ip;
	const char *found = NULL;

	if (!str_empty(conf))
		return streq(conf, "none") ? NULL : conf;
	if (p->ns.net.mode == NS_HOST)
		return "127.0.0.1";
	if (s && s->host_address)
		return s->host_address;
	if (e->paths.rootless)   /* the gateway is in the user's namespace */
		return NULL;
	if (s)
		found = gateway(s, AF_INET);
	return found || !s ? found : gateway(s, AF_INET6);
}

bool network_has_leases(const struct net_status *s)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++)
		if (a[i].dhcp)
			return true;
	return false;
}

bool network_has_only_leases(const struct net_status *s)
{
	const struct net_attachment *a = s ? s->attachments.v : NULL;

	for (size_t i = 0; a && i < s->attachments.n; i++)
		if (!a[i].dhcp)
			return false;
	return a != NULL;
}

int network_search(const struct net_status *s, struct strv *ret, struct error *err)
{
	const struct net_attachment *a = s ? s->attachments.v : NULL;

	for (size_t i = 0; a && i < s->attachments.n; i++) {
		if (a[i].dns_enabled && a[i].dns_servers.n && !strv_has(ret, "dns.podman"))
			TRY(strv_add(ret, "dns.podman", err));
		for (size_t k = 0; k < a[i].dns_search.n; k++)
			if (!strv_has(ret, a[i].dns_search.v[k]))
				TRY(strv_add(ret, a[i].dns_search.v[k], err));
	}
	return 0;
}

int network_nameservers(const struct net_status *s, struct strv *ret, struct error *err)
{
	const struct net_attachment *a = s ? s->attachments.v : NULL;

	for (size_t i = 0; a && i < s->attachments.n; i++)
		for (size_t k = 0; k < a[i].dns_servers.n; k++)
			if (!strv_has(ret, a[i].dns_servers.v[k]))
				TRY(strv_add(ret, a[i].dns_servers.v[k], err));
	return 0;
}

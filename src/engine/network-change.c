/* SPDX-License-Identifier: Apache-2.0
 * Networks of containers that exist: who uses which, connect, disconnect, reload. What a connect adds is recorded first
 * and made then; what cannot be made is taken out of the record again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/container-impl.h"
#include "engine/event.h"
#include "engine/hosts.h"
#include "engine/network.h"
#include "net/dhcp.h"
#include "net/dns.h"
#include "net/firewall.h"
#include "os/file.h"
#include "os/ns.h"

/* ---- users ---- */
static bool uses(const struct ctr *c, const char *name)
{
	const struct strv *words = &c->params.net.networks;

	for (size_t i = 0; c->params.ns.net.mode == NS_BRIDGE && i < words->n; i++) {
		const char *rest = str_after(words->v[i], name);
		if (rest && (!*rest || *rest == ':'))
			return true;
	}
	return false;
}

int network_users(struct engine *e, const char *name, struct strv *ret, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		struct error gone = {};
		if (ctr_load(all.v[i], &gone) < 0)
			continue;
		if (uses(all.v[i], name))
			TRY(strv_add(ret, all.v[i]->id, err));
	}
	return 0;
}

/* ---- records ---- */
/* `runtime`: the live record's text, taken if the container has a process then (1; else 0). */
static int save_params(struct ctr *c, const char *runtime, struct error *err)
{
	autofree char *params = NULL;
	auto_json *list = NULL;
	auto_buf text = BUF_INIT(1 << 16);
	struct store *s;

	list = json_object_new_array();
	if (!list)
		return fail_oom(err);
	for (size_t i = 0; i < c->params.net.networks.n; i++) {
		const char *w = c->params.net.networks.v[i];
		if (json_object_array_add(list, json_object_new_string_len(w, (int)strcspn(w, ":"))) < 0)
			return fail_oom(err);
	}
	json_format(&text, list, 0);
	TRY(buf_ok(&text, "networks", err));
	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_format_record(c, &params, err));
	TRY(str_set(&c->at.record.params, params, err));
	TRY(str_set(&c->at.record.networks, text.data, err));
	return store_container_save(s, &c->at.record, runtime, err);
}

static int save_both(struct ctr *c, const struct ctr_live *live, struct error *err)
{
	autofree char *text = NULL;

	TRY(ctr_live_format(live, &text, err));
	return save_params(c, text, err);
}

static int save_status(struct ctr *c, const struct ctr_live *live, struct error *err)
{
	struct container_change change = { .expected = CONTAINER_STATE_ALIVE, .set = CONTAINER_SET_RUNTIME };
	autofree char *text = NULL;

	TRY(ctr_live_format(live, &text, err));
	change.to.runtime = text;
	int r = ctr_change(c, &change, err);
	if (r == 0)
		return fail(err, ERROR_STATE, "container %s ended meanwhile: container state improper", c->id);
	return r < 0 ? -1 : 0;
}

/* ---- /etc/hosts and resolv.conf of a running container: in place, the mounts are of these files ---- */
static int rewrite(int dir, const char *name, const struct buf *text, struct error *err)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", name);
	return text->len ? file_write_all(fd, text->data, text->len, err) : 0;
}

static bool is_address_of(const void *attachment, const char *line)
{
	const struct net_attachment *a = attachment;
	const struct net_address *x = a->addresses.v;

	for (size_t i = 0; i < a->addresses.n; i++) {
		size_t len = strcspn(x[i].net, "/");
		if (strncmp(line, x[i].net, len) == 0 && (line[len] == '\t' || line[len] == ' '))
			return true;
	}
	return false;
}

static int change_hosts(struct ctr *c, int dir, const struct net_attachment *a, bool add, struct error *err)
{
	const struct net_status one = { .attachments = { (void *)(uintptr_t)a, 1 } };
	autofree char *names = NULL;
	auto_buf text = BUF_INIT(1 << 20);

	if (c->params.ns.hostname)
		TRY(str_printf(&names, err, "%s %s", c->params.ns.hostname, c->at.record.name));
	else
		TRY(str_printf(&names, err, "%.12s %s", c->id, c->at.record.name));
	if (add)
		network_hosts(&one, names, &text);
	TRY(buf_ok(&text, "hosts", err));
	return hosts_edit(dir, &(struct hosts_edit){ .drops = is_address_of, .arg = a, .add = text.len ? text.data : "" }, err);
}

static int change_resolv(int dir, const struct net_attachment *a, bool add, struct error *err)
{
	autofree char *old = NULL;
	auto_strv lines = {};
	auto_buf text = BUF_INIT(1 << 20);
	bool added = !add;

	if (!a->dns_servers.n || file_read(dir, "resolv.conf", 1 << 18, &old, NULL, err) <= 0)
		return 0;
	TRY(strv_split(&lines, old, '\n', err));
	for (size_t i = 0; i < lines.n; i++) {
		const char *server = str_after(lines.v[i], "nameserver ");
		if (!*lines.v[i] || (server && strv_has(&a->dns_servers, server)))
			continue;
		for (size_t k = 0; server && !added && k < a->dns_servers.n; k++)
			buf_addf(&text, "nameserver %s\n", a->dns_servers.v[k]);
		added |= server != NULL;
		buf_addf(&text, "%s\n", lines.v[i]);
	}
	for (size_t k = 0; !added && k < a->dns_servers.n; k++)
		buf_addf(&text, "nameserver %s\n", a->dns_servers.v[k]);
	TRY(buf_ok(&text, "resolv.conf", err));
	return rewrite(dir, "resolv.conf", &text, err);
}

/* ---- where the host is ---- */
static bool is_host_line(const void *arg, const char *line)
{
	const char *rest = strchr(line, '\t');

	(void)arg;
	return rest && streq(rest + 1, HOST_NAMES);
}

static int copy_host(const struct ctr *c, const struct net_status *s, char **ret, struct error *err)
{
	const char *host = network_host_address(c->engine, &c->params, s);

	return host ? str_set(ret, host, err) : 0;
}

/* The networks changed: the host may be at another address now than `before`. */
static int follow_host(struct ctr *c, const struct net_status *s, const char *before, struct error *err)
{
	const char *host = network_host_address(c->engine, &c->params, s);
	autofree char *line = NULL;

	if (streq(before ? before : "", host ? host : ""))
		return 0;
	if (host)
		TRY(str_printf(&line, err, "%s\t" HOST_NAMES "\n", host));
	autoclose int dir = ctr_open_run_dir(c, err);
	if (dir < 0)
		return -1;
	return hosts_edit(dir, &(struct hosts_edit){ .drops = is_host_line, .add = line ? line : "" }, err);
}

static int change_files(struct ctr *c, const struct net_attachment *a, bool add, struct error *err)
{
	autoclose int dir = ctr_open_run_dir(c, err);

	if (dir < 0)
		return -1;
	TRY(change_hosts(c, dir, a, add, err));
	return a->dhcp && c->params.net.dns.n ? 0 : change_resolv(dir, a, add, err);
}

/* ---- connect ---- */
static int check_mode(const struct ctr *c, struct error *err)
{
	if (c->params.ns.net.mode == NS_BRIDGE)
		return 0;
	return fail(err, ERROR_INVALID, "\"%s\" is not supported: invalid network mode", ns_mode_names[c->params.ns.net.mode]);
}

static void add_part(struct buf *to, const char *name, const char *value)
{
	if (value)
		buf_addf(to, "%c%s=%s", to->len && strchr(to->data, ':') ? ',' : ':', name, value);
}

/* The request as the word that --network would have been. */
static int format_word(const struct net_request *r, const char *network, char **ret, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 16);

	buf_add_str(&text, network);
	add_part(&text, "ip", r->ip);
	add_part(&text, "ip6", r->ip6);
	add_part(&text, "mac", r->mac);
	add_part(&text, "interface_name", r->interface_name);
	add_part(&text, "host_interface_name", r->host_interface_name);
	for (size_t i = 0; i < r->aliases.n; i++)
		add_part(&text, "alias", r->aliases.v[i]);
	for (size_t i = 0; i < r->options.n; i++)
		add_part(&text, r->options.v[i].key, r->options.v[i].value);
	TRY(buf_ok(&text, "network", err));
	*ret = buf_steal(&text);
	return 0;
}

static void tell(const struct ctr *c, enum event_status status, const char *network)
{
	engine_event(c->engine, &(struct event){ .type = EVENT_NETWORK, .status = status, .id = c->id, .network = network });
}

static int open_netns(const struct ctr *c, struct error *err)
{
	return ns_open(c->at.status.pid, NS_NET, err);
}

struct connecting {
	struct ctr *c;
	struct network_place place;
	struct net_join join;
	struct ctr_live live;
	char *host;                       /* where the host was before */
	char *saved;                      /* the live record that stands in the store */
	int netns;
};

static void connecting_done(struct connecting *x)
{
	network_place_done(&x->place);
	ctr_live_done(&x->live);
	free(x->host);
	free(x->saved);
	close_p(&x->netns);
}

static int open_connecting(struct connecting *x, struct error *err)
{
	struct ctr *c = x->c;

	TRY(network_place(c->engine, true, &x->place, err));
	if (c->engine->paths.rootless) {
		TRY(network_user_place(c->engine, true, &x->place, err));
		TRY(network_user_open(&x->place, c->id, err));
	}
	TRY(ctr_live(c, &x->live, err));
	if (!x->live.net && !(x->live.net = calloc(1, sizeof(*x->live.net))))
		return fail_oom(err);
	x->join.status = x->live.net;
	x->netns = open_netns(c, err);
	return x->netns < 0 ? -1 : copy_host(c, x->live.net, &x->host, err);
}

/* What follows the link: names, ports, files, the status. */
static int finish_connect(struct connecting *x, struct error *err)
{
	const char *network = x->join.network->name;
	struct net_attachment *a = net_status_find(x->live.net, network);
	struct net_status *s = x->live.net;
	struct net_dns_wait names = {};
	autofree char *now = NULL;
	struct ctr *c = x->c;

	if (!s->netavark)   /* else they are aardvark-dns' */
		TRY(network_name_add(c, &x->place, x->join.network, a, &names, err));
	if (c->engine->paths.rootless && s->attachments.n == 1)   /* its ports lead somewhere again */
		TRY(network_user_publish(&x->place, c->at.status.pid, x->netns, s, err));
	TRY(change_files(c, a, true, err));
	TRY(follow_host(c, s, x->host, err));
	TRY(ctr_live_format(&x->live, &now, err));
	if (!streq(now, x->saved))
		TRY(save_status(c, &x->live, err));
	return net_dns_wait(&x->place.env, network, &names, err);
}

/* So that the next try finds what this one found. */
static void undo_connect(struct connecting *x)
{
	const char *network = x->join.network->name;
	struct net_attachment *a = net_status_find(x->live.net, network);
	struct ctr *c = x->c;
	struct error ignored;

	if (a) {
		change_files(c, a, false, &ignored);
		net_disconnect(&x->place.env, c->id, network, x->live.net, x->netns, &ignored);
	}
	strv_remove(&c->params.net.networks, c->params.net.networks.n - 1);
	save_both(c, &x->live, &ignored);
}

/* Both records first, so that what is made behind them is found whoever is killed; then what they say. 0: it has ended
 * meanwhile, so there is nothing to make. */
static int record(struct connecting *x, struct error *err)
{
	CLEANUP(network_requests_done) struct list requests = {};

	/* as it is after the word became part of the params: with short id, host name and so on */
	TRY(network_requests(&x->c->params, x->c->id, &requests, err));
	const struct net_request *r = requests.v;
	TRY(net_connect_plan(&x->place.env, &x->join, &r[requests.n - 1], err));
	int alive = ctr_live_format(&x->live, &x->saved, err) < 0 ? -1 : save_params(x->c, x->saved, err);
	if (alive <= 0)
		net_connect_forget(&x->place.env, &x->join);
	return alive;
}

static int connect_running(struct ctr *c, const struct network *n, struct error *err)
{
	CLEANUP(connecting_done) struct connecting x = { .c = c, .place = NETWORK_PLACE_INIT, .join = { .id = c->id, .network = n },
							 .netns = -1 };

	TRY(open_connecting(&x, err));
	int alive = record(&x, err);
	if (alive <= 0)
		return alive;
	int missing = net_connect(&x.place.env, &x.join, x.netns, err);
	if (missing > 0 && !x.place.env.rootless)
		networks_restore(c->engine, &x.place, c->id);
	if (missing >= 0 && finish_connect(&x, err) == 0)
		return 0;
	undo_connect(&x);
	return -1;
}

int ctr_net_connect(struct ctr *c, const struct net_request *r, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	autofree char *word = NULL;
	auto_lock lock = LOCK_INIT;
	auto_network n = {};

	TRY(ctr_load(c, err));
	TRY(check_mode(c, err));
	TRY(network_place(c->engine, false, &place, err));
	TRY(network_get(&place.env, r->network, &n, err));
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_refresh(c, err));
	bool running = ctr_is_in(c, CONTAINER_STATE_ALIVE);
	if (uses(c, n.name))
		return running ? fail(err, ERROR_EXISTS, "container %s is already connected to network \"%s\": network is already connected",
				      c->id, n.name) : 0;
	TRY(format_word(r, n.name, &word, err));
	TRY(strv_add(&c->params.net.networks, word, err));
	TRY(running ? connect_running(c, &n, err) : save_params(c, NULL, err));
	tell(c, EVENT_CONNECT, n.name);
	return 0;
}

/* ---- disconnect ---- */
static int disconnect_running(struct ctr *c, const char *network, struct ctr_live *live, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	struct net_attachment *a;
	autofree char *host = NULL;

	TRY(network_place(c->engine, true, &place, err));
	TRY(ctr_live(c, live, err));
	a = live->net ? net_status_find(live->net, network) : NULL;
	if (!a)
		return 0;
	autoclose int netns = open_netns(c, err);
	if (netns < 0)
		return -1;
	TRY(copy_host(c, live->net, &host, err));
	TRY(change_files(c, a, false, err));
	TRY(net_disconnect(&place.env, c->id, network, live->net, netns, err));
	TRY(follow_host(c, live->net, host, err));
	if (c->engine->paths.rootless && !live->net->attachments.n)
		TRY(network_user_stop(&place, live->net, err));
	return 1;
}

int ctr_net_disconnect(struct ctr *c, const char *network, bool force, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_lock lock = LOCK_INIT;
	auto_network n = {};
	auto_live live = {};
	int changed = 0;

	(void)force;   /* accepted as Podman accepts it: there is nothing a disconnect could stop at */
	TRY(ctr_load(c, err));
	TRY(check_mode(c, err));
	TRY(network_place(c->engine, false, &place, err));
	TRY(network_get(&place.env, network, &n, err));
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_refresh(c, err));
	if (!uses(c, n.name))
		return fail(err, ERROR_INVALID, "container %s is not connected to network %s", c->at.record.name, n.name);
	if (ctr_is_in(c, CONTAINER_STATE_ALIVE))
		TRY(changed = disconnect_running(c, n.name, &live, err));
	for (size_t i = c->params.net.networks.n; i > 0; i--) {
		const char *rest = str_after(c->params.net.networks.v[i - 1], n.name);
		if (rest && (!*rest || *rest == ':'))
			strv_remove(&c->params.net.networks, i - 1);
	}
	TRY(changed ? save_both(c, &live, err) : save_params(c, NULL, err));
	tell(c, EVENT_DISCONNECT, n.name);
	return 0;
}

/* ---- reload ---- */
/* Leases that became others: addresses, files and record follow. */
static int follow_leases(struct ctr *c, const struct network_place *p, struct ctr_live *live, struct error *err)
{
	struct net_attachment *a = live->net->attachments.v;
	bool changed = false;

	if (live->net->netavark || !network_has_leases(live->net))
		return 0;
	autoclose int netns = open_netns(c, err);
	if (netns < 0)
		return -1;
	for (size_t i = 0; i < live->net->attachments.n; i++) {
		CLEANUP(net_attachment_done) struct net_attachment old = { .dhcp = true };
		int r = a[i].dhcp ? net_dhcp_follow(&p->env, c->id, &a[i], netns, &old, err) : 0;
		if (r < 0)
			return -1;
		if (!r)
			continue;
		TRY(change_files(c, &old, false, err));
		TRY(change_files(c, &a[i], true, err));
		changed = true;
	}
	return changed ? save_status(c, live, err) : 0;
}

int ctr_net_reload(struct ctr *c, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_lock lock = LOCK_INIT;
	auto_live live = {};

	TRY(ctr_load(c, err));
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return fail(err, ERROR_STATE, "container %s network is not configured, refusing to reload: container state improper", c->id);
	TRY(check_mode(c, err));
	TRY(ctr_live(c, &live, err));
	TRY(network_place(c->engine, true, &place, err));
	if (!live.net)
		return 0;
	TRY(follow_leases(c, &place, &live, err));
	bool flushed = !place.env.rootless && firewall_intact(&place.env, err) == 0;
	TRY(net_reload(&place.env, c->id, live.net, err));
	if (flushed)
		networks_restore(c->engine, &place, c->id);
	return network_names_restore(&place, live.net, err);
}

/* ---- rename ---- */
int ctr_net_rename(struct ctr *c, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_live live = {};

	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return 0;
	TRY(ctr_load(c, err));
	TRY(ctr_live(c, &live, err));
	if (!live.net || c->params.ns.net.mode != NS_BRIDGE)
		return 0;
	TRY(network_place(c->engine, true, &place, err));
	return network_names_add(c, &place, live.net, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * Networks without root: pasta for containers, the user's namespace for bridges. */
#include <stdlib.h>

#include "base/argv.h"
#include "conf/helpers.h"
#include "engine/container-impl.h"
#include "engine/network.h"
#include "net/rootless.h"
#include "os/netns.h"
#include "os/process.h"

/* ---- places ---- */
int network_user_place(const struct engine *e, bool need, struct network_place *p, struct error *err)
{
	struct error missing;

	if (!p->netns_dir)
		TRY(str_printf(&p->netns_dir, err, "%s/netns", e->paths.runtime_dir));
	if (p->pasta || helper_find_foreign("pasta", &e->conf.engine.helper_binaries_dir, true, &p->pasta, &missing) >= 0 || !need)
		return 0;
	return fail(err, ERROR_UNSUPPORTED, "could not find pasta, the network namespace can't be configured: install the package "
					    "passt, or use --network none or host");
}

static struct rootless_net user_net(const struct network_place *p)
{
	return (struct rootless_net){ .program = p->pasta, .dir = p->netns_dir };
}

int network_user_find(struct network_place *p, struct error *err)
{
	const struct rootless_net r = user_net(p);
	int found = rootless_net_find(&p->env, &r, &p->netns_fd, err);

	if (found == 0)
		p->netns_fd = netns_new(err);
	p->env.host_netns = p->netns_fd;
	return found < 0 || p->netns_fd < 0 ? -1 : 0;
}

int network_user_open(struct network_place *p, const char *id, struct error *err)
{
	const struct rootless_net r = user_net(p);
	int fd = rootless_net_open(&p->env, &r, id, err);

	if (fd < 0)
		return -1;
	close_p(&p->netns_fd);
	p->netns_fd = p->env.host_netns = fd;
	return 0;
}

int network_user_leave(struct network_place *p, const char *id, struct error *err)
{
	const struct rootless_net r = user_net(p);

	return rootless_net_leave(&p->env, &r, id, err);
}

int network_user_host(const struct network_place *p, struct net_status *s, struct error *err)
{
	return rootless_net_host(&p->env, &s->host_address, err) < 0 ? -1 : 0;
}

/* ---- pasta for one container ---- */
/* The name of the namespace's file: noted in the status, so that the end of the container finds it. */
static int note_process(pid_t pid, struct net_status *s, char name[PASTA_NAME], struct error *err)
{
	uint64_t start;
	int r = process_start_time(PROC_HOST, pid, &start, err);

	if (r <= 0)
		return r < 0 ? -1 : fail(err, ERROR_RUNTIME, "the container's process died");
	s->helper_pid = pid;
	s->helper_start = start;
	pasta_name(name, pid, start);
	return 0;
}

static int connect_container(struct ctr *c, struct network_place *p, pid_t pid, int netns_fd, struct net_status *s, struct error *err)
{
	struct net_status made = {};
	char name[PASTA_NAME];

	TRY(network_user_place(c->engine, true, p, err));
	TRY(note_process(pid, s, name, err));
	const struct pasta_job job = { .program = p->pasta, .dir = p->netns_dir, .name = name, .options = c->params.ns.net.value,
				       .ports = s->ports.v, .n_ports = s->ports.n };
	TRY(pasta_start(&p->env, &job, netns_fd, &made, err));
	made.helper_pid = s->helper_pid;
	made.helper_start = s->helper_start;
	net_status_done(s);
	*s = made;
	return 1;
}

int network_user_connect(struct ctr *c, struct network_place *p, pid_t pid, int netns_fd, struct net_status *s, struct error *err)
{
	bool asked = c->params.net.networks.n || s->ports.n;
	struct error failed;

	if (connect_container(c, p, pid, netns_fd, s, &failed) >= 0)
		return 1;
	if (asked || failed.kind != ERROR_UNSUPPORTED) {
		*err = failed;
		return -1;
	}
	log_warn(c->engine->log, "container %.12s has no network: %s", c->id, failed.text);
	return 0;
}

int network_user_publish(struct network_place *p, pid_t pid, int netns_fd, struct net_status *s, struct error *err)
{
	char name[PASTA_NAME];

	if (!s->ports.n)
		return 0;
	TRY(note_process(pid, s, name, err));
	const struct pasta_job job = { .program = p->pasta, .dir = p->netns_dir, .name = name, .ports = s->ports.v,
				       .n_ports = s->ports.n };
	return rootless_net_publish(&p->env, &job, netns_fd, err);
}

int network_user_stop(struct network_place *p, const struct net_status *s, struct error *err)
{
	char name[PASTA_NAME];

	if (!s->helper_pid)
		return 0;
	pasta_name(name, (pid_t)s->helper_pid, s->helper_start);
	return pasta_stop(p->netns_dir, name, err);
}

/* ---- slirp4netns ---- */
/* Its options in pasta's words; the others have no counterpart. */
static int translate(const struct engine *e, const char *word, struct buf *to)
{
	static const struct {
		const char *slirp, *pasta;
	} words[] = {
		{ "allow_host_loopback=true", "--map-gw" }, { "enable_ipv6=false", "-4" }, { "allow_host_loopback=false", "" },
		{ "enable_ipv6=true", "" }, { "port_handler=slirp4netns", "" }, { "port_handler=rootlesskit", "" },
	};
	const char *mtu = str_after(word, "mtu="), *sep = to->len ? "," : "";

	if (mtu) {
		buf_addf(to, "%s-m,%s", sep, mtu);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(word, words[i].slirp)) {
			buf_addf(to, "%s%s", *words[i].pasta ? sep : "", words[i].pasta);
			return 0;
		}
	log_warn(e->log, "slirp4netns option \"%s\" has no counterpart in pasta and is left out", word);
	return 0;
}

int network_slirp_to_pasta(const struct engine *e, struct param_ns *net, struct error *err)
{
	auto_buf options = BUF_INIT(4096);
	auto_strv words = {};

	log_warn(e->log, "network mode slirp4netns is not available any more: pasta is used in its place");
	net->mode = NS_PASTA;
	if (!str_empty(net->value))
		TRY(strv_split(&words, net->value, ',', err));
	for (size_t i = 0; i < words.n; i++)
		TRY(translate(e, words.v[i], &options));
	TRY(buf_ok(&options, "options of slirp4netns", err));
	return str_set(&net->value, options.len ? options.data : NULL, err);
}

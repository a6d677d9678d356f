/* SPDX-License-Identifier: Apache-2.0
 * HostConfig: namespaces, limits, capabilities, devices; and the mounts, which are told there as well. */
#include <stdlib.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/inspect-view.h"
#include "engine/launch.h"
#include "engine/spec.h"
#include "engine/userns.h"
#include "engine/volume.h"

/* ---- host config ---- */
static char *mode_text(struct container_inspect *v, const struct param_ns *ns)
{
	switch (ns->mode) {
	case NS_CONTAINER:
		return view_text(v, "container:%s", ns->value);
	case NS_PATH:
		return view_text(v, "ns:%s", ns->value);
	default:
		return view_show(ns_mode_names[ns->mode]);
	}
}

static char *userns_text(struct container_inspect *v)
{
	const struct param_ns *ns = &v->c->params.ns.user;

	switch (ns->mode) {
	case NS_HOST:
		return view_show("");
	case NS_KEEP_ID:
	case NS_AUTO:
	case NS_NOMAP:
		return view_show("private");
	default:
		return mode_text(v, ns);
	}
}

static char *network_text(struct container_inspect *v)
{
	const struct param_ns *ns = &v->c->params.ns.net;

	return ns->mode == NS_PRIVATE ? view_show("none") : mode_text(v, ns);
}

static void fill_rates(struct container_inspect *v, const struct list *from, struct list *to)
{
	const struct param_device_rate *r = from->v;
	struct view_rate *w = view_items(v, to, from->n, sizeof(*w));

	for (size_t i = 0; i < to->n; i++)
		w[i] = (struct view_rate){ r[i].path, r[i].rate };
}

/* Those given, and those of the last start. */
static void fill_ulimits(struct container_inspect *v, const struct params_resources *r, struct view_host *h)
{
	struct error ignored;
	auto_live live = {};
	bool known = ctr_live(v->c, &live, &ignored) == 0;
	const int64_t used[SPEC_LIMIT_MAX] = { known ? live.nofile : 0, known ? live.nproc : 0 };
	const size_t n = (used[0] > 0) + (used[1] > 0);
	const struct param_ulimit *u = r->ulimits.v;
	struct view_ulimit *w = view_items(v, &h->ulimits, r->ulimits.n + n, sizeof(*w));

	for (size_t i = 0; i < h->ulimits.n && i < r->ulimits.n; i++)
		w[i] = (struct view_ulimit){ view_text(v, "RLIMIT_%s", u[i].name), u[i].soft, u[i].hard };
	for (size_t i = r->ulimits.n, which = 0; i < h->ulimits.n && which < ARRAY_LEN(used); which++)
		if (used[which] > 0)
			w[i++] = (struct view_ulimit){ view_text(v, "RLIMIT_%s", spec_limit_names[which]), used[which], used[which] };
	for (size_t i = 0; i < h->ulimits.n; i++)
		for (char *s = w[i].name; s && *s; s++)
			if (*s >= 'a' && *s <= 'z')
				*s = (char)(*s - 'a' + 'A');
}

static void fill_limits(struct container_inspect *v)
{
	const struct params_resources *r = &v->c->params.resources;
	struct view_host *h = &v->host;
	double cpus = r->cpus ? strtod(r->cpus, NULL) : 0;

	h->cpu_shares = r->cpu_shares.value;
	h->cpu_period = r->cpus ? 100000 : r->cpu_period.value;
	h->cpu_quota = r->cpus ? (int64_t)(cpus * 100000) : r->cpu_quota.value;
	h->cpu_rt_period = r->cpu_rt_period.value;
	h->cpu_rt_runtime = r->cpu_rt_runtime.value;
	h->nano_cpus = (int64_t)(cpus * 1e9);
	h->cpuset_cpus = r->cpuset_cpus;
	h->cpuset_mems = r->cpuset_mems;
	h->memory = r->memory.value;
	h->memory_reservation = r->memory_reservation.value;
	h->memory_swap = r->memory_swap.set ? r->memory_swap.value : r->memory.value * 2;
	h->memory_swappiness = r->memory_swappiness.set ? r->memory_swappiness.value : 0;
	h->pids_limit = r->pids_limit.value;
	h->oom_kill_disable = r->oom_kill_disable;
	h->oom_score_adj = r->oom_score_adj.value;
	h->blkio_weight = r->blkio_weight.value;
	h->rdt_class = r->rdt_class;
	h->cgroup_conf = r->cgroup_conf;
	fill_rates(v, &r->blkio_weight_device, &h->weight_device);
	fill_rates(v, &r->read_bps, &h->read_bps);
	fill_rates(v, &r->write_bps, &h->write_bps);
	fill_rates(v, &r->read_iops, &h->read_iops);
	fill_rates(v, &r->write_iops, &h->write_iops);
	fill_ulimits(v, r, h);
}

static int caps_vector(struct container_inspect *v, capset set, struct strv *to, struct error *err)
{
	auto_strv names = {};

	TRY(caps_format(set, &names, err));
	*to = view_vector(v, names.n);
	for (size_t i = 0; i < names.n; i++)
		view_push(to, view_text(v, "%s", names.v[i]));
	return 0;
}

static int fill_caps(struct container_inspect *v, struct error *err)
{
	const struct container_params *p = &v->c->params;
	const struct strv *conf = &v->c->engine->conf.containers.default_capabilities;
	capset base = 0, set, user = 0;
	struct error ignored;
	struct caps own;
	bool root = !p->process.user || streq(p->process.user, "root") || streq(p->process.user, "0") ||
		    str_after(p->process.user, "0:") || str_after(p->process.user, "root:");

	if (!conf->n)
		base = caps_default();
	TRY(caps_parse_list(conf, &base, err));
	TRY(caps_get(&own, err));
	capset standard = base;
	if (p->security.privileged)
		base = own.bounding & caps_all();
	TRY(security_caps(p, base, &set, err));
	for (size_t i = 0; i < p->security.cap_add.n; i++)
		caps_parse(p->security.cap_add.v[i], &user, &ignored);
	TRY(caps_vector(v, set, &v->bounding_caps, err));
	TRY(caps_vector(v, root ? set : user & set, &v->effective_caps, err));
	if (p->security.privileged)
		return 0;
	TRY(caps_vector(v, set & ~standard, &v->host.cap_add, err));
	return caps_vector(v, standard & ~set, &v->host.cap_drop, err);
}

static int fill_id_mappings(struct container_inspect *v, struct error *err)
{
	autofree struct idmap_pair *maps = NULL;
	struct view_id_mappings *m;

	if (userns_maps(v->c->engine, &v->c->params, &maps, err) < 0 || !maps)
		return 0;
	m = v->host.id_mappings = value_pool_alloc(&v->pool, sizeof(*m));
	if (!m)
		return fail_oom(err);
	m->uids = view_vector(v, maps->uids.n);
	m->gids = view_vector(v, maps->gids.n);
	for (size_t i = 0; i < maps->uids.n; i++)
		view_push(&m->uids, view_text(v, "%u:%u:%u", maps->uids.v[i].inside, maps->uids.v[i].outside, maps->uids.v[i].count));
	for (size_t i = 0; i < maps->gids.n; i++)
		view_push(&m->gids, view_text(v, "%u:%u:%u", maps->gids.v[i].inside, maps->gids.v[i].outside, maps->gids.v[i].count));
	return 0;
}

static void fill_log(struct container_inspect *v)
{
	const struct params_log *l = &v->c->params.log;
	const char *size = strmap_get(&l->options, "max-size");
	int64_t bytes = v->c->engine->conf.containers.log_size_max;
	struct error ignored;
	char buf[24];

	if (size)
		log_size_parse(size, &bytes, &ignored);
	v->host.log = (struct view_log){
		.type = l->driver, .path = v->c->config.log_path, .tag = view_show(strmap_get(&l->options, "tag")),
		.size = bytes > 0 ? view_text(v, "%s", size_format(bytes, buf)) : view_show("0B"),
	};
}

static void fill_devices(struct container_inspect *v)
{
	const struct params_storage *s = &v->c->params.storage;
	const struct param_device *d = s->devices.v;
	struct view_device *w = view_items(v, &v->host.devices, s->devices.n, sizeof(*w));

	for (size_t i = 0; i < v->host.devices.n; i++)
		w[i] = (struct view_device){ d[i].host, d[i].container, view_show("") };
}

int inspect_host(struct container_inspect *v, struct error *err)
{
	const struct container_params *p = &v->c->params;
	struct view_host *h = &v->host;

	*h = (struct view_host){
		.cgroup_manager = view_show(engine_cgroup_manager(v->c->engine)), .cgroup_mode = mode_text(v, &p->ns.cgroup),
		.cid_file = p->basic.cid_files.n ? p->basic.cid_files.v[0] : NULL, .network_mode = network_text(v),
		.hosts_file = p->net.hosts_file, .ipc_mode = mode_text(v, &p->ns.ipc),
		.cgroups = p->ns.cgroups && !streq(p->ns.cgroups, "enabled") ? p->ns.cgroups : view_show("default"),
		.pid_mode = mode_text(v, &p->ns.pid), .uts_mode = mode_text(v, &p->ns.uts), .userns_mode = userns_text(v),
		.runtime = view_show("oci"), .cgroup_parent = p->ns.cgroup_parent, .auto_remove = p->basic.remove,
		.auto_remove_image = p->basic.remove_image, .privileged = p->security.privileged, .publish_all = p->net.publish_all,
		.readonly = p->storage.read_only.value, .init = p->process.init.value, .shm_size = p->storage.shm_size.value,
		.volumes_from = p->storage.volumes_from, .dns = p->net.dns, .dns_options = p->net.dns_options,
		.dns_search = p->net.dns_search, .extra_hosts = p->net.add_hosts, .groups = p->process.groups,
		.security_opt = p->security.security_opt, .annotations = p->basic.annotations,
		.restart = { view_show(p->basic.restart.policy ? restart_policy_names[p->basic.restart.policy] : "no"),
			     (uint64_t)p->basic.restart.retries },
	};
	h->console_size = v->console_size;
	fill_log(v);
	fill_limits(v);
	fill_devices(v);
	TRY(fill_id_mappings(v, err));
	return fill_caps(v, err);
}

/* ---- mounts ---- */
static char *join_options(struct container_inspect *v, const struct strv *o, const char *before)
{
	autofree char *joined = strv_join(o, ",");

	return view_text(v, "%s%s", before, joined ? joined : "");
}

static void fill_bind(struct container_inspect *v, const struct param_mount *m, struct view_mount *w)
{
	static const char *const propagation[] = { "private", "rprivate", "slave", "rslave", "shared", "rshared" };

	w->type = view_show(streq(m->type, "volume") ? "volume" : "bind");
	w->source = m->source;
	w->destination = m->destination;
	w->sub_path = m->subpath;
	w->rw = !strv_has(&m->options, "ro") && !strv_has(&m->options, "O");
	w->propagation = view_show("rprivate");
	for (size_t i = 0; i < ARRAY_LEN(propagation); i++)
		if (strv_has(&m->options, propagation[i]))
			w->propagation = view_show(propagation[i]);
	w->options = view_vector(v, m->options.n + 4);
	static const char *const own[] = { "nosuid", "nodev", "rbind" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		view_push(&w->options, view_show(own[i]));
	for (size_t i = 0; i < m->options.n; i++)
		if (!streq(m->options.v[i], "ro") && !streq(m->options.v[i], "rw") && !streq(m->options.v[i], "z") &&
		    !streq(m->options.v[i], "Z"))
			view_push(&w->options, m->options.v[i]);
}

void inspect_mounts(struct container_inspect *v)
{
	const struct params_storage *s = &v->c->params.storage;
	const struct param_mount *m = s->mounts.v;
	struct view_mount *w = view_items(v, &v->mounts, s->mounts.n, sizeof(*w));
	size_t n = 0;

	v->host.binds = view_vector(v, s->mounts.n);
	v->host.tmpfs = (struct strmap){ .v = value_pool_alloc(&v->pool, (s->mounts.n + 1) * sizeof(struct strmap_entry)) };
	for (size_t i = 0; i < s->mounts.n && w; i++) {
		if (streq(m[i].type, "tmpfs") && v->host.tmpfs.v) {
			v->host.tmpfs.v[v->host.tmpfs.n++] = (struct strmap_entry){ m[i].destination,
				join_options(v, &m[i].options, m[i].options.n ? "rw,rprivate,nosuid,nodev," : "rw,rprivate,nosuid,nodev,tmpcopyup") };
			continue;
		}
		if (streq(m[i].type, "devpts") || streq(m[i].type, "ramfs"))
			continue;
		w[n] = (struct view_mount){};
		fill_bind(v, &m[i], &w[n]);
		if (streq(m[i].type, "image"))
			w[n].type = view_show("image");
		if (streq(m[i].type, "volume")) {
			struct volume volume = {};
			struct error ignored;
			w[n].name = m[i].source;
			w[n].driver = view_show("local");
			if (m[i].source && volume_find(v->c->engine, m[i].source, &volume, &ignored) > 0) {
				w[n].source = view_text(v, "%s", volume.mountpoint);
				w[n].driver = view_text(v, "%s", volume.driver);
			}
			volume_done(&volume);
		}
		view_push(&v->host.binds, view_text(v, "%s:%s:%s,%s,%s", m[i].source ? m[i].source : "", w[n].destination ? w[n].destination : "",
					  w[n].rw ? "rw" : "ro", w[n].propagation, join_options(v, &w[n].options, "")));
		n++;
	}
	v->mounts.n = n;
}

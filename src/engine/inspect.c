/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "engine/inspect-view.h"
#include "engine/launch.h"
#include "engine/spec.h"
#include "engine/secret.h"
#include "engine/userns.h"
#include "engine/volume.h"
#include "store/rootfs.h"

#define VERSION "1.2.0"

/* Text into the view's pool; NULL when it is full (shown as empty). */
static char *text(struct container_inspect *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static char *text(struct container_inspect *v, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : value_pool_alloc(&v->pool, (size_t)n + 1);
	if (!to)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return to;
}

/* Borrowed as a member that is never freed or written through. */
static char *show(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* Room for n more strings in the pool. */
static struct strv vector(struct container_inspect *v, size_t room)
{
	return (struct strv){ .v = value_pool_alloc(&v->pool, (room + 1) * sizeof(char *)) };
}

static void push(struct strv *l, char *s)
{
	if (l->v && s)
		l->v[l->n++] = s;
}

static void *items(struct container_inspect *v, struct list *l, size_t n, size_t size)
{
	l->v = n ? value_pool_alloc(&v->pool, n * size) : NULL;
	l->n = l->v ? n : 0;
	return l->v;
}

/* ---- state ---- */
static char *state_word(const struct ctr *c)
{
	enum container_state s = c->at.status.state;

	return show(container_state_name(s == CONTAINER_STOPPED ? CONTAINER_EXITED : s));
}

static int fill_health(struct container_inspect *v, struct error *err)
{
	if (!health_is_defined(&v->c->params.health))
		return 0;
	v->state.health = value_pool_alloc(&v->pool, sizeof(*v->state.health));
	if (!v->state.health)
		return fail_oom(err);
	TRY(health_read(v->c, &v->health, err));
	*v->state.health = (struct view_health){ v->health.status, v->health.failing_streak, v->health.log };
	if (!v->health.status)
		v->state.health->status = show("starting");
	return 0;
}

static int fill_state(struct container_inspect *v, struct error *err)
{
	const struct container_status *st = &v->c->at.status;
	bool alive = ctr_is_in(v->c, CONTAINER_STATE_ALIVE);
	auto_live live = {};
	struct view_state *s = &v->state;

	*s = (struct view_state){
		.oci_version = show(VERSION), .status = state_word(v->c), .error = st->error, .oom_killed = st->oom_killed,
		.running = ctr_is_running(v->c), .paused = st->state == CONTAINER_PAUSED, .stopped_by_user = st->stopped_by_user,
		.pid = alive ? st->pid : 0, .monitor_pid = alive ? st->monitor_pid : 0,
		.exit_code = st->exit_code, .started = st->started, .finished = st->finished,
	};
	TRY(ctr_live(v->c, &live, err));
	if (alive && live.cgroup && strchr(live.cgroup, '/'))
		s->cgroup_path = text(v, "%s", strchr(live.cgroup, '/'));
	return fill_health(v, err);
}

/* ---- config ---- */
static void fill_env(struct container_inspect *v, struct strv *to)
{
	const struct strmap *env = &v->c->params.process.env;

	*to = vector(v, env->n + 2);
	for (size_t i = 0; i < env->n; i++)
		push(to, text(v, "%s=%s", env->v[i].key, env->v[i].value));
	if (v->config.hostname && !strmap_get(env, "HOSTNAME"))
		push(to, text(v, "HOSTNAME=%s", v->config.hostname));
	if (!strmap_get(env, "HOME") && (!v->c->params.process.user || streq(v->c->params.process.user, "root")))
		push(to, show("HOME=/root"));
}

static char *hostname_of(struct container_inspect *v)
{
	const struct params_namespaces *ns = &v->c->params.ns;

	if (ns->hostname)
		return ns->hostname;
	return ns->uts.mode == NS_PRIVATE ? text(v, "%.12s", v->c->id) : show("");
}

static void fill_healthcheck(struct container_inspect *v)
{
	const struct params_health *h = &v->c->params.health;
	struct view_config *c = &v->config;

	if (h->test.n)
		c->health = value_pool_alloc(&v->pool, sizeof(*c->health));
	if (c->health)
		*c->health = (struct view_healthcheck){ h->test, h->interval.value, h->timeout.value, h->start_period.value,
							h->retries.value };
	if (h->startup_test.n)
		c->startup = value_pool_alloc(&v->pool, sizeof(*c->startup));
	if (c->startup)
		*c->startup = (struct view_startup){ h->startup_test, h->startup_interval.value, h->startup_timeout.value,
						     h->startup_retries.value, h->startup_success.value };
	c->on_failure = h->on_failure ? h->on_failure : show("none");
	c->log_destination = h->log_destination ? h->log_destination : show("local");
	c->max_log_count = h->max_log_count.set ? h->max_log_count.value : 5;
	c->max_log_size = h->max_log_size.set ? h->max_log_size.value : 500;
}

static char *stop_signal_name(struct container_inspect *v)
{
	int sig = ctr_stop_signal(v->c);

	return signal_name(sig) ? show(signal_name(sig)) : text(v, "%d", sig);
}

static void fill_config(struct container_inspect *v)
{
	const struct container_params *p = &v->c->params;
	struct view_config *c = &v->config;
	bool all = !p->process.attach.n;

	strmap_sort(&v->c->params.basic.labels);
	strmap_sort(&v->c->params.basic.annotations);
	*c = (struct view_config){
		.hostname = hostname_of(v), .user = p->process.user, .image = v->c->at.record.image_name,
		.workdir = p->process.workdir, .stop_signal = stop_signal_name(v), .timezone = p->process.timezone,
		.umask = p->process.umask, .sdnotify_mode = p->basic.sdnotify_mode ? p->basic.sdnotify_mode : show("container"),
		.attach_stdin = p->process.interactive, .attach_stdout = all || strv_has(&p->process.attach, "stdout"),
		.attach_stderr = all || strv_has(&p->process.attach, "stderr"), .tty = p->process.tty,
		.open_stdin = p->process.interactive, .systemd_mode = p->process.systemd_mode, .passwd = !p->process.passwd.set || p->process.passwd.value,
		.cmd = p->process.command, .entrypoint = p->process.entrypoint, .create_command = p->basic.create_command,
		.chroot_dirs = p->process.chroot_dirs, .labels = p->basic.labels, .annotations = p->basic.annotations,
		.timeout = (uint64_t)p->basic.timeout, .stop_timeout = p->process.stop_timeout.value,
	};
	fill_env(v, &c->env);
	fill_healthcheck(v);
}

/* ---- host config ---- */
static char *mode_text(struct container_inspect *v, const struct param_ns *ns)
{
	switch (ns->mode) {
	case NS_CONTAINER:
		return text(v, "container:%s", ns->value);
	case NS_PATH:
		return text(v, "ns:%s", ns->value);
	default:
		return show(ns_mode_names[ns->mode]);
	}
}

static char *userns_text(struct container_inspect *v)
{
	const struct param_ns *ns = &v->c->params.ns.user;

	switch (ns->mode) {
	case NS_HOST:
		return show("");
	case NS_KEEP_ID:
	case NS_AUTO:
	case NS_NOMAP:
		return show("private");
	default:
		return mode_text(v, ns);
	}
}

static char *network_text(struct container_inspect *v)
{
	const struct param_ns *ns = &v->c->params.ns.net;

	return ns->mode == NS_PRIVATE ? show("none") : mode_text(v, ns);
}

static void fill_rates(struct container_inspect *v, const struct list *from, struct list *to)
{
	const struct param_device_rate *r = from->v;
	struct view_rate *w = items(v, to, from->n, sizeof(*w));

	for (size_t i = 0; i < to->n; i++)
		w[i] = (struct view_rate){ r[i].path, r[i].rate };
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
	const struct param_ulimit *u = r->ulimits.v;
	struct view_ulimit *w = items(v, &h->ulimits, r->ulimits.n, sizeof(*w));
	for (size_t i = 0; i < h->ulimits.n; i++) {
		w[i] = (struct view_ulimit){ text(v, "RLIMIT_%s", u[i].name), u[i].soft, u[i].hard };
		for (char *s = w[i].name; s && *s; s++)
			if (*s >= 'a' && *s <= 'z')
				*s = (char)(*s - 'a' + 'A');
	}
}

static int caps_vector(struct container_inspect *v, capset set, struct strv *to, struct error *err)
{
	auto_strv names = {};

	TRY(caps_format(set, &names, err));
	*to = vector(v, names.n);
	for (size_t i = 0; i < names.n; i++)
		push(to, text(v, "%s", names.v[i]));
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
	m->uids = vector(v, maps->uids.n);
	m->gids = vector(v, maps->gids.n);
	for (size_t i = 0; i < maps->uids.n; i++)
		push(&m->uids, text(v, "%u:%u:%u", maps->uids.v[i].inside, maps->uids.v[i].outside, maps->uids.v[i].count));
	for (size_t i = 0; i < maps->gids.n; i++)
		push(&m->gids, text(v, "%u:%u:%u", maps->gids.v[i].inside, maps->gids.v[i].outside, maps->gids.v[i].count));
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
		.type = l->driver, .path = v->c->config.log_path, .tag = show(strmap_get(&l->options, "tag")),
		.size = bytes > 0 ? text(v, "%s", size_format(bytes, buf)) : show("0B"),
	};
}

static void fill_devices(struct container_inspect *v)
{
	const struct params_storage *s = &v->c->params.storage;
	const struct param_device *d = s->devices.v;
	struct view_device *w = items(v, &v->host.devices, s->devices.n, sizeof(*w));

	for (size_t i = 0; i < v->host.devices.n; i++)
		w[i] = (struct view_device){ d[i].host, d[i].container, show("") };
}

static int fill_host(struct container_inspect *v, struct error *err)
{
	const struct container_params *p = &v->c->params;
	struct view_host *h = &v->host;

	*h = (struct view_host){
		.cgroup_manager = show(engine_cgroup_manager(v->c->engine)), .cgroup_mode = mode_text(v, &p->ns.cgroup),
		.cid_file = p->basic.cid_files.n ? p->basic.cid_files.v[0] : NULL, .network_mode = network_text(v),
		.hosts_file = p->net.hosts_file, .ipc_mode = mode_text(v, &p->ns.ipc),
		.cgroups = p->ns.cgroups && !streq(p->ns.cgroups, "enabled") ? p->ns.cgroups : show("default"),
		.pid_mode = mode_text(v, &p->ns.pid), .uts_mode = mode_text(v, &p->ns.uts), .userns_mode = userns_text(v),
		.runtime = show("oci"), .cgroup_parent = p->ns.cgroup_parent, .auto_remove = p->basic.remove,
		.auto_remove_image = p->basic.remove_image, .privileged = p->security.privileged, .publish_all = p->net.publish_all,
		.readonly = p->storage.read_only.value, .init = p->process.init.value, .shm_size = p->storage.shm_size.value,
		.volumes_from = p->storage.volumes_from, .dns = p->net.dns, .dns_options = p->net.dns_options,
		.dns_search = p->net.dns_search, .extra_hosts = p->net.add_hosts, .groups = p->process.groups,
		.security_opt = p->security.security_opt, .annotations = p->basic.annotations,
		.restart = { show(p->basic.restart.policy ? restart_policy_names[p->basic.restart.policy] : "no"),
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

	return text(v, "%s%s", before, joined ? joined : "");
}

static void fill_bind(struct container_inspect *v, const struct param_mount *m, struct view_mount *w)
{
	static const char *const propagation[] = { "private", "rprivate", "slave", "rslave", "shared", "rshared" };

	w->type = show(streq(m->type, "volume") ? "volume" : "bind");
	w->source = m->source;
	w->destination = m->destination;
	w->sub_path = m->subpath;
	w->rw = !strv_has(&m->options, "ro") && !strv_has(&m->options, "O");
	w->propagation = show("rprivate");
	for (size_t i = 0; i < ARRAY_LEN(propagation); i++)
		if (strv_has(&m->options, propagation[i]))
			w->propagation = show(propagation[i]);
	w->options = vector(v, m->options.n + 4);
	static const char *const own[] = { "nosuid", "nodev", "rbind" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		push(&w->options, show(own[i]));
	for (size_t i = 0; i < m->options.n; i++)
		if (!streq(m->options.v[i], "ro") && !streq(m->options.v[i], "rw") && !streq(m->options.v[i], "z") &&
		    !streq(m->options.v[i], "Z"))
			push(&w->options, m->options.v[i]);
}

static void fill_mounts(struct container_inspect *v)
{
	const struct params_storage *s = &v->c->params.storage;
	const struct param_mount *m = s->mounts.v;
	struct view_mount *w = items(v, &v->mounts, s->mounts.n, sizeof(*w));
	size_t n = 0, binds = 0;

	v->host.binds = vector(v, s->mounts.n);
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
			w[n].type = show("image");
		if (streq(m[i].type, "volume")) {
			struct volume volume = {};
			struct error ignored;
			w[n].name = m[i].source;
			w[n].driver = show("local");
			if (m[i].source && volume_find(v->c->engine, m[i].source, &volume, &ignored) > 0) {
				w[n].source = text(v, "%s", volume.mountpoint);
				w[n].driver = text(v, "%s", volume.driver);
			}
			volume_done(&volume);
		}
		push(&v->host.binds, text(v, "%s:%s:%s,%s,%s", m[i].source ? m[i].source : "", w[n].destination ? w[n].destination : "",
					  w[n].rw ? "rw" : "ro", w[n].propagation, join_options(v, &w[n].options, "")));
		binds++;
		n++;
	}
	v->mounts.n = n;
	(void)binds;
}

/* ---- the whole ---- */
static int fill_places(struct container_inspect *v, struct error *err)
{
	autofree char *dir = NULL, *run = NULL;
	const struct params_basic *b = &v->c->params.basic;

	TRY(ctr_dir(v->c, &dir, err));
	TRY(ctr_run_dir(v->c, &run, err));
	v->static_dir = text(v, "%s", dir);
	if (v->c->at.status.started) {
		v->resolv_path = text(v, "%s/resolv.conf", run);
		v->hostname_path = text(v, "%s/hostname", run);
		v->hosts_path = text(v, "%s/hosts", run);
		v->config_path = text(v, "%s/config.json", run);
	}
	v->monitor_pid_file = b->conmon_pid_file ? b->conmon_pid_file : text(v, "%s/conmon.pid", run);
	v->pid_file = b->pid_file ? b->pid_file : text(v, "%s/pidfile", run);
	return 0;
}

static int fill_sizes(struct container_inspect *v, struct error *err)
{
	struct rootfs_size size;
	struct store *s;

	TRY(engine_store(v->c->engine, &s, err));
	TRY(store_rootfs_size(s, &v->c->at, &size, err));
	v->size_rw = size.rw;
	v->size_root = size.root;
	return 0;
}

static int fill_execs(struct container_inspect *v, struct error *err)
{
	auto_strv ids = {};
	struct store *s;

	TRY(engine_store(v->c->engine, &s, err));
	TRY(store_exec_list(s, v->c->id, &ids, err));
	v->exec_ids = vector(v, ids.n);
	for (size_t i = 0; i < ids.n; i++)
		push(&v->exec_ids, text(v, "%s", ids.v[i]));
	return 0;
}

static int fill(struct container_inspect *v, bool size, struct error *err)
{
	const struct container_record *r = &v->c->at.record;
	const struct strv *args = &v->c->config.args;

	v->id = show(r->id);
	v->name = r->name;
	v->created = r->created;
	v->path = args->n ? args->v[0] : NULL;
	if (args->n)
		v->args = (struct strv){ args->v + 1, args->n - 1 };
	v->image = r->image_id;
	v->image_digest = v->c->config.image_digest;
	v->image_name = r->image_name;
	v->rootfs = r->rootfs;
	v->pod = r->pod;
	v->runtime = v->c->config.runtime ? v->c->config.runtime : show(engine_runtime_name(v->c->engine));
	v->restarts = v->c->at.status.restarts;
	v->driver = v->graph.name = show("overlay");
	v->exit_propagation = show("invalid");
	v->is_infra = r->infra;
	v->dependencies = v->c->config.depends;
	v->use_image_hosts = v->c->params.net.no_hosts.value;
	v->use_image_hostname = v->c->params.ns.no_hostname;
	v->empty_object = json_object_new_object();
	v->console_size = json_object_new_array();
	if (!v->empty_object || !v->console_size)
		return fail_oom(err);
	json_object_array_add(v->console_size, json_object_new_int(0));
	json_object_array_add(v->console_size, json_object_new_int(0));
	TRY(fill_places(v, err));
	TRY(fill_state(v, err));
	fill_config(v);
	TRY(secret_params_json(v->c, &v->config.secrets, err));
	TRY(fill_host(v, err));
	fill_mounts(v);
	TRY(inspect_network(v, err));
	TRY(fill_execs(v, err));
	return size ? fill_sizes(v, err) : 0;
}

int ctr_inspect(struct ctr *c, bool size, struct container_inspect **ret, struct error *err)
{
	CLEANUP(container_inspect_free_p) struct container_inspect *v = calloc(1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	v->pool = VALUE_POOL_INIT;
	v->c = c;
	TRY(ctr_load(c, err));
	TRY(fill(v, size, err));
	*ret = take_ptr(v);
	return 0;
}

void container_inspect_free(struct container_inspect *v)
{
	if (!v)
		return;
	health_record_done(&v->health);
	json_put_p(&v->empty_object);
	json_put_p(&v->network.ports);
	json_put_p(&v->network.networks);
	json_put_p(&v->host.port_bindings);
	json_put_p(&v->console_size);
	json_put_p(&v->config.secrets);
	json_put_p(&v->config.exposed_ports);
	value_pool_done(&v->pool);
	free(v);
}

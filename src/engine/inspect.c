/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "engine/inspect-view.h"
#include "engine/secret.h"
#include "store/rootfs.h"

#define VERSION "1.2.0"

/* ---- members that lie in the pool ---- */
char *view_text(struct container_inspect *v, const char *fmt, ...)
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

char *view_show(const char *s)
{
	return (char *)(uintptr_t)s;
}

struct strv view_vector(struct container_inspect *v, size_t room)
{
	return (struct strv){ .v = value_pool_alloc(&v->pool, (room + 1) * sizeof(char *)) };
}

void view_push(struct strv *l, char *s)
{
	if (l->v && s)
		l->v[l->n++] = s;
}

void *view_items(struct container_inspect *v, struct list *l, size_t n, size_t size)
{
	l->v = n ? value_pool_alloc(&v->pool, n * size) : NULL;
	l->n = l->v ? n : 0;
	return l->v;
}

/* ---- state ---- */
static char *state_word(const struct ctr *c)
{
	enum container_state s = c->at.status.state;

	return view_show(container_state_name(s == CONTAINER_STOPPED ? CONTAINER_EXITED : s));
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
		v->state.health->status = view_show("starting");
	return 0;
}

static int fill_state(struct container_inspect *v, struct error *err)
{
	const struct container_status *st = &v->c->at.status;
	bool alive = ctr_is_in(v->c, CONTAINER_STATE_ALIVE);
	auto_live live = {};
	struct view_state *s = &v->state;

	*s = (struct view_state){
		.oci_version = view_show(VERSION), .status = state_word(v->c), .error = st->error, .oom_killed = st->oom_killed,
		.running = ctr_is_running(v->c), .paused = st->state == CONTAINER_PAUSED, .stopped_by_user = st->stopped_by_user,
		.pid = alive ? st->pid : 0, .monitor_pid = alive ? st->monitor_pid : 0,
		.exit_code = st->exit_code, .started = st->started, .finished = st->finished,
	};
	TRY(ctr_live(v->c, &live, err));
	if (alive && live.cgroup && strchr(live.cgroup, '/'))
		s->cgroup_path = view_text(v, "%s", strchr(live.cgroup, '/'));
	return fill_health(v, err);
}

/* ---- config ---- */
static void fill_env(struct container_inspect *v, struct strv *to)
{
	const struct strmap *env = &v->c->params.process.env;

	*to = view_vector(v, env->n + 2);
	for (size_t i = 0; i < env->n; i++)
		view_push(to, view_text(v, "%s=%s", env->v[i].key, env->v[i].value));
	if (v->config.hostname && !strmap_get(env, "HOSTNAME"))
		view_push(to, view_text(v, "HOSTNAME=%s", v->config.hostname));
	if (!strmap_get(env, "HOME") && (!v->c->params.process.user || streq(v->c->params.process.user, "root")))
		view_push(to, view_show("HOME=/root"));
}

static char *hostname_of(struct container_inspect *v)
{
	const struct params_namespaces *ns = &v->c->params.ns;

	if (ns->hostname)
		return ns->hostname;
	return ns->uts.mode == NS_PRIVATE ? view_text(v, "%.12s", v->c->id) : view_show("");
}

static void fill_healthcheck(struct container_inspect *v)
{
	const struct params_health *h = &v->c->params.health;
	struct view_config *c = &v->config;

	if (h->test.n)
		c->health = value_pool_alloc(&v->pool, sizeof(*c->health));
	if (c->health)
		*c->health = (struct view_healthcheck){ .test = h->test, .interval = h->interval.value, .timeout = h->timeout.value,
							.start_period = h->start_period.value, .retries = h->retries.value };
	if (h->startup_test.n)
		c->startup = value_pool_alloc(&v->pool, sizeof(*c->startup));
	if (c->startup)
		*c->startup = (struct view_startup){ .test = h->startup_test, .interval = h->startup_interval.value,
						     .timeout = h->startup_timeout.value, .retries = h->startup_retries.value,
						     .successes = h->startup_success.value };
	c->on_failure = h->on_failure ? h->on_failure : view_show("none");
	c->log_destination = h->log_destination ? h->log_destination : view_show("local");
	c->max_log_count = h->max_log_count.set ? h->max_log_count.value : 5;
	c->max_log_size = h->max_log_size.set ? h->max_log_size.value : 500;
}

static char *stop_signal_name(struct container_inspect *v)
{
	int sig = ctr_stop_signal(v->c);

	return signal_name(sig) ? view_show(signal_name(sig)) : view_text(v, "%d", sig);
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
		.umask = p->process.umask, .sdnotify_mode = p->basic.sdnotify_mode ? p->basic.sdnotify_mode : view_show("container"),
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

/* ---- the whole ---- */
static int fill_places(struct container_inspect *v, struct error *err)
{
	autofree char *dir = NULL, *run = NULL;
	const struct params_basic *b = &v->c->params.basic;

	TRY(ctr_dir(v->c, &dir, err));
	TRY(ctr_run_dir(v->c, &run, err));
	v->static_dir = view_text(v, "%s", dir);
	if (v->c->at.status.started) {
		v->resolv_path = view_text(v, "%s/resolv.conf", run);
		v->hostname_path = view_text(v, "%s/hostname", run);
		v->hosts_path = view_text(v, "%s/hosts", run);
		v->config_path = view_text(v, "%s/config.json", run);
	}
	v->monitor_pid_file = b->conmon_pid_file ? b->conmon_pid_file : view_text(v, "%s/conmon.pid", run);
	v->pid_file = b->pid_file ? b->pid_file : view_text(v, "%s/pidfile", run);
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
	v->exec_ids = view_vector(v, ids.n);
	for (size_t i = 0; i < ids.n; i++)
		view_push(&v->exec_ids, view_text(v, "%s", ids.v[i]));
	return 0;
}

static int fill(struct container_inspect *v, bool size, struct error *err)
{
	const struct container_record *r = &v->c->at.record;
	const struct strv *args = &v->c->config.args;

	v->id = view_show(r->id);
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
	v->runtime = v->c->config.runtime ? v->c->config.runtime : view_show(engine_runtime_name(v->c->engine));
	v->restarts = v->c->at.status.restarts;
	v->exit_propagation = view_show("invalid");
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
	TRY(inspect_host(v, err));
	inspect_mounts(v);
	TRY(inspect_network(v, err));
	TRY(inspect_graph(v, err));
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network.h"
#include "engine/resolve.h"
#include "engine/artifact.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/units.h"
#include "engine/container.h"
#include "engine/params-parse.h"
#include "os/file.h"
#include "os/path.h"

static const char *const default_env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };

/* ---- environment ---- */
static int env_add(struct strmap *env, const char *word, struct error *err)
{
	const char *eq = strchr(word, '=');
	autofree char *name = NULL;

	if (!eq)
		return strmap_set(env, word, "", err);
	name = strndup(word, (size_t)(eq - word));
	return name ? strmap_set(env, name, eq + 1, err) : fail_oom(err);
}

/* The credentials of http://user:secret@proxy:1/ are nobody's business inside. */
static int add_proxy_value(struct strmap *env, const char *name, const char *value, struct error *err)
{
	const char *scheme = strstr(value, "://");
	const char *start = scheme ? scheme + 3 : value;
	const char *at = strrchr(start, '@');
	autofree char *clean = NULL;

	if (!at || memchr(start, '/', (size_t)(at - start)))
		return strmap_set(env, name, value, err);
	TRY(str_printf(&clean, err, "%.*s%s", (int)(start - value), value, at + 1));
	return strmap_set(env, name, clean, err);
}

static int add_proxies(struct strmap *env, struct error *err)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (getenv(names[i]))
			TRY(add_proxy_value(env, names[i], getenv(names[i]), err));
	return 0;
}

extern char **environ;

static int add_host_env(struct strmap *env, struct error *err)
{
	for (char **e = environ; *e; e++)
		if (strchr(*e, '=') && !str_after(*e, "_="))
			TRY(env_add(env, *e, err));
	return 0;
}

/* --env-merge NAME=text with ${NAME} or $NAME of what is there so far. */
static int expand(const struct strmap *env, const char *s, struct buf *to)
{
	while (*s) {
		size_t plain = strcspn(s, "$");
		buf_add(to, s, plain);
		s += plain;
		if (!*s)
			break;
		s++;
		bool brace = *s == '{';
		if (brace)
			s++;
		size_t n = brace ? strcspn(s, "}") :
				   strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		char name[256];
		snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), s);
		buf_add_str(to, n && strmap_get(env, name) ? strmap_get(env, name) : "");
		s += n;
		if (brace && *s == '}')
			s++;
	}
	return 0;
}

static int merge_env(struct strmap *env, const struct strv *merges, struct error *err)
{
	for (size_t i = 0; i < merges->n; i++) {
		auto_buf text = BUF_INIT(1 << 20);
		expand(env, merges->v[i], &text);
		TRY(buf_ok(&text, "--env-merge", err));
		TRY(env_add(env, text.data ? text.data : "", err));
	}
	return 0;
}

/* Weakest first: built in, containers.conf, image, proxies, host (--env-host), what the user said. */
static int resolve_env(struct params_process *p, const struct image_defaults *image, const struct engine *e,
		       struct error *err)
{
	auto_strmap env = {};
	const struct conf_containers *conf = &e->conf.containers;
	bool proxies = p->http_proxy.set ? p->http_proxy.value : conf->http_proxy;

	if (!p->unset_env_all) {
		for (size_t i = 0; default_env[i]; i++)
			TRY(env_add(&env, default_env[i], err));
		for (size_t i = 0; i < conf->env.n; i++)
			TRY(env_add(&env, conf->env.v[i], err));
		for (size_t i = 0; i < image->env.n; i++)
			TRY(env_add(&env, image->env.v[i], err));
		if (proxies)
			TRY(add_proxies(&env, err));
		if (p->env_host || conf->env_host)
			TRY(add_host_env(&env, err));
		TRY(strmap_set(&env, "container", "podman", err));
	}
	for (size_t i = 0; i < p->unset_env.n; i++)
		strmap_remove(&env, p->unset_env.v[i]);
	TRY(merge_env(&env, &p->env_merge, err));
	TRY(strmap_copy(&env, &p->env, err));
	if (p->tty && !strmap_get(&env, "TERM") && !p->unset_env_all)
		TRY(strmap_set(&env, "TERM", "xterm", err));
	strmap_done(&p->env);
	p->env = env;
	env = (struct strmap){};
	return 0;
}

/* ---- process ---- */
static int resolve_command(struct params_process *p, const struct image_defaults *image, struct error *err)
{
	bool own_entrypoint = p->entrypoint_given;

	if (!own_entrypoint)
		TRY(strv_copy(&p->entrypoint, &image->entrypoint, err));
	/* an entrypoint of one's own does away with the image's command */
	if (!p->command.n && !own_entrypoint)
		TRY(strv_copy(&p->command, &image->cmd, err));
	return 0;
}

/* --systemd: always, false, or when the command is one of systemd's names. */
static int resolve_systemd(struct container_params *p, struct error *err)
{
	static const char *const inits[] = { "/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init", "/bin/systemd",
		"/usr/bin/systemd", "/lib/systemd/systemd", "/usr/lib/systemd/systemd" };
	const char *word = p->basic.systemd ? p->basic.systemd : "true";
	const struct strv *first = p->process.entrypoint.n ? &p->process.entrypoint : &p->process.command;
	bool yes;

	if (strcasecmp(word, "always") == 0)
		p->process.systemd_mode = true;
	else if (!parse_bool(word, &yes))
		return fail(err, ERROR_INVALID, "invalid value \"%s\" systemd option requires 'true, false, always': invalid argument",
			    word);
	else if (yes)
		for (size_t i = 0; first->n && i < ARRAY_LEN(inits); i++)
			p->process.systemd_mode |= streq(first->v[0], inits[i]);
	return 0;
}

static int resolve_process(struct params_process *p, const struct image_defaults *image, const struct engine *e,
			   struct error *err)
{
	const struct conf_containers *conf = &e->conf.containers;
	int sig;

	TRY(resolve_command(p, image, err));
	TRY(resolve_env(p, image, e, err));
	if (!p->user && !str_empty(image->user))
		TRY(str_set(&p->user, image->user, err));
	if (p->workdir && *p->workdir != '/')
		return fail(err, ERROR_INVALID, "workdir \"%s\" must be an absolute path", p->workdir);
	p->make_workdir |= !p->workdir;
	if (!p->workdir)
		TRY(str_set(&p->workdir, str_empty(image->workdir) ? "/" : image->workdir, err));
	if (!p->stop_signal)
		TRY(str_set(&p->stop_signal, str_empty(image->stop_signal) ? "15" : image->stop_signal, err));
	TRY(signal_parse(p->stop_signal, &sig, err));
	if (!p->stop_timeout.set)
		p->stop_timeout = (struct opt_uint){ true, e->conf.engine.stop_timeout };
	if (!p->umask)
		TRY(str_set(&p->umask, conf->umask ? conf->umask : "0022", err));
	uint32_t mask;
	if (!parse_mode(p->umask, &mask) || mask > 0777)
		return fail(err, ERROR_INVALID, "invalid umask %s: invalid argument", p->umask);
	if (!p->timezone && conf->tz)
		TRY(str_set(&p->timezone, conf->tz, err));
	if (!p->init.set)
		p->init = (struct opt_bool){ true, conf->init };
	return 0;
}

/* ---- health ---- */
static int health_test(const char *command, struct strv *ret, struct error *err)
{
	auto_json *tree = NULL;
	struct error ignored;

	if (streq(command, "none") || !*command)
		return strv_add(ret, "NONE", err);
	if (*command == '[' && json_parse("--health-cmd", command, strlen(command), NULL, &tree, &ignored) >= 0) {
		for (size_t i = 0; i < json_object_array_length(tree); i++)
			TRY(strv_add(ret, json_object_get_string(json_object_array_get_idx(tree, i)), err));
		if (ret->n && (streq(ret->v[0], "CMD") || streq(ret->v[0], "CMD-SHELL") || streq(ret->v[0], "NONE")))
			return 0;
		auto_strv words = *ret;
		*ret = (struct strv){};
		TRY(strv_add(ret, "CMD", err));
		return strv_copy(ret, &words, err);
	}
	TRY(strv_add(ret, "CMD-SHELL", err));
	return strv_add(ret, command, err);
}

static void default_int(struct opt_int *o, int64_t image, int64_t fallback)
{
	if (!o->set)
		*o = (struct opt_int){ true, image ? image : fallback };
}

/* A directory that is there, named absolutely: checks run from another one. */
static int settle_destination(char **where, struct error *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (str_empty(*where) || streq(*where, "local") || streq(*where, "events_logger"))
		return 0;
	if (!realpath(*where, path) || stat(path, &st) < 0) {
		fail_errno(err, "stat %s", *where);
		return fail_wrap(err, "HealthCheck Log '%s' destination error", *where);
	}
	if (!S_ISDIR(st.st_mode))
		return fail(err, ERROR_INVALID, "HealthCheck Log '%s' destination must be directory", *where);
	return str_set(where, path, err);
}

static int resolve_health(struct params_health *h, const struct image_defaults *image, struct error *err)
{
	static const char *const actions[] = { "none", "kill", "restart", "stop" };
	bool known = !h->on_failure;

	for (size_t i = 0; h->on_failure && i < ARRAY_LEN(actions); i++)
		known |= streq(h->on_failure, actions[i]);
	if (!known)
		return fail(err, ERROR_INVALID, "invalid on-failure action \"%s\" for health check: supported actions are "
						"none,kill,restart,stop", h->on_failure);
	if (h->startup_command && !h->command && !h->test.n && !image->health_test.n)
		return fail(err, ERROR_INVALID,
			    "startup healthcheck specified but no regular healthcheck: a startup healthcheck must have a "
			    "healthcheck command");
	TRY(settle_destination(&h->log_destination, err));
	if (h->none)
		return strv_add(&h->test, "NONE", err);
	if (h->test.n)   /* an update that leaves the command alone */
		;
	else if (h->command)
		TRY(health_test(h->command, &h->test, err));
	else
		TRY(strv_copy(&h->test, &image->health_test, err));
	if (h->startup_command && !h->startup_test.n)
		TRY(health_test(h->startup_command, &h->startup_test, err));
	if (!h->test.n || streq(h->test.v[0], "NONE")) {
		if (h->on_failure && !streq(h->on_failure, "none"))
			return fail(err, ERROR_INVALID, "cannot set on-failure action to %s without a health check", h->on_failure);
		return 0;
	}
	default_int(&h->interval, h->interval_off ? 0 : image->health_interval, 30 * NSEC_PER_SEC);
	default_int(&h->timeout, image->health_timeout, 30 * NSEC_PER_SEC);
	default_int(&h->start_period, image->health_start_period, 0);
	if (!h->retries.set)
		h->retries = (struct opt_uint){ true, image->health_retries ? image->health_retries : 3 };
	return 0;
}

int health_params_refresh(struct params_health *h, bool command, bool startup, struct error *err)
{
	const struct image_defaults none = {};

	if (h->none || command) {
		strv_done(&h->test);
		h->test = (struct strv){};
	}
	if (h->none || startup) {
		strv_done(&h->startup_test);
		h->startup_test = (struct strv){};
	}
	if (h->none) {
		free(h->startup_command);
		h->startup_command = NULL;
	}
	return resolve_health(h, &none, err);   /* the image's part was taken over at creation */
}

/* ---- mounts ---- */
static bool has_mount(const struct params_storage *s, const char *destination)
{
	const struct param_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++)
		if (streq0(m[i].destination, destination))
			return true;
	return false;
}

static int add_image_volume(struct params_storage *s, const char *path, struct error *err)
{
	bool tmpfs = s->image_volume && streq(s->image_volume, "tmpfs");
	autofree char *rooted = NULL, *clean = NULL;
	struct param_mount *m;

	TRY(str_printf(&rooted, err, "/%s", path));   /* "VOLUME ['/a']" is the volume "[/a]" below the root */
	clean = path_clean(rooted);
	if (!clean)
		return fail_oom(err);
	if (*clean != '/' || streq(clean, "/") || has_mount(s, clean))
		return 0;
	m = list_add(&s->mounts, sizeof(*m), err);
	if (!m)
		return -1;
	m->destination = take_ptr(clean);
	TRY(str_set(&m->type, tmpfs ? "tmpfs" : "volume", err));
	if (tmpfs)
		TRY(strv_add(&m->options, "tmpcopyup", err));
	return str_set(&m->origin, "image", err);
}

/* Those of containers.conf, unless the container has something of its own there. */
static int add_configured_mounts(struct params_storage *s, const struct conf_containers *conf, struct error *err)
{
	struct list all = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < conf->volumes.n; i++)
		r = param_volume_parse(conf->volumes.v[i], &all, err);
	for (size_t i = 0; r >= 0 && i < conf->mounts.n; i++)
		if ((r = param_mount_parse(conf->mounts.v[i], &all, err)) < 0)
			r = fail_wrap(err, "parsing containers.conf mounts");
	struct param_mount *m = all.v;
	for (size_t i = 0; i < all.n; i++) {
		struct param_mount *to = r < 0 || has_mount(s, m[i].destination) ? NULL : list_add(&s->mounts, sizeof(*to), err);
		if (to) {
			*to = m[i];
			m[i] = (struct param_mount){};
		}
		param_mount_done(&m[i]);
	}
	free(all.v);
	return r < 0 ? -1 : 0;
}

/* An artifact must be here when the container is made, not only when it starts. */
static int check_artifacts(struct engine *e, const struct params_storage *s, struct error *err)
{
	const struct param_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++) {
		auto_artifact a = {};
		if (streq0(m[i].type, "artifact"))
			TRY(artifact_find(e, m[i].source, &a, err));
	}
	return 0;
}

static int resolve_storage(struct params_storage *s, const struct image_defaults *image, const struct engine *e,
			   struct error *err)
{
	const struct conf_containers *conf = &e->conf.containers;
	static const char *const modes[] = { "bind", "anonymous", "tmpfs", "ignore" };

	if (!s->image_volume && !str_empty(e->conf.engine.image_volume_mode))
		TRY(str_set(&s->image_volume, e->conf.engine.image_volume_mode, err));
	bool known = !s->image_volume;

	for (size_t i = 0; s->image_volume && i < ARRAY_LEN(modes); i++)
		known |= streq(s->image_volume, modes[i]);
	if (!known)
		return fail(err, ERROR_INVALID, "invalid image-volume type \"%s\": must be one of bind, tmpfs, or ignore: "
						"invalid argument", s->image_volume);
	TRY(add_configured_mounts(s, conf, err));
	for (size_t i = 0; i < conf->devices.n; i++)
		TRY(param_device_parse(conf->devices.v[i], &s->devices, err));
	for (size_t i = 0; (!s->image_volume || !streq(s->image_volume, "ignore")) && i < image->volumes.n; i++)
		TRY(add_image_volume(s, image->volumes.v[i], err));
	if (!s->read_only.set)
		s->read_only = (struct opt_bool){ true, conf->read_only };
	if (!s->shm_size.set) {
		s->shm_size.set = true;
		TRY(size_parse(conf->shm_size ? conf->shm_size : "65536k", &s->shm_size.value, err));
	}
	return 0;
}

/* ---- namespaces ---- */
static int default_ns(struct param_ns *ns, const struct field_custom *parse, const char *conf, enum ns_mode fallback,
		      struct error *err)
{
	if (ns->mode != NS_DEFAULT)
		return 0;
	ns->mode = (int)fallback;
	if (str_empty(conf))
		return 0;
	TRY(parse->parse(NULL, ns, conf, err));
	if (ns->mode == NS_DEFAULT)
		ns->mode = (int)fallback;
	return 0;
}

/* --userns=keep-id[:uid=N,gid=N]: the process is the user that keeps its number. */
static int keep_id_user(const char *options, const struct engine *e, char **ret, struct error *err)
{
	uint32_t uid = e->paths.uid, gid = e->paths.gid;
	auto_strv words = {};

	TRY(strv_split(&words, options ? options : "", ',', err));
	for (size_t i = 0; i < words.n; i++) {
		if (str_after(words.v[i], "uid="))
			parse_u32(words.v[i] + 4, &uid);
		if (str_after(words.v[i], "gid="))
			parse_u32(words.v[i] + 4, &gid);
	}
	return str_printf(ret, err, "%u:%u", uid, gid);
}

static int default_network(struct container_params *p, const struct engine *e, struct error *err)
{
	const char *name = e->conf.network.default_network;

	strv_done(&p->net.networks);
	return strv_add(&p->net.networks, str_empty(name) ? "podman" : name, err);
}

static int resolve_namespaces(struct container_params *p, const struct engine *e, struct error *err)
{
	const struct conf_containers *conf = &e->conf.containers;
	struct params_namespaces *ns = &p->ns;

	TRY(default_ns(&ns->pid, &param_ns_pid_custom, conf->pidns, NS_PRIVATE, err));
	TRY(default_ns(&ns->ipc, &param_ns_ipc_custom, conf->ipcns, NS_SHAREABLE, err));
	TRY(default_ns(&ns->uts, &param_ns_uts_custom, conf->utsns, NS_PRIVATE, err));
	TRY(default_ns(&ns->cgroup, &param_ns_cgroup_custom, conf->cgroupns, NS_PRIVATE, err));
	if (ns->uidmap.n || ns->gidmap.n || ns->subuid_name || ns->subgid_name)
		ns->user.mode = NS_PRIVATE;
	const char *userns = getenv("PODMAN_USERNS");
	TRY(default_ns(&ns->user, &param_ns_user_custom, str_empty(userns) ? conf->userns : userns, NS_HOST, err));
	if (ns->net.mode == NS_DEFAULT && !str_empty(conf->netns))
		TRY(param_ns_net_custom.parse(NULL, p, conf->netns, err));
	if (ns->net.mode == NS_DEFAULT || ns->net.mode == NS_PRIVATE) {
		ns->net.mode = e->paths.rootless ? NS_PASTA : NS_BRIDGE;
		strv_done(&p->net.networks);
	}
	if (ns->net.mode == NS_SLIRP)
		TRY(network_slirp_to_pasta(e, &ns->net, err));
	if (ns->net.mode == NS_PASTA && p->net.networks.n && !e->paths.rootless)
		return fail(err, ERROR_INVALID, "pasta networking is only supported for rootless mode");
	if (ns->net.mode != NS_BRIDGE && ns->net.mode != NS_PASTA)
		strv_done(&p->net.networks);
	else if (ns->net.mode == NS_BRIDGE && (!p->net.networks.n || streq(p->net.networks.v[0], "bridge")))
		TRY(default_network(p, e, err));
	if (ns->user.mode == NS_KEEP_ID && e->paths.rootless && !p->process.user)
		TRY(keep_id_user(ns->user.value, e, &p->process.user, err));
	if (ns->uts.mode == NS_HOST && ns->hostname)
		return fail(err, ERROR_INVALID, "cannot set hostname when running in the host UTS namespace: invalid configuration");
	if (!ns->cgroups && conf->cgroups)
		TRY(str_set(&ns->cgroups, conf->cgroups, err));
	return 0;
}

/* ---- the rest ---- */
static int resolve_labels(struct params_basic *b, const struct image_defaults *image, const struct engine *e,
			  struct error *err)
{
	auto_strmap labels = {};

	TRY(strmap_copy(&labels, &image->labels, err));
	TRY(strmap_copy(&labels, &b->labels, err));
	strmap_done(&b->labels);
	b->labels = labels;
	labels = (struct strmap){};
	for (size_t i = 0; i < e->conf.containers.annotations.n; i++) {
		const char *word = e->conf.containers.annotations.v[i];
		autofree char *key = strndup(word, strcspn(word, "="));
		if (!key)
			return fail_oom(err);
		if (!strmap_get(&b->annotations, key))
			TRY(strmap_add_pair(&b->annotations, word, err));
	}
	return 0;
}

/* Without privileges the score can only be raised. */
static void clamp_oom_score(struct params_resources *r, const struct engine *e)
{
	char text[32];
	int64_t current;

	if (file_read_small(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) <= 0 || !parse_i64(text, &current) ||
	    r->oom_score_adj.value >= current)
		return;
	log_warn(e->log, "Requested oom_score_adj=%lld is lower than the current one, changing to %lld",
		 (long long)r->oom_score_adj.value, (long long)current);
	r->oom_score_adj.value = current;
}

static int resolve_resources(struct container_params *p, const struct engine *e, struct error *err)
{
	const struct conf_containers *conf = &e->conf.containers;
	struct params_resources *r = &p->resources;
	struct list given = r->ulimits;

	/* limits of the configuration first, so that those of the user replace them */
	r->ulimits = (struct list){};
	for (size_t i = 0; i < conf->default_ulimits.n; i++)
		TRY(param_ulimit_parse(conf->default_ulimits.v[i], &r->ulimits, err));
	const struct param_ulimit *u = given.v;
	for (size_t i = 0; i < given.n; i++) {
		struct param_ulimit *to = NULL, *have = r->ulimits.v;
		for (size_t j = 0; j < r->ulimits.n; j++)
			if (streq(have[j].name, u[i].name))
				to = &have[j];
		if (!to)
			to = list_add(&r->ulimits, sizeof(*to), err);
		if (!to)
			return -1;
		free(to->name);
		*to = u[i];
	}
	free(given.v);
	if (!r->pids_limit.set && conf->pids_limit)
		r->pids_limit = (struct opt_int){ true, conf->pids_limit };
	if (!r->oom_score_adj.set)
		r->oom_score_adj = conf->oom_score_adj;
	if (e->paths.rootless && r->oom_score_adj.set)
		clamp_oom_score(r, e);
	for (size_t i = 0; i < conf->cgroup_conf.n; i++)
		TRY(strmap_add_pair(&r->cgroup_conf, conf->cgroup_conf.v[i], err));
	for (size_t i = 0; i < conf->default_sysctls.n; i++) {
		autofree char *key = strndup(conf->default_sysctls.v[i], strcspn(conf->default_sysctls.v[i], "="));
		bool net = key && str_after(key, "net.");
		if (!key)
			return fail_oom(err);
		if (!strmap_get(&p->security.sysctl, key) && !(net && (p->ns.net.mode == NS_HOST || p->ns.net.mode == NS_PATH)))
			TRY(strmap_add_pair(&p->security.sysctl, conf->default_sysctls.v[i], err));
	}
	return 0;
}

static int resolve_log(struct params_log *l, const struct engine *e, struct error *err)
{
	const char *driver = e->conf.containers.log_driver;

	if (!l->driver)
		TRY(str_set(&l->driver, str_empty(driver) ? "k8s-file" : driver, err));
	if (e->conf.containers.log_tag && !strmap_get(&l->options, "tag"))
		TRY(strmap_set(&l->options, "tag", e->conf.containers.log_tag, err));
	return 0;
}

int params_resolve(struct container_params *p, const struct image_defaults *image, struct engine *e, struct error *err)
{
	const struct conf_containers *conf = &e->conf.containers;

	bool own_signal = p->process.stop_signal || !str_empty(image->stop_signal);
	TRY(resolve_process(&p->process, image, e, err));
	TRY(resolve_systemd(p, err));
	if (p->process.systemd_mode && !own_signal)
		TRY(str_set(&p->process.stop_signal, "37", err));   /* SIGRTMIN+3: halt */
	TRY(resolve_labels(&p->basic, image, e, err));
	TRY(resolve_storage(&p->storage, image, e, err));
	TRY(check_artifacts(e, &p->storage, err));
	TRY(resolve_namespaces(p, e, err));
	TRY(resolve_resources(p, e, err));
	TRY(resolve_health(&p->health, image, err));
	TRY(resolve_log(&p->log, e, err));
	p->security.privileged |= conf->privileged;
	if (!p->net.no_hosts.set)
		p->net.no_hosts = (struct opt_bool){ true, conf->no_hosts };
	if (!p->net.dns.n)
		TRY(strv_copy(&p->net.dns, &conf->dns_servers, err));
	if (!p->net.dns_search.n)
		TRY(strv_copy(&p->net.dns_search, &conf->dns_searches, err));
	if (!p->net.dns_options.n)
		TRY(strv_copy(&p->net.dns_options, &conf->dns_options, err));
	return strv_copy(&p->net.expose, &image->exposed_ports, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resolve-impl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/units.h"
#include "engine/artifact.h"
#include "engine/container.h"
#include "engine/network.h"
#include "engine/params-parse.h"
#include "os/file.h"
#include "os/path.h"

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
		/* a namespace that belongs to somebody else keeps what it has */
		bool theirs = p->ns.net.mode == NS_HOST || p->ns.net.mode == NS_PATH || p->ns.net.mode == NS_CONTAINER;
		if (!strmap_get(&p->security.sysctl, key) && !(net && theirs))
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

/* SPDX-License-Identifier: Apache-2.0
 * How a pod comes: record with the intent "creating" -> infra container (which names the pod) -> record without intent.
 * Killed in between, the next look at the pods removes what is there. */
#include <stdlib.h>

#include "base/units.h"
#include "engine/names.h"
#include "engine/params-parse.h"
#include "engine/pod-impl.h"

#define DEFAULT_SHARED "ipc,net,uts"

void pod_params_done(struct pod_params *p)
{
	params_done(&p->c);
	free(p->infra_command);
	free(p->infra_image);
	free(p->infra_name);
	free(p->infra_conmon_pidfile);
	free(p->share);
	free(p->exit_policy);
	*p = (struct pod_params){};
}

/* ---- what is shared ---- */
static int add_shared(struct pod_config *c, const char *kind, struct error *err)
{
	static const char *const known[] = { "cgroup", "ipc", "net", "pid", "uts" };

	if (!*kind || streq(kind, "none"))
		return 0;
	if (streq(kind, "mnt"))
		return fail(err, ERROR_INVALID, "mount sharing functionality not supported on pod level");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(kind, known[i]))
			return strv_has(&c->shared, kind) ? 0 : strv_add(&c->shared, kind, err);
	return fail(err, ERROR_INVALID, "invalid kernel namespace to share: %s. Options are: cgroup, ipc, net, pid, uts or none", kind);
}

/* "ipc,net" or "+pid" (the usual ones and this). */
static int choose_shared(struct pod_config *c, const struct pod_params *p, struct error *err)
{
	const char *word = p->share ? p->share : DEFAULT_SHARED;
	auto_strv kinds = {};
	int user = p->c.ns.user.mode;

	if (*word == '+')
		TRY(strv_split(&kinds, DEFAULT_SHARED, ',', err));
	TRY(strv_split(&kinds, *word == '+' ? word + 1 : word, ',', err));
	for (size_t i = 0; i < kinds.n; i++)
		TRY(add_shared(c, kinds.v[i], err));
	if (strv_has(&c->shared, "cgroup") && c->share_parent)
		return fail(err, ERROR_INVALID, "cannot define the pod as the cgroup parent at the same time as joining the infra "
						"container's cgroupNS: invalid argument");
	if ((user != NS_DEFAULT && user != NS_HOST) || p->c.ns.uidmap.n || p->c.ns.gidmap.n || p->c.ns.subuid_name ||
	    p->c.ns.subgid_name)
		TRY(strv_add(&c->shared, "user", err));
	strv_sort(&c->shared);
	return 0;
}

/* ---- checks ---- */
/* Without an infra container nobody holds what these ask for. */
static int check_without_infra(const struct pod_params *p, struct error *err)
{
	const struct params_network *net = &p->c.net;
	const struct {
		bool given;
		const char *text;
	} rules[] = {
		{ net->no_hosts.set, "cannot specify --no-hosts without an infra container" },
		{ p->infra_name, "cannot set infra-name without an infra container" },
		{ net->ports.n, "you must have an infra container to publish port bindings to the host" },
		{ p->infra_command, "NoInfra and InfraCommand are mutually exclusive pod options: invalid pod spec" },
		{ p->infra_image, "NoInfra and InfraImage are mutually exclusive pod options: invalid pod spec" },
		{ p->c.ns.net.mode != NS_DEFAULT, "NoInfra and network modes cannot be used together" },
		{ net->ip || net->ip6 || net->mac || net->networks.n, "cannot set networks options without infra container" },
		{ net->dns_options.n, "NoInfra and DNSOption are mutually exclusive pod options: invalid pod spec" },
		{ net->dns_search.n, "NoInfra and DNSSearch are mutually exclusive pod options: invalid pod spec" },
		{ net->dns.n, "NoInfra and DNSServer are mutually exclusive pod options: invalid pod spec" },
		{ net->add_hosts.n, "NoInfra and HostAdd are mutually exclusive pod options: invalid pod spec" },
		{ net->hosts_file, "NoInfra and HostsFile are mutually exclusive pod options: invalid pod spec" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].given)
			return fail(err, ERROR_INVALID, "%s", rules[i].text);
	if (p->share && *p->share && !streq(p->share, "none"))
		return fail(err, ERROR_INVALID, "cannot set share(%s) namespaces without an infra container", p->share);
	return 0;
}

static int check_network(const struct pod_params *p, struct error *err)
{
	const struct params_network *net = &p->c.net;
	bool configured = net->ports.n || net->ip || net->ip6 || net->mac || net->aliases.n;

	if (p->c.ns.net.mode == NS_HOST && configured)
		return fail(err, ERROR_INVALID, "cannot set host network if network-related configuration is specified: invalid argument");
	if (p->c.ns.net.mode == NS_NONE && configured)
		return fail(err, ERROR_INVALID, "cannot disable pod network if network-related configuration is specified: invalid argument");
	return 0;
}

static int choose_exit_policy(struct pod_config *c, const struct pod_params *p, const struct engine *e, struct error *err)
{
	const char *word = p->exit_policy ? p->exit_policy : e->conf.engine.pod_exit_policy;

	if (str_empty(word))
		word = "continue";
	if (!streq(word, "continue") && !streq(word, "stop"))
		return fail(err, ERROR_INVALID, "running pod create option: invalid pod exit policy: \"%s\"", word);
	return str_set(&c->exit_policy, word, err);
}

/* ---- the record ---- */
static int fill_config(struct pod *pod, struct pod_params *p, struct error *err)
{
	struct pod_config *c = &pod->config;
	char id[65];

	TRY(random_id(id, err));
	TRY(str_set(&c->id, id, err));
	c->created = time_now();
	c->infra = p->infra.set ? p->infra.value : !(p->share && (!*p->share || streq(p->share, "none")));
	c->share_parent = !p->share_parent.set || p->share_parent.value;
	TRY(c->infra ? choose_shared(c, p, err) : check_without_infra(p, err));
	TRY(check_network(p, err));
	TRY(choose_exit_policy(c, p, pod->engine, err));
	TRY(strmap_copy(&c->labels, &p->c.basic.labels, err));
	TRY(strv_copy(&c->create_command, &p->c.basic.create_command, err));
	c->restart = p->c.basic.restart;
	TRY(str_set(&c->cgroup_parent, p->c.ns.cgroup_parent, err));
	if (c->share_parent)
		TRY(pod_group_path(pod->engine, c->cgroup_parent, id, &c->cgroup, err));
	return params_save(&p->c, &c->settings, err);
}

static int choose_name(struct pod *pod, const char *given, struct error *err)
{
	if (given) {
		TRY(name_check(given, err));
		int taken = pod_name_is_taken(pod->engine, given, err);
		if (taken)
			return taken < 0 ? -1 : fail(err, ERROR_EXISTS, "adding pod to state: name \"%s\" is in use: pod already exists", given);
		return str_set(&pod->config.name, given, err);
	}
	for (unsigned attempt = 0; attempt < 8; attempt++) {
		autofree char *name = NULL;
		TRY(name_random(attempt, &name, err));
		int r = pod_name_is_taken(pod->engine, name, err);
		if (r < 0)
			return -1;
		if (r == 0) {
			pod->config.name = take_ptr(name);
			return 0;
		}
	}
	return fail(err, ERROR_EXISTS, "no free random name was found");
}

/* The name is ours from the moment the record is there. */
static int reserve(struct pod *pod, const char *name, struct error *err)
{
	auto_pod_list swept = {};
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(pod_list(pod->engine, &swept, err));   /* what was begun and left gives its name back */
	TRY(engine_store(pod->engine, &s, err));
	TRY(store_lock(s, "pod", "names", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_POD, -1 }, &lock, err));
	TRY(choose_name(pod, name, err));
	if (!pod->config.hostname)
		TRY(str_set(&pod->config.hostname, pod->config.name, err));
	return pod_set_intent(pod, POD_CREATING, err);
}

/* ---- the infra container ---- */
static int infra_words(const struct pod_params *p, const struct engine *e, struct container_params *c, struct error *err)
{
	const char *image = p->infra_image ? p->infra_image : e->conf.engine.infra_image;
	const char *command = p->infra_command, *usual = e->conf.engine.infra_command;

	/* "/pause" is the table's default and belongs to images that have it as their entrypoint */
	if (!command && !str_empty(image) && !str_empty(usual) && !streq(usual, "/pause"))
		command = usual;
	if (!str_empty(image))
		TRY(str_set(&c->basic.raw_image_name, image, err));
	else
		TRY(str_set(&c->basic.raw_image_name, NULL, err));
	c->basic.infra = true;
	c->image.quiet = true;
	strv_done(&c->process.command);
	if (!str_empty(command)) {
		c->process.entrypoint_given = true;
		if (*command == '[')   /* words with blanks in them, as --entrypoint has it */
			return param_entrypoint_custom.parse(NULL, &c->process, command, err);
		strv_done(&c->process.entrypoint);
		return strv_split(&c->process.entrypoint, command, ' ', err);
	}
	return 0;
}

/* The pod's own group has the limits, not the small process in it. */
static void drop_limits(struct container_params *c)
{
	fields_done(params_resources_rows, c);
	c->resources = (struct params_resources){};
}

static int make_infra(struct pod *pod, struct pod_params *p, struct error *err)
{
	struct container_params *c = &p->c;
	auto_ctr *infra = NULL;

	free(take_ptr(c->basic.name));
	if (p->infra_name)
		TRY(str_set(&c->basic.name, p->infra_name, err));
	else
		TRY(str_printf(&c->basic.name, err, "%.12s-infra", pod->config.id));
	TRY(str_set(&c->basic.pod, pod->config.id, err));
	TRY(infra_words(p, pod->engine, c, err));
	if (c->ns.ipc.mode == NS_DEFAULT && strv_has(&pod->config.shared, "ipc"))
		c->ns.ipc.mode = NS_SHAREABLE;
	strmap_done(&c->basic.labels);
	if (!c->ns.hostname && c->ns.uts.mode != NS_HOST)
		TRY(str_set(&c->ns.hostname, pod->config.hostname, err));
	if (pod->config.cgroup)
		TRY(str_set(&c->ns.cgroup_parent, pod->config.cgroup, err));
	TRY(str_set(&c->basic.conmon_pid_file, p->infra_conmon_pidfile, err));
	drop_limits(c);
	c->storage.read_only = c->basic.raw_image_name ? c->storage.read_only : (struct opt_bool){ true, true };
	c->storage.read_only_tmpfs = (struct opt_bool){ true, false };
	TRY(ctr_create(pod->engine, c, &infra, err));
	return str_set(&pod->config.infra_id, infra->id, err);
}

static int build(struct pod *pod, struct pod_params *p, struct error *err)
{
	autofree char *name = p->c.basic.name ? strdup(p->c.basic.name) : NULL;

	if (p->c.ns.hostname)
		TRY(str_set(&pod->config.hostname, p->c.ns.hostname, err));
	TRY(fill_config(pod, p, err));
	return reserve(pod, name, err);
}

int pod_create(struct engine *e, struct pod_params *params, struct pod **ret, struct error *err)
{
	CLEANUP(pod_params_done) struct pod_params p = *params;
	auto_pod *pod = calloc(1, sizeof(*pod));
	const struct pod_remove_options undo = { .force = true, .timeout = { true, 0 } };
	struct error ignored;

	*params = (struct pod_params){};
	if (!pod)
		return fail_oom(err);
	pod->engine = e;
	TRY(build(pod, &p, err));
	if ((pod->config.infra && make_infra(pod, &p, err) < 0) || pod_set_intent(pod, POD_READY, err) < 0) {
		pod_remove(pod, &undo, NULL, &ignored);
		return -1;
	}
	pod_event(pod, EVENT_CREATE);
	*ret = take_ptr(pod);
	return 0;
}

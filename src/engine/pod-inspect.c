/* SPDX-License-Identifier: Apache-2.0
 * `pod inspect`: the record, what its infra container was asked for, and the members as they are. */
#include <stdlib.h>

#include "base/units.h"
#include "engine/pod-impl.h"

struct view {
	struct pod *pod;
	struct container_params settings;
	struct ctr_list members;
	struct ctr *infra;            /* one of the members; NULL */
	struct json_object *to;
};

static void view_done(struct view *v)
{
	params_done(&v->settings);
	ctr_list_done(&v->members);
	if (v->to)
		json_object_put(v->to);
}

/* ---- small pieces ---- */
static int add_strings(struct json_object *o, const char *key, const struct strv *l, struct error *err)
{
	struct json_object *a = l->n ? json_object_new_array() : NULL;

	for (size_t i = 0; i < l->n; i++)
		json_object_array_add(a, json_object_new_string(l->v[i]));
	return json_add(o, key, a, err);
}

static int add_some_strings(struct json_object *o, const char *key, const struct strv *l, struct error *err)
{
	return l->n ? add_strings(o, key, l, err) : 0;
}

static int add_text(struct json_object *o, const char *key, const char *value, struct error *err)
{
	return str_empty(value) ? 0 : json_add_str(o, key, value, err);
}

static int add_number(struct json_object *o, const char *key, int64_t n, struct error *err)
{
	return n ? json_add(o, key, json_object_new_int64(n), err) : 0;
}

static int add_flag(struct json_object *o, const char *key, bool b, struct error *err)
{
	return json_add(o, key, json_object_new_boolean(b), err);
}

static int add_map(struct json_object *o, const char *key, const struct strmap *m, struct error *err)
{
	struct json_object *map = json_object_new_object();

	if (!map)
		return fail_oom(err);
	for (size_t i = 0; i < m->n; i++)
		json_object_object_add(map, m->v[i].key, json_object_new_string(m->v[i].value));
	return json_add(o, key, map, err);
}

/* ---- infra ---- */
static int add_port(struct json_object *map, const struct param_port *p, int64_t i, struct error *err)
{
	char key[48], port[24];
	struct json_object *list, *one = json_object_new_object();

	if (!one)
		return fail_oom(err);
	snprintf(key, sizeof(key), "%lld/%s", (long long)(p->container_port + i), p->protocol ? p->protocol : "tcp");
	snprintf(port, sizeof(port), "%lld", (long long)(p->host_port + i));
	json_object_object_add(one, "HostIp", json_object_new_string(str_empty(p->host_ip) ? "0.0.0.0" : p->host_ip));
	json_object_object_add(one, "HostPort", json_object_new_string(port));
	list = json_get_array(map, key);
	if (!list) {
		list = json_object_new_array();
		json_object_object_add(map, key, list);
	}
	json_object_array_add(list, one);
	return 0;
}

static int add_ports(struct json_object *o, const struct list *ports, struct error *err)
{
	struct json_object *map = json_object_new_object();
	const struct param_port *p = ports->v;

	if (!map)
		return fail_oom(err);
	for (size_t i = 0; i < ports->n; i++)
		for (int64_t k = 0; k < p[i].range; k++)
			if (add_port(map, &p[i], k, err) < 0) {
				json_object_put(map);
				return -1;
			}
	return json_add(o, "PortBindings", map, err);
}

static int add_mode(struct json_object *o, const char *key, const struct param_ns *ns, struct error *err)
{
	const char *word = ns->mode == NS_DEFAULT || ns->mode == NS_SHAREABLE ? "private" : ns_mode_names[ns->mode];
	autofree char *text = NULL;

	if (!ns->value)
		return json_add_str(o, key, word, err);
	TRY(str_printf(&text, err, "%s:%s", word, ns->value));
	return json_add_str(o, key, text, err);
}

static int fill_infra(struct view *v, struct json_object *o, struct error *err)
{
	const struct container_params *p = &v->infra->params;
	const struct params_network *net = &p->net;

	TRY(add_ports(o, &net->ports, err));
	TRY(add_flag(o, "HostNetwork", p->ns.net.mode == NS_HOST, err));
	TRY(json_add_str(o, "StaticIP", net->ip ? net->ip : "", err));
	TRY(json_add_str(o, "StaticMAC", net->mac ? net->mac : "", err));
	TRY(add_flag(o, "NoManageResolvConf", net->dns.n == 1 && streq(net->dns.v[0], "none"), err));
	TRY(add_strings(o, "DNSServer", &net->dns, err));
	TRY(add_strings(o, "DNSSearch", &net->dns_search, err));
	TRY(add_strings(o, "DNSOption", &net->dns_options, err));
	TRY(add_flag(o, "NoManageHostname", p->ns.no_hostname, err));
	TRY(add_flag(o, "NoManageHosts", net->no_hosts.value, err));
	TRY(add_strings(o, "HostAdd", &net->add_hosts, err));
	TRY(json_add_str(o, "HostsFile", net->hosts_file ? net->hosts_file : "", err));
	TRY(add_strings(o, "Networks", &net->networks, err));
	TRY(json_add(o, "NetworkOptions", NULL, err));
	TRY(add_mode(o, "pid_ns", &p->ns.pid, err));
	TRY(add_mode(o, "userns", &p->ns.user, err));
	return add_mode(o, "uts_ns", &p->ns.uts, err);
}

static int add_infra(struct view *v, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	if (!v->infra)
		return 0;
	TRY(ctr_load(v->infra, err));
	TRY(json_add_str(v->to, "InfraContainerID", v->infra->id, err));
	TRY(fill_infra(v, o, err));
	return json_add(v->to, "InfraConfig", take_ptr(o), err);
}

/* ---- members ---- */
static int add_members(struct view *v, struct error *err)
{
	struct json_object *a = json_object_new_array();

	TRY(json_add(v->to, "NumContainers", json_object_new_int64((int64_t)v->members.n), err));
	if (!v->members.n) {
		json_object_put(a);
		return 0;
	}
	for (size_t i = 0; i < v->members.n; i++) {
		const struct ctr *c = v->members.v[i];
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "Id", json_object_new_string(c->id));
		json_object_object_add(o, "Name", json_object_new_string(c->at.record.name));
		json_object_object_add(o, "State", json_object_new_string(container_state_name(c->at.status.state)));
		json_object_array_add(a, o);
	}
	return json_add(v->to, "Containers", a, err);
}

/* ---- limits and mounts ---- */
static int add_rates(struct json_object *o, const char *key, const char *value_key, const struct list *rates,
		     struct error *err)
{
	const struct param_device_rate *r = rates->v;

	if (!rates->n)
		return 0;
	struct json_object *a = json_object_new_array();
	for (size_t i = 0; i < rates->n; i++) {
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "Path", json_object_new_string(r[i].path));
		json_object_object_add(one, value_key, json_object_new_int64((int64_t)r[i].rate));
		json_object_array_add(a, one);
	}
	return json_add(o, key, a, err);
}

static int add_limits(struct view *v, struct error *err)
{
	const struct params_resources *r = &v->settings.resources;
	double cpus = r->cpus ? strtod(r->cpus, NULL) : 0;

	TRY(add_number(v->to, "cpu_period", r->cpus ? 100000 : (int64_t)r->cpu_period.value, err));
	TRY(add_number(v->to, "cpu_quota", r->cpus ? (int64_t)(cpus * 100000) : r->cpu_quota.value, err));
	TRY(add_number(v->to, "cpu_shares", (int64_t)r->cpu_shares.value, err));
	TRY(add_text(v->to, "cpuset_cpus", r->cpuset_cpus, err));
	TRY(add_text(v->to, "cpuset_mems", r->cpuset_mems, err));
	TRY(add_rates(v->to, "device_read_bps", "Rate", &r->read_bps, err));
	TRY(add_rates(v->to, "device_write_bps", "Rate", &r->write_bps, err));
	TRY(add_number(v->to, "memory_limit", r->memory.value, err));
	TRY(add_number(v->to, "memory_swap", r->memory_swap.set ? r->memory_swap.value : r->memory.value * 2, err));
	TRY(add_number(v->to, "blkio_weight", (int64_t)r->blkio_weight.value, err));
	return add_rates(v->to, "blkio_weight_device", "Weight", &r->blkio_weight_device, err);
}

static int add_mounts(struct view *v, struct error *err)
{
	const struct params_storage *s = v->infra ? &v->infra->params.storage : &v->settings.storage;
	const struct param_mount *m = s->mounts.v;
	const struct param_device *d = s->devices.v;
	struct json_object *mounts = json_object_new_array(), *devices = json_object_new_array();

	for (size_t i = 0; i < s->mounts.n; i++) {
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "Type", json_object_new_string(m[i].type));
		if (streq(m[i].type, "volume"))
			json_object_object_add(o, "Name", json_object_new_string(m[i].source ? m[i].source : ""));
		json_object_object_add(o, "Source", json_object_new_string(m[i].source ? m[i].source : ""));
		json_object_object_add(o, "Destination", json_object_new_string(m[i].destination ? m[i].destination : ""));
		json_object_object_add(o, "RW", json_object_new_boolean(!strv_has(&m[i].options, "ro")));
		add_strings(o, "Options", &m[i].options, err);
		json_object_array_add(mounts, o);
	}
	for (size_t i = 0; i < s->devices.n; i++) {
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "PathOnHost", json_object_new_string(d[i].host ? d[i].host : ""));
		json_object_object_add(o, "PathInContainer", json_object_new_string(d[i].container ? d[i].container : ""));
		json_object_object_add(o, "CgroupPermissions", json_object_new_string(d[i].permissions ? d[i].permissions : ""));
		json_object_array_add(devices, o);
	}
	if (!s->mounts.n)
		json_object_put(mounts);
	else
		TRY(json_add(v->to, "mounts", mounts, err));
	if (!s->devices.n)
		json_object_put(devices);
	else
		TRY(json_add(v->to, "devices", devices, err));
	TRY(add_some_strings(v->to, "volumes_from", &v->settings.storage.volumes_from, err));
	return add_some_strings(v->to, "security_opt", &v->settings.security.security_opt, err);
}

/* ---- the document ---- */
static int add_head(struct view *v, struct error *err)
{
	const struct pod_config *c = &v->pod->config;
	char text[64];

	TRY(json_add_str(v->to, "Id", c->id, err));
	TRY(json_add_str(v->to, "Name", c->name, err));
	TRY(json_add_str(v->to, "Created", time_format_rfc3339(c->created, text), err));
	TRY(add_some_strings(v->to, "CreateCommand", &c->create_command, err));
	TRY(json_add_str(v->to, "ExitPolicy", c->exit_policy, err));
	TRY(json_add_str(v->to, "State", pod_state(&v->members), err));
	TRY(json_add_str(v->to, "Hostname", v->settings.ns.hostname ? v->settings.ns.hostname : "", err));
	TRY(add_map(v->to, "Labels", &c->labels, err));
	TRY(add_flag(v->to, "CreateCgroup", c->share_parent, err));
	TRY(json_add_str(v->to, "CgroupParent", c->cgroup_parent ? c->cgroup_parent :
			 streq(engine_cgroup_manager(v->pod->engine), "systemd") ?
				 v->pod->engine->paths.rootless ? "user.slice" : "machine.slice" : "/libpod_parent", err));
	TRY(add_text(v->to, "CgroupPath", c->cgroup, err));
	return add_flag(v->to, "CreateInfra", c->infra, err);
}

static int fill(struct view *v, struct error *err)
{
	const struct pod_config *c = &v->pod->config;

	TRY(add_head(v, err));
	TRY(add_infra(v, err));
	TRY(add_some_strings(v->to, "SharedNamespaces", &c->shared, err));
	TRY(add_members(v, err));
	TRY(add_limits(v, err));
	TRY(add_mounts(v, err));
	TRY(add_text(v->to, "RestartPolicy", restart_policy_names[c->restart.policy], err));
	return json_add(v->to, "LockNumber", json_object_new_int64(0), err);
}

int pod_inspect(struct pod *p, struct json_object **ret, struct error *err)
{
	CLEANUP(view_done) struct view v = { .pod = p, .to = json_object_new_object() };

	if (!v.to)
		return fail_oom(err);
	TRY(pod_settings(p, &v.settings, err));
	TRY(pod_containers(p, &v.members, err));
	for (size_t i = 0; p->config.infra_id && i < v.members.n; i++)
		if (streq(v.members.v[i]->id, p->config.infra_id))
			v.infra = v.members.v[i];
	TRY(fill(&v, err));
	*ret = take_ptr(v.to);
	return 0;
}

static const char *const maps[] = { "Labels", "PortBindings", "NetworkOptions", NULL };
static const char *const times[] = { "Created", NULL };
static const struct value_absent absent[] = {
	{ "Namespace", "Namespace", VALUE_STR }, { "CPUPeriod", "cpu_period", VALUE_INT }, { "CPUQuota", "cpu_quota", VALUE_INT },
	{ "CPUShares", "cpu_shares", VALUE_INT }, { "CPUSetCPUs", "cpuset_cpus", VALUE_STR },
	{ "CPUSetMems", "cpuset_mems", VALUE_STR }, { "Mounts", "mounts", VALUE_LIST }, { "Devices", "devices", VALUE_LIST },
	{ "BlkioDeviceReadBps", "device_read_bps", VALUE_LIST }, { "BlkioDeviceWriteBps", "device_write_bps", VALUE_LIST },
	{ "VolumesFrom", "volumes_from", VALUE_LIST }, { "SecurityOpts", "security_opt", VALUE_LIST },
	{ "MemoryLimit", "memory_limit", VALUE_INT }, { "MemorySwap", "memory_swap", VALUE_INT },
	{ "BlkioWeight", "blkio_weight", VALUE_INT }, { "BlkioWeightDevice", "blkio_weight_device", VALUE_LIST },
	{ "RestartPolicy", "RestartPolicy", VALUE_STR }, { "CgroupPath", "CgroupPath", VALUE_STR },
	{ "InfraContainerID", "InfraContainerID", VALUE_STR }, { "CreateCommand", "CreateCommand", VALUE_LIST },
	{ "SharedNamespaces", "SharedNamespaces", VALUE_LIST }, { "Containers", "Containers", VALUE_LIST }, {}
};
const struct value_schema pod_schema = { .name = "define.InspectPodData", .maps = maps, .times = times, .absent = absent };

/* SPDX-License-Identifier: Apache-2.0
 * oci/resources.c - linux.resources as the cgroup module takes them. */
#include "oci/resources.h"

#include <stdlib.h>

static int convert_rule(const struct oci_device_rule *d, struct cgroup_device *to, struct error *err)
{
	const char *access = d->access ? d->access : "rwm";
	char type = str_empty(d->type) ? 'a' : d->type[0];

	if ((type != 'a' && type != 'b' && type != 'c') || (d->type && strlen(d->type) > 1))
		return fail(err, ERROR_INVALID, "linux.resources.devices: unknown type \"%s\"", d->type);
	if (access[strspn(access, "rwm")])
		return fail(err, ERROR_INVALID, "linux.resources.devices: unknown access \"%s\"", access);
	*to = (struct cgroup_device){
		.allow = d->allow, .type = type,
		.major = d->major.set ? d->major.value : -1, .minor = d->minor.set ? d->minor.value : -1,
		.read = strchr(access, 'r'), .write = strchr(access, 'w'), .mknod = strchr(access, 'm'),
	};
	return 0;
}

/* What a container cannot do without, as runc and crun allow after the rules of the specification. */
static const struct cgroup_device always[] = {
	{ true, 'c', -1, -1, false, false, true },  { true, 'b', -1, -1, false, false, true },
	{ true, 'c', 1, 3, true, true, true },      { true, 'c', 1, 8, true, true, true },
	{ true, 'c', 1, 7, true, true, true },      { true, 'c', 5, 0, true, true, true },
	{ true, 'c', 1, 5, true, true, true },      { true, 'c', 1, 9, true, true, true },
	{ true, 'c', 5, 1, true, true, true },      { true, 'c', 136, -1, true, true, true },
	{ true, 'c', 5, 2, true, true, true },
};

static int convert_devices(const struct oci_resources *r, struct list *to, struct error *err)
{
	const struct oci_device_rule *d = r->devices.v;

	if (!r->devices.n)
		return 0;
	for (size_t i = 0; i < r->devices.n; i++) {
		struct cgroup_device *at = list_add(to, sizeof(*at), err);
		if (!at)
			return -1;
		TRY(convert_rule(&d[i], at, err));
	}
	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		struct cgroup_device *at = list_add(to, sizeof(*at), err);
		if (!at)
			return -1;
		*at = always[i];
	}
	return 0;
}

static int convert_memory(const struct oci_memory *m, struct cgroup_memory *to)
{
	*to = (struct cgroup_memory){
		.limit = m->limit, .reservation = m->reservation, .swap = m->swap, .kernel = m->kernel,
		.kernel_tcp = m->kernel_tcp, .swappiness = m->swappiness, .disable_oom_killer = m->disable_oom_killer,
		.use_hierarchy = m->use_hierarchy, .check_before_update = m->check_before_update,
	};
	return 0;
}

static int check_list(const char *what, const char *text, struct error *err)
{
	if (!str_empty(text) && !cgroup_list_is_valid(text))
		return fail(err, ERROR_INVALID, "linux.resources.cpu.%s: invalid list `%s`", what, text);
	return 0;
}

static int convert_cpu(const struct oci_cpu *c, struct cgroup_cpu *to, struct error *err)
{
	TRY(check_list("cpus", c->cpus, err));
	TRY(check_list("mems", c->mems, err));
	to->shares = c->shares;
	to->period = c->period;
	to->quota = c->quota;
	to->burst = c->burst;
	to->idle = c->idle;
	to->realtime_period = c->realtime_period;
	to->realtime_runtime = c->realtime_runtime;
	TRY(str_set(&to->cpus, str_empty(c->cpus) ? NULL : c->cpus, err));
	return str_set(&to->mems, str_empty(c->mems) ? NULL : c->mems, err);
}

static int convert_throttle(const struct list *from, struct list *to, struct error *err)
{
	const struct oci_throttle_device *d = from->v;

	for (size_t i = 0; i < from->n; i++) {
		struct cgroup_throttle_device *at = list_add(to, sizeof(*at), err);
		if (!at)
			return -1;
		*at = (struct cgroup_throttle_device){ d[i].major, d[i].minor, d[i].rate };
	}
	return 0;
}

static int convert_block_io(const struct oci_block_io *b, struct cgroup_blkio *to, struct error *err)
{
	const struct oci_weight_device *d = b->weight_device.v;

	to->weight = b->weight;
	to->leaf_weight = b->leaf_weight;
	for (size_t i = 0; i < b->weight_device.n; i++) {
		struct cgroup_weight_device *at = list_add(&to->weight_device, sizeof(*at), err);
		if (!at)
			return -1;
		*at = (struct cgroup_weight_device){ d[i].major, d[i].minor, d[i].weight, d[i].leaf_weight };
	}
	TRY(convert_throttle(&b->read_bps, &to->read_bps, err));
	TRY(convert_throttle(&b->write_bps, &to->write_bps, err));
	TRY(convert_throttle(&b->read_iops, &to->read_iops, err));
	return convert_throttle(&b->write_iops, &to->write_iops, err);
}

static int convert_hugepages(const struct list *from, struct list *to, struct error *err)
{
	const struct oci_hugepage_limit *h = from->v;

	for (size_t i = 0; i < from->n; i++) {
		struct cgroup_hugepage *at = list_add(to, sizeof(*at), err);
		if (!at)
			return -1;
		at->limit = h[i].limit;
		TRY(str_set(&at->page_size, h[i].page_size, err));
	}
	return 0;
}

static int convert_rdma(struct json_object *rdma, struct list *to, struct error *err)
{
	if (!rdma)
		return 0;
	if (!json_object_is_type(rdma, json_type_object))
		return fail(err, ERROR_INVALID, "linux.resources.rdma is not an object");
	json_object_object_foreach(rdma, device, limits) {
		struct cgroup_rdma *at = list_add(to, sizeof(*at), err);
		if (!at)
			return -1;
		TRY(str_set(&at->device, device, err));
		int64_t handles = json_get_i64(limits, "hcaHandles", -1), objects = json_get_i64(limits, "hcaObjects", -1);
		if (handles >= 0)
			at->handles = (struct opt_uint){ true, (uint64_t)handles };
		if (objects >= 0)
			at->objects = (struct opt_uint){ true, (uint64_t)objects };
	}
	return 0;
}

static int convert_network(const struct oci_network *n, struct cgroup_resources *to, struct error *err)
{
	const struct oci_interface_priority *p = n->priorities.v;

	to->net_class = n->class_id;
	for (size_t i = 0; i < n->priorities.n; i++) {
		struct cgroup_net_prio *at = list_add(&to->net_prio, sizeof(*at), err);
		if (!at)
			return -1;
		at->priority = (uint32_t)p[i].priority;
		TRY(str_set(&at->name, p[i].name, err));
	}
	return 0;
}

static int convert_all(const struct oci_resources *r, struct cgroup_resources *to, struct error *err)
{
	TRY(convert_devices(r, &to->devices, err));
	TRY(convert_memory(&r->memory, &to->memory));
	TRY(convert_cpu(&r->cpu, &to->cpu, err));
	to->pids = r->pids.limit;
	TRY(convert_block_io(&r->block_io, &to->blkio, err));
	TRY(convert_hugepages(&r->hugepage_limits, &to->hugepages, err));
	TRY(convert_rdma(r->rdma, &to->rdma, err));
	TRY(convert_network(&r->network, to, err));
	return strmap_copy(&to->unified, &r->unified, err);
}

int oci_resources_convert(const struct oci_resources *r, struct cgroup_resources *ret, struct error *err)
{
	struct cgroup_resources to = {};

	if (r && convert_all(r, &to, err) < 0) {
		cgroup_resources_done(&to);
		return -1;
	}
	*ret = to;
	return 0;
}

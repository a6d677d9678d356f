/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-set.c - limits into control files.
 *
 * What fails because the host lacks it (no directory, no file, no right) is a warning, unless required; what fails
 * because the value makes no sense (EINVAL, ERANGE, EBUSY ...) is always an error, as the user asked for something else
 * than what would run. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "os/cgroup-host.h"
#include "os/file.h"

#define V1_MEMSW "memory.memsw.limit_in_bytes"
#define V1_LIMIT "memory.limit_in_bytes"

struct setting {
	const struct cgroup *c;
	const struct cgroup_resources *r;
	struct cgroup_warnings *w;
	struct error *err;
};

static bool host_lacks(int errnum)
{
	return errnum == ENOENT || errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == ENODEV ||
	       errnum == EOPNOTSUPP;
}

static int complain(const struct setting *s, enum cgroup_controller c, int errnum, const char *file)
{
	const char *name = cgroup_controller_name(c);

	if (!host_lacks(errnum))
		return fail_with(s->err, errnum, "set %s", file);
	if (s->r->required & BIT_OF(c))
		return fail_with(s->err, errnum, "set %s: this host cannot apply the %s limit", file, name);
	cgroup_warn(s->w, "%s is not applied: the %s controller is not usable here (%s)", file, name, strerror(errnum));
	return 0;
}

/* Writes; 0, or -errno. */
static int try_put(const struct setting *s, enum cgroup_controller c, const char *file, const char *text)
{
	int fd = cgroup_controller_fd(s->c, c);

	return fd < 0 ? -ENOENT : file_try_write(fd, file, text);
}

static int put(const struct setting *s, enum cgroup_controller c, const char *file, const char *text)
{
	int r = try_put(s, c, file, text);

	return r < 0 ? complain(s, c, -r, file) : 0;
}

static int __attribute__((format(printf, 4, 5)))
putf(const struct setting *s, enum cgroup_controller c, const char *file, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n < (int)sizeof(text) ? put(s, c, file, text) : complain(s, c, E2BIG, file);
}

static int put_i64(const struct setting *s, enum cgroup_controller c, const char *file, int64_t v)
{
	return putf(s, c, file, "%" PRId64, v);
}

/* v2 writes "no limit" as a word. */
static int put_max(const struct setting *s, enum cgroup_controller c, const char *file, int64_t v)
{
	return v < 0 ? put(s, c, file, "max") : put_i64(s, c, file, v);
}

static void not_on_v2(const struct setting *s, bool set, const char *what)
{
	if (set)
		cgroup_warn(s->w, "%s does not exist on cgroup v2: ignored", what);
}

/* ---- memory ---- */

static int check_usage(const struct setting *s, const struct cgroup_memory *m)
{
	const char *file = cgroup_is_v2(s->c) ? "memory.current" : "memory.usage_in_bytes";
	int fd = cgroup_controller_fd(s->c, CGROUP_MEMORY);
	uint64_t usage;
	char text[64];

	if (!m->check_before_update.value || !m->limit.set || m->limit.value < 0 || fd < 0)
		return 0;
	if (file_read_small(fd, file, text, sizeof(text)) < 0 || !parse_u64(text, &usage))
		return 0;
	if (usage <= (uint64_t)m->limit.value)
		return 0;
	return fail(s->err, ERROR_INVALID, "memory limit %" PRId64 ": %" PRIu64 " bytes are in use", m->limit.value,
		    usage);
}

/* The limit may not exceed memory+swap, whose old value stands in the way when both grow: then the other order. */
static int set_memory_v1_limits(const struct setting *s, const struct cgroup_memory *m)
{
	char limit[32], swap[32];
	bool with_swap = m->swap.set && m->swap.value != 0;
	int r = 0;

	snprintf(limit, sizeof(limit), "%" PRId64, m->limit.value);
	snprintf(swap, sizeof(swap), "%" PRId64, m->swap.value);
	if (m->limit.set && m->limit.value != 0)
		r = try_put(s, CGROUP_MEMORY, V1_LIMIT, limit);
	if ((r == -EINVAL || r == -EBUSY) && with_swap && try_put(s, CGROUP_MEMORY, V1_MEMSW, swap) == 0)
		return put(s, CGROUP_MEMORY, V1_LIMIT, limit);
	if (r < 0)
		return complain(s, CGROUP_MEMORY, -r, V1_LIMIT);
	/* kernels without swap accounting lack the file */
	return with_swap ? put(s, CGROUP_MEMORY, V1_MEMSW, swap) : 0;
}

static int set_memory_v1(const struct setting *s, const struct cgroup_memory *m)
{
	TRY(set_memory_v1_limits(s, m));
	if (m->reservation.set && m->reservation.value != 0)
		TRY(put_i64(s, CGROUP_MEMORY, "memory.soft_limit_in_bytes", m->reservation.value));
	if (m->kernel_tcp.set)
		TRY(put_i64(s, CGROUP_MEMORY, "memory.kmem.tcp.limit_in_bytes", m->kernel_tcp.value));
	if (m->kernel.set && try_put(s, CGROUP_MEMORY, "memory.kmem.limit_in_bytes", "-1") < 0)
		cgroup_warn(s->w, "the kernel memory limit no longer exists: ignored");
	if (m->swappiness.set)
		TRY(put_i64(s, CGROUP_MEMORY, "memory.swappiness", (int64_t)m->swappiness.value));
	if (m->disable_oom_killer.set)
		TRY(put(s, CGROUP_MEMORY, "memory.oom_control", m->disable_oom_killer.value ? "1" : "0"));
	return 0;
}

/* v1 limits memory+swap together, v2 the swap alone. */
static int set_swap_v2(const struct setting *s, const struct cgroup_memory *m)
{
	int64_t swap = m->swap.value;

	if (!m->swap.set || swap == 0)
		return 0;
	if (swap > 0) {
		if (!m->limit.set || m->limit.value <= 0)
			return fail(s->err, ERROR_INVALID, "a limit of memory and swap needs a memory limit as well");
		if (swap < m->limit.value)
			return fail(s->err, ERROR_INVALID, "memory+swap limit %" PRId64 ": less than the memory limit",
				    swap);
		swap -= m->limit.value;
	}
	int fd = cgroup_controller_fd(s->c, CGROUP_MEMORY);
	/* without swap in the kernel there is nothing to limit */
	if (swap <= 0 && fd >= 0 && faccessat(fd, "memory.swap.max", F_OK, 0) < 0)
		return 0;
	return put_max(s, CGROUP_MEMORY, "memory.swap.max", swap);
}

static int set_memory_v2(const struct setting *s, const struct cgroup_memory *m)
{
	TRY(set_swap_v2(s, m));
	if (m->limit.set && m->limit.value != 0)
		TRY(put_max(s, CGROUP_MEMORY, "memory.max", m->limit.value));
	if (m->reservation.set && m->reservation.value != 0)
		TRY(put_max(s, CGROUP_MEMORY, "memory.low", m->reservation.value));
	not_on_v2(s, m->kernel.set || m->kernel_tcp.set, "a kernel memory limit");
	not_on_v2(s, m->swappiness.set, "memory swappiness");
	not_on_v2(s, m->disable_oom_killer.set && m->disable_oom_killer.value, "disabling the OOM killer");
	return 0;
}

/* ---- cpu ---- */

uint64_t cgroup_shares_to_weight(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

/* A shrinking period next to an old quota may be refused in one order and taken in the other. */
static int set_cfs_v1(const struct setting *s, const struct cgroup_cpu *c)
{
	char period[32], quota[32];
	int r = 0;

	snprintf(period, sizeof(period), "%" PRIu64, c->period.value);
	snprintf(quota, sizeof(quota), "%" PRId64, c->quota.value <= 0 ? -1 : c->quota.value);
	if (c->period.set && c->period.value)
		r = try_put(s, CGROUP_CPU, "cpu.cfs_period_us", period);
	if (c->quota.set && c->quota.value)
		TRY(put(s, CGROUP_CPU, "cpu.cfs_quota_us", quota));
	if (r == -EINVAL && c->quota.set)
		r = try_put(s, CGROUP_CPU, "cpu.cfs_period_us", period);
	return r < 0 ? complain(s, CGROUP_CPU, -r, "cpu.cfs_period_us") : 0;
}

static int set_cpu_v1(const struct setting *s, const struct cgroup_cpu *c)
{
	if (c->shares.set && c->shares.value)
		TRY(put_i64(s, CGROUP_CPU, "cpu.shares", (int64_t)c->shares.value));
	TRY(set_cfs_v1(s, c));
	if (c->burst.set)
		TRY(put_i64(s, CGROUP_CPU, "cpu.cfs_burst_us", (int64_t)c->burst.value));
	if (c->realtime_period.set && c->realtime_period.value)
		TRY(put_i64(s, CGROUP_CPU, "cpu.rt_period_us", (int64_t)c->realtime_period.value));
	if (c->realtime_runtime.set && c->realtime_runtime.value &&
	    put_i64(s, CGROUP_CPU, "cpu.rt_runtime_us", c->realtime_runtime.value) < 0)
		return s->err->errnum != EINVAL ? -1 :
			fail(s->err, ERROR_INVALID, "set cpu.rt_runtime_us to %" PRId64 ": Invalid argument: more than the period or "
			     "than the groups above have: raise cpu.rt_runtime_us there first", c->realtime_runtime.value);
	return c->idle.set ? put_i64(s, CGROUP_CPU, "cpu.idle", c->idle.value) : 0;
}

static int set_cpu_v2(const struct setting *s, const struct cgroup_cpu *c)
{
	uint64_t period = c->period.set && c->period.value ? c->period.value : 100000;

	if (c->idle.set)
		TRY(put_i64(s, CGROUP_CPU, "cpu.idle", c->idle.value));
	if (c->shares.set && c->shares.value)
		TRY(put_i64(s, CGROUP_CPU, "cpu.weight", (int64_t)cgroup_shares_to_weight(c->shares.value)));
	if (c->quota.set && c->quota.value > 0)
		TRY(putf(s, CGROUP_CPU, "cpu.max", "%" PRId64 " %" PRIu64, c->quota.value, period));
	else if (c->quota.set || (c->period.set && c->period.value))
		TRY(putf(s, CGROUP_CPU, "cpu.max", "max %" PRIu64, period));
	if (c->burst.set)
		TRY(put_i64(s, CGROUP_CPU, "cpu.max.burst", (int64_t)c->burst.value));
	not_on_v2(s, (c->realtime_period.set && c->realtime_period.value) ||
		     (c->realtime_runtime.set && c->realtime_runtime.value), "a realtime cpu limit");
	return 0;
}

bool cgroup_list_is_valid(const char *text)
{
	const char *p = text;

	for (;;) {
		uint64_t from = 0, to = 0;
		size_t n = strspn(p, "0123456789");
		if (n == 0 || n > 9)
			return false;
		for (size_t i = 0; i < n; i++)
			from = from * 10 + (uint64_t)(p[i] - '0');
		p += n;
		if (*p == '-') {
			n = strspn(++p, "0123456789");
			if (n == 0 || n > 9)
				return false;
			for (size_t i = 0; i < n; i++)
				to = to * 10 + (uint64_t)(p[i] - '0');
			if (to < from)
				return false;
			p += n;
		}
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

static int set_cpuset(const struct setting *s, const struct cgroup_cpu *c)
{
	const struct { const char *value, *file; } lists[] = { { c->cpus, "cpuset.cpus" }, { c->mems, "cpuset.mems" } };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (str_empty(lists[i].value))
			continue;
		if (!cgroup_list_is_valid(lists[i].value))
			return fail(s->err, ERROR_INVALID, "%s: %.60s is not a list like 0-3,7", lists[i].file,
				    lists[i].value);
		TRY(put(s, CGROUP_CPUSET, lists[i].file, lists[i].value));
	}
	return 0;
}

/* ---- block devices ---- */

static int set_throttle(const struct setting *s, const struct list *l, const char *v1_file, const char *v2_key)
{
	const struct cgroup_throttle_device *d = l->v;

	for (size_t i = 0; i < l->n; i++) {
		if (cgroup_is_v2(s->c))
			TRY(putf(s, CGROUP_BLKIO, "io.max", "%" PRId64 ":%" PRId64 " %s=%" PRIu64, d[i].major, d[i].minor,
				 v2_key, d[i].rate));
		else
			TRY(putf(s, CGROUP_BLKIO, v1_file, "%" PRId64 ":%" PRId64 " %" PRIu64, d[i].major, d[i].minor,
				 d[i].rate));
	}
	return 0;
}

uint64_t cgroup_io_weight(uint64_t w)
{
	return w < 10 ? 1 : 1 + (w - 10) * 9999 / 990;
}

static int set_weight(const struct setting *s, uint64_t weight)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, weight);
	if (cgroup_is_v2(s->c)) {
		if (try_put(s, CGROUP_BLKIO, "io.bfq.weight", text) == 0)
			return 0;
		return putf(s, CGROUP_BLKIO, "io.weight", "default %" PRIu64, cgroup_io_weight(weight));
	}
	if (try_put(s, CGROUP_BLKIO, "blkio.bfq.weight", text) == 0)
		return 0;
	return put(s, CGROUP_BLKIO, "blkio.weight", text);
}

static int set_device_weights(const struct setting *s, const struct list *l)
{
	const struct cgroup_weight_device *d = l->v;

	for (size_t i = 0; i < l->n; i++) {
		if (!d[i].weight.set)
			continue;
		if (cgroup_is_v2(s->c))
			TRY(putf(s, CGROUP_BLKIO, "io.bfq.weight", "%" PRId64 ":%" PRId64 " %" PRIu64, d[i].major,
				 d[i].minor, d[i].weight.value));
		else
			TRY(putf(s, CGROUP_BLKIO, "blkio.bfq.weight_device", "%" PRId64 ":%" PRId64 " %" PRIu64, d[i].major,
				 d[i].minor, d[i].weight.value));
	}
	return 0;
}

static int set_blkio(const struct setting *s, const struct cgroup_blkio *b)
{
	if (b->weight.set && b->weight.value)
		TRY(set_weight(s, b->weight.value));
	if (b->leaf_weight.set && !cgroup_is_v2(s->c))
		TRY(put_i64(s, CGROUP_BLKIO, "blkio.leaf_weight", (int64_t)b->leaf_weight.value));
	not_on_v2(s, b->leaf_weight.set && cgroup_is_v2(s->c), "a block io leaf weight");
	TRY(set_device_weights(s, &b->weight_device));
	TRY(set_throttle(s, &b->read_bps, "blkio.throttle.read_bps_device", "rbps"));
	TRY(set_throttle(s, &b->write_bps, "blkio.throttle.write_bps_device", "wbps"));
	TRY(set_throttle(s, &b->read_iops, "blkio.throttle.read_iops_device", "riops"));
	return set_throttle(s, &b->write_iops, "blkio.throttle.write_iops_device", "wiops");
}

/* ---- the rest ---- */

/* A part of a file name that the user gave ("2MB"): letters and digits only. */
static bool is_file_part(const char *text)
{
	return *text && strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == strlen(text);
}

static int set_hugepages(const struct setting *s)
{
	const struct cgroup_hugepage *h = s->r->hugepages.v;
	const char *last = cgroup_is_v2(s->c) ? "max" : "limit_in_bytes";
	char file[64];

	for (size_t i = 0; i < s->r->hugepages.n; i++) {
		if (str_empty(h[i].page_size) || strlen(h[i].page_size) > 16 || !is_file_part(h[i].page_size))
			return fail(s->err, ERROR_INVALID, "huge page size %.40s: expected for example 2MB",
				    h[i].page_size ? h[i].page_size : "");
		snprintf(file, sizeof(file), "hugetlb.%s.%s", h[i].page_size, last);
		TRY(putf(s, CGROUP_HUGETLB, file, "%" PRIu64, h[i].limit));
	}
	return 0;
}

static int set_rdma(const struct setting *s)
{
	const struct cgroup_rdma *d = s->r->rdma.v;
	char handles[32], objects[32];

	for (size_t i = 0; i < s->r->rdma.n; i++) {
		handles[0] = objects[0] = '\0';
		if (d[i].handles.set)
			snprintf(handles, sizeof(handles), " hca_handle=%" PRIu64, d[i].handles.value);
		if (d[i].objects.set)
			snprintf(objects, sizeof(objects), " hca_object=%" PRIu64, d[i].objects.value);
		TRY(putf(s, CGROUP_RDMA, "rdma.max", "%s%s%s", d[i].device ? d[i].device : "", handles, objects));
	}
	return 0;
}

static int set_network(const struct setting *s)
{
	const struct cgroup_net_prio *p = s->r->net_prio.v;

	if (cgroup_is_v2(s->c)) {
		not_on_v2(s, s->r->net_class.set || s->r->net_prio.n, "a network class or priority");
		return 0;
	}
	if (s->r->net_class.set)
		TRY(put_i64(s, CGROUP_NET_CLS, "net_cls.classid", (int64_t)s->r->net_class.value));
	for (size_t i = 0; i < s->r->net_prio.n; i++)
		TRY(putf(s, CGROUP_NET_PRIO, "net_prio.ifpriomap", "%s %u", p[i].name ? p[i].name : "", p[i].priority));
	return 0;
}

static enum cgroup_controller controller_of_file(const char *file)
{
	size_t len = strcspn(file, ".");

	if (len == 2 && strncmp(file, "io", 2) == 0)
		return CGROUP_BLKIO;
	for (int c = 0; c < CGROUP_CONTROLLER_MAX; c++)
		if (strlen(cgroup_controller_name(c)) == len && strncmp(file, cgroup_controller_name(c), len) == 0)
			return c;
	return CGROUP_UNIFIED;
}

static int set_unified(const struct setting *s)
{
	const struct strmap *m = &s->r->unified;

	if (m->n && !cgroup_is_v2(s->c)) {
		cgroup_warn(s->w, "unified cgroup settings need cgroup v2: %s is ignored", m->v[0].key);
		return 0;
	}
	for (size_t i = 0; i < m->n; i++) {
		if (!*m->v[i].key || strchr(m->v[i].key, '/') || m->v[i].key[0] == '.')
			return fail(s->err, ERROR_INVALID, "unified cgroup setting %.60s: not a file name", m->v[i].key);
		TRY(put(s, controller_of_file(m->v[i].key), m->v[i].key, m->v[i].value));
	}
	return 0;
}

static int set_pids(const struct setting *s)
{
	if (!s->r->pids.set)
		return 0;
	/* "no limit" is what a new group has: only worth writing where a directory exists anyway */
	if (s->r->pids.value <= 0)
		return cgroup_controller_fd(s->c, CGROUP_PIDS) < 0 ? 0 : put(s, CGROUP_PIDS, "pids.max", "max");
	return put_i64(s, CGROUP_PIDS, "pids.max", s->r->pids.value);
}

int cgroup_set(struct cgroup *c, const struct cgroup_resources *r, struct cgroup_warnings *w, struct error *err)
{
	struct setting s = { .c = c, .r = r, .w = w, .err = err };

	if (!c->made)
		return r->required ? fail(err, ERROR_UNSUPPORTED, "resource limits: there is no control group") : 0;
	TRY(check_usage(&s, &r->memory));
	TRY(cgroup_is_v2(c) ? set_memory_v2(&s, &r->memory) : set_memory_v1(&s, &r->memory));
	TRY(cgroup_is_v2(c) ? set_cpu_v2(&s, &r->cpu) : set_cpu_v1(&s, &r->cpu));
	TRY(set_cpuset(&s, &r->cpu));
	TRY(set_pids(&s));
	TRY(set_blkio(&s, &r->blkio));
	TRY(set_hugepages(&s));
	TRY(set_rdma(&s));
	TRY(set_network(&s));
	TRY(set_unified(&s));
	if (r->devices.n == 0)
		return 0;
	return cgroup_set_devices(c, &r->devices, w, r->required & BIT_OF(CGROUP_DEVICES), err);
}

void cgroup_resources_done(struct cgroup_resources *r)
{
	struct cgroup_hugepage *h = r->hugepages.v;
	struct cgroup_rdma *d = r->rdma.v;
	struct cgroup_net_prio *p = r->net_prio.v;

	for (size_t i = 0; i < r->hugepages.n; i++)
		free(h[i].page_size);
	for (size_t i = 0; i < r->rdma.n; i++)
		free(d[i].device);
	for (size_t i = 0; i < r->net_prio.n; i++)
		free(p[i].name);
	free(r->hugepages.v);
	free(r->rdma.v);
	free(r->net_prio.v);
	free(r->blkio.weight_device.v);
	free(r->blkio.read_bps.v);
	free(r->blkio.write_bps.v);
	free(r->blkio.read_iops.v);
	free(r->blkio.write_iops.v);
	free(r->devices.v);
	free(r->cpu.cpus);
	free(r->cpu.mems);
	strmap_done(&r->unified);
	*r = (struct cgroup_resources){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stats.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/top.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

#define BIT(c) (1u << (c))

/* ---- processes ---- */
struct processes {
	uint64_t cpu_ns, system_ns, rss, n;
};

static int add_up(struct ctr *c, struct processes *ret, struct error *err)
{
	CLEANUP(cgroup_pids_done) struct cgroup_pids pids = {};
	int64_t tick = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);

	TRY(top_pids(c, &pids, err));
	for (size_t i = 0; i < pids.n; i++) {
		struct process_stat st;
		if (process_stat(PROC_HOST, pids.v[i], &st, err) != 1)
			continue;
		ret->cpu_ns += (st.utime + st.stime) * (uint64_t)tick;
		ret->system_ns += st.stime * (uint64_t)tick;
		ret->rss += st.rss;
		ret->n++;
	}
	return 0;
}

/* ---- network ---- */
static bool has_host_network(pid_t pid)
{
	struct error ignored;
	autoclose int ours = ns_open(0, NS_NET, &ignored);
	autoclose int its = ns_open(pid, NS_NET, &ignored);

	return ours >= 0 && its >= 0 && ns_same(ours, its);
}

enum { RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPPED, TX_BYTES, TX_PACKETS, TX_ERRORS, TX_DROPPED, LINK_NUMBERS };
struct link_counts {
	char name[32];
	unsigned long long v[LINK_NUMBERS];
};

/* "  eth0: 1 2 3 ..." -> 1; lo and what is no such line: 0. */
static bool parse_link(char *line, struct link_counts *ret)
{
	char *name = line + strspn(line, " "), *colon = strchr(name, ':');

	if (!colon || str_after(name, "lo:"))
		return false;
	*colon = '\0';
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return sscanf(colon + 1, "%llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &ret->v[RX_BYTES], &ret->v[RX_PACKETS],
		      &ret->v[RX_ERRORS], &ret->v[RX_DROPPED], &ret->v[TX_BYTES], &ret->v[TX_PACKETS], &ret->v[TX_ERRORS],
		      &ret->v[TX_DROPPED]) == LINK_NUMBERS;
}

static int each_link(pid_t pid, int (*do_link)(void *arg, const struct link_counts *l, struct error *err), void *arg, struct error *err)
{
	autofree char *text = NULL;
	struct error ignored;
	char path[48], *rest = NULL;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (has_host_network(pid) || file_read(AT_FDCWD, path, 1 << 20, &text, NULL, &ignored) != 1)
		return 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct link_counts l;
		if (parse_link(line, &l))
			TRY(do_link(arg, &l, err));
	}
	return 0;
}

static int add_bytes(void *arg, const struct link_counts *l, struct error *err)
{
	struct ctr_stats *s = arg;

	(void)err;
	s->rx += l->v[RX_BYTES];
	s->tx += l->v[TX_BYTES];
	return 0;
}

static int show_link(void *arg, const struct link_counts *l, struct error *err)
{
	static const char *const names[] = {
		[RX_BYTES] = "RxBytes", [RX_PACKETS] = "RxPackets", [RX_ERRORS] = "RxErrors", [RX_DROPPED] = "RxDropped",
		[TX_BYTES] = "TxBytes", [TX_PACKETS] = "TxPackets", [TX_ERRORS] = "TxErrors", [TX_DROPPED] = "TxDropped",
	};
	auto_json *counts = json_object_new_object();

	if (!counts)
		return fail_oom(err);
	for (size_t i = 0; i < LINK_NUMBERS; i++)
		TRY(json_add(counts, names[i], json_object_new_uint64(l->v[i]), err));
	return json_add(arg, l->name, take_ptr(counts), err);
}

int ctr_stats_network(int64_t pid, struct json_object **ret, struct error *err)
{
	auto_json *links = json_object_new_object();

	if (!links)
		return fail_oom(err);
	TRY(each_link((pid_t)pid, show_link, links, err));
	*ret = take_ptr(links);
	return 0;
}

int ctr_stats_per_cpu(struct ctr *c, struct numv *ret, struct error *err)
{
	enum { CPUS_MAX = 1024 };
	auto_cgroup g = CGROUP_INIT;
	int has = ctr_cgroup(c, &g, err);

	if (has <= 0)
		return has;
	autofree uint64_t *v = calloc(CPUS_MAX, sizeof(*v));
	if (!v)
		return fail_oom(err);
	size_t n = cgroup_cpu_each(&g, v, CPUS_MAX);
	*ret = (struct numv){ take_ptr(v), n };
	return 0;
}

/* ---- the sum ---- */
static uint64_t machine_memory(void)
{
	struct sysinfo i;

	return sysinfo(&i) == 0 ? (uint64_t)i.totalram * i.mem_unit : 0;
}

/* 1: *ret read (what no controller counts there is the sum of its processes); 0: it has no group. */
static int read_group(struct ctr *c, struct cgroup_stats *ret, struct error *err)
{
	auto_cgroup g = CGROUP_INIT;
	int has = ctr_cgroup(c, &g, err);

	if (has <= 0 || !g.made)
		return has < 0 ? -1 : 0;
	return cgroup_stats(&g, ret, err) < 0 ? -1 : 1;
}

/* Only for those without a group: the record of the others need not be parsed. */
static int count_processes(struct ctr *c, struct processes *ret, struct error *err)
{
	TRY(ctr_load(c, err));
	if (streq0(c->params.ns.cgroups, "disabled"))
		return fail(err, ERROR_UNSUPPORTED, "container %s has no control group: this container is not managing cgroups", c->id);
	return add_up(c, ret, err);
}

static int64_t monotonic_of(int64_t unix_ns, int64_t now)
{
	return now - (time_now() - unix_ns);
}

static void percentages(const struct ctr *c, const struct ctr_stats *before, struct ctr_stats *s)
{
	int64_t start = monotonic_of(c->at.status.started, s->when);
	int64_t since = before ? before->when : start;
	uint64_t was = before ? before->cpu_ns : 0;

	s->running_ns = s->when - start;
	if (s->when > since && s->cpu_ns >= was)
		s->cpu = 100.0 * (double)(s->cpu_ns - was) / (double)(s->when - since);
	if (s->running_ns > 0)
		s->average = 100.0 * (double)s->cpu_ns / (double)s->running_ns;
	uint64_t all = machine_memory();
	if (!s->memory_limit || s->memory_limit > all)
		s->memory_limit = all;
	if (s->memory_limit)
		s->memory_percent = 100.0 * (double)s->memory / (double)s->memory_limit;
}

int ctr_stats(struct ctr *c, const struct ctr_stats *before, struct ctr_stats *ret, struct error *err)
{
	struct ctr_stats s = { .when = time_monotonic(), .taken = time_now() };
	struct cgroup_stats g = {};
	struct processes p = {};

	if (!ctr_is_running(c) && c->at.status.state != CONTAINER_PAUSED)
		return fail(err, ERROR_STATE, "container %s is not running: container state improper", c->at.record.name);
	int grouped = read_group(c, &g, err);
	if (grouped < 0 || (!grouped && count_processes(c, &p, err) < 0))
		return -1;
	uint64_t cached = g.have & BIT(CGROUP_MEMORY) ? g.memory_inactive_file : 0;
	s.cpu_ns = grouped ? g.cpu_usage_ns : p.cpu_ns;
	s.cpu_system_ns = grouped ? g.cpu_system_ns : p.system_ns;
	s.memory = grouped ? g.memory_usage - (g.memory_usage > cached ? cached : 0) : p.rss;
	s.memory_limit = g.have & BIT(CGROUP_MEMORY) ? g.memory_limit : 0;
	s.pids = grouped ? g.pids : p.n;
	if (!s.pids) {
		struct processes again = {};
		TRY(add_up(c, &again, err));
		s.pids = again.n;
	}
	for (size_t i = 0; i < g.n_io; i++) {
		s.read += g.io[i].rbytes;
		s.written += g.io[i].wbytes;
	}
	TRY(each_link(c->at.status.pid, add_bytes, &s, err));
	s.pid = c->at.status.pid;
	percentages(c, before, &s);
	*ret = s;
	return 0;
}

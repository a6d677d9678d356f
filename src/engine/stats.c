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

static void read_network(pid_t pid, struct ctr_stats *s)
{
	autofree char *text = NULL;
	struct error ignored;
	char path[48], *rest = NULL;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (has_host_network(pid) || file_read(AT_FDCWD, path, 1 << 20, &text, NULL, &ignored) != 1)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strchr(line, ':');
		unsigned long long rx, tx;
		line += strspn(line, " ");
		if (!colon || str_after(line, "lo:"))
			continue;
		if (sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &rx, &tx) == 2) {
			s->rx += rx;
			s->tx += tx;
		}
	}
}

/* ---- the sum ---- */
static uint64_t machine_memory(void)
{
	struct sysinfo i;

	return sysinfo(&i) == 0 ? (uint64_t)i.totalram * i.mem_unit : 0;
}

static int read_group(struct ctr *c, struct cgroup_stats *ret, struct error *err)
{
	auto_cgroup g = CGROUP_INIT;
	int has = ctr_cgroup(c, &g, err);

	if (has <= 0 || !g.made)
		return has < 0 ? -1 : 0;
	return cgroup_stats(&g, ret, err);
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

	TRY(ctr_load(c, err));
	if (!ctr_is_running(c) && c->at.status.state != CONTAINER_PAUSED)
		return fail(err, ERROR_STATE, "container %s is not running: container state improper", c->at.record.name);
	if (streq0(c->params.ns.cgroups, "disabled"))
		return fail(err, ERROR_UNSUPPORTED, "container %s has no control group: this container is not managing cgroups", c->id);
	TRY(read_group(c, &g, err));
	if (!(g.have & BIT(CGROUP_CPUACCT)) && !(g.have & BIT(CGROUP_CPU)))
		TRY(add_up(c, &p, err));
	else if (!(g.have & BIT(CGROUP_MEMORY)))
		TRY(add_up(c, &p, err));
	s.cpu_ns = g.cpu_usage_ns ? g.cpu_usage_ns : p.cpu_ns;
	s.cpu_system_ns = g.cpu_usage_ns ? g.cpu_system_ns : p.system_ns;
	s.memory = g.have & BIT(CGROUP_MEMORY) ? g.memory_usage - (g.memory_usage > g.memory_inactive_file ? g.memory_inactive_file : 0) :
						 p.rss;
	s.memory_limit = g.have & BIT(CGROUP_MEMORY) ? g.memory_limit : 0;
	s.pids = g.have & BIT(CGROUP_PIDS) ? g.pids : p.n;
	if (!s.pids) {
		struct processes again = {};
		TRY(add_up(c, &again, err));
		s.pids = again.n;
	}
	for (size_t i = 0; i < g.n_io; i++) {
		s.read += g.io[i].rbytes;
		s.written += g.io[i].wbytes;
	}
	read_network(c->at.status.pid, &s);
	percentages(c, before, &s);
	*ret = s;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-stats.c - what a group has used. Controllers without a directory (v1 groups get only the ones they need)
 * are made up for by adding up the processes: less exact for short-lived children, but never nothing. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "os/cgroup-host.h"
#include "os/file.h"
#include "os/process.h"

/* The number in a file; "max" is UINT64_MAX. False: no such file. */
static bool read_number(int fd, const char *file, uint64_t *ret)
{
	char text[64];

	if (fd < 0 || file_read_small(fd, file, text, sizeof(text)) < 0)
		return false;
	if (streq(text, "max")) {
		*ret = UINT64_MAX;
		return true;
	}
	return parse_u64(text, ret);
}

struct key {
	const char *name;
	size_t off;
	uint64_t scale;
};

/* Picks "name number" lines out of a flat-keyed file. */
static bool read_keys(int fd, const char *file, const struct key *keys, size_t n, struct cgroup_stats *s)
{
	char text[8192];

	if (fd < 0 || file_read_small(fd, file, text, sizeof(text)) < 0)
		return false;
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		for (size_t i = 0; i < n; i++) {
			const char *v = str_after(line, keys[i].name);
			if (v && *v == ' ')
				*(uint64_t *)((char *)s + keys[i].off) = strtoull(v + 1, NULL, 10) * keys[i].scale;
		}
	return true;
}

#define KEY(n, member, factor) { n, offsetof(struct cgroup_stats, member), factor }

static struct cgroup_io_stat *io_entry(struct cgroup_stats *s, unsigned major, unsigned minor)
{
	for (size_t i = 0; i < s->n_io; i++)
		if (s->io[i].major == major && s->io[i].minor == minor)
			return &s->io[i];
	if (s->n_io == ARRAY_LEN(s->io))
		return NULL;
	s->io[s->n_io] = (struct cgroup_io_stat){ .major = major, .minor = minor };
	return &s->io[s->n_io++];
}

/* ---- v2 ---- */

static bool io_v2(int fd, struct cgroup_stats *s)
{
	autofree char *text = NULL;
	struct error ignored;

	if (file_read(fd, "io.stat", 1 << 20, &text, NULL, &ignored) != 1)
		return false;
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		unsigned major, minor;
		uint64_t rb, wb, ri, wi;
		if (sscanf(line, "%u:%u rbytes=%" SCNu64 " wbytes=%" SCNu64 " rios=%" SCNu64 " wios=%" SCNu64, &major,
			   &minor, &rb, &wb, &ri, &wi) != 6)
			continue;
		struct cgroup_io_stat *e = io_entry(s, major, minor);
		if (e)
			*e = (struct cgroup_io_stat){ major, minor, rb, wb, ri, wi };
	}
	return true;
}

/* Also on the unified hierarchy of a hybrid host: cpu.stat counts without the controller. */
static void cpu_v2(int fd, struct cgroup_stats *s)
{
	static const struct key cpu[] = {
		KEY("usage_usec", cpu_usage_ns, 1000), KEY("user_usec", cpu_user_ns, 1000),
		KEY("system_usec", cpu_system_ns, 1000), KEY("nr_periods", cpu_periods, 1),
		KEY("nr_throttled", cpu_throttled, 1), KEY("throttled_usec", cpu_throttled_ns, 1000),
	};

	if (read_keys(fd, "cpu.stat", cpu, ARRAY_LEN(cpu), s))
		s->have |= BIT_OF(CGROUP_CPU);
}

static void stats_v2(int fd, struct cgroup_stats *s)
{
	static const struct key memory[] = { KEY("anon", memory_rss, 1), KEY("file", memory_cache, 1),
					     KEY("inactive_file", memory_inactive_file, 1) };
	static const struct key events[] = { KEY("oom_kill", oom_kills, 1) };

	cpu_v2(fd, s);
	if (read_number(fd, "memory.current", &s->memory_usage))
		s->have |= BIT_OF(CGROUP_MEMORY);
	read_number(fd, "memory.max", &s->memory_limit);
	read_number(fd, "memory.peak", &s->memory_max_usage);
	read_number(fd, "memory.swap.current", &s->swap_usage);
	read_number(fd, "memory.swap.max", &s->swap_limit);
	read_keys(fd, "memory.stat", memory, ARRAY_LEN(memory), s);
	read_keys(fd, "memory.events", events, ARRAY_LEN(events), s);
	if (read_number(fd, "pids.current", &s->pids))
		s->have |= BIT_OF(CGROUP_PIDS);
	read_number(fd, "pids.max", &s->pids_limit);
	if (io_v2(fd, s))
		s->have |= BIT_OF(CGROUP_BLKIO);
}

/* ---- v1 ---- */

static bool io_v1(int fd, const char *file, bool bytes, struct cgroup_stats *s)
{
	autofree char *text = NULL;
	struct error ignored;

	if (fd < 0 || file_read(fd, file, 1 << 20, &text, NULL, &ignored) != 1)
		return false;
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		unsigned major, minor;
		char op[16];
		uint64_t v;
		if (sscanf(line, "%u:%u %15s %" SCNu64, &major, &minor, op, &v) != 4)
			continue;
		struct cgroup_io_stat *e = io_entry(s, major, minor);
		if (e && streq(op, "Read"))
			*(bytes ? &e->rbytes : &e->rios) = v;
		if (e && streq(op, "Write"))
			*(bytes ? &e->wbytes : &e->wios) = v;
	}
	return true;
}

/* v1 says "no limit" with the largest page-aligned number. */
static uint64_t v1_limit(uint64_t v)
{
	return v >= (uint64_t)INT64_MAX - 65536 ? UINT64_MAX : v;
}

static void memory_v1(int fd, struct cgroup_stats *s)
{
	static const struct key stat[] = { KEY("total_rss", memory_rss, 1), KEY("total_cache", memory_cache, 1),
					   KEY("total_inactive_file", memory_inactive_file, 1),
					   KEY("total_swap", swap_usage, 1) };
	static const struct key oom[] = { KEY("oom_kill", oom_kills, 1) };

	if (!read_number(fd, "memory.usage_in_bytes", &s->memory_usage))
		return;
	s->have |= BIT_OF(CGROUP_MEMORY);
	if (read_number(fd, "memory.limit_in_bytes", &s->memory_limit))
		s->memory_limit = v1_limit(s->memory_limit);
	if (read_number(fd, "memory.memsw.limit_in_bytes", &s->swap_limit))
		s->swap_limit = v1_limit(s->swap_limit);
	read_number(fd, "memory.max_usage_in_bytes", &s->memory_max_usage);
	read_keys(fd, "memory.stat", stat, ARRAY_LEN(stat), s);
	read_keys(fd, "memory.oom_control", oom, ARRAY_LEN(oom), s);
}

static void stats_v1(const struct cgroup *c, struct cgroup_stats *s)
{
	static const struct key throttle[] = { KEY("nr_periods", cpu_periods, 1), KEY("nr_throttled", cpu_throttled, 1),
					       KEY("throttled_time", cpu_throttled_ns, 1) };
	int acct = c->fds[CGROUP_CPUACCT] >= 0 ? c->fds[CGROUP_CPUACCT] : c->fds[CGROUP_CPU];
	int blkio = c->fds[CGROUP_BLKIO];

	if (read_number(acct, "cpuacct.usage", &s->cpu_usage_ns)) {
		s->have |= BIT_OF(CGROUP_CPU);
		read_number(acct, "cpuacct.usage_user", &s->cpu_user_ns);
		read_number(acct, "cpuacct.usage_sys", &s->cpu_system_ns);
	} else {
		cpu_v2(c->fds[CGROUP_UNIFIED], s);
	}
	read_keys(c->fds[CGROUP_CPU], "cpu.stat", throttle, ARRAY_LEN(throttle), s);
	memory_v1(c->fds[CGROUP_MEMORY], s);
	if (read_number(c->fds[CGROUP_PIDS], "pids.current", &s->pids))
		s->have |= BIT_OF(CGROUP_PIDS);
	read_number(c->fds[CGROUP_PIDS], "pids.max", &s->pids_limit);
	if (io_v1(blkio, "blkio.throttle.io_service_bytes_recursive", true, s) &&
	    io_v1(blkio, "blkio.throttle.io_serviced_recursive", false, s))
		s->have |= BIT_OF(CGROUP_BLKIO);
}

/* ---- by process ---- */

static void add_process(pid_t pid, uint32_t missing, struct cgroup_stats *s)
{
	const uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	struct process_stat st;
	struct error ignored;

	if (process_stat(PROC_HOST, pid, &st, &ignored) != 1)
		return;
	if (missing & BIT_OF(CGROUP_CPU)) {
		s->cpu_user_ns += st.utime * tick_ns;
		s->cpu_system_ns += st.stime * tick_ns;
		s->cpu_usage_ns = s->cpu_user_ns + s->cpu_system_ns;
	}
	if (missing & BIT_OF(CGROUP_MEMORY)) {
		s->memory_usage += st.rss;
		s->memory_rss += st.rss;
	}
	if (missing & BIT_OF(CGROUP_PIDS))
		s->pids += st.threads > 0 ? (uint64_t)st.threads : 0;
}

static int add_processes(const struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	uint32_t missing = (BIT_OF(CGROUP_CPU) | BIT_OF(CGROUP_MEMORY) | BIT_OF(CGROUP_PIDS)) & ~s->have;
	struct cgroup_pids p = { 0 };

	if (!missing)
		return 0;
	TRY(cgroup_pids(c, &p, err));
	for (size_t i = 0; i < p.n; i++)
		add_process(p.v[i], missing, s);
	cgroup_pids_done(&p);
	return 0;
}

int cgroup_stats(const struct cgroup *c, struct cgroup_stats *ret, struct error *err)
{
	struct cgroup_stats s = { .memory_limit = UINT64_MAX, .swap_limit = UINT64_MAX, .pids_limit = UINT64_MAX };

	if (cgroup_is_v2(c) && c->fds[CGROUP_UNIFIED] >= 0)
		stats_v2(c->fds[CGROUP_UNIFIED], &s);
	else if (!cgroup_is_v2(c))
		stats_v1(c, &s);
	TRY(add_processes(c, &s, err));
	*ret = s;
	return 0;
}

size_t cgroup_cpu_each(const struct cgroup *c, uint64_t *ret, size_t max)
{
	int acct = c->fds[CGROUP_CPUACCT] >= 0 ? c->fds[CGROUP_CPUACCT] : c->fds[CGROUP_CPU];
	char text[1 << 15], *rest = NULL;
	size_t n = 0;

	if (cgroup_is_v2(c) || acct < 0 || file_read_small(acct, "cpuacct.usage_percpu", text, sizeof(text)) < 0)
		return 0;
	for (char *word = strtok_r(text, " \n", &rest); word && n < max && parse_u64(word, &ret[n]); word = strtok_r(NULL, " \n", &rest))
		n++;
	return n;
}

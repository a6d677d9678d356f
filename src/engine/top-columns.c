/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/top-columns.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/top.h"
#include "os/caps.h"
#include "os/file.h"
#include "os/idmap.h"

/* ---- names of ids, in the container's files or the host's ---- */
static bool name_in_text(const char *text, unsigned long id, char *out, size_t size)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *second = strchr(line, ':');
		const char *third = second ? strchr(second + 1, ':') : NULL;
		if (!third || memchr(line, '\n', (size_t)(third - line)))
			continue;
		char *end;
		if (strtoul(third + 1, &end, 10) == id && *end == ':') {
			snprintf(out, size, "%.*s", (int)(second - line), line);
			return true;
		}
	}
	return false;
}

static int id_name(const char *text, unsigned long id, struct buf *to)
{
	char name[128];

	if (name_in_text(text, id, name, sizeof(name)))
		buf_add_str(to, name);
	else
		buf_addf(to, "%lu", id);
	return 0;
}

/* Host ids as the container sees them. */
static unsigned long inside(const struct top_process *p, unsigned long id, bool gid)
{
	struct idmap m = {};
	struct error ignored;
	uint32_t ret;

	if (idmap_load(p->pid, gid, &m, &ignored) >= 0 && idmap_to_inside(&m, (uint32_t)id, &ret))
		return ret;
	return id;
}

/* ---- columns ---- */
static void add_time(struct buf *to, int64_t seconds)
{
	int64_t h = seconds / 3600, m = seconds / 60 % 60, s = seconds % 60;

	if (h)
		buf_addf(to, "%lldh%lldm%llds", (long long)h, (long long)m, (long long)s);
	else if (m)
		buf_addf(to, "%lldm%llds", (long long)m, (long long)s);
	else
		buf_addf(to, "%llds", (long long)s);
}

static double cpu_seconds(const struct top_process *p)
{
	return (double)(p->stat.utime + p->stat.stime) / p->hertz;
}

static double age(const struct top_process *p)
{
	return p->now - (double)p->stat.start / p->hertz;
}

static int c_args(const struct top_process *p, struct buf *to)
{
	for (size_t i = 0; i < p->args.n; i++)
		buf_addf(to, "%s%s", i ? " " : "", p->args.v[i]);
	if (!p->args.n)
		buf_addf(to, "[%s]", p->stat.comm);
	return 0;
}
static int c_comm(const struct top_process *p, struct buf *to) { buf_add_str(to, p->stat.comm); return 0; }
static int c_pid(const struct top_process *p, struct buf *to) { buf_addf(to, "%d", p->status.ns_pid); return 0; }
static int c_hpid(const struct top_process *p, struct buf *to) { buf_addf(to, "%d", p->pid); return 0; }
static int c_pgid(const struct top_process *p, struct buf *to) { buf_addf(to, "%d", p->stat.pgrp); return 0; }
static int c_vsz(const struct top_process *p, struct buf *to) { buf_addf(to, "%llu", (unsigned long long)p->stat.vsize / 1024); return 0; }
static int c_rss(const struct top_process *p, struct buf *to) { buf_addf(to, "%llu", (unsigned long long)p->stat.rss / 1024); return 0; }
static int c_state(const struct top_process *p, struct buf *to) { buf_add_char(to, p->stat.state); return 0; }
static int c_user(const struct top_process *p, struct buf *to) { return id_name(p->passwd, inside(p, p->status.uid[1], false), to); }
static int c_ruser(const struct top_process *p, struct buf *to) { return id_name(p->passwd, inside(p, p->status.uid[0], false), to); }
static int c_group(const struct top_process *p, struct buf *to) { return id_name(p->group, inside(p, p->status.gid[1], true), to); }
static int c_rgroup(const struct top_process *p, struct buf *to) { return id_name(p->group, inside(p, p->status.gid[0], true), to); }

static int c_ppid(const struct top_process *p, struct buf *to)
{
	struct process_status parent;
	struct error ignored;

	/* a parent outside of the namespace does not exist inside */
	if (p->status.ns_pid == 1 || process_status(PROC_HOST, p->stat.ppid, &parent, &ignored) <= 0)
		buf_add_char(to, '0');
	else
		buf_addf(to, "%d", p->status.ns_pid == p->pid ? p->stat.ppid : parent.ns_pid == p->stat.ppid ? 0 : parent.ns_pid);
	return 0;
}

static int c_pcpu(const struct top_process *p, struct buf *to)
{
	double a = age(p);
	buf_addf(to, "%.3f", a > 0 ? cpu_seconds(p) / a * 100 : 0.0);
	return 0;
}

static int c_etime(const struct top_process *p, struct buf *to)
{
	double a = age(p);
	if (a < 0)
		a = 0;
	if (a >= 60) {
		add_time(to, (int64_t)a);
		return 0;
	}
	buf_addf(to, "%.9fs", a);
	return 0;
}

static int c_time(const struct top_process *p, struct buf *to)
{
	add_time(to, (int64_t)cpu_seconds(p));
	return 0;
}

static int c_stime(const struct top_process *p, struct buf *to)
{
	char text[64];
	buf_add_str(to, time_format_go((p->boot + (int64_t)((double)p->stat.start / p->hertz)) * NSEC_PER_SEC, text));
	return 0;
}

static int c_tty(const struct top_process *p, struct buf *to)
{
	unsigned ma = (unsigned)(p->stat.tty >> 8) & 0xfff, mi = ((unsigned)p->stat.tty & 0xff) | (((unsigned)p->stat.tty >> 12) & 0xfff00);

	if (!p->stat.tty)
		buf_add_char(to, '?');
	else if (ma >= 136 && ma <= 143)
		buf_addf(to, "pts/%u", (ma - 136) * 256 + mi);
	else
		buf_addf(to, "tty%u", mi);
	return 0;
}

static int c_nice(const struct top_process *p, struct buf *to)
{
	char path[64], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/stat", p->pid);
	n = procfs_read(PROC_HOST, path, text, sizeof(text));
	const char *s = n > 0 ? strrchr(text, ')') : NULL;
	for (int field = 2; s && field < 19; field++)
		s = strchr(s + 1, ' ');
	buf_addf(to, "%d", s ? (int)strtol(s, NULL, 10) : 0);
	return 0;
}

static int c_seccomp(const struct top_process *p, struct buf *to)
{
	static const char *const words[] = { "disabled", "strict", "filter" };
	buf_add_str(to, p->status.seccomp >= 0 && p->status.seccomp < 3 ? words[p->status.seccomp] : "?");
	return 0;
}

static int c_label(const struct top_process *p, struct buf *to)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "%d/attr/current", p->pid);
	ssize_t n = procfs_read(PROC_HOST, path, text, sizeof(text));
	buf_add_str(to, n > 0 ? text : "?");
	return 0;
}

static int c_cgroup(const struct top_process *p, struct buf *to)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "%d/cgroup", p->pid);
	ssize_t n = procfs_read(PROC_HOST, path, text, sizeof(text));
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ',';
	buf_add_str(to, n > 0 ? text : "?");
	return 0;
}

static int add_caps(uint64_t set, struct buf *to)
{
	auto_strv names = {};
	struct error ignored;

	if (!set)
		buf_add_str(to, "none");
	else if (set == caps_all())
		buf_add_str(to, "full");
	else if (caps_format(set, &names, &ignored) >= 0)
		for (size_t i = 0; i < names.n; i++)
			buf_addf(to, "%s%s", i ? "," : "", str_after(names.v[i], "CAP_") ? names.v[i] + 4 : names.v[i]);
	return 0;
}
static int c_capamb(const struct top_process *p, struct buf *to) { return add_caps(p->status.cap_amb, to); }
static int c_capbnd(const struct top_process *p, struct buf *to) { return add_caps(p->status.cap_bnd, to); }
static int c_capeff(const struct top_process *p, struct buf *to) { return add_caps(p->status.cap_eff, to); }
static int c_capinh(const struct top_process *p, struct buf *to) { return add_caps(p->status.cap_inh, to); }
static int c_capprm(const struct top_process *p, struct buf *to) { return add_caps(p->status.cap_prm, to); }

static int c_groups(const struct top_process *p, struct buf *to)
{
	for (size_t i = 0; i < p->status.n_groups && i < ARRAY_LEN(p->status.groups); i++) {
		if (i)
			buf_add_char(to, ',');
		id_name(p->group, inside(p, p->status.groups[i], true), to);
	}
	return 0;
}

/* Rootless, what we read are ids of our own user namespace. */
static uint32_t on_host(uint32_t id, bool gid)
{
	struct idmap own = {};
	struct error ignored;
	uint32_t host = id;

	if (idmap_load(0, gid, &own, &ignored) >= 0)
		idmap_to_outside(&own, id, &host);
	return host;
}

static int host_group(unsigned long group, struct buf *to)
{
	uint32_t id = on_host((uint32_t)group, true);
	struct group *g = getgrgid((gid_t)id);
	if (g)
		buf_add_str(to, g->gr_name);
	else
		buf_addf(to, "%u", id);
	return 0;
}

static int c_hgroup(const struct top_process *p, struct buf *to) { return host_group(p->status.gid[1], to); }

static int c_hgroups(const struct top_process *p, struct buf *to)
{
	for (size_t i = 0; i < p->status.n_groups && i < ARRAY_LEN(p->status.groups); i++) {
		if (i)
			buf_add_char(to, ',');
		host_group(p->status.groups[i], to);
	}
	return 0;
}

static int c_huser(const struct top_process *p, struct buf *to)
{
	uint32_t uid = on_host(p->status.uid[1], false);
	struct passwd *w = getpwuid(uid);
	if (w)
		buf_add_str(to, w->pw_name);
	else
		buf_addf(to, "%u", uid);
	return 0;
}

static const struct top_column columns[] = {
	{ "args", "%a", "COMMAND", c_args }, { "capamb", NULL, "AMBIENT CAPS", c_capamb },
	{ "capbnd", NULL, "BOUNDING CAPS", c_capbnd }, { "capeff", NULL, "EFFECTIVE CAPS", c_capeff },
	{ "capinh", NULL, "INHERITED CAPS", c_capinh }, { "capprm", NULL, "PERMITTED CAPS", c_capprm },
	{ "cgroup", NULL, "CGROUP", c_cgroup }, { "comm", "%c", "COMMAND", c_comm }, { "etime", "%t", "ELAPSED", c_etime },
	{ "group", "%G", "GROUP", c_group }, { "groups", NULL, "GROUPS", c_groups }, { "hgroup", NULL, "HGROUP", c_hgroup },
	{ "hgroups", NULL, "HGROUPS", c_hgroups }, { "hpid", NULL, "HPID", c_hpid }, { "huser", NULL, "HUSER", c_huser },
	{ "label", NULL, "LABEL", c_label }, { "nice", "%n", "NI", c_nice }, { "pcpu", "%C", "%CPU", c_pcpu },
	{ "pgid", "%r", "PGID", c_pgid }, { "pid", "%p", "PID", c_pid }, { "ppid", "%P", "PPID", c_ppid },
	{ "rgroup", "%g", "RGROUP", c_rgroup }, { "rss", NULL, "RSS", c_rss }, { "ruser", "%u", "RUSER", c_ruser },
	{ "seccomp", NULL, "SECCOMP", c_seccomp }, { "state", NULL, "STATE", c_state }, { "stime", NULL, "STIME", c_stime },
	{ "time", "%x", "TIME", c_time }, { "tty", "%y", "TTY", c_tty }, { "user", "%U", "USER", c_user },
	{ "vsz", "%z", "VSZ", c_vsz },
};

/* Names ps(1) users know for the same things. */
static const char *const ps_names[][2] = {
	{ "cmd", "args" }, { "command", "args" }, { "ucmd", "comm" }, { "uid", "user" }, { "gid", "group" }, { "%cpu", "pcpu" },
	{ "c", "pcpu" }, { "tt", "tty" }, { "tname", "tty" }, { "stat", "state" }, { "s", "state" }, { "ni", "nice" },
	{ "start", "stime" }, { "cputime", "time" }, { "vsize", "vsz" }, { "rsz", "rss" }, { "euser", "user" },
	{ "egroup", "group" },
};

const struct top_column *top_column_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(ps_names); i++)
		if (strcasecmp(word, ps_names[i][0]) == 0)
			word = ps_names[i][1];
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (streq(word, columns[i].name) || streq0(word, columns[i].aix))
			return &columns[i];
	return NULL;
}

int top_descriptors(struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		TRY(strv_add(ret, columns[i].name, err));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-cgroup.c - a mount of type cgroup on hosts with cgroup v1: a tmpfs with one mount per hierarchy. */
#include <fcntl.h>
#include <stdlib.h>

#include "oci/plan.h"
#include "os/file.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define HIERARCHIES_MAX 32

/* Whether the container has a group of its own in the hierarchy with these comma-separated names ("": the unified). */
static bool has_group(const struct cgroup *c, const char *names)
{
	if (!*names)
		return c->made & 1U << CGROUP_UNIFIED;
	for (int i = 0; i < CGROUP_UNIFIED; i++) {
		const char *own = cgroup_controller_name((enum cgroup_controller)i);
		size_t len = strlen(own);
		if (!(c->made & 1U << i))
			continue;
		for (const char *p = names; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
			if (strncmp(p, own, len) == 0 && (p[len] == ',' || !p[len]))
				return true;
	}
	return false;
}

/* One line of /proc/self/cgroup: "4:cpu,cpuacct:/path", "1:name=systemd:/path", "0::/path". */
static int add_hierarchy(struct plan_mount *m, char *line, const struct cgroup *cgroup, bool ns, struct error *err)
{
	struct plan_hierarchy *h = &m->hierarchies[m->n_hierarchies];
	char *names = strchr(line, ':');
	char *path = names ? strchr(names + 1, ':') : NULL;

	if (!path || m->n_hierarchies == HIERARCHIES_MAX)
		return 0;
	*path++ = '\0';
	names++;
	const char *named = str_after(names, "name=");
	h->unified = !*names;
	/* Behind a cgroup namespace a hierarchy without a group of the container's would show the caller's. */
	if (ns && cgroup && !has_group(cgroup, named ? named : names))
		return 0;
	const char *dir = h->unified ? "unified" : named ? named : names;
	int n = snprintf(h->name, sizeof(h->name), "%s", dir);
	int k = snprintf(h->options, sizeof(h->options), "%s%s", named ? "none," : "", names);
	if (n < 0 || k < 0 || (size_t)n >= sizeof(h->name) || (size_t)k >= sizeof(h->options))
		return fail(err, ERROR_UNSUPPORTED, "cgroup hierarchy with the name `%s`", names);
	if (!ns) {
		/* The container's own part where it has one, else the group it is in all the same: ours. */
		char inner[CGROUP_PATH_MAX + 96];
		snprintf(inner, sizeof(inner), CGROUP_ROOT "/%s%s", h->name, cgroup ? cgroup->path : path);
		bool there = faccessat(AT_FDCWD, inner, F_OK, 0) == 0;
		snprintf(h->bind, sizeof(h->bind), CGROUP_ROOT "/%s%s", h->name, there && cgroup ? cgroup->path : path);
	}
	autofree char *host = NULL;
	TRY(str_printf(&host, err, CGROUP_ROOT "/%s", h->name));
	if (faccessat(AT_FDCWD, host, F_OK, 0) == 0)   /* known to the kernel but mounted nowhere: left out */
		m->n_hierarchies++;
	return 0;
}

int plan_cgroup_v1(struct plan_mount *m, bool cgroup_ns, const struct cgroup *cgroup, struct error *err)
{
	autofree char *text = NULL;
	char *save = NULL;

	m->hierarchies = calloc(HIERARCHIES_MAX + 1, sizeof(*m->hierarchies));
	if (!m->hierarchies)
		return fail_oom(err);
	int found = file_read(AT_FDCWD, "/proc/self/cgroup", 1 << 16, &text, NULL, err);
	if (found <= 0)
		return found;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		TRY(add_hierarchy(m, line, cgroup, cgroup_ns, err));
	return 0;
}

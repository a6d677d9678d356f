/* SPDX-License-Identifier: Apache-2.0
 * oci/spec-default.c - the specification `umiak-oci spec` writes. */
#include <stdlib.h>
#include <unistd.h>

#include "oci/spec.h"
#include "os/caps.h"

struct default_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

static const struct default_mount mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "noexec", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
	"/sys/firmware", "/sys/fs/selinux",
};
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };
static const char *const namespaces[] = { "pid", "network", "ipc", "uts", "cgroup", "mount" };
static const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm" };

static int add_all(struct strv *to, const char *const *from, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		TRY(strv_add(to, from[i], err));
	return 0;
}

/* In a user namespace gid 5 is not mapped and the host's cgroups may not be mounted anew. */
static bool fits_rootless(const char *option)
{
	return !str_after(option, "gid=");
}

static int add_mounts(struct oci_spec *s, bool rootless, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);
		if (!m)
			return -1;
		TRY(str_set(&m->destination, mounts[i].destination, err));
		TRY(str_set(&m->type, mounts[i].type, err));
		TRY(str_set(&m->source, mounts[i].source, err));
		for (size_t k = 0; k < ARRAY_LEN(mounts[i].options) && mounts[i].options[k]; k++)
			if (!rootless || fits_rootless(mounts[i].options[k]))
				TRY(strv_add(&m->options, mounts[i].options[k], err));
	}
	return 0;
}

static int add_namespace(struct oci_spec *s, const char *type, struct error *err)
{
	struct oci_namespace *ns = list_add(&s->lnx.namespaces, sizeof(*ns), err);

	return ns ? str_set(&ns->type, type, err) : -1;
}

static int add_own_map(struct list *to, uint64_t id, struct error *err)
{
	struct oci_idmap *m = list_add(to, sizeof(*m), err);

	if (!m)
		return -1;
	*m = (struct oci_idmap){ .container_id = 0, .host_id = id, .size = 1 };
	return 0;
}

static int default_process(struct oci_spec *s, struct error *err)
{
	struct oci_process_spec *p = s->process = calloc(1, sizeof(*p));
	struct oci_capabilities *c = calloc(1, sizeof(*c));

	if (!p || !c) {
		free(c);
		return fail_oom(err);
	}
	p->capabilities = c;
	p->terminal = p->no_new_privileges = true;
	TRY(strv_add(&p->args, "sh", err));
	TRY(add_all(&p->env, env, ARRAY_LEN(env), err));
	TRY(str_set(&p->cwd, "/", err));
	struct oci_rlimit *l = list_add(&p->rlimits, sizeof(*l), err);
	if (!l)
		return -1;
	l->soft = l->hard = 1024;
	TRY(str_set(&l->type, "RLIMIT_NOFILE", err));
	TRY(caps_format(caps_default(), &c->bounding, err));
	TRY(strv_copy(&c->effective, &c->bounding, err));
	return strv_copy(&c->permitted, &c->bounding, err);
}

int oci_spec_default(bool rootless, struct oci_spec *ret, struct error *err)
{
	auto_oci_spec s = {};

	TRY(str_set(&s.version, "1.2.1", err));
	TRY(default_process(&s, err));
	s.root = calloc(1, sizeof(*s.root));
	if (!s.root)
		return fail_oom(err);
	s.root->readonly = true;
	TRY(str_set(&s.root->path, "rootfs", err));
	TRY(str_set(&s.hostname, "umiak", err));
	TRY(add_mounts(&s, rootless, err));
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		if (!rootless || !streq(namespaces[i], "network"))
			TRY(add_namespace(&s, namespaces[i], err));
	TRY(add_all(&s.lnx.masked_paths, masked, ARRAY_LEN(masked), err));
	TRY(add_all(&s.lnx.readonly_paths, readonly, ARRAY_LEN(readonly), err));
	if (rootless) {
		TRY(add_namespace(&s, "user", err));
		TRY(add_own_map(&s.lnx.uid_mappings, geteuid(), err));
		TRY(add_own_map(&s.lnx.gid_mappings, getegid(), err));
	}
	*ret = s;
	s = (struct oci_spec){};
	return 0;
}

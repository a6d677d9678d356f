/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-ns.c - which namespaces are made by clone3(), which are joined, where and by whom; the id maps. */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/plan.h"
#include "os/cgroup.h"
#include "os/ns.h"
#include "os/user.h"

/* A path that leads to the namespace we are in already is no join at all (setns of the own user namespace fails). */
static int open_foreign(const struct oci_namespace *ns, enum ns_kind kind, int *ret_fd, struct error *err)
{
	autoclose int fd = ns_open_path(ns->path, kind, err);
	if (fd < 0)
		return fail_wrap(err, "linux.namespaces: %s", ns->type);
	autoclose int own = ns_open(0, kind, err);
	if (own < 0)
		return -1;
	if (ns_same(own, fd))
		return 0;
	*ret_fd = take_fd(fd);
	return 1;
}

static int plan_join(struct plan *p, const struct oci_namespace *ns, enum ns_kind kind, struct error *err)
{
	int fd = -1;
	int foreign = p->dry ? 1 : open_foreign(ns, kind, &fd, err);

	if (foreign <= 0)
		return foreign;
	if (kind == NS_USER) {
		p->join_user_fd = fd;
		return 0;
	}
	if (kind == NS_PID) {
		p->join_pid_fd = fd;
		return 0;
	}
	struct plan_step *s = plan_add(p, PLAN_JOIN, err);
	if (!s) {
		close(fd);
		return -1;
	}
	s->a = ns->path;
	s->n = kind;
	s->fd = fd;
	p->early_joins = true;
	return 0;
}

static void plan_new(struct plan *p, enum ns_kind kind, bool time_offsets)
{
	p->new_mount_ns |= kind == NS_MOUNT;
	p->new_pid_ns |= kind == NS_PID;
	p->userns |= kind == NS_USER;
	/* A cgroup namespace takes the group of its maker as its root: it is made once we are in the right group. Offsets
	 * of a time namespace can only be written before somebody is in it. */
	if (kind != NS_CGROUP && !(kind == NS_TIME && time_offsets))
		p->clone_flags |= ns_info(kind)->flag;
}

static int load_maps(const struct list *from, struct idmap *to, const char *what, struct error *err)
{
	const struct oci_idmap *m = from->v;

	for (size_t i = 0; i < from->n; i++) {
		const struct idmap_range r = {
			.inside = (uint32_t)m[i].container_id, .outside = (uint32_t)m[i].host_id,
			.count = m[i].size > UINT32_MAX ? UINT32_MAX : (uint32_t)m[i].size,
		};
		if (idmap_add(to, r, err) < 0)
			return fail_wrap(err, "%s", what);
	}
	return 0;
}

/* No mappings in the specification: the caller becomes root, with the caller's subordinate ids above it. */
static int default_maps(struct idmap *to, bool gid, struct error *err)
{
	struct subid_ranges *r = calloc(1, sizeof(*r));
	autofree void *owned __attribute__((unused)) = r;
	uint32_t own = gid ? getegid() : geteuid();

	if (!r)
		return fail_oom(err);
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_user u = {};
	char id[16];
	struct error ignored;
	snprintf(id, sizeof(id), "%u", (unsigned)geteuid());
	const struct user_lookup l = { .spec = id };
	bool named = root >= 0 && user_lookup(root, &l, &u, &ignored) == 0 && u.name;
	TRY(subid_load(named ? u.name : id, geteuid(), gid, r, err));
	return idmap_rootless(own, r, to, err);
}

static int plan_maps(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->lnx;

	if (!p->userns)
		return 0;
	p->maps = calloc(1, sizeof(*p->maps));
	if (!p->maps)
		return fail_oom(err);
	if (l->uid_mappings.n)
		TRY(load_maps(&l->uid_mappings, &p->maps->uids, "linux.uidMappings", err));
	else
		TRY(default_maps(&p->maps->uids, false, err));
	if (l->gid_mappings.n)
		TRY(load_maps(&l->gid_mappings, &p->maps->gids, "linux.gidMappings", err));
	else
		TRY(default_maps(&p->maps->gids, true, err));
	return 0;
}

static int add_namespaces(struct plan *p, const struct oci_spec *spec, bool *ret_cgroup, struct error *err)
{
	const struct oci_namespace *ns = spec->lnx.namespaces.v;
	const struct oci_namespace *mount = NULL;

	for (size_t i = 0; i < spec->lnx.namespaces.n; i++) {
		enum ns_kind kind = NS_KIND_MAX;
		if (!ns_kind_parse(ns[i].type, &kind))
			return fail(err, ERROR_INVALID, "invalid namespace type: `%s`", ns[i].type);
		if (kind == NS_MOUNT && !str_empty(ns[i].path))
			mount = &ns[i];   /* joined last: the other paths are looked up in ours */
		else if (!str_empty(ns[i].path))
			TRY(plan_join(p, &ns[i], kind, err));
		else
			plan_new(p, kind, spec->lnx.time_offsets != NULL);
		if (kind == NS_CGROUP && str_empty(ns[i].path))
			*ret_cgroup = true;
	}
	return mount ? plan_join(p, mount, NS_MOUNT, err) : 0;
}

int plan_namespaces(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err)
{
	bool cgroup = false;

	if (!oci_spec_namespace(spec, "mount"))
		return fail(err, ERROR_UNSUPPORTED, "linux.namespaces: a container without a mount namespace "
			    "would change the host's mounts; add { \"type\": \"mount\" }");
	if (plan_must_attach(o->cgroup))
		TRY(plan_add_number(p, PLAN_CGROUP, 0, err));
	const struct oci_namespace *user = oci_spec_namespace(spec, "user");
	if (!user && !p->privileged) {
		/* A specification written for root, run by somebody else. */
		plan_new(p, NS_USER, false);
		if (o->warn)
			o->warn(o->warn_arg, "a user other than root needs a user namespace: one is made");
	}
	if (p->userns || (user && str_empty(user->path)))
		TRY(plan_add_number(p, PLAN_MAP, 0, err));
	TRY(add_namespaces(p, spec, &cgroup, err));
	TRY(plan_maps(p, spec, err));
	if (p->userns || p->join_user_fd >= 0)
		TRY(plan_add_number(p, PLAN_ROOT_IDS, 0, err));
	if (spec->lnx.time_offsets) {
		p->time_offsets = spec->lnx.time_offsets;
		TRY(plan_add_number(p, PLAN_TIME_OFFSETS, 0, err));
	}
	/* Others see us before we are the container. Not earlier: maps and offsets are written through /proc/PID files,
	 * which an undumpable process has no access to. */
	if (!p->new_pid_ns)
		TRY(plan_add_number(p, PLAN_UNDUMPABLE, 0, err));
	/* also who becomes another user: undumpable from then to exec(), and rootless we have no right over that */
	bool other_user = spec->process && (spec->process->user.uid || spec->process->user.gid);
	p->tell_netns = (p->clone_flags & CLONE_NEWNET) && (p->userns || p->join_user_fd >= 0 || !p->new_pid_ns || other_user);
	return cgroup ? plan_add_number(p, PLAN_UNSHARE, CLONE_NEWCGROUP, err) : 0;
}

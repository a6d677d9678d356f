/* SPDX-License-Identifier: Apache-2.0
 * oci/plan.c - from a specification to the list of steps.
 *
 * How a container starts. The parent builds the plan, clones, and serves (maps of ids, hooks outside). The child is
 * already in its new namespaces and goes through the rows:
 *   1. it becomes what it needs to be to set up: cgroup, joined namespaces, root of its user namespace, own session;
 *   2. with "/" still the host's: the trees behind all bind mounts are cloned *before* the propagation of "/" is cut
 *      (a shared volume must stay in the host's peer group), then the root is attached and every mount is made as a
 *      descriptor and moved onto a descriptor resolved inside the root - no string is looked up twice;
 *   3. hooks that must see the host are run; pivot_root; read-only and masked paths, sysctls, names;
 *   4. the late stages, which an exec has too: stdio, labels, limits, user, capabilities, seccomp, the command is
 *      found (its absence is known before "created" is said), wait for *start*, exec.
 * Nothing in 1-4 allocates; an error is the child's own sentence, written into the sync socket as a struct error. */
#include "oci/plan.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/cgroup.h"
#include "os/ns.h"
#include "os/path.h"
#include "os/user.h"

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].kind == PLAN_JOIN)
			close_p(&p->steps[i].fd);
	for (size_t i = 0; i < p->n_mounts; i++) {
		close_p(&p->mounts[i]->fd);
		close_p(&p->mounts[i]->idmap_fd);
		free(p->mounts[i]->data);
		free(p->mounts[i]->idmap);
		free(p->mounts[i]->hierarchies);
		free(p->mounts[i]);
	}
	free(p->mounts);
	for (size_t i = 0; i < p->n_devices; i++)
		close_p(&p->devices[i].fd);
	free(p->devices);
	free(p->steps);
	strv_done(&p->texts);
	hook_state_text_done(&p->hook_state);
	hook_state_text_done(&p->seccomp_state);
	free(p->env);
	free(p->groups);
	free(p->path_buf);
	free(p->maps);
	seccomp_filter_done(&p->seccomp);
	close_p(&p->join_user_fd);
	close_p(&p->join_pid_fd);
	*p = PLAN_INIT;
}

struct plan_step *plan_add(struct plan *p, enum plan_kind kind, struct error *err)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 96;
		struct plan_step *steps = reallocarray(p->steps, cap, sizeof(*steps));
		if (!steps) {
			fail_oom(err);
			return NULL;
		}
		p->steps = steps;
		p->cap = cap;
	}
	p->steps[p->n] = (struct plan_step){ .kind = kind, .fd = -1 };
	return &p->steps[p->n++];
}

int plan_add_text(struct plan *p, enum plan_kind kind, const char *a, const char *b, struct error *err)
{
	struct plan_step *s = plan_add(p, kind, err);

	if (!s)
		return -1;
	s->a = a;
	s->b = b;
	return 0;
}

int plan_add_number(struct plan *p, enum plan_kind kind, int64_t n, struct error *err)
{
	struct plan_step *s = plan_add(p, kind, err);

	if (!s)
		return -1;
	s->n = n;
	return 0;
}

const char *plan_keep(struct plan *p, const char *text, struct error *err)
{
	return strv_add(&p->texts, text, err) < 0 ? NULL : p->texts.v[p->texts.n - 1];
}

bool plan_must_attach(const struct cgroup *c)
{
	uint32_t by_clone = c && cgroup_clone_fd(c) >= 0 ? 1U << CGROUP_UNIFIED : 0;

	return c && (c->made & ~by_clone);
}

/* HOME of a process whose environment has none: of the passwd file in the rootfs. */
static int plan_home(struct plan *p, const struct oci_process_spec *process, int root_fd, struct error *err)
{
	char spec[24];
	auto_user u = {};
	struct error ignored;

	snprintf(spec, sizeof(spec), "%llu", (unsigned long long)process->user.uid);
	const struct user_lookup l = { .spec = spec };
	bool found = root_fd >= 0 && user_lookup(root_fd, &l, &u, &ignored) == 0 && u.home && u.name;
	return strv_addf(&p->texts, err, "HOME=%s", found ? u.home : "/");
}

static int plan_env(struct plan *p, const struct oci_process_spec *process, int root_fd, struct error *err)
{
	const struct strv *env = &process->env;

	p->env = calloc(env->n + 3, sizeof(*p->env));
	if (!p->env)
		return fail_oom(err);
	size_t n = 0;
	for (size_t i = 0; i < env->n; i++)
		if (!p->notify || !str_after(env->v[i], "NOTIFY_SOCKET="))
			p->env[n++] = env->v[i];
	if (!strv_env_get(env, "HOME")) {
		TRY(plan_home(p, process, root_fd, err));
		p->env[n++] = p->texts.v[p->texts.n - 1];
	}
	if (p->notify) {
		TRY(strv_add(&p->texts, "NOTIFY_SOCKET=" PLAN_NOTIFY_SOCKET, err));
		p->env[n++] = p->texts.v[p->texts.n - 1];
	}
	return 0;
}

static int plan_hook_state(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err)
{
	const struct oci_hooks *h = &spec->hooks;

	p->hooks = h;
	p->bundle = o->bundle;
	bool listener = spec->lnx.seccomp && json_get_str(spec->lnx.seccomp, "listenerPath");
	if (!listener && !h->prestart.n && !h->create_runtime.n && !h->create_container.n && !h->start_container.n)
		return 0;
	const struct oci_hook_state s = {
		.id = o->id, .status = "creating", .bundle = o->bundle, .annotations = &spec->annotations,
		.root = spec->root ? spec->root->path : NULL,
	};
	return hook_state_text_make(&s, &p->hook_state, err);
}

static int plan_early(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err)
{
	TRY(plan_namespaces(p, spec, o, err));
	TRY(plan_add_number(p, PLAN_SESSION, 0, err));
	if (!o->no_new_keyring)
		TRY(plan_add_text(p, PLAN_KEYRING, o->id, NULL, err));
	if (p->clone_flags & CLONE_NEWNET)
		TRY(plan_add_number(p, PLAN_LOOPBACK, 0, err));
	return 0;
}

static int plan_names(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	if (!str_empty(spec->hostname))
		TRY(plan_add_text(p, PLAN_HOSTNAME, spec->hostname, NULL, err));
	if (!str_empty(spec->domainname))
		TRY(plan_add_text(p, PLAN_DOMAINNAME, spec->domainname, NULL, err));
	return 0;
}

static int plan_root_change(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err)
{
	const struct oci_hooks *h = &spec->hooks;
	const struct oci_linux *l = &spec->lnx;

	if (h->prestart.n || h->create_runtime.n)
		TRY(plan_add_number(p, PLAN_HOOKS_OUTSIDE, 0, err));
	if (h->create_container.n)
		TRY(plan_add_number(p, PLAN_HOOKS_CREATE, 0, err));
	if (!p->new_mount_ns)
		return 0;
	for (size_t i = 0; i < l->readonly_paths.n; i++)
		TRY(plan_add_text(p, PLAN_READONLY_PATH, l->readonly_paths.v[i], NULL, err));
	for (size_t i = 0; i < l->masked_paths.n; i++)
		TRY(plan_add_text(p, PLAN_MASK_PATH, l->masked_paths.v[i], NULL, err));
	if (spec->root && spec->root->readonly)
		TRY(plan_add_number(p, PLAN_ROOT_READONLY, 0, err));
	TRY(plan_add_number(p, PLAN_PIVOT, o->no_pivot, err));
	if (p->root_propagation)
		TRY(plan_add_number(p, PLAN_ROOT_PROPAGATION, (int64_t)p->root_propagation, err));
	return 0;
}

/* What has to be opened or connected while "/" is still the host's. */
static int plan_openings(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	const struct oci_process_spec *process = spec->process;

	if (spec->lnx.sysctl.n || (process && (process->apparmor_profile || process->selinux_label)))
		TRY(plan_add_number(p, PLAN_PROCFS, 0, err));
	if (!spec->lnx.seccomp || !json_get_str(spec->lnx.seccomp, "listenerPath"))
		return 0;
	return plan_add_text(p, PLAN_SECCOMP_CONNECT, json_get_str(spec->lnx.seccomp, "listenerPath"), NULL, err);
}

/* The message for the agent behind a seccomp listener has the state of the container inside. */
static int plan_seccomp_state(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	if (!spec->lnx.seccomp || !json_get_str(spec->lnx.seccomp, "listenerPath"))
		return 0;
	return seccomp_state_text_make(json_get_str(spec->lnx.seccomp, "listenerMetadata"), &p->seccomp_state, err);
}

/* The annotations of crun that Podman sets. */
static bool annotation_is_on(const struct oci_spec *spec, const char *key)
{
	const char *value = oci_spec_annotation(spec, key);

	return value && !streq(value, "0");
}

int plan_build(const struct oci_spec *spec, const struct oci_options *o, struct plan *ret, struct error *err)
{
	auto_plan p = PLAN_INIT;
	const struct plan_process_options late = {
		.process = spec->process, .seccomp = spec->lnx.seccomp, .filter = o->seccomp,
		.personality = spec->lnx.personality, .memory_policy = spec->lnx.memory_policy,
		.preserve_fds = o->preserve_fds, .first = true, .lenient = true,
		.dry_run = o->dry_run,
		.keep_groups = annotation_is_on(spec, "run.oci.keep_original_groups"),
		.strict_seccomp = annotation_is_on(spec, "run.oci.seccomp_fail_unknown_syscall"),
		.warn = o->warn, .warn_arg = o->warn_arg,
	};

	if (!spec->process)
		return fail(err, ERROR_INVALID, "process is missing: there is nothing to run");
	p.process = spec->process;
	p.dry = o->dry_run;
	p.privileged = !o->dry_run && caps_have(21 /* CAP_SYS_ADMIN */);
	TRY(plan_hook_state(&p, spec, o, err));
	TRY(plan_seccomp_state(&p, spec, err));
	TRY(plan_early(&p, spec, o, err));
	TRY(plan_openings(&p, spec, err));
	if (p.new_mount_ns)
		TRY(plan_mounts(&p, spec, o, err));
	TRY(plan_names(&p, spec, err));
	TRY(plan_sysctls(&p, spec, err));
	TRY(plan_root_change(&p, spec, o, err));
	TRY(plan_process(&p, &late, err));

	autoclose int opened = -1;
	int root_fd = o->rootfs_fd;
	if (root_fd < 0 && p.n_mounts && p.mounts[0]->fd >= 0)
		root_fd = p.mounts[0]->fd;
	else if (root_fd < 0 && spec->root)
		root_fd = opened = open(spec->root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	TRY(plan_env(&p, spec->process, root_fd, err));
	*ret = p;
	p = PLAN_INIT;
	return 0;
}

int plan_build_exec(const struct oci_process_spec *process, const struct oci_exec_options *o, struct plan *ret,
		    struct error *err)
{
	auto_plan p = PLAN_INIT;
	const struct plan_process_options late = {
		.process = process, .seccomp = o->seccomp, .filter = o->filter, .personality = o->personality,
		.preserve_fds = o->preserve_fds, .lenient = true, .warn = o->warn, .warn_arg = o->warn_arg,
	};
	char root[64];

	p.process = process;
	p.privileged = caps_have(21 /* CAP_SYS_ADMIN */);
	TRY(plan_add_number(&p, PLAN_UNDUMPABLE, 0, err));
	if (plan_must_attach(o->cgroup))
		TRY(plan_add_number(&p, PLAN_CGROUP, 0, err));
	if (process->apparmor_profile || process->selinux_label)
		TRY(plan_add_number(&p, PLAN_PROCFS, 0, err));
	TRY(plan_add_number(&p, PLAN_JOIN_ALL, 0, err));
	TRY(plan_add_number(&p, PLAN_ROOT_IDS, 0, err));
	TRY(plan_add_number(&p, PLAN_SESSION, 0, err));
	if (!o->no_new_keyring)
		TRY(plan_add_text(&p, PLAN_KEYRING, o->id, NULL, err));
	if (process->terminal && o->console_fd < 0)
		TRY(plan_add_number(&p, PLAN_CONSOLE, 0, err));
	TRY(plan_process(&p, &late, err));

	autoclose int root_fd = -1;
	if (!strv_env_get(&process->env, "HOME")) {
		snprintf(root, sizeof(root), "/proc/%d/root", (int)o->target_pid);
		root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	TRY(plan_env(&p, process, root_fd, err));
	*ret = p;
	p = PLAN_INIT;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-process.c - the late stages: what one process is made of, whether a container's first or an exec's. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/plan.h"
#include "os/file.h"
#include "os/ns.h"

#define CAP_SYS_RESOURCE 24
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct word {
	const char *name;
	long value;
};

static bool word_find(const struct word *rows, size_t n, const char *name, long *ret)
{
	for (size_t i = 0; i < n; i++)
		if (name && streq(rows[i].name, name)) {
			*ret = rows[i].value;
			return true;
		}
	return false;
}
#define WORD_FIND(rows, name, ret) word_find(rows, ARRAY_LEN(rows), name, ret)

/* ---- limits ---- */
static const struct word rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS }, { "RLIMIT_CORE", RLIMIT_CORE }, { "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA }, { "RLIMIT_FSIZE", RLIMIT_FSIZE }, { "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_NPROC", RLIMIT_NPROC }, { "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO }, { "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING }, { "RLIMIT_STACK", RLIMIT_STACK },
};

/* Raising a hard limit takes CAP_SYS_RESOURCE in the initial user namespace, which the child may have left behind: the
 * parent raises its own, the child inherits. Without the right the limit is lowered to what is possible. */
static bool raise_hard(int resource, uint64_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0 || hard <= now.rlim_max)
		return true;
	now.rlim_max = hard;
	return caps_have(CAP_SYS_RESOURCE) && setrlimit(resource, &now) == 0;
}

static int plan_rlimit(struct plan *p, const struct oci_rlimit *l, const struct plan_process_options *o, bool *warned,
		       struct error *err)
{
	long resource;
	uint64_t soft = l->soft, hard = l->hard;

	if (!WORD_FIND(rlimit_names, l->type, &resource))
		return fail(err, ERROR_INVALID, "process.rlimits: unknown limit `%s`", l->type);
	if (soft > hard)
		return fail(err, ERROR_INVALID, "process.rlimits: %s: the soft limit %llu exceeds the hard limit %llu",
			    l->type, (unsigned long long)soft, (unsigned long long)hard);
	if (!o->dry_run && !raise_hard((int)resource, hard)) {
		struct rlimit now;
		char text[160];
		if (getrlimit((int)resource, &now) < 0)
			return fail_errno(err, "getrlimit %s", l->type);
		hard = now.rlim_max;
		soft = soft > hard ? hard : soft;
		snprintf(text, sizeof(text), "%s lowered to %llu: raising limits needs CAP_SYS_RESOURCE", l->type,
			 (unsigned long long)hard);
		if (o->warn && !*warned)
			o->warn(o->warn_arg, text);
		*warned = true;
	}
	struct plan_step *s = plan_add(p, PLAN_RLIMIT, err);
	if (!s)
		return -1;
	s->n = resource;
	s->u1 = soft;
	s->u2 = hard;
	s->a = l->type;
	return 0;
}

static int plan_rlimits(struct plan *p, const struct plan_process_options *o, struct error *err)
{
	const struct oci_rlimit *l = o->process->rlimits.v;
	bool warned = false;

	for (size_t i = 0; i < o->process->rlimits.n; i++)
		TRY(plan_rlimit(p, &l[i], o, &warned, err));
	return 0;
}

/* ---- scheduling ---- */
static const struct word policies[] = {
	{ "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 }, { "SCHED_BATCH", 3 }, { "SCHED_ISO", 4 },
	{ "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
};

static const struct word sched_flags[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK }, { "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN }, { "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};

#define DEADLINE "sched_setattr: `SCHED_DEADLINE` "

/* The kernel answers all of these with the same EINVAL. */
static int check_deadline(const struct oci_scheduler *s, struct error *err)
{
	const uint64_t least = 1024, most = INT64_MAX;   /* ns: DL_SCALE, and the sign bit */
	uint64_t runtime = s->runtime.value, deadline = s->deadline.value;

	if (!s->runtime.set)
		return fail(err, ERROR_INVALID, DEADLINE "requires `runtime`");
	if (!s->deadline.set)
		return fail(err, ERROR_INVALID, DEADLINE "requires `deadline`");
	if (!runtime)
		return fail(err, ERROR_INVALID, DEADLINE "runtime must be greater than 0");
	if (runtime < least || runtime > most)
		return fail(err, ERROR_INVALID, DEADLINE "runtime %llu must be between %llu and %llu",
			    (unsigned long long)runtime, (unsigned long long)least, (unsigned long long)most);
	if (runtime > deadline)
		return fail(err, ERROR_INVALID, DEADLINE "runtime %llu must be <= deadline %llu",
			    (unsigned long long)runtime, (unsigned long long)deadline);
	if (s->period.set && s->period.value && deadline > s->period.value)
		return fail(err, ERROR_INVALID, DEADLINE "deadline %llu must be <= period %llu",
			    (unsigned long long)deadline, (unsigned long long)s->period.value);
	return 0;
}

static int plan_scheduler(struct plan *p, const struct oci_scheduler *s, struct error *err)
{
	long policy, flag;

	if (!s)
		return 0;
	if (!WORD_FIND(policies, s->policy, &policy))
		return fail(err, ERROR_INVALID, "process.scheduler: invalid scheduler policy `%s`", s->policy);
	p->sched = (struct plan_sched){
		.size = 48, .policy = (uint32_t)policy, .nice = (int32_t)s->nice, .priority = (uint32_t)s->priority,
		.runtime = s->runtime.value, .deadline = s->deadline.value, .period = s->period.value,
	};
	if (streq(s->policy, "SCHED_DEADLINE"))
		TRY(check_deadline(s, err));
	for (size_t i = 0; i < s->flags.n; i++) {
		if (!WORD_FIND(sched_flags, s->flags.v[i], &flag))
			return fail(err, ERROR_INVALID, "process.scheduler: invalid scheduler flag `%s`", s->flags.v[i]);
		p->sched.flags |= (uint64_t)flag;
	}
	return plan_add_number(p, PLAN_SCHEDULER, 0, err);
}

static int plan_io_priority(struct plan *p, const struct oci_io_priority *io, struct error *err)
{
	static const struct word classes[] = {
		{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT }, { "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
		{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
	};
	long class;

	if (!io)
		return 0;
	if (!WORD_FIND(classes, io->class_name, &class))
		return fail(err, ERROR_INVALID, "process.ioPriority: invalid class `%s`", io->class_name);
	if (io->priority < 0 || io->priority > 7)
		return fail(err, ERROR_INVALID, "process.ioPriority: priority %lld is not between 0 and 7",
			    (long long)io->priority);
	p->io_priority = IOPRIO_PRIO_VALUE((int)class, (int)io->priority);
	return plan_add_number(p, PLAN_IO_PRIORITY, 0, err);
}

static int plan_personality(struct plan *p, const struct oci_personality *per, struct error *err)
{
	static const struct word domains[] = { { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 } };
	long domain;

	if (!per)
		return 0;
	if (!WORD_FIND(domains, per->domain, &domain))
		return fail(err, ERROR_INVALID, "linux.personality: unknown domain `%s`", per->domain);
	if (per->flags.n)
		return fail(err, ERROR_UNSUPPORTED, "linux.personality: flags are not supported");
	p->personality = (unsigned long)domain;
	return plan_add_number(p, PLAN_PERSONALITY, 0, err);
}

/* ---- memory policy ---- */
/* "0-3,7" into bits; nodes from 1024 on do not exist. */
static int parse_nodes(const char *text, unsigned long *bits, size_t words, struct error *err)
{
	const size_t per_word = 8 * sizeof(*bits);
	auto_strv parts = {};

	TRY(strv_split(&parts, text, ',', err));
	for (size_t i = 0; i < parts.n; i++) {
		char *dash = strchr(parts.v[i], '-');
		uint32_t from, to;
		if (dash)
			*dash = '\0';
		bool ok = parse_u32(parts.v[i], &from);
		to = from;
		ok = ok && (!dash || parse_u32(dash + 1, &to)) && from <= to && to < words * per_word;
		if (!ok)
			return fail(err, ERROR_INVALID, "linux.memoryPolicy: invalid nodes `%s`", text);
		for (; from <= to; from++)
			bits[from / per_word] |= 1UL << from % per_word;
	}
	return 0;
}

static int plan_memory_policy(struct plan *p, const struct oci_memory_policy *m, struct error *err)
{
	static const struct word modes[] = {
		{ "MPOL_DEFAULT", MPOL_DEFAULT }, { "MPOL_PREFERRED", MPOL_PREFERRED }, { "MPOL_BIND", MPOL_BIND },
		{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE }, { "MPOL_LOCAL", MPOL_LOCAL }, { "MPOL_PREFERRED_MANY", 5 },
		{ "MPOL_WEIGHTED_INTERLEAVE", 6 },
	};
	static const struct word flags[] = {
		{ "MPOL_F_STATIC_NODES", 1 << 15 }, { "MPOL_F_RELATIVE_NODES", 1 << 14 },
		{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	};
	long mode, flag;

	if (!m)
		return 0;
	if (str_empty(m->mode))
		return fail(err, ERROR_INVALID, "linux.memoryPolicy: mode is missing");
	if (!WORD_FIND(modes, m->mode, &mode))
		return fail(err, ERROR_INVALID, "linux.memoryPolicy: unknown mode `%s`", m->mode);
	for (size_t i = 0; i < m->flags.n; i++) {
		if (!WORD_FIND(flags, m->flags.v[i], &flag))
			return fail(err, ERROR_INVALID, "linux.memoryPolicy: unknown flag `%s`", m->flags.v[i]);
		mode |= flag;
	}
	p->mempolicy_mode = (int)mode;
	if (!str_empty(m->nodes))
		TRY(parse_nodes(m->nodes, p->mempolicy_nodes, ARRAY_LEN(p->mempolicy_nodes), err));
	return plan_add_number(p, PLAN_MEMORY_POLICY, !str_empty(m->nodes), err);
}

/* ---- identity ---- */
static int plan_groups(struct plan *p, const struct oci_user *u, struct error *err)
{
	p->groups = calloc(u->additional_gids.n + 1, sizeof(*p->groups));
	if (!p->groups)
		return fail_oom(err);
	for (size_t i = 0; i < u->additional_gids.n; i++)
		p->groups[p->n_groups++] = (gid_t)u->additional_gids.v[i];
	return 0;
}

/* Only names: an unknown one is an error, "ALL" is no name here (CVE class D9). */
static int add_caps(const struct strv *names, capset *set, struct error *err)
{
	unsigned n;

	for (size_t i = 0; i < names->n; i++) {
		if (!caps_number(names->v[i], &n))
			return fail(err, ERROR_INVALID, "process.capabilities: unknown capability `%s`", names->v[i]);
		*set |= UINT64_C(1) << n;
	}
	return 0;
}

static int plan_caps(struct plan *p, const struct oci_capabilities *c, struct error *err)
{
	capset known = caps_all();

	if (!c)
		return 0;
	TRY(add_caps(&c->bounding, &p->caps.bounding, err));
	TRY(add_caps(&c->effective, &p->caps.effective, err));
	TRY(add_caps(&c->permitted, &p->caps.permitted, err));
	TRY(add_caps(&c->inheritable, &p->caps.inheritable, err));
	TRY(add_caps(&c->ambient, &p->caps.ambient, err));
	p->caps.bounding &= known;   /* names newer than the running kernel */
	p->caps.permitted &= known;
	p->caps.effective &= p->caps.permitted;
	p->caps.inheritable &= known;
	p->caps.ambient &= p->caps.permitted & p->caps.inheritable;
	return 0;
}

static bool apparmor_is_on(void)
{
	char text[8];

	return file_read_small(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text, sizeof(text)) > 0 &&
	       text[0] == 'Y';
}

static int plan_labels(struct plan *p, const struct oci_process_spec *s, struct error *err)
{
	if (!str_empty(s->selinux_label) && access("/sys/fs/selinux/enforce", F_OK) == 0)
		TRY(plan_add_text(p, PLAN_LABEL, "thread-self/attr/exec", s->selinux_label, err));
	if (str_empty(s->apparmor_profile) || !apparmor_is_on())
		return 0;
	autofree char *text = NULL;
	TRY(str_printf(&text, err, "exec %s", s->apparmor_profile));
	const char *kept = plan_keep(p, text, err);
	return kept ? plan_add_text(p, PLAN_LABEL, "thread-self/attr/apparmor/exec", kept, err) : -1;
}

/* An agent that was asked for gets its listener, even when no rule notifies or nothing is filtered at all. */
static int add_listener(struct seccomp_filter *f, struct error *err)
{
	f->notify = true;
	if (f->code)
		return 0;
	f->code = calloc(1, sizeof(*f->code));
	if (!f->code)
		return fail_oom(err);
	*f->code = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f->n = 1;
	return 0;
}

static int plan_seccomp(struct plan *p, const struct plan_process_options *o, struct error *err)
{
	const struct seccomp_json how = { .caps = p->caps.bounding, .ignore_unknown = !o->strict_seccomp };

	p->seccomp_given = o->filter;
	if (o->filter || !o->seccomp)
		return 0;
	auto_buf text = BUF_INIT(4 << 20);
	json_format(&text, o->seccomp, 0);
	TRY(buf_ok(&text, "linux.seccomp", err));
	if (seccomp_from_json(text.data, text.len, &how, &p->seccomp, err) < 0)
		return fail_wrap(err, "linux.seccomp");
	if (json_get_str(o->seccomp, "listenerPath"))
		TRY(add_listener(&p->seccomp, err));
	return 0;
}

/* Room for the longest candidate: the longest PATH element, a slash, the command. */
static int plan_command(struct plan *p, const struct oci_process_spec *s, struct error *err)
{
	const char *path = strv_env_get(&s->env, "PATH");

	struct stat self;

	if (stat("/proc/self/exe", &self) < 0)
		return fail_errno(err, "stat /proc/self/exe");
	p->self_dev = self.st_dev;
	p->self_ino = self.st_ino;
	p->search = str_empty(path) ? DEFAULT_PATH : path;
	p->path_size = strlen(p->search) + strlen(s->args.v[0]) + 4;
	p->path_buf = malloc(p->path_size);
	return p->path_buf ? 0 : fail_oom(err);
}

static int plan_setup(struct plan *p, const struct plan_process_options *o, struct error *err)
{
	const struct oci_process_spec *s = o->process;

	TRY(plan_groups(p, &s->user, err));
	TRY(plan_caps(p, s->capabilities, err));
	TRY(plan_seccomp(p, o, err));
	TRY(plan_command(p, s, err));
	p->caps_lenient = o->lenient;
	p->keep_groups = o->keep_groups;
	TRY(plan_add_number(p, PLAN_STDIO, 0, err));
	TRY(plan_labels(p, s, err));
	TRY(plan_rlimits(p, o, err));
	TRY(plan_scheduler(p, s->scheduler, err));
	TRY(plan_io_priority(p, s->io_priority, err));
	TRY(plan_personality(p, o->personality, err));
	TRY(plan_memory_policy(p, o->memory_policy, err));
	if (s->exec_cpu_affinity && !str_empty(s->exec_cpu_affinity->final))
		TRY(plan_add_text(p, PLAN_AFFINITY, s->exec_cpu_affinity->final, NULL, err));
	else if (s->exec_cpu_affinity && !str_empty(s->exec_cpu_affinity->initial))
		TRY(plan_add_text(p, PLAN_AFFINITY, s->exec_cpu_affinity->initial, NULL, err));
	return 0;
}

int plan_process(struct plan *p, const struct plan_process_options *o, struct error *err)
{
	const struct oci_process_spec *s = o->process;
	bool nnp = s->no_new_privileges;

	TRY(plan_setup(p, o, err));
	TRY(plan_add_number(p, PLAN_UMASK, s->user.umask.set ? (int64_t)s->user.umask.value : 022, err));
	TRY(plan_add_text(p, PLAN_CWD, s->cwd, NULL, err));
	TRY(plan_add_number(p, PLAN_USER, 0, err));
	if (nnp)
		TRY(plan_add_number(p, PLAN_NO_NEW_PRIVS, 0, err));
	else if (plan_filter(p))   /* while we still have CAP_SYS_ADMIN */
		TRY(plan_add_number(p, PLAN_SECCOMP, 0, err));
	TRY(plan_add_number(p, PLAN_CAPABILITIES, 0, err));
	struct plan_step *cwd = plan_add(p, PLAN_CWD, err);
	if (!cwd)
		return -1;
	cwd->a = s->cwd;
	cwd->n = 1;
	TRY(plan_add_number(p, PLAN_COMMAND, 0, err));
	if (o->first)
		TRY(plan_add_number(p, PLAN_CREATED, 0, err));
	if (o->first && p->hooks->start_container.n)
		TRY(plan_add_number(p, PLAN_HOOKS_START, 0, err));
	if (nnp && plan_filter(p))
		TRY(plan_add_number(p, PLAN_SECCOMP, 0, err));
	TRY(plan_add_number(p, PLAN_DESCRIPTORS, o->preserve_fds, err));
	return plan_add_number(p, PLAN_EXEC, 0, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/spec.h"
#include "os/path.h"
#include "os/user.h"

#define DEFAULT_LIMIT 1048576

/* --init: our own small init is bind-mounted and runs the command. */
static int spec_args(struct spec_context *x, struct oci_process_spec *p, struct error *err)
{
	if (x->params->process.init.value && x->params->ns.pid.mode == NS_PRIVATE) {
		TRY(strv_add(&p->args, SPEC_INIT_PATH, err));
		TRY(strv_add(&p->args, "--", err));
	}
	return strv_copy(&p->args, &x->container->config.args, err);
}

static int spec_env(struct spec_context *x, struct oci_process_spec *p, const struct user_result *u, const char *hostname,
		    struct error *err)
{
	const struct strmap *env = &x->params->process.env;

	for (size_t i = 0; i < env->n; i++)
		TRY(strv_addf(&p->env, err, "%s=%s", env->v[i].key, env->v[i].value));
	if (!strmap_get(env, "HOME") && !x->params->process.unset_env_all)
		TRY(strv_addf(&p->env, err, "HOME=%s", u->home ? u->home : "/"));
	if (hostname && !strmap_get(env, "HOSTNAME") && !x->params->process.unset_env_all)
		TRY(strv_addf(&p->env, err, "HOSTNAME=%s", hostname));
	return 0;
}

static int add_rlimit(struct oci_process_spec *p, const struct param_ulimit *u, struct error *err)
{
	struct oci_rlimit *r = list_add(&p->rlimits, sizeof(*r), err);

	if (!r)
		return -1;
	r->soft = u->soft < 0 ? UINT64_MAX : (uint64_t)u->soft;
	r->hard = u->hard < 0 ? UINT64_MAX : (uint64_t)u->hard;
	TRY(str_printf(&r->type, err, "RLIMIT_%s", u->name));
	for (char *c = r->type; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	return 0;
}

const char *const spec_limit_names[] = { [SPEC_LIMIT_NOFILE] = "nofile", [SPEC_LIMIT_NPROC] = "nproc" };

int64_t spec_default_limit(const struct params_resources *p, enum spec_limit which)
{
	const int resource = which == SPEC_LIMIT_NOFILE ? RLIMIT_NOFILE : RLIMIT_NPROC;
	const struct param_ulimit *u = p->ulimits.v;
	struct rlimit own, more;

	for (size_t i = 0; i < p->ulimits.n; i++)
		if (streq(u[i].name, "host") || streq(u[i].name, spec_limit_names[which]))
			return 0;
	if (getrlimit(resource, &own) < 0)
		return 0;
	if (own.rlim_max >= DEFAULT_LIMIT)   /* unlimited is the greatest number */
		return DEFAULT_LIMIT;
	more = (struct rlimit){ .rlim_cur = own.rlim_cur, .rlim_max = DEFAULT_LIMIT };
	return setrlimit(resource, &more) == 0 ? DEFAULT_LIMIT : (int64_t)own.rlim_max;
}

static int spec_rlimits(struct spec_context *x, struct oci_process_spec *p, struct error *err)
{
	const struct param_ulimit *u = x->params->resources.ulimits.v;

	for (size_t i = 0; i < x->params->resources.ulimits.n; i++)
		if (!streq(u[i].name, "host"))
			TRY(add_rlimit(p, &u[i], err));
	for (int i = 0; i < SPEC_LIMIT_MAX; i++) {
		int64_t n = spec_default_limit(&x->params->resources, i);
		if (n > 0)
			TRY(add_rlimit(p, &(struct param_ulimit){ (char *)spec_limit_names[i], n, n }, err));
	}
	return 0;
}

/* The ids of the namespace the process will run in: the container's own or, for a user, the engine's. False: all there are. */
static bool load_ids(const struct spec_context *x, bool gid, struct idmap *own)
{
	struct error ignored;
	const struct param_ns *ns = &x->params->ns.user;
	bool shares = ns->mode == NS_DEFAULT || ns->mode == NS_HOST;

	if (x->maps)
		*own = gid ? x->maps->gids : x->maps->uids;
	return x->maps || (x->rootless && shares && idmap_load(0, gid, own, &ignored) == 0);
}

static int check_user(const struct spec_context *x, const struct oci_user *u, struct error *err)
{
	struct idmap ids = {};
	uint32_t ignored;

	if (!load_ids(x, false, &ids) || idmap_to_outside(&ids, u->uid, &ignored))
		return 0;
	return fail(err, ERROR_INVALID, "user %u has no id in the container's user namespace, which has %llu: grant more in /etc/subuid "
		    "and /etc/subgid, then run `system migrate`", (unsigned)u->uid, (unsigned long long)idmap_size(&ids));
}

/* Groups that have no id here are left out, and all of them where the kernel lets nobody set any (a single id). */
static int add_groups(struct spec_context *x, struct oci_process_spec *p, const struct user_result *u, struct error *err)
{
	struct numv *g = &p->user.additional_gids;
	struct idmap ids = {};
	uint32_t ignored;
	bool limited = load_ids(x, true, &ids);

	if (!u->n_groups || (limited && x->rootless && ids.n == 1 && ids.v[0].count == 1))
		return 0;
	g->v = calloc(u->n_groups, sizeof(*g->v));
	if (!g->v)
		return fail_oom(err);
	for (size_t i = 0; i < u->n_groups; i++)
		if (!limited || idmap_to_outside(&ids, u->groups[i], &ignored))
			g->v[g->n++] = u->groups[i];
	return 0;
}

/* A user who comes into passwd by --hostuser only now: "name[:group]" in numbers. 1 it is one; 0 it is not. */
static int host_user(const struct params_process *p, char **ret, struct error *err)
{
	size_t len = p->user ? strcspn(p->user, ":") : 0;

	for (size_t i = 0; i < p->host_users.n; i++) {
		const struct passwd *pw = getpwnam(p->host_users.v[i]);
		uint32_t uid;
		if (!pw && parse_u32(p->host_users.v[i], &uid))
			pw = getpwuid(uid);
		if (!pw || strlen(pw->pw_name) != len || strncmp(pw->pw_name, p->user, len) != 0)
			continue;
		if (p->user[len])
			return str_printf(ret, err, "%u%s", pw->pw_uid, p->user + len) < 0 ? -1 : 1;
		return str_printf(ret, err, "%u:%u", pw->pw_uid, pw->pw_gid) < 0 ? -1 : 1;
	}
	return 0;
}

static int find_user(struct spec_context *x, struct user_result *ret, struct error *err)
{
	const struct params_process *p = &x->params->process;
	auto_strv extra = {};
	autofree char *given = NULL;
	struct user_lookup l = { .spec = p->user, .extra = &extra };

	for (size_t i = 0; i < p->groups.n; i++)
		if (!streq(p->groups.v[i], "keep-groups"))
			TRY(strv_add(&extra, p->groups.v[i], err));
	if (user_lookup(x->rootfs_fd, &l, ret, err) >= 0)
		return 0;
	int r = host_user(p, &given, err);
	l.spec = given;
	if (r > 0 && user_lookup(x->rootfs_fd, &l, ret, err) >= 0)
		return 0;
	if (err->kind == ERROR_INVALID)   /* the image has no such user or group: the command cannot be invoked */
		err->kind = ERROR_NOT_EXECUTABLE;
	return -1;
}

static bool below_a_mount(const struct spec_context *x, const char *path)
{
	const struct param_mount *m = x->params->storage.mounts.v;

	for (size_t i = 0; i < x->params->storage.mounts.n; i++)
		/* a mount below it makes the directory, too */
		if (m[i].destination && (path_text_is_below(m[i].destination, path) || path_text_is_below(path, m[i].destination)))
			return true;
	return false;
}

/* A working directory the user names must be there; an image's is made. */
static int check_workdir(const struct spec_context *x, struct error *err)
{
	const char *path = x->params->process.workdir;
	struct error missing;

	if (x->params->process.make_workdir || below_a_mount(x, path) || streq(path, "/"))
		return 0;
	autoclose int fd = path_open_in_root(x->rootfs_fd, path, (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, &missing);
	if (fd >= 0)
		return 0;
	if (missing.errnum == ENOTDIR)
		return fail(err, ERROR_NOT_EXECUTABLE, "workdir \"%s\" is not a directory on container %s", path, x->container->id);
	return fail(err, ERROR_NOT_EXECUTABLE, "workdir \"%s\" does not exist on container %s", path, x->container->id);
}

/* A user without passwd entry lives where it works; with keep-id in its own home when that is there. */
static const char *unknown_home(const struct spec_context *x)
{
	struct error missing;

	if (x->passwd_home && below_a_mount(x, x->passwd_home))
		return x->passwd_home;
	autoclose int fd = !x->passwd_home ? -1 : path_open_in_root(x->rootfs_fd, x->passwd_home,
								    (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, &missing);
	return fd >= 0 ? x->passwd_home : x->params->process.workdir;
}

int spec_process(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_process *params = &x->params->process;
	auto_user u = {};
	struct oci_process_spec *p = s->process = calloc(1, sizeof(*p));
	uint32_t umask_value;

	if (!p)
		return fail_oom(err);
	TRY(find_user(x, &u, err));
	x->uid = u.uid;
	x->gid = u.gid;
	x->known_user = u.name != NULL;
	TRY(str_set(&x->home, x->known_user ? u.home : unknown_home(x), err));
	TRY(str_set(&u.home, x->home, err));
	p->terminal = params->tty;
	p->user.uid = u.uid;
	p->user.gid = u.gid;
	if (parse_mode(params->umask, &umask_value))
		p->user.umask = (struct opt_uint){ true, umask_value };
	TRY(check_user(x, &p->user, err));
	TRY(add_groups(x, p, &u, err));
	TRY(spec_args(x, p, err));
	TRY(spec_env(x, p, &u, x->hostname, err));
	TRY(check_workdir(x, err));
	TRY(str_set(&p->cwd, params->workdir, err));
	if (x->params->resources.oom_score_adj.set)
		p->oom_score_adj = x->params->resources.oom_score_adj;
	if (params->personality) {
		s->lnx.personality = calloc(1, sizeof(*s->lnx.personality));
		if (!s->lnx.personality)
			return fail_oom(err);
		TRY(str_set(&s->lnx.personality->domain, params->personality, err));
	}
	return spec_rlimits(x, p, err);
}

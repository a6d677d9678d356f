/* SPDX-License-Identifier: Apache-2.0
 * build/prepare-run.c - RUN as a job: command, environment, mounts with their sources found, the key. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "build/build-impl.h"
#include "os/file.h"
#include "os/path.h"
#include "store/store.h"

#define SECRET_MAX ((size_t)500 << 10)   /* BuildKit's limit */

/* ---- the command ---- */
static int set_command(struct stage_run *st, struct op *op, struct error *err)
{
	static char *words[] = { (char *)"/bin/sh", (char *)"-c", NULL };
	const struct strv fallback = { words, 2 };
	const struct strv *shell = st->config.config.shell.n ? &st->config.config.shell : &fallback;
	struct step_run *r = &op->job.run;
	auto_run_script script = {};

	if (op->in.json)
		return strv_copy(&r->args, &op->in.words, err);
	TRY(strv_copy(&r->args, shell, err));
	if (!op->in.words.n && !op->in.heredocs.n)
		return 0;   /* the shell is who says what is missing (Buildah) */
	TRY(instruction_script(&op->in, &script, err));
	if (script.line)
		return strv_add(&r->args, script.line, err);
	TRY(str_set(&r->script, script.file, err));
	TRY(str_set(&r->script_name, script.name, err));
	return strv_addf(&r->args, err, "/dev/pipes/%s", script.name);
}

static int absolute_target(const struct stage_run *st, struct step_mount *m, struct error *err)
{
	const char *dir = st->config.config.working_dir;
	autofree char *joined = NULL;

	if (m->target || !m->m->target)
		return 0;
	TRY(str_printf(&joined, err, "%s/%s", *m->m->target == '/' || str_empty(dir) ? "" : dir, m->m->target));
	m->target = path_clean(joined);
	if (!m->target)
		return fail_oom(err);
	return streq(m->target, "/") ? fail(err, ERROR_INVALID, "RUN --mount: invalid mount target \"/\"") : 0;
}

/* ---- secrets and agents ---- */
/* "id=ID,src=PATH" or "id=ID,env=NAME": the value of a key, malloc'ed; NULL: none. */
static int option_of(const char *text, const char *key, char **ret, struct error *err)
{
	auto_strv words = {};

	TRY(strv_split(&words, text, ',', err));
	for (size_t i = 0; i < words.n; i++) {
		const char *rest = str_after(words.v[i], key);
		if (rest && *rest == '=')
			return str_set(ret, rest + 1, err);
	}
	return 0;
}

static int read_secret_file(const char *path, struct step_mount *m, struct error *err)
{
	int r = file_read(AT_FDCWD, path, SECRET_MAX, &m->secret, &m->secret_len, err);

	return r ? (r < 0 ? -1 : 0) : fail_with(err, ENOENT, "secret file %s", path);
}

static int read_secret_env(const char *name, struct step_mount *m, struct error *err)
{
	const char *value = getenv(name);

	if (!value)
		return fail(err, ERROR_NOT_FOUND, "environment variable %s of a secret is not set", name);
	TRY(str_set(&m->secret, value, err));
	m->secret_len = strlen(value);
	return 0;
}

static int read_secret(const char *text, const char *id, struct step_mount *m, struct error *err)
{
	autofree char *src = NULL, *env = NULL, *type = NULL;

	TRY(option_of(text, "src", &src, err));
	if (!src)
		TRY(option_of(text, "source", &src, err));
	TRY(option_of(text, "env", &env, err));
	TRY(option_of(text, "type", &type, err));
	if (type && !streq(type, "file") && !streq(type, "env"))
		return fail(err, ERROR_INVALID, "invalid secret type \"%s\": must be file or env", type);
	if (type && streq(type, "env") && !env)
		return read_secret_env(src ? src : id, m, err);
	if (env)
		return read_secret_env(env, m, err);
	if (src)
		return read_secret_file(src, m, err);
	return getenv(id) ? read_secret_env(id, m, err) : read_secret_file(id, m, err);
}

/* 1: the mount has its secret; 0: there is none and it is not required. */
static int find_secret(struct stage_run *st, struct step_mount *m, struct error *err)
{
	const struct strv *given = &st->b->o->secrets;
	const char *id = m->m->id;

	if (!id)
		return fail(err, ERROR_INVALID, "RUN --mount=type=secret: id is missing");
	for (size_t i = 0; i < given->n; i++) {
		autofree char *name = NULL;
		TRY(option_of(given->v[i], "id", &name, err));
		if (name && streq(name, id))
			return read_secret(given->v[i], id, m, err) < 0 ? fail_wrap(err, "secret %s", id) : 1;
	}
	if (m->m->required)
		return fail(err, ERROR_NOT_FOUND, "secret required but no secret with id \"%s\" found", id);
	return 0;
}

static int set_secret(struct stage_run *st, struct op *op, struct step_mount *m, struct error *err)
{
	int found = find_secret(st, m, err);

	if (found <= 0)
		return found;
	if (m->m->env)
		TRY(strv_addf(&op->job.run.env, err, "%s=%.*s", m->m->env, (int)m->secret_len, m->secret));
	if (m->m->target)
		TRY(absolute_target(st, m, err));
	else if (!m->m->env)
		TRY(str_printf(&m->target, err, "/run/secrets/%s", m->m->id));
	return 1;
}

static int set_agent(struct stage_run *st, struct op *op, struct step_mount *m, size_t n, struct error *err)
{
	const struct strv *given = &st->b->o->ssh;
	const char *id = m->m->id ? m->m->id : "default", *socket = NULL;
	struct stat sb;

	for (size_t i = 0; i < given->n; i++) {
		size_t len = strcspn(given->v[i], "=");
		if (len != strlen(id) || strncmp(given->v[i], id, len) != 0)
			continue;
		socket = given->v[i][len] ? given->v[i] + len + 1 : getenv("SSH_AUTH_SOCK");
		if (str_empty(socket))
			return fail(err, ERROR_NOT_FOUND, "--ssh %s: SSH_AUTH_SOCK is not set: start ssh-agent", given->v[i]);
	}
	if (!socket) {
		if (m->m->required)
			return fail(err, ERROR_NOT_FOUND, "unset ssh forward key %s", id);
		return 0;
	}
	bool there = stat(socket, &sb) == 0;
	if (!there && !strchr(socket, ','))
		return fail_errno(err, "--ssh %s: %s", id, socket);
	if ((!there || !S_ISSOCK(sb.st_mode)) && build_agent(st->b, socket, &socket, err) < 0)
		return fail_wrap(err, "--ssh %s", id);
	TRY(str_set(&m->socket, socket, err));
	TRY(m->m->target ? absolute_target(st, m, err) : str_printf(&m->target, err, "/run/buildkit/ssh_agent.%zu", n));
	TRY(strv_env_set(&op->job.run.env, "SSH_AUTH_SOCK", m->target, err));
	return 1;
}

/* ---- caches ---- */
static int open_or_make(int at, const char *name, mode_t mode, bool *made, struct error *err)
{
	*made = mkdirat(at, name, 0700) == 0;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open cache directory %s", name);
	if (*made && fchmod(fd, mode) < 0) {
		fail_errno(err, "set mode of a cache directory");
		close(fd);
		return -1;
	}
	return fd;
}

/* <root>/build-cache/<hash of the id>[-N]/{lock,data}: N > 0 when a private one is taken. 1: locked as asked; 0: busy. */
static int lock_cache(int dir, int sharing, int *ret_lock, struct error *err)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_errno(err, "open a cache's lock");
	if (flock(fd, (sharing == RUN_MOUNT_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
		*ret_lock = fd;
		return 1;
	}
	close(fd);
	return 0;
}

static int try_cache(struct stage_run *st, struct step_mount *m, const char *name, struct error *err)
{
	bool made;
	autoclose int top = -1, dir = -1;

	top = file_open_dir(store_root_fd(st->b->store), "build-cache", true, 0700, err);
	if (top < 0)
		return -1;
	dir = open_or_make(top, name, 0700, &made, err);
	if (dir < 0)
		return -1;
	int r = lock_cache(dir, m->m->sharing, &m->lock, err);
	if (r != 1)
		return r;
	m->dir = open_or_make(dir, "data", m->m->mode.set ? (mode_t)m->m->mode.value & 07777 : 0755, &made, err);
	if (m->dir < 0)
		return -1;
	if (made && fchown(m->dir, m->m->uid.set ? (uid_t)m->m->uid.value : 0, m->m->gid.set ? (gid_t)m->m->gid.value : 0) < 0)
		return fail_errno(err, "set owner of a cache directory");
	return 1;
}

/* 1: open; 0: another step or build has it (sharing=locked). */
static int open_cache(struct stage_run *st, struct step_mount *m, struct error *err)
{
	struct sha256 h;
	char hex[SHA256_HEX_MAX], name[SHA256_HEX_MAX + 16];

	key_begin(&h, "cache mount");
	key_text(&h, m->m->id ? m->m->id : m->target);
	if (m->m->uid.value || m->m->gid.value) {   /* one of another owner is another cache */
		snprintf(name, sizeof(name), "%lld:%lld", (long long)m->m->uid.value, (long long)m->m->gid.value);
		key_text(&h, name);
	}
	if (*m->fill)
		key_text(&h, m->fill);
	sha256_end_hex(&h, hex);
	snprintf(name, sizeof(name), "%s", hex);
	for (unsigned i = 1; i < 256; i++) {
		int r = try_cache(st, m, name, err);
		if (r || m->m->sharing != RUN_MOUNT_PRIVATE)
			return r;
		snprintf(name, sizeof(name), "%s-%u", hex, i);
	}
	return fail(err, ERROR_IN_USE, "cache %s: too many users at the same time", m->target);
}

/* ---- sources of binds ---- */
static int find_bind(struct stage_run *st, struct step_mount *m, struct sha256 *h, struct error *err)
{
	struct build *b = st->b;
	struct graph_source source = {};
	int r = 0;

	if (!m->m->from) {
		m->root = b->context.fd;
		return m->root < 0 ? fail(err, ERROR_NOT_FOUND, "RUN --mount=type=bind: there is no build context") : 0;
	}
	TRY(build_graph_find(&b->graph, &b->graph_options, st->s->index, m->m->from, &source, err));
	const struct named_context *c = source.kind == GRAPH_CONTEXT ? build_context_find(b, source.name) : NULL;
	if (source.kind == GRAPH_STAGE) {
		const struct stage_run *other = &b->stages[source.stage];
		r = stage_trees(other, &m->trees, err);
		for (size_t i = 0; i < other->n_layers; i++)
			key_text(h, other->layers[i]->diff_id);
	} else if (c && c->c.kind == CONTEXT_TREE) {
		m->root = c->c.fd;
	} else {
		r = base_image_layers(b, c ? c->c.image : source.name, NULL, &m->trees, h, err);
	}
	graph_source_done(&source);
	return r;
}

/* What a bind of a context shows is part of the key. */
static int key_content(struct step_mount *m, struct sha256 *h, struct error *err)
{
	auto_copy_items items = {};
	const struct copy_source s = { .root = m->root, .what = "context", .pattern = m->m->source ? m->m->source : "/" };
	struct copy_job j = { .items = &items, .destination = "/", .directory = true, .owner = { .keep = true }, .view = -1,
			      .upper = -1, .hash = true };

	TRY(copy_find(&s, &items, err));
	TRY(copy_run(&j, err));
	key_text(h, j.digest);
	return 0;
}

/* A cache that begins with a directory of a stage, image or context: other contents, other cache. */
static int find_fill(struct stage_run *st, struct step_mount *m, struct sha256 *h, struct error *err)
{
	struct sha256 fill;

	key_begin(&fill, "cache from");
	TRY(find_bind(st, m, &fill, err));
	if (m->root >= 0)
		TRY(key_content(m, &fill, err));
	key_text(&fill, m->m->source);
	sha256_end_hex(&fill, m->fill);
	key_text(h, m->fill);
	return 0;
}

/* 1: mounted; 0: left out (an optional secret). */
static int prepare_mount(struct stage_run *st, struct op *op, struct step_mount *m, size_t n, struct sha256 *h, struct error *err)
{
	int r = 1;

	if (m->m->type != RUN_MOUNT_SECRET && m->m->type != RUN_MOUNT_SSH)
		TRY(absolute_target(st, m, err));
	switch (m->m->type) {
	case RUN_MOUNT_BIND:
		TRY(find_bind(st, m, h, err));
		return m->root >= 0 && !st->b->unkeyed && key_content(m, h, err) < 0 ? -1 : 1;
	case RUN_MOUNT_CACHE:
		return m->m->from && find_fill(st, m, h, err) < 0 ? -1 : 1;   /* opened when the step starts: it may have to wait */
	case RUN_MOUNT_TMPFS:
		return 1;
	case RUN_MOUNT_SECRET:
		r = set_secret(st, op, m, err);
		break;
	default:
		r = set_agent(st, op, m, n, err);
	}
	return r;
}

int prepare_run_mounts(struct stage_run *st, struct op *op, struct sha256 *h, struct error *err)
{
	const struct strv *texts = &op->in.flags.mounts;
	struct run_mount *parsed = calloc(texts->n + 1, sizeof(*parsed));

	if (!parsed)
		return fail_oom(err);
	op->mounts = parsed;
	for (size_t i = 0; i < texts->n; i++) {
		TRY(run_mount_parse(texts->v[i], &parsed[i], err));
		op->n_mounts = i + 1;
		struct step_mount *m = list_add(&op->job.run.mounts, sizeof(*m), err);
		if (!m)
			return -1;
		*m = (struct step_mount){ .m = &parsed[i], .root = -1, .lock = -1, .dir = -1 };
		key_text(h, texts->v[i]);
		int r = prepare_mount(st, op, m, i, h, err);
		if (r < 0)
			return -1;
		if (r == 0) {
			step_mount_done(m);
			op->job.run.mounts.n--;
		}
	}
	return 0;
}

void release_run_caches(struct op *op)
{
	struct step_mount *m = op->job.run.mounts.v;

	for (size_t i = 0; i < op->job.run.mounts.n; i++) {
		close_p(&m[i].lock);
		close_p(&m[i].dir);
		m[i].lock = m[i].dir = -1;
	}
}

int prepare_run_caches(struct stage_run *st, struct op *op, struct error *err)
{
	struct step_mount *m = op->job.run.mounts.v;

	for (size_t i = 0; i < op->job.run.mounts.n; i++) {
		if (m[i].m->type != RUN_MOUNT_CACHE || m[i].dir >= 0)
			continue;
		int r = open_cache(st, &m[i], err);
		if (r == 1)
			continue;
		release_run_caches(op);   /* all or none: no two steps wait for each other */
		return r;
	}
	return 1;
}

/* ---- all of it ---- */
/* What the command line says of the containers that can change what a command does. Limits of memory and time do not. */
static void key_container(struct sha256 *h, const struct build_options *o)
{
	const struct container_params *p = &o->run;
	const struct param_mount *m = p->storage.mounts.v;
	const struct param_ulimit *u = p->resources.ulimits.v;

	key_strv(h, &p->security.security_opt);
	key_strv(h, &p->security.cap_add);
	key_strv(h, &p->security.cap_drop);
	key_strv(h, &p->process.groups);
	key_text(h, p->ns.net.mode == NS_NONE ? "no network" : "");
	if (p->ns.user.mode == NS_PRIVATE || p->ns.user.mode == NS_PATH || p->ns.uidmap.n || p->ns.gidmap.n || p->ns.subuid_name || p->ns.subgid_name)
		key_text(h, "user namespace");
	for (size_t i = 0; i < p->storage.mounts.n; i++) {
		key_text(h, m[i].type);
		key_text(h, m[i].source);
		key_text(h, m[i].destination);
		key_strv(h, &m[i].options);
	}
	for (size_t i = 0; i < p->resources.ulimits.n; i++) {
		int64_t limits[2] = { u[i].soft, u[i].hard };
		key_text(h, u[i].name);
		sha256_add(h, limits, sizeof(limits));
	}
}

static void key_run(struct sha256 *h, const struct stage_run *st, const struct op *op)
{
	const struct step_run *r = &op->job.run;

	key_layers(h, st);
	key_strv(h, &r->args);
	key_text(h, r->script);
	key_strv(h, &r->env);
	key_text(h, r->user);
	key_text(h, r->workdir);
	key_text(h, r->network);
	key_text(h, r->security);
	key_strv(h, &r->devices);
	key_strv(h, &r->volumes);
	key_container(h, r->options);
}

/* Programs of another machine run only with an emulator that the kernel knows of. */
static int check_platform(const struct stage_run *st, struct error *err)
{
	const char *arch = st->config.platform.architecture, *host = platform_host_architecture();
	bool native = str_empty(arch) || streq(arch, host) || (streq(arch, "386") && streq(host, "amd64")) ||
		      (streq(arch, "arm") && streq(host, "arm64"));

	if (native)
		return 0;
	DIR *d = opendir("/proc/sys/fs/binfmt_misc");
	bool found = false;
	for (struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d))
		found = str_after(e->d_name, "qemu-") != NULL;
	if (d)
		closedir(d);
	return found ? 0 : fail(err, ERROR_UNSUPPORTED, "RUN for %s on %s: exec format error: no emulator is registered (binfmt_misc): install qemu-user-static",
				arch, host);
}

/* A Containerfile is a stranger's: what weakens the step's confinement needs the user's word (security-matrix I6). */
static int check_allowed(const struct build_options *o, const struct instruction_flags *f, struct error *err)
{
	const bool insecure = streq0(f->security, "insecure"), host = streq0(f->network, "host") && o->run.ns.net.mode == NS_NONE;

	if (insecure && !strv_has(&o->allow, "security.insecure"))
		return fail(err, ERROR_DENIED, "RUN --security=insecure is not allowed: build with --allow security.insecure");
	if (host && !strv_has(&o->allow, "network.host"))
		return fail(err, ERROR_DENIED, "RUN --network=host is not allowed with --network none: build with --allow network.host");
	return 0;
}

int prepare_run(struct stage_run *st, struct op *op, struct error *err)
{
	op->job.run.image = st->base_name;
	op->job.run.image_id = *st->base_id ? st->base_id : NULL;
	const struct build *b = st->b;
	const struct instruction_flags *f = &op->in.flags;
	struct step_run *r = &op->job.run;
	struct sha256 h;

	TRY(check_platform(st, err));
	TRY(check_allowed(b->o, f, err));
	op->job.kind = STEP_RUN;
	r->options = b->o;
	r->isolation = b->isolation;
	r->runtime = b->isolation == BUILD_ISOLATION_CHROOT ? NULL : b->runtime;
	r->fixed_hostname = b->has_time && b->o->run.ns.uts.mode != NS_HOST;
	TRY(set_command(st, op, err));
	TRY(scope_run_env(&st->scope, &r->env, err));
	TRY(str_set(&r->user, st->config.config.user, err));
	TRY(str_set(&r->workdir, st->config.config.working_dir, err));
	TRY(str_set(&r->network, f->network, err));
	TRY(str_set(&r->security, f->security, err));
	TRY(prepare_run_devices(b, &f->devices, &r->devices, err));
	if (b->o->compat_volumes.value)
		TRY(strv_copy(&r->volumes, &st->config.config.volumes, err));
	TRY(strv_copy(&r->image_volumes, &st->config.config.volumes, err));
	key_begin(&h, "run");
	if (r->image_volumes.n)
		key_strv(&h, &r->image_volumes);
	key_run(&h, st, op);   /* before the mounts: secrets in the environment are no part of it */
	TRY(prepare_run_mounts(st, op, &h, err));
	sha256_end_hex(&h, op->key);
	return 0;
}

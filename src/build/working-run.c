/* SPDX-License-Identifier: Apache-2.0
 * build/working-run.c - commands in a working container: RUN of a build with one stage, without a layer. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "build/working-step.h"
#include "conf/helpers.h"
#include "engine/attach.h"
#include "os/file.h"

struct run_work {
	struct working_step w;
	struct build_request silent;
	struct build b;              /* what --mount looks its sources up in */
	struct build_stage none;
	struct stage_run stage;
	struct op op;
};

static void run_work_done(struct run_work *k)
{
	release_run_caches(&k->op);
	op_done(&k->op);
	build_done(&k->b);
	working_step_done(&k->w);
}

/* The same for every command of the container: its own id, or its name where containers.conf says so. */
static int set_hostname(const struct working *w, struct build_options *o, struct error *err)
{
	autofree char *name = NULL;
	size_t n = 0;

	if (o->run.ns.hostname || o->run.ns.uts.mode == NS_HOST)
		return 0;
	if (!w->c->engine->conf.containers.container_name_as_hostname)
		return str_printf(&o->run.ns.hostname, err, "%.12s", w->c->id);
	TRY(str_set(&name, w->c->at.record.name, err));
	for (const char *s = name; *s; s++)
		if (isalnum((unsigned char)*s) || *s == '-' || *s == '.')
			name[n++] = *s;
	name[n] = '\0';
	o->run.ns.hostname = take_ptr(name);
	return 0;
}

static int add_env(const struct working *w, const struct build_options *o, struct strv *to, struct error *err)
{
	TRY(strv_copy(to, &w->config.config.env, err));
	for (size_t i = 0; i < o->env.n; i++) {
		const char *eq = strchr(o->env.v[i], '=');
		autofree char *name = eq ? strndup(o->env.v[i], (size_t)(eq - o->env.v[i])) : strdup(o->env.v[i]);
		const char *value = !name ? NULL : eq ? eq + 1 : getenv(name);
		if (!name)
			return fail_oom(err);
		if (value)
			TRY(strv_env_set(to, name, value, err));
	}
	return 0;
}

/* ---- mounts ---- */
/* Sources of binds lie in --contextdir, or on the host: there relative ones count from the current directory. */
static int open_context(struct run_work *k, const char *contextdir, struct error *err)
{
	struct build_context *c = &k->b.context;
	const char *dir = contextdir ? contextdir : "/";

	c->kind = CONTEXT_TREE;
	c->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0)
		return fail_errno(err, "--contextdir %s", dir);
	return str_set(&c->path, dir, err);
}

static int make_absolute(struct run_mount *m, bool below_context, struct error *err)
{
	char cwd[PATH_MAX];

	if (m->type != RUN_MOUNT_BIND || m->from)
		return 0;
	m->recursive = !m->not_recursive;
	if (below_context)
		return 0;
	if (!m->source)
		return fail(err, ERROR_INVALID, "--mount type=bind,target=%s: a source is missing", m->target);
	if (*m->source == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return fail_errno(err, "current directory");
	autofree char *given = take_ptr(m->source);
	return str_printf(&m->source, err, "%s/%s", cwd, given);
}

static int wait_for_caches(struct run_work *k, struct error *err)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	for (;;) {
		int r = prepare_run_caches(&k->stage, &k->op, err);
		if (r)
			return r < 0 ? -1 : 0;
		nanosleep(&pause, NULL);
	}
}

static int find_mounts(struct run_work *k, const struct working *w, const struct build_options *o, const char *contextdir,
		       struct error *err)
{
	struct sha256 unused;

	if (!o->run_mounts.n)
		return 0;
	k->b = (struct build){ .engine = w->c->engine, .store = k->w.store, .o = o, .request = &k->silent,
			       .stage = take_ptr(k->w.stage), .context = BUILD_CONTEXT_INIT,
			       .context_options.scratch_fd = -1, .unkeyed = true };
	k->stage = (struct stage_run){ .b = &k->b, .s = &k->none, .config.config.working_dir = w->config.config.working_dir };
	TRY(open_context(k, contextdir, err));
	TRY(strv_copy(&k->op.in.flags.mounts, &o->run_mounts, err));
	key_begin(&unused, "");
	TRY(prepare_run_mounts(&k->stage, &k->op, &unused, err));
	for (size_t i = 0; i < k->op.n_mounts; i++)
		TRY(make_absolute(&k->op.mounts[i], contextdir, err));
	return wait_for_caches(k, err);
}

/* ---- run ---- */
static int set_command(const struct working *w, const struct strv *args, struct build_options *o, struct step_run *r, struct error *err)
{
	const struct image_run_config *c = &w->config.config;

	r->options = o;
	r->name = w->c->at.record.name;
	r->image = w->image;
	r->image_id = w->c->at.record.image_id;
	r->in_upper = true;
	TRY(strv_copy(&r->image_volumes, &c->volumes, err));
	TRY(build_isolation_parse(o, &r->isolation, err));
	if (r->isolation != BUILD_ISOLATION_CHROOT)
		TRY(set_hostname(w, o, err));
	TRY(strv_copy(&r->args, args, err));
	TRY(add_env(w, o, &r->env, err));
	TRY(str_set(&r->user, o->run.process.user ? o->run.process.user : c->user, err));
	return str_set(&r->workdir, o->run.process.workdir ? o->run.process.workdir : c->working_dir, err);
}

static int choose_runtime(struct run_work *k, const struct working *w, struct error *err)
{
	struct step_run *r = &k->op.job.run;

	TRY(engine_runtime(w->c->engine, NULL, &k->b.runtime, err));
	r->runtime = r->isolation == BUILD_ISOLATION_CHROOT ? NULL : k->b.runtime;
	return 0;
}

int working_run(struct working *w, const struct working_command *c, int *ret_code, struct error *err)
{
	CLEANUP(run_work_done) struct run_work k = {
		.w = WORKING_STEP_INIT, .b = { .context = BUILD_CONTEXT_INIT, .context_options.scratch_fd = -1 },
		.op = { .step = STEP_INIT, .tree = STAGE_LAYER_INIT, .scratch = -1, .out = -1, .err = -1 },
	};
	struct step_job *j = &k.op.job;
	auto_terminal *terminal = NULL;
	struct step_message m = {};

	*ret_code = 0;
	TRY(working_step_begin(&k.w, w->c, j, err));
	TRY(trees_borrow(&k.w.layers, &j->below, err));
	j->kind = STEP_RUN;
	j->out = c->quiet ? 2 : 1;
	j->err = 2;
	c->options->use_stdin = !c->no_stdin;
	TRY(set_command(w, c->args, c->options, &j->run, err));
	TRY(find_mounts(&k, w, c->options, c->contextdir, err));
	TRY(choose_runtime(&k, w, err));
	if (c->options->run.process.tty)
		TRY(terminal_raw(0, &terminal, err));
	int result = working_step_finish(&k.op.step, j, &m, err);
	if (result < 0 && m.event == STEP_FAILED)
		*ret_code = m.status;
	if (result < 0 && (str_after(err->text, "unable to find user") || str_after(err->text, "/etc/passwd:") ||
			   str_after(err->text, "/etc/group:"))) {
		*ret_code = 0;   /* no command was there to have one */
		err->kind = ERROR_INVALID;
		return fail_wrap(err, "unknown user error");
	}
	return result;
}

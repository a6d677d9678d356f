/* SPDX-License-Identifier: Apache-2.0 */
#include "build/working.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "build/build-impl.h"
#include "engine/commit.h"
#include "os/file.h"
#include "os/path.h"
#include "store/layer.h"
#include "store/rootfs.h"

#define CONFIG_FILE "working-config"
enum { CONFIG_MAX = 1 << 20 };

/* ---- making and finding ---- */
static int create(struct engine *e, const char *image, const char *name, const char *pull, struct ctr **ret, struct error *err)
{
	struct container_params p;
	int r;

	params_init(&p);
	r = str_set(&p.basic.raw_image_name, image, err) < 0 || str_set(&p.basic.name, name, err) < 0 ||
	    str_set(&p.image.pull, pull, err) < 0 || strmap_set(&p.basic.annotations, WORKING_ANNOTATION, "true", err) < 0 ||
	    str_set(&p.storage.image_volume, "ignore", err) < 0 || strv_add(&p.process.command, "/bin/sh", err) < 0 ? -1 : 0;
	p.process.entrypoint_given = true;
	p.ns.net.mode = NS_NONE;   /* decided anew for every command */
	if (r == 0)
		r = ctr_create(e, &p, ret, err);
	if (r < 0)
		params_done(&p);
	return r;
}

static int base_name(const char *image, char **ret, struct error *err)
{
	const char *slash = strrchr(image, '/');
	const char *last = slash ? slash + 1 : image;

	return str_printf(ret, err, "%.*s-working-container", (int)strcspn(last, ":@"), last);
}

int working_from(struct engine *e, const char *image, const char *name, const char *pull, struct ctr **ret, struct error *err)
{
	autofree char *base = NULL;

	if (name)
		return create(e, image, name, pull, ret, err);
	TRY(base_name(image, &base, err));
	for (unsigned i = 0; i < 10000; i++) {
		autofree char *numbered = NULL;
		TRY(i ? str_printf(&numbered, err, "%s-%u", base, i) : str_set(&numbered, base, err));
		int taken = ctr_exists(e, numbered, err);
		if (taken < 0)
			return -1;
		if (!taken)
			return create(e, image, numbered, pull, ret, err);
	}
	return fail(err, ERROR_EXISTS, "no free name for a working container of %s", image);
}

bool working_is(struct ctr *c)
{
	return ctr_is_working(c);
}

int working_find(struct engine *e, const char *name, struct ctr **ret, struct error *err)
{
	auto_ctr *c = NULL;

	TRY(ctr_find(e, name, &c, err));
	TRY(ctr_load(c, err));
	if (!working_is(c))
		return fail(err, ERROR_INVALID, "container %s is no working container: make one with buildah from", name);
	*ret = take_ptr(c);
	return 0;
}

/* ---- configuration ---- */
static int read_instructions(const struct ctr *c, struct strv *ret, struct error *err)
{
	autofree char *dir = NULL, *path = NULL, *text = NULL;
	auto_strv lines = {};
	size_t len;

	TRY(ctr_dir(c, &dir, err));
	TRY(str_printf(&path, err, "%s/" CONFIG_FILE, dir));
	int r = file_read(AT_FDCWD, path, CONFIG_MAX, &text, &len, err);
	if (r != 1)
		return r;
	TRY(strv_split(&lines, text, '\n', err));
	for (size_t i = 0; i < lines.n; i++)
		if (*lines.v[i])
			TRY(strv_add(ret, lines.v[i], err));
	return 0;
}

/* What the container's commands start with now. */
static int load_config(struct ctr *c, struct image_config *ret, struct error *err)
{
	auto_strv instructions = {};

	TRY(commit_config(c->engine, c->at.record.image_id, ret, err));
	TRY(read_instructions(c, &instructions, err));
	for (size_t i = 0; i < instructions.n; i++)
		TRY(image_change_apply(ret, instructions.v[i], err));
	return 0;
}

int working_config(struct ctr *c, const struct strv *instructions, struct error *err)
{
	auto_image_config probe = {};
	autofree char *dir = NULL, *path = NULL, *text = NULL;
	auto_strv all = {};

	TRY(load_config(c, &probe, err));
	TRY(read_instructions(c, &all, err));
	for (size_t i = 0; i < instructions->n; i++) {
		if (strchr(instructions->v[i], '\n'))
			return fail(err, ERROR_INVALID, "\"%s\": must be one line", instructions->v[i]);
		TRY(image_change_apply(&probe, instructions->v[i], err));
		TRY(strv_add(&all, instructions->v[i], err));
	}
	TRY(ctr_dir(c, &dir, err));
	TRY(str_printf(&path, err, "%s/" CONFIG_FILE, dir));
	text = strv_join(&all, "\n");
	return text ? file_replace(AT_FDCWD, path, text, strlen(text), 0600, FILE_SYNC, err) : fail_oom(err);
}

/* ---- steps ---- */
struct work {
	struct store *store;
	struct stage *stage;
	struct step_job job;
	struct step step;
	int *layers;
	size_t n_layers;
	int upper, scratch;
};

static void work_done(struct work *w)
{
	step_end(&w->step);
	step_job_done(&w->job);
	for (size_t i = 0; i < w->n_layers; i++)
		close_p(&w->layers[i]);
	free(w->layers);
	close_p(&w->upper);
	close_p(&w->scratch);
	stage_done(w->stage);
}
#define WORK_INIT { .step = STEP_INIT, .upper = -1, .scratch = -1 }

/* The upper directory is made by the first mount. */
static int open_upper(struct work *w, const struct ctr *c, struct error *err)
{
	const struct rootfs_options o = { .id = c->id, .layers = &c->at.record.layers, .userns_fd = -1 };
	struct error missing;

	w->upper = store_rootfs_upper(w->store, c->id, &missing);
	if (w->upper >= 0)
		return 0;
	int fd = -1;
	TRY(store_rootfs_open(w->store, &o, &fd, err));
	close(fd);
	w->upper = store_rootfs_upper(w->store, c->id, err);
	return w->upper < 0 ? -1 : 0;
}

static int begin(struct work *w, struct ctr *c, struct error *err)
{
	const struct strv *layers = &c->at.record.layers;
	struct step_job *j = &w->job;

	TRY(engine_store(c->engine, &w->store, err));
	TRY(stage_begin(w->store, "build", &w->stage, err));
	TRY(open_upper(w, c, err));
	w->scratch = fcntl(stage_fd(w->stage), F_DUPFD_CLOEXEC, 3);
	w->layers = calloc(layers->n + 1, sizeof(int));
	j->below.v = calloc(layers->n + 2, sizeof(int));
	if (w->scratch < 0 || !w->layers || !j->below.v)
		return fail_oom(err);
	for (; w->n_layers < layers->n; w->n_layers++) {
		w->layers[w->n_layers] = store_layer_open(w->store, layers->v[w->n_layers], err);
		if (w->layers[w->n_layers] < 0)
			return -1;
		j->below.v[j->below.n++] = w->layers[w->n_layers];
	}
	j->engine = c->engine;
	j->store = w->store;
	j->upper = w->upper;
	j->scratch = w->scratch;
	j->no_layer = true;
	return str_set(&j->scratch_path, stage_path(w->stage), err);
}

static int finish(struct work *w, struct step_message *m, struct error *err)
{
	TRY(step_start(&w->step, &w->job, err));
	do
		TRY(step_receive(&w->step, m, err));
	while (m->event == STEP_RUNS);
	if (m->event == STEP_LOST)
		return fail(err, ERROR_RUNTIME, "the process of the step died");
	if (m->event == STEP_FAILED)
		*err = m->error;
	return m->event == STEP_FAILED ? -1 : 0;
}

int working_run(struct ctr *c, const struct strv *args, const struct build_options *o, int *ret_code, struct error *err)
{
	CLEANUP(work_done) struct work w = WORK_INIT;
	auto_image_config config = {};
	struct step_message m;
	struct step_run *r = &w.job.run;

	TRY(load_config(c, &config, err));
	TRY(begin(&w, c, err));
	w.job.kind = STEP_RUN;
	w.job.out = 1;
	w.job.err = 2;
	r->options = o;
	TRY(build_isolation_parse(o, &r->isolation, err));
	TRY(strv_copy(&r->args, args, err));
	TRY(strv_copy(&r->env, &config.config.env, err));
	for (size_t i = 0; i < o->env.n; i++)
		TRY(strv_add(&r->env, o->env.v[i], err));
	TRY(str_set(&r->user, o->run.process.user ? o->run.process.user : config.config.user, err));
	TRY(str_set(&r->workdir, o->run.process.workdir ? o->run.process.workdir : config.config.working_dir, err));
	*ret_code = 0;
	int result = finish(&w, &m, err);
	if (result < 0 && m.event == STEP_FAILED)
		*ret_code = m.status;
	return result;
}

int working_copy(struct ctr *c, const struct working_copy *o, char ret_digest[65], struct error *err)
{
	CLEANUP(work_done) struct work w = WORK_INIT;
	auto_image_config config = {};
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct step_message m;
	char cwd[PATH_MAX];

	if (root < 0 || !getcwd(cwd, sizeof(cwd)))
		return fail_errno(err, "current directory");
	TRY(load_config(c, &config, err));
	TRY(begin(&w, c, err));
	w.job.kind = STEP_COPY;
	w.job.below.v[w.job.below.n++] = w.upper;
	const char *dir = str_empty(config.config.working_dir) ? "/" : config.config.working_dir;
	const char *to = o->destination ? o->destination : ".";
	TRY(*to == '/' ? str_set(&w.job.destination, to, err) :
			 str_printf(&w.job.destination, err, "%s/%s", dir, streq(to, ".") ? "./" : to));
	TRY(str_set(&w.job.chown, o->chown, err));
	TRY(str_set(&w.job.chmod, o->chmod, err));
	for (size_t i = 0; i < o->sources->n; i++) {
		struct copy_source *s = list_add(&w.job.patterns, sizeof(*s), err);
		char *pattern = NULL;
		if (!s || str_printf(&pattern, err, "%s%s%s", *o->sources->v[i] == '/' ? "" : cwd, *o->sources->v[i] == '/' ? "" : "/",
				     o->sources->v[i]) < 0)
			return -1;
		*s = (struct copy_source){ .root = root, .what = "/", .pattern = pattern };
	}
	TRY(finish(&w, &m, err));
	snprintf(ret_digest, 65, "%s", m.content);
	return 0;
}

/* ---- the image ---- */
int working_commit(struct ctr *c, const char *name, const char *format, bool squash, char ret_id[65], struct error *err)
{
	auto_strv instructions = {};
	struct ctr_commit o = { .name = name, .squash = squash };

	TRY(read_instructions(c, &instructions, err));
	TRY(image_format_parse(format ? format : "", &o.format, err));
	o.changes = instructions;
	return ctr_commit(c, &o, ret_id, err);
}

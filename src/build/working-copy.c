/* SPDX-License-Identifier: Apache-2.0
 * build/working-copy.c - files into a working container: COPY and ADD of a build with one stage, without a layer. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/units.h"
#include "build/working-step.h"
#include "conf/helpers.h"
#include "engine/image-list.h"
#include "engine/pull.h"

/* The builder's COPY and ADD are used as they are: a build with one stage without layers. */
struct copy_work {
	struct working_step w;
	int link;                    /* --link, into: what is written to instead of the upper directory; -1 */
	struct build b;
	struct stage_run stage;
	struct instruction raw;
	struct op op;
	char *scratch_path;
};

static void copy_work_done(struct copy_work *k)
{
	op_done(&k->op);
	build_context_done(&k->b.context);
	close_p((int *)&k->b.context_options.scratch_fd);
	close_p(&k->link);
	free(k->scratch_path);
	free(k->b.worker);
	working_step_done(&k->w);
}

static int open_scratch(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	struct engine *e = k->b.engine;

	if (mkdirat(k->w.scratch, "context", 0700) < 0)
		return fail_errno(err, "make a directory");
	int fd = openat(k->w.scratch, "context", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open a directory");
	k->b.context_options = (struct context_options){ .scratch_fd = fd, .log = e->log, .stdin_fd = -1, .userns = e->paths.rootless,
		.ignore_chown = e->storage.ignore_chown_errors };
	TRY(context_options_remote(&k->b.context_options, &o->options->remote, err));
	TRY(str_printf(&k->scratch_path, err, "%s/context", stage_path(k->w.stage)));
	TRY(helper_find("umiak-worker", &k->b.worker, err));
	k->b.context_options.scratch_path = k->scratch_path;
	k->b.context_options.worker = k->b.worker;
	return 0;
}

static int open_context(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	struct build_context *c = &k->b.context;
	const char *dir = o->contextdir && !o->from ? o->contextdir : "/";

	c->kind = CONTEXT_TREE;
	c->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0)
		return fail_errno(err, "--contextdir %s", dir);
	TRY(str_set(&c->path, dir, err));
	TRY(str_set(&c->name, dir, err));
	return o->contextdir && !o->from ? build_context_load_ignore(c, o->ignorefile, NULL, err) : 0;
}

/* --allow-wildcard, --allow-empty-wildcard: 1: the source counts. */
static int check_pattern(struct copy_work *k, const struct working_copy *o, const char *source, const char *path, struct error *err)
{
	const struct copy_source s = { .root = k->b.context.fd, .what = "/", .pattern = path };
	auto_copy_items items = {};
	struct error missing = {};

	if (!ignore_has_glob(source))
		return 1;
	if (o->no_wildcard)
		return fail(err, ERROR_INVALID, "\"%s\": wildcards are not allowed", source);
	if (copy_find(&s, &items, &missing) == 0)
		return 1;
	return o->empty_wildcard ? 0 : fail(err, ERROR_NOT_FOUND, "\"%s\": the wildcard matched nothing: no such file or directory", source);
}

/* Of the host: absolute, or below --contextdir. */
static int add_source(struct copy_work *k, const struct working_copy *o, const char *source, const char *cwd, struct error *err)
{
	const char *below = o->contextdir && !o->from ? str_after(source, o->contextdir) : NULL;
	struct strv *words = &k->op.in.words;

	if (add_source_kind(source) != ADD_PATH)
		return strv_add(words, source, err);
	if (o->checksum)
		return fail(err, ERROR_INVALID, "checksum flag is not supported for local sources");
	if (o->from)
		return strv_addf(words, err, "%s/%s", o->contextdir ? o->contextdir : "", source);
	if (o->contextdir)
		return strv_add(words, below && (!*below || *below == '/') ? (*below ? below : "/") : source, err);
	autofree char *path = NULL;
	TRY(str_printf(&path, err, "%s%s%s", *source == '/' ? "" : cwd, *source == '/' ? "" : "/", source));
	int counts = check_pattern(k, o, source, path, err);
	return counts > 0 ? strv_add(words, path, err) : counts;
}

static int set_words(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)))
		return fail_errno(err, "current directory");
	for (size_t i = 0; i < o->sources->n; i++)
		TRY(add_source(k, o, o->sources->v[i], cwd, err));
	return strv_add(&k->op.in.words, o->destination ? o->destination : ".", err);
}

static int set_flags(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	struct instruction_flags *f = &k->op.in.flags;

	f->parents = o->parents;
	TRY(str_set(&f->chown, o->chown, err));
	TRY(str_set(&f->chmod, o->chmod, err));
	TRY(str_set(&f->checksum, o->checksum, err));
	return strv_copy(&f->excludes, o->excludes, err);
}

/* ---- --from ---- */
static int open_container(struct copy_work *k, struct ctr *c, struct error *err)
{
	TRY(trees_add_layers(&k->w.from, k->w.store, &c->at.record.layers, err));
	return trees_add(&k->w.from, working_open_upper(k->w.store, c, err), err);
}

static int open_image(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	const struct image_remote *r = &o->options->remote;
	const struct params_image how = { .authfile = r->authfile, .cert_dir = r->cert_dir, .creds = r->creds, .retry_delay = r->retry_delay,
					  .signature_policy = r->signature_policy, .tls_verify = r->tls_verify, .retry = r->retry,
					  .decryption_keys = o->options->decryption_keys, .quiet = o->quiet };
	auto_store_image image = {};
	auto_strv layers = {};

	if (image_obtain(k->b.engine, o->from, &how, STORE_IMAGE_ALL, &image, NULL, err) < 0)
		return fail_wrap(err, "no container named \"%s\", error copying content from image \"%s\"", o->from, o->from);
	for (size_t i = 0; i < image.n_layers; i++)
		TRY(strv_add(&layers, image.layers[i].diff_id, err));
	return trees_add_layers(&k->w.from, k->w.store, &layers, err);
}

/* The sources are found in the tree of a container or an image; what comes from there keeps its owners. */
static int use_from(struct copy_work *k, const struct working_copy *o, struct error *err)
{
	struct step_job *j = &k->op.job;
	auto_ctr *c = NULL;

	int found = ctr_exists(k->b.engine, o->from, err);
	TRY(found);
	if (found)
		TRY(ctr_find(k->b.engine, o->from, &c, err));
	TRY(found ? open_container(k, c, err) : open_image(k, o, err));
	TRY(trees_borrow(&k->w.from, &j->from, err));
	j->keep_owner = true;
	for (size_t i = 0; i < j->patterns.n; i++)
		((struct copy_source *)j->patterns.v)[i].root = -1;
	return 0;
}

static int choose_place(struct copy_work *k, const struct working *w, const struct working_copy *o, struct error *err)
{
	if (!o->link && !o->into.set)
		return 0;
	k->link = o->link ? working_link_open(w, err) : fcntl((int)o->into.value, F_DUPFD_CLOEXEC, 3);
	if (k->link < 0)
		return o->link ? -1 : fail_errno(err, "directory");
	k->op.job.upper = k->link;
	return 0;
}

/* What --link copied counts from here on. */
static int keep_link(struct working *w, const struct working_copy *o, const char *what, const char *digest, struct error *err)
{
	autofree char *text = NULL;

	if (!o->link)
		return 0;
	TRY(str_printf(&text, err, "/bin/sh -c #(nop) %s --link %s%s in %s ", o->add ? "ADD" : "COPY", what, digest,
		       o->destination ? o->destination : "."));
	return working_link_keep(w, text, err);
}

static void set_sources(struct step_job *j, const struct working_copy *o)
{
	struct copy_source *s = j->patterns.v;

	for (size_t i = 0; i < j->patterns.n; i++) {
		s[i].no_follow = o->no_follow;
		s[i].strip_setid = false;
	}
}

static const char *what_was_copied(const struct step_job *j, const struct working_copy *o)
{
	struct stat st;
	const char *source = o->sources->v[0];

	if (o->sources->n > 1 || j->patterns.n > 1)
		return "multi:";
	return !o->from && !o->contextdir && stat(source, &st) == 0 && S_ISDIR(st.st_mode) ? "dir:" : "file:";
}

int working_copy(struct working *w, const struct working_copy *o, char ret_digest[65], const char **ret_what, struct error *err)
{
	CLEANUP(copy_work_done) struct copy_work k = {
		.w = WORKING_STEP_INIT, .link = -1, .b = { .engine = w->c->engine, .o = o->options, .context = BUILD_CONTEXT_INIT, .context_options.scratch_fd = -1 },
		.op = { .step = STEP_INIT, .tree = STAGE_LAYER_INIT, .scratch = -1, .out = -1, .err = -1 },
	};
	struct step_message m = {};
	struct step_job *j = &k.op.job;

	k.raw.kind = o->from ? INSTRUCTION_COPY : INSTRUCTION_ADD;
	if (!o->add)   /* it takes URLs, too, but unpacks nothing */
		k.op.in.flags.unpack = (struct opt_bool){ true, false };
	k.op.raw = &k.raw;
	k.stage = (struct stage_run){ .b = &k.b, .config.config.working_dir = w->config.config.working_dir };
	TRY(working_step_begin(&k.w, w->c, j, err));
	TRY(choose_place(&k, w, o, err));
	k.b.store = k.w.store;
	k.b.stage = k.w.stage;
	TRY(open_scratch(&k, o, err));
	TRY(open_context(&k, o, err));
	TRY(set_flags(&k, o, err));
	TRY(set_words(&k, o, err));
	if (k.op.in.words.n < 2)
		return 0;   /* nothing fits the patterns */
	TRY(prepare_copy(&k.stage, &k.op, err));
	if (o->from)
		TRY(use_from(&k, o, err));
	TRY(trees_add(&k.w.layers, fcntl(k.w.upper, F_DUPFD_CLOEXEC, 3), err));
	TRY(trees_borrow(&k.w.layers, &j->below, err));
	j->copy_time = o->timestamp;
	set_sources(j, o);
	*ret_what = what_was_copied(j, o);
	TRY(working_step_finish(&k.op.step, j, &m, err));
	snprintf(ret_digest, 65, "%s", m.content);
	return keep_link(w, o, *ret_what, ret_digest, err);
}

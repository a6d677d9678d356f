/* SPDX-License-Identifier: Apache-2.0
 * build/prepare.c - COPY, ADD and WORKDIR as jobs, and the keys their results are kept under. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build/build-impl.h"
#include "os/file.h"
#include "os/path.h"

/* ---- keys ---- */
void key_begin(struct sha256 *h, const char *what)
{
	sha256_init(h);
	key_text(h, "umiak build 1");
	key_text(h, what);
}

void key_text(struct sha256 *h, const char *s)
{
	const char *text = s ? s : "";
	uint64_t len = s ? strlen(s) : UINT64_MAX;

	sha256_add(h, &len, sizeof(len));
	sha256_add(h, text, strlen(text));
}

void key_strv(struct sha256 *h, const struct strv *v)
{
	uint64_t n = v->n;

	sha256_add(h, &n, sizeof(n));
	for (size_t i = 0; i < v->n; i++)
		key_text(h, v->v[i]);
}

/* What is withheld from the image is a reason to do its last step again, as Buildah does. */
static void key_withheld(struct sha256 *h, const struct stage_run *st)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX);
	struct error ignored;

	if (st->next < st->n && plan_withheld(st, &st->ops[st->next], &text, &ignored) >= 0 && text.len)
		key_text(h, text.data);
}

static void key_times(struct sha256 *h, const struct build *b)
{
	char times[64];

	snprintf(times, sizeof(times), "%d %d %lld", b->has_time && b->o->timestamp.set, b->has_time && b->o->rewrite_timestamp,
		 b->has_time ? (long long)b->time_s : 0);
	key_text(h, times);
}

/* What lies below the step, and what is done to times in it. */
void key_layers(struct sha256 *h, const struct stage_run *st)
{
	for (size_t i = 0; i < st->n_layers; i++)
		key_text(h, st->layers[i]->diff_id);
	key_times(h, st->b);
	key_withheld(h, st);
}

int stage_trees(const struct stage_run *st, struct step_trees *ret, struct error *err)
{
	ret->v = calloc(st->n_layers + 2, sizeof(int));
	if (!ret->v)
		return fail_oom(err);
	for (size_t i = 0; i < st->n_layers; i++)
		ret->v[ret->n++] = st->layers[i]->fd;
	return 0;
}

/* ---- sources ---- */
static int add_pattern(struct step_job *j, int root, const char *what, const char *pattern, const struct ignore *ignore,
		       const char *ignore_name, struct error *err)
{
	struct copy_source *s = list_add(&j->patterns, sizeof(*s), err);
	char *copy = strdup(pattern);

	if (!s || !copy) {
		free(copy);
		return fail_oom(err);
	}
	*s = (struct copy_source){ .root = root, .what = what, .pattern = copy, .ignore = ignore, .ignore_name = ignore_name,
				   .parents = j->parents };
	return 0;
}

/* Where the files of COPY --from come from, as part of the key. 1: trees of layers; 0: the directory in *ret_root. */
static int find_from(struct stage_run *st, struct op *op, struct sha256 *h, int *ret_root, const char **ret_what,
		     const struct build_context **ret_context, struct error *err)
{
	struct build *b = st->b;
	struct graph_source source = {};
	int r = 1;

	TRY(build_graph_find(&b->graph, &b->graph_options, st->s->index, op->in.flags.from, &source, err));
	if (source.kind == GRAPH_STAGE) {
		const struct stage_run *other = &b->stages[source.stage];
		r = stage_trees(other, &op->job.from, err) < 0 ? -1 : 1;
		for (size_t i = 0; i < other->n_layers; i++)
			key_text(h, other->layers[i]->diff_id);
	} else if (source.kind == GRAPH_CONTEXT) {
		const struct named_context *c = build_context_find(b, source.name);
		if (c && c->c.kind == CONTEXT_TREE) {
			*ret_root = c->c.fd;
			*ret_what = c->c.name;
			*ret_context = &c->c;
			r = 0;
		} else {
			r = base_image_layers(b, c ? c->c.image : source.name, NULL, &op->job.from, h, err) < 0 ? -1 : 1;
		}
	} else {
		r = base_image_layers(b, source.name, NULL, &op->job.from, h, err) < 0 ? -1 : 1;
	}
	graph_source_done(&source);
	return r;
}

/* Contents of heredocs are files of these names. */
static int add_heredocs(struct op *op, struct sha256 *h, struct error *err)
{
	const struct heredoc *d = op->in.heredocs.v;

	for (size_t i = 0; i < op->in.heredocs.n; i++) {
		struct copy_item *item = list_add(&op->job.items.v, sizeof(*item), err);
		if (!item)
			return -1;
		*item = (struct copy_item){ .root = -1, .text = d[i].text, .text_len = strlen(d[i].text) };
		TRY(str_set(&item->name, d[i].name, err));
		key_text(h, d[i].name);
		key_text(h, d[i].text);
	}
	return 0;
}

/* ---- ADD ---- */
static int keep_tree(struct op *op, int fd, struct error *err)
{
	int *slot = list_add(&op->trees, sizeof(int), err);

	if (!slot) {
		close(fd);
		return -1;
	}
	*slot = fd;
	return 0;
}

static int scratch_dir(struct build *b, const char *prefix, char name[32], struct error *err)
{
	snprintf(name, 32, "%s%u", prefix, b->serial++);
	if (mkdirat(b->context_options.scratch_fd, name, 0755) < 0)
		return fail_errno(err, "make %s in %s", name, b->context_options.scratch_path);
	int fd = openat(b->context_options.scratch_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "open %s", name) : fd;
}

/* An archive of the context is unpacked; its files keep their owners. 1: it was one. */
static int unpack(struct build *b, struct op *op, int fd, const char *what, struct error *err)
{
	char name[32];
	int to = scratch_dir(b, "u", name, err);

	if (to < 0)
		return -1;
	TRY(keep_tree(op, to, err));
	int r = add_unpack(&b->context_options, fd, what, to, err);
	if (r != 1)
		return r;
	op->job.keep_owner = true;
	TRY(add_pattern(&op->job, to, what, "/", NULL, NULL, err));
	return 1;
}

/* A local source of ADD that may be an archive: only plain files are looked into. */
static int add_file(struct build *b, struct op *op, int root, const struct build_context *c, const char *source,
		     struct error *err)
{
	struct stat st;
	struct error missing;
	const struct opt_bool *wanted = &op->in.flags.unpack;
	autoclose int fd = -1;

	if (op->raw->kind == INSTRUCTION_ADD && (!wanted->set || wanted->value))
		fd = path_open_in_root(root, source, (struct path_open){ .oflags = O_RDONLY | O_NONBLOCK }, &missing);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		int r = unpack(b, op, fd, source, err);
		if (r)
			return r < 0 ? fail_wrap(err, "unpacking %s", source) : 0;
	}
	TRY(add_pattern(&op->job, root, c->path ? c->path : c->name, source, c->ignore, c->ignore_name, err));
	((struct copy_source *)op->job.patterns.v)[op->job.patterns.n - 1].strip_setid = !op->in.flags.from;
	return 0;
}

/* ADD of a pattern: each file it fits may be an archive. */
static int add_local(struct build *b, struct op *op, int root, const struct build_context *c, const char *source,
		     struct error *err)
{
	const char *what = c->path ? c->path : c->name;
	struct copy_source pattern = { .root = root, .what = what, .pattern = source, .ignore = c->ignore, .ignore_name = c->ignore_name };
	auto_copy_items items = {};

	if (op->raw->kind != INSTRUCTION_ADD || op->job.parents || !ignore_has_glob(source))
		return add_file(b, op, root, c, source, err);
	if (copy_find(&pattern, &items, err) < 0)
		return add_pattern(&op->job, root, what, source, c->ignore, c->ignore_name, err);   /* told when its turn comes */
	for (size_t i = 0; i < items.v.n; i++)
		TRY(add_file(b, op, root, c, COPY_ITEM(&items, i)->path, err));
	return 0;
}

static int add_remote(struct build *b, struct op *op, const char *given, struct error *err)
{
	autofree char *source = NULL, *demanded = NULL;

	TRY(source_policy_url(&b->policy, given, &source, &demanded, err));
	struct add_fetched *f = list_add(&op->fetched, sizeof(*f), err);
	const struct instruction_flags *flags = &op->in.flags;
	char name[32];

	if (!f)
		return -1;
	*f = (struct add_fetched)ADD_FETCHED_INIT;
	TRY(add_fetch(&b->context_options, source, demanded ? demanded : flags->checksum, flags->keep_git_dir, f, err));
	if (add_source_kind(source) == ADD_GIT)
		return add_pattern(&op->job, f->fd, given, "/", NULL, NULL, err);
	if (flags->unpack.set && flags->unpack.value) {
		int r = unpack(b, op, f->fd, given, err);
		if (r)
			return r < 0 ? -1 : 0;
	}
	int dir = scratch_dir(b, "d", name, err);
	if (dir < 0)
		return -1;
	TRY(keep_tree(op, dir, err));
	const char *file = f->name ? f->name : "download";
	autoclose int to = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0 || !path_is_name(file))
		return fail(err, ERROR_INVALID, "%s: its file name \"%s\" cannot be used", source, file);
	TRY(file_copy_fd(f->fd, to, NULL, err));
	const struct timespec times[2] = { { .tv_sec = f->mtime }, { .tv_sec = f->mtime } };
	if (fchmod(to, 0600) < 0 || (f->mtime && futimens(to, times) < 0))
		return fail_errno(err, "set mode and time of %s", file);
	return add_pattern(&op->job, dir, given, file, NULL, NULL, err);
}

static int add_source(struct stage_run *st, struct op *op, int root, const struct build_context *c, const char *source,
		      struct error *err)
{
	bool remote = add_source_kind(source) != ADD_PATH;

	if (remote && op->raw->kind == INSTRUCTION_COPY)
		return fail(err, ERROR_INVALID, "source can't be a URL for COPY");
	if (remote)
		return add_remote(st->b, op, source, err);
	if (root < 0)
		return fail(err, ERROR_NOT_FOUND, "checking on sources: there is no build context that %s could lie in", source);
	return add_local(st->b, op, root, c, source, err);
}

/* ---- COPY ---- */
static int set_destination(const struct stage_run *st, struct op *op, struct error *err)
{
	const struct strv *w = &op->in.words;
	const char *to = w->v[w->n - 1];
	const char *dir = st->config.config.working_dir;

	if (*to == '/')
		return str_set(&op->job.destination, to, err);
	return str_printf(&op->job.destination, err, "%s/%s", str_empty(dir) ? "" : dir, streq(to, ".") ? "./" : to);
}

static int set_excludes(struct op *op, struct error *err)
{
	const struct strv *patterns = &op->in.flags.excludes;

	if (!patterns->n)
		return 0;
	TRY(ignore_new(&op->job.excludes, err));
	for (size_t i = 0; i < patterns->n; i++)
		TRY(ignore_add(op->job.excludes, patterns->v[i], err));
	return 0;
}

static void key_flags(struct sha256 *h, const struct op *op)
{
	const struct step_job *j = &op->job;

	key_text(h, instruction_name(op->raw->kind));
	key_text(h, j->destination);
	key_text(h, j->chown);
	key_text(h, j->chmod);
	key_strv(h, &op->in.flags.excludes);
	key_text(h, j->parents ? "parents" : "");
	key_text(h, op->in.flags.from);
}

bool copy_stands_alone(const struct op *op)
{
	const char *owner = op->job.chown;

	return op->job.link && (!owner || (strchr(owner, ':') && !owner[strspn(owner, "0123456789:")]));
}

/* A layer that looks at nothing below still has an entry for "/", which is as it is there. */
static void key_root(struct sha256 *h, const struct stage_run *st)
{
	struct stat sb = { .st_mode = 0755 };
	char text[64];

	if (st->n_layers)
		(void)fstat(st->layers[st->n_layers - 1]->fd, &sb);
	snprintf(text, sizeof(text), "%o %u %u", (unsigned)sb.st_mode & 07777, sb.st_uid, sb.st_gid);
	key_text(h, text);
}

void prepare_copy_key(struct stage_run *st, struct op *op)
{
	struct sha256 h;

	key_begin(&h, op->job.link ? "copy link" : "copy");
	if (copy_stands_alone(op)) {
		key_root(&h, st);
		key_times(&h, st->b);
	} else {
		key_layers(&h, st);
	}
	key_text(&h, op->what);
	sha256_end_hex(&h, op->from_files ? op->quick : op->key);
	op->keyed = true;
}

int prepare_copy(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	struct step_job *j = &op->job;
	const struct instruction_flags *f = &op->in.flags;
	const struct build_context *c = &b->context;
	const char *what = NULL;
	struct sha256 h;
	int root = b->context.fd, from_layers = 0;

	j->kind = STEP_COPY;
	j->parents = f->parents;
	j->link = f->link && !b->single;   /* all in one layer: there is nothing it could stand beside */
	TRY(str_set(&j->chown, f->chown, err));
	TRY(str_set(&j->chmod, f->chmod, err));
	TRY(set_destination(st, op, err));
	TRY(set_excludes(op, err));
	key_begin(&h, "what is copied");
	key_flags(&h, op);
	if (f->from) {
		from_layers = find_from(st, op, &h, &root, &what, &c, err);
		if (from_layers < 0)
			return -1;
		j->keep_owner = from_layers;
	}
	for (size_t i = 0; i + 1 < op->in.words.n; i++) {
		key_text(&h, op->in.words.v[i]);
		if (from_layers)
			TRY(add_pattern(j, -1, f->from, op->in.words.v[i], NULL, NULL, err));
		else
			TRY(add_source(st, op, root, c, op->in.words.v[i], err));
	}
	TRY(add_heredocs(op, &h, err));
	sha256_end_hex(&h, op->what);
	op->from_files = !from_layers && j->patterns.n;
	return 0;
}

int prepare_workdir(struct stage_run *st, struct op *op, struct error *err)
{
	struct sha256 h;

	op->job.kind = STEP_WORKDIR;
	TRY(str_set(&op->job.directory, st->config.config.working_dir, err));
	TRY(str_set(&op->job.user, st->config.config.user, err));
	key_begin(&h, "workdir");
	key_layers(&h, st);
	key_text(&h, op->job.directory);
	key_text(&h, op->job.user);
	sha256_end_hex(&h, op->key);
	return 0;
}

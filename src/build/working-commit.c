/* SPDX-License-Identifier: Apache-2.0
 * build/working-commit.c - a working container's files and configuration become an image. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "build/working-internal.h"
#include "engine/image-list.h"
#include "engine/info.h"
#include "image/config-change.h"
#include "image/reference.h"
#include "store/rootfs.h"
#include "store/stage.h"

struct making {
	const struct working *w;
	const struct working_commit *o;
	struct image_config config;
	struct strmap annotations;
	struct strv names;
	struct commit_hold hold;
	struct trees linked;             /* further layers */
	struct commit_more *more;
	struct stage *stage;             /* --add-file */
};

static void making_done(struct making *m)
{
	image_config_done(&m->config);
	strmap_done(&m->annotations);
	strv_done(&m->names);
	commit_hold_done(&m->hold);
	trees_done(&m->linked);
	free(m->more);
	stage_done(m->stage);
}

/* Through text: that is what the document is. */
static int copy_config(const struct image_config *from, struct image_config *to, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);

	TRY(image_config_format(from, &text, err));
	return image_config_parse(text.data, text.len, to, err);
}

/* The image was told of its base in the first entry that is new. */
static int name_base(struct making *m, struct error *err)
{
	const struct working *w = m->w;
	size_t at = (size_t)w->base_history;

	if (!w->image || !strchr(w->image, '/') || at >= m->config.history.n || m->o->squash)
		return 0;
	struct image_history *h = &((struct image_history *)m->config.history.v)[at];
	return h->comment ? 0 : str_printf(&h->comment, err, "FROM %s", w->image);
}

static int describe(struct making *m, struct error *err)
{
	const struct working_commit *o = m->o;
	bool identity = o->identity_label.set ? o->identity_label.value : !o->timestamp.set;

	TRY(copy_config(&m->w->config, &m->config, err));
	if (o->config_file)
		TRY(commit_merge_config(o->config_file, &m->config, err));
	for (size_t i = 0; i < o->changes->n; i++)
		TRY(image_change_apply(&m->config, o->changes->v[i], err));
	for (size_t i = 0; i < o->unset_env->n; i++)
		strv_env_unset(&m->config.config.env, o->unset_env->v[i]);
	if (identity)
		TRY(strmap_set(&m->config.config.labels, "io.buildah.version", BUILDAH_LEVEL, err));
	if (o->squash || o->omit_history)
		image_config_forget_history(&m->config);
	return name_base(m, err);
}

static int annotate(struct making *m, enum image_format format, int64_t ns, struct error *err)
{
	const struct working_commit *o = m->o;
	char when[48];

	if (format == IMAGE_FORMAT_V2S2)
		return 0;
	TRY(strmap_copy(&m->annotations, &m->w->annotations, err));
	if (!o->created_annotation.set || o->created_annotation.value)
		TRY(strmap_set(&m->annotations, "org.opencontainers.image.created", time_format_utc(ns, when), err));
	else
		strmap_remove(&m->annotations, "org.opencontainers.image.created");
	for (size_t i = 0; i < o->unset_annotations->n; i++)
		strmap_remove(&m->annotations, o->unset_annotations->v[i]);
	for (size_t i = 0; i < o->annotations->n; i++)
		TRY(strmap_add_pair(&m->annotations, o->annotations->v[i], err));
	return 0;
}

/* With --timestamp and the like new entries of the history have that time. */
static int set_history_times(struct making *m, int64_t ns, struct error *err)
{
	struct image_history *h = m->config.history.v;
	char when[48];

	for (size_t i = (size_t)m->w->base_history; m->o->timestamp.set && i < m->config.history.n; i++)
		TRY(str_set(&h[i].created, time_format_utc(ns, when), err));
	return 0;
}

static int full_name(struct making *m, struct error *err)
{
	auto_reference r = {};
	auto_store_image known = {};
	autofree char *found = NULL, *text = NULL;
	struct error ignored;

	if (!m->o->name)
		return 0;
	if (reference_parse(m->o->name, &r, err) < 0)
		return fail_wrap(err, "invalid image name \"%s\"", m->o->name);
	if (image_find(m->w->c->engine, m->o->name, 0, &known, &found, &ignored) > 0 && found && !strchr(found, '@'))
		return strv_add(&m->names, found, err);
	TRY(reference_normalize_local(&r, err));
	text = reference_text(&r);
	return text ? strv_add(&m->names, text, err) : fail_oom(err);
}

/* ---- further layers ---- */
static int add_files(struct making *m, struct working *w, struct error *err)
{
	const struct working_commit *o = m->o;
	struct store *s;

	if (!o->add_files || !o->add_files->n)
		return 0;
	TRY(engine_store(w->c->engine, &s, err));
	TRY(stage_begin(s, "commit", &m->stage, err));
	if (mkdirat(stage_fd(m->stage), "files", 0755) < 0 || fchmodat(stage_fd(m->stage), "files", 0755, 0) < 0)
		return fail_errno(err, "make a directory");
	int dir = openat(stage_fd(m->stage), "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	TRY(trees_add(&m->linked, dir < 0 ? fail_errno(err, "open a directory") : dir, err));
	return working_add_files(w, o->add_files, o->options, o->set_times ? o->timestamp : (struct opt_int){}, dir, err);
}

static int find_more(struct making *m, struct working *w, struct error *err)
{
	TRY(working_link_trees(w, &m->linked, err));
	TRY(add_files(m, w, err));
	m->more = calloc(m->linked.n + 1, sizeof(*m->more));
	if (!m->more)
		return fail_oom(err);
	for (size_t i = 0; i < m->linked.n; i++)
		m->more[i] = (struct commit_more){ .layer = { .dir = m->linked.fds[i], .take_parent = -1 },
			.created_by = i < w->linked.n ? w->linked.v[i] : "/bin/sh -c #(nop) ADD FILES in / " };
	return 0;
}

/* Everything as one tree: the container's root, or that and the further layers. */
static int whole_root(struct making *m, struct commit_layer *ret, struct error *err)
{
	struct ctr *c = m->w->c;
	autoclose int fd = -1;
	auto_trees all = {};
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	if (m->linked.n) {
		TRY(trees_add_layers(&all, s, &c->at.record.layers, err));
		TRY(trees_add(&all, working_open_upper(s, c, err), err));
		for (size_t i = 0; i < m->linked.n; i++)
			TRY(trees_add(&all, fcntl(m->linked.fds[i], F_DUPFD_CLOEXEC, 3), err));
		const struct rootfs_trees t = { .lower = all.fds, .n = all.n, .upper = -1, .work = -1 };
		TRY(store_rootfs_open_trees(s, &t, &fd, err));
	} else {
		TRY(store_rootfs_bare(s, &c->at, &fd, err));
	}
	m->hold.dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->hold.dir < 0)
		return fail_errno(err, "container %.12s", c->id);
	*ret = (struct commit_layer){ .dir = m->hold.dir, .take_parent = -1, .whole = true };
	return 0;
}

static int created_by(const struct working *w, char **ret, struct error *err)
{
	if (w->created_by)
		return str_set(ret, w->created_by, err);
	*ret = strv_join(&w->config.config.shell, " ");
	if (*ret && !**ret)
		TRY(str_set(ret, "/bin/sh", err));
	return *ret ? 0 : fail_oom(err);
}

int working_commit(struct working *w, const struct working_commit *o, char ret_id[65], struct error *err)
{
	CLEANUP(making_done) struct making m = { .w = w, .o = o, .hold = COMMIT_HOLD_INIT };
	struct commit c = COMMIT_INIT;
	struct image_history history = { .author = w->config.author, .comment = w->history_comment };
	autofree char *made_by = NULL, *base_comment = NULL;
	const char *format = o->format ? o->format : w->format;

	TRY(image_format_parse(format ? format : "oci", &c.format, err));
	TRY(full_name(&m, err));
	TRY(describe(&m, err));
	c.created = o->timestamp.set ? o->timestamp.value * NSEC_PER_SEC : time_now();
	TRY(annotate(&m, c.format, c.created, err));
	TRY(set_history_times(&m, c.created, err));
	TRY(created_by(w, &made_by, err));
	TRY(find_more(&m, w, err));
	TRY(o->squash ? whole_root(&m, &c.layer, err) : commit_container_layer(w->c, false, &m.hold, &c.layer, err));
	if (!history.comment && w->image && strchr(w->image, '/') && !o->squash && (size_t)w->base_history == m.config.history.n) {
		TRY(str_printf(&base_comment, err, "FROM %s", w->image));
		history.comment = base_comment;
	}
	history.created_by = made_by;
	c.base = o->squash ? NULL : w->c->at.record.image_id;
	c.config = &m.config;
	c.history = o->omit_history ? NULL : &history;
	c.timestamp = o->timestamp;
	c.set_times = o->set_times;
	c.keep_times = o->keep_times;
	c.more = m.more;
	c.n_more = o->squash ? 0 : m.linked.n;
	c.names = &m.names;
	c.annotations = &m.annotations;
	c.progress = &o->progress;
	return commit_image(w->c->engine, &c, ret_id, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * engine/container-copy.c - what is copied where: the rules of `cp`, over places found by copy-place.c. */
#include "engine/container-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/container-impl.h"
#include "engine/copy-place.h"
#include "engine/image-commit.h"
#include "engine/tree-merge.h"
#include "engine/tree-pack.h"
#include "os/path.h"
#include "os/user.h"

struct job {
	struct engine *engine;
	const struct ctr_copy *o;
	struct place from, to;
	struct tree_merge merge;
	struct strv skip;
	char *where;
};

static void job_done(struct job *j)
{
	place_done(&j->from);
	place_done(&j->to);
	strv_done(&j->skip);
	free(j->where);
}

/* ---- owners ---- */
static int container_owner(const struct place *p, struct tree_merge *m, struct error *err)
{
	auto_user user = {};
	const struct user_lookup l = { .spec = p->c->params.process.user };

	TRY(user_lookup(p->root, &l, &user, err));
	m->set_owner = true;
	m->uid = user.uid;
	m->gid = user.gid;
	if (p->maps) {
		idmap_to_outside(&p->maps->uids, user.uid, &m->uid);
		idmap_to_outside(&p->maps->gids, user.gid, &m->gid);
	}
	return 0;
}

static int choose_owner(struct job *j, struct error *err)
{
	j->merge.from_maps = j->from.maps;
	j->merge.to_maps = j->to.maps;
	if (!j->to.c) {   /* to the host: the user's own, who is 0 in a user namespace */
		j->merge.set_owner = true;
		j->merge.uid = geteuid();
		j->merge.gid = getegid();
		return 0;
	}
	return j->o->keep_owner ? 0 : container_owner(&j->to, &j->merge, err);
}

/* ---- copying ---- */
static int name_place(struct job *j, struct error *err)
{
	/* messages about a container name its path, those about the host what is below the directory given */
	const char *dir = j->to.c && !streq(j->to.dir_path, "/") ? j->to.dir_path : "";

	if (!j->to.c || !j->to.is_dir || j->to.is_root)
		return str_set(&j->where, dir, err);
	return str_printf(&j->where, err, "%s/%s", dir, j->to.name);
}

static int copy_files(struct job *j, struct error *err)
{
	const struct place *f = &j->from, *t = &j->to;
	autoclose int from = -1, to = -1;

	if (f->is_dir && f->contents) {
		from = openat(f->dir, f->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (from < 0)
			return fail_errno(err, "open \"%s\"", f->path);
	}
	if (t->exists && t->is_dir) {
		to = place_open_dir(t, err);
		if (to < 0)
			return -1;
		if (from >= 0)
			return tree_merge_contents(&j->merge, from, to, err);
		return tree_merge_object(&j->merge, f->dir, f->name, to, f->name, err);
	}
	return tree_merge_object(&j->merge, f->dir, f->name, t->dir, t->name, err);
}

static int copy_between(struct job *j, struct error *err)
{
	static const char *const never[] = { "dev", "proc", "sys" };

	if (j->from.is_dir && j->to.exists && !j->to.is_dir)
		return fail(err, ERROR_INVALID, "destination must be a directory when copying a directory");
	TRY(name_place(j, err));
	j->merge.overwrite = j->o->overwrite;
	j->merge.where = j->where;
	j->merge.no_devices = !j->to.c;
	j->merge.no_link = j->from.c != NULL;
	j->merge.skip_unreadable = j->from.c && j->engine->paths.rootless;
	for (size_t i = 0; j->from.is_root && j->from.c && i < ARRAY_LEN(never); i++)
		TRY(strv_add(&j->skip, never[i], err));
	j->merge.skip_top = &j->skip;
	TRY(choose_owner(j, err));
	if (copy_files(j, err) < 0)
		return fail_wrap(err, j->to.c ? "copying to container" : "copying to host");
	return 0;
}

/* ---- tar ---- */
static int pack_to_stdout(struct job *j, struct error *err)
{
	struct tree_pack pack = TREE_PACK_INIT;
	const struct place *f = &j->from;
	autofree char *prefix = NULL;
	autoclose int dir = -1;

	pack.out = STDOUT_FILENO;
	pack.maps = f->maps;
	pack.maps_part = true;
	pack.from = f->dir;
	if (!f->is_dir)
		return tree_pack_one(&pack, f->name, f->name, err);
	dir = openat(f->dir, f->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, "open \"%s\"", f->path);
	if (!f->contents)
		TRY(str_printf(&prefix, err, "%s/", f->name));
	pack.from = dir;
	pack.prefix = prefix;
	pack.root_entry = prefix != NULL;
	pack.one_fs = f->is_root;
	return tree_pack(&pack, err);
}

static bool is_empty(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_nlink <= 2;
}

/* The archive is a stranger's: a confined worker unpacks it into a private directory first. */
static int unpack_stdin(struct job *j, struct error *err)
{
	auto_image_transfer t = {};
	auto_stage_layer tree = STAGE_LAYER_INIT;
	struct source_job work = { .blob_fd = -1 };
	struct stat st;
	autoclose int to = place_open_dir(&j->to, err);

	if (to < 0)
		return -1;
	TRY(image_transfer_begin(j->engine, "cp", NULL, &t, err));
	TRY(stage_layer_begin(t.stage, &tree, err));
	work.tree_fd = tree.tree_fd;
	bool file = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
	int r = source_run_tar(t.source, STDIN_FILENO, file, &work, err);
	source_job_done(&work);
	if (r < 0 && err->kind == ERROR_CORRUPT && is_empty(tree.tree_fd))
		return fail(err, ERROR_INVALID, "source must be a (compressed) tar archive when copying from stdin");
	TRY(r);
	TRY(name_place(j, err));
	j->merge.overwrite = j->o->overwrite;
	j->merge.where = j->where;
	j->merge.to_maps = j->to.maps;
	if (!j->o->keep_owner)
		TRY(container_owner(&j->to, &j->merge, err));
	if (tree_merge_contents(&j->merge, tree.tree_fd, to, err) < 0)
		return fail_wrap(err, "copying to container");
	return 0;
}

/* ---- the rules ---- */
static int from_stdin(struct job *j, struct error *err)
{
	struct error ignored;

	if (place_find_target(&j->to, &ignored) < 0 || !j->to.exists || !j->to.is_dir)
		return fail(err, ERROR_INVALID, "destination must be a directory when copying from stdin");
	return unpack_stdin(j, err);
}

static int run(struct job *j, struct error *err)
{
	bool in = !j->from.c && streq(j->o->from, "-"), out = !j->to.c && streq(j->o->to, "-");

	TRY(place_enter(j->engine, &j->from, &j->to, err));
	if (in)
		return from_stdin(j, err);
	TRY(place_find_source(&j->from, err));
	if (out)
		return pack_to_stdout(j, err);
	TRY(place_find_target(&j->to, err));
	return copy_between(j, err);
}

int ctr_copy(struct engine *e, const struct ctr_copy *o, struct error *err)
{
	CLEANUP(job_done) struct job j = { .engine = e, .o = o, .from = PLACE_INIT, .to = PLACE_INIT };

	TRY(place_parse(e, o->from, &j.from, err));
	TRY(place_parse(e, o->to, &j.to, err));
	if (str_empty(j.from.path) || str_empty(j.to.path))
		return fail(err, ERROR_INVALID, "invalid arguments \"%s\", \"%s\": you must specify paths", o->from, o->to);
	if (!j.from.c && !j.to.c)
		return fail(err, ERROR_INVALID, "invalid arguments \"%s\", \"%s\": exactly 1 container must be specified, or two: "
			    "CONTAINER:PATH", o->from, o->to);
	return run(&j, err);
}

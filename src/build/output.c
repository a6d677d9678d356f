/* SPDX-License-Identifier: Apache-2.0
 * build/output.c - --output: the result as a directory, a tar stream, an archive, or in a registry. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/argv.h"
#include "base/units.h"
#include "build/build-impl.h"
#include "engine/image-sign.h"
#include "engine/tree-pack.h"
#include "os/file.h"
#include "store/rootfs.h"

enum output_type { OUTPUT_LOCAL, OUTPUT_TAR, OUTPUT_OCI, OUTPUT_DOCKER, OUTPUT_IMAGE, OUTPUT_REGISTRY, OUTPUT_MAX };
static const char *const type_names[OUTPUT_MAX] = { "local", "tar", "oci", "docker", "image", "registry" };

struct output {
	enum output_type type;
	char *dest, *name;
	bool push;
};

static void output_done(struct output *o)
{
	free(o->dest);
	free(o->name);
}

/* "DIR", "-", "type=T,dest=PATH,name=N,push=true". */
static int parse_word(struct output *o, const char *word, bool *ret_type_given, struct error *err)
{
	const char *v;

	if ((v = str_after(word, "type="))) {
		*ret_type_given = true;
		for (int i = 0; i < OUTPUT_MAX; i++)
			if (streq(v, type_names[i])) {
				o->type = (enum output_type)i;
				return 0;
			}
		return fail(err, ERROR_INVALID, "invalid type \"%s\" selected for build output options: local, tar, oci, docker, image "
			    "and registry are known", v);
	}
	if ((v = str_after(word, "dest=")) || (v = str_after(word, "dst=")))
		return str_set(&o->dest, v, err);
	if ((v = str_after(word, "name=")))
		return str_set(&o->name, v, err);
	if ((v = str_after(word, "push=")) && parse_bool(v, &o->push))
		return 0;
	return fail(err, ERROR_INVALID, "invalid build output option \"%s\"", word);
}

static int parse(const char *text, struct output *ret, struct error *err)
{
	auto_strv words = {};
	bool type_given = false;

	*ret = (struct output){ .type = OUTPUT_LOCAL };
	if (!strchr(text, '=')) {
		ret->type = streq(text, "-") ? OUTPUT_TAR : OUTPUT_LOCAL;
		return str_set(&ret->dest, text, err);
	}
	TRY(csv_split(&words, text, err));
	for (size_t i = 0; i < words.n; i++)
		TRY(parse_word(ret, words.v[i], &type_given, err));
	if (!type_given)
		return fail(err, ERROR_INVALID, "missing required key \"type\" in build output option: \"%s\"", text);
	if (ret->type < OUTPUT_IMAGE && !ret->dest)
		return fail(err, ERROR_INVALID, "missing required key \"dest\" in build output option: \"%s\"", text);
	return 0;
}

/* ---- the file system ---- */
static int open_view(struct stage_run *st, int *ret, struct error *err)
{
	CLEANUP(free_p) int *trees = calloc(st->n_layers + 1, sizeof(int));
	struct rootfs_trees t = { .lower = trees, .n = st->n_layers, .upper = -1, .work = -1 };

	if (!trees)
		return fail_oom(err);
	for (size_t i = 0; i < st->n_layers; i++)
		trees[i] = st->layers[i]->fd;
	*ret = -1;
	return t.n ? store_rootfs_open_trees(st->b->store, &t, ret, err) : 0;
}

static int write_directory(struct stage_run *st, const struct output *o, struct error *err)
{
	autoclose int view = -1, to = -1;
	auto_copy_items items = {};
	struct copy_job c = { .items = &items, .destination = "/", .directory = true, .owner = { .keep = true }, .view = -1 };

	TRY(open_view(st, &view, err));
	to = file_open_dir(AT_FDCWD, o->dest, true, 0755, err);
	if (to < 0)
		return -1;
	if (view < 0)
		return 0;
	struct copy_item *i = list_add(&items.v, sizeof(*i), err);
	if (!i)
		return -1;
	*i = (struct copy_item){ .root = view, .is_dir = true, .contents = true };
	TRY(str_set(&i->path, "", err));
	TRY(str_set(&i->name, "", err));
	c.upper = to;
	c.time = (struct opt_int){ st->b->has_time, st->b->time_s };
	return copy_run(&c, err);
}

static int write_tar(struct stage_run *st, const struct output *o, struct error *err)
{
	bool standard = streq(o->dest, "-");
	autoclose int view = -1, file = standard ? fcntl(1, F_DUPFD_CLOEXEC, 3) :
						   open(o->dest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	autoclose int empty = -1;

	if (file < 0)
		return fail_errno(err, "%s", o->dest);
	TRY(open_view(st, &view, err));
	if (view < 0)
		empty = file_open_dir(stage_fd(st->b->stage), "empty", true, 0700, err);
	if (view < 0 && empty < 0)
		return -1;
	autoclose int readable = openat(view < 0 ? empty : view, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (readable < 0)
		return fail_errno(err, "open the result");
	struct tree_pack pack = TREE_PACK_INIT;
	pack.from = readable;
	pack.out = file;
	pack.times = st->b->has_time ? PACK_TIMES_SET : PACK_TIMES_KEEP;
	pack.time_ns = st->b->time_s * NSEC_PER_SEC;
	return tree_pack(&pack, err);
}

/* ---- the image ---- */
static int write_archive(struct build *b, const struct output *o, struct error *err)
{
	auto_strv what = {};
	bool standard = streq(o->dest, "-");
	struct image_save s = { .kind = o->type == OUTPUT_OCI ? SAVE_OCI_ARCHIVE : SAVE_DOCKER_ARCHIVE,
				.path = standard ? NULL : o->dest, .fd = 1 };

	TRY(strv_add(&what, b->result->names.n ? b->result->names.v[0] : b->result->id, err));
	return image_save(b->engine, &what, &s, err);
}

static int push(struct build *b, const struct output *o, struct error *err)
{
	const struct image_signing signing = { .sign_by = b->o->sign_by };
	struct image_push p = { .remote = b->o->remote, .signing = b->o->sign_by ? &signing : NULL,
				.compression = b->o->compression, .compression_level = b->o->compression_level,
				.force_compression = b->o->force_compression };
	char digest[DIGEST_TEXT_MAX];

	if (o->name)
		return image_push(b->engine, b->result->id, o->name, &p, digest, err);
	if (!b->result->names.n)
		return fail(err, ERROR_INVALID, "--output type=registry: name the image with --tag, or name=...");
	for (size_t i = 0; i < b->result->names.n; i++)
		TRY(image_push(b->engine, b->result->names.v[i], NULL, &p, digest, err));
	return 0;
}

bool build_output_only(const struct build *b)
{
	bool other = false;

	for (size_t i = 0; i < b->o->outputs.n; i++) {
		struct output o;
		struct error ignored;
		if (parse(b->o->outputs.v[i], &o, &ignored) >= 0)
			other |= o.type > OUTPUT_TAR;
		output_done(&o);
	}
	return b->o->outputs.n && !other && !b->o->tags.n && !b->o->iidfile && !b->o->wanted;
}

static int write_output(struct build *b, struct stage_run *st, const struct output *o, struct error *err)
{
	switch (o->type) {
	case OUTPUT_LOCAL: return write_directory(st, o, err);
	case OUTPUT_TAR: return write_tar(st, o, err);
	case OUTPUT_OCI:
	case OUTPUT_DOCKER: return write_archive(b, o, err);
	case OUTPUT_REGISTRY: return push(b, o, err);
	default: return o->push ? push(b, o, err) : 0;
	}
}

int build_output(struct build *b, struct stage_run *st, struct error *err)
{
	for (size_t i = 0; i < b->o->outputs.n; i++) {
		struct output o;
		int r = parse(b->o->outputs.v[i], &o, err);
		if (r >= 0)
			r = write_output(b, st, &o, err);
		output_done(&o);
		if (r < 0)
			return fail_wrap(err, "--output %s", b->o->outputs.v[i]);
	}
	if (b->o->push)
		return push(b, &(struct output){ .type = OUTPUT_REGISTRY }, err);
	return 0;
}

/* Before anything is built. */
int build_output_check(const struct build *b, struct error *err)
{
	bool pushed = b->o->push;

	for (size_t i = 0; i < b->o->outputs.n; i++) {
		struct output o;
		int r = parse(b->o->outputs.v[i], &o, err);
		pushed |= r >= 0 && (o.type == OUTPUT_REGISTRY || o.push);
		output_done(&o);
		TRY(r);
	}
	if (b->o->sign_by && !pushed)
		return fail(err, ERROR_UNSUPPORTED, "--sign-by: signatures lie beside images in registries: use --output type=registry, or push --sign-by");
	return 0;
}

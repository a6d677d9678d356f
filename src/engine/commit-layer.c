/* SPDX-License-Identifier: Apache-2.0
 * engine/commit-layer.c - files become a layer of the store: one pass for tree and digest. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/commit-internal.h"
#include "os/pipe-signal.h"

struct pass {
	struct image_transfer *t;
	const struct commit *c;
	struct tree_pack pack;
	struct stage_layer tree;
	int read_end, write_end;
};

static void pass_done(struct pass *p)
{
	close_p(&p->read_end);
	close_p(&p->write_end);
	stage_layer_abort(&p->tree);
}

static int open_pipe(struct pass *p, struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	p->read_end = ends[0];
	p->write_end = ends[1];
	fcntl(p->write_end, F_SETPIPE_SZ, 1 << 20);   /* fewer switches; the default does as well */
	TRY(source_digest_begin(p->t->source, p->read_end, err));
	close_p(&p->read_end);
	p->read_end = -1;
	p->pack.out = p->write_end;
	return 0;
}

/* Moved when it may be taken and lies on the same file system, else copied. */
static int choose_way(struct pass *p, struct error *err)
{
	const struct commit_layer *l = &p->c->layer;
	struct error why;

	if (l->take_name) {
		if (stage_layer_adopt(&p->tree, l->take_parent, l->take_name, &why) == 0) {
			p->pack.from = p->tree.tree_fd;
			p->pack.in_place = true;
			return 0;
		}
		if (why.errnum != EXDEV && why.errnum != EOPNOTSUPP) {
			*err = why;
			return -1;
		}
	}
	p->pack.from = l->dir;
	p->pack.to = p->tree.tree_fd;
	return 0;
}

static void say_how(struct pass *p)
{
	const struct commit *c = p->c;

	p->pack.overlay = !c->layer.whole;
	p->pack.one_fs = c->layer.whole;
	p->pack.maps = c->layer.maps;
	p->pack.maps_part = c->layer.whole;
	p->pack.only = c->layer.changes;
	p->pack.skip = c->layer.skip;
	p->pack.time_ns = c->timestamp.value * NSEC_PER_SEC;
	if (c->timestamp.set && !c->keep_times)
		p->pack.times = c->set_times ? PACK_TIMES_SET : PACK_TIMES_CLAMP;
}

static int run_pass(struct pass *p, struct new_layer *ret, struct error *err)
{
	struct error digest_err;
	struct pipe_signal quiet;

	pipe_signal_block(&quiet);   /* a worker that fails is its own story */
	int packed = tree_pack(&p->pack, err);
	pipe_signal_restore(&quiet);

	close_p(&p->write_end);
	p->write_end = -1;
	int r = source_digest_end(p->t->source, ret->diff_id, &ret->bytes, &digest_err);
	if (packed < 0 && err->errnum != EPIPE)
		return -1;
	if (r < 0)
		*err = digest_err;
	else if (packed == 0 && ret->bytes != p->pack.ret_bytes)
		return fail(err, ERROR_CORRUPT, "the layer's stream was cut");
	return r < 0 || packed < 0 ? -1 : 0;
}

int commit_new_layer(struct image_transfer *t, const struct commit *c, struct new_layer *ret, struct error *err)
{
	CLEANUP(pass_done) struct pass p = { .t = t, .c = c, .pack = TREE_PACK_INIT, .tree = STAGE_LAYER_INIT, .read_end = -1,
					     .write_end = -1 };

	TRY(stage_layer_begin(t->stage, &p.tree, err));
	say_how(&p);
	TRY(open_pipe(&p, err));
	TRY(choose_way(&p, err));
	TRY(run_pass(&p, ret, err));
	/* Exclusive from here to the commit: whoever makes the same layer at this moment waits and then finds it. */
	TRY(stage_lease(t->stage, ret->diff_id, -1, err));
	int there = stage_pin_layer(t->stage, ret->diff_id, err);
	if (there)
		return there < 0 ? -1 : 0;
	const struct stage_layer_info info = { .diff_id = ret->diff_id, .entries = p.pack.ret_entries };
	struct stage_layer tree = p.tree;
	p.tree = (struct stage_layer)STAGE_LAYER_INIT;   /* the commit ends it, also when it fails */
	return stage_layer_commit(&tree, &info, err);
}

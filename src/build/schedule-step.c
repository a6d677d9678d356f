/* SPDX-License-Identifier: Apache-2.0
 * build/schedule-step.c - the process of a step: its trees, its directory, its output. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "build/schedule.h"

enum { OUTPUT_MAX = 65536 };

static int make_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	*ret_read = p[0];
	*ret_write = p[1];
	return 0;
}

static int make_scratch(struct build *b, struct op *op, struct error *err)
{
	char name[32];

	snprintf(name, sizeof(name), "s%u", b->serial++);
	if (mkdirat(stage_fd(b->stage), name, 0755) < 0)
		return fail_errno(err, "make %s/%s", stage_path(b->stage), name);
	op->scratch = openat(stage_fd(b->stage), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (op->scratch < 0)
		return fail_errno(err, "open %s", name);
	op->job.scratch = op->scratch;
	return str_printf(&op->job.scratch_path, err, "%s/%s", stage_path(b->stage), name);
}

/* The mode of "/" is that of the topmost tree. */
int schedule_set_root_mode(const struct stage_run *st, int tree, struct error *err)
{
	struct stat sb = { .st_mode = 0755 };

	if (st->n_layers && fstat(st->layers[st->n_layers - 1]->fd, &sb) < 0)
		return fail_errno(err, "stat");
	if (st->n_layers && fchown(tree, sb.st_uid, sb.st_gid) < 0)
		return fail_errno(err, "set owner of the root directory");
	return fchmod(tree, sb.st_mode & 07777) < 0 ? fail_errno(err, "set mode of the root directory") : 0;
}

static int set_trees(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;

	TRY(stage_trees(st, &op->job.below, err));
	if (op->kind == OP_COPY && copy_stands_alone(op))
		op->job.below.n = 0;
	if (!b->single) {
		TRY(stage_layer_begin(b->stage, &op->tree, err));
		op->job.upper = op->tree.tree_fd;
		return schedule_set_root_mode(st, op->job.upper, err);
	}
	if (st->single.tree_fd < 0) {
		TRY(stage_layer_begin(b->stage, &st->single, err));
		TRY(schedule_set_root_mode(st, st->single.tree_fd, err));
	}
	op->job.upper = st->single.tree_fd;
	op->job.no_layer = true;
	if (op->kind == OP_RUN)   /* what earlier steps made counts for users and volumes, */
		op->job.run.in_upper = true;
	else                      /* and is looked at like a layer */
		op->job.below.v[op->job.below.n++] = st->single.tree_fd;
	return 0;
}

int schedule_start_step(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	struct step_job *j = &op->job;
	autoclose int out = -1, errors = -1;

	j->engine = b->engine;
	j->store = b->store;
	j->set_times = b->has_time && b->o->timestamp.set;
	j->clamp = b->has_time && b->o->rewrite_timestamp;
	j->latest = b->time_s;
	if (!op->job.below.v)
		TRY(set_trees(st, op, err));
	TRY(make_scratch(b, op, err));
	if (op->kind == OP_RUN) {
		TRY(make_pipe(&op->out, &out, err));
		TRY(make_pipe(&op->err, &errors, err));
		j->out = out;
		j->err = errors;
	}
	TRY(step_start(&op->step, j, err));
	op->state = OP_RUNNING;
	b->running++;
	return 0;
}

static int read_output(struct stage_run *st, struct op *op, int *fd, bool is_err)
{
	char data[OUTPUT_MAX];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, data, sizeof(data))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0;
		schedule_tell(st, op, BUILD_OUTPUT, data, (size_t)n, is_err);
	}
	close_p(fd);
	*fd = -1;
	return 0;
}

void schedule_drain(struct stage_run *st, struct op *op)
{
	read_output(st, op, &op->out, false);
	read_output(st, op, &op->err, true);
}

/* SPDX-License-Identifier: Apache-2.0
 * build/keep.c - --rm=false, --force-rm=false: working containers of what a build was after its steps, for a look around. */
#include "build/build-impl.h"
#include "build/working.h"

static int keep(struct build *b, const char *image, struct error *err)
{
	const struct strv none = {};
	const struct working_from f = { .image = image, .suffix = "working-container", .options = b->o, .pull = "never", .quiet = true,
					.settings = &none };
	auto_working w = {};

	if (!*image)
		return 0;
	return working_from(b->engine, &f, &w, err) < 0 ? fail_wrap(err, "keeping the container of step %.12s", image) : 0;
}

int build_keep_steps(struct build *b, struct error *err)
{
	if (!b->o->rm.set || b->o->rm.value || b->single)
		return 0;
	for (size_t i = 0; i < b->n_stages; i++)
		for (size_t k = 1; k < b->stages[i].n; k++)
			if (b->stages[i].ops[k].state == OP_DONE)
				TRY(keep(b, b->stages[i].ops[k].id, err));
	return 0;
}

int build_keep_failed(struct build *b, struct error *err)
{
	const struct opt_bool *force = &b->o->force_rm;

	if (!force->set || force->value || !b->failed_op)
		return 0;
	for (size_t i = 0; i < b->n_stages; i++) {
		const struct stage_run *st = &b->stages[i];
		if (b->failed_op >= st->ops && b->failed_op < st->ops + st->n)
			return keep(b, st->id, err);
	}
	return 0;
}

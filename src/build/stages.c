/* SPDX-License-Identifier: Apache-2.0
 * build/stages.c - what is told and kept of a build besides its result: images of the stages on the way, labels that say
 * which is which, what each step used. */
#include <string.h>

#include "base/units.h"
#include "build/build-impl.h"

/* ---- labels ---- */
/* The stage below by its image, anything else as the FROM says. */
static const char *base_of(const struct stage_run *st)
{
	const struct graph_source *base = &st->s->base;
	const struct stage_run *below = base->kind == GRAPH_STAGE ? &st->b->stages[base->stage] : NULL;

	if (below)
		return *below->image_id ? below->image_id : base_of(below);
	if (st->b->o->from && st->s->index == 0)
		return st->b->o->from;
	return base->name ? base->name : "scratch";
}

int stages_label(struct stage_run *st, struct error *err)
{
	autofree char *text = NULL;
	char number[24];

	snprintf(number, sizeof(number), "%zu", st->s->index);
	TRY(str_printf(&text, err, "LABEL \"io.buildah.stage.name\"=\"%s\" \"io.buildah.stage.base\"=\"%s\"",
		       st->s->name ? st->s->name : number, base_of(st)));
	struct instruction *in = list_add(&st->triggers, sizeof(*in), err);
	return in ? instruction_parse(text, '\\', in, err) : -1;
}

/* ---- images ---- */
static int copy_config(const struct image_config *from, struct image_config *to, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);

	TRY(image_config_format(from, &text, err));
	return image_config_parse(text.data, text.len, to, err);
}

/* *ret is the stage with the labels of images on the way: borrows all but the configuration, which goes to *config. */
static int label_layer(const struct stage_run *st, struct image_config *config, struct stage_run *ret, struct error *err)
{
	const struct build_options *o = st->b->o;

	TRY(copy_config(&st->config, config, err));
	for (size_t i = 0; i < o->layer_labels.n; i++)
		TRY(strmap_add_pair(&config->config.labels, o->layer_labels.v[i], err));
	*ret = *st;
	ret->config = *config;
	return 0;
}

static int save(const struct stage_run *st, char ret_id[65], struct error *err)
{
	auto_image_config config = {};
	char manifest[SHA256_TEXT_MAX];
	const struct strv none = {};
	struct stage_run shown;

	TRY(label_layer(st, &config, &shown, err));
	return image_commit_stage(st->b, &shown, &none, ret_id, manifest, err);
}

int stages_step(const struct stage_run *st, bool last, struct step_image *ret, struct error *err)
{
	auto_image_config config = {};
	struct stage_run shown;

	if (last || !st->b->o->layer_labels.n)
		return image_now(st, ret, err);
	TRY(label_layer(st, &config, &shown, err));
	return image_now(&shown, ret, err);
}

int stages_save(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;

	if (st->s->index == b->graph.target || st->s->n < 2)   /* a FROM alone is its base */
		return 0;
	TRY(schedule_flush(b, err));   /* an image's layers are in the store */
	return save(st, st->image_id, err) < 0 ? fail_wrap(err, "saving stage %s", st->s->name ? st->s->name : "") : 0;
}

/* ---- usage ---- */
static char *time_text(int64_t ns, char out[40])
{
	const int64_t ms = NSEC_PER_SEC / 1000;

	return duration_format((ns + ms / 2) / ms * ms, out);
}

static int64_t ns_of(const struct timeval *t)
{
	return t->tv_sec * NSEC_PER_SEC + t->tv_usec * 1000;
}

void stages_usage(const struct op *op, char *ret, size_t size)
{
	const struct rusage *u = &op->step.used;
	char kernel[40], user[40], elapsed[40], input[24], output[24];

	snprintf(ret, size, "%s(system) %s(user) %s(elapsed) %s input %s output\n", time_text(ns_of(&u->ru_stime), kernel),
		 time_text(ns_of(&u->ru_utime), user), time_text(op->began ? time_monotonic() - op->began : 0, elapsed),
		 size_format(u->ru_inblock * 512, input), size_format(u->ru_oublock * 512, output));
}

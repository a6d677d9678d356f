/* SPDX-License-Identifier: Apache-2.0 */
#include "build/working-step.h"

#include <fcntl.h>

void working_step_done(struct working_step *w)
{
	trees_done(&w->layers);
	trees_done(&w->from);
	close_p(&w->upper);
	close_p(&w->scratch);
	stage_done(w->stage);
}

int working_step_begin(struct working_step *w, struct ctr *c, struct step_job *j, struct error *err)
{
	TRY(engine_store(c->engine, &w->store, err));
	TRY(stage_begin(w->store, "build", &w->stage, err));
	w->upper = working_open_upper(w->store, c, err);
	if (w->upper < 0)
		return -1;
	w->scratch = fcntl(stage_fd(w->stage), F_DUPFD_CLOEXEC, 3);
	if (w->scratch < 0)
		return fail_errno(err, "stage");
	TRY(trees_add_layers(&w->layers, w->store, &c->at.record.layers, err));
	j->engine = c->engine;
	j->store = w->store;
	j->upper = w->upper;
	j->scratch = w->scratch;
	j->no_layer = true;
	return str_set(&j->scratch_path, stage_path(w->stage), err);
}

int working_step_finish(struct step *s, struct step_job *j, struct step_message *m, struct error *err)
{
	TRY(step_start(s, j, err));
	do
		TRY(step_receive(s, m, err));
	while (m->event == STEP_RUNS);
	if (m->event == STEP_LOST)
		return fail(err, ERROR_RUNTIME, "the process of the step died");
	if (m->event == STEP_FAILED)
		*err = m->error;
	return m->event == STEP_FAILED ? -1 : 0;
}


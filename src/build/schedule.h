/* SPDX-License-Identifier: Apache-2.0
 * build/schedule.h - (internal) what the parts of the scheduler share: schedule.c decides, schedule-cache.c remembers,
 * schedule-step.c runs, schedule-early.c does so before its turn, schedule-state.c moves on. */
#pragma once
#include "build/build-impl.h"

void schedule_tell(struct stage_run *st, const struct op *op, enum build_event_type type, const char *text, size_t len,
		   bool is_err);

/* The local cache, then --cache-from: what comes from there is entered here. 1: found, its layer is pinned; 0: not. */
int schedule_look_up(struct stage_run *st, struct op *op, struct build_cache_entry *ret, struct error *err);
/* The local cache alone. */
int schedule_look_up_key(struct build *b, const char *key, struct build_cache_entry *ret, struct error *err);
/* A row for the cache, written with the next schedule_flush(). l NULL: the step made no layer. */
int schedule_remember(struct build *b, const struct op *op, const char *key, const struct build_layer *l, struct error *err);

/* The process of a step begins its work. */
int schedule_start_step(struct stage_run *st, struct op *op, struct error *err);
/* COPYs behind the running step that need not wait for it begin. */
int schedule_begin_early(struct stage_run *st, struct error *err);
/* The process of one of them has said something. */
int schedule_receive_early(struct stage_run *st, struct op *op, struct error *err);
/* Its turn has come and its process is done: 1: the result counts; 0: it has to be made again, and may be. */
int schedule_accept_early(struct stage_run *st, struct op *op, struct error *err);
/* Its process ends, what it made goes; it has to begin anew. */
void schedule_drop_early(struct build *b, struct op *op);
/* What it has printed until now is told. */
void schedule_drain(struct stage_run *st, struct op *op);
/* The mode and owner of "/" are those of the topmost tree. */
int schedule_set_root_mode(const struct stage_run *st, int tree, struct error *err);

/* The layer a step made becomes the stage's topmost. */
int schedule_take_layer(struct stage_run *st, struct op *op, const struct step_message *m, struct build_layer **ret,
			struct error *err);
/* The step is done, or was done before: history, what is told, the next one. */
int schedule_finish(struct stage_run *st, struct op *op, struct error *err);
int schedule_use_cached(struct stage_run *st, struct op *op, struct build_cache_entry *e, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/working-internal.h - what the files of working containers share; nobody else includes it. */
#pragma once
#include "build/step.h"
#include "build/working.h"
#include "engine/commit.h"

/* Descriptors of trees, lowest first; owned. */
struct trees {
	int *fds;
	size_t n;
};
void trees_done(struct trees *t);
#define auto_trees CLEANUP(trees_done) struct trees
/* Takes fd, also when it fails; fd < 0: *err is set already. */
int trees_add(struct trees *t, int fd, struct error *err);
int trees_add_layers(struct trees *t, struct store *s, const struct strv *layers, struct error *err);
int trees_borrow(const struct trees *t, struct step_trees *to, struct error *err);
/* The container's upper directory; it is made by the first mount. */
int working_open_upper(struct store *s, const struct ctr *c, struct error *err);
/* Its layers, its upper directory and what was linked to it. */
int working_open_trees(const struct working *w, struct trees *to, struct error *err);

/* ---- --link: directories that become layers of their own ---- */
/* A new empty one. Not part of the container before working_link_keep(). */
int working_link_open(const struct working *w, struct error *err);
int working_link_keep(struct working *w, const char *created_by, struct error *err);
int working_link_trees(const struct working *w, struct trees *to, struct error *err);

/* ---- commit --add-file ---- */
/* Each SOURCE[:DESTINATION] as a file of root, mode 0644, in the empty directory `into`. */
int working_add_files(struct working *w, const struct strv *files, const struct build_options *o, struct opt_int timestamp, int into,
		      struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/copy-internal.h - what the items of a copy (copy.c), walking a tree (copy-walk.c) and copying its plain files
 * (copy-file.c) share; nobody else includes it. */
#pragma once
#include <sys/stat.h>

#include "build/copy.h"

struct copy_pool;
enum { COPY_DATA_MAX = 1 << 18 };

struct linked {
	dev_t dev;
	ino_t ino;
	int dir;                     /* where its first copy lies: descriptor, name */
	char *name;
};

struct copier {
	struct copy_job *job;
	struct sha256 hash;
	char *data;                  /* COPY_DATA_MAX bytes */
	int depth;
	struct linked *links;        /* files with several names that were met: open addressing, ino 0: free */
	size_t n_links, cap_links;
	struct copy_pool *pool;      /* NULL: not needed yet */
	bool alone;                  /* it cannot be had */
};

/* Where entries go: the directory in upper, and the same directory of the layers below (-1: none there). */
struct target {
	int upper, view;
};
static inline void target_done(struct target *t)
{
	close_p(&t->upper);
	close_p(&t->view);
}
#define auto_target CLEANUP(target_done) struct target
#define TARGET_INIT { -1, -1 }

/* One entry of the source. */
struct source {
	const struct copy_item *item;
	int dir;                     /* its directory */
	const char *name;            /* in it; "" with dir itself being meant */
	const char *path;            /* below the item's root: for ignore patterns */
	const char *to;              /* name at the destination */
	const char *called;          /* name in the key: the same wherever it goes */
	struct stat st;
};

/* ---- copy-walk.c ---- */
/* Into the hash: a text; what an entry is. */
void copy_add_text(struct copier *c, const char *s);
int copy_add_entry(struct copier *c, const struct source *s, struct error *err);
/* An entry with all below it; the contents alone of a directory that is open. */
int copy_entry(struct copier *c, struct source *s, const struct target *t, struct error *err);
int copy_contents(struct copier *c, const struct source *s, int dir, const struct target *t, struct error *err);
/* ---- copy-file.c ---- */
int copy_owner_of(const struct copy_job *j, const struct stat *st, struct copy_owner *ret, struct error *err);
struct timespec copy_time_of(const struct copy_job *j, const struct stat *st);
int copy_mode_of(const struct copy_job *j, const struct stat *st, mode_t *ret, struct error *err);
int copy_set_state(const struct copy_job *j, int fd, const struct stat *st, struct error *err);
/* A name in upper that an earlier source made gives way. */
int copy_make_way(const struct target *t, const char *name, struct error *err);
int copy_create_file(const struct target *t, const char *name, struct error *err);

/* A plain file: hashed, copied, or both. What it borrows lives until it is done. */
struct file_task {
	const struct copy_job *job;
	struct source from;
	struct target to;            /* borrowed; upper -1: only hash */
	bool wanted;                 /* in a list: this one is to be done */
	int result;
	struct error error;
	uint8_t digest[SHA256_BYTES];   /* of the bytes, where the job wants it */
};
/* One, here and now; n of them, by as many threads as there are processors. Failures are told by each task. */
void copy_file_run(struct file_task *k, char *data);
void copy_files_run(struct copier *c, struct file_task *v, size_t n);
void copy_pool_free(struct copy_pool *p);

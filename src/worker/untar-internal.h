/* SPDX-License-Identifier: Apache-2.0
 * worker/untar-internal.h - state shared by the parts of untar; nobody else includes it. */
#pragma once
#include "base/str.h"
#include "worker/untar.h"

#define CACHE_SLOTS 8

/* An opened parent directory; the few last used ones are kept. */
struct parent {
	char *path;        /* clean, relative; "" is the root */
	int fd;            /* O_PATH */
	bool setgid;       /* new entries inherit its group */
	uint64_t used;
};

/* Directories whose times are set at the very end, because making their entries changes them. */
struct late_times {
	struct late { char *path; int64_t mtime_ns; } *v;
	size_t n, cap, bytes;
};

struct untar {
	const struct untar_options *o;
	struct tar_reader *tar;
	struct untar_result result;
	bool replaced;                /* something was removed again: the counts are off */
	int64_t seen, stored;         /* entries and data of the archive, against the limits */
	struct parent cache[CACHE_SLOTS];
	uint64_t clock;
	struct late_times late;
};

/* Where an entry goes. */
struct place {
	char path[TAR_NAME_MAX + 1];   /* clean, relative; "" is the root */
	const char *name;              /* last component, inside path */
	const struct parent *parent;   /* borrowed from the cache: valid until the next untar_parent() */
};

/* untar-path.c */
/* Cleans a stored name: 0 and out filled, or ERROR_CORRUPT when it leads outside. */
int untar_clean(const char *name, char out[TAR_NAME_MAX + 1], struct error *err);
/* The directory that holds out->name; missing ones are made. path is split. */
int untar_place(struct untar *u, struct place *p, struct error *err);
/* Forgets opened directories: something on the way may have been replaced. */
void untar_forget(struct untar *u);
/* Removes what is at the place, tree or not. */
int untar_remove(struct untar *u, const struct place *p, struct error *err);

/* untar-meta.c */
int untar_owner(struct untar *u, const struct place *p, const struct tar_entry *e, bool *ret_changed, struct error *err);
int untar_xattrs(struct untar *u, int fd, const struct tar_entry *e, struct error *err);
int untar_make_opaque(int directory, struct error *err);
void untar_times(const struct tar_entry *e, struct timespec ts[2]);
int untar_late_add(struct untar *u, const char *path, int64_t mtime_ns, struct error *err);
int untar_late_apply(struct untar *u, struct error *err);

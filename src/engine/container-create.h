/* SPDX-License-Identifier: Apache-2.0
 * engine/container-create.h - parts of ctr_create() (container-create.c): a container on its way from params to a record. */
#pragma once
#include "engine/container-impl.h"
#include "engine/resolve.h"
#include "os/lock.h"

struct creation {
	struct engine *engine;
	struct store *store;
	struct ctr *c;
	struct image_defaults defaults;
	struct container_record record;
	bool drawn;                   /* the name is a random one */
	struct lock ids;              /* while a range of ids is being chosen */
	struct lock volumes;          /* from looking at them to having recorded who uses them */
};

/* Values that exclude each other or make no sense here; ports are settled. (container-create-check.c) */
int creation_check(struct creation *k, struct error *err);

/* ---- container-create-share.c ---- */
/* Containers whose namespaces are joined, and --requires, become dependencies. */
int creation_depend(struct creation *k, struct error *err);
/* One word of --volumes-from: mounts of the other container, and a dependency. */
int creation_volumes_from(struct creation *k, const char *word, struct error *err);
/* Named volumes that are missing and those without a name. */
int creation_make_volumes(struct creation *k, struct error *err);

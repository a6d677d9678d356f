/* SPDX-License-Identifier: Apache-2.0
 * engine/container-clone.h - `container clone`: the settings of a container, some of them changed, for a new one.
 * The new container starts from the image, not from the old one's files; named volumes and binds are shared. Allocates. */
#pragma once
#include "engine/container.h"

struct ctr_clone {
	const char *name;                        /* NULL: the old name with "-clone", a number behind it when taken */
	const char *image, *pod;                 /* NULL: the old one's */
	const struct container_params *changes;  /* what is set here wins */
};
int ctr_clone(struct ctr *from, const struct ctr_clone *o, struct ctr **ret, struct error *err);

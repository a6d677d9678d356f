/* SPDX-License-Identifier: Apache-2.0
 * engine/userns-impl.h - what userns.c and the files with the longer stories share. */
#pragma once
#include "engine/userns.h"

/* Ids from 0 up that our own user namespace maps. */
int userns_available(bool gid, uint64_t *ret, struct error *err);
/* --uidmap (gid: --gidmap) with its flags. Empty when neither list says anything about this kind. */
int userns_explicit(const struct params_namespaces *ns, bool gid, struct idmap *ret, struct error *err);
/* The ranges userns_reserve() wrote into the params. */
int userns_reserved(const struct container_params *p, struct idmap_pair *ret, struct error *err);

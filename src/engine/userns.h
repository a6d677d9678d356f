/* SPDX-License-Identifier: Apache-2.0
 * engine/userns.h - which ids a container's own user namespace maps: --userns, --uidmap, --gidmap, sub-id names.
 * Reads /etc/subuid and /etc/subgid where a mode needs them. Allocates. */
#pragma once
#include "base/error.h"
#include "engine/engine.h"
#include "engine/params.h"
#include "os/idmap.h"
#include "os/lock.h"

/* --userns=auto: chooses a range nobody has and writes it into ns.uidmap and ns.gidmap; other modes: nothing. *ret_lock is
 * held until the caller has recorded the container. */
int userns_reserve(struct engine *e, struct container_params *p, struct lock *ret_lock, struct error *err);
/* *ret: malloc'ed maps (container -> the ids of the namespace we are in), or NULL when the container stays in ours. */
int userns_maps(struct engine *e, const struct container_params *p, struct idmap_pair **ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * engine/adopt.h - a container whose monitor died gets a new one.
 * The new monitor watches the first process by pidfd (it is no longer its parent), takes over the pipes where they can
 * be reopened, and goes on with log, attach socket and timers. Forks and execs; allocates. */
#pragma once
#include "engine/container.h"

/* Starts a watching monitor for a container whose first process lives. 0 also when another command was faster. */
int ctr_adopt(struct ctr *c, struct error *err);

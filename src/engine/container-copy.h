/* SPDX-License-Identifier: Apache-2.0
 * engine/container-copy.h - `cp`: files between the host and containers.
 *
 * A path inside a container is resolved inside its root by os/path.h, step by step down to a directory descriptor and
 * one name, and copied by engine/tree-merge.h, which follows no link: a container cannot lead us outside whatever it
 * does meanwhile. A running container is seen as its first process sees it, with volumes and tmpfs; one at rest gets its
 * root and volumes mounted in a mount namespace of our own, which this process then stays in.
 * Not for processes that go on with mounts of their own: the caller's mount namespace may be left. Allocates. */
#pragma once
#include "engine/container.h"

struct ctr_copy {
	const char *from, *to;   /* "CONTAINER:PATH", a path of the host, or "-": a tar on standard input or output */
	bool keep_owner;         /* not given to the container's user */
	bool overwrite;          /* directories replace files and the other way round */
};
int ctr_copy(struct engine *e, const struct ctr_copy *o, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/attached.h - starting a container with this terminal attached to it, until it exits or the user detaches. */
#pragma once
#include "cli/cli.h"
#include "engine/container.h"

struct attached_options {
	const char *detach_keys;      /* NULL: containers.conf */
	const struct strv *streams;   /* "stdin" ...; NULL or empty: all */
	bool interactive;             /* our stdin goes to the container */
	bool sig_proxy;
};
/* Starts (or attaches to) the container. Returns its exit code, 0 after detaching, or -1: it was not started. */
int attached_start(struct cli *cli, struct ctr *c, const struct attached_options *o, struct error *err);

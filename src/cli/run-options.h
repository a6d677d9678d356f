/* SPDX-License-Identifier: Apache-2.0
 * cli/run-options.h - what `run` and `create` share: the options of a container plus those of the client's own side.
 * The container's options are engine/params.h; here are those that say what this command does with it. */
#pragma once
#include "cli/cli.h"
#include "engine/container.h"

struct run_params {
	struct container_params c;
	char *detach_keys, *ignored, *pod_id_file;
	struct strv preserve_fd;
	struct opt_uint preserve_fds;
	bool detach, replace, rmi, passwd, sig_proxy, ignored_bool;
};

extern const struct command_rows run_groups[], create_groups[];
void run_params_init(void *params);

/* Image and command words into the params, checks, --replace, and the container itself. */
int run_create(struct cli *cli, struct run_params *p, const struct strv *args, struct ctr **ret, struct error *err);

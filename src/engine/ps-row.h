/* SPDX-License-Identifier: Apache-2.0
 * engine/ps-row.h - one row of `ps`, as its maker (ps.c) and its shower (ps-row.c) see it. */
#pragma once
#include "engine/ps.h"

struct ps_row {
	char *id, *image, *image_id, *pod, *pod_name, *state_name, *health;
	struct strv names, command, mounts, networks;
	struct list ports;                     /* struct param_port */
	struct strmap labels;
	int64_t created, started, exited_at;   /* Unix ns */
	int64_t exit_code, pid, restarts;
	int state;                             /* enum container_state */
	bool exited, auto_remove, infra, no_trunc, has_size, working;
	int64_t size_rw, size_root;
	char *ns_cgroup, *ns_ipc, *ns_mnt, *ns_net, *ns_pid, *ns_user, *ns_uts;
};
extern const struct field ps_row_fields[];
int ps_load_labels(const char *text, struct strmap *to, struct error *err);

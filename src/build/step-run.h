/* SPDX-License-Identifier: Apache-2.0
 * build/step-run.h - what the parts of a RUN share in M: the container, its mounts, its network. */
#pragma once
#include "build/step.h"
#include "engine/container.h"
#include "engine/network.h"
#include "engine/params-parse.h"
#include "engine/spec.h"
#include "oci/runtime.h"
#include "os/cgroup.h"
#include "os/path.h"
#include "os/idmap.h"
#include "os/seccomp.h"
#include "store/rootfs.h"

struct runner {
	struct step_job *job;
	struct ctr c;                 /* recorded nowhere */
	struct spec_context x;
	struct oci_spec spec;
	struct cgroup cgroup;
	struct seccomp_filter filter;
	struct oci_process process;
	char *run_dir;
	int socket;                   /* to E */
	int run_dir_fd, view, rootfs;
	int copy;                     /* where overlay cannot be had: the whole tree, which is run in; -1 */
	struct idmap_pair *maps;      /* of a user namespace of the command's own; NULL: none */
	int userns;                   /* one like it, when owners have to be mapped; -1 */
	struct list detached;         /* int: mounts attached nowhere that sources of mounts lie in */
	bool attached;                /* another runtime may know of it */
	bool mapped_copy;             /* the copy's owners are those of the user namespace: mounts cannot map them here */
	bool init_used;               /* mount points are in a layer of their own */
	struct strv targets;          /* mount points made in the copy */
	struct ctr_net net;
};

/* All that lies below one directory into another, with owners. */
int step_run_copy_tree(int from, int to, struct error *err);
/* A user namespace without maps has all our ids, each as itself (Buildah). */
int step_run_choose_userns(struct container_params *p, struct error *err);
/* The maps, into k->x as well. */
int step_run_make_userns(struct runner *k, struct error *err);
/* Owners of a detached mount as the command's namespace has them; nothing without one. */
int step_run_map_mount(const struct runner *k, int mount, struct error *err);
/* A mapped clone of a directory or file: a descriptor. */
int step_run_map_tree(const struct runner *k, int fd, struct error *err);
/* Trees of the root: `lower` is the array t->lower points to; its descriptors are replaced. */
int step_run_map_trees(const struct runner *k, struct rootfs_trees *t, int *lower, struct error *err);
/* The copy: made from the view and opened as the root; afterwards its changes go into the upper directory. */
int step_run_copy_root(struct runner *k, struct error *err);
int step_run_collect_copy(struct runner *k, struct step_message *ret, struct error *err);
/* Takes the deletions of those mount points out of the upper directory, when the root is mounted no more. */
int step_run_drop_marks(struct runner *k, struct error *err);
/* Another runtime makes and starts the container; `null`: what it reads. Its state and control group go at the end. */
int step_run_spawn_external(struct runner *k, int null, struct error *err);
void step_run_end_external(struct runner *k);
/* The command has a terminal: until it ends, or the socket says stop. */
int step_terminal_pump(const struct runner *k, int socket, struct error *err);
/* RUN --mount into the spec: binds of stages, images, contexts and caches, tmpfs, secrets, agents. */
int step_run_mounts(struct runner *k, struct error *err);
/* Addresses are decided before the spec is made, the network is set up while the step's process waits. The intent stays
 * locked as long as the step runs: so the leases are ours, and who finds it unlocked cleans up after us. */
int step_run_plan_network(struct runner *k, struct error *err);
int step_run_apply_network(struct runner *k, struct error *err);
void step_run_end_network(struct runner *k);

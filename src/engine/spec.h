/* SPDX-License-Identifier: Apache-2.0
 * engine/spec.h - a resolved container -> struct oci_spec: exactly what the runtime shall make.
 *
 * Built anew at every start (host facts may have changed), from the container's record only. One function per topic
 * in spec-<topic>.c, run in the order of the table in spec.c. Reads the host (devices, limits, environment), writes
 * nothing: files for the container (hosts, resolv.conf, ...) are made by engine/files.h before.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"
#include "engine/container.h"
#include "oci/spec.h"

/* What the topics share while a spec is being built. */
struct spec_context {
	const struct ctr *container;
	const struct container_params *params;   /* = &container->params */
	struct engine *engine;
	int rootfs_fd;                /* the mounted root file system, to look users up; -1: not mounted yet */
	const char *run_dir;          /* the container's run-time directory */
	uint64_t uid, gid;            /* of the process, from spec_process() */
	bool userns;                  /* has a user namespace of its own */
	bool rootless;
};

/* *ret is empty on failure. */
int spec_build(struct spec_context *x, struct oci_spec *ret, struct error *err);

/* ---- topics, in the order they run ---- */
int spec_process(struct spec_context *x, struct oci_spec *s, struct error *err);      /* args env cwd user rlimits tty */
int spec_namespaces(struct spec_context *x, struct oci_spec *s, struct error *err);   /* namespaces, id maps, hostname */
int spec_mounts(struct spec_context *x, struct oci_spec *s, struct error *err);       /* default and user mounts */
int spec_devices(struct spec_context *x, struct oci_spec *s, struct error *err);      /* devices and device rules */
int spec_security(struct spec_context *x, struct oci_spec *s, struct error *err);     /* caps, seccomp, masks, labels */
int spec_resources(struct spec_context *x, struct oci_spec *s, struct error *err);    /* limits, cgroup path, sysctl */

/* SPDX-License-Identifier: Apache-2.0
 * engine/spec.h - a resolved container -> struct oci_spec: exactly what the runtime shall make.
 *
 * Built anew at every start (host facts may have changed), from the container's record only. One function per topic
 * in spec-<topic>.c, run in the order of the table in spec.c. Reads the host (devices, limits, environment), and writes
 * the container's own files (engine/files.h). Runs in the launching child: the store's database is out of reach.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"
#include "engine/container.h"
#include "oci/spec.h"
#include "os/caps.h"
#include "os/idmap.h"

struct net_status;

/* What the topics share while a spec is being built. */
struct spec_context {
	const struct ctr *container;
	const struct container_params *params;   /* = &container->params */
	struct engine *engine;
	int rootfs_fd;                /* the mounted root file system, to look users up; -1: not mounted yet */
	const char *run_dir, *dir;    /* the container's run-time directory; its own directory (overlay volumes) */
	int run_dir_fd;
	const struct net_status *net; /* its addresses; NULL: none of our making */
	const struct peer *peers;     /* containers whose namespaces are joined */
	size_t n_peers;
	const struct idmap_pair *maps;/* of its own user namespace; NULL: none */
	uint64_t uid, gid;            /* of the process, from spec_process() */
	bool known_user;              /* the user has a passwd entry */
	char *home;                   /* of the user */
	const char *passwd_name, *passwd_home;   /* keep-id: the host's user for an entry in the container; NULL */
	char *hostname;               /* from spec_namespaces() */
	bool external;                /* for another runtime: everything must stand in the spec */
	capset bounding;              /* from spec_security() */
	bool seccomp_builtin;         /* the built-in filter shall be used (launch.c compiles it) */
	bool seccomp_hardened;        /* ... in its stricter form */
	const int *image_fds;         /* by index of params->storage.mounts: mounted layers of type=image; NULL: none */
	bool rootless;
	bool rootless_gid5;           /* rootless: group 5 (tty) is mapped */
};
void spec_context_done(struct spec_context *x);
#define auto_spec_context CLEANUP(spec_context_done) struct spec_context

/* Another container that was named by --network container:X and the like. Looked up before the fork. */
struct peer {
	char *id, *run_dir, *hostname;
	pid_t pid;
	int shm_fd;                   /* a detached copy of its /dev/shm, -1: not needed */
};

#define SPEC_INIT_PATH "/run/podman-init"   /* where --init's program is mounted */

/* The container named by a namespace mode "container:X", or NULL. */
const struct peer *spec_peer(const struct spec_context *x, const struct param_ns *ns);

/* *ret is empty on failure. */
int spec_build(struct spec_context *x, struct oci_spec *ret, struct error *err);

/* ---- topics, in the order they run ---- */
int spec_namespaces(struct spec_context *x, struct oci_spec *s, struct error *err);   /* namespaces, id maps, hostname */
int spec_process(struct spec_context *x, struct oci_spec *s, struct error *err);      /* args env cwd user rlimits tty */
int spec_mounts(struct spec_context *x, struct oci_spec *s, struct error *err);       /* default and user mounts */
int spec_secrets(struct spec_context *x, struct oci_spec *s, struct error *err);      /* --secret: mounts, environment */
int spec_devices(struct spec_context *x, struct oci_spec *s, struct error *err);      /* devices and device rules */
int spec_security(struct spec_context *x, struct oci_spec *s, struct error *err);     /* caps, seccomp, masks, labels */
int spec_resources(struct spec_context *x, struct oci_spec *s, struct error *err);    /* limits, cgroup path, sysctl */

/* A device node of the host's: made, or bound where that is not ours to do. */
int spec_device_node(struct spec_context *x, struct oci_spec *s, const char *host, const char *inside,
		     const char *permissions, struct error *err);
/* A device by its CDI name. */
int spec_cdi_device(struct spec_context *x, struct oci_spec *s, const char *name, struct error *err);
/* Values that mean nothing, or nothing here: what neither kernel nor runtime would tell at creation. */
enum spec_limit { SPEC_LIMIT_NOFILE, SPEC_LIMIT_NPROC, SPEC_LIMIT_MAX };
extern const char *const spec_limit_names[SPEC_LIMIT_MAX];
/* The limit (soft and hard) of a container whose params say nothing about it: 1048576 as Podman has it, or the hard limit of
 * this process when it may not set that many. 0: the params say it, or --ulimit host. */
int64_t spec_default_limit(const struct params_resources *p, enum spec_limit which);
int spec_limits_check(const struct params_resources *p, struct error *err);
/* Whether the user asked for any: what this host cannot do of the defaults is not worth a line, of theirs it is. */
bool spec_limits_asked(const struct params_resources *p);
/* Whether nobody can set any here: a user with cgroups v1. */
bool spec_limits_ignored(const struct engine *e);
/* The limits alone: also those of a pod's group. */
int spec_limits(const struct params_resources *p, struct oci_resources *r, struct error *err);

/* ---- helpers of spec-mounts.c that live in files of their own ---- */
int spec_mount_artifact(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err);
/* mounts.conf: copies of host files that every container gets. */
int spec_default_mounts(struct spec_context *x, struct oci_spec *s, struct error *err);
/* type=image: the layers of an image as a read-only (or overlaid) mount. */
int spec_mount_image(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err);
/* Option U: hands a volume's tree to the container's user. */
int spec_chown_source(struct spec_context *x, const char *path, struct error *err);
struct volume;
/* Gives what was just copied into a volume the owners it has inside: a volume with option idmap stores those. */
int spec_unmap_volume(const struct spec_context *x, struct volume *v, struct error *err);

/* ---- checks at creation, before anything is recorded ---- */
int security_options_check(const struct container_params *p, struct error *err);
int spec_device_rule_check(const char *text, struct error *err);
/* --cap-add and --cap-drop over `base`. */
int security_caps(const struct container_params *p, capset base, capset *ret, struct error *err);

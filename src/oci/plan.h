/* SPDX-License-Identifier: Apache-2.0
 * oci/plan.h - what the container's process does between clone() and exec(), as a list of rows.
 *
 * plan_build() turns a specification into steps: kind + operands, in the order of their application. It checks what
 * can be checked without side effects (names, flags, paths of the specification) and makes all memory the steps need.
 * plan_apply() in apply.h is one loop over the rows; nothing there looks at the specification again.
 * Owns: the steps and everything they point to, except strings and lists of the specification, which must live as
 * long as the plan. Life cycle: plan_build() or plan_build_exec(), plan_done(). Built before clone(); read-only after.
 *
 * How a container starts, in the order of the rows (the essay is on top of plan.c). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "oci/exec.h"
#include "oci/hooks.h"
#include "oci/runtime.h"
#include "oci/spec.h"
#include "os/caps.h"
#include "os/cgroup.h"
#include "os/idmap.h"
#include "os/mount.h"
#include "os/seccomp.h"

#define PLAN_NOTIFY_SOCKET "/run/notify/notify.sock"

enum plan_kind {
	/* what the process is while it sets up */
	PLAN_UNDUMPABLE,       /* nobody inside may look at us */
	PLAN_CGROUP,           /* move into the container's cgroup (where clone3 could not) */
	PLAN_MAP,              /* ask the parent for the id maps */
	PLAN_JOIN,             /* a: path, n: enum ns_kind, fd */
	PLAN_JOIN_ALL,         /* fd: pidfd, n: CLONE_NEW* flags */
	PLAN_ROOT_IDS,         /* become root of the user namespace */
	PLAN_UNSHARE,          /* n: CLONE_NEW* flags */
	PLAN_TIME_OFFSETS,     /* a new time namespace with offsets, entered */
	PLAN_SESSION,          /* setsid */
	PLAN_KEYRING,          /* a: name */
	PLAN_LOOPBACK,         /* bring lo up */
	PLAN_PROCFS,           /* open a private procfs for what follows */
	/* the mount namespace; "/" is still the host's */
	PLAN_SOURCE,           /* mount: clone the tree at its source */
	PLAN_PROPAGATION,      /* n: MS_ flags for "/" */
	PLAN_ROOTFS,           /* mount: becomes the root-to-be */
	PLAN_MOUNT,            /* mount */
	PLAN_CGROUP_V1,        /* mount: a tmpfs with the hierarchies below */
	PLAN_DEVICE,           /* device */
	PLAN_LINK,             /* a: link, b: target */
	PLAN_MAKE_CWD,         /* a: the working directory is made when missing */
	PLAN_CONSOLE,          /* make the pty, send its master */
	PLAN_SECCOMP_CONNECT,  /* a: path of the listener's socket */
	PLAN_HOOKS_OUTSIDE,    /* prestart and createRuntime, by the parent */
	PLAN_HOOKS_CREATE,     /* createContainer, by us */
	PLAN_READONLY_PATH,    /* a */
	PLAN_MASK_PATH,        /* a */
	PLAN_ROOT_READONLY,    /* mount: that one, else the root */
	PLAN_PIVOT,            /* n: 1: move the mount instead */
	/* inside the new root */
	PLAN_ROOT_PROPAGATION, /* n: MS_ flags */
	PLAN_HOSTNAME,         /* a */
	PLAN_DOMAINNAME,       /* a */
	PLAN_SYSCTL,           /* a: path below /proc/sys, b: value */
	/* the process: also of an exec */
	PLAN_STDIO,
	PLAN_LABEL,            /* a: attr file, b: text */
	PLAN_RLIMIT,           /* n: resource, u1: soft, u2: hard */
	PLAN_SCHEDULER, PLAN_IO_PRIORITY, PLAN_PERSONALITY, PLAN_MEMORY_POLICY,
	PLAN_AFFINITY,         /* a: cpu list */
	PLAN_UMASK,            /* n */
	PLAN_CWD,              /* a; n: 1: second try, as the user */
	PLAN_USER,
	PLAN_NO_NEW_PRIVS,
	PLAN_SECCOMP,
	PLAN_CAPABILITIES,
	PLAN_COMMAND,          /* find the program */
	PLAN_CREATED,          /* report, wait for *start* */
	PLAN_HOOKS_START,      /* startContainer */
	PLAN_DESCRIPTORS,      /* n: how many above 2 survive */
	PLAN_EXEC,
	PLAN_KIND_MAX
};

/* One v1 hierarchy (or the unified one of a hybrid host) inside a cgroup mount. */
struct plan_hierarchy {
	char name[64];             /* "cpu,cpuacct" */
	char options[80];          /* of a new mount: "cpu,cpuacct", "none,name=systemd" */
	bool unified;
	char bind[CGROUP_PATH_MAX + 96];   /* without a cgroup namespace: the host path to bind */
};

struct plan_mount {
	const char *target, *source, *fstype;   /* of the specification */
	struct mount_flags flags;
	char *data;                /* options of the file system, comma-separated; NULL */
	bool bind, src_nofollow, dest_nofollow, has_mode, must_be_directory, must_be_procfs;
	bool readonly_late;        /* a read-only tmpfs: only once everything below has its place */
	int fd;                    /* the detached mount or the source tree; -1: not made yet */
	int idmap_fd;
	struct idmap_pair *idmap;  /* explicit mappings, NULL: none */
	mode_t source_type;        /* S_IFMT of a bind's source, known once fd is there */
	struct plan_hierarchy *hierarchies;   /* owned */
	size_t n_hierarchies;
	const char *fallback;      /* bind this host path when a new file system of that type is refused */
};

struct plan_device {
	const char *path;
	mode_t mode;               /* type and permissions */
	dev_t dev;
	uid_t uid;
	gid_t gid;
	bool bind;                 /* the host's node of the same path, where mknod is not allowed */
	int fd;                    /* made by the parent, to be bound; -1 */
};

struct plan_step {
	enum plan_kind kind;
	const char *a, *b;
	int64_t n;
	uint64_t u1, u2;
	int fd;
	struct plan_mount *mount;
	struct plan_device *device;
};

/* struct sched_attr of sched_setattr(2); glibc here has none. */
struct plan_sched {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

struct plan {
	struct plan_step *steps;
	size_t n, cap;
	struct strv texts;         /* owned strings of the steps */
	struct plan_mount **mounts;   /* owned, each on its own: steps point at them */
	size_t n_mounts;
	struct plan_device *devices;
	size_t n_devices;

	/* operands that exist once */
	const struct oci_process_spec *process;
	const struct oci_hooks *hooks;
	struct hook_state_text hook_state, seccomp_state;
	const char *bundle;
	char **env;                /* NULL-terminated; owned vector, strings in texts or the specification */
	gid_t *groups;             /* supplementary, owned */
	size_t n_groups;
	struct caps caps;
	bool caps_lenient, keep_groups;
	struct plan_sched sched;
	int io_priority;
	unsigned long personality;
	int mempolicy_mode;
	unsigned long mempolicy_nodes[16];   /* bits */
	struct seccomp_filter seccomp;   /* compiled from the specification */
	const struct seccomp_filter *seccomp_given;   /* the caller's own, wins */
	dev_t self_dev;            /* our own program file: never to be executed by a container */
	ino_t self_ino;
	char *path_buf;            /* room to compose PATH candidates; the command found */
	const char *search;        /* PATH of the process's environment */
	size_t path_size;

	/* for the parent */
	uint64_t clone_flags;      /* CLONE_NEW* for clone3 */
	bool userns;               /* a new user namespace: maps are to be written */
	struct idmap_pair *maps;   /* NULL: none given */
	int join_user_fd, join_pid_fd;   /* to enter before clone; -1 */
	bool early_joins;          /* PLAN_JOIN rows need rights a new user namespace would take away */
	const struct oci_time_offsets *time_offsets;
	bool new_mount_ns, new_pid_ns, dry;
	bool tell_netns;           /* the parent cannot open it by itself: the child becomes undumpable */
	bool notify;               /* an sd_notify socket is offered */
	bool privileged;           /* may mount here: sources of binds are opened by the parent */
	unsigned long root_propagation;   /* MS_*, of "/" in the end; 0: as it is */
};

/* Options that only a first process or only an exec has are in their public structs. */
int plan_build(const struct oci_spec *spec, const struct oci_options *o, struct plan *ret, struct error *err);
int plan_build_exec(const struct oci_process_spec *process, const struct oci_exec_options *o, struct plan *ret,
		    struct error *err);
#define PLAN_INIT ((struct plan){ .join_user_fd = -1, .join_pid_fd = -1 })
void plan_done(struct plan *p);
/* The filter to install, or NULL. Not a member: the plan is moved while it is built. */
static inline const struct seccomp_filter *plan_filter(const struct plan *p)
{
	return p->seccomp_given ? p->seccomp_given : p->seccomp.code ? &p->seccomp : NULL;
}
#define auto_plan CLEANUP(plan_done) struct plan
/* One line for --debug: "mount proc on /proc". */
void plan_step_format(const struct plan_step *s, struct buf *to);
const char *plan_kind_name(enum plan_kind kind);

/* ---- the parts of plan_build(), one file each ---- */
struct plan_step *plan_add(struct plan *p, enum plan_kind kind, struct error *err);
int plan_add_text(struct plan *p, enum plan_kind kind, const char *a, const char *b, struct error *err);
int plan_add_number(struct plan *p, enum plan_kind kind, int64_t n, struct error *err);
/* Keeps a copy of the text for as long as the plan lives; NULL: out of memory. */
const char *plan_keep(struct plan *p, const char *text, struct error *err);
/* Whether the group has directories CLONE_INTO_CGROUP does not reach (v1). */
bool plan_must_attach(const struct cgroup *c);
int plan_namespaces(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err);
int plan_mounts(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err);
/* cgroup v1 and hybrid: the list of hierarchies. cgroup: the container's, or NULL. */
int plan_cgroup_v1(struct plan_mount *m, bool cgroup_ns, const struct cgroup *cgroup, struct error *err);
int plan_devices(struct plan *p, const struct oci_spec *spec, struct error *err);
int plan_sysctls(struct plan *p, const struct oci_spec *spec, struct error *err);
/* The late stages; `seccomp`: linux.seccomp or NULL; `filter`: a ready one that wins over it. */
struct plan_process_options {
	const struct oci_process_spec *process;
	struct json_object *seccomp;
	const struct seccomp_filter *filter;
	const struct oci_personality *personality;
	const struct oci_memory_policy *memory_policy;
	unsigned preserve_fds;
	bool dry_run;
	bool keep_groups;          /* the caller's supplementary groups stay (podman --group-add keep-groups) */
	bool strict_seccomp;       /* unknown system call names are an error */
	bool first;                /* the container's first process: stops before exec, has startContainer hooks */
	bool lenient;              /* no CAP_SYS_RESOURCE, missing capabilities: warn or leave out instead of failing */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
};
int plan_process(struct plan *p, const struct plan_process_options *o, struct error *err);
/* Host paths that nothing may be mounted over (CVE-2019-16884); ERROR_INVALID. */
int plan_check_target(const char *target, bool is_procfs, struct error *err);

/* The text behind "idmap=": "uids=0-1-10#..;gids=..". `maps`: the container's own, which "@" triples refer to; NULL: none. */
int plan_idmap_parse(const char *text, const struct idmap_pair *maps, struct idmap_pair *to, struct error *err);

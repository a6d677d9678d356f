/* SPDX-License-Identifier: Apache-2.0
 * build/step.h - one step that changes files, done by a process of its own.
 *
 * The builder (E) prepares everything that needs the store's database, forks, and goes on with other steps; the child
 * (M) hashes, copies or runs, turns the upper directory into a diff-id and reports. M notices E's death by its socket:
 * it kills what it started, removes its cgroup and goes; files go with the stage.
 *
 *     E: step_start() ... step_fd() readable -> step_receive() -> STEP_KEY -> step_answer() -> STEP_DONE or STEP_FAILED
 *
 * Owns the child and the socket. Allocates in E only. */
#pragma once
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/field.h"
#include "base/sha256.h"
#include "build/containerfile.h"
#include "build/copy.h"
#include "build/options.h"
#include "engine/engine.h"

struct store;

/* Trees of layers, lowest first; descriptors are borrowed. */
struct step_trees {
	int *v;
	size_t n;
};

/* RUN --mount with its source found. */
struct step_mount {
	const struct run_mount *m;       /* borrowed */
	struct step_trees trees;         /* bind, cache: `from` a stage or image; owned array */
	int root;                        /* else: a context's directory, the cache's directory; -1; borrowed */
	int lock;                        /* cache: held while the step runs; -1; owned by E */
	int dir;                         /* cache: descriptor owned by E; -1 */
	char fill[SHA256_HEX_MAX];       /* cache with `from`: digest of what it begins with; "": empty */
	char *secret;                    /* bytes of a secret */
	size_t secret_len;
	char *socket;                    /* ssh: the agent's */
	char *target;                    /* absolute */
};
void step_mount_done(struct step_mount *m);

struct step_run {
	const struct build_options *options;
	struct strv args;                /* what is executed */
	struct strv env;                 /* NAME=VALUE: all the step gets from the image and arguments */
	char *user, *workdir;
	char *script, *script_name;      /* heredoc with "#!": a file to put below /dev/pipes; NULL */
	struct list mounts;              /* struct step_mount */
	struct strv volumes;             /* --compat-volumes: changes below these are dropped */
	struct strv image_volumes;       /* directories that are made when they are missing */
	const char *name;                /* of a working container; NULL: none; borrowed */
	const char *image, *image_id;    /* what it was made from, for /run/.containerenv; NULL: unknown; borrowed */
	bool fixed_hostname;             /* the same in every build (--timestamp, --source-date-epoch) */
	bool in_upper;                   /* what is in the upper directory already counts for look-ups, too */
	char *network, *security;        /* --network, --security of the instruction */
	struct strv devices;
	enum build_isolation isolation;
	const char *runtime;             /* path of another OCI runtime; NULL: the built-in one; borrowed */
};
void step_run_done(struct step_run *r);

enum step_kind { STEP_RUN, STEP_COPY, STEP_WORKDIR, STEP_SQUASH /* only make the layer; `from`: copy that tree first */ };
struct step_job {
	enum step_kind kind;
	struct engine *engine;
	const struct store *store;
	struct step_trees below;         /* the state before the step; array owned */
	int upper;                       /* the new layer's tree; borrowed */
	int scratch;                     /* a private directory for this step; borrowed */
	char *scratch_path;
	int out, err;                    /* where RUN's output goes; borrowed */
	bool clamp, set_times;           /* files of the layer: no later than `latest`; all of them exactly that */
	int64_t latest;                  /* Unix seconds */
	bool no_layer;                   /* further steps go into the same upper directory: no digest yet */
	/* STEP_COPY */
	struct copy_items items;
	struct step_trees from;          /* --from: opened by M as a read-only tree, item roots -1 mean it; owned array */
	struct list patterns;            /* struct copy_source: found by M in `from` or their root */
	char *destination, *chown, *chmod;
	bool keep_owner, parents;
	bool link;                       /* --link: what lies below is not looked at but for names of owners */
	struct opt_int copy_time;        /* Unix seconds what is copied gets; unset: as the source has it */
	struct ignore *excludes;
	bool ask_first;                  /* hash, send STEP_KEY, wait for the answer; else hash while writing */
	/* STEP_WORKDIR */
	char *directory, *user;
	/* STEP_RUN */
	struct step_run run;
};
void step_job_done(struct step_job *j);

enum step_event { STEP_KEY, STEP_RUNS /* status: pid of the command */, STEP_DONE, STEP_FAILED, STEP_LOST };
struct step_message {
	uint32_t event;                  /* enum step_event */
	uint32_t has_layer;              /* DONE: 0: nothing changed (WORKDIR) */
	char content[SHA256_HEX_MAX];    /* KEY, DONE of a copy: digest of what was copied */
	char diff_id[SHA256_TEXT_MAX];
	int64_t size, entries;
	int32_t status;                  /* FAILED of RUN: exit code of the command; 0: something else */
	uint32_t plain;                  /* DONE of a copy: no link led to its destination */
	struct error error;
};

struct step {
	pid_t pid;
	int socket;                      /* -1 */
	int command;                     /* pidfd of what M started, in case M is killed; -1 */
	struct rusage used;              /* by M and all it started, when it has ended */
};
#define STEP_INIT { .pid = -1, .socket = -1, .command = -1 }
int step_start(struct step *s, struct step_job *j, struct error *err);
/* The next message; STEP_LOST when the child died without one. */
int step_receive(struct step *s, struct step_message *ret, struct error *err);
/* After STEP_KEY: whether it shall go on. */
void step_answer(struct step *s, bool go_on);
/* Kills the child and what it started when it is still there, and reaps it. */
void step_end(struct step *s);

/* ---- M's side ---- */
int step_run_child(struct step_job *j, int socket, struct step_message *ret, struct error *err);
int step_copy_child(struct step_job *j, int socket, struct step_message *ret, struct error *err);
int step_workdir_child(struct step_job *j, struct step_message *ret, struct error *err);
int step_squash_child(struct step_job *j, struct step_message *ret, struct error *err);
void step_send(int socket, const struct step_message *m);
/* Upper directory -> diff-id. */
int step_layer(const struct step_job *j, struct step_message *ret, struct error *err);
/* The state before the step as a read-only tree; -1: there is none. */
int step_view(const struct step_job *j, const struct step_trees *t, int *ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile.h - a Containerfile as a list of instructions.
 *
 * The language is that of docker/dockerfile 1.x (stable) with what Buildah accepts besides. Parsing is pure: text in,
 * structs out; no file, no environment, no variable is looked at. Variables stay as written: an executor expands each
 * instruction when its turn comes (instruction_expand()), because what it sees depends on the steps before it.
 * Everything that can be wrong without knowing variables is an error here, "FILE:LINE: reason: \"the line\"".
 * Hostile input: bounded by the CONTAINERFILE_* limits, linear in time.
 * Structs own their members. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/field.h"
#include "base/str.h"
#include "build/expand.h"

#define CONTAINERFILE_BYTES_MAX ((size_t)8 << 20)
#define CONTAINERFILE_LINE_MAX ((size_t)1 << 20)      /* one logical line */
#define CONTAINERFILE_INSTRUCTIONS_MAX 50000
#define CONTAINERFILE_HEREDOCS_MAX 64                 /* of one instruction */
#define CONTAINERFILE_PAIRS_MAX 4096                  /* of one ENV, LABEL or ARG */

enum instruction_kind {
	INSTRUCTION_ADD, INSTRUCTION_ARG, INSTRUCTION_CMD, INSTRUCTION_COPY, INSTRUCTION_ENTRYPOINT, INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE, INSTRUCTION_FROM, INSTRUCTION_HEALTHCHECK, INSTRUCTION_LABEL, INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD, INSTRUCTION_RUN, INSTRUCTION_SHELL, INSTRUCTION_STOPSIGNAL, INSTRUCTION_USER,
	INSTRUCTION_VOLUME, INSTRUCTION_WORKDIR, INSTRUCTION_MAX
};
const char *instruction_name(enum instruction_kind k);   /* "COPY" */

struct heredoc {
	char *name;            /* the delimiter without quotes: for COPY the file's name */
	char *text;            /* the body, every line with its newline; tabs of "<<-" already removed */
	char *raw;             /* the body as written */
	bool expand;           /* the delimiter was not quoted: variables count (COPY, ADD) */
	bool chomp;            /* "<<-" */
	uint32_t line;         /* of the body's first line */
};

struct instruction_pair {
	char *name, *value;    /* quotes and variables as written; value NULL: "ARG NAME" */
};

/* One member per flag; which instruction takes which is said in the rows of containerfile-flags.c. Text as written. */
struct instruction_flags {
	char *platform, *after;                  /* FROM; after: a stage that must be done before (Buildah) */
	char *from, *chown, *chmod;              /* COPY, ADD (from: COPY) */
	char *checksum;                          /* ADD */
	bool link, parents, keep_git_dir;        /* --link changes nothing but the cache */
	struct opt_bool unpack;                  /* ADD: unset: local archives are unpacked, remote ones not */
	struct strv excludes;                    /* COPY, ADD: patterns of build/ignore.h */
	struct strv mounts, devices;             /* RUN: run_mount_parse() after expansion */
	char *network, *security;                /* RUN: "default" "none" "host"; "sandbox" "insecure"; NULL: default */
	int64_t interval, timeout, start_period, start_interval;   /* HEALTHCHECK: nanoseconds, 0: default */
	int64_t retries;
};

/* What `words` holds:
 *   FROM                 the image; then the stage's name in lower case (with variables: as written), when there is one
 *   RUN CMD ENTRYPOINT   json: the argument vector; else one element, the line for the shell (none: empty CMD)
 *   SHELL                the vector
 *   HEALTHCHECK          as the image config has it: {"NONE"}, {"CMD", ...}, {"CMD-SHELL", LINE}
 *   COPY ADD             sources (without heredocs), then the destination
 *   EXPOSE VOLUME        the words
 *   USER WORKDIR STOPSIGNAL MAINTAINER   one element
 *   ARG ENV LABEL        nothing: see pairs
 *   ONBUILD              nothing: see trigger; its text is trigger->text */
struct instruction {
	enum instruction_kind kind;
	uint32_t line, end_line, column;   /* from 1; end_line covers heredocs */
	char *word;                        /* the instruction as it was written: "copy" */
	char *text;                        /* the whole logical line, continuations joined: "RUN --network=none make" */
	char *args;                        /* of it, what stands behind the flags */
	char *comment;                     /* the comment lines right above, joined by newlines; NULL: none */
	bool json;                         /* the arguments are a JSON array */
	bool legacy;                       /* ENV, LABEL: "NAME VALUE" without '=' */
	struct strv words;
	struct list pairs;                 /* struct instruction_pair */
	struct list heredocs;              /* struct heredoc */
	struct instruction_flags flags;
	struct instruction *trigger;       /* ONBUILD */
};
void instruction_done(struct instruction *in);
#define auto_instruction CLEANUP(instruction_done) struct instruction

/* What only the lexer sees and the linter tells. */
struct containerfile_note {
	char *check;           /* the linter's name of it: "NoEmptyContinuation" */
	char *text;
	uint32_t line;
};

struct containerfile {
	char *name;                /* in messages: "Containerfile" */
	char escape;               /* '\\' or '`' */
	char *syntax, *check;      /* parser directives as written, NULL: none. No remote frontend is ever run. */
	struct list instructions;  /* struct instruction */
	struct list notes;         /* struct containerfile_note */
};
#define INSTRUCTION(f, i) (&((struct instruction *)(f)->instructions.v)[i])
void containerfile_done(struct containerfile *f);
#define auto_containerfile CLEANUP(containerfile_done) struct containerfile

/* `name` is for messages. ERROR_INVALID on anything wrong; *ret must be zeroed. */
int containerfile_parse(const char *name, const char *text, size_t len, struct containerfile *ret, struct error *err);
/* A further file behind the first: whether its parser directives would do. */
int containerfile_check_directives(const char *text, size_t len, struct error *err);
/* One instruction without a file around it: a trigger of a base image (ONBUILD), --change. */
int instruction_parse(const char *text, char escape, struct instruction *ret, struct error *err);
/* A copy with all variables that this kind of instruction expands replaced (BuildKit's list, and the flags as Buildah
 * does): ADD ARG COPY ENV EXPOSE FROM LABEL STOPSIGNAL USER VOLUME WORKDIR, bodies of COPY's unquoted heredocs. Quotes
 * are gone from the result. RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK, ONBUILD: only the flags are expanded. ENV sees
 * the values from before the instruction in all of its pairs; ARG pairs see those left of them: expand those one by one
 * with build/scope.h. *ret must be zeroed. */
int instruction_expand(const struct instruction *in, const struct expand *x, struct instruction *ret, struct error *err);

/* Puts "FILE:LINE: " before the reason in *err and the instruction's text behind it. Returns -1. */
int instruction_fail(const struct containerfile *f, const struct instruction *in, struct error *err);

/* The instruction as progress shows it: its text, then the beginning of each heredoc's body in brackets. Appends. */
void instruction_summary(const struct instruction *in, struct buf *to);

/* RUN with heredocs: what to run. */
struct run_script {
	char *line;            /* for the shell; NULL when file is given */
	char *file, *name;     /* a script with "#!": put it into an executable file of that name and run it */
};
void run_script_done(struct run_script *s);
#define auto_run_script CLEANUP(run_script_done) struct run_script
/* For a RUN in shell form (with or without heredocs). */
int instruction_script(const struct instruction *in, struct run_script *ret, struct error *err);

/* ---- RUN --mount ---- */
enum run_mount_type { RUN_MOUNT_BIND, RUN_MOUNT_CACHE, RUN_MOUNT_TMPFS, RUN_MOUNT_SECRET, RUN_MOUNT_SSH, RUN_MOUNT_MAX };
enum run_mount_sharing { RUN_MOUNT_SHARED, RUN_MOUNT_PRIVATE, RUN_MOUNT_LOCKED };
extern const char *const run_mount_types[], *const run_mount_sharings[];

struct run_mount {
	int type;                   /* enum run_mount_type */
	char *target;               /* NULL: secret and ssh choose (/run/secrets/ID, /run/buildkit/ssh_agent.N) */
	char *source, *from;        /* bind, cache: path inside `from` (stage, context, image; NULL: the build context) */
	char *id;                   /* cache (NULL: the target), secret, ssh. Never a path: hash it */
	char *env;                  /* secret: environment variable instead of (or besides) the file */
	int sharing;                /* cache */
	bool read_only;             /* bind: true unless rw */
	bool required;              /* secret, ssh: missing is an error */
	bool tmp_copy_up;           /* tmpfs: begins with what the image has there */
	bool chown_user;            /* "U": files belong to the step's user */
	char relabel;               /* 0, 'z', 'Z' */
	bool recursive;             /* bind of the host in a working container: with what is mounted below */
	bool not_recursive;         /* bind-nonrecursive */
	struct opt_uint mode, uid, gid;
	struct opt_int size;        /* tmpfs: bytes */
	bool no_suid, no_dev, no_exec;   /* asked for; bind and cache mounts are nosuid,nodev anyway */
};
void run_mount_done(struct run_mount *m);
#define auto_run_mount CLEANUP(run_mount_done) struct run_mount
/* RUN --device */
struct run_device {
	char *name;                 /* a path on the host, or "vendor.com/class=name" */
	bool required;              /* else the command runs without it when there is none (BuildKit) */
};
void run_device_done(struct run_device *d);
#define auto_run_device CLEANUP(run_device_done) struct run_device
int run_device_parse(const char *text, struct run_device *ret, struct error *err);

/* The text behind "--mount=", variables expanded. Every option is one of a table for this type; unknown, doubled,
 * misplaced ones and bind-propagation other than (r)private, (r)slave are errors (security-matrix I3). */
int run_mount_parse(const char *text, struct run_mount *ret, struct error *err);

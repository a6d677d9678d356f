/* SPDX-License-Identifier: Apache-2.0
 * engine/engine.h - one opened engine: configuration, paths, and the store, each opened when first needed.
 *
 * Every front end makes one struct engine at its edge (the CLI once per command, the API once per connection) and
 * hands it down; there is no other shared state. Cheap to open: files are read and the database is opened only when
 * a function asks for them. The engine is not usable across fork() (the store's database handle is not): a child
 * that goes on with the engine opens its own (engine/launch.c forks before it needs the store again).
 * Owns: conf, storage conf, paths, the store handle. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/containers-conf.h"
#include "conf/paths.h"
#include "conf/storage-conf.h"

struct store;
struct worker;
struct image_progress;

/* What the command line (or the service's) says about the engine as a whole; NULL/empty: configuration decides.
 * Strings are borrowed and must outlive the engine. */
struct engine_options {
	const char *root, *runroot;        /* --root, --runroot */
	const char *storage_driver;
	const struct strv *storage_opts;
	const struct strv *pull_options;   /* KEY=VALUE over storage.conf's pull_options */
	uint64_t max_workers;              /* transfers at once; 0: as many as pay */
	const char *runtime;               /* --runtime NAME|PATH; NULL or "umiak": built in */
	const struct strv *runtime_flags;
	const char *cgroup_manager;        /* "cgroupfs", "systemd" */
	const char *imagestore;            /* --imagestore: a second store; images are also found there */
	bool brings_images;                /* new images go there (and graphroot is only read) */
	const char *conmon, *events_backend, *network_config_dir, *volume_path, *tmpdir;
	const struct strv *modules, *hooks_dirs, *cdi_spec_dirs;
	const char *default_mounts_file;   /* --default-mounts-file: instead of the mounts.conf files */
	bool transient_store;
	const char *log_level;             /* handed on to `container cleanup`; NULL: default */
};

struct engine {
	struct engine_options opt;
	const struct log *log;             /* the edge's; may be NULL */
	const struct image_progress *progress;   /* where pulls made on the way (run, create) tell; NULL: nowhere */
	struct paths paths;
	struct containers_conf conf;
	struct storage_conf storage;
	char *root, *runroot;              /* the roots in force, absolute */
	char *state;                       /* of networks and events: the containers' runroot, also with --imagestore */
	struct engine *beside;             /* with --imagestore: the engine on the other root; NULL until needed */
	bool split;                        /* there are two */
	struct store *store;               /* NULL until engine_store() */
	int proc;                          /* engine_proc(); 0: not opened yet */
	struct worker *fetcher;            /* begun ahead of need (engine/image-remote.h); NULL */
};

/* Loads configuration and decides the roots. Rootless: the caller has entered the user namespace already
 * (engine/rootless.h). *e is empty on failure. */
int engine_init(struct engine *e, const struct engine_options *opt, const struct log *log, struct error *err);
void engine_done(struct engine *e);
/* The store, opened (made, recovered after a reboot) at first use. Borrowed. */
int engine_store(struct engine *e, struct store **ret, struct error *err);
/* store_make_room(): first of all in whatever removes something. */
void engine_make_room(struct engine *e);

/* With --imagestore there are two roots: the engine on that of new images, and on that of containers. One of both is e
 * itself, without the option both are. Borrowed. */
int engine_of_images(struct engine *e, struct engine **ret, struct error *err);
int engine_of_containers(struct engine *e, struct engine **ret, struct error *err);
/* The engine that may change an image e sees: e, and for one that is read-only here the engine on the other root. */
int engine_of_image(struct engine *e, bool read_only, struct engine **ret, struct error *err);

/* A handle for looking at processes (os/process.h), opened once. Borrowed; PROC_HOST when it cannot be. */
int engine_proc(struct engine *e);

/* Flags for the runtime: --runtime-flag, else containers.conf's for that runtime. Borrowed; NULL: none. */
const struct strv *engine_runtime_flags(const struct engine *e);
/* The runtime in force: NULL for the built-in one, else the absolute path of another (crun, runc, ...).
 * *ret is malloc'ed. */
/* `recorded`: what the container was created with, wins over the engine's; may be NULL. */
int engine_runtime(struct engine *e, const char *recorded, char **ret, struct error *err);
/* Name and path shown by `info` and `inspect`; name borrowed ("crun" unless another was chosen, because that is the
 * command line and behaviour the built-in runtime has). */
const char *engine_runtime_name(const struct engine *e);
/* "cgroupfs" or "systemd": what was asked for when it can work here, else what does. */
const char *engine_cgroup_manager(const struct engine *e);
/* Command-line words that make a child process see the same engine: "--root", ..., for `container cleanup`. */
int engine_command_line(const struct engine *e, struct strv *to, struct error *err);
/* The same behind the running program's own path. */
int engine_own_command(const struct engine *e, struct strv *to, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/cli.h - what every command gets: who we are, global options, output, the engine, error reporting.
 *
 * One struct cli lives in main() for the whole run. Commands print on stdout with stdio (fully buffered; flushed and
 * checked for write errors by main), return an exit code or -1 and an error, and never call exit(). */
#pragma once
#include <stdbool.h>

#include "base/argv.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/command.h"

struct engine;

/* Skopeo's options before the command word: rows in cli/skopeo.c. */
struct skopeo_globals {
	char *policy, *override_arch, *override_os, *override_variant, *registries_d, *user_agent_prefix;
	int64_t command_timeout;
	bool insecure_policy, require_signed;
};

/* The options before the command word (most also behind it): rows in cli/globals.c. */
struct cli_globals {
	struct strv cdi_spec_dirs, hooks_dirs, modules, runtime_flags, storage_opts, pull_options;
	char *cgroup_manager, *config, *conmon, *connection, *context, *cpu_profile, *default_mounts_file, *events_backend;
	char *identity, *imagestore, *log_level, *memory_profile, *namespace, *network_backend, *network_config_dir;
	char *registries_conf_dir, *short_name_alias_conf, *signature_policy, *userns_uid_map, *userns_gid_map;
	char *out, *registries_conf, *root, *runroot, *runtime, *ssh, *storage_driver, *tls_ca, *tls_cert, *tls_details;
	char *tls_key, *tmpdir, *url, *volumepath;
	int64_t max_workers;
	bool debug, help, noout, remote, syslog, trace, transient_store, version;
	struct skopeo_globals skopeo;
};

struct cli {
	const char *program;             /* base name of argv[0]: usage lines and hints start with it */
	bool docker;                     /* called as `docker`: Docker's wording and JSON where they differ */
	bool skopeo;                     /* called as `skopeo`: its commands, global options, exit codes and messages */
	const struct command_row *row;   /* the command being run; NULL before dispatch */
	char *path;                      /* "podman container ps": program and command words, owned */
	char *const *argv;               /* the whole command line, for a container's CreateCommand; borrowed */
	int argc;
	int options_at;                  /* where in argv the command's options begin */
	struct cli_globals global;
	struct argv parsed;              /* options given: cli_given() */
	struct log log;
	struct engine *engine;           /* NULL until cli_engine() */
	struct error pending;            /* last error noted by cli_note_error() */
	bool has_pending;
};

/* Was the option given on the command line (long name without dashes)? */
bool cli_given(const struct cli *cli, const char *option);
/* The same for the options of the program itself ("root", "log-level"). */
bool cli_global_given(const struct cli *cli, const char *option);
/* The engine, opened at first use with the global options and the configuration. Borrowed; main closes it. */
int cli_engine(struct cli *cli, struct engine **ret, struct error *err);
/* For loops over objects: keeps *e as an error of this command and goes on. Earlier noted errors are printed as
 * "Error: ..." at once, the last one at the end; it also decides the exit code unless run() returns a code > 0. */
void cli_note_error(struct cli *cli, const struct error *e);
/* The same for what removes all that is unused: what somebody has removed, started or taken into use since we looked is not
 * unused any more, and no error. */
void cli_note_prune_error(struct cli *cli, const struct error *e);
/* Asks on the terminal "QUESTION [y/N] "; true: yes. Without an answer (end of file): false. */
bool cli_confirm(const char *question);
/* Terminal size of stdout for wrapping; 80 when it is no terminal. */
int cli_columns(void);

/* The line of `--version`. */
void cli_print_version(const struct cli *cli);

/* Program entry, without process state: returns the exit code. Writes on stdout and stderr. */
int cli_main(struct cli *cli, int argc, char **argv);
void cli_done(struct cli *cli);

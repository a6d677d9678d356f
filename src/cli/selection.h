/* SPDX-License-Identifier: Apache-2.0
 * cli/selection.h - commands over several containers: --all, --latest, --cidfile, --filter, names; one error does not
 * stop the others. */
#pragma once
#include "cli/cli.h"
#include "engine/container.h"

struct selection_params {
	struct strv cid_files, filters;
	bool all, latest, ignore;
};
#define SELECTION_ALL(S, m) { .cli = "all", .abbr = 'a', F_BOOL(S, m.all), .help = "Act on all containers" }
#define SELECTION_LATEST(S, m) \
	{ .cli = "latest", .abbr = 'l', F_BOOL(S, m.latest), .help = "Act on the latest container this program knows" }
#define SELECTION_CIDFILE(S, m) \
	{ .cli = "cidfile", F_STRV(S, m.cid_files), .arg = "file", .complete = "files", \
	  .help = "Take container IDs from this file (repeatable)" }
#define SELECTION_FILTER(S, m) \
	{ .cli = "filter", .abbr = 'f', F_STRV(S, m.filters), .arg = "filter", .complete = "ps-filters", \
	  .help = "Choose containers by conditions (key=value)" }

enum { SELECTION_PASSED = 100 };   /* of an act: passed over, its name is not printed */

struct selection_call {
	const struct selection_params *params;
	const struct strv *names;
	bool running_only;           /* with --all */
	/* Acts on one container; 0, SELECTION_PASSED, or -1 and *err. Prints the answer itself, or lets `print` decide. */
	int (*act)(struct ctr *c, void *arg, struct error *err);
	void *arg;
	bool filter_names;           /* --filter chooses among the names given (start) */
	bool print;                  /* print the name as given (or the id) of every container that went well */
};
/* Words against options: ERROR_INVALID with Podman's sentence. `need`: some selection must be there. */
int selection_check(const struct selection_params *p, const struct strv *names, struct error *err);
/* Returns 0, or the exit code of the errors that were noted. */
int selection_run(struct cli *cli, const struct selection_call *call, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-pod.c - what is done with pods as a whole: start, stop, restart, pause, unpause, kill, rm, prune, exists. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/pod.h"
#include "os/file.h"

struct pods_params {
	struct strv id_files;
	char *sig;
	int64_t seconds;
	bool all, latest, ignore, force;
};
#define P struct pods_params

static void pods_init(void *params)
{
	((struct pods_params *)params)->seconds = INT64_MIN;
}

static struct opt_uint timeout_of(const struct pods_params *p)
{
	if (p->seconds == INT64_MIN)
		return (struct opt_uint){};
	return (struct opt_uint){ true, p->seconds < 0 ? UINT64_MAX : (uint64_t)p->seconds };
}

/* ---- which pods ---- */
static int check(const struct pods_params *p, const struct strv *names, struct error *err)
{
	bool files = p->id_files.n > 0;
	const struct {
		bool bad;
		const char *text;
	} rules[] = {
		{ files && (p->all || p->latest), "--all, --latest, and --pod-id-file cannot be used together" },
		{ p->all && p->latest, "--all and --latest cannot be used together" },
		{ names->n && p->all, "no arguments are needed with --all" },
		{ names->n && p->latest, "--latest and pods cannot be used together" },
		{ names->n && files, "no arguments are needed with --latest or --pod-id-file" },
		{ !names->n && !files && !p->all && !p->latest, "you must provide at least one name or id" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].bad)
			return fail(err, ERROR_INVALID, "%s", rules[i].text);
	return 0;
}

struct job {
	struct cli *cli;
	struct engine *engine;
	const struct pods_params *p;
	/* Acts on one pod and prints what there is to print; `given`: as the user called it, or the id. */
	int (*act)(struct job *j, struct pod *pod, const char *given, struct error *err);
	const char *word;             /* "starting": in front of a member's failure */
	struct pod *pod;              /* being acted on */
	unsigned failures, missing, members;
	int arg;
};

static void note(struct job *j, const struct error *e)
{
	j->failures++;
	j->missing += e->kind == ERROR_NOT_FOUND;
	cli_note_error(j->cli, e);
}

static void member_failed(void *arg, const struct ctr *c, const struct error *why)
{
	struct job *j = arg;
	struct error e = *why;

	j->members++;
	fail(&e, why->kind, "%s container %s: %s", j->word, c->id, why->text);
	cli_note_error(j->cli, &e);
}

static void act_on(struct job *j, struct pod *pod, const char *given)
{
	struct error e = {};

	j->pod = pod;
	j->members = 0;
	if (j->act(j, pod, given, &e) >= 0)
		return;
	if (j->members)   /* said already, one by one */
		j->failures++;
	else
		note(j, &e);
}

static void act_on_name(struct job *j, const char *name)
{
	auto_pod *pod = NULL;
	struct error e = {};

	if (pod_find(j->engine, name, &pod, &e) >= 0) {
		act_on(j, pod, name);
	} else if (e.kind != ERROR_NOT_FOUND || !j->p->ignore) {
		note(j, &e);
	}
}

static int read_id(const char *path, char **ret, struct error *err)
{
	int r = file_read(AT_FDCWD, path, 4096, ret, NULL, err);

	if (r == 0)
		return fail(err, ERROR_INVALID, "reading pod ID file: open %s: no such file or directory", path);
	if (r < 0)
		return fail_wrap(err, "reading pod ID file");
	(*ret)[strcspn(*ret, "\n")] = '\0';
	return 0;
}

static void act_on_files(struct job *j, bool unlink_too)
{
	for (size_t i = 0; i < j->p->id_files.n; i++) {
		autofree char *id = NULL;
		struct error e = {};
		unsigned before = j->failures;
		if (read_id(j->p->id_files.v[i], &id, &e) < 0) {
			note(j, &e);
			continue;
		}
		act_on_name(j, id);
		if (unlink_too && j->failures == before)
			unlink(j->p->id_files.v[i]);
	}
}

static int act_on_all(struct job *j, struct error *err)
{
	auto_pod_list all = {};

	TRY(pod_list(j->engine, &all, err));
	for (size_t i = 0; i < all.n; i++)
		act_on(j, all.v[i], all.v[i]->config.id);
	return 0;
}

static int act_on_latest(struct job *j, struct error *err)
{
	auto_pod *pod = NULL;

	TRY(pod_latest(j->engine, &pod, err));
	act_on(j, pod, pod->config.id);
	return 0;
}

static int run_job(struct job *j, const struct strv *names, bool unlink_files, struct error *err)
{
	TRY(check(j->p, names, err));
	TRY(cli_engine(j->cli, &j->engine, err));
	if (j->p->all)
		TRY(act_on_all(j, err));
	if (j->p->latest)
		TRY(act_on_latest(j, err));
	for (size_t i = 0; i < names->n; i++)
		act_on_name(j, names->v[i]);
	act_on_files(j, unlink_files);
	return j->failures ? 125 : 0;
}

/* ---- the acts ---- */
static int start_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };

	TRY(pod_start(pod, &r, err));
	puts(given);
	return 0;
}

static int stop_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };
	struct opt_uint timeout = timeout_of(j->p);

	TRY(pod_stop(pod, &timeout, &r, err));
	puts(given);
	return 0;
}

static int restart_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };

	(void)given;
	TRY(pod_restart(pod, &r, err));
	puts(pod->config.id);
	return 0;
}

static int pause_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };

	(void)given;
	TRY(pod_pause(pod, &r, err));
	puts(pod->config.id);
	return 0;
}

static int unpause_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };

	(void)given;
	TRY(pod_unpause(pod, &r, err));
	puts(pod->config.id);
	return 0;
}

static int kill_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	const struct pod_report r = { member_failed, j };

	(void)given;
	TRY(pod_kill(pod, j->arg, &r, err));
	puts(pod->config.id);
	return 0;
}

/* The pod's own sentence comes first, then each member's. */
struct removal_errors {
	struct error *v;
	size_t n;
};

static void keep_error(void *arg, const struct ctr *c, const struct error *why)
{
	struct removal_errors *l = arg;
	struct error *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return;
	l->v = v;
	l->v[l->n] = *why;
	fail(&l->v[l->n], why->kind, "error removing container %s from pod %s: %s", c->id, c->at.record.pod, why->text);
	l->n++;
}

static int remove_pod(struct job *j, struct pod *pod, const char *given, struct error *err)
{
	struct removal_errors failed = {};
	const struct pod_report r = { keep_error, &failed };
	const struct pod_remove_options o = { .force = j->p->force, .timeout = timeout_of(j->p) };

	(void)given;
	int done = pod_remove(pod, &o, &r, err);
	if (done >= 0) {
		puts(pod->config.id);
	} else if (failed.n) {
		cli_note_error(j->cli, err);
		for (size_t i = 0; i < failed.n; i++)
			cli_note_error(j->cli, &failed.v[i]);
		j->members = (unsigned)failed.n;
	}
	free(failed.v);
	return done;
}

/* ---- commands ---- */
#define RUN(name, act_, word_)                                                                     \
	static int name(struct cli *cli, void *params, struct strv *args, struct error *err)      \
	{                                                                                          \
		struct job j = { .cli = cli, .p = params, .act = act_, .word = word_ };            \
		return run_job(&j, args, false, err);                                              \
	}
RUN(run_start, start_pod, "starting")
RUN(run_stop, stop_pod, "stopping")
RUN(run_restart, restart_pod, "restarting")
RUN(run_pause, pause_pod, "pausing")
RUN(run_unpause, unpause_pod, "unpausing")

static int run_kill(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct pods_params *p = params;
	struct job j = { .cli = cli, .p = p, .act = kill_pod, .word = "killing", .arg = 9 };

	if (p->sig)
		TRY(signal_parse(p->sig, &j.arg, err));
	return run_job(&j, args, false, err);
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct pods_params *p = params;
	struct job j = { .cli = cli, .p = p, .act = remove_pod, .word = "removing" };

	if (p->seconds != INT64_MIN && !p->force)
		return fail(err, ERROR_INVALID, "--force option must be specified to use the --time option");
	p->ignore |= p->force;
	int r = run_job(&j, args, true, err);
	return r == 125 && j.missing == j.failures ? 1 : r;
}

#define ALL { .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Act on all pods" }
#define LATEST { .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest pod this program knows" }
#define ID_FILE \
	{ .cli = "pod-id-file", F_STRV(P, id_files), .arg = "file", .complete = "files", .help = "Take the pod's ID from this file (repeatable)" }
#define IGNORE { .cli = "ignore", .abbr = 'i', F_BOOL(P, ignore), .help = "Pods that do not exist are no error" }
#define TIME \
	{ .cli = "time", MORE(.aliases = "timeout"), .abbr = 't', F_INT(P, seconds), .arg = "int", .fallback = "10", \
	  .help = "Seconds between the stop signal and SIGKILL" }

static const struct field plain_rows[] = { ALL, LATEST, {} };
static const struct field start_rows[] = { ALL, LATEST, ID_FILE, {} };
static const struct field stop_rows[] = { ALL, LATEST, ID_FILE, IGNORE, TIME, {} };
static const struct field kill_rows[] = {
	ALL, LATEST,
	{ .cli = "signal", .abbr = 's', F_STR(P, sig), .arg = "string", .fallback = "KILL", .complete = "signals",
	  .help = "Signal to send, by name or number" },
	{}
};
static const struct field rm_rows[] = {
	ALL, LATEST, ID_FILE, IGNORE, TIME,
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Stop containers that run; pods that do not exist are no error" },
	{}
};

#define COMMAND(id, rows_, run_, summary_, description_, examples_)                                          \
	const struct command cmd_pod_##id = {                                                                \
		.summary = summary_, .description = description_, .args = "POD [POD...]", .max_args = ARGS_ANY, \
		.examples = examples_, .groups = (const struct command_rows[]){ { rows_, 0 }, {} },          \
		.params_size = sizeof(P), .init = pods_init, .run = run_, .flags = COMMAND_LATEST | COMMAND_IN_USERNS, \
	}
COMMAND(start, start_rows, run_start, "Start all containers of pods",
	"Starts the containers of a pod in the order of their dependencies; init containers run first.", "web\n--all");
COMMAND(stop, stop_rows, run_stop, "Stop all containers of pods",
	"Stops the containers of a pod; the one that holds its namespaces is the last.", "web\n--time 2 --all");
COMMAND(restart, plain_rows, run_restart, "Stop and start pods", "Stops all containers of pods and starts them again.",
	"web\n--latest");
COMMAND(pause, plain_rows, run_pause, "Freeze all containers of pods", "Freezes every process of the containers of pods.",
	"web\n--all");
COMMAND(unpause, plain_rows, run_unpause, "Thaw all containers of pods", "Lets the frozen containers of pods go on.",
	"web\n--all");
COMMAND(kill, kill_rows, run_kill, "Send a signal to the main process of every container in pods",
	"Sends SIGKILL, or the signal given, to the main process of every container of the pods.", "web\n--signal HUP web");
COMMAND(rm, rm_rows, run_rm, "Delete pods", "Deletes pods with their containers. Containers that run need --force.",
	"web\n--force --time 2 web\n--all");

/* ---- prune ---- */
static bool has_ended(struct pod *pod)
{
	auto_ctr_list members = {};
	struct error ignored;

	if (pod_containers(pod, &members, &ignored) < 0)
		return false;
	return streq(pod_state(&members), "Exited") || streq(pod_state(&members), "Stopped");
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct pods_params *p = params;
	auto_pod_list all = {};
	const struct pod_remove_options o = {};
	struct engine *e;

	(void)args;
	if (!p->force) {
		puts("WARNING! This will remove all stopped/exited pods..");
		if (!cli_confirm("Are you sure you want to continue?"))
			return 0;
	}
	TRY(cli_engine(cli, &e, err));
	TRY(pod_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		struct error why = {};
		if (!has_ended(all.v[i]))
			continue;
		if (pod_remove(all.v[i], &o, NULL, &why) < 0)
			cli_note_prune_error(cli, &why);
		else
			puts(all.v[i]->config.id);
	}
	return 0;
}

static const struct field prune_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Do not ask" },
	{}
};
const struct command cmd_pod_prune = {
	.summary = "Delete stopped pods with their containers", .description = "Deletes every pod whose containers have all ended.",
	.examples = "--force", .groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(P),
	.run = run_prune, .flags = COMMAND_IN_USERNS,
};

/* ---- exists ---- */
static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	int r = pod_exists(e, args->v[0], err);
	return r < 0 ? -1 : !r;
}

const struct command cmd_pod_exists = {
	.summary = "Exit status tells whether the pod is known",
	.description = "Exit code 0 when the pod exists, 1 when not, 125 when that could not be found out.", .args = "POD",
	.min_args = 1, .max_args = 1, .examples = "web", .run = run_exists, .flags = COMMAND_IN_USERNS,
};

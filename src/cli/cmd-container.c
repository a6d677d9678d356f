/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-container.c - `container exists`, `container cleanup`, `container prune`, `rename`, `port`. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/selection.h"
#include "engine/exec.h"

/* ---- exists ---- */
struct exists_params {
	bool external;
};

static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;
	const struct exists_params *p = params;
	auto_ctr *c = NULL;
	struct error gone;

	TRY(cli_engine(cli, &e, err));
	int r = ctr_exists(e, args->v[0], err);
	if (r > 0 && !p->external && ctr_find(e, args->v[0], &c, &gone) >= 0 && ctr_is_working(c))
		r = 0;
	return r < 0 ? -1 : !r;
}

static const struct field exists_rows[] = {
	{ .cli = "external", F_BOOL(struct exists_params, external),
	  .help = "Count working containers (buildah), too" }, {}
};

const struct command cmd_container_exists = {
	.summary = "Exit status tells whether the container is known",
	.description = "Exit code 0 when the container exists, 1 when not, 125 when that could not be found out.",
	.args = "CONTAINER", .min_args = 1, .max_args = 1, .examples = "web",
	.groups = (const struct command_rows[]){ { exists_rows, 0 }, {} }, .params_size = sizeof(struct exists_params),
	.run = run_exists, .flags = COMMAND_IN_USERNS,
};

/* ---- cleanup ---- */
struct cleanup_params {
	struct selection_params s;
	char *exec;
	bool rm, rmi, stopped_only;
};
#define C struct cleanup_params

static int cleanup_one(struct ctr *c, void *arg, struct error *err)
{
	const struct cleanup_params *p = arg;
	const struct ctr_cleanup_options o = { .remove = p->rm || p->rmi };   /* an image goes after its container only */

	if (p->exec)
		return exec_cleanup(c, p->exec, err);
	if (ctr_sync(c, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	if (CONTAINER_STATE_BIT(c->at.status.state) & CONTAINER_STATE_ALIVE) {
		if (p->stopped_only)
			return 0;
		return fail(err, ERROR_STATE, "container %s is running or paused, refusing to clean up: container state improper", c->id);
	}
	if (p->rmi) {
		TRY(ctr_load(c, err));
		c->params.basic.remove_image = true;
	}
	return ctr_cleanup(c, &o, err) < 0 ? -1 : 0;
}

static int run_cleanup(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct cleanup_params *p = params;
	const struct selection_call call = { .params = &p->s, .names = args, .act = cleanup_one, .arg = p,
					     .print = !p->stopped_only && !p->exec };

	if (p->exec && p->s.all)
		return fail(err, ERROR_INVALID, "--all and --exec cannot be set together");
	if (p->exec && p->rmi)
		return fail(err, ERROR_INVALID, "--exec and --rmi cannot be set together");
	/* called by a monitor: somebody else may have removed the container by now */
	p->s.ignore |= p->stopped_only || p->exec;
	return selection_run(cli, &call, err);
}

static const struct field cleanup_rows[] = {
	SELECTION_ALL(C, s), SELECTION_LATEST(C, s),
	{ .cli = "exec", F_STR(C, exec), .arg = "string", .help = "Clean up after this exec session only" },
	{ .cli = "rm", F_BOOL(C, rm), .help = "Delete the container afterwards" },
	{ .cli = "rmi", F_BOOL(C, rmi), .help = "Delete the image afterwards" },
	{ .cli = "stopped-only", F_BOOL(C, stopped_only), .help = "Only clean up containers that have stopped" },
	{}
};

const struct command cmd_container_cleanup = {
	.summary = "Release network and mounts of stopped containers",
	.description = "Takes away what a container left when it exited. Run by the monitors of containers; nobody has to.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--all",
	.groups = (const struct command_rows[]){ { cleanup_rows, 0 }, {} }, .params_size = sizeof(C), .run = run_cleanup,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

/* ---- prune ---- */
struct prune_params {
	struct strv filters;
	bool force;
};

static const char *const prune_keys[] = { "label", "label!", "until" };

static int check_filters(const struct strv *filters, struct error *err)
{
	for (size_t i = 0; i < filters->n; i++) {
		bool known = false;
		for (size_t j = 0; j < ARRAY_LEN(prune_keys); j++) {
			const char *rest = str_after(filters->v[i], prune_keys[j]);
			known |= rest && *rest == '=';
		}
		if (!known)
			return fail(err, ERROR_INVALID, "%s is an invalid filter", filters->v[i]);
	}
	return 0;
}

static int prune_one(struct cli *cli, struct ctr *c, struct error *err)
{
	const struct ctr_remove_options o = { .volumes = true };
	const unsigned ended = CONTAINER_STATE_BIT(CONTAINER_CREATED) | CONTAINER_STATE_BIT(CONTAINER_EXITED) |
			       CONTAINER_STATE_BIT(CONTAINER_STOPPED);
	struct error failed;

	(void)err;
	if (!(CONTAINER_STATE_BIT(c->at.status.state) & ended) || c->at.record.infra)
		return 0;
	autofree char *id = strdup(c->id);
	if (ctr_remove(c, &o, NULL, &failed) < 0)
		cli_note_prune_error(cli, &failed);
	else
		puts(id ? id : "");
	return 0;
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct prune_params *p = params;
	auto_ctr_list list = {};
	struct engine *e;
	const struct ctr_selection s = { .filters = &p->filters, .all = true };

	(void)args;
	TRY(check_filters(&p->filters, err));
	if (!p->force) {
		puts("WARNING! This will remove all non running containers.");
		if (!cli_confirm("Are you sure you want to continue?"))
			return 0;
	}
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_select(e, &s, &list, NULL, NULL, err));
	for (size_t i = 0; i < list.n; i++)
		TRY(prune_one(cli, list.v[i], err));
	return 0;
}

static const struct field prune_rows[] = {
	{ .cli = "filter", F_STRV(struct prune_params, filters), .arg = "stringArray", .complete = "prune-filters",
	  .help = "Remove only what matches (label=, until=; repeatable)" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct prune_params, force), .help = "Do not ask" },
	{}
};

const struct command cmd_container_prune = {
	.summary = "Delete every container that is not running",
	.description = "Deletes every container that is not running.",
	.groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(struct prune_params),
	.run = run_prune, .flags = COMMAND_IN_USERNS,
};

/* ---- rename ---- */
static int run_rename(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_ctr *c = NULL;
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, args->v[0], &c, err));
	return ctr_rename(c, args->v[1], err);
}

const struct command cmd_rename = {
	.summary = "Give a container a new name",
	.description = "Gives a container a new name. The old one is free afterwards.",
	.args = "CONTAINER NAME", .min_args = 2, .max_args = 2, .examples = "web web-old", .run = run_rename,
	.flags = COMMAND_IN_USERNS,
};

/* ---- port ---- */
struct port_params {
	bool all, latest;
};

/* 80/tcp or 80 */
static int parse_port(const char *text, int64_t *ret_port, const char **ret_protocol, struct error *err)
{
	const char *slash = strchr(text, '/');
	autofree char *number = strndup(text, slash ? (size_t)(slash - text) : strlen(text));

	*ret_protocol = slash ? slash + 1 : "tcp";
	if (!number || !parse_i64(number, ret_port) || *ret_port < 1 || *ret_port > 65535)
		return fail(err, ERROR_INVALID, "invalid port %s", text);
	return 0;
}

static int print_ports(struct ctr *c, const char *wanted, bool with_id, struct error *err)
{
	int64_t port = 0;
	const char *protocol = NULL;
	bool found = false;

	TRY(ctr_load(c, err));
	if (wanted)
		TRY(parse_port(wanted, &port, &protocol, err));
	const struct param_port *p = c->params.net.ports.v;
	for (size_t i = 0; i < c->params.net.ports.n; i++)
		for (int64_t j = 0; j < p[i].range; j++) {
			const char *ip = str_empty(p[i].host_ip) ? "0.0.0.0" : p[i].host_ip;
			if (wanted && (p[i].container_port + j != port || !streq(p[i].protocol, protocol)))
				continue;
			found = true;
			if (wanted)
				printf("%s:%lld\n", ip, (long long)(p[i].host_port + j));
			else
				printf("%s%s%lld/%s -> %s:%lld\n", with_id ? c->id : "", with_id ? "\t" : "",
				       (long long)(p[i].container_port + j), p[i].protocol, ip, (long long)(p[i].host_port + j));
		}
	return wanted && !found ? fail(err, ERROR_INVALID, "failed to find published port \"%s\"", wanted) : 0;
}

static int run_port(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct port_params *p = params;
	auto_ctr *c = NULL;
	auto_ctr_list list = {};
	struct engine *e;

	if (!args->n && !p->all && !p->latest)
		return fail(err, ERROR_INVALID, "you must supply a running container name or id");
	if (args->n && p->latest && args->n > 1)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (p->all && (args->n || p->latest))
		return fail(err, ERROR_INVALID, p->latest ? "--all and --latest cannot be used together" :
							     "no arguments are needed with --all");
	TRY(cli_engine(cli, &e, err));
	if (p->all) {
		TRY(ctr_list(e, &list, err));
		for (size_t i = 0; i < list.n; i++)
			TRY(print_ports(list.v[i], NULL, true, err));
		return 0;
	}
	TRY(p->latest ? ctr_latest(e, &c, err) : ctr_find(e, args->v[0], &c, err));
	size_t at = p->latest ? 0 : 1;
	return print_ports(c, args->n > at ? args->v[at] : NULL, false, err);
}

static const struct field port_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct port_params, all), .help = "Show the ports of all containers" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(struct port_params, latest),
	  .help = "Act on the latest container this program knows" },
	{}
};

const struct command cmd_port = {
	.summary = "Show which host ports lead to a container",
	.description = "Lists the ports of a container that are published on the host.",
	.args = "CONTAINER [PORT]", .max_args = 2, .examples = "web\nweb 80/tcp",
	.groups = (const struct command_rows[]){ { port_rows, 0 }, {} }, .params_size = sizeof(struct port_params),
	.run = run_port, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

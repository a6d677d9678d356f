/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdio.h>

#include "cli/help.h"
#include "cli/transfer.h"

static const char *command_path(const struct cli *cli)
{
	return cli->path ? cli->path : cli->program;
}

/* "docker run" and "docker create" put the client's name in front, the other commands do not. */
static bool docker_names_itself(const struct cli *cli)
{
	return cli->row && cli->row->cmd && (cli->row->cmd->flags & COMMAND_ARGS_STOP);
}

static void report_docker(const struct cli *cli, const struct error *err)
{
	const char *self = docker_names_itself(cli) ? "docker: " : "";

	if (err->kind == ERROR_USAGE)
		fprintf(stderr, "%s\n\nUsage:  %s [OPTIONS]\n\nRun '%s --help' for more information\n", err->text,
			command_path(cli), command_path(cli));
	else if (!cli->row)
		fprintf(stderr, "docker: %s\n", err->text);
	else
		fprintf(stderr, "%sError response from daemon: %s\n", self, err->text);
}

void report_error(const struct cli *cli, const struct error *err)
{
	/* Podman moves this phrase to the front, where scripts look for it. */
	static const char runtime[] = "OCI runtime error";

	if (err->kind == ERROR_EXIT && !err->text[0])
		return;
	fflush(stdout);
	cli_progress_end();
	if (cli->skopeo)
		log_printf(&cli->log, LOG_LEVEL_FATAL, "%s", err->text);
	else if (cli->docker)
		report_docker(cli, err);
	else if (err->kind == ERROR_USAGE)
		fprintf(stderr, "Error: %s\nSee '%s --help'\n", err->text, command_path(cli));
	else if (err->kind == ERROR_RUNTIME && !strstr(err->text, runtime))
		fprintf(stderr, "Error: %s: %s\n", runtime, err->text);
	else
		fprintf(stderr, "Error: %s\n", err->text);
}

int report_exit_code(const struct cli *cli, const struct error *err)
{
	int code = error_exit_code(err);

	if (cli->skopeo && err->kind != ERROR_EXIT)
		return err->kind == ERROR_NOT_FOUND ? 2 : 1;

	if (!cli->docker || err->kind == ERROR_EXIT || err->kind == ERROR_USAGE)
		return code;
	return code == 125 && !docker_names_itself(cli) ? 1 : code;
}

void cli_note_error(struct cli *cli, const struct error *e)
{
	if (cli->has_pending)
		report_error(cli, &cli->pending);
	cli->pending = *e;
	cli->has_pending = true;
}

void cli_note_prune_error(struct cli *cli, const struct error *e)
{
	if (e->kind != ERROR_IN_USE && e->kind != ERROR_NOT_FOUND)
		cli_note_error(cli, e);
}

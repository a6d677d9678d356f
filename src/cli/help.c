/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <stdlib.h>

#include "base/json.h"
#include "cli/globals.h"
#include "cli/options.h"
#include "conf/containers-conf.h"
#include "conf/paths.h"

#define HELP_COLUMNS 80
#define NAME_WIDTH 11   /* cobra's smallest column of command names */

static int by_name(const void *a, const void *b)
{
	return strcmp(command_name(*(const struct command_row *const *)a),
		      command_name(*(const struct command_row *const *)b));
}

int help_children(const char *parent, const struct command_row ***ret, size_t *ret_n, struct error *err)
{
	size_t n = 0, all = 0;

	for (const struct command_row *r = command_rows; r->path; r++)
		all++;
	const struct command_row **v = calloc(all + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	for (const struct command_row *r = command_rows; r->path; r++)
		if (!command_is_hidden(r) && command_is_child(r, parent))
			v[n++] = r;
	qsort(v, n, sizeof(*v), by_name);
	*ret = v;
	*ret_n = n;
	return 0;
}

static void print_examples(const char *text, const char *path, FILE *out)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		fprintf(out, "  %s %.*s\n", path, (int)strcspn(text, "\n"), text);
}

/* Line breaks of the text are kept, longer lines broken at blanks. */
static void print_description(const char *text, FILE *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		if (n > HELP_COLUMNS - 2)
			for (n = HELP_COLUMNS - 2; n > 1 && text[n] != ' '; n--)
				;
		fprintf(out, "%s%.*s\n", n ? "  " : "", (int)n, text);
		text += n;
		text += *text == '\n' || *text == ' ';
	}
}

/* ---- commands of a group ---- */
static int print_children(const char *parent, FILE *out, struct error *err)
{
	autofree const struct command_row **v = NULL;
	int width = NAME_WIDTH;
	size_t n;

	TRY(help_children(parent, &v, &n, err));
	for (size_t i = 0; i < n; i++) {
		int len = (int)strlen(command_name(v[i]));
		if (len > width)
			width = len;
	}
	fputs("\nAvailable Commands:\n", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-*s %s\n", width, command_name(v[i]), command_summary(v[i]));
	return 0;
}

static int print_group(const struct command_row *row, const char *path, FILE *out, struct error *err)
{
	fprintf(out, "%s\n\nDescription:\n  %s\n\nUsage:\n  %s [command]\n", row->group, row->group, path);
	return print_children(row->path, out, err);
}

/* ---- a command ---- */
bool help_has_options(const struct command *cmd)
{
	for (const struct command_rows *g = cmd->groups; g && g->rows; g++)
		EACH_FIELD(f, g->rows)
			if ((f->cli && !(f->flags & FIELD_HIDDEN)) || (f->type == FIELD_OBJECT && !f->cli))
				return true;
	return false;
}

/* The tables of containers.conf, for defaults that are configured; a broken file is the running command's to tell. */
static struct json_object *configuration(const struct cli *cli)
{
	auto_containers_conf conf = {};
	auto_paths paths = {};
	struct json_object *tree = NULL;
	struct error ignored;

	if (paths_load(&paths, &ignored) < 0 || containers_conf_load(&conf, &paths, &cli->global.modules, &ignored) < 0 ||
	    fields_save(containers_conf_rows, FIELD_COLUMN_CONF, &conf, &tree, &ignored) < 0)
		return NULL;
	return tree;
}

static int print_options(struct cli *cli, const struct command *cmd, struct argv_group last, FILE *out, struct error *err)
{
	auto_json *conf = configuration(cli);
	struct argv_group groups[OPTION_GROUPS_MAX];
	auto_option_list l = {};

	option_groups(cmd, NULL, last, groups);
	TRY(option_list_collect(&l, groups, err));
	if (!l.n)
		return 0;
	fputs("\nOptions:\n", out);
	option_list_print(&l, conf, HELP_COLUMNS, out);
	return 0;
}

static void print_aliases(const struct command_row *row, FILE *out)
{
	fprintf(out, "\nAliases:\n  %s", command_name(row));
	for (const char *a = row->aliases; *a; a += strcspn(a, " "), a += *a == ' ')
		fprintf(out, ", %.*s", (int)strcspn(a, " "), a);
	fputc('\n', out);
}

static int print_command(struct cli *cli, const struct command_row *row, const char *path, FILE *out, struct error *err)
{
	const struct command *cmd = row->cmd;

	fprintf(out, "%s\n\nDescription:\n", cmd->summary);
	print_description(cmd->description ? cmd->description : cmd->summary, out);
	if (streq(row->path, "help"))
		fprintf(out, "\nUsage:\n  %s [command]\n", path);
	else
		fprintf(out, "\nUsage:\n  %s%s%s%s\n", path, help_has_options(cmd) ? " [options]" : "", cmd->args ? " " : "",
			cmd->args ? cmd->args : "");
	if (row->aliases)
		print_aliases(row, out);
	if (cmd->examples) {
		fputs("\nExamples:\n", out);
		print_examples(cmd->examples, path, out);
	}
	return print_options(cli, cmd, (struct argv_group){}, out, err);
}

/* ---- the program ---- */
static int print_program(struct cli *cli, FILE *out, struct error *err)
{
	struct argv_group groups[] = { { globals_rows(cli), &cli->global }, {} };
	auto_option_list l = {};
	size_t n = 0;

	fprintf(out, "Manage pods, containers and images\n\nUsage:\n  %s [options] [command]\n", cli->program);
	TRY(print_children("", out, err));
	TRY(option_list_collect(&l, groups, err));
	for (size_t i = 0; i < l.n; i++)
		if (globals_offer_remote(cli) || !streq(l.v[i]->cli, "remote"))
			l.v[n++] = l.v[i];
	l.n = n;
	fputs("\nOptions:\n", out);
	option_list_print(&l, NULL, HELP_COLUMNS, out);
	return 0;
}

int help_print(struct cli *cli, const struct command_row *row, const char *path, FILE *out, struct error *err)
{
	if (!row)
		return print_program(cli, out, err);
	return row->cmd ? print_command(cli, row, path, out, err) : print_group(row, path, out, err);
}

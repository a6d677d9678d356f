/* SPDX-License-Identifier: Apache-2.0
 * cli/man.c - one scdoc page a command, made of its struct and rows. */
#include "cli/man.h"

#include "cli/globals.h"
#include "cli/help.h"
#include "cli/options.h"

#define SELF "umiak"

/* Text for a paragraph: scdoc's markup characters lose their meaning. */
static void put(const char *s, size_t n, FILE *out)
{
	if (n && strchr("-.[]|", *s))   /* would start a list or a table at the start of a line */
		fputc('\\', out);
	for (size_t i = 0; i < n && s[i]; i++) {
		if (strchr("*_\\#`~", s[i]))
			fputc('\\', out);
		fputc(s[i], out);
	}
}

static void put_text(const char *s, FILE *out)
{
	put(s, strlen(s), out);
}

/* The same with line breaks at blanks, for texts that may be longer than a source line should be. */
static void put_wrapped(const char *s, size_t room, const char *indent, FILE *out)
{
	while (*s) {
		size_t n = strcspn(s, "\n");
		if (n > room)
			for (n = room; n > 1 && s[n] != ' '; n--)
				;
		put(s, n, out);
		s += n;
		s += *s == ' ' || *s == '\n';
		if (*s)
			fprintf(out, "\n%s", indent);
	}
}

/* Page names: "umiak", "umiak-container-ls". */
static void put_page_name(const char *path, FILE *out)
{
	fputs(SELF, out);
	if (*path)
		fputc('-', out);
	for (; *path; path++)
		fputc(*path == ' ' ? '-' : *path, out);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static void put_head(const char *path, const char *summary, FILE *out)
{
	put_page_name(path, out);
	fputs("(1)\n\n# NAME\n\n", out);
	put_page_name(path, out);
	fputs(" - ", out);
	fputc(is_upper(summary[0]) && !is_upper(summary[1]) ? summary[0] | 0x20 : summary[0], out);
	put_wrapped(summary + 1, 48, "", out);
	fputs("\n\n# SYNOPSIS\n\n*" SELF, out);
	if (*path) {
		fputc(' ', out);
		put_text(path, out);
	}
	fputs("*", out);
}

static void put_lines(const char *text, FILE *out)
{
	put_wrapped(text, 70, "", out);
	fputs("\n\n", out);
}

static void put_option(const struct field *f, FILE *out)
{
	const char *value = option_value_name(f);

	fputs("*--", out);
	put_text(f->cli, out);
	fputs("*", out);
	if (f->abbr)
		fprintf(out, ", *-%c*", f->abbr);
	if (*value) {
		fputs(" _", out);
		put(value, strlen(value), out);
		fputs("_", out);
	}
	auto_buf text = BUF_INIT(1 << 16);
	buf_addf(&text, "%s.", f->help ? f->help : "");
	for (int i = 0; f->type == FIELD_ENUM && f->choices[i]; i++)
		buf_addf(&text, "%s%s%s", i ? ", " : " One of: ", *f->choices[i] ? f->choices[i] : "(empty)",
			 f->choices[i + 1] ? "" : ".");
	if ((f->flags & FIELD_OPTIONAL_VALUE) && field_more(f)->implied)
		buf_addf(&text, " Without a value: %s.", field_more(f)->implied);
	if (option_fallback(f, NULL))
		buf_addf(&text, " Default: %s.", option_fallback(f, NULL));
	if (f->fallback && *f->fallback == '@')
		buf_addf(&text, " Configured by %.*s in containers.conf.", (int)strcspn(f->fallback + 1, ":"), f->fallback + 1);
	fputs("\n\t", out);
	put_wrapped(text.data ? text.data : "", 66, "\t", out);
	fputs("\n\n", out);
}

static int put_options(const struct argv_group *groups, FILE *out, struct error *err)
{
	auto_option_list l = {};

	TRY(option_list_collect(&l, groups, err));
	if (l.n)
		fputs("# OPTIONS\n\n", out);
	for (size_t i = 0; i < l.n; i++)
		put_option(l.v[i], out);
	return 0;
}

static int put_children(const char *parent, FILE *out, struct error *err)
{
	autofree const struct command_row **v = NULL;
	size_t n;

	TRY(help_children(parent, &v, &n, err));
	fputs("# COMMANDS\n\n", out);
	for (size_t i = 0; i < n; i++) {
		fputs("*", out);
		put_page_name(v[i]->path, out);
		fputs("*(1)\n\t", out);
		put_text(command_summary(v[i]), out);
		fputs(".\n\n", out);
	}
	return 0;
}

static void put_see_also(const char *path, FILE *out)
{
	const char *blank = strrchr(path, ' ');

	fputs("# SEE ALSO\n\n*", out);
	if (blank) {
		char parent[128];
		snprintf(parent, sizeof(parent), "%.*s", (int)(blank - path), path);
		put_page_name(parent, out);
		fputs("*(1), *", out);
	}
	fputs(SELF "*(1)\n", out);
}

static int page_of_program(FILE *out, struct error *err)
{
	struct argv_group groups[] = { { cli_global_rows, NULL }, {} };

	put_head("", "manage pods, containers and images", out);
	fputs(" [options] _command_\n\n# DESCRIPTION\n\n", out);
	put_lines("Runs containers and keeps images, without a daemon and without root. The command line is Podman's; "
		  "called as podman or docker, the program answers under that name.", out);
	TRY(put_options(groups, out, err));
	TRY(put_children("", out, err));
	fputs("# EXIT STATUS\n\n*0*\n\tDone.\n\n*125*\n\tThe program itself failed or refused.\n\n"
	      "*126*\n\tThe container's command cannot be started.\n\n*127*\n\tThe container's command was not found.\n\n"
	      "*other*\n\tThe exit status of the container's command; 128 + n when signal n ended it.\n\n", out);
	fputs("# ENVIRONMENT\n\n*CONTAINERS\\_CONF*, *CONTAINERS\\_STORAGE\\_CONF*, *CONTAINERS\\_REGISTRIES\\_CONF*\n"
	      "\tConfiguration files to read instead of the usual ones.\n\n*NO\\_COLOR*\n\tNo colours in log messages.\n\n",
	      out);
	fputs("# SEE ALSO\n\n*containers.conf*(5), *containers-registries.conf*(5), *containers-storage.conf*(5)\n", out);
	return 0;
}

static int page_of_command(const struct command_row *row, FILE *out, struct error *err)
{
	const struct command *cmd = row->cmd;
	struct argv_group groups[OPTION_GROUPS_MAX];

	option_groups(cmd, NULL, (struct argv_group){}, groups);
	put_head(row->path, cmd->summary, out);
	fprintf(out, "%s%s", help_has_options(cmd) ? " [options]" : "", cmd->args ? " " : "");
	put_text(cmd->args ? cmd->args : "", out);
	fputs("\n\n# DESCRIPTION\n\n", out);
	put_lines(cmd->description ? cmd->description : cmd->summary, out);
	TRY(put_options(groups, out, err));
	if (cmd->examples) {
		fputs("# EXAMPLES\n\n```\n", out);
		for (const char *e = cmd->examples; *e; e += strcspn(e, "\n"), e += *e == '\n')
			fprintf(out, "$ %s %s %.*s\n", SELF, row->path, (int)strcspn(e, "\n"), e);
		fputs("```\n\n", out);
	}
	put_see_also(row->path, out);
	return 0;
}

static int page_of_group(const struct command_row *row, FILE *out, struct error *err)
{
	put_head(row->path, row->group, out);
	fputs(" _command_\n\n# DESCRIPTION\n\n", out);
	put_lines(row->group, out);
	TRY(put_children(row->path, out, err));
	put_see_also(row->path, out);
	return 0;
}

/* The first row of a command carries its page, the other names lead there. */
static const struct command_row *canonical(const struct command_row *row)
{
	for (const struct command_row *r = command_rows; r->path; r++)
		if (row->cmd && r->cmd == row->cmd)
			return r;
	return row;
}

static void list_pages(FILE *out)
{
	fputs(SELF "\n", out);
	for (const struct command_row *r = command_rows; r->path; r++) {
		const struct command_row *c = canonical(r);
		put_page_name(r->path, out);
		if (c != r) {
			fputs(" = ", out);
			put_page_name(c->path, out);
		} else {
			fprintf(out, " %s", r->path);
		}
		fputc('\n', out);
	}
}

int man_print(struct cli *cli, char *const *words, int n, FILE *out, struct error *err)
{
	int used;

	(void)cli;
	if (!n) {
		list_pages(out);
		return 0;
	}
	if (n == 1 && streq(words[0], SELF))
		return page_of_program(out, err);
	const struct command_row *row = command_find(words, n, &used);
	if (!row || used < n)
		return fail(err, ERROR_NOT_FOUND, "no command \"%s\" to describe", words[used]);
	return row->cmd ? page_of_command(row, out, err) : page_of_group(row, out, err);
}

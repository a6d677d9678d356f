/* SPDX-License-Identifier: Apache-2.0
 * cli/complete.c - what may stand at the end of an unfinished line.
 *
 * The line is walked as cli.c walks a whole one, leniently: unknown options and bad values are passed over. Then one
 * of four things is being typed: an option's value, an option's name, a command word, a positional word. */
#include "cli/complete.h"

#include <stdio.h>

#include "base/argv.h"
#include "base/template.h"
#include "cli/cli.h"
#include "cli/globals.h"
#include "cli/help.h"
#include "cli/options.h"

int complete_add(struct completion *c, const char *text, const char *description, struct error *err)
{
	if (strncmp(text, c->word, strlen(c->word)) != 0 || (c->args && !c->option && strv_has(c->args, text)))
		return 0;
	return str_empty(description) ? strv_add(&c->found, text, err)
				      : strv_addf(&c->found, err, "%s\t%s", text, description);
}

/* ---- the line so far ---- */
struct unfinished {
	struct cli *cli;
	struct completion c;
	char *const *words;     /* complete words, then the one being typed */
	int n, at;              /* n: complete words */
	void *params;
	struct argv_group groups[OPTION_GROUPS_MAX];
};

static const struct command *command_of(const struct unfinished *u)
{
	return u->cli->row ? u->cli->row->cmd : NULL;
}

/* The option whose value the next word would be: the last complete word is "--x" or "-abx" without a value. */
static const struct field *open_option(struct unfinished *u, const char *word)
{
	const struct field *f = NULL;
	void *at;

	if (word[0] != '-' || !word[1] || streq(word, "--") || strchr(word, '='))
		return NULL;
	if (word[1] == '-')
		f = argv_find(u->groups, word + 2, strlen(word + 2), &at);
	else
		f = argv_find_short(u->groups, word[strlen(word) - 1], &at);
	return f && argv_needs_value(f) ? f : NULL;
}

static int walk_globals(struct unfinished *u, unsigned flags, struct error *err)
{
	struct argv *a = &u->cli->parsed;
	struct argv_group groups[] = { { globals_rows(u->cli), &u->cli->global }, {} };
	int r = argv_parse(a, groups, u->words + u->at, u->n - u->at, flags | ARGV_STOP | ARGV_LENIENT, err);

	while (a->args.n)
		strv_remove(&a->args, a->args.n - 1);
	u->at += a->next;
	return r;
}

static int walk_words(struct unfinished *u, struct error *err)
{
	struct cli *cli = u->cli;

	TRY(walk_globals(u, 0, err));
	while (u->at < u->n && !command_of(u)) {
		const struct command_row *r = command_child(cli->row ? cli->row->path : "", u->words[u->at]);
		if (!r)
			return 0;
		cli->row = r;
		u->at++;
		if (!r->cmd)
			TRY(walk_globals(u, ARGV_AFTER, err));
	}
	return 0;
}

static int walk_line(struct unfinished *u, struct error *err)
{
	struct cli *cli = u->cli;
	const struct argv_group globals = { globals_rows(cli), &cli->global };

	TRY(walk_words(u, err));
	const struct command *cmd = command_of(u);
	if (cmd && !(u->params = calloc(1, cmd->params_size ? cmd->params_size : 1)))
		return fail_oom(err);
	option_groups(cmd, u->params, globals, u->groups);
	u->c.option = u->n > 0 ? open_option(u, u->words[u->n - 1]) : NULL;
	if (!cmd)
		return 0;
	unsigned flags = ARGV_AFTER | ARGV_LENIENT | (cmd->flags & COMMAND_ARGS_STOP ? ARGV_STOP : 0);
	TRY(argv_parse(&cli->parsed, u->groups, u->words + u->at, u->n - u->at, flags, err));
	/* A positional word in front ends options: what looks like one belongs to the container's command. */
	if ((cmd->flags & COMMAND_ARGS_STOP) && cli->parsed.args.n)
		u->c.option = NULL;
	return 0;
}

/* ---- what is typed ---- */
static bool takes_repeats(const struct field *f)
{
	return f->type == FIELD_STRV || f->type == FIELD_CSV || f->type == FIELD_MAP || f->type == FIELD_CUSTOM;
}

static int offer_options(struct unfinished *u, struct error *err)
{
	auto_option_list l = {};
	struct argv_group own[OPTION_GROUPS_MAX];
	struct argv_group globals = { globals_rows(u->cli), &u->cli->global };

	option_groups(command_of(u), u->params, u->cli->row ? (struct argv_group){} : globals, own);
	TRY(option_list_collect(&l, own, err));
	u->c.directive = COMPLETE_NO_FILES;
	for (size_t i = 0; i < l.n; i++) {
		const struct field *f = l.v[i];
		char text[128];
		if (!takes_repeats(f) && argv_seen(&u->cli->parsed, f->cli))
			continue;
		snprintf(text, sizeof(text), "--%s", f->cli);
		TRY(complete_add(&u->c, text, f->help, err));
		snprintf(text, sizeof(text), "-%c", f->abbr);
		if (f->abbr)
			TRY(complete_add(&u->c, text, f->help, err));
	}
	return 0;
}

static int offer_commands(struct unfinished *u, struct error *err)
{
	autofree const struct command_row **v = NULL;
	size_t n;

	u->c.directive = COMPLETE_NO_FILES;
	TRY(help_children(u->cli->row ? u->cli->row->path : "", &v, &n, err));
	for (size_t i = 0; i < n; i++)
		TRY(complete_add(&u->c, command_name(v[i]), command_summary(v[i]), err));
	return 0;
}

static int template_names(struct unfinished *u, struct error *err)
{
	const struct command *cmd = command_of(u);
	int r = cmd->complete_format ? cmd->complete_format(u->cli, u->params, &u->c, err) : 0;

	return r ? r : template_complete(cmd->format_type, u->c.word, &u->c.found, err);
}

static int offer_template(struct unfinished *u, struct error *err)
{
	const char *word = u->c.word;

	u->c.directive = COMPLETE_NO_FILES;
	if (strncmp("json", word, strlen(word)) == 0)
		return strv_add(&u->c.found, "json", err);
	u->c.directive |= COMPLETE_NO_SPACE;
	TRY(template_names(u, err));
	for (size_t i = u->c.found.n; i > 1; i--)   /* a field may be a method and a row */
		for (size_t k = 0; k < i - 1; k++)
			if (streq(u->c.found.v[k], u->c.found.v[i - 1])) {
				strv_remove(&u->c.found, i - 1);
				break;
			}
	return 0;
}

static const struct completion_kind *kind_named(const char *name)
{
	for (const struct completion_kind *k = completion_kinds; k->word || k->name; k++)
		if (k->name && streq(k->name, name))
			return k;
	return NULL;
}

static int provide(struct unfinished *u, const struct completion_kind *k, struct error *err)
{
	u->c.directive = k->directive;
	return k->provide ? k->provide(u->cli, &u->c, err) : 0;
}

static int offer_value(struct unfinished *u, struct error *err)
{
	const struct field *f = u->c.option;
	const struct completion_kind *k = f->complete ? kind_named(f->complete) : NULL;
	const struct command *cmd = command_of(u);

	if (cmd && cmd->format_type && streq(f->cli, "format"))
		return offer_template(u, err);
	if (k)
		return provide(u, k, err);
	if (f->type != FIELD_ENUM)
		return 0;
	u->c.directive = COMPLETE_NO_FILES;
	for (int i = 0; f->choices[i]; i++)
		if (*f->choices[i])
			TRY(complete_add(&u->c, f->choices[i], NULL, err));
	return 0;
}

/* ---- positional words ---- */
static bool is_word_char(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

/* Does the placeholder ("[CONTAINER:]SRC_PATH", "CONTAINER|IMAGE") contain `word` as a whole word? */
static bool mentions(const char *placeholder, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(placeholder + i, word, n) == 0 && (i == 0 || !is_word_char(placeholder[i - 1])) &&
		    (i + n == len || !is_word_char(placeholder[i + n])))
			return true;
	return false;
}

/* The placeholder of positional word `index` in a usage line; the last one repeats when it ends in "...". */
static const char *placeholder_at(const char *usage, size_t index, size_t *ret_len)
{
	const char *p = usage;

	while (p && *p) {
		size_t n = strcspn(p, " ");
		bool last = !p[n];
		if (!index || (last && n >= 3 && memmem(p, n, "...", 3))) {
			*ret_len = n;
			return p;
		}
		index--;
		p += n + !last;
	}
	return NULL;
}

static int offer_argument(struct unfinished *u, struct error *err)
{
	const struct command *cmd = command_of(u);
	size_t len;

	u->c.directive = COMPLETE_NO_FILES;
	if (cmd->complete) {
		int r = cmd->complete(u->cli, u->params, &u->c, err);
		if (r)
			return r < 0 ? r : 0;
	}
	const char *p = placeholder_at(cmd->args, u->cli->parsed.args.n, &len);
	if (!p)
		return 0;
	unsigned directive = 0;
	bool objects = false;
	for (const struct completion_kind *k = completion_kinds; k->word || k->name; k++) {
		if (!k->word || !mentions(p, len, k->word))
			continue;
		TRY(provide(u, k, err));
		directive |= u->c.directive & ~COMPLETE_NO_FILES;
		objects = true;
	}
	u->c.directive = objects ? directive | (u->c.directive & COMPLETE_NO_FILES) : COMPLETE_DEFAULT;
	return 0;
}

static int offer(struct unfinished *u, struct error *err)
{
	const struct command *cmd = command_of(u);
	const char *word = u->words[u->n], *eq;
	bool options_over = u->cli->parsed.end_of_options >= 0 ||
			    (cmd && (cmd->flags & COMMAND_ARGS_STOP) && u->cli->parsed.args.n);
	void *at;

	u->c.word = word;
	if (u->c.option)
		return offer_value(u, err);
	if (cmd && (cmd->flags & COMMAND_RAW))
		return 0;
	if (word[0] == '-' && !options_over) {
		eq = strchr(word, '=');
		u->c.option = eq && word[1] == '-' ? argv_find(u->groups, word + 2, (size_t)(eq - word) - 2, &at) : NULL;
		if (!u->c.option)
			return offer_options(u, err);
		u->c.word = eq + 1;
		return offer_value(u, err);
	}
	if (!cmd)
		return u->at < u->n ? 0 : offer_commands(u, err);
	return offer_argument(u, err);
}

/* ---- the answer ---- */
static const struct { unsigned bit; const char *name; } directive_names[] = {
	{ COMPLETE_ERROR, "ShellCompDirectiveError" },          { COMPLETE_NO_SPACE, "ShellCompDirectiveNoSpace" },
	{ COMPLETE_NO_FILES, "ShellCompDirectiveNoFileComp" },  { COMPLETE_FILE_EXT, "ShellCompDirectiveFilterFileExt" },
	{ COMPLETE_DIRS, "ShellCompDirectiveFilterDirs" },      { COMPLETE_KEEP_ORDER, "ShellCompDirectiveKeepOrder" },
};

static void print_answer(const struct completion *c, bool descriptions)
{
	const char *between = "";

	for (size_t i = 0; i < c->found.n; i++) {
		int n = (int)strcspn(c->found.v[i], descriptions ? "\n" : "\t\n");
		printf("%.*s\n", n, c->found.v[i]);
	}
	printf(":%u\n", c->directive);
	fflush(stdout);
	fputs("Completion ended with directive: ", stderr);
	for (size_t i = 0; i < ARRAY_LEN(directive_names); i++) {
		if (!(c->directive & directive_names[i].bit))
			continue;
		fprintf(stderr, "%s%s", between, directive_names[i].name);
		between = ", ";
	}
	fprintf(stderr, "%s\n", c->directive ? "" : "ShellCompDirectiveDefault");
}

static void unfinished_done(struct unfinished *u)
{
	const struct command *cmd = command_of(u);

	if (u->params) {
		if (cmd->done)
			cmd->done(u->params);
		for (const struct command_rows *g = cmd->groups; g && g->rows; g++)
			fields_done(g->rows, (char *)u->params + g->off);
	}
	free(u->params);
	strv_done(&u->c.found);
}

int complete_run(struct cli *cli, char *const *words, int n, bool descriptions)
{
	CLEANUP(unfinished_done) struct unfinished u = { .cli = cli, .words = words, .n = n - 1 };
	struct error err = {};

	if (n < 1) {
		fputs("Error: the words of the command line are missing\n", stderr);
		return 1;
	}
	u.c.args = &cli->parsed.args;
	int r = walk_line(&u, &err);
	u.c.command = cli->row ? cli->row->path : "";
	if (r >= 0)
		r = offer(&u, &err);
	if (r < 0)   /* a broken store must not break the shell */
		fprintf(stderr, "[Debug] [Error] %s\n", err.text);
	print_answer(&u.c, descriptions);
	return 0;
}

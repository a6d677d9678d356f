/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdlib.h>

#include "base/json.h"

void option_groups(const struct command *cmd, void *params, struct argv_group last,
		   struct argv_group to[OPTION_GROUPS_MAX])
{
	size_t n = 0;

	for (const struct command_rows *g = cmd ? cmd->groups : NULL; g && g->rows && n < OPTION_GROUPS_MAX - 2; g++)
		to[n++] = (struct argv_group){ g->rows, (char *)params + g->off, g->only };
	if (last.rows)
		to[n++] = last;
	to[n] = (struct argv_group){};
}

void option_list_done(struct option_list *l)
{
	free(l->v);
	*l = (struct option_list){};
}

static int count_row(const struct field *f, void *at, void *data)
{
	(void)at;
	if (!(f->flags & FIELD_HIDDEN))
		++*(size_t *)data;
	return 0;
}

static int add_row(const struct field *f, void *at, void *data)
{
	struct option_list *l = data;

	(void)at;
	if (!(f->flags & FIELD_HIDDEN))
		l->v[l->n++] = f;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct field *const *)a)->cli, (*(const struct field *const *)b)->cli);
}

int option_list_collect(struct option_list *l, const struct argv_group *groups, struct error *err)
{
	size_t n = 0;

	argv_each(groups, count_row, &n);
	const struct field **v = reallocarray(l->v, l->n + n + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	l->v = v;
	argv_each(groups, add_row, l);
	qsort(l->v, l->n, sizeof(*l->v), by_name);
	return 0;
}

static const char *const type_names[FIELD_TYPE_MAX] = {
	[FIELD_STR] = "string",     [FIELD_INT] = "int",         [FIELD_UINT] = "uint",        [FIELD_DOUBLE] = "float",
	[FIELD_OPT_INT] = "int",    [FIELD_OPT_UINT] = "uint",   [FIELD_ENUM] = "string",      [FIELD_STRV] = "stringArray",
	[FIELD_CSV] = "strings",    [FIELD_MAP] = "stringArray", [FIELD_DURATION] = "duration", [FIELD_SIZE] = "string",
	[FIELD_CUSTOM] = "string",
};

const char *option_value_name(const struct field *f)
{
	if (f->type == FIELD_BOOL || f->type == FIELD_OPT_BOOL)
		return "";
	if (f->arg)
		return f->arg;
	return type_names[f->type] ? type_names[f->type] : "value";
}

/* "  -f, --format string" as pflag writes it; returns its length. */
static int left_side(const struct field *f, char *out, size_t room)
{
	const char *value = option_value_name(f);
	const char *implied = f->flags & FIELD_OPTIONAL_VALUE ? field_more(f)->implied : NULL;
	char abbr[8] = "    ";

	if (f->abbr)
		snprintf(abbr, sizeof(abbr), "-%c, ", f->abbr);
	return snprintf(out, room, "  %s--%s%s%s%s%s%s", abbr, f->cli, *value ? " " : "", value, implied ? "[=\"" : "",
			implied ? implied : "", implied ? "\"]" : "");
}

/* UTF-8's no-break space keeps words of a text together (scripts look for "performing pull (default 3)"). */
#define NO_BREAK "\u00a0"

static void print_words(const char *text, int n, FILE *out)
{
	for (const char *end = text + n; text < end; text++) {
		bool glue = strncmp(text, NO_BREAK, 2) == 0;
		fputc(glue ? ' ' : *text, out);
		text += glue;
	}
}

static void print_wrapped(const char *text, int indent, int columns, FILE *out)
{
	int room = columns - indent;

	if (room < 24)   /* no sense in wrapping: let the terminal do it */
		room = INT_MAX;
	while (*text) {
		int n = (int)strlen(text);
		if (n > room) {
			for (n = room; n > 0 && text[n] != ' ' && text[n - 1] != '|'; n--)
				;
			if (!n)
				n = (int)strcspn(text, " ");
		}
		print_words(text, n, out);
		fputc('\n', out);
		text += n;
		text += strspn(text, " ");
		if (*text)
			fprintf(out, "%*s", indent, "");
	}
}

/* "@TABLE.KEY:ELSE" -> what is configured. */
const char *option_fallback(const struct field *f, struct json_object *conf)
{
	char table[32], key[64];
	const char *p = f->fallback, *value = NULL;

	if (!p || *p != '@')
		return p;
	size_t n = strcspn(p + 1, "."), k = strcspn(p, ":");
	snprintf(table, sizeof(table), "%.*s", (int)n, p + 1);
	snprintf(key, sizeof(key), "%.*s", (int)(k - n - 2), p + n + 2);
	struct json_object *at = conf ? json_get_object(conf, table) : NULL, *found = NULL;
	if (at)
		json_object_object_get_ex(at, key, &found);
	if (found)
		value = json_object_get_string(found);
	if (str_empty(value))
		value = p + k + (p[k] == ':');
	return *value ? value : NULL;
}

static void print_option(const struct field *f, struct json_object *conf, int width, int columns, FILE *out)
{
	const char *fallback = option_fallback(f, conf);
	char left[160], help[700];
	bool quoted = f->type == FIELD_STR || f->type == FIELD_ENUM;
	int n = left_side(f, left, sizeof(left));

	const char *glue = f->help && strstr(f->help, NO_BREAK) ? NO_BREAK : " ";
	snprintf(help, sizeof(help), "%s%s%s%s%s%s%s", f->help ? f->help : "", fallback ? glue : "",
		 fallback ? "(default" : "", fallback ? glue : "", fallback && quoted ? "\"" : "", fallback ? fallback : "",
		 fallback ? (quoted ? "\")" : ")") : "");
	/* Very long left sides get a line of their own, so that one of them does not squeeze all the others. */
	if (n > width)
		fprintf(out, "%s\n%*s", left, width + 3, "");
	else
		fprintf(out, "%-*s", width + 3, left);
	print_wrapped(help, width + 3, columns, out);
}

void option_list_print(const struct option_list *l, struct json_object *conf, int columns, FILE *out)
{
	int width = 0;

	for (size_t i = 0; i < l->n; i++) {
		char left[160];
		int n = left_side(l->v[i], left, sizeof(left));
		if (n > width && n <= 38)
			width = n;
	}
	for (size_t i = 0; i < l->n; i++)
		print_option(l->v[i], conf, width, columns, out);
}

/* SPDX-License-Identifier: Apache-2.0
 * cli/test-commands.c - drift tests: every command has what --help, completion and the manual are made of. */
#include <ctype.h>
#include <stdio.h>

#include "base/test.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/globals.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/options.h"

static void text_of_help(const struct command_row *row, char **ret)
{
	struct cli cli = { .program = "podman", .parsed = ARGV_INIT };
	struct error err = {};
	char path[128];
	size_t len;
	FILE *f = open_memstream(ret, &len);

	snprintf(path, sizeof(path), "podman %s", row ? row->path : "");
	assert_int_equal(help_print(&cli, row, row ? path : "podman", f, &err), 0);
	assert_int_equal(fclose(f), 0);
}

/* Example lines are command lines: they are not broken. */
static void check_columns(const char *name, const char *text)
{
	bool examples = false;

	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");
		examples = (examples && n) || str_after(line, "Examples:");
		if (!examples && n > 80)
			fail_msg("%s --help: line of %zu columns: %.*s", name, n, (int)n, line);
		if (!line[n])
			return;
	}
}

static void test_help_fits_when_printed(void **state)
{
	char *root;
	(void)state;

	text_of_help(NULL, &root);
	check_columns("podman", root);
	assert_non_null(str_after(root, "Manage pods, containers and images\n"));
	free(root);
	for (const struct command_row *r = command_rows; r->path; r++) {
		char *text = NULL;
		text_of_help(r, &text);
		check_columns(r->path, text);
		free(text);
	}
}

static void check_usage(const struct command_row *r)
{
	const char *args = r->cmd->args ? r->cmd->args : "";
	const char *optional = strchr(args, '[');

	for (const char *p = args; *p; p++)
		if (islower((unsigned char)*p))
			fail_msg("%s: arguments in the usage line are upper case: %s", r->path, args);
	if (optional && strstr(optional, "] ") && isupper((unsigned char)strstr(optional, "] ")[2]))
		fail_msg("%s: optional arguments stand behind required ones: %s", r->path, args);
	if ((*args != '\0') != (r->cmd->max_args > 0) && !(r->cmd->flags & COMMAND_RAW))
		fail_msg("%s: max_args and the usage line disagree", r->path);
	if ((strstr(args, "...") != NULL) != (r->cmd->max_args == ARGS_ANY) && !(r->cmd->flags & COMMAND_RAW))
		fail_msg("%s: \"...\" in the usage line and ARGS_ANY belong together", r->path);
}

static void check_summary(const struct command_row *r)
{
	const char *s = command_summary(r);

	if (!s || !isupper((unsigned char)s[0]) || s[strlen(s) - 1] == '.')
		fail_msg("%s: the summary starts with a capital and has no full stop", r->path);
}

static void test_command_is_whole_when_listed(void **state)
{
	(void)state;

	for (const struct command_row *r = command_rows; r->path; r++) {
		check_summary(r);
		if (!r->cmd != !!r->group)
			fail_msg("%s: a row is a command or a group", r->path);
		for (const struct command_row *o = command_rows; o < r; o++)
			if (streq(o->path, r->path))
				fail_msg("%s is listed twice", r->path);
		if (!r->cmd)
			continue;
		if (!r->cmd->run)
			fail_msg("%s does nothing", r->path);
		check_usage(r);
	}
}

struct names {
	const char *command;
	const struct field *seen[512];
	size_t n;
};

static bool is_completed(const struct field *f)
{
	for (const struct completion_kind *k = completion_kinds; k->word || k->name; k++)
		if (k->name && f->complete && streq(k->name, f->complete))
			return true;
	return !f->complete;
}

static int check_row(const struct field *f, void *at, void *data)
{
	struct names *names = data;

	(void)at;
	if (str_empty(f->help) && !(f->flags & FIELD_HIDDEN))
		fail_msg("%s --%s has no help", names->command, f->cli);
	if (f->help && f->help[strlen(f->help) - 1] == '.')
		fail_msg("%s --%s: help has no full stop", names->command, f->cli);
	if (f->type == FIELD_CUSTOM && !f->custom->parse)
		fail_msg("%s --%s cannot be parsed", names->command, f->cli);
	if (!is_completed(f))
		fail_msg("%s --%s: nothing completes \"%s\"", names->command, f->cli, f->complete);
	for (size_t i = 0; i < names->n; i++)
		if (streq(names->seen[i]->cli, f->cli) || (f->abbr && names->seen[i]->abbr == f->abbr))
			fail_msg("%s: --%s and --%s share a name", names->command, f->cli, names->seen[i]->cli);
	assert_true(names->n < ARRAY_LEN(names->seen));
	names->seen[names->n++] = f;
	return 0;
}

static void test_options_are_whole_when_listed(void **state)
{
	struct argv_group root[] = { { cli_global_rows, NULL }, {} };
	struct names names = { .command = "podman" };
	(void)state;

	argv_each(root, check_row, &names);
	for (const struct command_row *r = command_rows; r->path; r++) {
		struct argv_group groups[OPTION_GROUPS_MAX];
		names = (struct names){ .command = r->path };
		if (!r->cmd)
			continue;
		option_groups(r->cmd, NULL, (struct argv_group){}, groups);
		argv_each(groups, check_row, &names);
	}
}

static void test_manual_has_page_when_listed(void **state)
{
	struct cli cli = { .program = "umiak", .parsed = ARGV_INIT };
	(void)state;

	for (const struct command_row *r = command_rows; r->path; r++) {
		auto_strv words = {};
		struct error err = {};
		char *page = NULL;
		size_t len;
		FILE *f = open_memstream(&page, &len);
		assert_int_equal(strv_split(&words, r->path, ' ', &err), 0);
		assert_int_equal(man_print(&cli, words.v, (int)words.n, f, &err), 0);
		fclose(f);
		assert_non_null(strstr(page, "# NAME"));
		assert_non_null(strstr(page, "# SYNOPSIS"));
		free(page);
	}
}

static void test_command_suggest_when_mistyped(void **state)
{
	static const struct { const char *word, *first; } cases[] = {
		{ "versio", "version" }, { "imagse", "images" }, { "INFO", "info" }, { "zzzzzzz", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_strv near = {};
		struct error err = {};
		assert_int_equal(command_suggest("", cases[i].word, &near, &err), 0);
		if (cases[i].first)
			assert_true(strv_has(&near, cases[i].first));
		else
			assert_int_equal(near.n, 0);
	}
}

static void test_command_find_when_path_is_deep(void **state)
{
	char *words[] = { (char[]){ "image" }, (char[]){ "ls" }, (char[]){ "x" } };
	int used;
	(void)state;

	const struct command_row *r = command_find(words, 3, &used);
	assert_non_null(r);
	assert_string_equal(r->path, "image list");
	assert_int_equal(used, 2);
	assert_null(command_find(words + 2, 1, &used));
	assert_int_equal(used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_fits_when_printed),
		cmocka_unit_test(test_command_is_whole_when_listed),
		cmocka_unit_test(test_options_are_whole_when_listed),
		cmocka_unit_test(test_manual_has_page_when_listed),
		cmocka_unit_test(test_command_suggest_when_mistyped),
		cmocka_unit_test(test_command_find_when_path_is_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

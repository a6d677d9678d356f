/* SPDX-License-Identifier: Apache-2.0
 * cli/command.c - finding a command by its words. */
#include "cli/command.h"

/* Length of the parent part of a path: "image ls" -> 5, "run" -> 0. */
static size_t parent_len(const char *path)
{
	const char *blank = strrchr(path, ' ');
	return blank ? (size_t)(blank - path) : 0;
}

const char *command_name(const struct command_row *row)
{
	size_t n = parent_len(row->path);
	return row->path + n + (n > 0);
}

bool command_is_child(const struct command_row *row, const char *parent)
{
	size_t n = strlen(parent);
	return parent_len(row->path) == n && strncmp(row->path, parent, n) == 0;
}

bool command_is_hidden(const struct command_row *row)
{
	return (row->flags & COMMAND_HIDDEN) || (row->cmd && (row->cmd->flags & COMMAND_HIDDEN));
}

const char *command_summary(const struct command_row *row)
{
	return row->cmd ? row->cmd->summary : row->group;
}

static bool has_alias(const struct command_row *row, const char *word)
{
	size_t len = strlen(word);

	for (const char *a = row->aliases; a && *a;) {
		size_t n = strcspn(a, " ");
		if (n == len && memcmp(a, word, n) == 0)
			return true;
		a += n + (a[n] == ' ');
	}
	return false;
}

const struct command_row *command_child(const char *parent, const char *word)
{
	for (const struct command_row *r = command_rows; r->path; r++)
		if (command_is_child(r, parent) && (streq(command_name(r), word) || has_alias(r, word)))
			return r;
	return NULL;
}

const struct command_row *command_find(char *const *words, int n, int *ret_used)
{
	const struct command_row *at = NULL;
	int used = 0;

	while (used < n) {
		const struct command_row *r = at && at->cmd ? NULL : command_child(at ? at->path : "", words[used]);
		if (!r)
			break;
		at = r;
		used++;
	}
	*ret_used = used;
	return at;
}

int command_suggest(const char *parent, const char *word, struct strv *ret, struct error *err)
{
	for (const struct command_row *r = command_rows; r->path; r++) {
		if (command_is_hidden(r) || !command_is_child(r, parent))
			continue;
		const char *name = command_name(r);
		if (str_distance(word, name) <= 2 || strncasecmp(name, word, strlen(word)) == 0)
			TRY(strv_add(ret, name, err));
	}
	strv_sort(ret);
	return 0;
}

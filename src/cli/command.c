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

/* Levenshtein's distance without regard to case; both words shorter than 64 bytes, else "far". */
static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), row[64];

	if (na >= ARRAY_LEN(row) || nb >= ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = diagonal + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));
			size_t insert = row[j - 1] + 1, drop = row[j] + 1;
			diagonal = row[j];
			row[j] = insert < drop ? insert : drop;
			if (change < row[j])
				row[j] = change;
		}
	}
	return row[nb];
}

int command_suggest(const char *parent, const char *word, struct strv *ret, struct error *err)
{
	for (const struct command_row *r = command_rows; r->path; r++) {
		if (command_is_hidden(r) || !command_is_child(r, parent))
			continue;
		const char *name = command_name(r);
		if (distance(word, name) <= 2 || strncasecmp(name, word, strlen(word)) == 0)
			TRY(strv_add(ret, name, err));
	}
	strv_sort(ret);
	return 0;
}

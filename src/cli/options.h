/* SPDX-License-Identifier: Apache-2.0
 * cli/options.h - the options of a command as lists: for parsing, help, completion and the manual.
 * An option_list owns its array, never the rows. */
#pragma once
#include <stdio.h>

#include "base/argv.h"
#include "cli/command.h"

#define OPTION_GROUPS_MAX 24

/* Fills `to` with the command's groups (over `params`, which may be NULL when no value is stored) and, behind them,
 * one further group of the caller (the globals; rows NULL: none). Ends with {}. */
void option_groups(const struct command *cmd, void *params, struct argv_group last,
		   struct argv_group to[OPTION_GROUPS_MAX]);

struct option_list {
	const struct field **v;
	size_t n;
};
void option_list_done(struct option_list *l);
#define auto_option_list CLEANUP(option_list_done) struct option_list
/* Appends the rows shown to users (not hidden), sorted by long name. */
int option_list_collect(struct option_list *l, const struct argv_group *groups, struct error *err);

/* The placeholder of an option's value: its .arg, else by type ("string", "int", ...); "" for booleans. */
const char *option_value_name(const struct field *f);
struct json_object;
/* The default of an option for people, NULL: none. conf: the tables of containers.conf, borrowed; NULL: as without. */
const char *option_fallback(const struct field *f, struct json_object *conf);
/* The block below "Options:", help texts wrapped at `columns`. */
void option_list_print(const struct option_list *l, struct json_object *conf, int columns, FILE *out);

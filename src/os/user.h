/* SPDX-License-Identifier: Apache-2.0
 * os/user.h - who a process in a container is: the user[:group] grammar, and passwd/group files of a rootfs.
 *
 * Rules. Digits only are a number 0 .. 2^32-2, never looked up as a name and never falling back to one when out of
 * range; anything else is a name; signs, blanks, hexadecimal, empty parts are refused (CVE-2016-3697, CVE-2024-40635,
 * CVE-2026-46680, CVE-2026-30892). The files are hostile input: opened in-root, regular files only, without blocking,
 * at most 1 MiB, lines at most 64 KiB, at most 65,536 groups; they are read as a stream and never kept whole.
 * struct user_result owns its strings and groups. [alloc] throughout: before clone(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* One id or name. 1: a number, *ret_id; 0: a name; -1: ERROR_INVALID. */
int user_parse_id(const char *text, uint32_t *ret_id, struct error *err);

struct user_result {
	uid_t uid;
	gid_t gid;
	gid_t *groups;       /* supplementary groups by the group file (only when no group was given), then extra ones;
			      * sorted, without duplicates, without the primary group */
	size_t n_groups;
	char *name;          /* NULL: the id has no passwd entry */
	char *home;          /* passwd home directory when absolute, else "/" (and for uid 0 without entry "/root") */
	char *shell;         /* NULL: none */
};
void user_result_done(struct user_result *u);
#define auto_user CLEANUP(user_result_done) struct user_result

struct user_lookup {
	const char *spec;            /* "", "user", "uid", "user:group", "uid:gid"; NULL or "": 0 with root's groups */
	const struct strv *extra;    /* --group-add: names or numbers; NULL */
};
/* Resolves against /etc/passwd and /etc/group inside root (a directory descriptor). Missing files are empty files.
 * Unknown names: ERROR_INVALID "unable to find user NAME: no matching entries in passwd file". */
int user_lookup(int root, const struct user_lookup *l, struct user_result *ret, struct error *err);
/* The same on the texts of the files, for tests and fuzzing. */
int user_lookup_in_text(const char *passwd, size_t passwd_len, const char *group, size_t group_len,
			const struct user_lookup *l, struct user_result *ret, struct error *err);
/* Whether a value may become a field of passwd or group: no ':', newline, CR or NUL, and not empty unless allowed. */
bool user_field_is_safe(const char *value);

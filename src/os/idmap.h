/* SPDX-License-Identifier: Apache-2.0
 * os/idmap.h - uid/gid mappings of user namespaces: parse, look up, write, and the ranges /etc/subuid grants.
 * An idmap is an embedded fixed-size value without heap memory; [alloc] marks the functions that allocate. All others
 * are usable after fork(); idmap_write_direct(), idmap_to_*() also between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define IDMAP_MAX 340   /* the kernel's limit of lines */

struct idmap_range {
	uint32_t inside, outside, count;   /* container id, host (parent) id, how many */
};
struct idmap {
	struct idmap_range v[IDMAP_MAX];
	size_t n;
};

/* Appends a range. ERROR_INVALID: empty, overflowing, overlapping another one on either side, or too many. */
int idmap_add(struct idmap *m, struct idmap_range r, struct error *err);
/* Appends "container:host:count" (also "container:host" with count 1 when short_ok). */
int idmap_parse(struct idmap *m, const char *text, bool short_ok, struct error *err);
/* Appends the mappings of a kernel uid_map file's text. */
int idmap_parse_kernel(struct idmap *m, const char *text, struct error *err);
/* The kernel's form, one "inside outside count\n" per range, into out; the length, or -1 when it does not fit. */
ssize_t idmap_format_kernel(const struct idmap *m, char *out, size_t size);
/* /proc/PID/uid_map or gid_map (pid 0: own). */
int idmap_load(pid_t pid, bool gid, struct idmap *ret, struct error *err);

/* Look-ups. False: not mapped. */
bool idmap_to_outside(const struct idmap *m, uint32_t inside, uint32_t *ret);
bool idmap_to_inside(const struct idmap *m, uint32_t outside, uint32_t *ret);
/* How many ids from 0 up are mapped without a gap (the size of a container's id space). */
uint64_t idmap_size(const struct idmap *m);
bool idmap_equal(const struct idmap *a, const struct idmap *b);
/* ret = `inner` (container -> intermediate) seen through `outer` (intermediate -> host). ERROR_INVALID: not covered. */
int idmap_compose(const struct idmap *inner, const struct idmap *outer, struct idmap *ret, struct error *err);

/* Cuts ranges where one of the parent's ends: the kernel takes no range that lies in two of them. ERROR_INVALID: an id is
 * not mapped in the parent. */
int idmap_split(struct idmap *m, const struct idmap *parent, struct error *err);

/* ---- giving a new user namespace its mappings (from outside) ---- */
struct idmap_pair {
	struct idmap uids, gids;
};
/* Writes uid_map, gid_map, and first setgroups=deny when deny_setgroups, straight into /proc/PID. */
int idmap_write_direct(pid_t pid, const struct idmap_pair *m, bool deny_setgroups, struct error *err);
/* Through newuidmap and newgidmap (found in PATH's usual places); ERROR_UNSUPPORTED naming the package when missing. */
int idmap_write_helpers(pid_t pid, const struct idmap_pair *m, struct error *err);
/* Whichever works: direct with the rights for it (or a single own id), else the helpers. */
int idmap_write(pid_t pid, const struct idmap_pair *m, struct error *err);
/* A user namespace with these mappings and no process, for mount_set_attrs(idmap_fd). Needs CAP_SYS_ADMIN or the ids to
 * be our own subordinate ones. */
int idmap_make_userns(const struct idmap_pair *m, struct error *err);
/* The mappings of a user namespace (O_RDONLY descriptor) as we see them; one we cannot enter is ERROR_DENIED. Forks. */
int idmap_load_userns(int userns, struct idmap_pair *ret, struct error *err);

/* ---- subordinate ids ---- */
struct subid_range {
	uint32_t start, count;
};
struct subid_ranges {
	struct subid_range v[64];
	size_t n;
};
/* The ranges of a user (by name and by number) in /etc/subuid or /etc/subgid text. */
int subid_parse(const char *text, const char *user, uid_t uid, struct subid_ranges *ret, struct error *err);
/* ERROR_INVALID when the text grants one of the ranges to another user, too: either could change the other's files. Root's own
 * ranges are no matter: root may do that anyway. */
int subid_check_alone(const char *text, const char *user, uid_t uid, const struct subid_ranges *r, struct error *err);
/* The ranges the system grants: /etc/subuid and /etc/subgid, or libsubid (loaded then) when nsswitch.conf says so. For a user
 * with a number (not (uid_t)-1) they are checked as above. [alloc] No range is no error: ret->n == 0. */
int subid_load(const char *user, uid_t uid, bool gid, struct subid_ranges *ret, struct error *err);
/* The usual rootless mapping: own id -> 0, then all ranges from 1 up. No ranges: only the own id. */
int idmap_rootless(uint32_t own, const struct subid_ranges *r, struct idmap *ret, struct error *err);

/* SPDX-License-Identifier: Apache-2.0
 * os/idmap.c - mappings as values: parse, format, look up, compose; the ranges of /etc/subuid. */
#include "os/idmap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "os/file.h"
#include "os/process.h"

static bool overlap(uint32_t a, uint32_t b, uint32_t na, uint32_t nb)
{
	return (uint64_t)a < (uint64_t)b + nb && (uint64_t)b < (uint64_t)a + na;
}

int idmap_add(struct idmap *m, struct idmap_range r, struct error *err)
{
	const uint64_t end = UINT64_C(1) << 32;

	if (r.count == 0)
		return fail(err, ERROR_INVALID, "id mapping %u:%u:%u: maps nothing", r.inside, r.outside, r.count);
	if ((uint64_t)r.inside + r.count > end || (uint64_t)r.outside + r.count > end)
		return fail(err, ERROR_INVALID, "id mapping %u:%u:%u: beyond the largest id", r.inside, r.outside,
			    r.count);
	for (size_t i = 0; i < m->n; i++)
		if (overlap(m->v[i].inside, r.inside, m->v[i].count, r.count) ||
		    overlap(m->v[i].outside, r.outside, m->v[i].count, r.count))
			return fail(err, ERROR_INVALID, "id mapping %u:%u:%u: overlaps %u:%u:%u", r.inside, r.outside,
				    r.count, m->v[i].inside, m->v[i].outside, m->v[i].count);
	if (m->n == IDMAP_MAX)
		return fail(err, ERROR_INVALID, "more than %d id mappings", IDMAP_MAX);
	m->v[m->n++] = r;
	return 0;
}

int idmap_parse(struct idmap *m, const char *text, bool short_ok, struct error *err)
{
	uint32_t v[3] = { 0, 0, 1 };
	size_t n = 0;
	const char *p = text;

	for (;; p++) {
		char number[16];
		size_t len = strcspn(p, ":");
		if (n == 3 || len == 0 || len >= sizeof(number))
			break;
		memcpy(number, p, len);
		number[len] = '\0';
		if (!parse_u32(number, &v[n++]))
			return fail(err, ERROR_INVALID, "id mapping %s: %s is not a number", text, number);
		p += len;
		if (!*p)
			break;
	}
	if (*p || n < (short_ok ? 2 : 3))
		return fail(err, ERROR_INVALID, "id mapping %s: expected CONTAINER_ID:HOST_ID:AMOUNT", text);
	return idmap_add(m, (struct idmap_range){ v[0], v[1], v[2] }, err);
}

int idmap_parse_kernel(struct idmap *m, const char *text, struct error *err)
{
	while (*text) {
		unsigned inside, outside, count;
		int used = 0;
		if (sscanf(text, " %u %u %u%n", &inside, &outside, &count, &used) != 3)
			return fail(err, ERROR_INVALID, "id mapping: expected three numbers on each line");
		TRY(idmap_add(m, (struct idmap_range){ inside, outside, count }, err));
		text += used;
		text += strspn(text, " \n");
	}
	return 0;
}

ssize_t idmap_format_kernel(const struct idmap *m, char *out, size_t size)
{
	size_t len = 0;

	if (size == 0)
		return -1;
	out[0] = '\0';
	for (size_t i = 0; i < m->n; i++) {
		const struct idmap_range *r = &m->v[i];
		int n = snprintf(out + len, size - len, "%u %u %u\n", r->inside, r->outside, r->count);
		if (n < 0 || (size_t)n >= size - len)
			return -1;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int idmap_load(pid_t pid, bool gid, struct idmap *ret, struct error *err)
{
	char path[64], text[16384];
	struct idmap m = { .n = 0 };

	if (pid == 0)
		snprintf(path, sizeof(path), "self/%cid_map", gid ? 'g' : 'u');
	else
		snprintf(path, sizeof(path), "%d/%cid_map", pid, gid ? 'g' : 'u');
	ssize_t n = procfs_read(PROC_HOST, path, text, sizeof(text));
	if (n < 0)
		return fail_with(err, (int)-n, "/proc/%s", path);
	TRY(idmap_parse_kernel(&m, text, err));
	*ret = m;
	return 0;
}

bool idmap_to_outside(const struct idmap *m, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++)
		if (inside >= m->v[i].inside && inside - m->v[i].inside < m->v[i].count) {
			*ret = m->v[i].outside + (inside - m->v[i].inside);
			return true;
		}
	return false;
}

bool idmap_to_inside(const struct idmap *m, uint32_t outside, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++)
		if (outside >= m->v[i].outside && outside - m->v[i].outside < m->v[i].count) {
			*ret = m->v[i].inside + (outside - m->v[i].outside);
			return true;
		}
	return false;
}

uint64_t idmap_size(const struct idmap *m)
{
	uint64_t size = 0;
	bool grown = true;

	while (grown) {
		grown = false;
		for (size_t i = 0; i < m->n; i++)
			if (m->v[i].inside == size) {
				size += m->v[i].count;
				grown = true;
			}
	}
	return size;
}

bool idmap_equal(const struct idmap *a, const struct idmap *b)
{
	return a->n == b->n && memcmp(a->v, b->v, a->n * sizeof(a->v[0])) == 0;
}

/* The part of `outer` that id lies in; how many ids follow it there. 0: not covered. */
static uint32_t covered_from(const struct idmap *outer, uint32_t id)
{
	for (size_t i = 0; i < outer->n; i++)
		if (id >= outer->v[i].inside && id - outer->v[i].inside < outer->v[i].count)
			return outer->v[i].count - (id - outer->v[i].inside);
	return 0;
}

/* Ranges of `inner` cut where those of `outer` end; `through`: with the ids `outer` gives them. */
static int cut(const struct idmap *inner, const struct idmap *outer, bool through, struct idmap *ret, struct error *err)
{
	struct idmap m = { .n = 0 };

	for (size_t i = 0; i < inner->n; i++) {
		struct idmap_range r = inner->v[i];
		while (r.count > 0) {
			uint32_t host, n = covered_from(outer, r.outside);
			if (n == 0 || !idmap_to_outside(outer, r.outside, &host))
				return fail(err, ERROR_INVALID, "id %u is not mapped in this user namespace", r.outside);
			n = n < r.count ? n : r.count;
			TRY(idmap_add(&m, (struct idmap_range){ r.inside, through ? host : r.outside, n }, err));
			r.inside += n;
			r.outside += n;
			r.count -= n;
		}
	}
	*ret = m;
	return 0;
}

int idmap_compose(const struct idmap *inner, const struct idmap *outer, struct idmap *ret, struct error *err)
{
	return cut(inner, outer, true, ret, err);
}

int idmap_split(struct idmap *m, const struct idmap *parent, struct error *err)
{
	return cut(m, parent, false, m, err);
}

/* ---- subordinate ids ---- */

/* "name:start:count" of one line, when the name is this user's. 1: *ret set; 0: another's, or a comment. */
/* A line "OWNER:START:COUNT" whose owner's length is *ret_owner; false: a comment, or nothing that makes sense. */
static bool parse_subid_line(const char *line, size_t len, size_t *ret_owner, struct subid_range *ret)
{
	char text[512];

	if (len == 0 || line[0] == '#' || len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	char *start = strchr(text, ':');
	char *count = start ? strchr(start + 1, ':') : NULL;
	if (!count)
		return false;
	*ret_owner = (size_t)(start - text);
	*start++ = '\0';
	*count++ = '\0';
	return parse_u32(start, &ret->start) && parse_u32(count, &ret->count) && ret->count > 0;
}

static bool is_owner(const char *line, size_t len, const char *user, uid_t uid)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	return (strlen(number) == len && memcmp(line, number, len) == 0) ||
	       (user && strlen(user) == len && memcmp(line, user, len) == 0);
}

int subid_parse(const char *text, const char *user, uid_t uid, struct subid_ranges *ret, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		size_t owner = 0;
		struct subid_range r;
		if (parse_subid_line(line, len, &owner, &r) && is_owner(line, owner, user, uid)) {
			if (ret->n == ARRAY_LEN(ret->v))
				return fail(err, ERROR_INVALID, "more than %zu ranges of subordinate ids",
					    ARRAY_LEN(ret->v));
			ret->v[ret->n++] = r;
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

static bool ranges_overlap(const struct subid_range *a, const struct subid_range *b)
{
	return a->start < (uint64_t)b->start + b->count && b->start < (uint64_t)a->start + a->count;
}

int subid_check_alone(const char *text, const char *user, uid_t uid, const struct subid_ranges *r, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n"), owner = 0;
		struct subid_range other;
		bool theirs = parse_subid_line(line, len, &owner, &other) && !is_owner(line, owner, user, uid) &&
			      !is_owner(line, owner, "root", 0);
		for (size_t i = 0; theirs && i < r->n; i++)
			if (ranges_overlap(&r->v[i], &other))
				return fail(err, ERROR_INVALID,
					    "the range %u:%u is granted to %.*s, too (%u:%u): give each user ids of its own", r->v[i].start,
					    r->v[i].count, (int)(owner < 64 ? owner : 64), line, other.start, other.count);
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* Appends `count` host ids from `start` at *next, as many as there is room for. */
static int add_next(struct idmap *m, uint32_t *next, uint32_t start, uint32_t count, struct error *err)
{
	uint32_t room = UINT32_MAX - *next;
	uint32_t n = count < room ? count : room;

	if (n == 0)
		return 0;
	TRY(idmap_add(m, (struct idmap_range){ *next, start, n }, err));
	*next += n;
	return 0;
}

int idmap_rootless(uint32_t own, const struct subid_ranges *r, struct idmap *ret, struct error *err)
{
	struct idmap m = { .n = 0 };
	uint32_t next = 1;

	TRY(idmap_add(&m, (struct idmap_range){ 0, own, 1 }, err));
	for (size_t i = 0; i < r->n; i++) {
		uint32_t start = r->v[i].start, count = r->v[i].count;
		/* a range may contain the user's own id, which is taken already */
		uint32_t before = own >= start && own - start < count ? own - start : count;
		TRY(add_next(&m, &next, start, before, err));
		if (before < count)
			TRY(add_next(&m, &next, own + 1, count - before - 1, err));
	}
	*ret = m;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * --uidmap and --gidmap [FLAGS]CONTAINER:HOST[:COUNT]. Flags: "@" the host id is one of the machine's, not of our own user
 * namespace; "u", "g" the entry is for user or group ids (an entry without them is for its own kind, and for the other one
 * when that has no list); "+" the entry is laid over the usual mapping instead of replacing it. */
#include <stdlib.h>

#include "engine/userns-impl.h"

static bool has_flag(const struct param_idmap *m, char flag)
{
	return m->flags && strchr(m->flags, flag);
}

/* Whether an entry of the uid (or gid) list says something about this kind of id. */
static bool applies(const struct param_idmap *m, bool from_gid_list, bool gid, bool other_list_empty)
{
	if (has_flag(m, 'u') || has_flag(m, 'g'))
		return has_flag(m, gid ? 'g' : 'u');
	return from_gid_list == gid || other_list_empty;
}

/* "@": from the machine's numbers to ours. */
static int host_id(const struct param_idmap *m, bool gid, uint32_t *ret, struct error *err)
{
	struct idmap own = {};

	*ret = (uint32_t)m->host;
	if (!has_flag(m, '@'))
		return 0;
	TRY(idmap_load(0, gid, &own, err));
	if (!idmap_to_inside(&own, (uint32_t)m->host, ret))
		return fail(err, ERROR_INVALID, "%s %llu of the host is not mapped into the user namespace", gid ? "group" : "user",
			    (unsigned long long)m->host);
	return 0;
}

struct ids {
	struct idmap_range given[IDMAP_MAX];
	size_t n;
	bool extend;
};

static int collect(const struct list *l, bool from_gid_list, bool gid, bool other_empty, struct ids *to, struct error *err)
{
	const struct param_idmap *m = l->v;

	for (size_t i = 0; i < l->n; i++) {
		uint32_t host;
		if (!applies(&m[i], from_gid_list, gid, other_empty))
			continue;
		if (to->n == IDMAP_MAX)
			return fail(err, ERROR_INVALID, "too many id mappings: the kernel takes %d", IDMAP_MAX);
		TRY(host_id(&m[i], gid, &host, err));
		to->given[to->n++] = (struct idmap_range){ (uint32_t)m[i].container, host, (uint32_t)m[i].size };
		to->extend |= has_flag(&m[i], '+');
	}
	return 0;
}

/* The end of the stretch from `id` on that touches no given range, or the start of the next free one. */
static bool next_free(const struct ids *g, bool outside, uint32_t *id, uint64_t limit, uint64_t *ret_end)
{
	for (bool moved = true; moved && *id < limit;) {
		moved = false;
		for (size_t i = 0; i < g->n; i++) {
			uint64_t start = outside ? g->given[i].outside : g->given[i].inside, end = start + g->given[i].count;
			if (*id >= start && *id < end) {
				*id = end > limit ? (uint32_t)limit : (uint32_t)end;
				moved = true;
			}
		}
	}
	*ret_end = limit;
	for (size_t i = 0; i < g->n; i++) {
		uint64_t start = outside ? g->given[i].outside : g->given[i].inside;
		if (start > *id && start < *ret_end)
			*ret_end = start;
	}
	return *id < limit;
}

/* "+": what is not given goes on as usual: free container ids to free ids of ours, in order. */
static int fill_rest(const struct ids *g, bool gid, struct idmap *m, struct error *err)
{
	uint64_t limit, in_end, out_end;
	uint32_t in = 0, out = 0;

	TRY(userns_available(gid, &limit, err));
	while (next_free(g, false, &in, limit, &in_end) && next_free(g, true, &out, limit, &out_end)) {
		uint64_t count = in_end - in < out_end - out ? in_end - in : out_end - out;
		TRY(idmap_add(m, (struct idmap_range){ in, out, (uint32_t)count }, err));
		in += (uint32_t)count;
		out += (uint32_t)count;
	}
	return 0;
}

int userns_explicit(const struct params_namespaces *ns, bool gid, struct idmap *ret, struct error *err)
{
	autofree struct ids *g = calloc(1, sizeof(*g));

	if (!g)
		return fail_oom(err);
	TRY(collect(&ns->uidmap, false, gid, !ns->gidmap.n, g, err));
	TRY(collect(&ns->gidmap, true, gid, !ns->uidmap.n, g, err));
	for (size_t i = 0; i < g->n; i++)
		TRY(idmap_add(ret, g->given[i], err));
	return g->extend ? fill_rest(g, gid, ret, err) : 0;
}

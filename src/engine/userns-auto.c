/* SPDX-License-Identifier: Apache-2.0
 * --userns=auto: every container has a range no other one has. The range is chosen at creation, under a lock, from what the
 * records of the others say, and stands in the container's own record (uidmap, gidmap) from then on. */
#include <stdlib.h>

#include "engine/container-impl.h"
#include "engine/params-parse.h"
#include "engine/userns-impl.h"

struct request {
	uint32_t size;
	struct params_namespaces extra;   /* uidmapping=, gidmapping= */
};

static void request_done(struct request *r)
{
	free(r->extra.uidmap.v);
	free(r->extra.gidmap.v);
}

/* size=N, uidmapping=C:H:N, gidmapping=C:H:N; the last two repeatable */
static int parse_options(const char *text, const struct engine *e, struct request *r, struct error *err)
{
	auto_strv words = {};
	uint64_t size = e->storage.auto_userns_min_size ? e->storage.auto_userns_min_size : 1024;

	if (!str_empty(text))
		TRY(strv_split(&words, text, ',', err));
	for (size_t i = 0; i < words.n; i++) {
		const char *s = str_after(words.v[i], "size="), *u = str_after(words.v[i], "uidmapping="),
			   *g = str_after(words.v[i], "gidmapping=");
		if (s && parse_u64(s, &size))
			continue;
		if (!u && !g)
			return fail(err, ERROR_INVALID, "unknown option specified: \"%s\" in --userns=auto", words.v[i]);
		TRY(param_idmap_parse(u ? u : g, u ? &r->extra.uidmap : &r->extra.gidmap, err));
	}
	if (size < 1 || size > 1 << 20)
		return fail(err, ERROR_INVALID, "--userns=auto: size %llu is out of range", (unsigned long long)size);
	r->size = (uint32_t)size;
	return 0;
}

/* ---- what there is and what is taken ---- */
static int load_pool(const struct engine *e, bool gid, struct subid_ranges *ret, struct error *err)
{
	const char *user = e->storage.root_auto_userns_user ? e->storage.root_auto_userns_user : "containers";
	uint64_t own;

	if (e->paths.rootless) {   /* ours but for 0, which is the user */
		TRY(userns_available(gid, &own, err));
		if (own < 2)
			return fail(err, ERROR_INVALID, "cannot use --userns=auto: there are no subordinate ids for this user");
		ret->v[ret->n++] = (struct subid_range){ 1, (uint32_t)(own - 1) };
		return 0;
	}
	TRY(subid_load(user, (uid_t)-1, gid, ret, err));
	if (!ret->n)
		return fail(err, ERROR_NOT_FOUND, "--userns=auto: no %s ranges found for user \"%s\" in /etc/%s: add a line such as "
						  "%s:2147483647:2147483648", gid ? "subgid" : "subuid", user, gid ? "subgid" : "subuid", user);
	return 0;
}

struct taken {
	struct subid_range *v;
	size_t n;
};

static void taken_done(struct taken *t)
{
	free(t->v);
}

static int take(struct taken *t, const struct list *maps, struct error *err)
{
	const struct param_idmap *m = maps->v;
	struct subid_range *v = reallocarray(t->v, t->n + maps->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	t->v = v;
	for (size_t i = 0; i < maps->n; i++)
		t->v[t->n++] = (struct subid_range){ (uint32_t)m[i].host, (uint32_t)m[i].size };
	return 0;
}

static int find_taken(struct engine *e, struct taken *uids, struct taken *gids, struct error *err)
{
	CLEANUP(container_list_done) struct container_list all = {};
	const struct container_query q = { .want = CONTAINER_PARAMS };
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(store_container_list(s, &q, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_ctr *c = NULL;
		/* cheap before exact */
		if (!all.v[i].record.params || !strstr(all.v[i].record.params, "\"nsmode\":\"auto\""))
			continue;
		TRY(ctr_new(e, &all.v[i], &c, err));
		TRY(ctr_load(c, err));
		if (c->params.ns.user.mode != NS_AUTO)
			continue;
		TRY(take(uids, &c->params.ns.uidmap, err));
		TRY(take(gids, &c->params.ns.gidmap, err));
	}
	return 0;
}

/* ---- choosing ---- */
/* The first stretch of that size in one of the ranges. */
static bool find_room(const struct subid_ranges *pool, const struct taken *t, uint32_t size, uint32_t *ret)
{
	for (size_t i = 0; i < pool->n; i++) {
		uint64_t at = pool->v[i].start, end = at + pool->v[i].count;
		for (size_t k = 0; at + size <= end && k < t->n; k++) {
			uint64_t start = t->v[k].start, stop = start + t->v[k].count;
			if (at >= stop || at + size <= start)
				continue;
			at = stop;
			k = (size_t)-1;   /* look at all of them again */
		}
		if (at + size <= end) {
			*ret = (uint32_t)at;
			return true;
		}
	}
	return false;
}

/* Container ids 0..size, but for those the user has mapped elsewhere. */
static int add_ids(struct list *to, const struct idmap *given, uint32_t first, uint32_t size, struct error *err)
{
	uint32_t host = first;

	for (uint32_t id = 0; id < size;) {
		uint64_t end = size;
		bool mapped = false;
		for (size_t i = 0; i < given->n; i++) {
			uint64_t start = given->v[i].inside, stop = start + given->v[i].count;
			if (id >= start && id < stop) {
				id = stop > size ? size : (uint32_t)stop;
				mapped = true;
			} else if (start > id && start < end) {
				end = start;
			}
		}
		if (mapped)
			continue;
		struct param_idmap *m = list_add(to, sizeof(*m), err);
		if (!m)
			return -1;
		*m = (struct param_idmap){ .container = id, .host = host, .size = end - id };
		host += (uint32_t)(end - id);
		id = (uint32_t)end;
	}
	for (size_t i = 0; i < given->n; i++) {
		struct param_idmap *m = list_add(to, sizeof(*m), err);
		if (!m)
			return -1;
		*m = (struct param_idmap){ .container = given->v[i].inside, .host = given->v[i].outside, .size = given->v[i].count };
	}
	return 0;
}

/* The ids the user maps are not to be chosen again. */
static int take_given(struct taken *t, const struct idmap *given, struct error *err)
{
	struct subid_range *v = reallocarray(t->v, t->n + given->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	t->v = v;
	for (size_t i = 0; i < given->n; i++)
		t->v[t->n++] = (struct subid_range){ given->v[i].outside, given->v[i].count };
	return 0;
}

static int choose(struct engine *e, const struct request *r, bool gid, struct taken *t, struct list *to, struct error *err)
{
	struct subid_ranges pool = {};
	struct idmap given = {};
	uint32_t first;

	TRY(load_pool(e, gid, &pool, err));
	TRY(userns_explicit(&r->extra, gid, &given, err));
	TRY(take_given(t, &given, err));
	if (!find_room(&pool, t, r->size, &first))
		return fail(err, ERROR_INVALID, "creating container: not enough unused IDs in user namespace: %u are wanted", r->size);
	return add_ids(to, &given, first, r->size, err);
}

int userns_reserve(struct engine *e, struct container_params *p, struct lock *ret_lock, struct error *err)
{
	CLEANUP(request_done) struct request r = {};
	CLEANUP(taken_done) struct taken uids = {}, gids = {};
	struct store *s;

	if (p->ns.user.mode != NS_AUTO)
		return 0;
	TRY(parse_options(p->ns.user.value, e, &r, err));
	TRY(engine_store(e, &s, err));
	/* of the first class: containers are recorded while it is held */
	TRY(store_lock(s, "userns", "auto", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, -1 }, ret_lock, err));
	TRY(find_taken(e, &uids, &gids, err));
	free(p->ns.uidmap.v);
	free(p->ns.gidmap.v);
	p->ns.uidmap = p->ns.gidmap = (struct list){};
	TRY(choose(e, &r, false, &uids, &p->ns.uidmap, err));
	return choose(e, &r, true, &gids, &p->ns.gidmap, err);
}

int userns_reserved(const struct container_params *p, struct idmap_pair *ret, struct error *err)
{
	const struct param_idmap *u = p->ns.uidmap.v, *g = p->ns.gidmap.v;

	if (!p->ns.uidmap.n || !p->ns.gidmap.n)
		return fail(err, ERROR_CORRUPT, "the container's record has no ids for its user namespace");
	for (size_t i = 0; i < p->ns.uidmap.n; i++)
		TRY(idmap_add(&ret->uids, (struct idmap_range){ (uint32_t)u[i].container, (uint32_t)u[i].host, (uint32_t)u[i].size }, err));
	for (size_t i = 0; i < p->ns.gidmap.n; i++)
		TRY(idmap_add(&ret->gids, (struct idmap_range){ (uint32_t)g[i].container, (uint32_t)g[i].host, (uint32_t)g[i].size }, err));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Modes: host (none), private with explicit maps, keep-id (our own id keeps its number inside), nomap (our own id is not
 * mapped), auto (a range of its own). Rootless, "outside" are the ids of the engine's user namespace: 0 is the user,
 * 1.. are its subordinate ids. */
#include "engine/userns.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/container-impl.h"
#include "engine/userns-impl.h"

static int named_ranges(struct idmap *m, const char *name, bool gid, struct error *err)
{
	struct subid_ranges r = {};
	uint32_t inside = 0;

	TRY(subid_load(name, (uid_t)-1, gid, &r, err));
	if (!r.n)
		return fail(err, ERROR_NOT_FOUND, "cannot find mappings for user \"%s\": no subuid ranges found for user \"%s\" in %s",
			    name, name, gid ? "/etc/subgid" : "/etc/subuid");
	for (size_t i = 0; i < r.n; i++) {
		TRY(idmap_add(m, (struct idmap_range){ inside, r.v[i].start, r.v[i].count }, err));
		inside += r.v[i].count;
	}
	return 0;
}

static int explicit_maps(const struct params_namespaces *ns, struct idmap_pair *p, struct error *err)
{
	const char *uid_name = ns->subuid_name ? ns->subuid_name : ns->subgid_name;
	const char *gid_name = ns->subgid_name ? ns->subgid_name : ns->subuid_name;

	TRY(userns_explicit(ns, false, &p->uids, err));
	TRY(userns_explicit(ns, true, &p->gids, err));
	if (uid_name && !p->uids.n)
		TRY(named_ranges(&p->uids, uid_name, false, err));
	if (gid_name && !p->gids.n)
		TRY(named_ranges(&p->gids, gid_name, true, err));
	/* one list given means both */
	if (!p->uids.n)
		p->uids = p->gids;
	if (!p->gids.n)
		p->gids = p->uids;
	return 0;
}

/* ---- keep-id[:uid=N,gid=N,size=N] ---- */
static int keep_id_options(const char *text, uint32_t *uid, uint32_t *gid, uint64_t *size, struct error *err)
{
	auto_strv words = {};

	if (str_empty(text))
		return 0;
	TRY(strv_split(&words, text, ',', err));
	for (size_t i = 0; i < words.n; i++) {
		const char *u = str_after(words.v[i], "uid="), *g = str_after(words.v[i], "gid="),
			   *s = str_after(words.v[i], "size=");
		if ((u && parse_u32(u, uid)) || (g && parse_u32(g, gid)) || (s && parse_u64(s, size)))
			continue;
		return fail(err, ERROR_INVALID, "unknown option specified: \"%s\" in --userns=keep-id", words.v[i]);
	}
	return 0;
}

/* `size` ids of the `available` ones of the engine's namespace, with `own` (outside: 0) put at its own number. */
static int keep_one(struct idmap *m, uint32_t own, uint64_t size, uint64_t available, struct error *err)
{
	uint32_t rest = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	uint32_t below = own < rest ? own : rest;

	if (below >= available)   /* outside, number 0 is taken by the own id */
		below = available ? (uint32_t)available - 1 : 0;

	if (below)
		TRY(idmap_add(m, (struct idmap_range){ 0, 1, below }, err));
	TRY(idmap_add(m, (struct idmap_range){ own, 0, 1 }, err));
	if (rest > below + 1)
		TRY(idmap_add(m, (struct idmap_range){ own + 1, below + 1, rest - below - 1 }, err));
	return 0;
}

int userns_available(bool gid, uint64_t *ret, struct error *err)
{
	struct idmap own = {};

	TRY(idmap_load(0, gid, &own, err));
	*ret = idmap_size(&own);
	return 0;
}

static int keep_id_maps(const struct engine *e, const char *options, struct idmap_pair *p, struct error *err)
{
	uint32_t uid = e->paths.uid, gid = e->paths.gid;
	uint64_t uids = 0, gids = 0, size = 0, n_uids, n_gids;

	TRY(keep_id_options(options, &uid, &gid, &size, err));
	TRY(userns_available(false, &uids, err));
	TRY(userns_available(true, &gids, err));
	n_uids = size && size < uids ? size : uids;
	n_gids = size && size < uids ? size : gids;
	TRY(keep_one(&p->uids, uid, n_uids, uids, err));
	return keep_one(&p->gids, gid, n_gids, gids, err);
}

static int nomap_maps(struct idmap_pair *p, struct error *err)
{
	uint64_t uids, gids;

	TRY(userns_available(false, &uids, err));
	TRY(userns_available(true, &gids, err));
	if (uids < 2 || gids < 2)
		return fail(err, ERROR_INVALID, "cannot use --userns=nomap: there are no subordinate ids for this user");
	TRY(idmap_add(&p->uids, (struct idmap_range){ 0, 1, (uint32_t)(uids - 1) }, err));
	return idmap_add(&p->gids, (struct idmap_range){ 0, 1, (uint32_t)(gids - 1) }, err);
}

static int make_maps(struct engine *e, const struct container_params *p, struct idmap_pair *m, struct error *err)
{
	switch (p->ns.user.mode) {
	case NS_PRIVATE:
		return explicit_maps(&p->ns, m, err);
	case NS_KEEP_ID:
		return keep_id_maps(e, p->ns.user.value, m, err);
	case NS_NOMAP:
		if (!e->paths.rootless)
			return fail(err, ERROR_INVALID, "nomap is only supported in rootless mode");
		return nomap_maps(m, err);
	default:
		return userns_reserved(p, m, err);
	}
}

static int fit(struct idmap_pair *m, struct error *err)
{
	struct idmap own = {};

	TRY(idmap_load(0, false, &own, err));
	TRY(idmap_split(&m->uids, &own, err));
	own = (struct idmap){};
	TRY(idmap_load(0, true, &own, err));
	return idmap_split(&m->gids, &own, err);
}

int userns_maps(struct engine *e, const struct container_params *p, struct idmap_pair **ret, struct error *err)
{
	autofree struct idmap_pair *m = NULL;
	int mode = p->ns.user.mode;

	*ret = NULL;
	if (mode == NS_HOST || mode == NS_DEFAULT || mode == NS_CONTAINER || mode == NS_PATH || mode == NS_POD)
		return 0;
	if (mode == NS_PRIVATE && !p->ns.uidmap.n && !p->ns.gidmap.n && !p->ns.subuid_name && !p->ns.subgid_name)
		return 0;
	if (mode == NS_KEEP_ID && !e->paths.rootless)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return fail_oom(err);
	TRY(make_maps(e, p, m, err));
	if (e->paths.rootless)
		TRY(fit(m, err));
	*ret = take_ptr(m);
	return 0;
}

int ctr_maps(struct ctr *c, struct idmap_pair **ret, struct error *err)
{
	const struct param_ns *user;
	auto_ctr *other = NULL;

	TRY(ctr_load(c, err));
	user = &c->params.ns.user;
	if (user->mode != NS_CONTAINER)
		return userns_maps(c->engine, &c->params, ret, err);
	TRY(ctr_find_unsynced(c->engine, user->value, &other, err));
	return ctr_maps(other, ret, err);
}

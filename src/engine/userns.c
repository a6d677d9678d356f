/* SPDX-License-Identifier: Apache-2.0
 * Modes: host (none), private with explicit maps, keep-id (our own id keeps its number inside), nomap (our own id is not
 * mapped), auto (a range of its own). Rootless, "outside" are the ids of the engine's user namespace: 0 is the user,
 * 1.. are its subordinate ids. */
#include "engine/userns.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- explicit maps ---- */
static int add_ranges(struct idmap *m, const struct list *l, struct error *err)
{
	const struct param_idmap *p = l->v;

	for (size_t i = 0; i < l->n; i++)
		TRY(idmap_add(m, (struct idmap_range){ (uint32_t)p[i].container, (uint32_t)p[i].host, (uint32_t)p[i].size }, err));
	return 0;
}

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

	TRY(add_ranges(&p->uids, &ns->uidmap, err));
	TRY(add_ranges(&p->gids, &ns->gidmap, err));
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

/* The whole id space of the engine's namespace, with `own` (outside: 0) put at its own number. */
static int keep_one(struct idmap *m, uint32_t own, uint64_t size, struct error *err)
{
	uint32_t rest = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	uint32_t below = own < rest ? own : rest;

	if (below)
		TRY(idmap_add(m, (struct idmap_range){ 0, 1, below }, err));
	TRY(idmap_add(m, (struct idmap_range){ own, 0, 1 }, err));
	if (rest > below + 1)
		TRY(idmap_add(m, (struct idmap_range){ own + 1, below + 1, rest - below - 1 }, err));
	return 0;
}

static int available(bool gid, uint64_t *ret, struct error *err)
{
	struct idmap own = {};

	TRY(idmap_load(0, gid, &own, err));
	*ret = idmap_size(&own);
	return 0;
}

static int keep_id_maps(const struct engine *e, const char *options, struct idmap_pair *p, struct error *err)
{
	uint32_t uid = e->paths.uid, gid = e->paths.gid;
	uint64_t uids = 0, gids = 0, size = 0;

	TRY(keep_id_options(options, &uid, &gid, &size, err));
	TRY(available(false, &uids, err));
	TRY(available(true, &gids, err));
	if (size && size < uids)
		uids = gids = size;
	TRY(keep_one(&p->uids, uid, uids, err));
	return keep_one(&p->gids, gid, gids, err);
}

static int nomap_maps(struct idmap_pair *p, struct error *err)
{
	uint64_t uids, gids;

	TRY(available(false, &uids, err));
	TRY(available(true, &gids, err));
	if (uids < 2 || gids < 2)
		return fail(err, ERROR_INVALID, "cannot use --userns=nomap: there are no subordinate ids for this user");
	TRY(idmap_add(&p->uids, (struct idmap_range){ 0, 1, (uint32_t)(uids - 1) }, err));
	return idmap_add(&p->gids, (struct idmap_range){ 0, 1, (uint32_t)(gids - 1) }, err);
}

/* ---- auto[:size=N,uidmapping=...,gidmapping=...] ---- */
static int auto_size(const char *text, const struct engine *e, uint32_t *ret, struct error *err)
{
	auto_strv words = {};
	uint64_t size = e->storage.auto_userns_min_size ? e->storage.auto_userns_min_size : 1024;

	if (!str_empty(text))
		TRY(strv_split(&words, text, ',', err));
	for (size_t i = 0; i < words.n; i++) {
		const char *s = str_after(words.v[i], "size=");
		if (s && parse_u64(s, &size))
			continue;
		if (!str_after(words.v[i], "uidmapping=") && !str_after(words.v[i], "gidmapping="))
			return fail(err, ERROR_INVALID, "unknown option specified: \"%s\" in --userns=auto", words.v[i]);
	}
	if (size < 1 || size > 1 << 20)
		return fail(err, ERROR_INVALID, "--userns=auto: size %llu is out of range", (unsigned long long)size);
	*ret = (uint32_t)size;
	return 0;
}

static int auto_maps(struct engine *e, const char *options, struct idmap_pair *p, struct error *err)
{
	const char *user = e->storage.root_auto_userns_user ? e->storage.root_auto_userns_user : "containers";
	struct subid_ranges uids = {}, gids = {};
	uint32_t size;

	TRY(auto_size(options, e, &size, err));
	if (e->paths.rootless) {
		TRY(idmap_add(&p->uids, (struct idmap_range){ 0, 1, size }, err));
		return idmap_add(&p->gids, (struct idmap_range){ 0, 1, size }, err);
	}
	TRY(subid_load(user, (uid_t)-1, false, &uids, err));
	TRY(subid_load(user, (uid_t)-1, true, &gids, err));
	if (!uids.n || !gids.n)
		return fail(err, ERROR_NOT_FOUND, "--userns=auto: no subuid ranges found for user \"%s\" in /etc/subuid: "
						  "add a line such as %s:2147483647:2147483648", user, user);
	if (uids.v[0].count < size || gids.v[0].count < size)
		return fail(err, ERROR_INVALID, "--userns=auto: could not find enough available IDs: the range of \"%s\" is smaller "
						"than %u", user, size);
	TRY(idmap_add(&p->uids, (struct idmap_range){ 0, uids.v[0].start, size }, err));
	return idmap_add(&p->gids, (struct idmap_range){ 0, gids.v[0].start, size }, err);
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
	m = calloc(1, sizeof(*m));
	if (!m)
		return fail_oom(err);
	if (mode == NS_PRIVATE)
		TRY(explicit_maps(&p->ns, m, err));
	else if (mode == NS_KEEP_ID) {
		if (!e->paths.rootless)
			return 0;
		TRY(keep_id_maps(e, p->ns.user.value, m, err));
	} else if (mode == NS_NOMAP) {
		if (!e->paths.rootless)
			return fail(err, ERROR_INVALID, "nomap is only supported in rootless mode");
		TRY(nomap_maps(m, err));
	} else {
		TRY(auto_maps(e, p->ns.user.value, m, err));
	}
	*ret = take_ptr(m);
	return 0;
}

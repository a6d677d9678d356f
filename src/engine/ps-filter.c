/* SPDX-License-Identifier: Apache-2.0
 * What `--filter` of container commands can ask. */
#include <stdlib.h>

#include "base/json.h"
#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/image-list.h"
#include "engine/pod.h"
#include "engine/ps-row.h"
#include "store/image.h"

#define OBJECT                                                        \
	const struct container_filter_object *o = object;             \
	struct ctr *c = o->container;                                 \
	(void)c, (void)err
#define MATCH(name) static int name(const void *object, const char *value, struct error *err)

MATCH(match_ctr_id)
{
	OBJECT;
	autofree char *lower = strdup(value);
	if (!lower)
		return fail_oom(err);
	for (char *s = lower; *s; s++)
		if (*s >= 'A' && *s <= 'F')
			*s = (char)(*s - 'A' + 'a');
	return match_id(lower, c->id, err);
}

MATCH(match_name)
{
	OBJECT;
	autofree char *plain = NULL;
	int r = match_regex(value, c->at.record.name, err);

	/* Docker's names begin with a slash: "/web" and "^/web$" mean web, too */
	if (r != 0 || (*value != '/' && !str_after(value, "^/")))
		return r;
	TRY(str_printf(&plain, err, "%s%s", *value == '^' ? "^" : "", strchr(value, '/') + 1));
	return match_regex(plain, c->at.record.name, err);
}

static int labels_match(struct ctr *c, const char *value, struct error *err)
{
	auto_strmap labels = {};

	TRY(ps_load_labels(c->at.record.labels, &labels, err));
	return match_label(value, &labels);
}

MATCH(match_labels)
{
	OBJECT;
	return labels_match(c, value, err);
}

MATCH(match_not_label)
{
	OBJECT;
	int r = labels_match(c, value, err);
	return r < 0 ? -1 : !r;
}

MATCH(match_exited)
{
	OBJECT;
	int64_t code;
	if (!parse_i64(value, &code))
		return fail(err, ERROR_INVALID, "exited code out of range \"%s\": invalid argument", value);
	return ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_EXITED) | CONTAINER_STATE_BIT(CONTAINER_STOPPED)) &&
	       c->at.status.exit_code == code;
}

MATCH(match_status)
{
	OBJECT;
	enum container_state want;
	if (streq(value, "unknown"))
		return 0;
	if (!container_state_parse(value, &want))
		return fail(err, ERROR_INVALID, "%s is not a valid status", value);
	enum container_state is = c->at.status.state;
	if (is == CONTAINER_STOPPED)
		is = CONTAINER_EXITED;
	/* as ps has always shown them: "stopped" means any that ended */
	if (want == CONTAINER_STOPPED)
		want = CONTAINER_EXITED;
	return is == want;
}

MATCH(match_ancestor)
{
	OBJECT;
	const struct container_record *r = &c->at.record;
	auto_store_image image = {};
	autofree char *name = NULL;
	struct error unknown;

	if (!r->image_name)
		return 0;
	if (streq(r->image_name, value) || (r->image_id && strlen(value) >= 2 && str_after(r->image_id, value)))
		return 1;
	if (image_find(o->engine, value, STORE_IMAGE_NAMES, &image, &name, &unknown) > 0 && r->image_id &&
	    streq(image.id, r->image_id))
		return 1;
	/* a name without tag, or the last part of one */
	autofree char *base = strndup(r->image_name, strcspn(strrchr(r->image_name, '/') ? strrchr(r->image_name, '/') :
								     r->image_name, ":") +
							     (strrchr(r->image_name, '/') ?
								      (size_t)(strrchr(r->image_name, '/') - r->image_name) : 0));
	return base && (streq(base, value) || match_regex(value, r->image_name, &unknown) > 0);
}

static int created_of(const struct container_filter_object *o, const char *name, int64_t *ret, struct error *err)
{
	auto_ctr *other = NULL;

	TRY(ctr_find_unsynced(o->engine, name, &other, err));
	*ret = other->at.record.created;
	return 0;
}

MATCH(match_before)
{
	OBJECT;
	int64_t t;
	TRY(created_of(o, value, &t, err));
	return c->at.record.created < t;
}

MATCH(match_since)
{
	OBJECT;
	int64_t t;
	TRY(created_of(o, value, &t, err));
	return c->at.record.created > t;
}

MATCH(match_until)
{
	OBJECT;
	int64_t t;
	TRY(filter_time(value, &t, err));
	return c->at.record.created < t;
}

MATCH(match_volume)
{
	OBJECT;
	const char *colon = strchr(value, ':');
	size_t n = colon ? (size_t)(colon - value) : strlen(value);

	TRY(ctr_load(c, err));
	const struct param_mount *m = c->params.storage.mounts.v;
	for (size_t i = 0; i < c->params.storage.mounts.n; i++) {
		bool same = m[i].source && strlen(m[i].source) == n && strncmp(m[i].source, value, n) == 0;
		if (!colon)
			same |= m[i].destination && streq(m[i].destination, value);
		if (same && (!colon || streq0(m[i].destination, colon + 1)))
			return 1;
	}
	return 0;
}

MATCH(match_health)
{
	OBJECT;
	return c->at.status.health && streq(c->at.status.health, value);
}

MATCH(match_pod)
{
	OBJECT;
	auto_strmap names = {};
	if (!c->at.record.pod)
		return 0;
	int r = match_id(value, c->at.record.pod, err);
	if (r)
		return r;
	TRY(pod_names(o->engine, &names, err));
	return streq0(strmap_get(&names, c->at.record.pod), value);
}

MATCH(match_network)
{
	OBJECT;
	TRY(ctr_load(c, err));
	if (streq(ns_mode_names[c->params.ns.net.mode], value))
		return 1;
	for (size_t i = 0; i < c->params.net.networks.n; i++) {
		const char *rest = str_after(c->params.net.networks.v[i], value);
		if (rest && (!*rest || *rest == ':'))   /* NAME:OPTIONS */
			return 1;
	}
	return 0;
}

MATCH(match_restart)
{
	OBJECT;
	const char *policy = c->at.record.restart_policy ? c->at.record.restart_policy : "no";
	if (!streq(value, "no") && !streq(value, "always") && !streq(value, "on-failure") && !streq(value, "unless-stopped") &&
	    !streq(value, "none"))
		return fail(err, ERROR_INVALID, "%s invalid restart policy", value);
	return streq(policy, streq(value, "none") ? "no" : value);
}

MATCH(match_command)
{
	OBJECT;
	TRY(ctr_load(c, err));
	return c->config.args.n && streq(c->config.args.v[0], value);
}

MATCH(match_on_boot)
{
	OBJECT;
	const char *policy = c->at.record.restart_policy ? c->at.record.restart_policy : "no";
	bool want, should = streq(policy, "always") || (streq(policy, "unless-stopped") && !c->at.status.stopped_by_user);
	if (!parse_bool(value, &want))
		return fail(err, ERROR_INVALID, "should-start-on-boot: \"%s\" is not true or false", value);
	return should == want;
}

const struct filter_key container_filter_keys[] = {
	{ "id", 0, match_ctr_id }, { "name", FILTER_REGEX, match_name }, { "label", FILTER_ALL, match_labels },
	{ "label!", FILTER_ALL, match_not_label }, { "exited", 0, match_exited }, { "status", 0, match_status },
	{ "ancestor", 0, match_ancestor }, { "before", 0, match_before }, { "since", 0, match_since },
	{ "volume", 0, match_volume }, { "health", 0, match_health }, { "pod", 0, match_pod }, { "network", 0, match_network },
	{ "restart-policy", 0, match_restart }, { "until", 0, match_until }, { "command", 0, match_command },
	{ "should-start-on-boot", 0, match_on_boot }, {},
};

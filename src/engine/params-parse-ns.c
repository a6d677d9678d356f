/* SPDX-License-Identifier: Apache-2.0
 * Namespace words: --pid, --ipc, --uts, --cgroupns, --userns, --network; and --uidmap/--gidmap. */
#include <stdlib.h>

#include "base/argv.h"
#include "engine/params-parse.h"

enum { V_NONE, V_NEED, V_MAY };   /* what may stand behind a colon */
struct ns_word {
	const char *word;
	enum ns_mode mode;
	int value;
};

static const struct ns_word pid_words[] = { { "", NS_DEFAULT, 0 }, { "host", NS_HOST, 0 }, { "private", NS_PRIVATE, 0 },
	{ "container", NS_CONTAINER, V_NEED }, { "ns", NS_PATH, V_NEED }, { "pod", NS_POD, 0 }, {} };
static const struct ns_word ipc_words[] = { { "", NS_DEFAULT, 0 }, { "host", NS_HOST, 0 }, { "private", NS_PRIVATE, 0 },
	{ "shareable", NS_SHAREABLE, 0 }, { "none", NS_NONE, 0 }, { "container", NS_CONTAINER, V_NEED },
	{ "ns", NS_PATH, V_NEED }, { "pod", NS_POD, 0 }, {} };
static const struct ns_word user_words[] = { { "", NS_DEFAULT, 0 }, { "host", NS_HOST, 0 }, { "private", NS_PRIVATE, 0 },
	{ "keep-id", NS_KEEP_ID, V_MAY }, { "nomap", NS_NOMAP, 0 }, { "no-map", NS_NOMAP, 0 }, { "auto", NS_AUTO, V_MAY },
	{ "container", NS_CONTAINER, V_NEED }, { "ns", NS_PATH, V_NEED }, { "pod", NS_POD, 0 }, {} };
static const struct ns_word net_words[] = { { "none", NS_NONE, 0 }, { "host", NS_HOST, 0 }, { "private", NS_PRIVATE, 0 },
	{ "bridge", NS_BRIDGE, V_MAY }, { "pasta", NS_PASTA, V_MAY }, { "slirp4netns", NS_SLIRP, V_MAY },
	{ "container", NS_CONTAINER, V_NEED }, { "ns", NS_PATH, V_NEED }, { "pod", NS_POD, 0 }, { "default", NS_DEFAULT, 0 }, {} };

/* 1 a word of the table, 0 not. */
static int parse_word(const struct ns_word *words, const char *value, struct param_ns *ret, struct error *err)
{
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : strlen(value);

	for (; words->word; words++) {
		if (strlen(words->word) != len || strncmp(words->word, value, len) != 0)
			continue;
		if ((colon && words->value == V_NONE) || (words->value == V_NEED && (!colon || !colon[1])))
			return 0;
		ret->mode = words->mode;
		TRY(str_set(&ret->value, colon ? colon + 1 : NULL, err));
		return 1;
	}
	return 0;
}

static int parse_ns(const struct ns_word *words, const char *what, const char *value, struct param_ns *ret,
		    struct error *err)
{
	int r = parse_word(words, value, ret, err);

	if (r == 0)
		return fail(err, ERROR_INVALID, "unrecognized namespace mode %s passed to --%s", value, what);
	return r < 0 ? -1 : 0;
}

#define NS_CUSTOM(name, words, option)                                                                     \
	static int store_ns_##name(const struct field *f, void *at, const char *value, struct error *err)  \
	{                                                                                                  \
		(void)f;                                                                                   \
		return parse_ns(words, option, value, at, err);                                            \
	}                                                                                                  \
	const struct field_custom param_ns_##name##_custom = { .parse = store_ns_##name }
NS_CUSTOM(pid, pid_words, "pid");
NS_CUSTOM(ipc, ipc_words, "ipc");
NS_CUSTOM(uts, pid_words, "uts");
NS_CUSTOM(cgroup, pid_words, "cgroupns");
NS_CUSTOM(user, user_words, "userns");

/* --network may be given several times for networks of bridge type; a mode stands alone. */
static int store_ns_net(const struct field *f, void *at, const char *value, struct error *err)
{
	struct container_params *p = at;
	int r;

	(void)f;
	if (p->net.networks.n && p->ns.net.mode != NS_BRIDGE && p->ns.net.mode != NS_DEFAULT)
		return fail(err, ERROR_INVALID, "cannot set multiple networks without bridge network mode: invalid argument");
	r = parse_word(net_words, value, &p->ns.net, err);
	if (r < 0)
		return -1;
	if (r == 0 && (strncmp(value, "container:", 10) == 0 || strncmp(value, "ns:", 3) == 0))
		return fail(err, ERROR_INVALID, "--network %s needs a value behind the colon", value);
	if (r == 0)
		p->ns.net.mode = NS_BRIDGE;
	return strv_add(&p->net.networks, value, err);
}
const struct field_custom param_ns_net_custom = { .parse = store_ns_net };

/* ---- [flags]container:host[:size] ---- */
static int parse_map(const char *value, struct list *maps, struct error *err)
{
	auto_strv parts = {};
	size_t flags = strspn(value, "+@ug");
	uint64_t n[3] = { 0, 0, 1 };
	struct param_idmap *m;

	TRY(strv_split(&parts, value + flags, ':', err));
	if (parts.n < 2 || parts.n > 3)
		return fail(err, ERROR_INVALID, "invalid mapping \"%s\": should be [flags]container_id:from_id[:amount]", value);
	for (size_t i = 0; i < parts.n; i++) {
		const char *s = parts.v[i];
		if (i == 1 && *s == '@')
			s++;   /* a host id although rootless */
		if (!parse_u64(s, &n[i]) || n[i] > UINT32_MAX)
			return fail(err, ERROR_INVALID, "invalid mapping \"%s\": \"%s\" is no id", value, parts.v[i]);
	}
	if (!n[2])
		return fail(err, ERROR_INVALID, "invalid mapping \"%s\": the amount must not be 0", value);
	m = list_add(maps, sizeof(*m), err);
	if (!m)
		return -1;
	*m = (struct param_idmap){ .container = n[0], .host = n[1], .size = n[2] };
	if (flags || parts.v[1][0] == '@') {
		m->flags = strndup(value, flags);
		if (!m->flags)
			return fail_oom(err);
		if (parts.v[1][0] == '@' && !strchr(m->flags, '@')) {
			autofree char *old = take_ptr(m->flags);
			TRY(str_printf(&m->flags, err, "%s@", old));
		}
	}
	return 0;
}

int param_idmap_parse(const char *value, struct list *maps, struct error *err)
{
	auto_strv words = {};

	TRY(csv_split(&words, value, err));
	for (size_t i = 0; i < words.n; i++)
		TRY(parse_map(words.v[i], maps, err));
	return 0;
}

static int store_idmap(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return param_idmap_parse(value, at, err);
}
const struct field_custom param_idmap_custom = { .parse = store_idmap };

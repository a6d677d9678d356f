/* SPDX-License-Identifier: Apache-2.0
 * image/transport.c - transport prefixes: "oci-archive:PATH:REF" and friends (containers-transports(5)). */
#include <string.h>

#include "base/str.h"
#include "image/reference.h"

enum rest { REST_REFERENCE, REST_PATH, REST_PATH_SELECTOR };

static const struct {
	const char *prefix;
	enum rest rest;
	const char *skip;   /* what stands between "prefix:" and the rest */
} transports[TRANSPORT_MAX] = {
	[TRANSPORT_NONE] = { "", REST_REFERENCE, "" },
	[TRANSPORT_DOCKER] = { "docker", REST_REFERENCE, "//" },
	[TRANSPORT_DOCKER_ARCHIVE] = { "docker-archive", REST_PATH_SELECTOR, "" },
	[TRANSPORT_DOCKER_DAEMON] = { "docker-daemon", REST_REFERENCE, "" },
	[TRANSPORT_OCI] = { "oci", REST_PATH_SELECTOR, "" },
	[TRANSPORT_OCI_ARCHIVE] = { "oci-archive", REST_PATH_SELECTOR, "" },
	[TRANSPORT_DIR] = { "dir", REST_PATH, "" },
	[TRANSPORT_STORAGE] = { "containers-storage", REST_REFERENCE, "" },
};

const char *transport_prefix(enum transport t)
{
	return transports[t].prefix;
}

bool transport_is_known(const char *s)
{
	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_MAX; i++) {
		const char *after = str_after(s, transports[i].prefix);
		if (after && *after == ':')
			return true;
	}
	return false;
}

void transport_name_done(struct transport_name *t)
{
	free(t->path);
	free(t->selector);
	reference_done(&t->reference);
	*t = (struct transport_name){ .index = -1 };
}

static int parse_selector(const char *s, struct transport_name *t, struct error *err)
{
	if (*s == '@') {
		if (!parse_i64(s + 1, &t->index) || t->index < 0)
			return fail(err, ERROR_INVALID, "invalid source index \"%s\": expected @N", s);
		return 0;
	}
	return *s ? str_set(&t->selector, s, err) : 0;
}

/* PATH[:selector]: the first colon ends the path (there is no way to quote one, as in containers/image). */
static int parse_path(const char *s, bool has_selector, struct transport_name *t, struct error *err)
{
	const char *colon = has_selector ? strchr(s, ':') : NULL;
	size_t n = colon ? (size_t)(colon - s) : strlen(s);

	if (!n)
		return fail(err, ERROR_INVALID, "%s: a path is missing", transport_prefix(t->transport));
	t->path = strndup(s, n);
	if (!t->path)
		return fail_oom(err);
	return colon ? parse_selector(colon + 1, t, err) : 0;
}

/* "[driver@graphroot+runroot]REF": the store to look in; ours is the only one. */
static const char *skip_store(const char *s)
{
	const char *end = *s == '[' ? strchr(s, ']') : NULL;

	return end ? end + 1 : s;
}

static int parse_rest(const char *s, enum rest how, struct transport_name *t, struct error *err)
{
	if (how != REST_REFERENCE)
		return parse_path(s, how == REST_PATH_SELECTOR, t, err);
	if (t->transport == TRANSPORT_STORAGE)
		s = skip_store(s);
	return reference_parse(s, &t->reference, err);
}

int transport_parse(const char *s, struct transport_name *ret, struct error *err)
{
	auto_transport_name t = { .index = -1 };
	const char *rest = s;

	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_MAX; i++) {
		const char *after = str_after(s, transports[i].prefix);
		if (!after || *after != ':')
			continue;
		/* "docker:5000/x" and "dir:tag" alone: only "docker://" is a transport; others win over a tag. */
		const char *body = str_after(after + 1, transports[i].skip);
		if (!body)
			continue;
		t.transport = (enum transport)i;
		rest = body;
		break;
	}
	if (parse_rest(rest, transports[t.transport].rest, &t, err) < 0)
		return -1;
	*ret = t;
	t = (struct transport_name){ .index = -1 };
	return 0;
}

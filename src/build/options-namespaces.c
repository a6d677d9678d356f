/* SPDX-License-Identifier: Apache-2.0
 * build/options-namespaces.c - values that only builds and working containers know: "container" for an own namespace, a
 * path without "ns:" in front; --mount of a secret, an agent, a cache. */
#include <stdlib.h>

#include "base/argv.h"
#include "build/containerfile.h"
#include "build/options.h"
#include "engine/params-parse.h"

static int translate(const char *value, char **ret, struct error *err)
{
	if (streq(value, "container"))
		value = "private";
	return *value == '/' ? str_printf(ret, err, "ns:%s", value) : str_set(ret, value, err);
}

#define BUILD_NS(name)                                                                                           \
	static int store_##name(const struct field *f, void *at, const char *value, struct error *err)           \
	{                                                                                                        \
		autofree char *word = NULL;                                                                      \
		TRY(translate(value, &word, err));                                                               \
		return param_ns_##name##_custom.parse(f, at, word, err);                                         \
	}                                                                                                        \
	const struct field_custom build_ns_##name##_custom = { .parse = store_##name }
BUILD_NS(cgroup);
BUILD_NS(ipc);
BUILD_NS(pid);
BUILD_NS(uts);

static int store_idmap(const struct field *f, void *at, const char *value, struct error *err)
{
	auto_strv words = {};
	uint32_t n;
	bool fine;

	TRY(strv_split(&words, value, ':', err));
	fine = words.n == 3;
	for (size_t i = 0; i < words.n && fine; i++)
		fine = parse_u32(words.v[i], &n);
	if (!fine)
		return fail(err, ERROR_INVALID, "initializing ID mappings: %s setting is malformed expected [\"uint32:uint32:uint32\"]: [\"%s\"]",
			    f->cli, value);
	return param_idmap_custom.parse(f, at, value, err);
}
const struct field_custom build_idmap_custom = { .parse = store_idmap };

/* An empty word is the default as well. */
static int store_net(const struct field *f, void *at, const char *value, struct error *err)
{
	autofree char *word = NULL;

	if (!*value)
		return 0;
	TRY(translate(value, &word, err));
	return param_ns_net_custom.parse(f, at, word, err);
}
const struct field_custom build_ns_net_custom = { .parse = store_net };

/* 1: it is of a type in the list (without one: "type=bind"), or a bind of an image, and fine. */
static int is_of_type(const char *value, const char *const *types, struct error *err)
{
	auto_run_mount checked = {};
	auto_strv words = {};
	const char *type = "type=bind";
	bool from = false;

	TRY(csv_split(&words, value, err));
	for (size_t i = 0; i < words.n; i++) {
		type = str_after(words.v[i], "type=") ? words.v[i] : type;
		from |= str_after(words.v[i], "from=") != NULL;
	}
	if (from && streq(type, "type=bind"))   /* of an image */
		return run_mount_parse(value, &checked, err) < 0 ? -1 : 1;
	for (size_t i = 0; types[i]; i++)
		if (streq(type, types[i]))
			return run_mount_parse(value, &checked, err) < 0 ? -1 : 1;
	return 0;
}

static int keep_mount(struct build_options *o, const char *value, const char *const *types, struct error *err)
{
	int ours = is_of_type(value, types, err);

	TRY(ours);
	return ours ? strv_add(&o->run_mounts, value, err) : param_mount_parse(value, &o->run.storage.mounts, err);
}

/* --mount: as `run`, and the types that RUN --mount has beyond them. */
static int store_mount(const struct field *f, void *at, const char *value, struct error *err)
{
	static const char *const types[] = { "type=secret", "type=ssh", "type=cache", NULL };

	(void)f;
	return keep_mount(at, value, types, err);
}
const struct field_custom build_mount_custom = { .parse = store_mount };

/* Of a working container's command: as RUN --mount, and the types that `run` has beyond them. */
static int store_run_mount(const struct field *f, void *at, const char *value, struct error *err)
{
	static const char *const types[] = { "type=bind", "type=tmpfs", "type=secret", "type=ssh", "type=cache", NULL };

	(void)f;
	return keep_mount(at, value, types, err);
}
const struct field_custom build_run_mount_custom = { .parse = store_run_mount };

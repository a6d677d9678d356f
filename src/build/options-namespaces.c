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

/* --mount: as `run`, and the types that RUN --mount has beyond them. */
static int store_mount(const struct field *f, void *at, const char *value, struct error *err)
{
	static const char *const ours[] = { "type=secret", "type=ssh", "type=cache" };
	struct build_options *o = at;
	auto_strv words = {};

	TRY(csv_split(&words, value, err));
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strv_has(&words, ours[i])) {
			auto_run_mount checked = {};
			TRY(run_mount_parse(value, &checked, err));
			return strv_add(&o->run_mounts, value, err);
		}
	return param_mount_parse(value, &o->run.storage.mounts, err);
}
const struct field_custom build_mount_custom = { .parse = store_mount };

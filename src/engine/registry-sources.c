/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/registry-sources.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"

static bool has(struct json_object *list, const char *domain)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *name = json_object_array_get_idx(list, i);
		if (json_object_is_type(name, json_type_string) && streq(json_object_get_string(name), domain))
			return true;
	}
	return false;
}

int registry_sources_check(const char *domain, struct error *err)
{
	const char *text = getenv("BUILD_REGISTRY_SOURCES");
	auto_json *sources = NULL;

	if (!domain || str_empty(text))
		return 0;
	TRY(json_parse("BUILD_REGISTRY_SOURCES", text, strlen(text), NULL, &sources, err));
	struct json_object *allowed = json_get_array(sources, "allowedRegistries");
	if (has(json_get_array(sources, "blockedRegistries"), domain))
		return fail(err, ERROR_DENIED, "registry \"%s\" denied by policy: it is in the blocked registries list", domain);
	if (allowed && json_object_array_length(allowed) && !has(allowed, domain))
		return fail(err, ERROR_DENIED, "registry \"%s\" denied by policy: not in allowed registries list", domain);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 - auth.json, Docker's config.json and .dockercfg: finding credentials in them. */
#include <stdint.h>

#include "image/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = { "docker.io/library/busybox", "quay.io/a/b", "localhost:5000" };
	struct error err;

	for (size_t i = 0; i < 6; i++) {
		auto_json *doc = NULL;
		auto_auth a = {};
		autofree char *helper = NULL;
		if (json_parse("auth.json", (const char *)bytes, len, NULL, &doc, &err) == 0)
			auth_find_in(doc, i >= 3, names[i % 3], &a, &helper, &err);
	}
	return 0;
}

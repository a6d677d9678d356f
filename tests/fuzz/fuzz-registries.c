/* SPDX-License-Identifier: Apache-2.0 - registries.conf: reading, matching prefixes, short names, places. */
#include <stdint.h>

#include "conf/registries-conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const names[] = { "docker.io/library/x:1", "a.example.com/b/c@sha256:0", "short", "h:5000/x:t" };
	auto_registries_conf conf = {};
	struct error err;

	if (registries_conf_merge(&conf, "registries.conf", (const char *)bytes, len, false, &err) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP(registry_sources_done) struct list places = {};
		auto_strv full = {};
		registries_conf_sources(&conf, names[i], &places, &err);
		registries_conf_resolve(&conf, names[i], &full, NULL, &err);
	}
	return 0;
}

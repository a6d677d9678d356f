/* SPDX-License-Identifier: Apache-2.0 - WWW-Authenticate headers and origins of URLs. */
#include <stdint.h>
#include <string.h>

#include "worker/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	autofree char *text = strndup((const char *)bytes, len);
	auto_challenge c = {};
	struct origin o, registry = { "https", "registry.example.org", 443 };
	struct error err;

	if (!text)
		return 0;
	challenge_parse(text, &c, &err);
	if (origin_parse(c.realm ? c.realm : text, &o, &err) == 0)
		origin_may_have_credentials(&registry, &o);
	return 0;
}

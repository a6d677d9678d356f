/* SPDX-License-Identifier: Apache-2.0 - what registries answer: Link headers, transports and references in them. */
#include <stdint.h>
#include <string.h>

#include "image/reference.h"
#include "worker/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	autofree char *text = strndup((const char *)bytes, len);
	auto_transport_name t = { .index = -1 };
	autofree char *next = NULL;
	struct error err;

	if (!text)
		return 0;
	if (fetch_next_page(text, &next, &err) == 1 && strncmp(next, "/v2/", 4) != 0)
		__builtin_trap();   /* the origin must stay ours */
	transport_parse(text, &t, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 - references, transports, platforms: what parses is printed and parsed again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/oci-image.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	autofree char *text = strndup((const char *)bytes, len);
	auto_transport_name t = { .index = -1 };
	CLEANUP(platform_done) struct platform p = {};
	auto_reference r = {};
	auto_reference again = {};
	struct error err;

	if (!text)
		return 0;
	transport_parse(text, &t, &err);
	platform_parse(text, &p, &err);
	if (reference_parse(text, &r, &err) < 0)
		return 0;
	autofree char *printed = reference_text(&r);
	if (!printed || strcmp(printed, text) != 0 || reference_parse(printed, &again, &err) < 0)
		abort();
	reference_normalize_docker(&r, &err);
	reference_normalize_local(&again, &err);
	return 0;
}

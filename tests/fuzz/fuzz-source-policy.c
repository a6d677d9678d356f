/* SPDX-License-Identifier: Apache-2.0
 * Source policies of builds: whatever parses must decide about a name and a URL without harm. */
#include <stdlib.h>

#include "build/source-policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source_policy p = {};
	struct error err;
	char *name = NULL, *url = NULL, *checksum = NULL;

	if (size > 65536)
		return 0;
	if (source_policy_parse((const char *)data, size, &p, &err) == 0) {
		(void)source_policy_image(&p, "example.com/a/b:1", &name, &err);
		(void)source_policy_url(&p, "https://example.com/x.tar", &url, &checksum, &err);
	}
	free(name);
	free(url);
	free(checksum);
	source_policy_done(&p);
	return 0;
}

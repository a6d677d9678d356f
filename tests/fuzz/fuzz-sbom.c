/* SPDX-License-Identifier: Apache-2.0
 * fuzz-sbom: documents of scanners, merged: the first byte chooses how, each line is one. */
#include <string.h>

#include "build/sbom-merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_strv documents = {};
	auto_buf merged = BUF_INIT(SBOM_BYTES_MAX), purls = BUF_INIT(SBOM_BYTES_MAX);
	struct error err = {};

	if (!size || size > 65536)
		return 0;
	autofree char *text = strndup((const char *)data + 1, size - 1);
	if (!text || strv_split(&documents, text, '\n', &err) < 0)
		return 0;
	(void)sbom_merge((enum sbom_strategy)(data[0] % SBOM_MAX), &documents, &merged, &purls, &err);
	return 0;
}

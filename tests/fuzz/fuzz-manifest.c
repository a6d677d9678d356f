/* SPDX-License-Identifier: Apache-2.0 - manifests, indexes and image configs: the first byte chooses the media type. */
#include <stdint.h>

#include "image/oci-image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct oci_descriptor *chosen;
	auto_manifest m = {};
	auto_image_config c = {};
	auto_buf out = BUF_INIT(1 << 20);
	struct error err;

	if (len < 1)
		return 0;
	if (oci_manifest_parse(bytes + 1, len - 1, (enum media_type)(bytes[0] % MEDIA_MAX), &m, &err) == 0) {
		oci_manifest_check_layers(&m, &err);
		if (oci_manifest_is_index(&m))
			oci_index_choose(&m, &(struct platform){}, &chosen, &err);
	}
	if (image_config_parse(bytes + 1, len - 1, &c, &err) == 0)
		image_config_format(&c, &out, &err);
	return 0;
}

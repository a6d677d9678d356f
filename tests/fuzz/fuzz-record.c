/* SPDX-License-Identifier: Apache-2.0
 * The store's self-describing files: container.json and images/HEX.json. Whatever parses must format and parse again. */
#include <stdint.h>

#include "store/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_container(const char *text, size_t size)
{
	struct container_record r = { 0 }, again = { 0 };
	auto_buf out = BUF_INIT(STORE_JSON_MAX);
	struct error err;

	if (container_record_parse("record", text, size, &r, &err) < 0)
		return;
	if (container_record_format(&r, &out, &err) == 0 &&
	    container_record_parse("record", out.data, out.len, &again, &err) < 0)
		abort();
	container_record_done(&again);
	container_record_done(&r);
}

static void check_image(const char *text, size_t size)
{
	auto_store_image i = { 0 }, again = { 0 };
	auto_buf out = BUF_INIT(STORE_JSON_MAX);
	struct error err;

	if (image_record_parse("record", text, size, &i, &err) < 0)
		return;
	if (image_record_format(&i, &out, &err) == 0 && image_record_parse("record", out.data, out.len, &again, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_container((const char *)data, size);
	check_image((const char *)data, size);
	return 0;
}

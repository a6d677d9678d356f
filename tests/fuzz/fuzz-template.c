/* SPDX-License-Identifier: Apache-2.0
 * --format: any text as a template over a small document. */
#include "base/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] = "{\"Name\":\"web\",\"N\":5,\"F\":1.5,\"T\":true,\"Nil\":null,\"L\":[\"a\",\"b\"],"
				       "\"M\":{\"b\":1,\"a\":\"x\"},\"Mix\":[1,\"x\",[true]],\"O\":{\"In\":{\"Deep\":\"d\"}}}";
	struct error err = {};
	auto_json *tree = NULL;
	auto_template *t = NULL;
	auto_buf out = BUF_INIT(1 << 16);
	autofree char *text = strndup((const char *)data, size);

	if (!text || json_parse("document", document, sizeof(document) - 1, NULL, &tree, &err) < 0)
		return 0;
	struct value dot = value_json(tree);
	if (template_parse("fuzz", text, &t, &err) == 0)
		template_execute(t, &dot, &out, &err);
	return 0;
}

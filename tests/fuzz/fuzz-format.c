/* SPDX-License-Identifier: Apache-2.0
 * --format of a list command: preparation of the text, headers, rows, columns. */
#include "base/format.h"

static const char *const ports[] = { "80", "81", NULL };

struct row {
	char *name;
	struct strv ports;
	int64_t size, when;
};
static const struct field rows[] = {
	{ .json = "Name", F_STR(struct row, name) },
	{ .json = "Ports", F_STRV(struct row, ports) },
	{ .json = "Size", F_SIZE(struct row, size) },
	{ .json = "created_at", F_TIME(struct row, when) },
	{},
};
static const struct value_type type = { "row", rows };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct row row[2] = { { (char *)"web", { (char **)ports, 2 }, 5, 1 }, { .name = (char *)"" } };
	autofree char *text = strndup((const char *)data, size);
	const struct format_request rq = { .name = "fuzz", .format = text, .fallback = "table {{.Name}}", .type = &type };
	struct error err = {};
	auto_buf out = BUF_INIT(1 << 16);

	if (!text)
		return 0;
	struct value list = value_structs(&type, row, size % 3, sizeof(row[0]));
	format_rows(&rq, &list, &out, &err);
	return 0;
}

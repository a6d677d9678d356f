/* SPDX-License-Identifier: Apache-2.0
 * fuzz-argv: a command line (words end with a newline) over rows of every type that parses text, and CSV. */
#include <stdint.h>

#include "base/argv.h"

struct params {
	bool flag;
	char *text, *optional;
	int64_t number, span, size;
	uint64_t count;
	double ratio;
	struct strv list, csv;
	struct strmap map;
	struct opt_bool tls;
};
#define P struct params

static const struct field rows[] = {
	{ .cli = "flag", .abbr = 'b', F_BOOL(P, flag) },
	{ .cli = "text", .abbr = 't', MORE(.aliases = "txt words"), F_STR(P, text) },
	{ .cli = "optional", F_STR(P, optional), .flags = FIELD_OPTIONAL_VALUE, MORE(.implied = "x") },
	{ .cli = "number", .abbr = 'n', F_INT(P, number) },
	{ .cli = "span", F_DURATION(P, span) },
	{ .cli = "size", F_SIZE(P, size) },
	{ .cli = "count", F_UINT(P, count) },
	{ .cli = "ratio", F_DOUBLE(P, ratio) },
	{ .cli = "list", .abbr = 'l', F_STRV(P, list) },
	{ .cli = "csv", .abbr = 'c', F_CSV(P, csv) },
	{ .cli = "map", .abbr = 'm', F_MAP(P, map) },
	{ .cli = "tls", F_OPT_BOOL(P, tls) },
	{}
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *line = strndup((const char *)data, size);
	auto_strv words = {}, pieces = {};
	auto_argv a = ARGV_INIT;
	struct params p = {};
	struct argv_group groups[] = { { rows, &p }, {} };
	struct error err = {};

	if (!line || strv_split(&words, line, '\n', &err) < 0)
		return 0;
	(void)argv_parse(&a, groups, words.v, (int)words.n, size & 1 ? ARGV_STOP : 0, &err);
	(void)csv_split(&pieces, line, &err);
	fields_done(rows, &p);
	return 0;
}

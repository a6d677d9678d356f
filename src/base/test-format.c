/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/format.h"
#include "base/table.h"

static void test_table_format_table(void **state)
{
	/* what Go's tabwriter makes of it with minwidth 12, padding 2 */
	static const struct { const char *text, *want; } cases[] = {
		{ "", "" }, { "a\n", "a\n" }, { "a\tb\n", "a           b\n" }, { "a\tb", "a           b" },
		{ "a\tb\tc\n0123456789ab\tx\ty\n", "a             b           c\n0123456789ab  x           y\n" },
		{ "\tb\n", "            b\n" }, { "a\t\n", "a           \n" },
		{ "h\xc3\xa9\tx\n", "h\xc3\xa9          x\n" },
		{ "0123456789abcdef\tx\nplain\na\tx\n", "0123456789abcdef  x\nplain\na           x\n" },
		{ "a\tb\tc\nlonger than twelve\tx\n", "a                   b           c\nlonger than twelve  x\n" },
		{ "\n\na\tb\n", "\n\na           b\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_buf out = BUF_INIT(4096);
		assert_int_equal(table_format(&out, cases[i].text, strlen(cases[i].text), &err), 0);
		if (!streq(out.data ? out.data : "", cases[i].want))
			fail_msg("%s: got\n%s", cases[i].text, out.data);
	}
}

static void test_table_header_word_table(void **state)
{
	static const struct { const char *field, *want; } cases[] = {
		{ "ID", "ID" }, { "CreatedAt", "CREATED AT" }, { "ImageID", "IMAGE ID" }, { "PodName", "POD NAME" },
		{ "IsReadOnly", "IS READ ONLY" }, { "CPUPerc", "CPU PERC" }, { "PDFLoader", "PDF LOADER" }, { "Names", "NAMES" },
		{ "IPv6Enabled", "I PV 6 ENABLED" }, { "a", "A" }, { "UnitName", "UNIT NAME" }, { "TLSCA", "TLSCA" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(256);
		table_header_word(&out, cases[i].field);
		assert_string_equal(out.data, cases[i].want);
	}
}

struct row {
	char *id;
	char *names;
	int64_t size;
	struct strv ports;
};
static const struct field row_rows[] = {
	{ .json = "Id", MORE(.go = "ID"), F_STR(struct row, id) },
	{ .json = "Names", F_STR(struct row, names) },
	{ .json = "Size", F_INT(struct row, size) },
	{ .json = "Ports", F_STRV(struct row, ports) },
	{},
};

static int row_label(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_str("l");
	return 0;
}

static const struct value_method row_methods[] = { { "Label", row_label, 1, 1 }, {} };
static const struct value_type row_type = { "rowReporter", row_rows, row_methods };
static char *ports[] = { (char *)"80", (char *)"81", NULL };
static const struct row rows[] = {
	{ (char *)"aaaaaaaaaaaaaa", (char *)"web", 5, { ports, 2 } },
	{ (char *)"b", (char *)"db", 0, {} },
};
static const struct format_header headers[] = { { "ID", "CONTAINER ID" }, { "State.Pid", "PID" }, {} };

static char *render(const char *format, bool noheading, size_t n, bool each)
{
	const struct format_request rq = { .name = "ps", .format = format, .fallback = "table {{.ID}}\t{{.Names}}\t{{.Size}}",
					   .noheading = noheading, .headers = headers, .type = &row_type };
	struct error err = {};
	auto_buf out = BUF_INIT(1 << 16);
	char *ret = NULL;
	struct value list = value_structs(&row_type, rows, n, sizeof(rows[0]));
	int r = each ? format_each(&rq, &list, &out, &err) : format_rows(&rq, &list, &out, &err);

	if (r == 0)
		return buf_steal(&out);
	assert_int_equal(str_printf(&ret, &err, "!%s", err.text), 0);
	return ret;
}

static void test_format_rows_table(void **state)
{
	static const struct { const char *format; bool noheading; size_t n; const char *want; } cases[] = {
		{ NULL, false, 2, "CONTAINER ID    NAMES       SIZE\naaaaaaaaaaaaaa  web         5\nb               db          0\n" },
		{ NULL, true, 2, "aaaaaaaaaaaaaa  web         5\nb               db          0\n" },
		{ NULL, false, 0, "CONTAINER ID  NAMES       SIZE\n" }, { NULL, true, 0, "" },
		{ "table {{.ID}} {{.Names}}", false, 1, "CONTAINER ID    NAMES\naaaaaaaaaaaaaa  web\n" },
		{ "table {{.ID}} {{.Names}}", true, 1, "aaaaaaaaaaaaaa  web\n" },
		{ "table {{ .Names }}\\t{{upper .ID}}", false, 1, "NAMES       CONTAINER ID\nweb         AAAAAAAAAAAAAA\n" },
		{ "table {{join .Ports \",\"}} {{len .Names}} {{.Label \"app\"}}", false, 1,
		  "PORTS       NAMES       app\n80,81       3           l\n" },
		{ "table {{range .Ports}}{{.}};{{end}} {{.Names}}", false, 1, "PORTS;      NAMES\n80;81;      web\n" },
		{ "{{.ID}}", false, 2, "aaaaaaaaaaaaaa\nb\n" }, { "{{.ID}} {{.Names}}", false, 2, "aaaaaaaaaaaaaa web\nb db\n" },
		{ "{{.ID}}\\t{{.Size}}\\n", false, 2, "aaaaaaaaaaaaaa\t5\nb\t0\n" },
		{ "{{range .}}{{.Names}};{{end}}", false, 2, "web;db;\n" }, { "{{ range . }}{{.Names}}{{ end -}}", false, 2, "webdb" },
		{ "{{\"\\n\"}}", false, 0, "" }, { "{{\"\\n\"}}", false, 1, "\n" },
		{ "x", false, 2, "x\nx\n" }, { "{{json .}}", false, 2,
		  "{\"Id\":\"aaaaaaaaaaaaaa\",\"Names\":\"web\",\"Size\":5,\"Ports\":[\"80\",\"81\"]}\n{\"Id\":\"b\",\"Names\":\"db\"}\n" },
		{ "json", false, 0, "[]\n" }, { " {{ json }} ", false, 0, "[]\n" }, { "{{json.}}", false, 0, "[]\n" },
		{ "json", false, 1, "[\n    {\n        \"Id\": \"aaaaaaaaaaaaaa\",\n        \"Names\": \"web\",\n        \"Size\": 5,\n"
				    "        \"Ports\": [\n            \"80\",\n            \"81\"\n        ]\n    }\n]\n" },
		{ "{{.Foo}}", false, 2, "!template: ps:1:13: executing \"ps\" at <.Foo>: can't evaluate field Foo in type rowReporter" },
		{ "{{.Foo}}", false, 0, "!template: ps:1:13: executing \"ps\" at <.Foo>: can't evaluate field Foo in type rowReporter" },
		{ "table {{.Foo}}", false, 0, "!template: ps:1:13: executing \"ps\" at <.Foo>: can't evaluate field Foo in type rowReporter" },
		{ "{{if .ID}}{{range .Ports}}{{.Nope}}{{end}}{{end}}", false, 0, "" },
		{ "{{.ID", false, 1, "!template: ps:1: unclosed action" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = render(cases[i].format, cases[i].noheading, cases[i].n, false);
		if (!streq(got, cases[i].want))
			fail_msg("%s (%zu rows)\n   got: %s\n  want: %s", cases[i].format, cases[i].n, got, cases[i].want);
	}
}

static void test_format_each_inspects(void **state)
{
	autofree char *plain = render(NULL, false, 0, true), *tmpl = render("{{.Names}}", false, 2, true);
	autofree char *json = render("json", false, 1, true);

	assert_string_equal(plain, "[]\n");
	assert_string_equal(tmpl, "web\ndb\n");
	assert_non_null(str_after(json, "[\n     {\n          \"Id\": \"aaaaaaaaaaaaaa\","));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_format_table),
		cmocka_unit_test(test_table_header_word_table),
		cmocka_unit_test(test_format_rows_table),
		cmocka_unit_test(test_format_each_inspects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

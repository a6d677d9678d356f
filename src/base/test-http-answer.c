/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/http-answer.h"
#include "base/str.h"

static const struct {
	const char *text;
	bool ended;
	int result, status;
	const char *body;
} cases[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, 1, 200, "{}" },
	{ "HTTP/1.1 200 OK\r\ncontent-length:2 \r\n\r\n{}more", false, 1, 200, "{}" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", false, 0, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", true, -1, 0, NULL },
	{ "HTTP/1.0 500 Oops\n\nall of it", true, 1, 500, "all of it" },
	{ "HTTP/1.0 500 Oops\n\nall of it", false, 0, 0, NULL },
	{ "HTTP/1.1 204 No Content\r\n\r\n", false, 1, 204, "" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", false, 1, 200, "abc" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc", false, 0, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n", false, -1, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", false, -1, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, -1, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, -1, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", false, -1, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", false, -1, 0, NULL },
	{ "SSH-2.0-x\r\n", false, -1, 0, NULL },
	{ "HTTP/1.1 2x0 OK\r\n\r\n", false, -1, 0, NULL },
	{ "", false, 0, 0, NULL },
	{ "", true, -1, 0, NULL },
};

static void test_answers_as_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf body = BUF_INIT(1 << 16);
		struct error err;
		int status = 0;
		int r = http_answer_parse(cases[i].text, strlen(cases[i].text), cases[i].ended, &status, &body, &err);
		if (r != cases[i].result || status != cases[i].status || (r == 1 && !streq(body.data ? body.data : "", cases[i].body)))
			fail_msg("case %zu: %d %d %s", i, r, status, body.data ? body.data : "");
	}
}

/* Whatever comes in pieces is the same in the end. */
static void test_answers_come_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t n = 0; cases[i].result == 1 && !cases[i].ended && n < strlen(cases[i].text); n++) {
			auto_buf body = BUF_INIT(1 << 16);
			struct error err;
			int status;
			if (http_answer_parse(cases[i].text, n, false, &status, &body, &err) < 0)
				fail_msg("case %zu cut at %zu: %s", i, n, err.text);
		}
}

static void test_answer_larger_than_its_room(void **state)
{
	auto_buf body = BUF_INIT(4);
	struct error err;
	int status;

	(void)state;
	assert_int_equal(http_answer_parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", 43, false, &status, &body, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_as_table), cmocka_unit_test(test_answers_come_in_pieces),
		cmocka_unit_test(test_answer_larger_than_its_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

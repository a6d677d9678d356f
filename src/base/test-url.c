/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/own.h"
#include "base/url.h"

static void test_url_take_user_keeps_the_secret_apart(void **state)
{
	static const struct { const char *url, *shown, *basic; } cases[] = {
		{ "http://joe:pw@h:1/p?q", "http://h:1/p?q", "Basic am9lOnB3" }, { "https://joe@h/", "https://h/", "Basic am9lOg==" },
		{ "https://a%40b:p%3aw@h", "https://h", "Basic YUBiOnA6dw==" }, { "http://a:b@c@h/x", "http://h/x", "Basic YTpiQGM=" },
		{ "http://h/x@y", "http://h/x@y", NULL }, { "joe:pw@h/x", "joe:pw@h/x", NULL }, { "-", "-", NULL }, { "http://h?u:p@x", "http://h?u:p@x", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *shown = NULL, *basic = NULL;
		struct error err;
		assert_int_equal(url_take_user(cases[i].url, &shown, &basic, &err), 0);
		assert_string_equal(shown, cases[i].shown);
		assert_true(cases[i].basic ? basic && strcmp(basic, cases[i].basic) == 0 : !basic);
	}
	for (const char *const *bad = (const char *const[]){ "http://a%4:secret@h", "http://a%zz:secret@h", "http://a%00:secret@h", NULL }; *bad; bad++) {
		autofree char *shown = NULL, *basic = NULL;
		struct error err;
		assert_int_equal(url_take_user(*bad, &shown, &basic, &err), -1);
		assert_null(strstr(err.text, "secret"));
	}
}

static void test_url_hide_users_in_texts(void **state)
{
	static const struct { const char *text, *shown; } cases[] = {
		{ "ADD https://user:secret@h/x http://t@h/y@z /d", "ADD https://xxxxx@h/x http://x@h/y@z /d" },
		{ "a \"http://u:p@\" b", "a \"http://xxx@\" b" }, { "http://host/ and mail@host", "http://host/ and mail@host" },
		{ "http://a:b@c@h/", "http://xxxxx@h/" }, { "://@", "://@" }, { "://", "://" }, { "", "" },
	};
	char text[100];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "%s", cases[i].text);
		url_hide_users(text);
		assert_string_equal(text, cases[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_take_user_keeps_the_secret_apart), cmocka_unit_test(test_url_hide_users_in_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/base64.h"
#include "base/own.h"

static void test_base64_when_vectors(void **state)
{
	static const struct { const char *plain, *text; } cases[] = {   /* RFC 4648, section 10 */
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(64), back = BUF_INIT(64);
		struct error err;
		base64_encode(&out, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(out.data ? out.data : "", cases[i].text);
		assert_int_equal(base64_decode(cases[i].text, &back, &err), 0);
		assert_string_equal(back.data ? back.data : "", cases[i].plain);
	}
}

static void test_base64_decode_when_malformed(void **state)
{
	static const char *const cases[] = { "Zg=x", "Z!", "Zg= =", "Zm9v\tYg" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf back = BUF_INIT(64);
		struct error err;
		assert_int_equal(base64_decode(cases[i], &back, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64_when_vectors), cmocka_unit_test(test_base64_decode_when_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

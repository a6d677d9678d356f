/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include "base/test.h"

static const struct {
	const char *text;
	size_t times;
	const char *hex;
} cases[] = {   /* FIPS 180-4 and NIST's long message */
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void test_sha256_known_answers(void **state)
{
	char hex[SHA256_HEX_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sha256 h;
		sha256_init(&h);
		for (size_t j = 0; j < cases[i].times; j++)
			sha256_add(&h, cases[i].text, strlen(cases[i].text));
		assert_string_equal(sha256_end_hex(&h, hex), cases[i].hex);
	}
}

static void test_sha256_pieces_equal_whole(void **state)
{
	uint8_t data[1000];
	char whole[SHA256_TEXT_MAX], pieces[SHA256_TEXT_MAX];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t step = 1; step < 200; step++) {
		struct sha256 a, b;
		sha256_init(&a);
		sha256_init(&b);
		sha256_add(&a, data, sizeof(data));
		for (size_t at = 0; at < sizeof(data); at += step)
			sha256_add(&b, data + at, at + step < sizeof(data) ? step : sizeof(data) - at);
		assert_string_equal(sha256_end_text(&a, whole), sha256_end_text(&b, pieces));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_known_answers),
		cmocka_unit_test(test_sha256_pieces_equal_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

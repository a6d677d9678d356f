/* SPDX-License-Identifier: Apache-2.0 - NaCl's own vector ("Cryptography in NaCl", section 10), and round trips. */
#include "base/test.h"

#include <string.h>

#include "worker/secretbox.h"

static const uint8_t key[32] = {
	0x1b, 0x27, 0x55, 0x64, 0x73, 0xe9, 0x85, 0xd4, 0x62, 0xcd, 0x51, 0x19, 0x7a, 0x9a, 0x46, 0xc7,
	0x60, 0x09, 0x54, 0x9e, 0xac, 0x64, 0x74, 0xf2, 0x06, 0xc4, 0xee, 0x08, 0x44, 0xf6, 0x83, 0x89,
};
static const uint8_t nonce[24] = {
	0x69, 0x69, 0x6e, 0xe9, 0x55, 0xb6, 0x2b, 0x73, 0xcd, 0x62, 0xbd, 0xa8, 0x75, 0xfc, 0x73, 0xd6, 0x82, 0x19, 0xe0, 0x03,
	0x6b, 0x7a, 0x0b, 0x37,
};
/* The first 16 bytes of the message and of its box (the tag comes before). */
static const uint8_t text[16] = {
	0xbe, 0x07, 0x5f, 0xc5, 0x3c, 0x81, 0xf2, 0xd5, 0xcf, 0x14, 0x13, 0x16, 0xeb, 0xeb, 0x0c, 0x7b,
};
static const uint8_t cipher[16] = {
	0x8e, 0x99, 0x3b, 0x9f, 0x48, 0x68, 0x12, 0x73, 0xc2, 0x96, 0x50, 0xba, 0x32, 0xfc, 0x76, 0xce,
};

static void test_secretbox_seal_when_vector(void **state)
{
	uint8_t box[16 + 16], open[16];
	struct error err;

	assert_int_equal(secretbox_seal(key, nonce, text, 16, box, &err), 0);
	assert_memory_equal(box + 16, cipher, 16);
	assert_int_equal(secretbox_open(key, nonce, box, sizeof(box), open, &err), 0);
	assert_memory_equal(open, text, 16);
}

static void test_secretbox_open_when_changed(void **state)
{
	uint8_t plain[200], box[216], out[200];
	struct error err;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(plain); len += 25) {
		assert_int_equal(secretbox_seal(key, nonce, plain, len, box, &err), 0);
		assert_int_equal(secretbox_open(key, nonce, box, len + 16, out, &err), 0);
		assert_memory_equal(out, plain, len);
		box[len / 2] ^= 1;
		assert_int_equal(secretbox_open(key, nonce, box, len + 16, out, &err), -1);
		assert_int_equal(err.kind, ERROR_DENIED);
	}
	assert_int_equal(secretbox_open(key, nonce, box, 15, out, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secretbox_seal_when_vector), cmocka_unit_test(test_secretbox_open_when_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

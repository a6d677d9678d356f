/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"

static void test_buf_keeps_its_ceiling(void **state)
{
	struct error err = {};
	auto_buf b = BUF_INIT(10);

	buf_add_str(&b, "0123456789");
	assert_int_equal(buf_ok(&b, "text", &err), 0);
	buf_add_char(&b, 'x');
	assert_int_equal(buf_ok(&b, "text", &err), -1);
	assert_string_equal(err.text, "text: larger than 10 bytes, or out of memory");
	buf_add_str(&b, "");   /* failed stays failed, and nothing is added */
	assert_string_equal(b.data, "0123456789");
	assert_null(buf_steal(&b));
}

static void test_buf_is_always_a_string(void **state)
{
	auto_buf b = BUF_INIT(1 << 16);

	for (int i = 0; i < 1000; i++) {
		buf_addf(&b, "%d,", i);
		assert_int_equal(strlen(b.data), b.len);
	}
	buf_truncate(&b, 4);
	assert_string_equal(b.data, "0,1,");
	buf_truncate(&b, 100);
	assert_int_equal(b.len, 4);
	autofree char *taken = buf_steal(&b), *empty = buf_steal(&b);
	assert_string_equal(taken, "0,1,");
	assert_string_equal(empty, "");
	assert_null(b.data);
}

static void test_buf_reserve_gives_room(void **state)
{
	auto_buf b = BUF_INIT(100);

	char *room = buf_reserve(&b, 100);
	assert_non_null(room);
	assert_int_equal(b.len, 0);
	assert_null(buf_reserve(&b, 101));
	assert_true(b.failed);
}

static void test_buf_adds_bytes_with_nul(void **state)
{
	auto_buf b = BUF_INIT(100);

	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_keeps_its_ceiling),
		cmocka_unit_test(test_buf_is_always_a_string),
		cmocka_unit_test(test_buf_reserve_gives_room),
		cmocka_unit_test(test_buf_adds_bytes_with_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * base/test.h - what unit tests include instead of cmocka.h.
 * cmocka's fail() macro would hide ours (base/error.h), so it goes; fail_msg() is what tests use. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail
#undef fail_msg
#define fail_msg(...)                       \
	do {                                \
		print_error("ERROR: " __VA_ARGS__); \
		print_error("\n");          \
		_fail(__FILE__, __LINE__);  \
	} while (0)

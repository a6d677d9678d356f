/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/independent.h"
#include "os/file.h"

/* "d NAME MODE", "f NAME", "l NAME" */
static void make(int dir, const char *const *what)
{
	for (; *what; what++) {
		char kind, name[64];
		unsigned mode = 0755;
		assert_true(sscanf(*what, "%c %63s %o", &kind, name, &mode) >= 2);
		if (kind == 'd')
			assert_true(mkdirat(dir, name, 0755) == 0 && fchmodat(dir, name, mode, 0) == 0);
		else if (kind == 'l')
			assert_int_equal(symlinkat("x", dir, name), 0);
		else
			close(openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
}

static int answer(const char *const *first, const char *const *second)
{
	char a[] = "/tmp/umiak-test-XXXXXX", b[] = "/tmp/umiak-test-XXXXXX";
	struct error err = {};

	assert_non_null(mkdtemp(a));
	assert_non_null(mkdtemp(b));
	int x = open(a, O_RDONLY | O_DIRECTORY | O_CLOEXEC), y = open(b, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make(x, first);
	make(y, second);
	int r = trees_are_independent(x, y, &err);
	close(x);
	close(y);
	assert_int_equal(file_remove_tree(AT_FDCWD, a, &err), 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, b, &err), 0);
	return r;
}

#define TREE(...) (const char *const[]){ __VA_ARGS__, NULL }

static void test_independent_table(void **state)
{
	assert_int_equal(answer(TREE("d a", "f a/x"), TREE("d b", "f b/x")), 1);
	assert_int_equal(answer(TREE("d a", "f a/x"), TREE("d a", "f a/y")), 1);            /* the way there is shared */
	assert_int_equal(answer(TREE("d a", "f a/x"), TREE("d a", "f a/x")), 0);            /* the last one wins */
	assert_int_equal(answer(TREE("d a 0700", "f a/x"), TREE("d a", "f a/y")), 0);       /* it was changed */
	assert_int_equal(answer(TREE("d a", "d a/x", "f a/x/f"), TREE("d a", "f a/x")), 0); /* it would go into the directory */
	assert_int_equal(answer(TREE("l a"), TREE("d a", "f a/y")), 0);                     /* it would follow the link */
	assert_int_equal(answer(TREE("f a"), TREE("d a", "f a/y")), 0);
	assert_int_equal(answer(TREE("d a", "d a/b", "l a/b/c"), TREE("d a", "d a/b", "d a/b/c")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_independent_table) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "os/overlay-marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "base/test.h"
#include "os/file.h"

struct place {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct place p;

	snprintf(p.path, sizeof(p.path), "/tmp/umiak-marks.XXXXXX");
	p.fd = mkdtemp(p.path) ? open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	*state = &p;
	return p.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct error ignored;

	close(p->fd);
	return file_remove_tree(AT_FDCWD, p->path, &ignored);
}

static bool is_whiteout(const struct place *p, const char *name)
{
	struct stat st;

	return fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is(p->fd, name, &st);
}

static void test_whiteout_is_made_once_and_recognised(void **state)
{
	struct place *p = *state;

	if (whiteout_make(p->fd, "gone") < 0)
		skip();   /* no whiteouts for us here */
	assert_true(is_whiteout(p, "gone"));
	assert_int_equal(whiteout_make(p->fd, "gone"), -1);
	assert_int_equal(errno, EEXIST);
}

static void test_whiteout_of_a_nested_overlay_is_an_empty_file_with_a_mark(void **state)
{
	struct place *p = *state;
	int fd = openat(p->fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_false(is_whiteout(p, "file"));
	if (fsetxattr(fd, "user.overlay.whiteout", "y", 1, 0) < 0)
		skip();   /* a file system without attributes */
	assert_true(is_whiteout(p, "file"));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_false(is_whiteout(p, "file"));   /* what has bytes is a file */
	close(fd);
	assert_int_equal(symlinkat("file", p->fd, "link"), 0);
	assert_false(is_whiteout(p, "link"));
}

static void test_opaque_is_y_alone(void **state)
{
	struct place *p = *state;

	assert_false(opaque_is(p->fd));
	if (fsetxattr(p->fd, "user.overlay.opaque", "x", 1, 0) < 0)
		skip();
	assert_false(opaque_is(p->fd));   /* x: there are marked whiteouts inside */
	assert_int_equal(opaque_make(p->fd), 0);
	assert_true(opaque_is(p->fd));
}

static void test_settle_turns_notes_into_what_overlay_reads(void **state)
{
	struct place *p = *state;
	char value;

	if (fsetxattr(p->fd, "user.overlay.opaque", "x", 1, 0) < 0 || fsetxattr(p->fd, "trusted.overlay.probe", "y", 1, 0) < 0)
		skip();
	assert_int_equal(overlay_marks_settle(p->fd), 0);
	assert_int_equal(fgetxattr(p->fd, "trusted.overlay.opaque", &value, 1), 1);
	assert_int_equal(value, 'x');
	assert_int_equal(fgetxattr(p->fd, "user.overlay.opaque", &value, 1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whiteout_is_made_once_and_recognised, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whiteout_of_a_nested_overlay_is_an_empty_file_with_a_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opaque_is_y_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settle_turns_notes_into_what_overlay_reads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

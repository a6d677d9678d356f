/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/file. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "os/file.h"

struct place {
	char dir[32];
	int fd;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	memcpy(p->dir, "/tmp/os-file-XXXXXX", 20);
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct error err;

	close(p->fd);
	file_remove_tree(AT_FDCWD, p->dir, &err);
	free(p);
	return 0;
}

static void test_file_replace_and_read(void **state)
{
	struct place *p = *state;
	autofree char *text = NULL;
	struct error err;
	size_t len;
	struct stat st;

	assert_int_equal(file_read(p->fd, "x", 100, &text, &len, &err), 0);
	assert_int_equal(file_replace(p->fd, "x", "one", 3, 0640, FILE_SYNC, &err), 0);
	assert_int_equal(file_replace(p->fd, "x", "second", 6, 0600, 0, &err), 0);
	assert_int_equal(file_replace(p->fd, "x", "no", 2, 0600, FILE_EXCLUSIVE, &err), -1);
	assert_int_equal(err.errnum, EEXIST);
	assert_int_equal(file_read(p->fd, "x", 100, &text, &len, &err), 1);
	assert_string_equal(text, "second");
	assert_int_equal(len, 6);
	fstatat(p->fd, "x", &st, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	autofree char *all = NULL, *unsized = NULL, *more = NULL;
	assert_int_equal(file_read(p->fd, "x", 6, &all, NULL, &err), 1);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &unsized, &len, &err), 1);
	assert_true(len > 0 && strlen(unsized) == len);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", len - 1, &more, NULL, &err), -1);
	assert_int_equal(file_read(p->fd, "x", 5, &more, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	mkfifoat(p->fd, "fifo", 0600);
	assert_int_equal(file_read(p->fd, "fifo", 5, &more, NULL, &err), -1);
	/* nothing temporary stays */
	assert_int_equal(file_replace(p->fd, "missing/x", "", 0, 0600, 0, &err), -1);
	unlinkat(p->fd, "fifo", 0);
	unlinkat(p->fd, "x", 0);
	assert_int_equal(rmdir(p->dir), 0);
	mkdir(p->dir, 0700);
}

static void test_file_remove_tree_takes_any_tree(void **state)
{
	struct place *p = *state;
	struct error err;
	char deep[1024] = "t";

	assert_int_equal(mkdirat(p->fd, "outside", 0755), 0);
	assert_int_equal(file_replace(p->fd, "outside/keep", "x", 1, 0600, 0, &err), 0);
	for (int i = 0; i < 200; i++)
		memcpy(deep + 1 + 2 * i, "/d", 3);
	assert_int_equal(file_mkdirs(p->fd, deep, 0755, &err), 1);
	assert_int_equal(file_mkdirs(p->fd, deep, 0755, &err), 0);
	for (int i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof(name), "t/f%d", i);
		assert_int_equal(file_replace(p->fd, name, "", 0, 0, 0, &err), 0);
	}
	assert_int_equal(symlinkat("../outside", p->fd, "t/link"), 0);
	assert_int_equal(symlinkat("../../outside", p->fd, "t/d/link"), 0);
	mkfifoat(p->fd, "t/fifo", 0);
	mkdirat(p->fd, "t/closed", 0700);
	mkdirat(p->fd, "t/closed/inner", 0);
	assert_int_equal(fchmodat(p->fd, "t/closed", 0, 0), 0);
	assert_int_equal(file_remove_tree(p->fd, "t", &err), 0);
	assert_int_equal(faccessat(p->fd, "t", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(p->fd, "outside/keep", F_OK, 0), 0);
	assert_int_equal(file_remove_tree(p->fd, "t", &err), 0);   /* missing is fine */
	assert_int_equal(file_remove_tree(p->fd, "outside/keep", &err), 0);   /* a file, too */
}

static void test_file_remove_tree_opens_closed_directories_as_user(void **state)
{
	struct place *p = *state;

	fchmod(p->fd, 0777);
	pid_t pid = fork();
	if (pid == 0) {
		struct error err;
		if (geteuid() == 0 && (setgid(65533) < 0 || setuid(65533) < 0))
			_exit(1);
		mkdirat(p->fd, "u", 0700);
		mkdirat(p->fd, "u/closed", 0700);
		if (file_replace(p->fd, "u/closed/file", "", 0, 0, 0, &err) < 0 || fchmodat(p->fd, "u/closed", 0, 0) < 0)
			_exit(3);
		_exit(file_remove_tree(p->fd, "u", &err) == 0 ? 0 : 2);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_file_copy_copies_bytes_and_mode(void **state)
{
	struct place *p = *state;
	autofree char *text = NULL;
	struct error err;
	size_t len;
	struct stat st;
	char data[100000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	assert_int_equal(file_replace(p->fd, "a", data, sizeof(data), 0751, 0, &err), 0);
	assert_int_equal(file_copy(p->fd, "a", p->fd, "b", false, &err), 0);
	assert_int_equal(file_copy(p->fd, "a", p->fd, "b", false, &err), -1);
	assert_int_equal(file_copy(p->fd, "a", p->fd, "b", true, &err), 0);
	assert_int_equal(file_read(p->fd, "b", 1 << 20, &text, &len, &err), 1);
	assert_int_equal(len, sizeof(data));
	assert_memory_equal(text, data, len);
	fstatat(p->fd, "b", &st, 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	/* proc files have no size and know no copy_file_range */
	assert_int_equal(file_copy(AT_FDCWD, "/proc/self/status", p->fd, "status", true, &err), 0);
	fstatat(p->fd, "status", &st, 0);
	assert_true(st.st_size > 100);
}

static void test_file_copy_fd_keeps_holes(void **state)
{
	struct place *p = *state;
	struct error err;
	struct stat st;
	char head[5] = "", tail[4] = "";
	uint64_t n;
	autoclose int from = openat(p->fd, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	autoclose int to = openat(p->fd, "sparse2", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	/* data, a hole, data, a hole at the end; copied behind what is there already */
	assert_int_equal(pwrite(from, "start", 5, 0), 5);
	assert_int_equal(pwrite(from, "end", 3, 64 << 20), 3);
	assert_int_equal(ftruncate(from, 128 << 20), 0);
	assert_int_equal(write(to, "1234", 4), 4);
	assert_int_equal(file_copy_fd(from, to, &n, &err), 0);
	assert_int_equal(n, 128 << 20);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, (128 << 20) + 4);
	assert_true(st.st_blocks * 512 < 16 << 20);
	assert_int_equal(pread(to, head, 5, 4), 5);
	assert_memory_equal(head, "start", 5);
	assert_int_equal(pread(to, tail, 4, (64 << 20) + 4), 4);
	assert_memory_equal(tail, "end", 4);
	assert_int_equal(lseek(to, 0, SEEK_CUR), st.st_size);
	assert_int_equal(lseek(from, 0, SEEK_CUR), 128 << 20);
}

static void test_file_memfd_data_is_sealed(void **state)
{
	struct error err;
	char back[8] = "";
	autoclose int fd = file_memfd_data("x", "hello", 5, &err);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, back, sizeof(back)), 5);
	assert_string_equal(back, "hello");
	assert_int_equal(write(fd, "y", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	autoclose int exec = file_memfd_exec("x", &err);
	assert_true(exec >= 0);
}

static void test_file_close_from_keeps_what_it_should(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct error err;
		int base = open("/dev/null", O_RDONLY), keep[3];
		for (int i = 0; i < 3; i++)
			keep[i] = dup2(base, 100 + 10 * i);
		dup2(base, 105);
		dup2(base, 121);
		int mixed[] = { keep[2], keep[0], keep[1], 2 };
		if (file_close_from(3, mixed, 4, &err) < 0)
			_exit(1);
		bool ok = fcntl(100, F_GETFD) >= 0 && fcntl(110, F_GETFD) >= 0 && fcntl(120, F_GETFD) >= 0 &&
			  fcntl(105, F_GETFD) < 0 && fcntl(121, F_GETFD) < 0 && fcntl(2, F_GETFD) >= 0;
		if (file_cloexec_from(3, &err) < 0 || !(fcntl(100, F_GETFD) & FD_CLOEXEC))
			_exit(2);
		_exit(ok ? 0 : 3);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_file_next_entry_tells_a_directory_that_cannot_be_read(void **state)
{
	struct error err = {};
	int r = 7;

	(void)state;
	DIR *d = file_stream(AT_FDCWD, "/proc/self/fdinfo");
	assert_non_null(d);
	assert_non_null(file_next_entry(d, "one", &r, &err));
	while (file_next_entry(d, "one", &r, &err))
		;
	assert_int_equal(r, 7);   /* its end */
	closedir(d);
	d = file_stream(AT_FDCWD, "/proc/self/fdinfo");
	assert_non_null(d);
	assert_int_equal(dup3(STDIN_FILENO, dirfd(d), O_CLOEXEC), dirfd(d));   /* no directory any more */
	assert_null(file_next_entry(d, "one", &r, &err));
	assert_int_equal(r, -1);
	assert_int_equal(err.errnum, ENOTDIR);
	closedir(d);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_file_replace_and_read),
		IN_PLACE(test_file_remove_tree_takes_any_tree),
		IN_PLACE(test_file_remove_tree_opens_closed_directories_as_user),
		IN_PLACE(test_file_copy_copies_bytes_and_mode),
		IN_PLACE(test_file_copy_fd_keeps_holes),
		cmocka_unit_test(test_file_next_entry_tells_a_directory_that_cannot_be_read),
		cmocka_unit_test(test_file_memfd_data_is_sealed),
		cmocka_unit_test(test_file_close_from_keeps_what_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "build/context.h"
#include "os/file.h"
#include "os/spawn.h"

/* ---- addresses ---- */
static void test_git_address_table(void **state)
{
	static const struct { const char *in, *remote, *ref, *subdir; } cases[] = {
		{ "https://h/x.git", "https://h/x.git", NULL, NULL }, { "https://h/x.git#main", "https://h/x.git", "main", NULL },
		{ "https://h/x.git#main:a/b", "https://h/x.git", "main", "a/b" }, { "https://h/x.git#:a", "https://h/x.git", NULL, "a" },
		{ "https://h/x.git#:/a/", "https://h/x.git", NULL, "a" }, { "https://h/x.git#:.", "https://h/x.git", NULL, NULL },
		{ "https://h/x.git?ref=v1&subdir=a%2Fb", "https://h/x.git", "v1", "a/b" }, { "https://h/x?ref=v1", "https://h/x", "v1", NULL },
		{ "https://h/x.git?tag=v1#:a", "https://h/x.git", "v1", "a" }, { "git://h/x", "git://h/x", NULL, NULL },
		{ "ssh://git@h/x#r", "ssh://git@h/x", "r", NULL }, { "git@h:x/y.git#r:s", "git@h:x/y.git", "r", "s" },
		{ "github.com/a/b", "https://github.com/a/b", NULL, NULL }, { "https://h/x.git#refs/pull/1/head", "https://h/x.git", "refs/pull/1/head", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_git_address g = {};
		if (git_address_parse(cases[i].in, &g, &err) != 1)
			fail_msg("%s: %s", cases[i].in, err.text);
		if (!streq0(g.remote, cases[i].remote) || !streq0(g.ref, cases[i].ref) || !streq0(g.subdir, cases[i].subdir))
			fail_msg("%s: %s %s %s", cases[i].in, g.remote, g.ref, g.subdir);
	}
}

/* security-matrix I8, I9 */
static void test_git_address_refused(void **state)
{
	static const char *const bad[] = {
		"https://h/x.git#-x", "https://h/x.git#--upload-pack=touch", "https://h/x.git#a:../b", "https://h/x.git#a:b/../../c",
		"https://h/x.git?subdir=%2e%2e", "https://h/x.git?subdir=..%2Fx", "https://h/x.git#a..b", "https://h/x.git#a b", "https://h/x.git#a\nb",
		"https://h/x.git?ref=-x", "https://h/x.git?unknown=1", "https://h/x.git?ref=%00", "https://h/x.git?ref=%zz", "git://-oProxyCommand=x/y",
		"ssh://-oProxyCommand=x/y", "file:///etc", "ext::sh -c x", "EXT::sh", "git+ssh://h/x", "https://h/x.git#a@{1}", "https://h/x.git?commit=xyz",
		"https://h/x.git#:.git", "https://h/x.git?ref=a&subdir=.git/hooks", "ftp://h/x.git",
	}, *const other[] = { ".", "-", "dir", "/a/b", "https://h/x.tar.gz", "https://h/Containerfile", "http://h/x?y=z", "a@b", "-x@h:y", "docker-image://x" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = {};
		auto_git_address g = {};
		if (git_address_parse(bad[i], &g, &err) != -1)
			fail_msg("accepted: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		struct error err = {};
		auto_git_address g = {};
		if (git_address_parse(other[i], &g, &err) != 0)
			fail_msg("git: %s", other[i]);
	}
	assert_int_equal(add_source_kind("https://h/a.tar"), ADD_URL);
	assert_int_equal(add_source_kind("https://h/a.git#x"), ADD_GIT);
	assert_int_equal(add_source_kind("git@h:a"), ADD_GIT);
	assert_int_equal(add_source_kind("a@b:c"), ADD_PATH);
	assert_int_equal(add_source_kind("dir/https:"), ADD_PATH);
}

/* ---- contexts ---- */
struct box {
	char path[64];
	int fd, scratch;
	char scratch_path[80];
	struct context_options o;
};

static int setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));
	struct error err = {};

	*b = (struct box){ .path = "/tmp/umiak-test-context-XXXXXX" };
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(b->scratch_path, sizeof(b->scratch_path), "%s/scratch", b->path);
	if (mkdir(b->scratch_path, 0700) < 0 || file_mkdirs(b->fd, "ctx/sub", 0755, &err) < 0)
		return -1;
	b->scratch = openat(b->fd, "scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->o = (struct context_options){ .worker = getenv("UMIAK_WORKER"), .scratch_fd = b->scratch, .scratch_path = b->scratch_path, .stdin_fd = -1 };
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;
	struct error err = {};

	file_remove_tree(AT_FDCWD, b->path, &err);
	close(b->fd);
	close(b->scratch);
	free(b);
	return 0;
}

static void put(const struct box *b, const char *path, const char *text)
{
	struct error err = {};

	if (file_replace(b->fd, path, text, strlen(text), 0644, 0, &err) < 0)
		fail_msg("%s", err.text);
}

static void run(const struct box *b, const char *line)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)(uintptr_t)line, NULL };
	char *env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	struct spawn s = SPAWN_INIT;
	struct error err = {};
	int status;

	s.path = "/bin/sh";
	s.argv = argv;
	s.envp = env;
	s.cwd_fd = b->fd;
	if (spawn_run(&s, &(struct spawn_io){}, &status, &err) < 0 || status != 0)
		fail_msg("%s: %s (%d)", line, err.text, status);
}

static void open_context(const struct box *b, const char *name, struct build_context *c)
{
	struct error err = {};
	autofree char *spec = NULL;

	str_printf(&spec, &err, "%s/%s", b->path, name);
	if (build_context_open(&b->o, spec, c, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_directory(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context c = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {}, named = {}, inside = {};

	put(b, "ctx/Dockerfile", "FROM d\n");
	put(b, "ctx/sub/Containerfile", "FROM s\n");
	put(b, "ctx/.dockerignore", "a\n");
	open_context(b, "ctx", &c);
	assert_int_equal(c.kind, CONTEXT_TREE);
	assert_int_equal(build_context_read_file(&b->o, &c, NULL, NULL, &t, &err), 0);
	assert_string_equal(t.text, "FROM d\n");
	assert_string_equal(t.name, "Dockerfile");
	assert_int_equal(build_context_load_ignore(&c, NULL, &t, &err), 0);
	assert_int_equal(ignore_check(c.ignore, "a"), IGNORE_PRUNE);
	assert_int_equal(build_context_read_file(&b->o, &c, "sub", NULL, &inside, &err), 0);
	assert_string_equal(inside.text, "FROM s\n");
	assert_int_equal(build_context_read_file(&b->o, &c, "none", NULL, &named, &err), -1);
	assert_non_null(strstr(err.text, "does not exist, none"));
}

static void test_containerfile_is_preferred_and_its_own_ignore(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context c = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {};

	put(b, "ctx/Dockerfile", "FROM d\n");
	put(b, "ctx/Containerfile", "FROM c\n");
	put(b, "ctx/.containerignore", "a\n");
	put(b, "ctx/Containerfile.dockerignore", "b\n");
	open_context(b, "ctx", &c);
	assert_int_equal(build_context_read_file(&b->o, &c, NULL, NULL, &t, &err), 0);
	assert_string_equal(t.text, "FROM c\n");
	assert_int_equal(build_context_load_ignore(&c, NULL, &t, &err), 0);
	assert_true(*c.ignore_name == '/' && str_ends(c.ignore_name, "/ctx/Containerfile.dockerignore"));
}

/* security-matrix I10: links to files of the host, in the context of a stranger. */
static void test_links_out_of_the_context(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context c = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {};

	put(b, "secret", "FROM secret\n");
	run(b, "ln -s ../secret ctx/Containerfile && ln -s /etc/passwd ctx/.containerignore");
	open_context(b, "ctx", &c);
	assert_int_equal(build_context_read_file(&b->o, &c, NULL, NULL, &t, &err), -1);
	assert_non_null(strstr(err.text, "leads out of the context"));
	assert_int_equal(build_context_load_ignore(&c, NULL, NULL, &err), -1);
	assert_null(c.ignore);
	run(b, "rm ctx/Containerfile && echo FROM in >ctx/real && ln -s /real ctx/Containerfile");   /* control */
	assert_int_equal(build_context_read_file(&b->o, &c, NULL, NULL, &t, &err), 0);
	assert_string_equal(t.text, "FROM in\n");
}

static void test_archives(void **state)
{
	static const char *const lines[] = {
		"tar -C ctx -cf a .", "tar -C ctx -czf a .", "tar -C ctx -cJf a .", "tar -C ctx -cjf a .", "tar -C ctx -c . | zstd -q >a",
	};
	struct box *b = *state;

	put(b, "ctx/Containerfile", "FROM c\n");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct error err = {};
		auto_build_context c = BUILD_CONTEXT_INIT;
		auto_containerfile_text t = {};
		run(b, lines[i]);
		open_context(b, "a", &c);
		assert_true(c.scratch);
		if (build_context_read_file(&b->o, &c, NULL, NULL, &t, &err) < 0)
			fail_msg("%s: %s", lines[i], err.text);
		assert_string_equal(t.text, "FROM c\n");
	}
}

static void test_stdin(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context tree = BUILD_CONTEXT_INIT, text = BUILD_CONTEXT_INIT, none = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {};

	put(b, "ctx/Containerfile", "FROM c\n");
	run(b, "tar -C ctx -czf a .");
	autoclose int archive = openat(b->fd, "a", O_RDONLY), file = openat(b->fd, "ctx/Containerfile", O_RDONLY);
	b->o.stdin_fd = archive;
	assert_int_equal(build_context_open(&b->o, "-", &tree, &err), 0);
	assert_int_equal(tree.kind, CONTEXT_TREE);
	b->o.stdin_fd = file;
	assert_int_equal(build_context_open(&b->o, "-", &text, &err), 0);
	assert_int_equal(text.kind, CONTEXT_NONE);
	assert_int_equal(build_context_read_file(&b->o, &text, NULL, NULL, &t, &err), 0);
	assert_string_equal(t.text, "FROM c\n");
	b->o.named = true;
	assert_int_equal(build_context_open(&b->o, "-", &none, &err), -1);
}

static void test_named_kinds(void **state)
{
	static const struct { const char *spec; int kind; const char *image; } cases[] = {
		{ "docker-image://busybox:1", CONTEXT_IMAGE, "busybox:1" }, { "container-image://q/x", CONTEXT_IMAGE, "q/x" },
		{ "oci-layout:///d:tag", CONTEXT_OCI_LAYOUT, "/d:tag" },
	};
	struct box *b = *state;

	b->o.named = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_build_context c = BUILD_CONTEXT_INIT;
		assert_int_equal(build_context_open(&b->o, cases[i].spec, &c, &err), 0);
		assert_int_equal(c.kind, cases[i].kind);
		assert_string_equal(c.image, cases[i].image);
	}
}

static void test_no_archive_is_left_alone(void **state)
{
	struct box *b = *state;
	struct error err = {};

	run(b, "echo text | gzip >g; echo text | xz >x; head -c 2000 /dev/zero >z; mkdir scratch/to");
	autoclose int to = openat(b->scratch, "to", O_RDONLY | O_DIRECTORY);
	for (const char *const *name = (const char *const[]){ "g", "x", "z", NULL }; *name; name++) {
		autoclose int fd = openat(b->fd, *name, O_RDONLY);
		assert_int_equal(add_unpack(&b->o, fd, *name, to, &err), 0);
	}
	auto_build_context c = BUILD_CONTEXT_INIT;
	autofree char *spec = NULL;
	put(b, "ctx/file", "FROM x\n");
	str_printf(&spec, &err, "%s/ctx/file", b->path);
	assert_int_equal(build_context_open(&b->o, spec, &c, &err), -1);
	assert_non_null(strstr(err.text, "must be a directory or a tar archive"));
}

/* security-matrix I8: an archive's names and links stay inside. */
static void test_hostile_archive(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context c = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {};

	run(b, "cd ctx && ln -s /etc link && ln -s .. up && cd .. && tar -C ctx -cf a link up");
	open_context(b, "a", &c);
	assert_int_equal(build_context_read_file(&b->o, &c, "link/passwd", NULL, &t, &err), -1);
	assert_int_equal(build_context_read_file(&b->o, &c, "up/up/up/etc/passwd", NULL, &t, &err), -1);
}

static void test_cpp(void **state)
{
	struct box *b = *state;
	struct error err = {};
	auto_build_context c = BUILD_CONTEXT_INIT, fetched = BUILD_CONTEXT_INIT;
	auto_containerfile_text t = {};

	put(b, "ctx/Containerfile.in", "#include \"part\"\nRUN X\n");
	put(b, "ctx/part", "FROM p\n#define X y\n");
	open_context(b, "ctx", &c);
	if (build_context_read_file(&b->o, &c, "Containerfile.in", NULL, &t, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(t.text, "\nFROM p\n"));
	assert_non_null(strstr(t.text, "\nRUN y\n"));
	run(b, "tar -C ctx -cf a .");
	open_context(b, "a", &fetched);
	containerfile_text_done(&t);
	assert_int_equal(build_context_read_file(&b->o, &fetched, "Containerfile.in", NULL, &t, &err), -1);
	assert_non_null(strstr(err.text, "may not use cpp"));
}

#define BOXED(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_git_address_table), cmocka_unit_test(test_git_address_refused), BOXED(test_directory),
		BOXED(test_containerfile_is_preferred_and_its_own_ignore), BOXED(test_links_out_of_the_context), BOXED(test_archives),
		BOXED(test_stdin), BOXED(test_named_kinds), BOXED(test_no_archive_is_left_alone), BOXED(test_hostile_archive), BOXED(test_cpp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

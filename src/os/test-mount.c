/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/mount, os/ns, os/caps and os/self: option words always, mounts as root in a private mount namespace. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "os/caps.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/mount.h"
#include "os/ns.h"
#include "os/path.h"
#include "os/self.h"

static struct mount_flags parse_all(const char *words)
{
	struct mount_flags f = { 0 };
	auto_strv l = { 0 };
	struct error err;

	assert_int_equal(strv_split(&l, words, ',', &err), 0);
	for (size_t i = 0; i < l.n; i++)
		if (mount_flag_parse(l.v[i], &f, &err) != 1)
			fail_msg("%s", l.v[i]);
	return f;
}

static void test_mount_words_become_flags(void **state)
{
	struct mount_flags f = parse_all("nosuid,nodev,noexec,ro");
	struct error err;

	assert_int_equal(f.attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
	assert_true(f.super_ro);
	f = parse_all("ro,rw,nosuid,suid");
	assert_int_equal(f.attr_set, 0);
	assert_int_equal(f.attr_clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	assert_false(f.super_ro);
	f = parse_all("suid,nosuid");
	assert_int_equal(f.attr_set, MOUNT_ATTR_NOSUID);
	assert_int_equal(f.attr_clear, 0);
	f = parse_all("rbind,rro,rnosuid,rprivate");
	assert_true(f.rbind);
	assert_int_equal(f.rec_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	assert_int_equal(f.attr_set, 0);
	assert_int_equal(f.propagation, MS_PRIVATE);
	assert_true(f.propagation_rec);
	f = parse_all("noatime,strictatime");
	assert_int_equal(f.attr_set, MOUNT_ATTR_STRICTATIME);
	assert_int_equal(f.attr_clear, MOUNT_ATTR__ATIME);
	f = (struct mount_flags){ 0 };
	assert_int_equal(mount_flag_parse("idmap=uids=0-1-10", &f, &err), 1);
	assert_true(f.idmap);
	assert_string_equal(f.idmap_text, "uids=0-1-10");
	assert_int_equal(mount_flag_parse("size=64k", &f, &err), 0);
	assert_int_equal(mount_flag_parse("idmap=", &f, &err), -1);
	for (size_t i = 0; mount_flag_word(i); i++) {
		struct mount_flags any = { 0 };
		assert_int_equal(mount_flag_parse(mount_flag_word(i), &any, &err), 1);
	}
}

static void test_mountinfo_parse_unescapes(void **state)
{
	static const char text[] =
		"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
		"30 22 0:25 /sub\\040dir /mnt/a\\134b rw master:3 propagate_from:2 - tmpfs tmpfs rw,size=1k\n"
		"31 22 0:26 / /mnt rw - proc proc rw\n";
	auto_mountinfo l = { 0 };
	struct error err;

	assert_int_equal(mountinfo_parse(text, &l, &err), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[1].root, "/sub dir");
	assert_string_equal(l.v[1].target, "/mnt/a\\b");
	assert_string_equal(l.v[1].optional, "master:3 propagate_from:2");
	assert_string_equal(l.v[2].optional, "");
	assert_string_equal(mountinfo_find(&l, "/mnt/x")->fstype, "proc");
	assert_string_equal(mountinfo_find(&l, "/mntx")->fstype, "ext4");
	assert_int_equal(mountinfo_parse("nonsense\n", &l, &err), -1);
	assert_int_equal(mountinfo_parse("1 2 3:4 / / rw ext4\n", &l, &err), -1);
	assert_int_equal(mountinfo_load(0, &l, &err), 0);
	assert_non_null(mountinfo_find(&l, "/"));
}

/* Runs the function in a child with a mount namespace of its own. */
static void in_mount_namespace(int (*fn)(struct error *err))
{
	struct error err = { .text = "" };
	int status, fds[2];

	if (geteuid() != 0 || !caps_have(CAP_SYS_ADMIN))
		skip();
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int r = unshare(CLONE_NEWNS) < 0 || mount_set_propagation("/", MS_PRIVATE, true, &err) < 0 ? 90 : fn(&err);
		if (write(fds[1], err.text, strlen(err.text) + 1) < 0)
			_exit(91);
		_exit(r);
	}
	close(fds[1]);
	assert_true(read(fds[0], err.text, sizeof(err.text)) >= 0);
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (status != 0)
		fail_msg("step %d: %s", WEXITSTATUS(status), err.text);
}

static int attach_and_pivot(struct error *err)
{
	struct mount_new tmpfs = { .fstype = "tmpfs", .source = "x", .data = "mode=755,size=64k", .attrs = MOUNT_ATTR_NODEV };
	struct mount_new wrong = { .fstype = "tmpfs", .data = "colour=blue" };
	struct mount_flags ro = parse_all("ro,nosuid,rprivate");
	struct mount_stat st;
	autoclose int m = mount_new(&tmpfs, err);

	if (m < 0 || mount_new(&wrong, err) >= 0 || !strstr(err->text, "colour"))
		return 1;
	if (mkdirat(m, "sub", 0755) < 0 || mkdirat(m, "old", 0755) < 0)
		return 2;
	autoclose int inner = mount_new(&tmpfs, err);
	autoclose int target = path_open_in_root(m, "sub", (struct path_open){ .oflags = O_PATH }, err);
	/* before it is attached: below a detached tree the kernel refuses changes */
	if (mount_apply_flags(inner, &ro, err) < 0)
		return 8;
	autoclose int seen = mount_attach_verified(inner, m, "sub", target, err);
	if (seen < 0 || mkdirat(inner, "x", 0755) == 0 || errno != EROFS)
		return 3;
	autoclose int where = open("/mnt", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount_attach(m, where, err) < 0 || mount_stat(inner, &st, err) < 0)
		return 4;
	if (!(st.attrs & MOUNT_ATTR_RDONLY) || !(st.attrs & MOUNT_ATTR_NOSUID) || st.sb_magic != TMPFS_MAGIC)
		return 5;
	if (mount_pivot(m, err) < 0 || path_verify_cwd(err) < 0)
		return 6;
	if (access("/sub", F_OK) < 0 || access("/etc", F_OK) == 0)
		return 7;
	return 0;
}

static void test_mount_attach_and_pivot(void **state)
{
	in_mount_namespace(attach_and_pivot);
}

static int exchange_is_noticed(struct error *err)
{
	struct mount_new tmpfs = { .fstype = "tmpfs" };
	autoclose int root = mount_new(&tmpfs, err);
	autoclose int m = mount_new(&tmpfs, err);

	mkdirat(root, "a", 0755);
	mkdirat(root, "b", 0755);
	autoclose int target = openat(root, "a", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* A1: between opening the target and mounting, the name becomes another directory */
	if (renameat2(root, "a", root, "b", RENAME_EXCHANGE) < 0)
		return 1;
	if (mount_attach_verified(m, root, "a", target, err) >= 0 || err->kind != ERROR_DENIED)
		return 2;
	return 0;
}

static void test_mount_attach_notices_an_exchanged_path(void **state)
{
	in_mount_namespace(exchange_is_noticed);
}

static int idmapped_bind(struct error *err)
{
	struct idmap_pair map = { .uids = { .n = 0 } };
	struct mount_new tmpfs = { .fstype = "tmpfs" };
	struct mount_attrs attrs = MOUNT_ATTRS_INIT;
	struct stat st;
	autoclose int m = mount_new(&tmpfs, err);
	autoclose int where = open("/mnt", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (mount_attach(m, where, err) < 0 || idmap_parse(&map.uids, "0:100000:1000", false, err) < 0 ||
	    idmap_parse(&map.gids, "0:100000:1000", false, err) < 0)
		return 1;
	autoclose int userns = idmap_make_userns(&map, err);
	autoclose int copy = mount_clone(AT_FDCWD, "/mnt", true, err);
	attrs.idmap_fd = userns;
	if (userns < 0 || copy < 0 || mount_set_attrs(copy, attrs, err) < 0)
		return 2;
	if (fstat(copy, &st) < 0 || st.st_uid != 100000)
		return 3;
	return 0;
}

static void test_mount_idmapped_bind_shows_mapped_owners(void **state)
{
	in_mount_namespace(idmapped_bind);
}

/* ---- namespaces and capabilities ---- */

static void test_ns_kinds_have_names(void **state)
{
	enum ns_kind k;
	struct error err;

	assert_true(ns_kind_parse("network", &k) && k == NS_NET);
	assert_true(ns_kind_parse("net", &k) && k == NS_NET);
	assert_true(ns_kind_parse("mnt", &k) && k == NS_MOUNT);
	assert_false(ns_kind_parse("x", &k));
	for (int i = 0; i < NS_KIND_MAX; i++) {
		char path[64];
		autoclose int fd = ns_open(0, i, &err);
		if (fd < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_info(i)->proc);
		autoclose int by_path = ns_open_path(path, i, &err);
		assert_true(by_path >= 0 && ns_same(fd, by_path));
		assert_int_equal(ns_open_path(path, i == NS_IPC ? NS_UTS : NS_IPC, &err), -1);
	}
	assert_int_equal(ns_open_path("/etc/passwd", NS_IPC, &err), -1);
}

static void test_caps_names_are_exact(void **state)
{
	static const struct { const char *name; int number; } cases[] = {
		{ "CAP_CHOWN", 0 }, { "chown", 0 }, { "Cap_Sys_Admin", 21 }, { "NET_RAW", 13 }, { "CHECKPOINT_RESTORE", 40 },
		{ "", -1 }, { "CAP_", -1 }, { "CAP_CAP_CHOWN", -1 }, { "SYS_ADMIN ", -1 }, { "SYSADMIN", -1 }, { "42", -1 },
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		capset set = 0;
		int r = caps_parse(cases[i].name, &set, &err);
		assert_int_equal(r, cases[i].number < 0 ? -1 : 0);
		assert_int_equal(set, cases[i].number < 0 ? 0 : UINT64_C(1) << cases[i].number);
	}
	capset all = 0;
	assert_int_equal(caps_parse("all", &all, &err), 0);
	assert_int_equal(all, caps_all());
	assert_int_equal(__builtin_popcountll(caps_default()), 11);
	assert_string_equal(caps_name(21), "CAP_SYS_ADMIN");
	assert_null(caps_name(64));
}

/* As a runtime does it: bounding, identity, the rest. Exit code: what is wrong. */
static int become(uid_t uid, const struct caps *want)
{
	struct caps got;
	struct error err;

	if (caps_apply_bounding(want, &err) < 0)
		return 1;
	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return 2;
	if (caps_apply(want, false, &err) < 0 || caps_get(&got, &err) < 0)
		return 3;
	return memcmp(&got, want, sizeof(got)) == 0 ? 0 : 4;
}

static void test_caps_apply_sets_exactly(void **state)
{
	const capset some = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_KILL;
	const struct { uid_t uid; struct caps c; } cases[] = {
		{ 0, { .bounding = some, .permitted = some, .effective = some } },
		{ 65533, { .bounding = some } },
		{ 65533, { some, some, some, some, UINT64_C(1) << CAP_KILL } },
	};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(become(cases[i].uid, &cases[i].c));
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

static void test_self_file_cannot_be_written(void **state)
{
	struct error err;
	char link[64];
	autoclose int fd = self_open_protected("/proc/self/exe", &err);

	assert_true(fd >= 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_int_equal(open(link, O_WRONLY), -1);
	assert_int_equal(open(link, O_RDWR), -1);
	assert_false(self_is_protected());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mount_words_become_flags),
		cmocka_unit_test(test_mountinfo_parse_unescapes),
		cmocka_unit_test(test_mount_attach_and_pivot),
		cmocka_unit_test(test_mount_attach_notices_an_exchanged_path),
		cmocka_unit_test(test_mount_idmapped_bind_shows_mapped_owners),
		cmocka_unit_test(test_ns_kinds_have_names),
		cmocka_unit_test(test_caps_names_are_exact),
		cmocka_unit_test(test_caps_apply_sets_exactly),
		cmocka_unit_test(test_self_file_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

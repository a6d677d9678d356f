/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/test.h"
#include "resolver/zone.h"

static void put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Networks a and b; x is in both, y only in b, z only in a. */
static int make_tree(char *path)
{
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(mkdirat(dir, "a", 0700) | mkdirat(dir, "b", 0700), 0);
	put(dir, "a/listen", "address 10.0.0.1\nsubnet 10.0.0.0/23\nport 5300\nforward 192.0.2.1\nfuture thing\n");
	put(dir, "b/listen", "address fd00::1\nsubnet fd00::/64\nport 5300\ninternal yes\n");
	put(dir, "a/x", "ip 10.0.0.2\nname x\nname Alias\n");
	put(dir, "a/z", "ip 10.0.0.3\nname z\ndns 192.0.2.7\n");
	put(dir, "b/x", "ip fd00::2\nname x\n");
	put(dir, "b/y", "ip fd00::3\nname y\n");
	put(dir, "lock", "");
	return dir;
}

static void remove_tree(const char *path, int dir)
{
	static const char *const files[] = { "a/listen", "b/listen", "a/x", "a/z", "b/x", "b/y", "lock" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlinkat(dir, files[i], 0);
	unlinkat(dir, "a", AT_REMOVEDIR);
	unlinkat(dir, "b", AT_REMOVEDIR);
	close(dir);
	rmdir(path);
}

static void count(void *arg, const struct zone_member *m)
{
	*(size_t *)arg += m->n_addrs;
}

static size_t find(struct zone *z, const char *network, const char *asker, const char *name)
{
	struct zone_network *n = zone_find(z, network);
	const struct zone_member *who = NULL;
	struct dns_name want;
	size_t addrs = 0;

	for (size_t i = 0; asker && i < n->n_members; i++)
		if (strcmp(n->members[i].id, asker) == 0)
			who = &n->members[i];
	assert_true(dns_name_from_text(name, strlen(name), &want));
	zone_by_name(z, n, who, &want, count, &addrs);
	return addrs;
}

static void test_zone_members_see_their_own_networks(void **state)
{
	char path[] = "/tmp/test-zone-XXXXXX";
	int dir = make_tree(path);
	struct zone z = {};

	assert_int_equal(zone_scan(&z, dir), 0);
	assert_int_equal(z.n_networks, 2);
	assert_int_equal(zone_count_members(&z), 4);
	assert_int_equal(find(&z, "a", "x", "alias"), 1);
	assert_int_equal(find(&z, "a", "x", "y"), 1);      /* x is in b, too */
	assert_int_equal(find(&z, "a", "z", "y"), 0);
	assert_int_equal(find(&z, "a", NULL, "y"), 0);
	assert_int_equal(find(&z, "b", "x", "x"), 2);      /* both of its addresses */
	const struct zone_network *a = zone_find(&z, "a"), *b = zone_find(&z, "b");
	assert_int_equal(a->port, 5300);
	assert_int_equal(a->n_servers, 1);
	assert_false(a->internal);
	assert_true(b->internal);
	assert_true(zone_has_addr(a, &(struct dns_addr){ 4, { 10, 0, 1, 9 } }));
	assert_false(zone_has_addr(a, &(struct dns_addr){ 4, { 10, 0, 2, 9 } }));
	assert_false(zone_has_addr(b, &(struct dns_addr){ 4, { 10, 0, 1, 9 } }));
	zone_done(&z);
	remove_tree(path, dir);
}

static void test_zone_follows_files(void **state)
{
	char path[] = "/tmp/test-zone-XXXXXX";
	int dir = make_tree(path), sub;
	struct zone z = {};

	assert_int_equal(zone_scan(&z, dir), 0);
	sub = openat(dir, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unlinkat(dir, "a/z", 0);
	put(dir, "a/x", "ip 10.0.0.9\nname renamed\n");
	zone_update(zone_find(&z, "a"), sub, "z");
	zone_update(zone_find(&z, "a"), sub, "x");
	zone_update(zone_find(&z, "a"), sub, ".tmp-x");
	assert_int_equal(find(&z, "a", NULL, "z"), 0);
	assert_int_equal(find(&z, "a", NULL, "x"), 0);
	assert_int_equal(find(&z, "a", NULL, "renamed"), 1);
	close(sub);
	unlinkat(dir, "b/listen", 0);
	unlinkat(dir, "b/x", 0);
	unlinkat(dir, "b/y", 0);
	unlinkat(dir, "b", AT_REMOVEDIR);
	assert_int_equal(zone_scan(&z, dir), 0);
	assert_int_equal(z.n_networks, 1);
	zone_done(&z);
	remove_tree(path, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zone_members_see_their_own_networks),
		cmocka_unit_test(test_zone_follows_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

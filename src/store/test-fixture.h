/* SPDX-License-Identifier: Apache-2.0
 * store/test-fixture.h - (tests) a private store with a few images in it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "os/file.h"
#include "os/ns.h"
#include "store/internal.h"
#include "store/rootfs.h"

#include <cmocka.h>   /* last: its fail() is a macro */

struct fixture {
	char dir[64], root[96], runroot[96];
	struct store *store;
	struct error err;
};

#define OK(expr)                                                                       \
	do {                                                                           \
		if ((expr) < 0)                                                        \
			fail_msg("%s: %s", #expr, fx->err.text);                       \
	} while (0)
#define EQ(a, b) assert_int_equal(a, b)

static inline void fixture_open(struct fixture *fx)
{
	const struct store_options o = { .root = fx->root, .runroot = fx->runroot, .no_sync = true,
					 .userxattr = !ns_in_initial_user() };

	OK(store_open(&o, &fx->store, &fx->err));
}

static inline void fixture_close(struct fixture *fx)
{
	store_close(fx->store);
	fx->store = NULL;
}

static inline void fixture_reopen(struct fixture *fx)
{
	fixture_close(fx);
	fixture_open(fx);
}

/* A reboot: the run database of "this epoch" is gone. */
static inline void fixture_reboot(struct fixture *fx)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", fx->runroot, fx->store->run_name);
	fixture_close(fx);
	unlink(path);
	fixture_open(fx);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	snprintf(fx->dir, sizeof(fx->dir), "/var/tmp/umiak-test-store-XXXXXX");
	if (!mkdtemp(fx->dir))
		return -1;
	snprintf(fx->root, sizeof(fx->root), "%s/root", fx->dir);
	snprintf(fx->runroot, sizeof(fx->runroot), "%s/run", fx->dir);
	fixture_open(fx);
	*state = fx;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fx = *state;

	fixture_close(fx);
	file_remove_tree(AT_FDCWD, fx->dir, &fx->err);
	free(fx);
	return 0;
}

/* "sha256:" and 64 times the digit, with a number in front: a digest as good as any. */
static inline const char *fake_digest(char out[72], char kind, unsigned n)
{
	snprintf(out, 72, "sha256:%c%07x%056d", kind, n, 0);
	return out;
}

static inline void write_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Layer n holds the files etc/layer-n ("n") and common ("n"). */
static inline void add_layer(struct fixture *fx, struct stage *st, unsigned n)
{
	struct stage_layer l = STAGE_LAYER_INIT;
	char digest[72], name[32], text[16];

	OK(stage_layer_begin(st, &l, &fx->err));
	mkdirat(l.tree_fd, "etc", 0755);
	snprintf(name, sizeof(name), "etc/layer-%u", n);
	snprintf(text, sizeof(text), "%u", n);
	write_at(l.tree_fd, name, text);
	write_at(l.tree_fd, "common", text);
	const struct stage_layer_info info = { .diff_id = fake_digest(digest, 'd', n), .bytes = -1, .entries = -1 };
	OK(stage_layer_commit(&l, &info, &fx->err));
}

/* Image n: layers 0..layers-1, its own config and manifest, one name. ret_id may be NULL. */
static inline void add_image(struct fixture *fx, unsigned n, unsigned layers, const char *name, char ret_id[65])
{
	auto_stage *st = NULL;
	auto_strv names = { 0 };
	char manifest[72], config[72], id[65], diff[8][72];
	struct store_image_layer v[8] = { 0 };

	OK(stage_begin(fx->store, "test", &st, &fx->err));
	for (unsigned i = 0; i < layers; i++) {
		add_layer(fx, st, i);
		v[i].diff_id = (char *)fake_digest(diff[i], 'd', i);
	}
	OK(stage_blob_add(st, fake_digest(manifest, 'a', n), "{}", 2, &fx->err));
	OK(stage_blob_add(st, fake_digest(config, 'c', n), "{\"os\":\"linux\"}", 14, &fx->err));
	if (name)
		OK(strv_add(&names, name, &fx->err));
	const struct store_image_new i = { .manifest = manifest, .config_digest = config, .names = &names, .created = n + 1,
					   .layers = v, .n_layers = layers };
	OK(store_image_commit(st, &i, id, &fx->err));
	if (ret_id)
		memcpy(ret_id, id, 65);
}

static inline void add_container(struct fixture *fx, const char *name, const char *image, bool transient, char ret_id[65])
{
	struct container_record r = { .name = (char *)name, .image_id = (char *)image, .transient = transient,
				      .params = (char *)"{\"x\":1}", .command = (char *)"true" };

	OK(store_container_create(fx->store, &r, &fx->err));
	if (ret_id)
		memcpy(ret_id, r.id, 65);
}

static inline bool exists(struct fixture *fx, const char *path)
{
	return faccessat(fx->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline int count_entry(void *arg, int dir, const char *name, struct error *err)
{
	++*(int *)arg;
	return 0;
}

static inline int count_dir(struct fixture *fx, int dirfd, const char *path)
{
	int n = 0;

	OK(dir_each(dirfd, path, count_entry, &n, &fx->err));
	return n;
}

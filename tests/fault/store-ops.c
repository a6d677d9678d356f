/* SPDX-License-Identifier: Apache-2.0
 * tests/fault/store-ops.c - store-ops ROOT RUNROOT OPERATION...: one operation on a store after the other.
 *
 * Each prints "ack OPERATION" when it has returned; `state` prints what the store shows; `verify` fails (1) when the
 * store's own check finds anything or anything is left in staging/. Operations work on fixed names, so that a script can
 * kill one anywhere, look, and do it again: doing what is done already is success here. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "os/file.h"
#include "store/check.h"
#include "store/container.h"
#include "store/image.h"
#include "store/rootfs.h"
#include "store/stage.h"

struct op {
	const char *name;
	int (*run)(struct store *s, struct error *err);
};

static void digest(char out[72], char kind, unsigned n)
{
	snprintf(out, 72, "sha256:%c%07x%056d", kind, n, 0);
}

/* ---- images ---- */
static int write_file(int dir, const char *name, const char *text, struct error *err)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(err, "%s", name);
	return file_write_all(fd, text, strlen(text), err);
}

static int make_layer(struct stage *st, unsigned n, struct error *err)
{
	auto_stage_layer l = STAGE_LAYER_INIT;
	char id[72], name[32];

	digest(id, 'd', n);
	TRY(stage_lease(st, id, -1, err));
	int have = stage_pin_layer(st, id, err);
	if (have)
		return have < 0 ? -1 : 0;
	TRY(stage_layer_begin(st, &l, err));
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "file-%u-%u", n, i);
		TRY(write_file(l.tree_fd, name, "some bytes that must survive\n", err));
	}
	const struct stage_layer_info info = { .diff_id = id, .bytes = -1, .entries = -1 };
	return stage_layer_commit(&l, &info, err);
}

static int load(struct store *s, unsigned n, unsigned first, const char *name, struct error *err)
{
	auto_stage *st = NULL;
	auto_strv names = { 0 };
	char manifest[72], config[72], id[65], diff[2][72];
	struct store_image_layer layers[2] = { { .diff_id = diff[0] }, { .diff_id = diff[1] } };

	TRY(strv_add(&names, name, err));
	digest(manifest, 'a', n);
	digest(config, 'c', n);
	TRY(stage_begin(s, "load", &st, err));
	for (unsigned i = 0; i < 2; i++) {
		digest(diff[i], 'd', first + i);
		TRY(make_layer(st, first + i, err));
	}
	TRY(stage_blob_add(st, manifest, "{}", 2, err));
	TRY(stage_blob_add(st, config, "{}", 2, err));
	const struct store_image_new image = { .manifest = manifest, .config_digest = config, .names = &names,
					       .created = n, .layers = layers, .n_layers = 2 };
	return store_image_commit(st, &image, id, err);
}

static int op_load(struct store *s, struct error *err) { return load(s, 1, 1, "localhost/one:latest", err); }
/* shares a layer with the first */
static int op_load2(struct store *s, struct error *err) { return load(s, 2, 2, "localhost/two:latest", err); }
/* takes the name of the first */
static int op_reload(struct store *s, struct error *err) { return load(s, 3, 1, "localhost/one:latest", err); }

static int image_id(struct store *s, const char *name, char id[65], struct error *err)
{
	auto_store_image i = { 0 };

	int r = store_image_find(s, name, NULL, 0, &i, NULL, err);
	if (r == 1)
		memcpy(id, i.id, 65);
	return r ? r : fail(err, ERROR_NOT_FOUND, "%s: image not known", name);
}

static int op_tag(struct store *s, struct error *err)
{
	char id[65];

	TRY(image_id(s, "one", id, err));
	return store_image_tag(s, id, "localhost/tagged:v1", err);
}

static int op_untag(struct store *s, struct error *err)
{
	char id[65];

	TRY(image_id(s, "one", id, err));
	return store_image_untag(s, id, "localhost/tagged:v1", err) < 0 ? -1 : 0;
}

static int op_rmi(struct store *s, struct error *err)
{
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 };
	auto_store_image i = { 0 };

	int there = store_image_find(s, "two", NULL, 0, &i, NULL, err);
	return there == 1 ? store_image_remove(s, i.id, &r, err) : there;
}

/* ---- containers ---- */
static int create(struct store *s, const char *name, bool transient, struct error *err)
{
	char image[65];
	auto_container c = { 0 };
	struct container_record r = { .name = (char *)name, .image_id = image, .transient = transient,
				      .params = (char *)"{\"a\":1}" };

	int there = store_container_find(s, name, 0, &c, err);
	if (there)
		return there < 0 ? -1 : 0;
	TRY(image_id(s, "one", image, err));
	return store_container_create(s, &r, err);
}

static int op_create(struct store *s, struct error *err) { return create(s, "durable", false, err); }
static int op_create_rm(struct store *s, struct error *err) { return create(s, "transient", true, err); }

static int op_rename(struct store *s, struct error *err)
{
	auto_container c = { 0 };
	auto_lock l = LOCK_INIT;

	int there = store_container_find(s, "durable", 0, &c, err);
	if (there != 1)
		return there;
	TRY(store_container_lock(s, c.record.id, -1, &l, err));
	return store_container_rename(s, c.record.id, "renamed", err);
}

static int op_update(struct store *s, struct error *err)
{
	auto_container c = { 0 };
	auto_lock l = LOCK_INIT;
	const struct container_record changes = { .params = (char *)"{\"a\":2}" };

	TRY(store_container_get(s, "durable", 0, &c, err));
	TRY(store_container_lock(s, c.record.id, -1, &l, err));
	return store_container_update(s, c.record.id, &changes, err);
}

static int op_exit(struct store *s, struct error *err)
{
	auto_container c = { 0 };
	const struct container_change end = { .set = CONTAINER_SET_STATE | CONTAINER_SET_EXIT,
		.to = { .state = CONTAINER_EXITED, .exited = true, .exit_code = 7 } };

	TRY(store_container_get(s, "durable", 0, &c, err));
	return store_container_change(s, c.record.id, &end, NULL, err) < 0 ? -1 : 0;
}

static int remove_named(struct store *s, const char *name, struct error *err)
{
	auto_container c = { 0 };
	auto_lock l = LOCK_INIT;

	int there = store_container_find(s, name, 0, &c, err);
	if (there != 1)
		return there;
	TRY(store_container_lock(s, c.record.id, -1, &l, err));
	return store_container_remove(s, c.record.id, err) < 0 ? -1 : 0;
}

static int op_rm(struct store *s, struct error *err) { return remove_named(s, "durable", err); }
static int op_rm_rm(struct store *s, struct error *err) { return remove_named(s, "transient", err); }

static int op_mount(struct store *s, struct error *err)
{
	auto_container c = { 0 };
	autofree char *where = NULL;

	TRY(store_container_get(s, "durable", 0, &c, err));
	TRY(store_rootfs_mount(s, &c, &where, err));
	return store_rootfs_unmount(s, c.record.id, true, err) < 0 ? -1 : 0;
}

/* ---- looking ---- */
static int op_state(struct store *s, struct error *err)
{
	auto_store_image_list images = { 0 };
	auto_container_list containers = { 0 };

	TRY(store_image_list(s, STORE_IMAGE_ALL, &images, err));
	TRY(store_container_list(s, &(struct container_query){ .want = CONTAINER_PARAMS }, &containers, err));
	for (size_t i = 0; i < images.n; i++) {
		autofree char *names = strv_join(&images.v[i].names, " ");
		printf("image %.8s layers %zu names %s\n", images.v[i].id, images.v[i].n_layers, names);
	}
	for (size_t i = 0; i < containers.n; i++)
		printf("container %s %s exit %d params %s\n", containers.v[i].record.name,
		       container_state_name(containers.v[i].status.state), containers.v[i].status.exit_code,
		       containers.v[i].record.params);
	return 0;
}

static int count_stages(struct store *s)
{
	struct stat st;

	return fstatat(store_root_fd(s), "staging", &st, 0) < 0 ? -1 : (int)st.st_nlink - 2;
}

static int op_verify(struct store *s, struct error *err)
{
	auto_check_report r = { 0 };
	const struct check_options o = { .full = true, .repair = true, .max_age_ns = 1 };

	if (count_stages(s) != 0)
		return fail(err, ERROR_STATE, "something is left in staging/");
	TRY(store_check(s, &o, &r, err));
	for (size_t i = 0; i < r.n; i++)
		fprintf(stderr, "problem: %s: %s\n", r.v[i].name, r.v[i].text);
	return r.n ? fail(err, ERROR_CORRUPT, "%zu problems", r.n) : 0;
}

static const struct op ops[] = {
	{ "load", op_load }, { "load2", op_load2 }, { "reload", op_reload }, { "tag", op_tag }, { "untag", op_untag },
	{ "rmi", op_rmi }, { "create", op_create }, { "create-rm", op_create_rm }, { "rename", op_rename },
	{ "update", op_update }, { "exit", op_exit }, { "rm", op_rm }, { "rm-rm", op_rm_rm }, { "mount", op_mount },
	{ "state", op_state }, { "verify", op_verify },
};

static int run(const char *root, const char *runroot, const char *name, struct error *err)
{
	auto_store *s = NULL;
	/* STORE_OPS_NO_SYNC: the control of the power-cut test, which must then find losses */
	const struct store_options o = { .root = root, .runroot = runroot, .no_sync = getenv("STORE_OPS_NO_SYNC") != NULL };

	TRY(store_open(&o, &s, err));
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (!streq(name, ops[i].name))
			continue;
		TRY(ops[i].run(s, err));
		if (ops[i].run != op_state)
			printf("ack %s\n", name);
		fflush(stdout);
		return 0;
	}
	return fail(err, ERROR_USAGE, "unknown operation %s", name);
}

int main(int argc, char **argv)
{
	struct error err;

	for (int i = 3; i < argc; i++) {
		if (run(argv[1], argv[2], argv[i], &err) < 0) {
			fprintf(stderr, "store-ops %s: %s\n", argv[i], err.text);
			return 1;
		}
	}
	return argc < 4 ? 125 : 0;
}

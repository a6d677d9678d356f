/* SPDX-License-Identifier: Apache-2.0
 * store/bench-store.c - what the store costs on the hot paths: bench-store DIR [CONTAINERS [ROUNDS]]. Each round opens
 * the store anew, as a command does. Prints milliseconds (median). DIR must not exist; it is removed. */
#include "base/units.h"
#include "store/test-fixture.h"

enum { ROUNDS_MAX = 10000 };

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct bench {
	const char *name;
	void (*run)(struct fixture *fx, char *image);
};

static void run_open(struct fixture *fx, char *image)
{
}

static void run_resolve(struct fixture *fx, char *image)
{
	auto_store_image i = { 0 };

	EQ(store_image_find(fx->store, "one", NULL, STORE_IMAGE_CONFIG | STORE_IMAGE_LAYERS, &i, NULL, &fx->err), 1);
}

static void run_ps(struct fixture *fx, char *image)
{
	auto_container_list l = { 0 };

	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &l, &fx->err));
}

static void run_images(struct fixture *fx, char *image)
{
	auto_store_image_list l = { 0 };

	OK(store_image_list(fx->store, STORE_IMAGE_NAMES, &l, &fx->err));
}

static void run_container(struct fixture *fx, char *image, bool transient)
{
	char id[65];
	auto_lock l = LOCK_INIT;
	const struct container_change run = { .set = CONTAINER_SET_STATE | CONTAINER_SET_PID, .to = { .state = CONTAINER_RUNNING } };
	const struct container_change end = { .set = CONTAINER_SET_STATE | CONTAINER_SET_EXIT, .to = { .state = CONTAINER_EXITED } };

	add_container(fx, "bench", image, transient, id);
	OK(store_container_lock(fx->store, id, -1, &l, &fx->err));
	EQ(store_container_change(fx->store, id, &run, NULL, &fx->err), 1);
	EQ(store_container_change(fx->store, id, &end, NULL, &fx->err), 1);
	EQ(store_container_remove(fx->store, id, &fx->err), 1);
}

static void run_transient(struct fixture *fx, char *image)
{
	auto_store_image i = { 0 };

	EQ(store_image_find(fx->store, "one", NULL, STORE_IMAGE_CONFIG | STORE_IMAGE_LAYERS, &i, NULL, &fx->err), 1);
	run_container(fx, image, true);
}

static void run_durable(struct fixture *fx, char *image)
{
	run_container(fx, image, false);
}

static const struct bench benches[] = {
	{ "open", run_open },
	{ "open + resolve an image", run_resolve },
	{ "open + list all containers", run_ps },
	{ "open + list images", run_images },
	{ "open + resolve + create, start, exit, remove a transient container", run_transient },
	{ "open + create, start, exit, remove a durable container", run_durable },
};

static void measure(struct fixture *fx, const struct bench *b, char *image, int rounds)
{
	static double ms[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++) {
		int64_t start = time_monotonic();
		const struct store_options o = { .root = fx->root, .runroot = fx->runroot };
		OK(store_open(&o, &fx->store, &fx->err));
		b->run(fx, image);
		fixture_close(fx);
		ms[i] = (double)(time_monotonic() - start) / 1e6;
	}
	qsort(ms, (size_t)rounds, sizeof(*ms), by_value);
	printf("%8.3f ms  %s\n", ms[rounds / 2], b->name);
}

int main(int argc, char **argv)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	uint32_t containers = 50, rounds = 200;
	char image[65], name[32];

	if (!fx || argc < 2 || (argc > 2 && !parse_u32(argv[2], &containers)) ||
	    (argc > 3 && (!parse_u32(argv[3], &rounds) || rounds > ROUNDS_MAX)))
		return 125;
	snprintf(fx->root, sizeof(fx->root), "%s/root", argv[1]);
	snprintf(fx->runroot, sizeof(fx->runroot), "%s/run", argv[1]);
	fixture_open(fx);
	add_image(fx, 1, 5, "docker.io/library/one:latest", image);
	for (uint32_t i = 0; i < containers; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		add_container(fx, name, image, i % 2, NULL);
	}
	fixture_close(fx);
	for (size_t i = 0; i < ARRAY_LEN(benches); i++)
		measure(fx, &benches[i], image, (int)rounds);
	file_remove_tree(AT_FDCWD, argv[1], &fx->err);
	return 0;
}

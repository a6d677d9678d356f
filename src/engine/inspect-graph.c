/* SPDX-License-Identifier: Apache-2.0
 * Driver and GraphDriver of `container inspect`: where a container's root file system lies. */
#include "engine/inspect-view.h"
#include "store/layer.h"
#include "store/rootfs.h"

enum { PLACES_MAX = 4 };

static void show_place(struct container_inspect *v, const char *key, char *path)
{
	if (v->graph.data.v && path)
		v->graph.data.v[v->graph.data.n++] = (struct strmap_entry){ view_show(key), path };
}

/* The layers, topmost first. */
static int show_lower(struct container_inspect *v, struct store *s, struct error *err)
{
	const struct strv *layers = &v->c->at.record.layers;
	auto_strv trees = {};

	for (size_t i = layers->n; i > 0; i--) {
		struct store_layer layer = {};
		int r = store_layer_find(s, layers->v[i - 1], &layer, err);
		if (r > 0)
			r = strv_add(&trees, layer.tree, err);
		store_layer_done(&layer);
		TRY(r);
	}
	autofree char *joined = trees.n ? strv_join(&trees, ":") : NULL;
	if (joined)
		show_place(v, "LowerDir", view_text(v, "%s", joined));
	return 0;
}

/* Nothing is mounted on the host for a running container: where its root can be seen nevertheless. */
static int show_merged(struct container_inspect *v, struct store *s, struct error *err)
{
	autofree char *path = NULL;
	int r = store_rootfs_mounted(s, v->c->id, &path, err);

	if (r > 0)
		show_place(v, "MergedDir", view_text(v, "%s", path));
	else if (r == 0 && ctr_is_in(v->c, CONTAINER_STATE_ALIVE) && v->c->at.status.pid)
		show_place(v, "MergedDir", view_text(v, "/proc/%d/root", (int)v->c->at.status.pid));
	return r < 0 ? -1 : 0;
}

int inspect_graph(struct container_inspect *v, struct error *err)
{
	autofree char *dir = NULL;
	struct store *s;

	TRY(engine_store(v->c->engine, &s, err));
	bool copy = store_get_driver(s) == STORE_VFS || store_rootfs_is_copy(s, v->c->id);
	v->driver = v->graph.name = view_show(store_driver_name(copy ? STORE_VFS : STORE_OVERLAY));
	if (copy || v->c->at.record.rootfs)
		return 0;
	v->graph.data.v = value_pool_alloc(&v->pool, PLACES_MAX * sizeof(*v->graph.data.v));
	TRY(ctr_dir(v->c, &dir, err));
	TRY(show_lower(v, s, err));
	TRY(show_merged(v, s, err));
	show_place(v, "UpperDir", view_text(v, "%s/upper", dir));
	show_place(v, "WorkDir", view_text(v, "%s/work", dir));
	return 0;
}

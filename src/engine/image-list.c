/* SPDX-License-Identifier: Apache-2.0
 * engine/image-list.c - image summaries and the image filters, one row a key. */
#include "engine/image-list.h"

#include <fnmatch.h>

#include "base/filter.h"
#include "base/json.h"
#include "base/units.h"
#include "image/oci-image.h"

#define S struct image_summary
#define ALWAYS .flags = FIELD_ALWAYS

const struct field image_summary_rows[] = {
	{ .json = "Id", F_STR(S, id), ALWAYS },
	{ .json = "ParentId", F_STR(S, parent_id), ALWAYS },
	{ .json = "RepoTags", F_STRV(S, repo_tags), ALWAYS },
	{ .json = "RepoDigests", F_STRV(S, repo_digests), ALWAYS },
	{ .json = "Created", F_INT(S, created), ALWAYS },
	{ .json = "Size", F_INT(S, size), ALWAYS },
	{ .json = "SharedSize", F_INT(S, shared_size), ALWAYS },
	{ .json = "VirtualSize", F_INT(S, virtual_size) },
	{ .json = "Labels", F_MAP(S, labels), ALWAYS },
	{ .json = "Containers", F_INT(S, containers), ALWAYS },
	{ .json = "ReadOnly", F_BOOL(S, read_only) },
	{ .json = "Dangling", F_BOOL(S, dangling) },
	{ .json = "Arch", F_STR(S, arch) },
	{ .json = "Digest", F_STR(S, digest) },
	{ .json = "History", F_STRV(S, history) },
	{ .json = "IsManifestList", F_OPT_BOOL(S, is_manifest_list) },
	{ .json = "Names", F_STRV(S, names) },
	{ .json = "Os", F_STR(S, os) },
	{}
};

void image_summaries_done(struct image_summaries *l)
{
	for (size_t i = 0; i < l->n; i++)
		fields_done(image_summary_rows, &l->v[i]);
	free(l->v);
	*l = (struct image_summaries){};
}

/* ---- names ---- */
size_t image_repository_len(const char *name)
{
	const char *at = strchr(name, '@'), *slash = strrchr(name, '/');
	size_t n = at ? (size_t)(at - name) : strlen(name);
	const char *colon = memchr(slash ? slash : name, ':', n - (size_t)((slash ? slash : name) - name));

	return colon ? (size_t)(colon - name) : n;
}

int image_repo_tags(const struct store_image *image, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < image->names.n; i++)
		if (!strchr(image->names.v[i], '@'))
			TRY(strv_add(ret, image->names.v[i], err));
	return 0;
}

int image_repo_digests(const struct store_image *image, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < image->names.n; i++) {
		const char *name = image->names.v[i];
		for (size_t d = 0; d < image->digests.n; d++) {
			autofree char *text = NULL;
			TRY(str_printf(&text, err, "%.*s@%s", (int)image_repository_len(name), name, image->digests.v[d]));
			if (!strv_has(ret, text))
				TRY(strv_add_owned(ret, take_ptr(text), err));
		}
	}
	strv_sort(ret);
	return 0;
}

int image_names_history(const struct store_image *image, struct strv *ret, struct error *err)
{
	TRY(strv_copy(ret, &image->names, err));
	for (size_t i = image->history.n; i > 0; i--)
		if (!strv_has(ret, image->history.v[i - 1]))
			TRY(strv_add(ret, image->history.v[i - 1], err));
	return 0;
}

/* ---- filters ---- */
struct query {
	struct engine *engine;
	struct store *store;
};

struct image_filter {
	const struct filter_row *row;
	const char *value;   /* borrowed */
	bool negate;
	int64_t number;      /* prepared: a time, or a boolean */
};

struct filter_row {
	const char *key;
	/* Checks the value once; may fill f->number. NULL: any text. */
	int (*prepare)(const struct query *q, struct image_filter *f, struct error *err);
	int (*match)(const struct query *q, const struct image_filter *f, const struct store_image *i, struct error *err);
};

static int prepare_bool(const struct query *q, struct image_filter *f, struct error *err)
{
	bool b;

	(void)q;
	if (!parse_bool(f->value, &b))
		return fail(err, ERROR_INVALID,
			    "non-boolean value \"%s\" for %s filter: strconv.ParseBool: parsing \"%s\": invalid syntax", f->value,
			    f->row->key, f->value);
	f->number = b;
	return 0;
}

static int prepare_image_time(const struct query *q, struct image_filter *f, struct error *err)
{
	auto_store_image image = {};

	if (image_find(q->engine, f->value, 0, &image, NULL, err) < 0)
		return fail_wrap(err, "could not find local image for filter \"%s\"=\"%s\"", f->row->key, f->value);
	f->number = image.created;
	return 0;
}

static int prepare_time(const struct query *q, struct image_filter *f, struct error *err)
{
	(void)q;
	return filter_time(f->value, &f->number, err);
}

static int prepare_containers(const struct query *q, struct image_filter *f, struct error *err)
{
	(void)q;
	if (!streq(f->value, "true") && !streq(f->value, "false") && !streq(f->value, "external"))
		return fail(err, ERROR_INVALID, "unsupported value \"%s\" for containers filter", f->value);
	return 0;
}

#define MATCH(name)                                                                                            \
	static int match_##name(const struct query *q, const struct image_filter *f, const struct store_image *i, \
				struct error *err)
#define UNUSED (void)q, (void)err

MATCH(after) { UNUSED; return i->created > f->number; }
MATCH(before) { UNUSED; return i->created < f->number; }
MATCH(read_only) { UNUSED; return i->read_only == (bool)f->number; }

MATCH(image_id)
{
	UNUSED;
	const char *value = str_after(f->value, "sha256:");
	return strncmp(i->id, value ? value : f->value, strlen(value ? value : f->value)) == 0;
}

MATCH(digest)
{
	UNUSED;
	for (size_t d = 0; d < i->digests.n; d++) {
		const char *hex = str_after(i->digests.v[d], "sha256:");
		if (strncmp(i->digests.v[d], f->value, strlen(f->value)) == 0 ||
		    (hex && strncmp(hex, f->value, strlen(f->value)) == 0))
			return 1;
	}
	return 0;
}

/* No containers of other programs share our store: "external" ones do not exist. */
MATCH(containers)
{
	UNUSED;
	return streq(f->value, "true") ? i->containers > 0 : i->containers == 0;
}

static int is_dangling(struct store *s, const struct store_image *i, struct error *err)
{
	if (i->names.n)
		return 0;
	int children = store_image_children(s, i->id, NULL, err);
	return children < 0 ? children : !children;
}

MATCH(dangling)
{
	int r = is_dangling(q->store, i, err);
	return r < 0 ? r : r == f->number;
}

MATCH(intermediate)
{
	int r = i->names.n ? 0 : store_image_is_intermediate(q->store, i->id, err);
	return r < 0 ? r : r == f->number;
}

static bool is_list(const struct store_image *i)
{
	return i->manifest_type && media_type_kind(media_type_parse(i->manifest_type)) == MEDIA_KIND_INDEX;
}

MATCH(manifest) { UNUSED; return is_list(i) == (bool)f->number; }

static int load_labels(const struct store_image *i, struct strmap *ret, struct error *err)
{
	auto_json *tree = NULL;

	if (str_empty(i->labels))
		return 0;
	TRY(json_parse("labels", i->labels, strlen(i->labels), NULL, &tree, err));
	if (!json_object_is_type(tree, json_type_object))
		return 0;
	json_object_object_foreach(tree, key, value)
		TRY(strmap_set(ret, key, json_object_get_string(value) ? json_object_get_string(value) : "", err));
	return 0;
}

MATCH(label_filter)
{
	auto_strmap labels = {};
	(void)q;
	TRY(load_labels(i, &labels, err));
	return match_label(f->value, &labels);
}

/* Docker's familiar match: the pattern against the full name, without domain, without path, each with and without
 * tag; '*' and '?' do not cross '/'. */
static bool name_matches(const char *name, const char *pattern)
{
	const char *slash = strchr(name, '/'), *last = strrchr(name, '/');
	const char *starts[] = { name, slash ? slash + 1 : name, last ? last + 1 : name };
	size_t n = image_repository_len(name);

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		char bare[512];
		snprintf(bare, sizeof(bare), "%.*s", (int)(n - (size_t)(starts[i] - name)), starts[i]);
		if (fnmatch(pattern, starts[i], FNM_PATHNAME) == 0 || fnmatch(pattern, bare, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

MATCH(reference)
{
	auto_store_image meant = {};
	struct error ignored = {};
	(void)err;

	if (image_find(q->engine, f->value, 0, &meant, NULL, &ignored) >= 0 && streq(meant.id, i->id))
		return 1;
	for (size_t k = 0; k < i->names.n; k++)
		if (name_matches(i->names.v[k], f->value))
			return 1;
	return 0;
}

static const struct filter_row filter_rows[] = {
	{ "after", prepare_image_time, match_after },
	{ "since", prepare_image_time, match_after },
	{ "before", prepare_image_time, match_before },
	{ "containers", prepare_containers, match_containers },
	{ "dangling", prepare_bool, match_dangling },
	{ "digest", NULL, match_digest },
	{ "id", NULL, match_image_id },
	{ "intermediate", prepare_bool, match_intermediate },
	{ "label", NULL, match_label_filter },
	{ "manifest", prepare_bool, match_manifest },
	{ "readonly", prepare_bool, match_read_only },
	{ "reference", NULL, match_reference },
	{ "until", prepare_time, match_before },
};

static int bad_filter(const char *what, struct error *err)
{
	return fail(err, ERROR_INVALID,
		    "invalid image filter \"%s\": must be in the format \"filter=value or filter!=value\"", what);
}

static int parse_filter(const struct query *q, const char *text, struct image_filter *ret, struct error *err)
{
	const char *eq = strstr(text, "!=");
	bool negate = eq;
	size_t n;

	if (!eq)
		eq = strchr(text, '=');
	if (!eq)
		return bad_filter(text, err);
	n = (size_t)(eq - text);
	for (size_t i = 0; i < ARRAY_LEN(filter_rows); i++) {
		const struct filter_row *row = &filter_rows[i];
		if (strlen(row->key) != n || memcmp(row->key, text, n) != 0)
			continue;
		*ret = (struct image_filter){ .row = row, .value = eq + 1 + negate, .negate = negate };
		return row->prepare ? row->prepare(q, ret, err) : 0;
	}
	char key[64];
	snprintf(key, sizeof(key), "%.*s", (int)(n < sizeof(key) ? n : sizeof(key) - 1), text);
	return bad_filter(key, err);
}

/* All filters must hold; of the positive reference filters one is enough. */
static int passes(const struct query *q, const struct image_filter *f, size_t n, const struct store_image *i,
		  struct error *err)
{
	bool wants_reference = false, has_reference = false;

	for (size_t k = 0; k < n; k++) {
		int r = f[k].row->match(q, &f[k], i, err);
		if (r < 0)
			return r;
		if (f[k].row->match == match_reference && !f[k].negate) {
			wants_reference = true;
			has_reference |= r;
		} else if (!r != f[k].negate) {
			return 0;
		}
	}
	return !wants_reference || has_reference;
}

/* ---- lists ---- */
static int fill(struct store *s, const struct store_image *i, struct image_summary *to, struct error *err)
{
	int dangling = is_dangling(s, i, err);

	if (dangling < 0)
		return dangling;
	TRY(str_set(&to->id, i->id, err));
	TRY(str_set(&to->digest, i->digests.n ? i->digests.v[0] : i->manifest, err));
	TRY(str_set(&to->arch, i->arch, err));
	TRY(str_set(&to->os, i->os, err));
	TRY(strv_copy(&to->names, &i->names, err));
	TRY(strv_copy(&to->repo_tags, &i->names, err));   /* Podman's list has digests here, too */
	TRY(image_repo_digests(i, &to->repo_digests, err));
	TRY(image_names_history(i, &to->history, err));
	TRY(load_labels(i, &to->labels, err));
	to->created = i->created / NSEC_PER_SEC;
	to->size = to->virtual_size = i->size;
	to->containers = i->containers;
	to->read_only = i->read_only;
	to->dangling = dangling;
	return 0;
}

typedef int visit_fn(struct store *s, const struct store_image *i, void *to, struct error *err);

/* 1: intermediate images are wanted as well; 0: not. */
static int parse_filters(const struct query *q, const struct image_list_options *o, struct image_filter **ret,
			 size_t *ret_n, struct error *err)
{
	size_t n = o->filters ? o->filters->n : 0;
	bool intermediate = o->all;
	autofree struct image_filter *f = calloc(n + 1, sizeof(*f));

	if (!f)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		TRY(parse_filter(q, o->filters->v[i], &f[i], err));
		intermediate |= streq(f[i].row->key, "intermediate");
	}
	if (!intermediate)
		TRY(parse_filter(q, "intermediate=false", &f[n++], err));
	*ret = take_ptr(f);
	*ret_n = n;
	return intermediate;
}

static int visit_images(struct engine *e, const struct image_list_options *o, visit_fn *visit, void *to,
			struct error *err)
{
	auto_store_image_list all = {};
	struct query q = { .engine = e };
	autofree struct image_filter *f = NULL;
	size_t n = 0;

	TRY(engine_store(e, &q.store, err));
	int steps = parse_filters(&q, o, &f, &n, err);
	TRY(steps);
	TRY(store_image_list(q.store, STORE_IMAGE_NAMES | STORE_IMAGE_DOUBLES | (steps ? STORE_IMAGE_STEPS : 0), &all, err));
	for (size_t i = 0; i < all.n; i++) {
		int r = passes(&q, f, n, &all.v[i], err);
		if (r < 0)
			return r;
		if (r)
			TRY(visit(q.store, &all.v[i], to, err));
	}
	return 0;
}

static int add_summary(struct store *s, const struct store_image *i, void *to, struct error *err)
{
	struct image_summaries *l = to;
	struct image_summary *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	l->v = v;
	l->v[l->n] = (struct image_summary){};
	return fill(s, i, &l->v[l->n++], err);
}

static int add_id(struct store *s, const struct store_image *i, void *to, struct error *err)
{
	(void)s;
	return strv_add(to, i->id, err);
}

int image_list(struct engine *e, const struct image_list_options *o, struct image_summaries *ret, struct error *err)
{
	auto_image_summaries l = {};

	TRY(visit_images(e, o, add_summary, &l, err));
	*ret = l;
	l = (struct image_summaries){};
	return 0;
}

int image_list_ids(struct engine *e, const struct image_list_options *o, struct strv *ret, struct error *err)
{
	return visit_images(e, o, add_id, ret, err);
}

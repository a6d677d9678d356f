/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/search.h"

#include <string.h>

#include "engine/image-remote.h"
#include "os/file.h"

#define LIMIT_DEFAULT 25
#define DESCRIPTION_MAX 44
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

#define H struct search_hit
const struct field search_hit_rows[] = {
	{ .json = "Index", F_STR(H, index), .flags = FIELD_ALWAYS },
	{ .json = "Name", F_STR(H, name), .flags = FIELD_ALWAYS },
	{ .json = "Description", F_STR(H, description), .flags = FIELD_ALWAYS },
	{ .json = "Stars", F_INT(H, stars), .flags = FIELD_ALWAYS },
	{ .json = "Official", F_STR(H, official), .flags = FIELD_ALWAYS },
	{ .json = "Automated", F_STR(H, automated), .flags = FIELD_ALWAYS },
	{ .json = "Tag", F_STR(H, tag), .flags = FIELD_ALWAYS },
	{},
};

void search_hits_done(struct list *hits)
{
	for (size_t i = 0; i < hits->n; i++)
		fields_done(search_hit_rows, &((struct search_hit *)hits->v)[i]);
	free(hits->v);
	*hits = (struct list){};
}

/* ---- filters ---- */
struct filters {
	int64_t stars;
	struct opt_bool automated, official;
};

static int parse_flag(const char *word, const char *value, struct opt_bool *to, struct error *err)
{
	to->set = true;
	if (!value || !*value)
		to->value = true;
	else if (!parse_bool(value, &to->value))
		return fail(err, ERROR_INVALID, "invalid value \"%s\" for filter %s", value, word);
	return 0;
}

static int parse_filters(const struct strv *texts, struct filters *f, struct error *err)
{
	for (size_t i = 0; i < texts->n; i++) {
		const char *text = texts->v[i], *eq = strchr(text, '='), *value = eq ? eq + 1 : NULL;
		autofree char *key = strndup(text, eq ? (size_t)(eq - text) : strlen(text));
		if (!key)
			return fail_oom(err);
		if (streq(key, "is-automated"))
			TRY(parse_flag(key, value, &f->automated, err));
		else if (streq(key, "is-official"))
			TRY(parse_flag(key, value, &f->official, err));
		else if (!streq(key, "stars"))
			return fail(err, ERROR_INVALID, "invalid filter type \"%s\"", text);
		else if (!value || !parse_i64(value, &f->stars))
			return fail(err, ERROR_INVALID, "incorrect value type for stars filter");
	}
	return 0;
}

static bool passes(const struct filters *f, int64_t stars, bool official, bool automated)
{
	return stars >= f->stars && (!f->official.set || f->official.value == official) &&
		(!f->automated.set || f->automated.value == automated);
}

/* ---- one registry ---- */
struct query {
	struct engine *e;
	const struct search *o;
	const struct filters *f;
	int64_t limit;
	const char *registry, *term;
	struct list *hits;
};

static int set_texts(struct search_hit *h, const struct query *q, struct error *err)
{
	TRY(str_set(&h->index, q->registry, err));
	TRY(str_set(&h->description, "", err));
	TRY(str_set(&h->official, "", err));
	TRY(str_set(&h->automated, "", err));
	return str_set(&h->tag, "", err);
}

static int name_hit(const struct query *q, const char *name, char **ret, struct error *err)
{
	bool hub = streq(q->registry, "docker.io") || str_ends(q->registry, ".docker.io");

	if (hub && !strchr(name, '/'))
		return str_printf(ret, err, "docker.io/library/%s", name);
	return str_printf(ret, err, "%s/%s", q->registry, name);
}

/* name, stars, official, automated, description. */
static int take_line(const struct query *q, const char *line, struct error *err)
{
	auto_strv parts = {};
	int64_t stars = 0;

	TRY(strv_split(&parts, line, '\t', err));
	if (parts.n < 5 || !parse_i64(parts.v[1], &stars))
		return fail(err, ERROR_CORRUPT, "search: the worker's answer makes no sense");
	bool official = parts.v[2][0] == '1', automated = parts.v[3][0] == '1';
	if (!passes(q->f, stars, official, automated))
		return 0;
	struct search_hit *h = list_add(q->hits, sizeof(*h), err);
	if (!h)
		return -1;
	TRY(set_texts(h, q, err));
	TRY(name_hit(q, parts.v[0], &h->name, err));
	h->stars = stars;
	size_t n = strlen(parts.v[4]);
	if (n > DESCRIPTION_MAX && !q->o->no_trunc) {
		free(take_ptr(h->description));
		return str_printf(&h->description, err, "%.*s...", DESCRIPTION_MAX, parts.v[4]);
	}
	TRY(str_set(&h->description, parts.v[4], err));
	TRY(official ? str_set(&h->official, "[OK]", err) : 0);
	return automated ? str_set(&h->automated, "[OK]", err) : 0;
}

static int ask(struct repository *registry, const char *term, int64_t limit, struct strv *ret, struct error *err)
{
	struct op_get q = { .endpoint = repository_endpoint(registry), .reference = (char *)(uintptr_t)term, .max = limit,
			    .size = -1 };
	autoclose int fd = file_memfd("umiak-answer", err);
	autofree char *text = NULL;
	size_t len;

	if (fd < 0)
		return -1;
	TRY(worker_call(repository_worker(registry), OP_SEARCH, &q, &fd, 1, NULL, NULL, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	TRY(file_read_fd(fd, "the registry's answer", ANSWER_BYTES_MAX, &text, &len, err));
	TRY(strv_split(ret, text, '\n', err));
	if (ret->n)   /* what follows the last newline */
		strv_remove(ret, ret->n - 1);
	return 0;
}

static int search_names(const struct query *q, struct error *err)
{
	bool hub = streq(q->registry, "docker.io");
	struct reference at = { .domain = hub ? (char *)(uintptr_t)"index.docker.io" : (char *)(uintptr_t)q->registry };
	auto_repository *registry = NULL;
	auto_strv lines = {};

	TRY(repository_open_reference(q->e, &q->o->remote, &at, REPOSITORY_READ, &registry, err));
	TRY(ask(registry, hub ? str_after(q->term, "library/") ?: q->term : q->term, q->limit, &lines, err));
	for (size_t i = 0; i < lines.n && (int64_t)i < q->limit; i++)
		TRY(take_line(q, lines.v[i], err));
	return 0;
}

static int search_tags(const struct query *q, struct error *err)
{
	auto_repository *repository = NULL;
	auto_reference r = {};
	auto_strv tags = {};
	autofree char *text = NULL, *name = NULL;

	TRY(str_printf(&text, err, "%s/%s", q->registry, q->term));
	if (reference_parse(text, &r, err) < 0 || reference_normalize_docker(&r, err) < 0)
		return fail(err, ERROR_INVALID, "reference \"%s\" must be a docker reference", q->term);
	name = reference_name(&r);
	if (!name)
		return fail_oom(err);
	if (repository_open_reference(q->e, &q->o->remote, &r, REPOSITORY_READ, &repository, err) < 0 ||
	    repository_list_tags(repository, &tags, err) < 0)
		return fail_wrap(err, "getting repository tags");
	for (size_t i = 0; i < tags.n && (int64_t)i < q->limit; i++) {
		struct search_hit *h = list_add(q->hits, sizeof(*h), err);
		if (!h)
			return -1;
		TRY(set_texts(h, q, err));
		TRY(str_set(&h->name, name, err));
		TRY(str_set(&h->tag, tags.v[i], err));
	}
	return 0;
}

/* ---- all of them ---- */
static int search_registries(struct engine *e, struct query *q, struct error *err)
{
	auto_registries_conf conf = {};
	struct error failed = {};

	TRY(registries_conf_load(&conf, &e->paths, err));
	for (size_t i = 0; i < conf.unqualified_search.n; i++) {
		q->registry = conf.unqualified_search.v[i];
		struct error one;
		if ((q->o->list_tags ? search_tags(q, &one) : search_names(q, &one)) < 0)
			failed = one;
	}
	if (q->hits->n || !failed.kind)
		return 0;
	*err = failed;
	return -1;
}

int search_images(struct engine *e, const char *term, const struct search *o, struct list *ret, struct error *err)
{
	struct filters f = {};
	const char *slash = strchr(term, '/');
	autofree char *registry = slash ? strndup(term, (size_t)(slash - term)) : NULL;
	struct query q = { .e = e, .o = o, .f = &f, .limit = o->limit > 0 ? o->limit : LIMIT_DEFAULT, .hits = ret };

	TRY(parse_filters(&o->filters, &f, err));
	q.term = slash ? slash + 1 : term;
	if (!slash)
		return search_registries(e, &q, err);
	if (!registry)
		return fail_oom(err);
	q.registry = registry;
	return o->list_tags ? search_tags(&q, err) : search_names(&q, err);
}

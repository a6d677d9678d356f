/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch-search.c - what a registry is asked as a whole: does it know us, what has it got.
 * Searching is Docker's v1 interface where the registry has it, else the names of its catalog. */
#include "worker/fetch.h"

#include <string.h>

#include "base/json.h"
#include "os/file.h"

#define ANSWER_BYTES_MAX ((size_t)16 << 20)
#define PAGES_MAX 1000
#define NAME_BYTES_MAX 512

static int get(struct endpoint *e, const char *path, struct buf *body, struct http_response *r, struct error *err)
{
	struct registry_call c = { .path = path };

	c.q = (struct http_request){ .method = "GET", .out_fd = -1, .in_fd = -1, .body = body, .max = (int64_t)ANSWER_BYTES_MAX };
	return endpoint_call(e, &c, r, err);
}

/* ---- lines ---- */
/* Text of a stranger for one line of a table: what would break it becomes a blank. */
static void add_text(struct buf *to, const char *s)
{
	for (; s && *s; s++)
		buf_add_char(to, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static int parse(const struct buf *body, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = ANSWER_BYTES_MAX, .max_depth = 16 };

	return json_parse("the registry's answer", body->data ? body->data : "", body->len, &limits, ret, err);
}

/* 1: the registry knows v1 searches; 0: it does not. */
static int search_v1(struct endpoint *e, const char *term, int64_t limit, struct buf *to, struct error *err)
{
	auto_buf body = BUF_INIT(ANSWER_BYTES_MAX), path = BUF_INIT(4096);
	auto_http_response r = {};
	auto_json *tree = NULL;
	struct error ignored;

	buf_add_str(&path, "/v1/search?q=");
	for (const char *p = term; *p; p++)
		buf_addf(&path, strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", *p) ? "%c" : "%%%02X",
			 (unsigned char)*p);
	buf_addf(&path, "&n=%lld", (long long)limit);
	TRY(buf_ok(&path, "search term", err));
	if (get(e, path.data, &body, &r, &ignored) < 0 || parse(&body, &tree, &ignored) < 0)
		return 0;
	struct json_object *list = json_object_is_type(tree, json_type_object) ? json_get_array(tree, "results") : NULL;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (!json_object_is_type(o, json_type_object) || str_empty(json_get_str(o, "name")))
			continue;
		add_text(to, json_get_str(o, "name"));
		buf_addf(to, "\t%lld\t%d\t%d\t", (long long)json_get_i64(o, "star_count", 0), json_get_bool(o, "is_official", false),
			 json_get_bool(o, "is_automated", false));
		add_text(to, json_get_str(o, "description"));
		buf_add_char(to, '\n');
	}
	return list != NULL;
}

/* ---- the catalog ---- */
struct catalog {
	const char *term;
	int64_t limit, n;
	struct buf exact, others;   /* a full match comes first */
};

static void catalog_done(struct catalog *c)
{
	buf_done(&c->exact);
	buf_done(&c->others);
}

static int take_page(struct catalog *c, const struct buf *body, struct error *err)
{
	auto_json *tree = NULL;

	TRY(parse(body, &tree, err));
	struct json_object *list = json_object_is_type(tree, json_type_object) ? json_get_array(tree, "repositories") : NULL;
	for (size_t i = 0; list && i < json_object_array_length(list) && c->n < c->limit; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		if (!name || !strstr(name, c->term) || strlen(name) > NAME_BYTES_MAX)
			continue;
		struct buf *to = streq(name, c->term) ? &c->exact : &c->others;
		add_text(to, name);
		buf_add_str(to, "\t0\t0\t0\t\n");
		c->n++;
	}
	return 0;
}

static int search_catalog(struct endpoint *e, struct catalog *c, struct error *err)
{
	autofree char *path = strdup("/v2/_catalog");

	for (int page = 0; path && page < PAGES_MAX && c->n < c->limit; page++) {
		auto_buf body = BUF_INIT(ANSWER_BYTES_MAX);
		auto_http_response r = {};
		autofree char *next = NULL;
		if (get(e, path, &body, &r, err) < 0)
			return fail_wrap(err, "couldn't search registry \"%s\"", e->o.host);
		TRY(take_page(c, &body, err));
		int more = fetch_next_page(r.link, &next, err);
		if (more <= 0)
			return more;
		if (streq(next, path))
			break;
		free(path);
		path = take_ptr(next);
	}
	return path ? 0 : fail_oom(err);
}

int fetch_search(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	CLEANUP(catalog_done) struct catalog c = { .term = a->reference ? a->reference : "", .limit = a->max > 0 ? a->max : 25,
						   .exact = BUF_INIT(ANSWER_BYTES_MAX), .others = BUF_INIT(ANSWER_BYTES_MAX) };
	struct endpoint *e;

	(void)ret;
	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	int known = *c.term ? search_v1(e, c.term, c.limit, &c.exact, err) : 0;
	if (known == 0)
		known = search_catalog(e, &c, err);
	TRY(known);
	if (c.others.len)
		buf_add(&c.exact, c.others.data, c.others.len);
	TRY(buf_ok(&c.exact, "search", err));
	return c.exact.len ? file_write_all(t->r.fds[0], c.exact.data, c.exact.len, err) : 0;
}

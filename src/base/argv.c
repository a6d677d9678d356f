/* SPDX-License-Identifier: Apache-2.0
 * base/argv.c - pflag's reading of a command line, over field rows.
 *
 * Split a word into name and value, find the row, decide where its value comes from, store (argv-store.c). Rows of an embedded
 * struct (FIELD_OBJECT without a command line name) are looked into, so that one description can be nested for JSON
 * and flat for the command line. */
#include "base/argv.h"

struct walk {
	struct argv *to;
	const struct argv_group *groups;
	char *const *argv;
	int argc, at;
	unsigned flags;
};

void argv_done(struct argv *a)
{
	strv_done(&a->args);
	free(a->seen);
	*a = ARGV_INIT;
}

/* ---- rows ---- */
static bool word_in(const char *list, const char *name, size_t len)
{
	while (list && *list) {
		size_t n = strcspn(list, " ");
		if (n == len && memcmp(list, name, len) == 0)
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

static bool row_matches(const struct field *f, const char *name, size_t len, char abbr)
{
	if (!f->cli)
		return false;
	if (abbr)
		return f->abbr == abbr;
	return (strncmp(f->cli, name, len) == 0 && !f->cli[len]) || word_in(field_more(f)->aliases, name, len);
}

static bool is_offered(const struct argv_group *g, const struct field *f)
{
	return !g->only || !f->cli || word_in(g->only, f->cli, strlen(f->cli));
}

static const struct field *find_in(const struct argv_group *g, const char *name, size_t len, char abbr, void **ret_at)
{
	if (!g->rows)
		return NULL;
	EACH_FIELD(f, g->rows) {
		if (is_offered(g, f) && row_matches(f, name, len, abbr)) {
			*ret_at = g->at;
			return f;
		}
		if (f->type != FIELD_OBJECT || f->cli)
			continue;
		const struct argv_group embedded = { f->rows, (char *)g->at + f->off, g->only };
		const struct field *inner = find_in(&embedded, name, len, abbr, ret_at);
		if (inner)
			return inner;
	}
	return NULL;
}

static const struct field *find(const struct argv_group *groups, const char *name, size_t len, char abbr, void **ret_at)
{
	for (const struct argv_group *g = groups; g->rows; g++) {
		const struct field *f = find_in(g, name, len, abbr, ret_at);
		if (f)
			return f;
	}
	return NULL;
}

const struct field *argv_find(const struct argv_group *groups, const char *name, size_t len, void **ret_at)
{
	return find(groups, name, len, 0, ret_at);
}

const struct field *argv_find_short(const struct argv_group *groups, char c, void **ret_at)
{
	return c ? find(groups, "", 0, c, ret_at) : NULL;
}

int argv_each(const struct argv_group *groups, argv_each_fn *fn, void *data)
{
	for (const struct argv_group *g = groups; g->rows; g++) {
		EACH_FIELD(f, g->rows) {
			struct argv_group inner[] = { { f->rows, (char *)g->at + f->off, g->only }, {} };
			if (!is_offered(g, f))
				continue;
			int r = f->cli ? fn(f, g->at, data) : f->type == FIELD_OBJECT ? argv_each(inner, fn, data) : 0;
			if (r)
				return r;
		}
	}
	return 0;
}

bool argv_needs_value(const struct field *f)
{
	return f->type != FIELD_BOOL && f->type != FIELD_OPT_BOOL && !(f->flags & FIELD_OPTIONAL_VALUE);
}

static bool was_seen(const struct argv *a, const struct field *f)
{
	for (size_t i = 0; i < a->n_seen; i++)
		if (a->seen[i] == f)
			return true;
	return false;
}

bool argv_seen(const struct argv *a, const char *name)
{
	for (size_t i = 0; i < a->n_seen; i++)
		if (streq(a->seen[i]->cli, name))
			return true;
	return false;
}

static int mark_seen(struct argv *a, const struct field *f, struct error *err)
{
	if (was_seen(a, f))
		return 0;
	const struct field **v = reallocarray(a->seen, a->n_seen + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	a->seen = v;
	a->seen[a->n_seen++] = f;
	return 0;
}

/* ---- the walk ---- */
static int set_value(struct walk *w, const struct field *f, void *at, const char *value, struct error *err)
{
	struct error why = {};

	if (argv_store(f, at, value, !was_seen(w->to, f), &why) >= 0)
		return mark_seen(w->to, f, err);
	if (w->flags & ARGV_LENIENT)
		return 0;
	if (f->type == FIELD_CUSTOM) {   /* Podman reads structured values behind pflag: the plain sentence */
		*err = why;
		return -1;
	}
	if (f->abbr)
		return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"-%c, --%s\" flag: %s", value, f->abbr, f->cli,
			    why.text);
	return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: %s", value, f->cli, why.text);
}

static bool is_unknown(const struct walk *w, const struct field *f)
{
	return !f || ((w->flags & ARGV_AFTER) && (f->flags & FIELD_GLOBAL_FIRST));
}

static const char *bare_value(const struct field *f)
{
	return field_more(f)->implied ?: "true";
}

static int parse_long(struct walk *w, const char *word, struct error *err)
{
	const char *name = word + 2, *eq = strchr(name, '=');
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	bool lenient = w->flags & ARGV_LENIENT;
	void *at;

	if (!len || *name == '-' || *name == '=')
		return lenient ? 0 : fail(err, ERROR_USAGE, "bad flag syntax: %s", word);
	const struct field *f = argv_find(w->groups, name, len, &at);
	if (is_unknown(w, f))
		return lenient ? 0 : fail(err, ERROR_USAGE, "unknown flag: --%.*s", (int)len, name);
	if (eq)
		return set_value(w, f, at, eq + 1, err);
	if (!argv_needs_value(f))
		return set_value(w, f, at, bare_value(f), err);
	if (w->at >= w->argc)
		return lenient ? 0 : fail(err, ERROR_USAGE, "flag needs an argument: --%s", name);
	return set_value(w, f, at, w->argv[w->at++], err);
}

/* One letter of a bundle. Returns 1 when the rest of the word was its value. */
static int parse_letter(struct walk *w, const char *rest, struct error *err)
{
	bool lenient = w->flags & ARGV_LENIENT;
	void *at;
	const struct field *f = argv_find_short(w->groups, rest[0], &at);

	if (is_unknown(w, f))
		return lenient ? 0 : fail(err, ERROR_USAGE, "unknown shorthand flag: '%c' in -%s", rest[0], rest);
	if (rest[1] == '=' && rest[2]) {
		TRY(set_value(w, f, at, rest + 2, err));
		return 1;
	}
	if (!argv_needs_value(f))
		return set_value(w, f, at, bare_value(f), err);
	if (rest[1]) {
		TRY(set_value(w, f, at, rest + 1, err));
		return 1;
	}
	if (w->at >= w->argc)
		return lenient ? 0 : fail(err, ERROR_USAGE, "flag needs an argument: '%c' in -%s", rest[0], rest);
	TRY(set_value(w, f, at, w->argv[w->at++], err));
	return 1;
}

static int parse_short(struct walk *w, const char *word, struct error *err)
{
	for (const char *c = word + 1; *c; c++) {
		int r = parse_letter(w, c, err);
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
}

static int take_rest(struct walk *w, struct error *err)
{
	for (; w->at < w->argc; w->at++)
		TRY(strv_add(&w->to->args, w->argv[w->at], err));
	return 0;
}

static int parse_words(struct walk *w, struct error *err)
{
	while (w->at < w->argc) {
		const char *word = w->argv[w->at];

		if (word[0] != '-' || !word[1]) {
			if (w->flags & ARGV_STOP) {
				w->to->next = w->at;
				return take_rest(w, err);
			}
			TRY(strv_add(&w->to->args, word, err));
			w->at++;
			continue;
		}
		w->at++;
		if (streq(word, "--")) {
			w->to->end_of_options = (int)w->to->args.n;
			w->to->next = w->at;
			return take_rest(w, err);
		}
		TRY(word[1] == '-' ? parse_long(w, word, err) : parse_short(w, word, err));
	}
	w->to->next = w->at;
	return 0;
}

int argv_parse(struct argv *a, const struct argv_group *groups, char *const *argv, int argc, unsigned flags,
	       struct error *err)
{
	struct walk w = { .to = a, .groups = groups, .argv = argv, .argc = argc, .flags = flags };

	return parse_words(&w, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * base/filter.c - --filter key=value. */
#include "base/filter.h"

#include <fnmatch.h>
#include <regex.h>

#include "base/re2.h"
#include "base/units.h"

static const struct filter_key *find_key(const struct filter_key *keys, const char *name, size_t len)
{
	for (; keys->name; keys++)
		if (strlen(keys->name) == len && memcmp(keys->name, name, len) == 0)
			return keys;
	return NULL;
}

static struct filter *find_filter(const struct filters *f, const struct filter_key *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].key == key)
			return &f->v[i];
	return NULL;
}

int filters_add(struct filters *f, const struct filter_key *keys, const char *text, struct error *err)
{
	const char *eq = strchr(text, '=');

	if (!eq)
		return fail(err, ERROR_INVALID, "invalid filter \"%s\": want key=value", text);
	const struct filter_key *key = find_key(keys, text, eq - text);
	if (!key)
		return fail(err, ERROR_INVALID, "%.*s is an invalid filter", (int)(eq - text), text);
	if ((key->flags & FILTER_REGEX) && match_regex(eq + 1, "", err) < 0)
		return fail_wrap(err, "filter %s", text);
	struct filter *filter = find_filter(f, key);
	if (!filter) {
		struct filter *v = reallocarray(f->v, f->n + 1, sizeof(*v));
		if (!v)
			return fail_oom(err);
		f->v = v;
		filter = &f->v[f->n++];
		*filter = (struct filter){ .key = key };
	}
	return strv_add(&filter->values, eq + 1, err);
}

int filters_add_all(struct filters *f, const struct filter_key *keys, const struct strv *texts, struct error *err)
{
	for (size_t i = 0; i < texts->n; i++)
		TRY(filters_add(f, keys, texts->v[i], err));
	return 0;
}

/* Any of the values, or all of them. */
static int match_one(const struct filter *f, const void *object, struct error *err)
{
	bool all = f->key->flags & FILTER_ALL;

	for (size_t i = 0; i < f->values.n; i++) {
		int r = f->key->match(object, f->values.v[i], err);
		if (r < 0 && strstr(err->text, f->values.v[i]))   /* it says already which value */
			return r;
		if (r < 0)
			return -1;   /* the key's own sentence, as Podman prints it */
		if ((r > 0) != all)
			return r > 0;
	}
	return all;
}

int filters_match(const struct filters *f, const void *object, struct error *err)
{
	for (size_t i = 0; i < f->n; i++) {
		int r = match_one(&f->v[i], object, err);
		if (r <= 0)
			return r;
	}
	return 1;
}

const struct strv *filters_values(const struct filters *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (streq(f->v[i].key->name, key))
			return &f->v[i].values;
	return NULL;
}

void filters_done(struct filters *f)
{
	for (size_t i = 0; i < f->n; i++)
		strv_done(&f->v[i].values);
	free(f->v);
	*f = (struct filters){};
}

/* ---- match helpers ---- */
int match_regex(const char *pattern, const char *text, struct error *err)
{
	regex_t regex;
	bool fold;
	auto_buf posix = BUF_INIT((size_t)64 << 10);

	if (!strpbrk(pattern, "\\.[]{}()*+?|^$"))   /* nearly always a plain name */
		return strstr(text, pattern) != NULL;
	TRY(regex_translate(pattern, &posix, &fold, err));
	int e = regcomp(&regex, posix.data ? posix.data : "", REG_EXTENDED | REG_NOSUB | (fold ? REG_ICASE : 0));
	if (e) {
		char reason[128];
		regerror(e, &regex, reason, sizeof(reason));
		return fail(err, ERROR_INVALID, "error parsing regexp: %s: `%s`", reason, pattern);
	}
	int r = regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	return r == 0;
}

int match_id(const char *value, const char *id, struct error *err)
{
	if (strspn(value, "0123456789abcdefABCDEF") == strlen(value))
		return strncasecmp(id, value, strlen(value)) == 0;
	return match_regex(value, id, err);
}

int match_label(const char *value, const struct strmap *labels)
{
	const char *eq = strchrnul(value, '=');
	const char *want = *eq ? eq + 1 : "";
	autofree char *key = strndup(value, eq - value), *wild = NULL;

	/* Podman: a key with a star matches anywhere in the label's name. */
	if (key && strchr(key, '*') && asprintf(&wild, "*%s*", key) < 0)
		wild = NULL;
	for (size_t i = 0; key && i < labels->n; i++) {
		const char *name = labels->v[i].key;
		bool same = streq(name, key) || (wild && fnmatch(wild, name, 0) == 0);
		if (same && (!*want || streq(labels->v[i].value, want)))
			return 1;
	}
	return 0;
}

int filter_time(const char *value, int64_t *ret, struct error *err)
{
	return time_parse(value, time_now(), ret, err);
}

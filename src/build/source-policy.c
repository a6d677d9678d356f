/* SPDX-License-Identifier: Apache-2.0 */
#include "build/source-policy.h"

#include <fcntl.h>
#include <string.h>

#include "base/filter.h"
#include "base/json.h"
#include "image/reference.h"
#include "os/file.h"

struct selector {
	char *identifier, *match;
};
struct updates {
	char *identifier;
	struct strmap attrs;
};
struct rule {
	char *action;
	struct selector selector;
	struct updates updates;
	enum source_action what;
};

static const struct field selector_rows[] = {
	{ .json = "identifier", F_STR(struct selector, identifier) },
	{ .json = "matchType", F_STR(struct selector, match) },
	{}
};
static const struct field updates_rows[] = {
	{ .json = "identifier", F_STR(struct updates, identifier) },
	{ .json = "attrs", F_MAP(struct updates, attrs) },
	{}
};
static const struct field rule_rows[] = {
	{ .json = "action", F_STR(struct rule, action) },
	{ .json = "selector", F_OBJECT(struct rule, selector, selector_rows) },
	{ .json = "updates", F_OBJECT(struct rule, updates, updates_rows) },
	{}
};
static const struct field policy_rows[] = {
	{ .json = "rules", F_LIST(struct source_policy, rules, struct rule, rule_rows) },
	{}
};

void source_policy_done(struct source_policy *p)
{
	fields_done(policy_rows, p);
}

static int check_rule(struct rule *r, struct error *err)
{
	static const char *const actions[] = { [SOURCE_ALLOW] = "ALLOW", [SOURCE_DENY] = "DENY", [SOURCE_CONVERT] = "CONVERT" };
	const char *match = r->selector.match;
	size_t i = 0;

	if (str_empty(r->action))
		return fail(err, ERROR_INVALID, "action is required");
	while (i < ARRAY_LEN(actions) && !streq(actions[i], r->action))
		i++;
	if (i == ARRAY_LEN(actions))
		return fail(err, ERROR_INVALID, "unknown action \"%.40s\" (valid: ALLOW, DENY, CONVERT)", r->action);
	r->what = (enum source_action)i;
	if (str_empty(r->selector.identifier))
		return fail(err, ERROR_INVALID, "selector.identifier is required");
	if (!str_empty(match) && !streq(match, "EXACT") && !streq(match, "WILDCARD") && !streq(match, "REGEX"))
		return fail(err, ERROR_INVALID, "unknown matchType \"%.40s\" (valid: EXACT, WILDCARD, REGEX)", match);
	if (streq0(match, "REGEX") && match_regex(r->selector.identifier, "", err) < 0)
		return fail_wrap(err, "selector.identifier");
	if (r->what == SOURCE_CONVERT && str_empty(r->updates.identifier) && !strmap_get(&r->updates.attrs, "http.checksum"))
		return fail(err, ERROR_INVALID, "updates.identifier is required for CONVERT action");
	return 0;
}

int source_policy_parse(const char *text, size_t len, struct source_policy *ret, struct error *err)
{
	auto_json *tree = NULL;
	struct rule *v;

	if (json_parse("source policy", text, len, NULL, &tree, err) < 0)
		return fail_wrap(err, "parsing source policy JSON");
	TRY(fields_load(policy_rows, FIELD_COLUMN_JSON, tree, ret, NULL, err));
	v = ret->rules.v;
	for (size_t i = 0; i < ret->rules.n; i++)
		if (check_rule(&v[i], err) < 0)
			return fail_wrap(err, "validating source policy: rule %zu", i);
	return 0;
}

int source_policy_read(const char *path, struct source_policy *ret, struct error *err)
{
	autofree char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, SOURCE_POLICY_BYTES_MAX, &text, &len, err);

	if (r == 0)
		r = fail_with(err, ENOENT, "open %s", path);
	if (r < 0 || source_policy_parse(text, len, ret, err) < 0)
		return fail_wrap(err, "reading source policy file \"%s\"", path);
	return 0;
}

/* '*' and '?'; no backtracking but to the last '*': linear for each of them. */
static bool fits(const char *pattern, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			from = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++from;
		} else {
			return false;
		}
	}
	pattern += strspn(pattern, "*");
	return !*pattern;
}

static bool selects(const struct selector *s, const char *identifier)
{
	struct error ignored;

	if (streq0(s->match, "EXACT"))
		return streq(s->identifier, identifier);
	if (streq0(s->match, "REGEX"))   /* anywhere in it, as BuildKit: anchors are the policy's */
		return match_regex(s->identifier, identifier, &ignored) == 1;
	return fits(s->identifier, identifier);
}

static const struct rule *find_rule(const struct source_policy *p, const char *identifier)
{
	const struct rule *v = p->rules.v;

	for (size_t i = 0; i < p->rules.n; i++)
		if (selects(&v[i].selector, identifier))
			return &v[i];
	return NULL;
}

/* The rule, or NULL; a denial is the failure. */
static int decide(const struct source_policy *p, const char *name, const char *identifier, const struct rule **ret, struct error *err)
{
	const struct rule *r = find_rule(p, identifier);

	*ret = r;
	if (r && r->what == SOURCE_DENY)
		return fail(err, ERROR_DENIED, "source \"%s\" denied by source policy: matched rule %zu (selector: \"%s\")", name,
			    (size_t)(r - (const struct rule *)p->rules.v), r->selector.identifier);
	return 0;
}

int source_policy_image(const struct source_policy *p, const char *name, char **ret, struct error *err)
{
	static const char prefix[] = "docker-image://";
	auto_reference r = {};
	autofree char *identifier = NULL, *full = NULL;
	struct error ignored;
	const struct rule *rule;

	if (!p->rules.n)
		return str_set(ret, name, err);
	if (reference_parse(name, &r, &ignored) >= 0)
		TRY(reference_normalize_docker(&r, err));
	full = r.path ? reference_text(&r) : strdup(name);
	if (!full)
		return fail_oom(err);
	TRY(str_printf(&identifier, err, "%s%s", prefix, full));
	TRY(decide(p, name, identifier, &rule, err));
	if (!rule || rule->what != SOURCE_CONVERT || str_empty(rule->updates.identifier))
		return str_set(ret, name, err);
	const char *rest = str_after(rule->updates.identifier, prefix);
	return str_set(ret, rest ? rest : rule->updates.identifier, err);
}

int source_policy_url(const struct source_policy *p, const char *url, char **ret, char **ret_checksum, struct error *err)
{
	const struct rule *rule;

	TRY(decide(p, url, url, &rule, err));
	bool convert = rule && rule->what == SOURCE_CONVERT;
	TRY(str_set(ret, convert && !str_empty(rule->updates.identifier) ? rule->updates.identifier : url, err));
	return str_set(ret_checksum, convert ? strmap_get(&rule->updates.attrs, "http.checksum") : NULL, err);
}

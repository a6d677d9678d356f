/* SPDX-License-Identifier: Apache-2.0
 * --env, env files, --entrypoint, --restart, --ulimit. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/argv.h"
#include "base/json.h"
#include "engine/params-parse.h"

extern char **environ;

/* NAME=VALUE sets, NAME takes over from our environment when it is there, PREFIX* takes over all that match. */
static int add_env(struct strmap *env, const char *word, struct error *err)
{
	const char *eq = strchr(word, '=');
	size_t len = strlen(word);
	autofree char *name = NULL;

	if (!len || eq == word)
		return fail(err, ERROR_INVALID, "invalid variable: \"%s\"", word);
	if (eq) {
		name = strndup(word, (size_t)(eq - word));
		return name ? strmap_set(env, name, eq + 1, err) : fail_oom(err);
	}
	if (word[len - 1] != '*') {
		const char *value = getenv(word);
		return value ? strmap_set(env, word, value, err) : 0;
	}
	for (char **e = environ; *e; e++) {
		autofree char *one = NULL;
		const char *at = strchr(*e, '=');
		if (!at || strncmp(*e, word, len - 1) != 0)
			continue;
		one = strndup(*e, (size_t)(at - *e));
		if (!one)
			return fail_oom(err);
		TRY(strmap_set(env, one, at + 1, err));
	}
	return 0;
}

static int store_env(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return add_env(at, value, err);
}
const struct field_custom param_env_custom = { .parse = store_env };

int param_env_file_parse(const char *what, const char *text, struct strmap *env, struct error *err)
{
	auto_strv lines = {};

	TRY(strv_split(&lines, text, '\n', err));
	for (size_t i = 0; i < lines.n; i++) {
		char *s = lines.v[i];
		size_t n = strlen(s);
		if (n && s[n - 1] == '\r')
			s[n - 1] = '\0';
		while (*s == ' ' || *s == '\t')
			s++;
		if (!*s || *s == '#')
			continue;
		size_t name = strcspn(s, "=");
		if (s[name] && memchr(s, ' ', name))
			return fail(err, ERROR_INVALID, "%s:%zu: variable name \"%.*s\" contains a blank", what, i + 1, (int)name, s);
		if (add_env(env, s, err) < 0)
			return fail_wrap(err, "%s:%zu", what, i + 1);
	}
	return 0;
}

/* A JSON array of strings, or one word that is the whole program name. */
static int store_entrypoint(const struct field *f, void *at, const char *value, struct error *err)
{
	struct params_process *p = at;
	auto_json *tree = NULL;
	struct error ignored = {};

	(void)f;
	strv_done(&p->entrypoint);
	p->entrypoint_given = true;
	if (!*value)
		return 0;
	if (*value != '[' || json_parse("--entrypoint", value, strlen(value), NULL, &tree, &ignored) < 0 ||
	    !json_object_is_type(tree, json_type_array))
		return strv_add(&p->entrypoint, value, err);
	for (size_t i = 0; i < json_object_array_length(tree); i++) {
		struct json_object *word = json_object_array_get_idx(tree, i);
		if (!json_object_is_type(word, json_type_string))
			return fail(err, ERROR_INVALID, "the JSON array must hold strings only");
		TRY(strv_add(&p->entrypoint, json_object_get_string(word), err));
	}
	return 0;
}
const struct field_custom param_entrypoint_custom = { .parse = store_entrypoint };

int param_restart_parse(const char *value, struct param_restart *ret, struct error *err)
{
	static const struct {
		const char *word;
		int policy;
	} words[] = { { "no", RESTART_NO }, { "never", RESTART_NO }, { "always", RESTART_ALWAYS },
		{ "on-failure", RESTART_ON_FAILURE }, { "unless-stopped", RESTART_UNLESS_STOPPED } };
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : strlen(value);
	struct param_restart r = {};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].word) == len && strncmp(words[i].word, value, len) == 0)
			r.policy = words[i].policy;
	if (!r.policy && *value)
		return fail(err, ERROR_INVALID, "invalid restart policy \"%s\": should be always, no, on-failure[:retries] or "
						"unless-stopped", value);
	if (colon && r.policy != RESTART_ON_FAILURE)
		return fail(err, ERROR_INVALID, "restart policy retries can only be used with the on-failure restart policy");
	if (colon && (!parse_i64(colon + 1, &r.retries) || r.retries < 0))
		return fail(err, ERROR_INVALID, "restart policy retries: \"%s\" is not a number", colon + 1);
	*ret = r;
	return 0;
}

static int store_restart(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return param_restart_parse(value, at, err);
}
const struct field_custom param_restart_custom = { .parse = store_restart };

/* ---- NAME=SOFT[:HARD] ---- */
const char *const param_ulimit_names[] = {
	[RLIMIT_CPU] = "cpu", [RLIMIT_FSIZE] = "fsize", [RLIMIT_DATA] = "data", [RLIMIT_STACK] = "stack",
	[RLIMIT_CORE] = "core", [RLIMIT_RSS] = "rss", [RLIMIT_NPROC] = "nproc", [RLIMIT_NOFILE] = "nofile",
	[RLIMIT_MEMLOCK] = "memlock", [RLIMIT_AS] = "as", [RLIMIT_LOCKS] = "locks", [RLIMIT_SIGPENDING] = "sigpending",
	[RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice", [RLIMIT_RTPRIO] = "rtprio", [RLIMIT_RTTIME] = "rttime",
};

static bool parse_limit(const char *s, int64_t *ret)
{
	if (streq(s, "unlimited")) {
		*ret = -1;
		return true;
	}
	return parse_i64(s, ret) && *ret >= -1;
}

static int add_ulimit(struct list *ulimits, const char *name, int64_t soft, int64_t hard, struct error *err)
{
	struct param_ulimit *have = ulimits->v, *u = NULL;

	for (size_t i = 0; i < ulimits->n; i++)
		if (streq(have[i].name, name))
			u = &have[i];
	if (!u)
		u = list_add(ulimits, sizeof(*u), err);
	if (!u)
		return -1;
	u->soft = soft;
	u->hard = hard;
	return str_set(&u->name, name, err);
}

static int fail_soft_above_hard(const char *word, int64_t soft, int64_t hard, struct error *err)
{
	return fail(err, ERROR_INVALID, "ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed: ulimit soft limit must be "
					"less than or equal to hard limit: soft: %lld%s, hard: %lld%s", word, (long long)soft,
		    soft == -1 ? " (unlimited)" : "", (long long)hard, hard == -1 ? " (unlimited)" : "");
}

static int parse_ulimit(const char *word, struct list *ulimits, struct error *err)
{
	const char *eq = strchr(word, '=');
	auto_strv limits = {};
	int64_t soft, hard;
	size_t i;

	if (streq(word, "host"))
		return add_ulimit(ulimits, "host", 0, 0, err);
	if (!eq)
		return fail(err, ERROR_INVALID, "ulimit option \"%s\" requires name=SOFT:HARD, failed to be parsed: "
						"invalid ulimit argument: %s", word, word);
	autofree char *name = strndup(word, (size_t)(eq - word));
	if (!name)
		return fail_oom(err);
	for (i = 0; i < ARRAY_LEN(param_ulimit_names); i++)
		if (streq(name, param_ulimit_names[i]) ||
		    (str_after(name, "RLIMIT_") && strcasecmp(name + 7, param_ulimit_names[i]) == 0))
			break;
	if (i == ARRAY_LEN(param_ulimit_names))
		return fail(err, ERROR_INVALID, "ulimit option \"%s\": invalid ulimit type: %s", word, name);
	TRY(strv_split(&limits, eq + 1, ':', err));
	if (limits.n > 2 || !parse_limit(limits.v[0], &soft) || !parse_limit(limits.v[limits.n - 1], &hard))
		return fail(err, ERROR_INVALID, "ulimit option \"%s\": limits are numbers, \"unlimited\" or -1", word);
	if (hard != -1 && (soft == -1 || soft > hard))
		return fail_soft_above_hard(word, soft, hard, err);
	return add_ulimit(ulimits, param_ulimit_names[i], soft, hard, err);
}

int param_ulimit_parse(const char *value, struct list *ulimits, struct error *err)
{
	auto_strv words = {};

	TRY(csv_split(&words, value, err));
	for (size_t i = 0; i < words.n; i++)
		TRY(parse_ulimit(words.v[i], ulimits, err));
	return 0;
}

static int store_ulimit(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return param_ulimit_parse(value, at, err);
}
const struct field_custom param_ulimit_custom = { .parse = store_ulimit };

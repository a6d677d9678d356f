/* SPDX-License-Identifier: Apache-2.0
 * build/scope.c - where a variable's value comes from. */
#include "build/scope.h"

static const char *const proxies[] = { "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy",
	"NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy" };

bool scope_name_is_proxy(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		if (strlen(proxies[i]) == len && strncmp(proxies[i], name, len) == 0)
			return true;
	return false;
}

static const char *map_get(const struct strmap *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->n; i++)
		if (strncmp(m->v[i].key, name, len) == 0 && !m->v[i].key[len])
			return m->v[i].value;
	return NULL;
}

/* ---- the head ---- */
void scope_head_done(struct scope_head *h)
{
	strmap_done(&h->given);
	strmap_done(&h->platform);
	strmap_done(&h->args);
	strv_done(&h->declared);
	*h = (struct scope_head){};
}

static int add_platform(struct scope_head *h, const char *side, const char *platform, struct error *err)
{
	static const char *const parts[] = { "OS", "ARCH", "VARIANT" };
	auto_strv pieces = {};

	TRY(strv_split(&pieces, platform, '/', err));
	for (size_t i = 0; i <= ARRAY_LEN(parts); i++) {
		autofree char *name = NULL;
		const char *value = i == ARRAY_LEN(parts) ? platform : i < pieces.n ? pieces.v[i] : "";
		TRY(str_printf(&name, err, "%s%s", side, i == ARRAY_LEN(parts) ? "PLATFORM" : parts[i]));
		TRY(strmap_set(&h->platform, name, value, err));
	}
	return 0;
}

int scope_head_init(struct scope_head *h, const char *build_platform, const char *target_platform, struct error *err)
{
	TRY(add_platform(h, "BUILD", build_platform, err));
	return add_platform(h, "TARGET", target_platform, err);
}

static int declare(struct scope_head *h, const char *name, struct error *err)
{
	return strv_has(&h->declared, name) ? 0 : strv_add(&h->declared, name, err);
}

/* --build-arg, else what the instruction says (already expanded), else what `above` or the build has; NULL: nothing. */
static const char *choose(const struct scope_head *h, const char *name, const char *written, bool in_stage)
{
	const char *value = strmap_get(&h->given, name);

	if (!value)
		value = written;
	if (!value && in_stage)
		value = strmap_get(&h->args, name);
	return value ? value : strmap_get(&h->platform, name);
}

static const char *head_get(void *data, const char *name, size_t len)
{
	const struct scope_head *h = data;
	const char *value = map_get(&h->args, name, len);

	if (value)
		return value;
	value = map_get(&h->platform, name, len);
	if (!value)
		return NULL;
	const char *given = map_get(&h->given, name, len);
	return given ? given : value;
}

struct expand scope_head_expand(struct scope_head *h, char escape)
{
	return (struct expand){ .get = head_get, .data = h, .escape = escape };
}

/* One pair of an ARG, its default expanded with x; *ret_value NULL: none anywhere. */
static int eval_arg(struct scope_head *h, const struct instruction_pair *p, const struct expand *x, bool in_stage,
		    char **ret_name, char **ret_value, struct error *err)
{
	autofree char *written = NULL;

	TRY(expand_word(x, p->name, ret_name, err));
	if (p->value)
		TRY(expand_word(x, p->value, &written, err));
	TRY(declare(h, *ret_name, err));
	const char *value = choose(h, *ret_name, written, in_stage);
	return value ? str_set(ret_value, value, err) : 0;
}

int scope_head_arg(struct scope_head *h, const struct instruction *arg, char escape, struct error *err)
{
	const struct instruction_pair *pairs = arg->pairs.v;
	struct expand x = scope_head_expand(h, escape);

	if (h->args.n + arg->pairs.n > SCOPE_NAMES_MAX)
		return fail(err, ERROR_INVALID, "more than %d build arguments", SCOPE_NAMES_MAX);
	for (size_t i = 0; i < arg->pairs.n; i++) {
		autofree char *name = NULL, *value = NULL;
		TRY(eval_arg(h, &pairs[i], &x, false, &name, &value, err));
		if (value)
			TRY(strmap_set(&h->args, name, value, err));
	}
	return 0;
}

int scope_head_unused(const struct scope_head *h, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < h->given.n; i++) {
		const char *name = h->given.v[i].key;
		if (!strv_has(&h->declared, name) && !scope_name_is_proxy(name, strlen(name)) && !strmap_get(&h->platform, name) &&
		    !str_after(name, "BUILDKIT_") && !streq(name, "SOURCE_DATE_EPOCH"))
			TRY(strv_add(ret, name, err));
	}
	return 0;
}

/* ---- a stage ---- */
void scope_done(struct scope *s)
{
	strmap_done(&s->args);
	strv_done(&s->bare);
	strv_done(&s->env);
	*s = (struct scope){};
}

int scope_init(struct scope *s, struct scope_head *head, char escape, const struct strv *env, const struct scope *from,
	       struct error *err)
{
	*s = (struct scope){ .head = head, .escape = escape };
	if (env)
		TRY(strv_copy(&s->env, env, err));
	return from ? strmap_copy(&s->args, &from->args, err) : 0;
}

static const char *stage_get(void *data, const char *name, size_t len)
{
	struct scope *s = data;
	const char *value = expand_get_env(&s->env, name, len);

	return value ? value : map_get(&s->args, name, len);
}

struct expand scope_expand(struct scope *s)
{
	return (struct expand){ .get = stage_get, .data = s, .escape = s->escape };
}

int scope_arg(struct scope *s, const struct instruction *arg, struct error *err)
{
	const struct instruction_pair *pairs = arg->pairs.v;
	struct expand x = scope_expand(s);

	if (s->args.n + s->bare.n + arg->pairs.n > SCOPE_NAMES_MAX)
		return fail(err, ERROR_INVALID, "more than %d build arguments", SCOPE_NAMES_MAX);
	for (size_t i = 0; i < arg->pairs.n; i++) {
		autofree char *name = NULL, *value = NULL;
		TRY(eval_arg(s->head, &pairs[i], &x, true, &name, &value, err));
		if (value)
			TRY(strmap_set(&s->args, name, value, err));
		else if (!strv_has(&s->bare, name))
			TRY(strv_add(&s->bare, name, err));
	}
	return 0;
}

int scope_env(struct scope *s, const struct instruction *env, struct error *err)
{
	struct expand x = scope_expand(s);
	auto_instruction set = {};

	TRY(instruction_expand(env, &x, &set, err));
	const struct instruction_pair *pairs = set.pairs.v;
	if (s->env.n + set.pairs.n > SCOPE_NAMES_MAX)
		return fail(err, ERROR_INVALID, "more than %d variables", SCOPE_NAMES_MAX);
	for (size_t i = 0; i < set.pairs.n; i++)
		TRY(strv_env_set(&s->env, pairs[i].name, pairs[i].value, err));
	return 0;
}

static int add_args(const struct scope *s, bool proxies_too, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < s->args.n; i++) {
		const char *name = s->args.v[i].key;
		if (strv_env_get(&s->env, name) || (!proxies_too && scope_name_is_proxy(name, strlen(name))))
			continue;
		TRY(strv_addf(ret, err, "%s=%s", name, s->args.v[i].value));
	}
	return 0;
}

int scope_run_env(const struct scope *s, struct strv *ret, struct error *err)
{
	TRY(strv_copy(ret, &s->env, err));
	TRY(add_args(s, true, ret, err));
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
		const char *value = strmap_get(&s->head->given, proxies[i]);
		if (value && !strv_env_get(ret, proxies[i]))
			TRY(strv_addf(ret, err, "%s=%s", proxies[i], value));
	}
	return 0;
}

int scope_run_args(const struct scope *s, struct strv *ret, struct error *err)
{
	TRY(add_args(s, false, ret, err));
	strv_sort(ret);
	return 0;
}

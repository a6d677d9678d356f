/* SPDX-License-Identifier: Apache-2.0
 * build/lint-rules.c - the rules: a function each, and the table that says what they are called for. */
#include <ctype.h>

#include "build/lint-internal.h"
#include "image/reference.h"

#define ON(k) (1u << INSTRUCTION_##k)
#define ANY (~0u)
#define GUESSES_MAX 200

/* ---- casing ---- */
static bool is_lower(const char *s)
{
	for (; *s; s++)
		if (isupper((unsigned char)*s))
			return false;
	return true;
}

static bool is_upper(const char *s)
{
	for (; *s; s++)
		if (islower((unsigned char)*s))
			return false;
	return true;
}

static int check_instruction_casing(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *word = v->in->word;

	if (l->mostly_lower ? is_lower(word) : is_upper(word))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Command '%s' should match the case of the command majority (%s)", word,
			 l->mostly_lower ? "lowercase" : "uppercase");
}

/* FROM X AS NAME as written: {"X", "AS", "NAME"}. */
static int from_words(const struct instruction *from, struct strv *ret, struct error *err)
{
	auto_strv words = {};

	TRY(strv_split(&words, from->args, ' ', err));
	for (size_t i = 0; i < words.n; i++)
		if (words.v[i][strspn(words.v[i], " \t\v\f\r")])
			TRY(strv_add(ret, words.v[i], err));
	return 0;
}

static int check_as_casing(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	auto_strv words = {};

	TRY(from_words(v->in, &words, err));
	if (words.n < 3 || (is_lower(v->in->word) && is_lower(words.v[1])) || (is_upper(v->in->word) && is_upper(words.v[1])))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "'%s' and '%s' keywords' casing do not match", words.v[1], v->in->word);
}

static int check_stage_casing(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	auto_strv words = {};

	TRY(from_words(v->in, &words, err));
	if (words.n < 3 || is_lower(words.v[2]))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Stage name '%s' should be lowercase", words.v[2]);
}

/* ---- stages ---- */
static int check_duplicate_stage(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *name = v->in->words.n > 1 ? v->in->words.v[1] : NULL;

	if (!name || !strv_has(&l->stage_names, name))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Duplicate stage name \"%s\", stage names should be unique", name);
}

static int check_reserved_stage(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *name = v->in->words.n > 1 ? v->in->words.v[1] : "";

	if (!streq(name, "scratch") && !streq(name, "context"))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Stage name should not use the same name as reserved stage \"%s\"", name);
}

/* All but the last of a stage's CMDs, ENTRYPOINTs, HEALTHCHECKs. */
static int check_multiple(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	for (size_t i = v->index + 1; i < v->stage_end; i++)
		if (INSTRUCTION(l->file, i)->kind == v->in->kind)
			return lint_warn(l, rule, v->in->line, err, "Multiple %s instructions should not be used in the same stage because "
					 "only the last one will be used", instruction_name(v->in->kind));
	return 0;
}

/* ---- FROM ---- */
static int check_redundant_platform(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *p = v->in->flags.platform;

	if (!p || (!streq(p, "$TARGETPLATFORM") && !streq(p, "${TARGETPLATFORM}")))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Setting platform to predefined %s in FROM is redundant as this is the default behavior", p);
}

/* A stage that says in its name which platform it is for may be constant. */
static bool name_says_platform(const struct instruction *from)
{
	const char *name = from->words.n > 1 ? from->words.v[1] : "", *p = from->flags.platform;

	while (*p) {
		size_t n = strcspn(p, "/");
		char part[64];
		if (n && n < sizeof(part)) {
			memcpy(part, p, n);
			part[n] = '\0';
			if (strstr(name, part))
				return true;
		}
		p += n + (p[n] == '/');
	}
	return false;
}

static int check_const_platform(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *p = v->in->flags.platform;

	if (!p || strchr(p, '$') || name_says_platform(v->in))
		return 0;
	return lint_warn(l, rule, v->in->line, err, "FROM --platform flag should not use constant value \"%s\"", p);
}

/* ---- variables ---- */
static void nearer(const char *name, const char *candidate, const char **best, size_t *limit)
{
	size_t d = str_distance(name, candidate);

	if (d < *limit && d < strlen(name)) {
		*limit = d;
		*best = candidate;
	}
}

static const char *similar_in_map(const struct strmap *m, const char *name, const char *best, size_t *limit)
{
	for (size_t i = 0; i < m->n; i++)
		nearer(name, m->v[i].key, &best, limit);
	return best;
}

/* What was probably meant, or NULL. For names of environments buf holds the copy. */
static const char *similar(struct lint *l, const struct lint_visit *v, const char *name, char buf[64])
{
	size_t limit = 3;

	if (l->guesses++ >= GUESSES_MAX)   /* each looks at all names there are */
		return NULL;
	const char *best = similar_in_map(&l->head.args, name, NULL, &limit);

	best = similar_in_map(&l->head.platform, name, best, &limit);
	if (!v->scope)
		return best;
	best = similar_in_map(&v->scope->args, name, best, &limit);
	for (size_t i = 0; i < v->scope->env.n; i++) {
		char entry[64];
		size_t n = strcspn(v->scope->env.v[i], "=");
		if (n >= sizeof(entry))
			continue;
		memcpy(entry, v->scope->env.v[i], n);
		entry[n] = '\0';
		const char *found = NULL;
		nearer(name, entry, &found, &limit);
		if (found)
			best = memcpy(buf, entry, n + 1);
	}
	return best;
}

static int warn_variable(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, const char *name, struct error *err)
{
	char buf[64];
	const char *meant = similar(l, v, name, buf);
	bool in_from = v->in->kind == INSTRUCTION_FROM;

	return lint_warn(l, rule, v->in->line, err, "%s%s%s%s%s%s", in_from ? "FROM argument '" : "Usage of undefined variable '$", name,
			 in_from ? "' is not declared" : "'", meant ? " (did you mean " : "", meant ? meant : "", meant ? "?)" : "");
}

static int check_from_args(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	for (size_t i = 0; i < v->unset->n; i++)
		if (!strv_has(&l->head.declared, v->unset->v[i]))
			TRY(warn_variable(l, rule, v, v->unset->v[i], err));
	return 0;
}

static int check_undefined(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	char buf[64];

	if (!v->scope || v->in->kind == INSTRUCTION_ONBUILD)
		return 0;
	for (size_t i = 0; i < v->unset->n; i++) {
		const char *name = v->unset->v[i];
		if (!isalpha((unsigned char)*name) && *name != '_')
			continue;
		if (strv_has(&v->scope->bare, name) || (!v->base_known && !similar(l, v, name, buf)))
			continue;
		TRY(warn_variable(l, rule, v, name, err));
	}
	return 0;
}

/* FROM with nothing but defaults. */
static int check_default_arg(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	struct expand x = scope_head_expand(&l->head, l->file->escape);
	autofree char *image = NULL;
	auto_reference ref = {};
	auto_strv unset = {};
	struct error ignored;

	x.unset = &unset;
	if (!strchr(v->in->words.v[0], '$') || expand_word(&x, v->in->words.v[0], &image, &ignored) < 0)
		return 0;
	if (*image && reference_parse(image, &ref, &ignored) == 0)
		return 0;
	for (size_t i = 0; i < unset.n; i++)
		if (!strv_has(&l->head.declared, unset.v[i]))   /* that is another rule's */
			return 0;
	return lint_warn(l, rule, v->in->line, err, "Default value for ARG %s results in empty or invalid base image name", v->in->words.v[0]);
}

/* ---- single instructions ---- */
static int check_json(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	if (v->in->json || !v->in->words.n || v->shell_set)
		return 0;
	return lint_warn(l, rule, v->in->line, err, "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
			 instruction_name(v->in->kind));
}

static int check_maintainer(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	return lint_warn(l, rule, v->in->line, err, "Maintainer instruction is deprecated in favor of using label");
}

static int check_workdir(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *path = v->expanded ? v->expanded->words.v[0] : "/";

	if (v->workdir_set || *path == '/')
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Relative workdir \"%s\" can have unexpected results if the base image changes", path);
}

static int check_legacy(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const char *name = instruction_name(v->in->kind);

	if (!v->in->legacy)
		return 0;
	return lint_warn(l, rule, v->in->line, err, "\"%s key=value\" should be used instead of legacy \"%s key value\" format", name, name);
}

/* A word of the name, between '_', is one that secrets are called by. */
static bool names_secret(const char *name)
{
	static const char *const words[] = { "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret",
		"token" };
	bool secret = false;

	for (size_t n; *name; name += n + (name[n] == '_')) {
		n = strcspn(name, "_");
		if (n == 6 && strncasecmp(name, "public", n) == 0)
			return false;
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			secret = secret || (strlen(words[i]) == n && strncasecmp(name, words[i], n) == 0);
	}
	return secret;
}

static int check_secrets(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const struct instruction_pair *pairs = v->in->pairs.v;

	for (size_t i = 0; i < v->in->pairs.n; i++)
		if (names_secret(pairs[i].name))
			TRY(lint_warn(l, rule, v->in->line, err, "Do not use ARG or ENV instructions for sensitive data (%s \"%s\")",
				      instruction_name(v->in->kind), pairs[i].name));
	return 0;
}

static int check_proto_casing(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	for (size_t i = 0; v->expanded && i < v->expanded->words.n; i++) {
		const char *slash = strchr(v->expanded->words.v[i], '/');
		if (slash && !is_lower(slash))
			TRY(lint_warn(l, rule, v->in->line, err, "Defined protocol '%s' in EXPOSE instruction should be lowercase",
				      v->expanded->words.v[i]));
	}
	return 0;
}

static int check_expose_format(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	for (size_t i = 0; v->expanded && i < v->expanded->words.n; i++)
		if (strchr(v->expanded->words.v[i], ':'))
			TRY(lint_warn(l, rule, v->in->line, err, "EXPOSE instruction should not define an IP address or host-port mapping, "
				      "found '%s'", v->expanded->words.v[i]));
	return 0;
}

static int check_copy_ignored(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const struct instruction *in = v->expanded;

	if (!in || in->flags.from || ignore_is_empty(l->o->ignore))
		return 0;
	for (size_t i = 0; i + 1 < in->words.n; i++) {
		const char *source = in->words.v[i];
		while (str_after(source, "./") || *source == '/')
			source += *source == '/' ? 1 : 2;
		if (!*source || streq(source, ".") || ignore_has_glob(source) || strstr(source, "://"))
			continue;
		if (ignore_check(l->o->ignore, source) == IGNORE_PRUNE)
			TRY(lint_warn(l, rule, v->in->line, err, "Attempting to %s file \"%s\" that is excluded by .dockerignore",
				      instruction_name(in->kind), in->words.v[i]));
	}
	return 0;
}

/* "# NAME text" right above ARG NAME and FROM ... AS NAME. */
static int check_description(struct lint *l, const struct lint_rule *rule, const struct lint_visit *v, struct error *err)
{
	const struct instruction_pair *pairs = v->in->pairs.v;
	const char *name = v->in->kind == INSTRUCTION_ARG ? pairs[0].name : v->in->words.n > 1 ? v->in->words.v[1] : NULL;
	const char *last = v->in->comment ? strrchr(v->in->comment, '\n') : NULL, *comment = last ? last + 1 : v->in->comment;

	if (!comment || !*comment || !name)
		return 0;
	size_t n = strcspn(comment, " ");
	for (size_t i = 0; i < v->in->pairs.n; i++)
		if (strlen(pairs[i].name) == n && strncmp(pairs[i].name, comment, n) == 0)
			return 0;
	if (strlen(name) == n && strncasecmp(name, comment, n) == 0)
		return 0;
	return lint_warn(l, rule, v->in->line, err, "Comment for %s should follow the format: `# %s <description>`",
			 v->in->kind == INSTRUCTION_ARG ? "build argument" : "build stage", name);
}

const struct lint_check lint_checks[] = {
	{ { "StageNameCasing", "Stage names should be lowercase" }, ON(FROM), check_stage_casing },
	{ { "FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword" }, ON(FROM), check_as_casing },
	{ { "NoEmptyContinuation", "Empty continuation lines will become errors in a future release" }, 0, NULL },
	{ { "ConsistentInstructionCasing", "All commands within the Dockerfile should use the same casing (either upper or lower)" },
	  ANY, check_instruction_casing },
	{ { "DuplicateStageName", "Stage names should be unique" }, ON(FROM), check_duplicate_stage },
	{ { "ReservedStageName", "Reserved words should not be used as stage names" }, ON(FROM), check_reserved_stage },
	{ { "JSONArgsRecommended", "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals" },
	  ON(CMD) | ON(ENTRYPOINT), check_json },
	{ { "MaintainerDeprecated", "The MAINTAINER instruction is deprecated, use a label instead to define an image author" },
	  ON(MAINTAINER), check_maintainer },
	{ { "UndefinedArgInFrom", "FROM command must use declared ARGs" }, ON(FROM), check_from_args },
	{ { "WorkdirRelativePath", "Relative workdir without an absolute workdir declared within the build can have unexpected results if "
	    "the base image changes" }, ON(WORKDIR), check_workdir },
	{ { "UndefinedVar", "Variables should be defined before their use" }, ANY & ~ON(FROM), check_undefined },
	{ { "MultipleInstructionsDisallowed", "Multiple instructions of the same type should not be used in the same stage" },
	  ON(CMD) | ON(ENTRYPOINT) | ON(HEALTHCHECK), check_multiple },
	{ { "LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used" }, ON(ENV) | ON(LABEL), check_legacy },
	{ { "RedundantTargetPlatform", "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior" },
	  ON(FROM), check_redundant_platform },
	{ { "SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands" }, ON(ARG) | ON(ENV), check_secrets },
	{ { "InvalidDefaultArgInFrom", "Default value for global ARG results in an empty or invalid base image name" }, ON(FROM), check_default_arg },
	{ { "FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value" }, ON(FROM), check_const_platform },
	{ { "InvalidBaseImagePlatform", "Base image platform does not match expected target build platform" }, 0, NULL },
	{ { "CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore", .experimental = true }, ON(COPY) | ON(ADD),
	  check_copy_ignored },
	{ { "InvalidDefinitionDescription", "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`",
	    .experimental = true }, ON(FROM) | ON(ARG), check_description },
	{ { "ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase" }, ON(EXPOSE), check_proto_casing },
	{ { "ExposeInvalidFormat", "IP address and host-port mapping should not be used in EXPOSE instruction" }, ON(EXPOSE), check_expose_format },
};
const size_t lint_checks_n = ARRAY_LEN(lint_checks);

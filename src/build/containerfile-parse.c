/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-parse.c - one logical line becomes an instruction: a row says how its arguments are read and how
 * many there must be. */
#include <ctype.h>

#include "base/buf.h"
#include "base/units.h"
#include "build/containerfile-internal.h"

typedef int parse_fn(struct line_reader *r, struct instruction *in, struct error *err);
static parse_fn parse_list, parse_command, parse_words, parse_line, parse_pairs, parse_arg, parse_from, parse_health,
	parse_onbuild, parse_shell, parse_copy, parse_run;

static const struct instruction_row {
	const char *name;
	parse_fn *parse;
	size_t min;          /* words, or pairs */
} table[INSTRUCTION_MAX] = {
	[INSTRUCTION_ADD] = { "ADD", parse_copy, 1 },
	[INSTRUCTION_ARG] = { "ARG", parse_arg, 1 },
	[INSTRUCTION_CMD] = { "CMD", parse_command, 0 },
	[INSTRUCTION_COPY] = { "COPY", parse_copy, 1 },
	[INSTRUCTION_ENTRYPOINT] = { "ENTRYPOINT", parse_command, 0 },
	[INSTRUCTION_ENV] = { "ENV", parse_pairs, 1 },
	[INSTRUCTION_EXPOSE] = { "EXPOSE", parse_words, 1 },
	[INSTRUCTION_FROM] = { "FROM", parse_from, 1 },
	[INSTRUCTION_HEALTHCHECK] = { "HEALTHCHECK", parse_health, 1 },
	[INSTRUCTION_LABEL] = { "LABEL", parse_pairs, 1 },
	[INSTRUCTION_MAINTAINER] = { "MAINTAINER", parse_line, 1 },
	[INSTRUCTION_ONBUILD] = { "ONBUILD", parse_onbuild, 0 },
	[INSTRUCTION_RUN] = { "RUN", parse_run, 0 },
	[INSTRUCTION_SHELL] = { "SHELL", parse_shell, 1 },
	[INSTRUCTION_STOPSIGNAL] = { "STOPSIGNAL", parse_line, 1 },
	[INSTRUCTION_USER] = { "USER", parse_line, 1 },
	[INSTRUCTION_VOLUME] = { "VOLUME", parse_list, 1 },
	[INSTRUCTION_WORKDIR] = { "WORKDIR", parse_line, 1 },
};

const char *instruction_name(enum instruction_kind k)
{
	return (unsigned)k < INSTRUCTION_MAX ? table[k].name : "";
}

/* ---- arguments ---- */
static int parse_words(struct line_reader *r, struct instruction *in, struct error *err)
{
	return words_plain(in->args, &in->words, err);
}

static int parse_line(struct line_reader *r, struct instruction *in, struct error *err)
{
	return *in->args ? strv_add(&in->words, in->args, err) : 0;
}

/* JSON: 1; else 0 and nothing added. */
static int try_json(struct instruction *in, const char *s, struct strv *to, struct error *err)
{
	int json = words_json(s, to, err);

	in->json = json > 0;
	return json;
}

static int parse_list(struct line_reader *r, struct instruction *in, struct error *err)
{
	int json = try_json(in, in->args, &in->words, err);

	if (json == 0)
		json = words_plain(in->args, &in->words, err);
	TRY(json);
	for (size_t i = 0; in->kind == INSTRUCTION_VOLUME && i < in->words.n; i++)
		if (!in->words.v[i][strspn(in->words.v[i], " \t")])
			return fail(err, ERROR_INVALID, "VOLUME specified can not be an empty string");
	return 0;
}

static int parse_command(struct line_reader *r, struct instruction *in, struct error *err)
{
	int json = try_json(in, in->args, &in->words, err);

	if (json != 0)
		return json;
	return parse_line(r, in, err);
}

static int parse_shell(struct line_reader *r, struct instruction *in, struct error *err)
{
	TRY(try_json(in, in->args, &in->words, err));
	if (*in->args && !in->json)
		return fail(err, ERROR_INVALID, "SHELL requires the arguments to be in JSON form");
	return 0;
}

static bool mentions_variable(const char *s)
{
	return strchr(s, '$') != NULL;
}

/* What can be said before variables are known. */
static int check_run_flags(const struct instruction_flags *f, struct error *err)
{
	static const char *const networks[] = { "default", "none", "host", NULL };
	static const char *const securities[] = { "sandbox", "insecure", NULL };
	const struct { const char *flag, *value; const char *const *choices; } words[] = {
		{ "network", f->network, networks }, { "security", f->security, securities },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const char *const *c = words[i].choices;
		while (words[i].value && *c && !streq(*c, words[i].value))
			c++;
		if (words[i].value && !*c && !mentions_variable(words[i].value))
			return fail(err, ERROR_INVALID, "unsupported value \"%s\" for --%s", words[i].value, words[i].flag);
	}
	for (size_t i = 0; i < f->mounts.n; i++) {
		auto_run_mount m = {};
		if (!mentions_variable(f->mounts.v[i]))
			TRY(run_mount_parse(f->mounts.v[i], &m, err));
	}
	return 0;
}

static int parse_run(struct line_reader *r, struct instruction *in, struct error *err)
{
	TRY(check_run_flags(&in->flags, err));
	TRY(parse_command(r, in, err));
	if (in->json)
		return 0;
	TRY(heredocs_find(in->args, &in->heredocs, err));
	return heredocs_read(r, &in->heredocs, err);
}

/* Whether the word is a heredoc: 1/0. */
static int is_heredoc(const char *word, struct error *err)
{
	struct heredoc d = {};
	int is = heredoc_parse(word, &d, err);

	free(d.name);
	return is;
}

/* COPY <<NAME DEST: the heredocs leave the list of sources; the destination cannot be one. */
static int take_heredoc_sources(struct instruction *in, struct error *err)
{
	for (size_t i = in->words.n; i-- > 0;) {
		int is = is_heredoc(in->words.v[i], err);
		TRY(is);
		if (is && i == in->words.n - 1)
			return fail(err, ERROR_INVALID, "%s cannot accept a heredoc as a destination", instruction_name(in->kind));
		if (is)
			strv_remove(&in->words, i);
	}
	return 0;
}

static int parse_copy(struct line_reader *r, struct instruction *in, struct error *err)
{
	TRY(parse_list(r, in, err));
	if (!in->json) {
		TRY(heredocs_find(in->args, &in->heredocs, err));
		TRY(take_heredoc_sources(in, err));
		TRY(heredocs_read(r, &in->heredocs, err));
	}
	if (in->words.n + in->heredocs.n == 1)
		return fail(err, ERROR_INVALID, "%s requires at least two arguments, but only one was provided. Destination "
			    "could not be determined", instruction_name(in->kind));
	return 0;
}

/* ---- pairs ---- */
static int add_pair(struct instruction *in, const char *name, size_t len, const char *value, struct error *err)
{
	if (in->pairs.n >= CONTAINERFILE_PAIRS_MAX)
		return fail(err, ERROR_INVALID, "more than %d names in one %s", CONTAINERFILE_PAIRS_MAX, instruction_name(in->kind));
	struct instruction_pair *p = list_add(&in->pairs, sizeof(*p), err);
	if (!p)
		return -1;
	p->name = strndup(name, len);
	if (!p->name)
		return fail_oom(err);
	return value ? str_set(&p->value, value, err) : 0;
}

/* "NAME VALUE": the whole rest is the value. */
static int parse_legacy_pair(struct instruction *in, struct error *err)
{
	size_t n = 0;

	while (in->args[n] && !is_blank(in->args[n]))
		n++;
	const char *value = in->args + n;
	while (is_blank(*value))
		value++;
	if (!*value)
		return fail(err, ERROR_INVALID, "%s must have two arguments", instruction_name(in->kind));
	in->legacy = true;
	return add_pair(in, in->args, n, value, err);
}

static int parse_pairs(struct line_reader *r, struct instruction *in, struct error *err)
{
	auto_strv words = {};

	TRY(words_quoted(in->args, r->escape, &words, err));
	if (words.n && !strchr(words.v[0], '='))
		return parse_legacy_pair(in, err);
	for (size_t i = 0; i < words.n; i++) {
		const char *eq = strchr(words.v[i], '=');
		if (!eq)
			return fail(err, ERROR_INVALID, "Syntax error - can't find = in \"%s\". Must be of the form: name=value",
				    words.v[i]);
		if (eq == words.v[i])
			return fail(err, ERROR_INVALID, "%s names can not be blank", instruction_name(in->kind));
		TRY(add_pair(in, words.v[i], (size_t)(eq - words.v[i]), eq + 1, err));
	}
	return 0;
}

static int parse_arg(struct line_reader *r, struct instruction *in, struct error *err)
{
	auto_strv words = {};

	TRY(words_quoted(in->args, r->escape, &words, err));
	for (size_t i = 0; i < words.n; i++) {
		size_t n = strcspn(words.v[i], "=");
		if (!n)
			return fail(err, ERROR_INVALID, "ARG names can not be blank");
		TRY(add_pair(in, words.v[i], n, words.v[i][n] ? words.v[i] + n + 1 : NULL, err));
	}
	return 0;
}

/* ---- FROM ---- */
/* Docker's names, and '/' as Buildah has it. With a variable in it: the stage graph will see. */
bool is_stage_name(const char *s)
{
	if (strchr(s, '$'))
		return true;
	if (!isalpha((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_./", *s))
			return false;
	return true;
}

int fail_stage_name(const char *s, struct error *err)
{
	return fail(err, ERROR_INVALID, "invalid name for build stage: \"%s\", name can't start with a number or contain symbols", s);
}

static int parse_from(struct line_reader *r, struct instruction *in, struct error *err)
{
	auto_strv words = {};

	TRY(words_plain(in->args, &words, err));
	if (words.n != 1 && words.n != 3)
		return fail(err, ERROR_INVALID, "FROM requires either one or three arguments");
	TRY(strv_add(&in->words, words.v[0], err));
	if (words.n == 1)
		return 0;
	if (strcasecmp(words.v[1], "as") != 0)
		return fail(err, ERROR_INVALID, "FROM: \"%s\" where AS was expected", words.v[1]);
	if (!is_stage_name(words.v[2]))
		return fail_stage_name(words.v[2], err);
	for (char *p = words.v[2]; *p && !strchr(words.v[2], '$'); p++)
		*p = (char)tolower((unsigned char)*p);
	return strv_add(&in->words, words.v[2], err);
}

/* ---- HEALTHCHECK ---- */
static int check_health_flags(const struct instruction_flags *f, struct error *err)
{
	const struct { const char *name; int64_t ns; } times[] = {
		{ "interval", f->interval }, { "timeout", f->timeout }, { "start-period", f->start_period },
		{ "start-interval", f->start_interval },
	};

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i].ns != 0 && times[i].ns < NSEC_PER_SEC / 1000)
			return fail(err, ERROR_INVALID, "--%s cannot be less than 1ms", times[i].name);
	if (f->retries < 0 || f->retries > INT32_MAX)
		return fail(err, ERROR_INVALID, "--retries cannot be negative (%lld)", (long long)f->retries);
	return 0;
}

static int parse_health_command(struct instruction *in, const char *command, struct error *err)
{
	auto_strv vector = {};

	if (!*command)
		return fail(err, ERROR_INVALID, "missing command after HEALTHCHECK CMD");
	int json = try_json(in, command, &vector, err);
	TRY(json);
	TRY(strv_add(&in->words, json ? "CMD" : "CMD-SHELL", err));
	return json ? strv_copy(&in->words, &vector, err) : strv_add(&in->words, command, err);
}

static int parse_health(struct line_reader *r, struct instruction *in, struct error *err)
{
	size_t n = 0;

	while (in->args[n] && !is_blank(in->args[n]))
		n++;
	const char *command = in->args + n;
	while (is_blank(*command))
		command++;
	TRY(check_health_flags(&in->flags, err));
	if (n == 4 && strncasecmp(in->args, "NONE", n) == 0)
		return *command ? fail(err, ERROR_INVALID, "HEALTHCHECK NONE takes no arguments") : strv_add(&in->words, "NONE", err);
	if (n == 3 && strncasecmp(in->args, "CMD", n) == 0)
		return parse_health_command(in, command, err);
	return n ? fail(err, ERROR_INVALID, "unknown type \"%.*s\" in HEALTHCHECK (try CMD)", (int)n, in->args) : 0;
}

/* ---- ONBUILD ---- */
static int parse_onbuild(struct line_reader *r, struct instruction *in, struct error *err)
{
	struct logical_line l = { .line = in->line, .column = in->column };
	int done;

	if (!*in->args)
		return fail(err, ERROR_INVALID, "ONBUILD requires at least one argument");
	if (strncasecmp(in->args, "ONBUILD", 7) == 0 && (!in->args[7] || is_blank(in->args[7])))
		return fail(err, ERROR_INVALID, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	in->trigger = calloc(1, sizeof(*in->trigger));
	if (!in->trigger)
		return fail_oom(err);
	TRY(str_set(&l.text, in->args, err));
	done = instruction_read(r, &l, in->trigger, err);
	logical_line_done(&l);
	TRY(done);
	if (in->trigger->kind == INSTRUCTION_FROM || in->trigger->kind == INSTRUCTION_MAINTAINER)
		return fail(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger", instruction_name(in->trigger->kind));
	/* The image keeps the trigger as text, bodies included. */
	auto_buf text = BUF_INIT(2 * CONTAINERFILE_BYTES_MAX);
	buf_add_str(&text, in->trigger->text);
	for (size_t i = 0; i < in->trigger->heredocs.n; i++) {
		const struct heredoc *d = &((struct heredoc *)in->trigger->heredocs.v)[i];
		buf_addf(&text, "\n%s%s", d->raw, d->name);
	}
	TRY(buf_ok(&text, "ONBUILD", err));
	free(in->trigger->text);
	in->trigger->text = buf_steal(&text);
	return in->trigger->text ? 0 : fail_oom(err);
}

/* ---- the whole ---- */
static int fail_unknown(const char *word, struct error *err)
{
	size_t best = 3;
	const char *name = NULL;

	for (size_t i = 0; i < INSTRUCTION_MAX; i++) {
		size_t d = str_distance(word, table[i].name);
		if (d < best && d < strlen(table[i].name)) {
			best = d;
			name = table[i].name;
		}
	}
	if (name)
		return fail(err, ERROR_INVALID, "unknown instruction: %.80s (did you mean %s?)", word, name);
	return fail(err, ERROR_INVALID, "unknown instruction: %.80s", word);
}

static int find_kind(const char *word, enum instruction_kind *ret, struct error *err)
{
	for (size_t i = 0; i < INSTRUCTION_MAX; i++)
		if (strcasecmp(table[i].name, word) == 0) {
			*ret = (enum instruction_kind)i;
			return 0;
		}
	return fail_unknown(word, err);
}

int instruction_read(struct line_reader *r, struct logical_line *l, struct instruction *in, struct error *err)
{
	auto_strv flags = {};
	const char *rest;
	size_t n = 0;

	while (l->text[n] && !is_blank(l->text[n]))
		n++;
	in->text = take_ptr(l->text);
	in->comment = take_ptr(l->comment);
	in->line = in->end_line = l->line;
	in->column = l->column;
	in->word = strndup(in->text, n);
	if (!in->word)
		return fail_oom(err);
	TRY(find_kind(in->word, &in->kind, err));
	TRY(words_take_flags(in->text + n, &flags, &rest, err));
	TRY(str_set(&in->args, rest, err));
	TRY(flags_parse(in->kind, &flags, &in->flags, err));
	TRY(table[in->kind].parse(r, in, err));
	size_t have = in->words.n + in->pairs.n;
	if (have < table[in->kind].min)
		return fail(err, ERROR_INVALID, "%s requires at least one argument", table[in->kind].name);
	in->end_line = r->line;
	return 0;
}

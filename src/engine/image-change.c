/* SPDX-License-Identifier: Apache-2.0
 * engine/image-change.c - `--change INSTRUCTION`: the Containerfile instructions that only change a config.
 * Used by import and commit. JSON or shell form as in a Containerfile; KEY=VALUE forms of Docker's --change too. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "engine/image.h"
#include "image/oci-image.h"

typedef int change_fn(struct image_config *c, const char *rest, struct error *err);

/* ---- words ---- */
/* Shell-like words: quotes group and are dropped, a backslash takes the next character. */
static int split_words(const char *s, struct strv *to, struct error *err)
{
	while (*(s += strspn(s, " \t"))) {
		auto_buf word = BUF_INIT((size_t)1 << 20);
		char quote = 0;
		for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
			if (*s == '\\' && s[1] && quote != '\'')
				buf_add_char(&word, *++s);
			else if (quote ? *s == quote : *s == '"' || *s == '\'')
				quote = quote ? 0 : *s;
			else
				buf_add_char(&word, *s);
		}
		if (quote)
			return fail(err, ERROR_INVALID, "a quote is not closed");
		TRY(buf_ok(&word, "instruction", err));
		TRY(strv_add(to, word.data ? word.data : "", err));
	}
	return 0;
}

/* ["a", "b"]: 1 and filled; 0: not the JSON form. */
static int parse_list(const char *s, struct strv *to, struct error *err)
{
	auto_json *list = NULL;
	struct error ignored;

	if (*s != '[' || json_parse("list", s, strlen(s), NULL, &list, &ignored) < 0 ||
	    !json_object_is_type(list, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		if (!json_object_is_type(e, json_type_string))
			return 0;
		TRY(strv_add(to, json_object_get_string(e), err));
	}
	return 1;
}

static void replace(struct strv *at, struct strv *by)
{
	strv_done(at);
	*at = *by;
	*by = (struct strv){};
}

/* CMD, ENTRYPOINT: JSON, or a line for the shell. */
static int set_command(struct strv *at, const char *rest, struct error *err)
{
	auto_strv l = {};
	int r = parse_list(rest, &l, err);

	if (r == 0) {
		strv_done(&l);
		l = (struct strv){};
		TRY(strv_add(&l, "/bin/sh", err));
		TRY(strv_add(&l, "-c", err));
		r = strv_add(&l, rest, err);
	}
	TRY(r);
	replace(at, &l);
	return 0;
}

/* "a=b c=d" or the old "a b". */
static int pairs(const char *rest, struct strv *to, struct error *err)
{
	auto_strv words = {};

	TRY(split_words(rest, &words, err));
	if (words.n && !strchr(words.v[0], '=')) {
		const char *value = rest + strcspn(rest, " \t");
		if (words.n < 2)
			return fail(err, ERROR_INVALID, "\"%s\" has no value", rest);
		return strv_addf(to, err, "%s=%s", words.v[0], value + strspn(value, " \t"));
	}
	for (size_t i = 0; i < words.n; i++) {
		if (!strchr(words.v[i], '=') || words.v[i][0] == '=')
			return fail(err, ERROR_INVALID, "\"%s\" is not KEY=VALUE", words.v[i]);
		TRY(strv_add(to, words.v[i], err));
	}
	return 0;
}

static int add_once(struct strv *to, const char *s, struct error *err)
{
	return strv_has(to, s) ? 0 : strv_add(to, s, err);
}

/* ---- instructions ---- */
static int change_cmd(struct image_config *c, const char *rest, struct error *err)
{
	return set_command(&c->config.cmd, rest, err);
}

static int change_entrypoint(struct image_config *c, const char *rest, struct error *err)
{
	return set_command(&c->config.entrypoint, rest, err);
}

static int change_env(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};

	TRY(pairs(rest, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		char *eq = strchr(l.v[i], '=');
		*eq = '\0';
		TRY(strv_env_set(&c->config.env, l.v[i], eq + 1, err));
	}
	return 0;
}

static int change_label(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};

	TRY(pairs(rest, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(strmap_add_pair(&c->config.labels, l.v[i], err));
	return 0;
}

static bool port_is_valid(const char *s)
{
	autofree char *copy = strdup(s);
	char *slash = copy ? strchr(copy, '/') : NULL;
	uint32_t port;

	if (slash)
		*slash++ = '\0';
	return copy && parse_u32(copy, &port) && port > 0 && port < 65536 &&
	       (!slash || streq(slash, "tcp") || streq(slash, "udp") || streq(slash, "sctp"));
}

static int change_expose(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv words = {};

	TRY(split_words(rest, &words, err));
	for (size_t i = 0; i < words.n; i++) {
		if (!port_is_valid(words.v[i]))
			return fail(err, ERROR_INVALID, "\"%s\" is no port", words.v[i]);
		autofree char *port = NULL;
		TRY(str_printf(&port, err, "%s%s", words.v[i], strchr(words.v[i], '/') ? "" : "/tcp"));
		TRY(add_once(&c->config.exposed_ports, port, err));
	}
	return 0;
}

static int change_volume(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int r = parse_list(rest, &l, err);

	if (r == 0)
		r = split_words(rest, &l, err);
	TRY(r);
	for (size_t i = 0; i < l.n; i++)
		TRY(add_once(&c->config.volumes, l.v[i], err));
	return 0;
}

static int change_user(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->config.user, rest, err);
}

static int change_workdir(struct image_config *c, const char *rest, struct error *err)
{
	if (*rest == '/' || str_empty(c->config.working_dir))
		return str_set(&c->config.working_dir, rest, err);
	char *joined;
	TRY(str_printf(&joined, err, "%s/%s", c->config.working_dir, rest));
	free(c->config.working_dir);
	c->config.working_dir = joined;
	return 0;
}

static int change_stopsignal(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->config.stop_signal, rest, err);
}

static int change_onbuild(struct image_config *c, const char *rest, struct error *err)
{
	return strv_add(&c->config.on_build, rest, err);
}

static int change_author(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->author, rest, err);
}

static int change_shell(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int r = parse_list(rest, &l, err);

	if (r <= 0)
		return r < 0 ? r : fail(err, ERROR_INVALID, "SHELL wants the form [\"program\", \"argument\"]");
	replace(&c->config.shell, &l);
	return 0;
}

/* HEALTHCHECK NONE | [--interval=..] ... CMD command */
static int health_option(struct health_config *h, const char *word, struct error *err)
{
	const struct { const char *name; int64_t *at; } times[] = {
		{ "--interval=", &h->interval }, { "--timeout=", &h->timeout }, { "--start-period=", &h->start_period },
		{ "--start-interval=", &h->start_interval },
	};
	const char *retries = str_after(word, "--retries=");

	if (retries)
		return parse_i64(retries, &h->retries) ? 0 : fail(err, ERROR_INVALID, "%s: not a number", word);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		const char *value = str_after(word, times[i].name);
		if (value)
			return duration_parse(value, times[i].at, err);
	}
	return fail(err, ERROR_INVALID, "unknown option \"%s\"", word);
}

static int health_command(struct health_config *h, const char *rest, struct error *err)
{
	TRY(strv_add(&h->test, "CMD", err));
	int r = parse_list(rest, &h->test, err);
	if (r)
		return r < 0 ? r : 0;
	strv_done(&h->test);
	h->test = (struct strv){};
	TRY(strv_add(&h->test, "CMD-SHELL", err));
	return strv_add(&h->test, rest, err);
}

static int change_healthcheck(struct image_config *c, const char *rest, struct error *err)
{
	struct health_config *h = c->config.healthcheck;

	if (h)
		fields_done(health_config_rows, h);
	else
		h = c->config.healthcheck = calloc(1, sizeof(*h));
	if (!h)
		return fail_oom(err);
	while (str_after(rest, "--")) {
		size_t n = strcspn(rest, " \t");
		autofree char *word = strndup(rest, n);
		if (!word)
			return fail_oom(err);
		TRY(health_option(h, word, err));
		rest += n + strspn(rest + n, " \t");
	}
	if (strcasecmp(rest, "NONE") == 0)
		return strv_add(&h->test, "NONE", err);
	if (strncasecmp(rest, "CMD", 3) != 0 || (rest[3] != ' ' && rest[3] != '\t'))
		return fail(err, ERROR_INVALID, "HEALTHCHECK wants NONE or CMD");
	return health_command(h, rest + 3 + strspn(rest + 3, " \t"), err);
}

static const struct {
	const char *word;
	change_fn *apply;
} instructions[] = {
	{ "CMD", change_cmd }, { "ENTRYPOINT", change_entrypoint }, { "ENV", change_env }, { "EXPOSE", change_expose },
	{ "HEALTHCHECK", change_healthcheck }, { "LABEL", change_label }, { "MAINTAINER", change_author },
	{ "AUTHOR", change_author }, { "ONBUILD", change_onbuild }, { "SHELL", change_shell },
	{ "STOPSIGNAL", change_stopsignal }, { "USER", change_user }, { "VOLUME", change_volume },
	{ "WORKDIR", change_workdir },
};

int image_change_apply(struct image_config *c, const char *instruction, struct error *err)
{
	size_t n = strcspn(instruction, " \t=");
	const char *rest = instruction + n;

	if (*rest)   /* "CMD=..." is Podman's other spelling */
		rest += 1 + strspn(rest + 1, " \t");
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
		if (strlen(instructions[i].word) != n || strncasecmp(instructions[i].word, instruction, n) != 0)
			continue;
		if (!*rest)
			return fail(err, ERROR_INVALID, "invalid change \"%s\": %s has no value", instruction, instructions[i].word);
		if (instructions[i].apply(c, rest, err) < 0)
			return fail_wrap(err, "invalid change \"%s\"", instruction);
		return 0;
	}
	return fail(err, ERROR_INVALID, "invalid change \"%s\" - not allowed (known: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, "
		    "LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR)", instruction);
}

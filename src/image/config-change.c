/* SPDX-License-Identifier: Apache-2.0
 * image/config-change.c - instructions as changes of a config, and their text form for `--change`. */
#include "image/config-change.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "os/path.h"

static void replace(struct strv *at, struct strv *by)
{
	strv_done(at);
	*at = *by;
	*by = (struct strv){};
}

static int add_once(struct strv *to, const char *s, struct error *err)
{
	return strv_has(to, s) ? 0 : strv_add(to, s, err);
}

/* ---- one function per instruction ---- */
static int set_command(const struct image_run_config *c, struct strv *at, const struct strv *words, bool json, struct error *err)
{
	auto_strv l = {};

	if (!json && words->n) {
		TRY(strv_copy(&l, &c->shell, err));
		if (!l.n) {
			TRY(strv_add(&l, "/bin/sh", err));
			TRY(strv_add(&l, "-c", err));
		}
	}
	TRY(strv_copy(&l, words, err));
	replace(at, &l);
	return 0;
}

int config_set_cmd(struct image_run_config *c, const struct strv *words, bool json, struct error *err)
{
	return set_command(c, &c->cmd, words, json, err);
}

int config_set_entrypoint(struct image_run_config *c, const struct strv *words, bool json, bool keep_cmd, struct error *err)
{
	TRY(set_command(c, &c->entrypoint, words, json, err));
	if (!keep_cmd)
		replace(&c->cmd, &(struct strv){});
	return 0;
}

int config_set_shell(struct image_run_config *c, const struct strv *words, struct error *err)
{
	auto_strv l = {};

	TRY(strv_copy(&l, words, err));
	replace(&c->shell, &l);
	return 0;
}

int config_set_env(struct image_run_config *c, const char *name, const char *value, struct error *err)
{
	if (!*name || strchr(name, '='))
		return fail(err, ERROR_INVALID, "\"%s\" is no name of a variable", name);
	return strv_env_set(&c->env, name, value, err);
}

int config_set_label(struct image_run_config *c, const char *name, const char *value, struct error *err)
{
	return strmap_set(&c->labels, name, value, err);
}

static int parse_port(const char *s, size_t len, uint32_t *ret)
{
	char digits[8];

	if (!len || len >= sizeof(digits))
		return 0;
	memcpy(digits, s, len);
	digits[len] = '\0';
	return parse_u32(digits, ret) && *ret <= 65535;
}

int config_add_port(struct image_run_config *c, const char *port, struct error *err)
{
	const char *last = strrchr(port, ':'), *from = last ? last + 1 : port, *slash = strchr(from, '/');
	const char *protocol = slash ? slash + 1 : "tcp";
	size_t len = slash ? (size_t)(slash - from) : strlen(from);
	const char *dash = memchr(from, '-', len);
	size_t first = dash ? (size_t)(dash - from) : len;
	uint32_t low, high;

	if (!parse_port(from, first, &low) || !(dash ? parse_port(dash + 1, len - first - 1, &high) : (high = low, 1)) || low > high)
		return fail(err, ERROR_INVALID, "\"%s\" is no port", port);
	if (strcasecmp(protocol, "tcp") != 0 && strcasecmp(protocol, "udp") != 0 && strcasecmp(protocol, "sctp") != 0)
		return fail(err, ERROR_INVALID, "\"%s\" is no port: the protocol must be tcp, udp or sctp", port);
	for (uint32_t n = low; n <= high; n++) {
		char text[32];
		snprintf(text, sizeof(text), "%u/%s", n, protocol);
		for (char *p = text; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		TRY(add_once(&c->exposed_ports, text, err));
	}
	return 0;
}

int config_add_volume(struct image_run_config *c, const char *path, struct error *err)
{
	return *path ? add_once(&c->volumes, path, err) : fail(err, ERROR_INVALID, "VOLUME specified can not be an empty string");
}

int config_set_workdir(struct image_run_config *c, const char *path, struct error *err)
{
	autofree char *joined = NULL;

	TRY(str_printf(&joined, err, "/%s/%s", *path == '/' || !c->working_dir ? "" : c->working_dir, path));
	char *clean = path_clean(joined);
	if (!clean)
		return fail_oom(err);
	free(c->working_dir);
	c->working_dir = clean;
	return 0;
}

int config_add_trigger(struct image_run_config *c, const char *instruction, struct error *err)
{
	return strv_add(&c->on_build, instruction, err);
}

int config_set_health(struct image_run_config *c, const struct health_config *h, struct error *err)
{
	struct health_config *to = c->healthcheck;
	auto_strv test = {};

	TRY(strv_copy(&test, &h->test, err));
	if (to)
		fields_done(health_config_rows, to);
	else
		to = c->healthcheck = calloc(1, sizeof(*to));
	if (!to)
		return fail_oom(err);
	*to = *h;
	to->test = test;
	test = (struct strv){};
	return 0;
}

/* ---- the text form ---- */
typedef int change_fn(struct image_config *c, const char *rest, struct error *err);

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

/* JSON, or the line as one word. */
static int list_or_line(const char *rest, struct strv *to, struct error *err)
{
	int json = parse_list(rest, to, err);

	return json ? json : strv_add(to, rest, err);
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

static int change_cmd(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int json = list_or_line(rest, &l, err);

	return json < 0 ? json : config_set_cmd(&c->config, &l, json, err);
}

static int change_entrypoint(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int json = list_or_line(rest, &l, err);

	return json < 0 ? json : config_set_entrypoint(&c->config, &l, json, true, err);
}

typedef int set_pair_fn(struct image_run_config *c, const char *name, const char *value, struct error *err);

static int change_pairs(struct image_config *c, const char *rest, set_pair_fn *set, struct error *err)
{
	auto_strv l = {};

	TRY(pairs(rest, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		char *eq = strchr(l.v[i], '=');
		*eq = '\0';
		TRY(set(&c->config, l.v[i], eq + 1, err));
	}
	return 0;
}

static int change_env(struct image_config *c, const char *rest, struct error *err)
{
	return change_pairs(c, rest, config_set_env, err);
}

static int change_label(struct image_config *c, const char *rest, struct error *err)
{
	return change_pairs(c, rest, config_set_label, err);
}

static int change_expose(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv words = {};

	TRY(split_words(rest, &words, err));
	for (size_t i = 0; i < words.n; i++)
		TRY(config_add_port(&c->config, words.v[i], err));
	return 0;
}

static int change_volume(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int json = parse_list(rest, &l, err);

	TRY(json);
	if (!json)
		TRY(split_words(rest, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(config_add_volume(&c->config, l.v[i], err));
	return 0;
}

static int change_user(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->config.user, rest, err);
}

static int change_workdir(struct image_config *c, const char *rest, struct error *err)
{
	return config_set_workdir(&c->config, rest, err);
}

static int change_stopsignal(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->config.stop_signal, rest, err);
}

static int change_onbuild(struct image_config *c, const char *rest, struct error *err)
{
	return config_add_trigger(&c->config, rest, err);
}

static int change_author(struct image_config *c, const char *rest, struct error *err)
{
	return str_set(&c->author, rest, err);
}

static int change_shell(struct image_config *c, const char *rest, struct error *err)
{
	auto_strv l = {};
	int json = parse_list(rest, &l, err);

	TRY(json);
	return json ? config_set_shell(&c->config, &l, err) :
		fail(err, ERROR_INVALID, "SHELL wants the form [\"program\", \"argument\"]");
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

static void health_done(struct health_config *h)
{
	fields_done(health_config_rows, h);
}

static int change_healthcheck(struct image_config *c, const char *rest, struct error *err)
{
	CLEANUP(health_done) struct health_config h = {};

	while (str_after(rest, "--")) {
		size_t n = strcspn(rest, " \t");
		autofree char *word = strndup(rest, n);
		if (!word)
			return fail_oom(err);
		TRY(health_option(&h, word, err));
		rest += n + strspn(rest + n, " \t");
	}
	bool command = strncasecmp(rest, "CMD", 3) == 0 && (rest[3] == ' ' || rest[3] == '\t');
	if (strcasecmp(rest, "NONE") != 0 && !command)
		return fail(err, ERROR_INVALID, "HEALTHCHECK wants NONE or CMD");
	TRY(command ? health_command(&h, rest + 3 + strspn(rest + 3, " \t"), err) : strv_add(&h.test, "NONE", err));
	return config_set_health(&c->config, &h, err);
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

/* SPDX-License-Identifier: Apache-2.0
 * build/working-config.c - what `buildah config` changes: rows, and one function per kind of change. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "build/working.h"
#include "image/config-change.h"

#define C struct working_changes
const struct field working_changes_rows[] = {
	{ .cli = "add-history", F_OPT_BOOL(C, add_history), .help = "Note the changes in the image's history (BUILDAH_HISTORY)" },
	{ .cli = "annotation", .abbr = 'a', F_STRV(C, annotations), .arg = "name=value", .help = "Annotation of the image" },
	{ .cli = "arch", F_STR(C, arch), .arg = "architecture", .complete = "arch", .help = "Architecture of the image" },
	{ .cli = "author", F_STR(C, author), .arg = "author", .help = "Author of the image" },
	{ .cli = "cmd", F_STR(C, cmd), .arg = "command", .help = "Command of containers: words, or a JSON array" },
	{ .cli = "comment", F_STR(C, comment), .arg = "comment", .help = "Comment of the image" },
	{ .cli = "created-by", F_STR(C, created_by), .arg = "text", .help = "How the layer was made, for the history" },
	{ .cli = "domainname", F_STR(C, domainname), .arg = "domain", .help = "Domain name of containers" },
	{ .cli = "entrypoint", F_STR(C, entrypoint), .arg = "command", .help = "Entry point of containers: a shell line, or a JSON array" },
	{ .cli = "env", .abbr = 'e', F_STRV(C, env), .arg = "name=value", .help = "Environment variable of containers" },
	{ .cli = "healthcheck", F_STR(C, health), .arg = "command", .help = "Health check: CMD ..., CMD-SHELL ..., NONE" },
	{ .cli = "healthcheck-interval", F_STR(C, health_interval), .arg = "duration", .help = "Time between health checks" },
	{ .cli = "healthcheck-retries", F_OPT_INT(C, health_retries), .arg = "count", .help = "Failures until a container is unhealthy" },
	{ .cli = "healthcheck-start-interval", F_STR(C, health_start_interval), .arg = "duration",
	  .help = "Time between health checks while a container starts" },
	{ .cli = "healthcheck-start-period", F_STR(C, health_start_period), .arg = "duration", .help = "How long a container may take to start" },
	{ .cli = "healthcheck-timeout", F_STR(C, health_timeout), .arg = "duration", .help = "How long a health check may take" },
	{ .cli = "history-comment", F_STR(C, history_comment), .arg = "comment", .help = "Comment in the history" },
	{ .cli = "hostname", F_STR(C, hostname), .arg = "host", .help = "Host name of containers (docker format)" },
	{ .cli = "label", .abbr = 'l', F_STRV(C, labels), .arg = "name=value", .help = "Label of the image" },
	{ .cli = "onbuild", F_CSV(C, onbuild), .arg = "instruction", .help = "Instruction for builds from the image" },
	{ .cli = "os", F_STR(C, os), .arg = "os", .help = "Operating system of the image" },
	{ .cli = "os-feature", F_STRV(C, os_features), .arg = "feature", .help = "Operating system feature the image needs" },
	{ .cli = "os-version", F_STR(C, os_version), .arg = "version", .help = "Operating system version the image needs" },
	{ .cli = "port", .abbr = 'p', F_CSV(C, ports), .arg = "port", .help = "Port that containers serve" },
	{ .cli = "shell", F_STR(C, shell), .arg = "shell", .help = "Shell for lines that are no JSON array" },
	{ .cli = "stop-signal", F_STR(C, stop_signal), .arg = "signal", .help = "Signal that stops containers" },
	{ .cli = "unsetannotation", F_CSV(C, unset_annotations), .arg = "annotation", .help = "Annotation to take away" },
	{ .cli = "unsetlabel", F_CSV(C, unset_labels), .arg = "label", .help = "Label to take away" },
	{ .cli = "user", .abbr = 'u', F_STR(C, user), .arg = "user[:group]", .help = "User of containers" },
	{ .cli = "variant", F_STR(C, variant), .arg = "variant", .help = "Architecture variant of the image" },
	{ .cli = "volume", .abbr = 'v', F_CSV(C, volumes), .arg = "directory", .help = "Volume of containers" },
	{ .cli = "workingdir", F_STR(C, workingdir), .arg = "directory", .help = "Working directory of containers" },
	{}
};

bool working_wants_history(struct opt_bool given)
{
	const char *text = getenv("BUILDAH_HISTORY");
	bool yes = false;

	if (given.set)
		return given.value;
	return !str_empty(text) && parse_bool(text, &yes) && yes;
}

static int note(struct working *w, const C *ch, const char *word, const char *value, struct error *err)
{
	autofree char *text = NULL;

	if (!working_wants_history(ch->add_history))
		return 0;
	TRY(str_printf(&text, err, "/bin/sh -c #(nop) %s %s", word, value));
	return working_add_history(w, text, err);
}

static int note_all(struct working *w, const C *ch, const char *word, const struct strv *values, struct error *err)
{
	autofree char *text = strv_join(values, " ");

	if (!values->n)
		return 0;
	return text ? note(w, ch, word, text, err) : fail_oom(err);
}

/* ---- text ---- */
/* One word from *s on; quotes and backslashes as a shell has them. */
static int next_word(const char **s, struct strv *ret, struct error *err)
{
	auto_buf word = BUF_INIT(1 << 20);
	char quote = 0;

	for (; **s && (quote || !isspace((unsigned char)**s)); (*s)++) {
		if (**s == '\\' && quote != '\'' && (*s)[1])
			buf_add_char(&word, *++*s);
		else if (quote ? **s == quote : **s == '\'' || **s == '"')
			quote = quote ? 0 : **s;
		else
			buf_add_char(&word, **s);
	}
	if (quote)
		return fail(err, ERROR_INVALID, "invalid command line string");
	TRY(buf_ok(&word, "word", err));
	return strv_add_n(ret, word.data ? word.data : "", word.len, err);
}

int working_words(const char *line, struct strv *ret, struct error *err)
{
	for (;;) {
		line += strspn(line, " \t\r\n");
		if (!*line)
			return 0;
		TRY(next_word(&line, ret, err));
	}
}

static int parse_words(const char *option, const char *line, struct strv *ret, struct error *err)
{
	auto_buf quoted = BUF_INIT(1 << 20);

	if (working_words(line, ret, err) == 0)
		return 0;
	const struct error why = *err;
	buf_add_json(&quoted, line);
	buf_add_char(&quoted, '\0');
	return fail(err, ERROR_INVALID, "parsing --%s %s: %s", option, quoted.data ? quoted.data : "", why.text);
}

/* 1: it is a JSON array of texts. */
static int parse_json(const char *text, struct strv *ret, struct error *err)
{
	auto_json *tree = NULL;
	struct error ignored;

	if (json_parse("command", text, strlen(text), NULL, &tree, &ignored) < 0 || !json_object_is_type(tree, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(tree); i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(tree, i));
		TRY(strv_add(ret, s ? s : "", err));
	}
	return 1;
}

static void take(struct strv *to, struct strv *from)
{
	strv_done(to);
	*to = *from;
	*from = (struct strv){};
}

static bool is_blank(const char *s)
{
	return !s[strspn(s, " \t\r\n")];
}

/* ---- lists: "x", "x-", "-" ---- */
enum edit { EDIT_FAILED = -1, EDIT_ADD, EDIT_REMOVE, EDIT_CLEAR };
static enum edit edit_of(const char *word, char **ret, struct error *err)
{
	size_t n = strlen(word);

	if (streq(word, "-"))
		return EDIT_CLEAR;
	bool remove = n && word[n - 1] == '-' && !strchr(word, '=');
	*ret = strndup(word, n - remove);
	return !*ret ? (enum edit)fail_oom(err) : remove ? EDIT_REMOVE : EDIT_ADD;
}

static void remove_word(struct strv *l, const char *word)
{
	for (size_t i = l->n; i-- > 0;)
		if (streq(l->v[i], word))
			strv_remove(l, i);
}

static int edit_list(struct strv *l, const char *word, struct error *err)
{
	autofree char *value = NULL;
	enum edit e = edit_of(word, &value, err);

	if (e == EDIT_FAILED)
		return -1;
	if (e == EDIT_CLEAR)
		strv_done(l), *l = (struct strv){};
	if (e == EDIT_REMOVE)
		remove_word(l, value);
	return e == EDIT_ADD && !strv_has(l, value) ? strv_add(l, value, err) : 0;
}

static int edit_map(struct strmap *m, const char *word, struct error *err)
{
	autofree char *value = NULL;
	enum edit e = edit_of(word, &value, err);

	if (e == EDIT_FAILED)
		return -1;
	if (e == EDIT_CLEAR)
		strmap_done(m), *m = (struct strmap){};
	if (e == EDIT_REMOVE)
		strmap_remove(m, value);
	return e == EDIT_ADD ? strmap_add_pair(m, value, err) : 0;
}

/* "$name" and "${name}" of the configuration; one that is not there stays as its name. */
static int expand_env(const struct working *w, const char *s, struct buf *to, struct error *err)
{
	for (; *s; s++) {
		if (*s != '$' || (s[1] != '{' && s[1] != '_' && !isalnum((unsigned char)s[1]))) {
			buf_add_char(to, *s);
			continue;
		}
		bool braces = *++s == '{';
		s += braces;
		size_t n = 0;
		while (s[n] == '_' || isalnum((unsigned char)s[n]))
			n++;
		autofree char *name = strndup(s, n);
		if (!name)
			return fail_oom(err);
		const char *value = strv_env_get(&w->config.config.env, name);
		if (!value)
			log_error(w->c->engine->log, "error expanding variable \"%s\": no value set in configuration", name);
		buf_add_str(to, value ? value : name);
		s += n - 1 + (braces && s[n] == '}');
	}
	return buf_ok(to, "environment", err);
}

static int edit_env(struct working *w, const char *word, struct error *err)
{
	struct strv *env = &w->config.config.env;
	const char *eq = strchr(word, '=');
	auto_buf value = BUF_INIT(1 << 20);

	if (eq) {
		autofree char *name = strndup(word, (size_t)(eq - word));
		if (!name)
			return fail_oom(err);
		TRY(expand_env(w, eq + 1, &value, err));
		buf_add_char(&value, '\0');
		return strv_env_set(env, name, value.data, err);
	}
	autofree char *name = NULL;
	enum edit e = edit_of(word, &name, err);
	if (e == EDIT_FAILED)
		return -1;
	if (e == EDIT_CLEAR)
		strv_done(env), *env = (struct strv){};
	if (e == EDIT_REMOVE)
		strv_env_unset(env, name);
	if (e != EDIT_ADD)
		return 0;
	if (str_empty(getenv(name)))
		return fail(err, ERROR_INVALID, "setting env \"%s\": no value given", name);
	return strv_env_set(env, name, getenv(name), err);
}

/* ---- commands ---- */
static int set_entrypoint(struct working *w, const char *text, struct error *err)
{
	struct image_run_config *c = &w->config.config;
	auto_strv words = {};
	autofree char *cmd = strv_join(&c->cmd, " ");
	int json = is_blank(text) ? 1 : parse_json(text, &words, err);

	TRY(json);
	if (!json) {
		TRY(strv_add(&words, "/bin/sh", err));
		TRY(strv_add(&words, "-c", err));
		TRY(strv_add(&words, text, err));
	}
	if (c->cmd.n && words.n)
		log_warn(w->c->engine->log, json ? "cmd \"%s\" exists and will be passed to entrypoint as a parameter" :
						   "cmd \"%s\" exists but will be ignored because of entrypoint settings", cmd ? cmd : "");
	take(&c->entrypoint, &words);
	return 0;
}

static int set_cmd(struct working *w, const char *text, struct error *err)
{
	auto_strv words = {};
	int json = parse_json(text, &words, err);

	TRY(json);
	if (!json)
		TRY(parse_words("cmd", text, &words, err));
	take(&w->config.config.cmd, &words);
	return 0;
}

static int set_shell(struct working *w, const char *text, struct error *err)
{
	auto_strv words = {};

	TRY(parse_words("shell", text, &words, err));
	take(&w->config.config.shell, &words);
	return 0;
}

/* ---- the health check ---- */
/* As a Containerfile would say it, in Buildah's order. */
static int note_health(struct working *w, const C *ch, struct error *err)
{
	const struct health_config *h = w->config.config.healthcheck;
	const struct { const char *name; int64_t ns; } times[] = {
		{ "start-period", h->start_period }, { "timeout", h->timeout }, { "start-interval", h->start_interval } };
	auto_buf text = BUF_INIT(1 << 20);
	char number[40];

	if (h->interval)
		buf_addf(&text, "--interval=%s ", duration_format(h->interval, number));
	if (h->retries)
		buf_addf(&text, "--retries=%lld ", (long long)h->retries);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i].ns)
			buf_addf(&text, "--%s=%s ", times[i].name, duration_format(times[i].ns, number));
	autofree char *words = strv_join(&h->test, " ");
	if (!words)
		return fail_oom(err);
	buf_add_str(&text, words);
	TRY(buf_ok(&text, "history", err));
	return note(w, ch, "HEALTHCHECK", text.data, err);
}

static int set_health(struct working *w, const C *ch, struct error *err)
{
	struct image_run_config *c = &w->config.config;
	static const char none[] = "NONE";
	auto_strv test = {};

	if (!ch->health && !ch->health_interval && !ch->health_start_period && !ch->health_start_interval && !ch->health_timeout &&
	    !ch->health_retries.set)
		return 0;
	if (!c->healthcheck) {
		c->healthcheck = calloc(1, sizeof(*c->healthcheck));
		if (!c->healthcheck)
			return fail_oom(err);
		*c->healthcheck = (struct health_config){ .interval = 30 * NSEC_PER_SEC, .timeout = 30 * NSEC_PER_SEC, .retries = 3 };
		TRY(strv_add(&c->healthcheck->test, none, err));
	}
	struct health_config *h = c->healthcheck;
	const struct {
		const char *option, *text;
		int64_t *to;
	} times[] = { { "healthcheck-interval", ch->health_interval, &h->interval }, { "healthcheck-timeout", ch->health_timeout, &h->timeout },
		      { "healthcheck-start-period", ch->health_start_period, &h->start_period },
		      { "healthcheck-start-interval", ch->health_start_interval, &h->start_interval } };
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i].text && duration_parse(times[i].text, times[i].to, err) < 0)
			return fail(err, ERROR_INVALID, "parsing --%s \"%s\": time: invalid duration \"%s\"", times[i].option, times[i].text,
				    times[i].text);
	if (ch->health_retries.set)
		h->retries = ch->health_retries.value;
	if (!ch->health)
		return 0;
	TRY(parse_words("healthcheck", ch->health, &test, err));
	take(&h->test, &test);
	return note_health(w, ch, err);
}

/* ---- all of it ---- */
static int set_texts(struct working *w, const C *ch, struct error *err)
{
	struct image_config *c = &w->config;
	const struct {
		const char *value;
		char **to;
		const char *word;          /* in the history; NULL: not there */
	} all[] = {
		{ ch->author, &c->author, NULL }, { ch->created_by, &w->created_by, NULL }, { ch->arch, &c->platform.architecture, NULL },
		{ ch->variant, &c->platform.variant, NULL }, { ch->os, &c->platform.os, NULL }, { ch->os_version, &c->platform.os_version, NULL },
		{ ch->user, &c->config.user, "USER" }, { ch->stop_signal, &c->config.stop_signal, "STOPSIGNAL" },
		{ ch->workingdir, &c->config.working_dir, "WORKDIR" }, { ch->comment, &c->comment, NULL },
		{ ch->history_comment, &w->history_comment, NULL }, { ch->domainname, &c->config.domainname, NULL },
		{ ch->hostname, &c->config.hostname, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!all[i].value)
			continue;
		TRY(str_set(all[i].to, all[i].value, err));
		if (all[i].word)
			TRY(note(w, ch, all[i].word, all[i].value, err));
	}
	return 0;
}

static int set_port(struct image_run_config *c, const char *word, struct error *err)
{
	char *end;

	if (*word == '-')
		return edit_list(&c->exposed_ports, "-", err);
	unsigned long port = strtoul(word, &end, 10);
	if (end == word || port > 65535 || (*end && *end != '/' && *end != '-'))
		return fail(err, ERROR_INVALID, "invalid port \"%s\": want NUMBER[/PROTOCOL]", word);
	return edit_list(&c->exposed_ports, word, err);
}

static int set_lists(struct working *w, const C *ch, struct error *err)
{
	struct image_run_config *c = &w->config.config;

	for (size_t i = 0; i < ch->os_features.n; i++)
		TRY(edit_list(&w->config.platform.os_features, ch->os_features.v[i], err));
	for (size_t i = 0; i < ch->ports.n; i++)
		TRY(set_port(c, ch->ports.v[i], err));
	TRY(note_all(w, ch, "EXPOSE", &ch->ports, err));
	for (size_t i = 0; i < ch->env.n; i++)
		TRY(edit_env(w, ch->env.v[i], err));
	TRY(note_all(w, ch, "ENV", &ch->env, err));
	for (size_t i = 0; i < ch->volumes.n; i++)
		TRY(edit_list(&c->volumes, ch->volumes.v[i], err));
	TRY(note_all(w, ch, "VOLUME", &ch->volumes, err));
	for (size_t i = 0; i < ch->labels.n; i++)
		TRY(edit_map(&c->labels, ch->labels.v[i], err));
	TRY(note_all(w, ch, "LABEL", &ch->labels, err));
	for (size_t i = 0; i < ch->annotations.n; i++)
		TRY(edit_map(&w->annotations, ch->annotations.v[i], err));
	for (size_t i = 0; i < ch->onbuild.n; i++)
		TRY(strv_add(&c->on_build, ch->onbuild.v[i], err));
	TRY(note_all(w, ch, "ONBUILD", &ch->onbuild, err));
	for (size_t i = 0; i < ch->unset_labels.n; i++)
		strmap_remove(&c->labels, ch->unset_labels.v[i]);
	for (size_t i = 0; i < ch->unset_annotations.n; i++)
		strmap_remove(&w->annotations, ch->unset_annotations.v[i]);
	return 0;
}

int working_config(struct working *w, const struct working_changes *ch, struct error *err)
{
	TRY(set_texts(w, ch, err));
	TRY(set_lists(w, ch, err));
	if (ch->shell) {
		TRY(set_shell(w, ch->shell, err));
		TRY(note(w, ch, "SHELL", ch->shell, err));
	}
	if (ch->entrypoint) {
		TRY(set_entrypoint(w, ch->entrypoint, err));
		TRY(note(w, ch, "ENTRYPOINT", ch->entrypoint, err));
	}
	if (ch->cmd) {   /* behind the entry point */
		TRY(set_cmd(w, ch->cmd, err));
		TRY(note(w, ch, "CMD", ch->cmd, err));
	}
	return set_health(w, ch, err);
}

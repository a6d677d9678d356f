/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml-map.h"

#include <string.h>

#include "base/str.h"

struct level {
	int indent;
	struct json_object *map;   /* borrowed */
};

struct parser {
	const char *what;
	int line;
	struct level levels[YAML_MAP_DEPTH_MAX];
	int depth;
	struct json_object *pending_in;   /* "key:" whose value is the next, deeper mapping */
	char *pending_key;
};

static int refuse(const struct parser *p, const char *why, struct error *err)
{
	return fail(err, ERROR_INVALID, "%s:%d: %s", p->what, p->line, why);
}

/* ---- scalars ---- */
static int read_double_quoted(struct parser *p, const char **at, struct buf *to, struct error *err)
{
	const char *s = *at + 1;

	for (; *s && *s != '"'; s++) {
		if (*s != '\\') {
			buf_add_char(to, *s);
			continue;
		}
		const char *from = "nt\"\\/", *is = "\n\t\"\\/", *found = *++s ? strchr(from, *s) : NULL;
		if (!found)
			return refuse(p, "this escape is not supported", err);
		buf_add_char(to, is[found - from]);
	}
	if (!*s)
		return refuse(p, "a quote is not closed", err);
	*at = s + 1;
	return 0;
}

static int read_single_quoted(struct parser *p, const char **at, struct buf *to, struct error *err)
{
	const char *s = *at + 1;

	for (; *s; s++) {
		if (*s == '\'' && s[1] != '\'') {
			*at = s + 1;
			return 0;
		}
		s += *s == '\'';
		buf_add_char(to, *s);
	}
	return refuse(p, "a quote is not closed", err);
}

/* Up to ": " (keys) or the end; a comment ends it. */
static void read_plain(const char **at, bool key, struct buf *to)
{
	const char *s = *at, *end = s;

	for (; *s; s++) {
		if ((key && *s == ':' && (!s[1] || s[1] == ' ')) || (*s == '#' && s > *at && s[-1] == ' '))
			break;
		if (*s != ' ')
			end = s + 1;
	}
	buf_add(to, *at, (size_t)(end - *at));
	*at = s;
}

/* quoted: whether it was (then "true" is a text). */
static int read_scalar(struct parser *p, const char **at, bool key, char **ret, bool *quoted, struct error *err)
{
	auto_buf b = BUF_INIT(YAML_MAP_BYTES_MAX);

	*quoted = **at == '"' || **at == '\'';
	if (**at == '"')
		TRY(read_double_quoted(p, at, &b, err));
	else if (**at == '\'')
		TRY(read_single_quoted(p, at, &b, err));
	else if (strchr("[]{}&*!|>%@`-?,", **at) && (**at != '-' || !(*at)[1] || (*at)[1] == ' '))
		return refuse(p, "only mappings with plain or quoted values are understood here", err);
	else
		read_plain(at, key, &b);
	*at += strspn(*at, " ");
	*ret = buf_steal(&b);
	return *ret ? 0 : fail_oom(err);
}

static struct json_object *typed(const char *s, bool quoted)
{
	if (!quoted && (streq(s, "true") || streq(s, "false")))
		return json_object_new_boolean(*s == 't');
	return json_object_new_string(s);
}

/* ---- lines ---- */
/* Brings the stack to this indentation; the mapping the line belongs to. */
static int enter_level(struct parser *p, int indent, struct json_object **ret, struct error *err)
{
	struct level *top = &p->levels[p->depth - 1];

	if (p->pending_key && indent > top->indent) {
		struct json_object *map = json_object_new_object();
		if (p->depth == YAML_MAP_DEPTH_MAX)
			return refuse(p, "nested too deeply", err);
		if (!map || json_add(p->pending_in, p->pending_key, map, err) < 0)
			return fail_oom(err);
		p->levels[p->depth++] = (struct level){ indent, map };
		free(take_ptr(p->pending_key));
		*ret = map;
		return 0;
	}
	free(take_ptr(p->pending_key));   /* a key without a value: null, as it was added */
	while (p->depth > 1 && p->levels[p->depth - 1].indent > indent)
		p->depth--;
	top = &p->levels[p->depth - 1];
	if (top->indent != indent)
		return refuse(p, "this indentation fits nothing above", err);
	*ret = top->map;
	return 0;
}

static int take_value(struct parser *p, struct json_object *map, char *key, const char *s, struct error *err)
{
	autofree char *value = NULL;
	bool quoted;

	if (!*s || *s == '#') {
		p->pending_in = map;
		TRY(str_set(&p->pending_key, key, err));
		return json_add(map, key, NULL, err);
	}
	if (strncmp(s, "{}", 2) == 0 && !s[2 + strspn(s + 2, " ")])
		return json_add(map, key, json_object_new_object(), err);
	TRY(read_scalar(p, &s, false, &value, &quoted, err));
	if (*s && *s != '#')
		return refuse(p, "something follows the value", err);
	if (!quoted && (streq(value, "null") || streq(value, "~")))
		return json_add(map, key, NULL, err);
	return json_add(map, key, typed(value, quoted), err);
}

static int take_line(struct parser *p, const char *line, struct error *err)
{
	size_t indent = strspn(line, " ");
	const char *s = line + indent;
	autofree char *key = NULL;
	struct json_object *map;
	bool quoted;

	if (!*s || *s == '#' || streq(line, "---") || streq(line, "..."))
		return 0;
	if (*s == '\t')
		return refuse(p, "a tab cannot indent", err);
	TRY(enter_level(p, (int)indent, &map, err));
	TRY(read_scalar(p, &s, true, &key, &quoted, err));
	if (*s != ':' || (s[1] && s[1] != ' '))
		return refuse(p, "\"key: value\" is expected", err);
	if (json_object_object_get_ex(map, key, NULL))
		return refuse(p, "this key was there before", err);
	s++;
	return take_value(p, map, key, s + strspn(s, " "), err);
}

static void parser_done(struct parser *p)
{
	free(p->pending_key);
}

int yaml_map_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	CLEANUP(parser_done) struct parser p = { .what = what, .depth = 1 };
	auto_json *root = json_object_new_object();
	autofree char *copy = NULL;

	if (len > YAML_MAP_BYTES_MAX || memchr(text, 0, len))
		return fail(err, ERROR_INVALID, "%s: too large, or no text", what);
	copy = strndup(text, len);
	if (!copy || !root)
		return fail_oom(err);
	p.levels[0].map = root;
	for (char *line = copy, *end; line; line = end ? end + 1 : NULL) {
		p.line++;
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		size_t n = strlen(line);
		if (n && line[n - 1] == '\r')
			line[n - 1] = '\0';
		TRY(take_line(&p, line, err));
	}
	*ret = take_ptr(root);
	return 0;
}

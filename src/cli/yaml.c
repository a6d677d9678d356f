/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/yaml.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Words and numbers that YAML 1.1 would not read back as a string. */
static bool is_another_type(const char *s)
{
	static const char *const words[] = { "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
	char *end;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return true;
	(void)strtod(s, &end);
	/* also base 60 (1:20) and dates (2026-11-22) */
	return !*end || (isdigit((unsigned char)*s) && strpbrk(s, ":-") && !s[strspn(s, "0123456789_.:-")]);
}

static bool is_printable_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_plain(const char *s)
{
	size_t n = strlen(s);

	return n && !strchr("-?:,[]{}#&*!|>'\"%@` ", *s) && s[n - 1] != ' ' && s[n - 1] != ':' && !strstr(s, ": ") &&
	       !strstr(s, " #");
}

static void add_string(struct buf *to, const char *s)
{
	if (!is_printable_line(s) || is_another_type(s)) {
		buf_add_json(to, s);
	} else if (is_plain(s)) {
		buf_add_str(to, s);
	} else {
		buf_add_char(to, '\'');
		for (; *s; s++) {
			if (*s == '\'')
				buf_add_char(to, '\'');
			buf_add_char(to, *s);
		}
		buf_add_char(to, '\'');
	}
}

static bool is_nested(struct json_object *o)
{
	return (json_object_is_type(o, json_type_object) && json_object_object_length(o)) ||
	       (json_object_is_type(o, json_type_array) && json_object_array_length(o));
}

static void add_scalar(struct buf *to, struct json_object *o)
{
	if (json_object_is_type(o, json_type_string))
		add_string(to, json_object_get_string(o));
	else if (json_object_is_type(o, json_type_double))
		buf_addf(to, "%g", json_object_get_double(o));
	else
		buf_add_str(to, o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN) : "null");
}

static void add_blanks(struct buf *to, int n)
{
	buf_addf(to, "%*s", n, "");
}

static int add_node(struct buf *to, struct json_object *o, int indent, bool in_item, struct error *err);

static int add_item(struct buf *to, struct json_object *o, int indent, struct error *err)
{
	add_blanks(to, indent);
	buf_add_str(to, "- ");
	if (is_nested(o))
		return add_node(to, o, indent + 2, true, err);
	add_scalar(to, o);
	buf_add_char(to, '\n');
	return 0;
}

static int add_member(struct buf *to, const char *key, struct json_object *o, int indent, struct error *err)
{
	add_string(to, key);
	if (!is_nested(o)) {
		buf_add_str(to, ": ");
		add_scalar(to, o);
		buf_add_char(to, '\n');
		return 0;
	}
	buf_add_str(to, ":\n");
	/* Lists stand at the column of their key. */
	return add_node(to, o, json_object_is_type(o, json_type_array) ? indent : indent + 2, false, err);
}

/* in_item: the first line continues behind "- ". Trees come from us: their depth is small. */
static int add_node(struct buf *to, struct json_object *o, int indent, bool in_item, struct error *err)
{
	auto_strv keys = {};

	if (json_object_is_type(o, json_type_array)) {
		if (in_item)
			buf_add_char(to, '\n');
		for (size_t i = 0; i < json_object_array_length(o); i++)
			TRY(add_item(to, json_object_array_get_idx(o, i), indent, err));
		return 0;
	}
	json_object_object_foreach(o, key, value) {
		(void)value;
		TRY(strv_add(&keys, key, err));
	}
	strv_sort(&keys);
	for (size_t i = 0; i < keys.n; i++) {
		if (i || !in_item)
			add_blanks(to, indent);
		TRY(add_member(to, keys.v[i], json_object_object_get(o, keys.v[i]), indent, err));
	}
	return 0;
}

int yaml_format(struct buf *to, struct json_object *o, struct error *err)
{
	if (is_nested(o))
		return add_node(to, o, 0, false, err);
	add_scalar(to, o);
	buf_add_char(to, '\n');
	return 0;
}

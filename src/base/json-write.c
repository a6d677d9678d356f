/* SPDX-License-Identifier: Apache-2.0
 * base/json-write.c - a json-c tree as text, byte for byte as Go's encoding/json writes it.
 * json-c's own printer has another layout ("{ }", two blanks, "\/"). */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/units.h"

struct writer {
	struct buf *to;
	const struct json_style *style;
	int depth;
};

/* How many bytes from here on stand for themselves: most strings are nothing else. */
static size_t plain_run(const char *s, size_t len, bool html)
{
	size_t i = 0;

	for (; i < len; i++) {
		unsigned char c = s[i];
		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || (html && (c == '<' || c == '>' || c == '&')))
			break;
	}
	return i;
}

void json_write_string(struct buf *to, const char *s, size_t len, bool html)
{
	static const char short_form[128] = { ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\t'] = 't',
					      ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };

	buf_add_char(to, '"');
	for (size_t i = 0; i < len;) {
		size_t run = plain_run(s + i, len - i, html);
		if (run) {
			buf_add(to, s + i, run);
			i += run;
			continue;
		}
		unsigned char c = s[i];
		size_t n = utf8_length(s + i, len - i);
		if (c < 0x80 && short_form[c])
			buf_addf(to, "\\%c", short_form[c]);
		else if (c < 0x20 || (html && (c == '<' || c == '>' || c == '&')))
			buf_addf(to, "\\u%04x", c);
		else if (!n)
			buf_add_str(to, "\\ufffd");
		else if (n == 3 && (memcmp(s + i, "\xe2\x80\xa8", 3) == 0 || memcmp(s + i, "\xe2\x80\xa9", 3) == 0))
			buf_addf(to, "\\u202%c", s[i + 2] == '\xa8' ? '8' : '9');   /* no line ends in JavaScript */
		else
			buf_add(to, s + i, n);
		i += n ? n : 1;
	}
	buf_add_char(to, '"');
}

static void new_line(struct writer *w)
{
	static const char blanks[] = "                                ";

	if (!w->style->indent)
		return;
	buf_add_char(w->to, '\n');
	if (w->style->prefix)
		buf_add_str(w->to, w->style->prefix);
	for (size_t n = (size_t)w->style->indent * (size_t)w->depth; n;) {
		size_t part = n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1;
		buf_add(w->to, blanks, part);
		n -= part;
	}
}

static void write_value(struct writer *w, struct json_object *o);

static void write_object(struct writer *w, struct json_object *o)
{
	bool first = true;

	if (!json_object_object_length(o)) {
		buf_add_str(w->to, "{}");
		return;
	}
	buf_add_char(w->to, '{');
	w->depth++;
	json_object_object_foreach(o, key, value) {
		if (!first)
			buf_add_char(w->to, ',');
		first = false;
		new_line(w);
		json_write_string(w->to, key, strlen(key), w->style->html);
		buf_add_str(w->to, w->style->indent ? ": " : ":");
		write_value(w, value);
	}
	w->depth--;
	new_line(w);
	buf_add_char(w->to, '}');
}

static void write_array(struct writer *w, struct json_object *a)
{
	size_t n = json_object_array_length(a);

	if (!n) {
		buf_add_str(w->to, "[]");
		return;
	}
	buf_add_char(w->to, '[');
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_char(w->to, ',');
		new_line(w);
		write_value(w, json_object_array_get_idx(a, i));
	}
	w->depth--;
	new_line(w);
	buf_add_char(w->to, ']');
}

static void write_int(struct buf *to, struct json_object *o)
{
	int64_t i = json_object_get_int64(o);

	if (i == INT64_MAX)   /* where json-c clamps what is really unsigned */
		buf_addf(to, "%" PRIu64, json_object_get_uint64(o));
	else
		buf_addf(to, "%" PRId64, i);
}

static void write_double(struct buf *to, struct json_object *o)
{
	char text[FLOAT_FORMAT_SIZE];

	if (json_object_get_userdata(o))   /* the text it was read from */
		buf_add_str(to, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		buf_add_str(to, float_format_json(json_object_get_double(o), text));
}

static void write_value(struct writer *w, struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		buf_add_str(w->to, "null");
		break;
	case json_type_boolean:
		buf_add_str(w->to, json_object_get_boolean(o) ? "true" : "false");
		break;
	case json_type_int:
		write_int(w->to, o);
		break;
	case json_type_double:
		write_double(w->to, o);
		break;
	case json_type_string:
		json_write_string(w->to, json_object_get_string(o), json_object_get_string_len(o), w->style->html);
		break;
	case json_type_object:
		write_object(w, o);
		break;
	case json_type_array:
		write_array(w, o);
		break;
	}
}

void json_write(struct buf *to, struct json_object *o, const struct json_style *style)
{
	struct writer w = { .to = to, .style = style };

	write_value(&w, o);
}

void json_format(struct buf *to, struct json_object *o, int indent)
{
	json_write(to, o, &(struct json_style){ .indent = indent });
}

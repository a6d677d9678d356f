/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-words.c - the ways an instruction's arguments fall into words. */
#include "base/buf.h"
#include "base/json.h"
#include "build/containerfile-internal.h"

bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_blanks(const char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static int add_word(struct buf *word, struct strv *to, struct error *err)
{
	TRY(buf_ok(word, "word", err));
	char *s = buf_steal(word);
	return s ? strv_add_owned(to, s, err) : fail_oom(err);
}

/* One flag word from s on: quotes and backslashes resolved. Returns what is behind it. */
static const char *take_flag(const char *s, struct buf *word)
{
	char quote = 0;

	for (; *s && (quote || !is_blank(*s)); s++) {
		if (*s == '\\' && s[1])
			buf_add_char(word, *++s);
		else if (*s == '\\')
			continue;
		else if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? 0 : *s;
		else
			buf_add_char(word, *s);
	}
	return s;
}

int words_take_flags(const char *s, struct strv *flags, const char **ret_rest, struct error *err)
{
	for (s = skip_blanks(s); s[0] == '-' && s[1] == '-'; s = skip_blanks(s)) {
		auto_buf word = BUF_INIT(CONTAINERFILE_LINE_MAX);
		s = take_flag(s, &word);
		if (word.len == 2) {   /* "--" ends them */
			s = skip_blanks(s);
			break;
		}
		TRY(add_word(&word, flags, err));
	}
	*ret_rest = s;
	return 0;
}

/* One word with its quotes and escapes; an escape character at the very end is dropped. */
static const char *take_quoted(const char *s, char escape, struct buf *word)
{
	char quote = 0;

	for (; *s && (quote || !is_blank(*s)); s++) {
		if (*s == escape && quote != '\'') {
			if (!s[1])
				continue;
			buf_add_char(word, *s++);
		} else if (quote ? *s == quote : *s == '"' || *s == '\'') {
			quote = quote ? 0 : *s;
		}
		buf_add_char(word, *s);
	}
	return s;
}

int words_quoted(const char *s, char escape, struct strv *to, struct error *err)
{
	for (s = skip_blanks(s); *s; s = skip_blanks(s)) {
		auto_buf word = BUF_INIT(CONTAINERFILE_LINE_MAX);
		s = take_quoted(s, escape, &word);
		if (word.len)
			TRY(add_word(&word, to, err));
	}
	return 0;
}

int words_plain(const char *s, struct strv *to, struct error *err)
{
	for (s = skip_blanks(s); *s; s = skip_blanks(s)) {
		size_t n = 0;
		while (s[n] && !is_blank(s[n]))
			n++;
		TRY(strv_add_n(to, s, n, err));
		s += n;
	}
	return 0;
}

int words_json(const char *s, struct strv *to, struct error *err)
{
	struct json_limits limits = { .max_bytes = CONTAINERFILE_LINE_MAX };
	auto_json *list = NULL;
	struct error ignored;

	s = skip_blanks(s);
	if (*s != '[' || json_parse("list", s, strlen(s), &limits, &list, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		const char *text = json_object_is_type(e, json_type_string) ? json_object_get_string(e) : NULL;
		if (!text)
			return fail(err, ERROR_INVALID, "when using JSON array syntax, arrays must be comprised of strings only");
		if (strlen(text) != (size_t)json_object_get_string_len(e))
			return fail(err, ERROR_INVALID, "a NUL character in a JSON string");
		TRY(strv_add(to, text, err));
	}
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0
 * base/template-complete.c - the field names that may follow behind a half-typed --format. */
#include "base/template-internal.h"

/* The chain being typed: behind the last "{{", from the dot that starts it. NULL: the text is not in a field. */
static const char *find_chain(const char *text)
{
	const char *open = NULL;

	for (const char *p = text; (p = strstr(p, "{{")) != NULL; p += 2)
		open = p;
	if (!open || strstr(open, "}}"))
		return NULL;
	const char *p = text + strlen(text);
	while (p > open + 2 && (p[-1] == '.' || p[-1] == '_' || (p[-1] >= '0' && p[-1] <= '9') ||
				((p[-1] | 0x20) >= 'a' && (p[-1] | 0x20) <= 'z')))
		p--;
	return *p == '.' ? p : NULL;
}

static const char *shown_name(const struct field *f)
{
	return field_more(f)->go ?: f->json;
}

/* The rows of the struct that the words before the last dot lead to. */
static const struct field *descend(const struct field *rows, const char **chain)
{
	for (const char *dot; rows && (dot = strchr(*chain, '.')) != NULL; *chain = dot + 1) {
		autofree char *name = strndup(*chain, dot - *chain);
		const struct field *inner = NULL;
		EACH_FIELD(f, rows)
			if (name && shown_name(f) && value_name_matches(name, shown_name(f)))
				inner = f->type == FIELD_OBJECT || f->type == FIELD_OPT_OBJECT ? f->rows : NULL;
		rows = inner;
	}
	return rows;
}

/* Rows are shown with their JSON name's first letter raised: Go's fields are exported. */
static int suggest(const char *text, size_t keep, const char *typed, const char *name, bool nested, struct strv *ret,
		   struct error *err)
{
	autofree char *shown = strdup(name);

	if (!shown)
		return fail_oom(err);
	if (*shown >= 'a' && *shown <= 'z')
		*shown = (char)(*shown & ~0x20);
	if (!str_after(shown, typed))
		return 0;
	return strv_addf(ret, err, "%.*s%s%s", (int)keep, text, shown, nested ? "." : "}}");
}

int template_complete(const struct value_type *type, const char *prefix, struct strv *ret, struct error *err)
{
	const char *chain = find_chain(prefix);

	if (!chain)
		return 0;
	const char *typed = chain + 1;
	const struct field *rows = descend(type->rows, &typed);
	size_t keep = typed - prefix;
	bool top = typed == chain + 1;
	for (const struct value_method *m = type->methods; top && m && m->name; m++)
		TRY(suggest(prefix, keep, typed, m->name, false, ret, err));
	if (rows)
		EACH_FIELD(f, rows)
			if (shown_name(f))
				TRY(suggest(prefix, keep, typed, shown_name(f),
					    f->type == FIELD_OBJECT || f->type == FIELD_OPT_OBJECT, ret, err));
	return 0;
}

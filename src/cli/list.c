/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/list.h"

#include <stdlib.h>

#include "cli/text.h"

int list_print(const struct list_of *l, struct error *err)
{
	const char *objects = l->objects, *shown = l->shown ? l->shown : l->objects;
	size_t shown_size = l->shown ? l->shown_size : l->object_size, n = 0;
	autofree struct value *rows = calloc(l->n + 1, sizeof(*rows));
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);

	if (!rows)
		return fail_oom(err);
	for (size_t i = 0; i < l->n; i++) {
		int r = filters_match(l->filters, objects + i * l->object_size, err);
		if (r < 0)
			return -1;
		if (r)
			rows[n++] = value_struct(l->type, shown + i * shown_size);
	}
	const struct format_request rq = { .name = l->name, .format = l->format, .noheading = l->noheading, .fallback = l->fallback,
					   .type = l->type, .headers = l->headers };
	struct value list = value_list(rows, n);
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, l->what, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * base/template-uses.c - which fields of its data a template looks at. */
#include "base/template-internal.h"

static int note_list(const struct node *list, struct strv *ret, struct error *err);

static int note_pipe(const struct node *pipe, struct strv *ret, struct error *err)
{
	if (!pipe)
		return 0;
	for (const struct command *c = pipe->pipe.first; c; c = c->next)
		for (const struct node *n = c->args; n; n = n->next) {
			if (n->kind != NODE_CHAIN)
				continue;
			TRY(note_pipe(n->chain.base, ret, err));
			if (n->chain.variable || n->chain.base || !n->chain.n)
				continue;
			auto_buf name = BUF_INIT(4096);
			for (size_t i = 0; i < n->chain.n; i++)
				buf_addf(&name, ".%s", n->chain.fields[i]);
			TRY(buf_ok(&name, "field", err));
			if (!strv_has(ret, name.data))
				TRY(strv_add(ret, name.data, err));
		}
	return 0;
}

static int note_list(const struct node *list, struct strv *ret, struct error *err)
{
	for (const struct node *n = list; n; n = n->next) {
		if (n->kind == NODE_TEMPLATE)
			TRY(note_pipe(n->call.pipe, ret, err));
		if (n->kind != NODE_ACTION && n->kind != NODE_IF && n->kind != NODE_WITH && n->kind != NODE_RANGE)
			continue;
		TRY(note_pipe(n->branch.pipe, ret, err));
		TRY(note_list(n->branch.body, ret, err));
		TRY(note_list(n->branch.other, ret, err));
	}
	return 0;
}

int template_fields(const struct template *t, struct strv *ret, struct error *err)
{
	for (const struct definition *d = t->definitions; d; d = d->next)
		TRY(note_list(d->body, ret, err));
	return note_list(t->body, ret, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-expand.c - an instruction with its variables replaced: which parts, is a row for each kind. */
#include "build/containerfile-internal.h"

enum words_rule { KEEP, EACH, SPLIT };   /* as they are; each becomes one word; each may become several */

static const struct {
	uint8_t words, pairs, heredocs;
} rules[INSTRUCTION_MAX] = {
	[INSTRUCTION_ADD] = { EACH, 0, 1 },
	[INSTRUCTION_ARG] = { KEEP, 1, 0 },
	[INSTRUCTION_COPY] = { EACH, 0, 1 },
	[INSTRUCTION_ENV] = { KEEP, 1, 0 },
	[INSTRUCTION_EXPOSE] = { SPLIT, 0, 0 },
	[INSTRUCTION_FROM] = { EACH, 0, 0 },
	[INSTRUCTION_LABEL] = { KEEP, 1, 0 },
	[INSTRUCTION_STOPSIGNAL] = { EACH, 0, 0 },
	[INSTRUCTION_USER] = { EACH, 0, 0 },
	[INSTRUCTION_VOLUME] = { EACH, 0, 0 },
	[INSTRUCTION_WORKDIR] = { EACH, 0, 0 },
};

static int copy_pair(const struct instruction_pair *p, const struct expand *x, struct list *to, struct error *err)
{
	struct instruction_pair *new = list_add(to, sizeof(*new), err);

	if (!new)
		return -1;
	if (!x) {
		TRY(str_set(&new->name, p->name, err));
		return p->value ? str_set(&new->value, p->value, err) : 0;
	}
	TRY(expand_word(x, p->name, &new->name, err));
	return p->value ? expand_word(x, p->value, &new->value, err) : 0;
}

static int copy_heredoc(const struct heredoc *d, const struct expand *x, struct list *to, struct error *err)
{
	struct heredoc *new = list_add(to, sizeof(*new), err);

	if (!new)
		return -1;
	new->expand = d->expand;
	new->chomp = d->chomp;
	new->line = d->line;
	TRY(str_set(&new->name, d->name, err));
	TRY(str_set(&new->raw, d->raw, err));
	return x && d->expand ? expand_text(x, d->text, &new->text, err) : str_set(&new->text, d->text, err);
}

static int copy_words(const struct strv *words, const struct expand *x, enum words_rule rule, struct strv *to,
		      struct error *err)
{
	if (rule == KEEP)
		return strv_copy(to, words, err);
	for (size_t i = 0; i < words->n; i++) {
		char *word;
		if (rule == SPLIT) {
			TRY(expand_words(x, words->v[i], to, err));
			continue;
		}
		TRY(expand_word(x, words->v[i], &word, err));
		TRY(strv_add_owned(to, word, err));
	}
	return 0;
}

static int expand_flag(char **text, void *data, struct error *err)
{
	char *expanded;

	if (!strchr(*text, '$'))
		return 0;
	TRY(expand_word(data, *text, &expanded, err));
	free(*text);
	*text = expanded;
	return 0;
}

static int copy_texts(const struct instruction *in, struct instruction *to, struct error *err)
{
	to->kind = in->kind;
	to->line = in->line;
	to->end_line = in->end_line;
	to->column = in->column;
	to->json = in->json;
	to->legacy = in->legacy;
	TRY(str_set(&to->word, in->word, err));
	TRY(str_set(&to->text, in->text, err));
	TRY(str_set(&to->args, in->args, err));
	return str_set(&to->comment, in->comment, err);
}

int instruction_copy(const struct instruction *in, const struct expand *x, struct instruction *to, struct error *err)
{
	const struct instruction_pair *pairs = in->pairs.v;
	const struct heredoc *docs = in->heredocs.v;

	TRY(copy_texts(in, to, err));
	TRY(copy_words(&in->words, x, x ? rules[in->kind].words : KEEP, &to->words, err));
	for (size_t i = 0; i < in->pairs.n; i++)
		TRY(copy_pair(&pairs[i], rules[in->kind].pairs ? x : NULL, &to->pairs, err));
	for (size_t i = 0; i < in->heredocs.n; i++)
		TRY(copy_heredoc(&docs[i], rules[in->kind].heredocs ? x : NULL, &to->heredocs, err));
	TRY(flags_copy(&in->flags, &to->flags, err));
	if (x)
		TRY(flags_each_text(&to->flags, expand_flag, (void *)x, err));
	if (!in->trigger)
		return 0;
	to->trigger = calloc(1, sizeof(*to->trigger));
	return to->trigger ? instruction_copy(in->trigger, NULL, to->trigger, err) : fail_oom(err);
}

int instruction_expand(const struct instruction *in, const struct expand *x, struct instruction *ret, struct error *err)
{
	auto_instruction copy = {};

	TRY(instruction_copy(in, x, &copy, err));
	*ret = copy;
	copy = (struct instruction){};
	return 0;
}

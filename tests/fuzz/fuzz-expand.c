/* SPDX-License-Identifier: Apache-2.0
 * fuzz-expand: the first line is the value of $V, the rest a word, words, and a text. */
#include <stdint.h>

#include "build/expand.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size), *word = NULL, *body = NULL;
	auto_strv words = {}, env = {}, unset = {};
	struct error err = {};

	if (!text)
		return 0;
	size_t n = strcspn(text, "\n");
	const char *rest = text[n] ? text + n + 1 : "";
	text[n] = '\0';
	if (strv_addf(&env, &err, "V=%s", text) < 0)
		return 0;
	struct expand x = { .get = expand_get_env, .data = &env, .escape = size & 1 ? '`' : '\\', .keep_unset = size & 2,
		.keep_quotes = size & 4, .unset = &unset };
	(void)expand_word(&x, rest, &word, &err);
	(void)expand_words(&x, rest, &words, &err);
	(void)expand_text(&x, rest, &body, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Detach keys: what the user writes, and finding the sequence in what is typed. */
#include "base/str.h"
#include "engine/attach.h"

/* The control character of c in ctrl-c; -1: there is none. */
static int control_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 1;
	switch (c) {
	case '@': return 0;
	case '[': return 27;
	case '\\': return 28;
	case ']': return 29;
	case '^': return 30;
	case '_': return 31;
	default: return -1;
	}
}

static int key_parse(const char *text, size_t len)
{
	if (len == 1)
		return (unsigned char)text[0] < 0x80 ? text[0] : -1;
	if (len == 6 && memcmp(text, "ctrl-", 5) == 0)
		return control_of(text[5]);
	return -1;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct error *err)
{
	struct detach_keys k = {};
	const char *at = text ? text : DETACH_KEYS_DEFAULT, *whole = at;

	while (*at) {
		size_t len = strcspn(at + 1, ",") + 1;   /* a comma may itself be a key */
		int key = key_parse(at, len);

		if (key < 0)
			return fail(err, ERROR_INVALID, "invalid detach keys \"%s\": unknown character '%.*s'", whole,
				    (int)len, at);
		if (k.n == DETACH_KEYS_MAX)
			return fail(err, ERROR_INVALID, "invalid detach keys \"%s\": more than %d keys", whole,
				    DETACH_KEYS_MAX);
		k.key[k.n++] = (uint8_t)key;
		at += len;
		if (*at == ',' && !*++at)
			return fail(err, ERROR_INVALID, "invalid detach keys \"%s\": nothing behind the last comma",
				    whole);
	}
	*ret = k;
	return 0;
}

/* How much of the sequence matches again after `key` followed k->matched keys that do not go on with it: the longest
 * beginning of the sequence that is an end of what was typed. */
static size_t fall_back(const struct detach_keys *k, uint8_t key)
{
	for (size_t n = k->matched; n > 0; n--)
		if (k->key[n - 1] == key && memcmp(k->key, k->key + k->matched - (n - 1), n - 1) == 0)
			return n;
	return 0;
}

bool detach_keys_feed(struct detach_keys *k, const uint8_t *in, size_t len, uint8_t *out, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		size_t keep;

		if (k->n && in[i] == k->key[k->matched]) {
			if (++k->matched == k->n) {
				*ret_len = n;
				return true;
			}
			continue;
		}
		/* Not the sequence after all: what was held back goes out, but for a new beginning at its end. */
		keep = fall_back(k, in[i]);
		memcpy(out + n, k->key, k->matched + 1 - keep < k->matched ? k->matched + 1 - keep : k->matched);
		n += k->matched + 1 - keep < k->matched ? k->matched + 1 - keep : k->matched;
		if (keep == 0)
			out[n++] = in[i];
		k->matched = keep;
	}
	*ret_len = n;
	return false;
}

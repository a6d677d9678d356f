/* SPDX-License-Identifier: Apache-2.0
 * build/expand-pattern.c - matching by a set of states: one pass over the value for every start. */
#include "build/expand-pattern.h"

#include <string.h>

#include "base/buf.h"
#include "build/expand.h"

#define WORK_MAX ((uint64_t)1 << 28)   /* steps: about a second */

enum { ANY_CHAR = 256, ANY_TEXT = 257 };

struct pattern {
	uint16_t *tokens;       /* a byte, ANY_CHAR or ANY_TEXT */
	size_t n;
	uint8_t *now, *next;    /* state sets of n + 1: "tokens before i are matched" */
	uint64_t work;
};

static void pattern_done(struct pattern *p)
{
	free(p->tokens);
	free(p->now);
	free(p->next);
}

static int pattern_init(struct pattern *p, const char *s, char escape, bool backwards, struct error *err)
{
	size_t len = strlen(s);

	p->tokens = calloc(len + 1, sizeof(*p->tokens));
	p->now = calloc(len + 1, 1);
	p->next = calloc(len + 1, 1);
	if (!p->tokens || !p->now || !p->next)
		return fail_oom(err);
	for (; *s; s++) {
		if (*s == escape && s[1])
			p->tokens[p->n++] = (uint8_t)*++s;
		else
			p->tokens[p->n++] = *s == '*' ? ANY_TEXT : *s == '?' ? ANY_CHAR : (uint8_t)*s;
	}
	for (size_t i = 0; backwards && i < p->n / 2; i++) {
		uint16_t t = p->tokens[i];
		p->tokens[i] = p->tokens[p->n - 1 - i];
		p->tokens[p->n - 1 - i] = t;
	}
	return 0;
}

/* '*' may match nothing. */
static void pass_stars(const struct pattern *p, uint8_t *set)
{
	for (size_t i = 0; i < p->n; i++)
		if (set[i] && p->tokens[i] == ANY_TEXT)
			set[i + 1] = 1;
}

/* Advances all states over one byte; false when none is left. */
static bool step(struct pattern *p, uint8_t c)
{
	bool alive = false;
	uint8_t *swap = p->now;

	memset(p->next, 0, p->n + 1);
	for (size_t i = 0; i < p->n; i++) {
		if (!p->now[i])
			continue;
		if (p->tokens[i] == ANY_TEXT)
			p->next[i] = 1, alive = true;
		else if (p->tokens[i] == ANY_CHAR || p->tokens[i] == c)
			p->next[i + 1] = 1, alive = true;
	}
	p->now = p->next;
	p->next = swap;
	pass_stars(p, p->now);
	p->work += p->n + 1;
	return alive;
}

/* Bytes of s[0..len) (stride -1: of s[0], s[-1], ...) that fit: the fewest or the most; -1: none; -2: too much work. */
static int64_t fit(struct pattern *p, const char *s, size_t len, int stride, bool longest)
{
	int64_t best = -1;

	memset(p->now, 0, p->n + 1);
	p->now[0] = 1;
	pass_stars(p, p->now);
	for (size_t i = 0;; i++) {
		if (p->now[p->n])
			best = (int64_t)i;
		if ((best >= 0 && !longest) || i == len)
			return best;
		if (p->work > WORK_MAX)
			return -2;
		if (!step(p, (uint8_t)s[(ptrdiff_t)i * stride]))
			return best;
	}
}

static int fail_work(struct error *err)
{
	return fail(err, ERROR_INVALID, "pattern takes too long on a value of this size");
}

int pattern_cut(const char *value, const char *pattern, char escape, bool prefix, bool longest, char **ret,
		struct error *err)
{
	CLEANUP(pattern_done) struct pattern p = {};
	size_t len = strlen(value);

	TRY(pattern_init(&p, pattern, escape, !prefix, err));
	int64_t n = prefix ? fit(&p, value, len, 1, longest) : fit(&p, value + len - (len > 0), len, -1, longest);
	if (n < -1)
		return fail_work(err);
	size_t cut = n > 0 ? (size_t)n : 0;
	*ret = prefix ? strdup(value + cut) : strndup(value, len - cut);
	return *ret ? 0 : fail_oom(err);
}

int pattern_replace(const char *value, const char *pattern, char escape, const char *by, bool all, char **ret,
		    struct error *err)
{
	CLEANUP(pattern_done) struct pattern p = {};
	auto_buf out = BUF_INIT(EXPAND_BYTES_MAX);
	size_t len = strlen(value), i = 0;
	bool done = false;

	TRY(pattern_init(&p, pattern, escape, false, err));
	while (!done && i <= len) {
		int64_t n = fit(&p, value + i, len - i, 1, true);
		if (n < -1)
			return fail_work(err);
		if (n >= 0) {
			buf_add_str(&out, by);
			i += (size_t)n;
			done = !all;
		}
		if (n <= 0 && !done) {   /* nothing here, or an empty fit: the byte stays */
			if (i < len)
				buf_add_char(&out, value[i]);
			i++;
		}
	}
	if (i < len)
		buf_add_str(&out, value + i);
	TRY(buf_ok(&out, "expanded word", err));
	*ret = buf_steal(&out);
	return *ret ? 0 : fail_oom(err);
}

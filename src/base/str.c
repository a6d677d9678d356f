/* SPDX-License-Identifier: Apache-2.0
 * base/str.c - string vectors, key=value maps, and small string helpers. */
#include "base/str.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/random.h>

#include "base/buf.h"

void strv_done(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv){};
}

int strv_add_owned(struct strv *l, char *s, struct error *err)
{
	if (!s)
		return fail_oom(err);
	/* Room grows at powers of two; n + 1 for the terminator. */
	if ((l->n & (l->n + 1)) == 0) {
		char **v = reallocarray(l->v, 2 * (l->n + 1), sizeof(*v));
		if (!v) {
			free(s);
			return fail_oom(err);
		}
		l->v = v;
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
	return 0;
}

int strv_add_n(struct strv *l, const char *s, size_t len, struct error *err)
{
	return strv_add_owned(l, strndup(s, len), err);
}

int strv_add(struct strv *l, const char *s, struct error *err)
{
	return strv_add_owned(l, strdup(s), err);
}

int strv_addf(struct strv *l, struct error *err, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return strv_add_owned(l, n < 0 ? NULL : s, err);
}

int strv_copy(struct strv *to, const struct strv *from, struct error *err)
{
	for (size_t i = 0; i < from->n; i++)
		TRY(strv_add(to, from->v[i], err));
	return 0;
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i], s))
			return true;
	return false;
}

void strv_remove(struct strv *l, size_t i)
{
	free(l->v[i]);
	/* The room rule of strv_add_owned() only looks at n: shrinking across a power of two must give up the
	 * slack, or the next addition reallocates to a smaller block. It reallocates to >= n + 2, so that is safe. */
	memmove(l->v + i, l->v + i + 1, (l->n - i) * sizeof(*l->v));
	l->n--;
}

int strv_split(struct strv *l, const char *s, char sep, struct error *err)
{
	for (;;) {
		const char *end = strchrnul(s, sep);
		TRY(strv_add_n(l, s, end - s, err));
		if (!*end)
			return 0;
		s = end + 1;
	}
}

char *strv_join(const struct strv *l, const char *sep)
{
	auto_buf b = BUF_INIT(BUF_MAX_DEFAULT);

	for (size_t i = 0; i < l->n; i++) {
		if (i)
			buf_add_str(&b, sep);
		buf_add_str(&b, l->v[i]);
	}
	return buf_steal(&b);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

static bool is_env(const char *entry, const char *name)
{
	const char *rest = str_after(entry, name);
	return rest && *rest == '=';
}

int strv_env_set(struct strv *env, const char *name, const char *value, struct error *err)
{
	autofree char *entry = NULL;

	TRY(str_printf(&entry, err, "%s=%s", name, value));
	for (size_t i = 0; i < env->n; i++)
		if (is_env(env->v[i], name)) {
			free(env->v[i]);
			env->v[i] = take_ptr(entry);
			return 0;
		}
	return strv_add_owned(env, take_ptr(entry), err);
}

void strv_env_unset(struct strv *env, const char *name)
{
	for (size_t i = env->n; i-- > 0;)
		if (is_env(env->v[i], name))
			strv_remove(env, i);
}

const char *strv_env_get(const struct strv *env, const char *name)
{
	for (size_t i = 0; i < env->n; i++)
		if (is_env(env->v[i], name))
			return env->v[i] + strlen(name) + 1;
	return NULL;
}

void strmap_done(struct strmap *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].key);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct strmap){};
}

static struct strmap_entry *find(const struct strmap *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (streq(m->v[i].key, key))
			return &m->v[i];
	return NULL;
}

int strmap_set(struct strmap *m, const char *key, const char *value, struct error *err)
{
	struct strmap_entry *e = find(m, key);

	if (e)
		return str_set(&e->value, value, err);
	struct strmap_entry *v = reallocarray(m->v, m->n + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	m->v = v;
	autofree char *k = strdup(key), *val = strdup(value);
	if (!k || !val)
		return fail_oom(err);
	m->v[m->n++] = (struct strmap_entry){ take_ptr(k), take_ptr(val) };
	return 0;
}

const char *strmap_get(const struct strmap *m, const char *key)
{
	struct strmap_entry *e = find(m, key);
	return e ? e->value : NULL;
}

bool strmap_remove(struct strmap *m, const char *key)
{
	struct strmap_entry *e = find(m, key);

	if (!e)
		return false;
	free(e->key);
	free(e->value);
	m->n--;
	memmove(e, e + 1, (char *)(m->v + m->n) - (char *)e);
	return true;
}

int strmap_copy(struct strmap *to, const struct strmap *from, struct error *err)
{
	for (size_t i = 0; i < from->n; i++)
		TRY(strmap_set(to, from->v[i].key, from->v[i].value, err));
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct strmap_entry *)a)->key, ((const struct strmap_entry *)b)->key);
}

void strmap_sort(struct strmap *m)
{
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), compare_keys);
}

int strmap_add_pair(struct strmap *m, const char *pair, struct error *err)
{
	const char *eq = strchrnul(pair, '=');
	autofree char *key = strndup(pair, eq - pair);

	if (!key)
		return fail_oom(err);
	return strmap_set(m, key, *eq ? eq + 1 : "", err);
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);
	return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

int str_set(char **to, const char *s, struct error *err)
{
	char *copy = s ? strdup(s) : NULL;

	if (s && !copy)
		return fail_oom(err);
	free(*to);
	*to = copy;
	return 0;
}

int str_printf(char **ret, struct error *err, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return fail_oom(err);
	*ret = s;
	return 0;
}

bool parse_u64(const char *s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
			return false;
	}
	*ret = n;
	return true;
}

bool parse_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t n;

	if (*s == '-' || *s == '+')
		s++;
	if (!parse_u64(s, &n) || n > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

bool parse_u32(const char *s, uint32_t *ret)
{
	uint64_t n;

	if (!parse_u64(s, &n) || n > UINT32_MAX)
		return false;
	*ret = n;
	return true;
}

bool parse_mode(const char *s, uint32_t *ret)
{
	uint32_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return false;
		n = n * 8 + (*s - '0');
		if (n > 07777)
			return false;
	}
	*ret = n;
	return true;
}

bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (streq(s, yes[i]) || streq(s, no[i])) {
			*ret = streq(s, yes[i]);
			return true;
		}
	}
	return false;
}

/* Unicode 15, table 3-7. */
size_t utf8_length(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

uint32_t utf8_decode(const char *s, size_t n)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

	if (!n)
		return 0xfffd;
	uint32_t rune = (unsigned char)s[0] & mask[n];
	for (size_t i = 1; i < n; i++)
		rune = rune << 6 | ((unsigned char)s[i] & 0x3f);
	return rune;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t str_distance(const char *a, const char *b)
{
	uint8_t d[64][64];
	size_t na = strlen(a), nb = strlen(b);

	if (na > 63 || nb > 63)
		return SIZE_MAX;
	for (size_t i = 0; i <= na; i++)
		d[i][0] = (uint8_t)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			size_t n = least(d[i - 1][j] + 1u, d[i][j - 1] + 1u);
			n = least(n, d[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				n = least(n, d[i - 2][j - 2] + 1u);
			d[i][j] = (uint8_t)n;
		}
	}
	return d[na][nb];
}

size_t utf8_count(const char *s, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; count++) {
		size_t n = utf8_length(s + i, len - i);
		i += n ? n : 1;
	}
	return count;
}

void hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

int random_id(char out[65], struct error *err)
{
	unsigned char bytes[32];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return fail_errno(err, "read random bytes");
	hex_encode(bytes, sizeof(bytes), out);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * build/ignore.c - patterns as lists of components; a walk over both decides. */
#include "build/ignore.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "os/path.h"

#define COMPONENTS_MAX 256

struct pattern {
	char *text;         /* clean: no leading slash, no "." or ".." */
	struct strv parts;  /* its components */
	bool exception;     /* '!' */
};

struct ignore {
	struct pattern *v;
	size_t n;
	bool exceptions;
};

int ignore_new(struct ignore **ret, struct error *err)
{
	struct ignore *ig = calloc(1, sizeof(*ig));

	if (!ig)
		return fail_oom(err);
	*ret = ig;
	return 0;
}

void ignore_free(struct ignore *ig)
{
	for (size_t i = 0; ig && i < ig->n; i++) {
		free(ig->v[i].text);
		strv_done(&ig->v[i].parts);
	}
	if (ig)
		free(ig->v);
	free(ig);
}

bool ignore_is_empty(const struct ignore *ig)
{
	return !ig || !ig->n;
}

/* ---- one component ---- */
/* [a-z], [^a-z]: *ret_next behind it; false: badly formed. */
static bool take_class(const char *p, unsigned char c, bool *ret_fits, const char **ret_next)
{
	bool negated = *p == '^', fits = false;

	p += negated;
	for (size_t n = 0; *p != ']' || n == 0; n++) {
		if (*p == '\\')
			p++;
		if (!*p || *p == ']')
			return false;
		unsigned char low = (unsigned char)*p++, high = low;
		if (*p == '-') {
			p++;
			p += *p == '\\';
			if (!*p || *p == ']')
				return false;
			high = (unsigned char)*p++;
		}
		fits = fits || (low <= c && c <= high);
	}
	*ret_fits = fits != negated;
	*ret_next = p + 1;
	return true;
}

static bool is_well_formed(const char *p)
{
	for (; *p; p++) {
		bool fits;
		const char *next;
		if (*p == '\\' && !*++p)
			return false;
		else if (*p == '[') {
			if (!take_class(p + 1, 0, &fits, &next))
				return false;
			p = next - 1;
		}
	}
	return true;
}

/* What one element of the pattern says to a byte: *ret_next behind the element. */
static bool element_fits(const char *p, unsigned char c, const char **ret_next)
{
	bool fits = false;

	if (*p == '[' && take_class(p + 1, c, &fits, ret_next))
		return fits;
	if (*p == '\\' && p[1])
		p++;
	else if (*p == '?')
		return *ret_next = p + 1, true;
	*ret_next = p + 1;
	return *p && (unsigned char)*p == c;
}

/* Length of the UTF-8 sequence a '?' or a class eats when it fits: one character, not one byte. */
static size_t character(const char *p, const char *s)
{
	size_t n = *p == '?' || *p == '[' ? utf8_length(s, strnlen(s, 4)) : 1;
	return n ? n : 1;
}

/* '*' remembered and tried again one byte further: linear in pattern times text. */
static bool component_fits(const char *p, const char *s)
{
	const char *star = NULL, *retry = NULL, *next;

	while (*s) {
		if (*p == '*') {
			star = ++p;
			retry = s;
		} else if (*p && element_fits(p, (unsigned char)*s, &next)) {
			s += character(p, s);
			p = next;
		} else if (star) {
			p = star;
			s = ++retry;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

/* ---- components ---- */
static bool is_any(const char *part)
{
	return streq(part, "**");
}

struct path {
	char *parts[COMPONENTS_MAX];
	size_t n;
};

/* Whether pattern parts fit path parts [0, n) wholly. "**" is any number of components. Dynamic: row[j] says "the first
 * i pattern parts fit the first j path parts". */
static bool parts_fit(const struct strv *pattern, const struct path *path, size_t n, bool *row)
{
	memset(row, 0, n + 1);
	row[0] = true;
	for (size_t i = 0; i < pattern->n; i++) {
		const char *part = pattern->v[i];
		bool diagonal = row[0];
		row[0] = row[0] && is_any(part);
		for (size_t j = 1; j <= n; j++) {
			bool above = row[j];
			row[j] = is_any(part) ? above || row[j - 1] : diagonal && component_fits(part, path->parts[j - 1]);
			diagonal = above;
		}
	}
	return row[n];
}

/* Splits in place; false: too deep. */
static bool split_path(char *s, struct path *to)
{
	to->n = 0;
	while (*s) {
		if (to->n == COMPONENTS_MAX)
			return false;
		to->parts[to->n++] = s;
		s += strcspn(s, "/");
		if (*s)
			*s++ = '\0';
	}
	return true;
}

/* ---- patterns ---- */
/* Docker's "**" inside a component: "**x" is "**", "x"; "x**" is "x*" (what is below fits anyway), and "x**y" is
 * "x*", "**", "y" (add_line() adds "xy" besides). */
static int add_part(struct strv *parts, const char *part, struct error *err)
{
	const char *stars = strstr(part, "**"), *rest = stars ? stars + strspn(stars, "*") : NULL;

	if (!stars || is_any(part))
		return strv_add(parts, part, err);
	if (stars != part)
		TRY(strv_addf(parts, err, "%.*s*", (int)(stars - part), part));
	if (*rest || stars == part)
		TRY(strv_add(parts, "**", err));
	return *rest ? strv_add(parts, rest, err) : 0;
}

static int set_parts(struct pattern *p, struct error *err)
{
	auto_strv pieces = {};

	TRY(strv_split(&pieces, p->text, '/', err));
	if (pieces.n > COMPONENTS_MAX)
		return fail(err, ERROR_INVALID, "pattern with more than %d components", COMPONENTS_MAX);
	for (size_t i = 0; i < pieces.n; i++)
		TRY(add_part(&p->parts, pieces.v[i], err));
	/* "dir/" + "**" is all below dir, not dir. */
	return p->parts.n > 1 && is_any(p->parts.v[p->parts.n - 1]) ? strv_add(&p->parts, "*", err) : 0;
}

/* Clean and relative, as Docker does it: blanks around cut, filepath.Clean, leading slash dropped. */
static int normalize(const char *s, size_t len, char **ret, struct error *err)
{
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t' || s[len - 1] == '\r'))
		len--;
	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	autofree char *copy = strndup(s, len), *clean = copy && len ? path_clean(copy) : NULL;
	if (!copy || (len && !clean))
		return fail_oom(err);
	const char *from = clean ? clean : "";
	while (*from == '/')
		from++;
	*ret = strdup(from);
	return *ret ? 0 : fail_oom(err);
}

static int add_pattern(struct ignore *ig, const char *s, size_t len, struct error *err)
{
	struct pattern p = {};
	struct pattern *v;

	while (len && (*s == ' ' || *s == '\t'))
		s++, len--;
	p.exception = len && *s == '!';
	TRY(normalize(s + p.exception, len - p.exception, &p.text, err));
	if (!*p.text || streq(p.text, ".")) {   /* "/" and "." name the root: never left out */
		free(p.text);
		return p.exception && len == 1 ? fail(err, ERROR_INVALID, "illegal exclusion pattern: \"!\"") : 0;
	}
	if (!is_well_formed(p.text)) {
		fail(err, ERROR_INVALID, "syntax error in pattern \"%.200s\"", p.text);
		free(p.text);
		return -1;
	}
	v = ig->n < IGNORE_PATTERNS_MAX ? realloc(ig->v, (ig->n + 1) * sizeof(*v)) : NULL;
	if (!v) {
		free(p.text);
		return ig->n < IGNORE_PATTERNS_MAX ? fail_oom(err) :
			fail(err, ERROR_INVALID, "more than %d patterns", IGNORE_PATTERNS_MAX);
	}
	ig->v = v;
	v[ig->n] = p;
	ig->exceptions = ig->exceptions || p.exception;
	return set_parts(&v[ig->n++], err);
}

/* Adds the pattern; one with "x**y" in it also without the stars. */
static int add_line(struct ignore *ig, const char *s, size_t len, struct error *err)
{
	auto_buf without = BUF_INIT(IGNORE_BYTES_MAX);
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		bool stars = i && i + 2 < len && s[i] == '*' && s[i + 1] == '*' && s[i - 1] != '/' && s[i - 1] != '*' &&
			     s[i - 1] != '!' && s[i + 2] != '/' && s[i + 2] != '*';
		inside = inside || stars;
		if (stars)
			i++;
		else
			buf_add_char(&without, s[i]);
	}
	if (inside)
		TRY(add_pattern(ig, without.data, without.len, err));
	return add_pattern(ig, s, len, err);
}

int ignore_add(struct ignore *ig, const char *pattern, struct error *err)
{
	return add_line(ig, pattern, strlen(pattern), err);
}

int ignore_parse(struct ignore *ig, const char *what, const char *text, size_t len, struct error *err)
{
	const char *end = text + len;

	if (len > IGNORE_BYTES_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, IGNORE_BYTES_MAX);
	if (memchr(text, '\0', len))
		return fail(err, ERROR_INVALID, "%s: a NUL byte in the text", what);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (unsigned line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline ? (size_t)(newline - text) : (size_t)(end - text);
		if (n && *text != '#' && add_line(ig, text, n, err) < 0)
			return fail_wrap(err, "%s:%u", what, line);
		text += n + (newline != NULL);
	}
	return 0;
}

char *ignore_text(const struct ignore *ig)
{
	auto_buf text = BUF_INIT(2 * IGNORE_BYTES_MAX);

	for (size_t i = 0; ig && i < ig->n; i++)
		buf_addf(&text, "%s%s\n", ig->v[i].exception ? "!" : "", ig->v[i].text);
	return buf_steal(&text);
}

/* ---- verdicts ---- */
/* The pattern fits the path or a directory above it. */
static bool fits_or_above(const struct pattern *p, const struct path *path, bool *row)
{
	for (size_t n = 1; n <= path->n; n++)
		if (parts_fit(&p->parts, path, n, row))
			return true;
	return false;
}

/* Docker's and Podman's rule, by text: a directory that is left out is entered only for an exception that begins with
 * its path. So "!*x" or "!**x" bring nothing back from below it. */
static bool exception_below(const struct ignore *ig, const char *path)
{
	for (size_t i = 0; i < ig->n; i++) {
		const char *rest = ig->v[i].exception ? str_after(ig->v[i].text, path) : NULL;
		if (rest && (*rest == '/' || !*rest))
			return true;
	}
	return false;
}

enum ignore_verdict ignore_check(const struct ignore *ig, const char *path)
{
	char copy[PATH_MAX];
	struct path parts;
	bool row[COMPONENTS_MAX + 1];
	size_t len = strlen(path);

	if (ignore_is_empty(ig) || !len || len >= sizeof(copy))
		return IGNORE_KEEP;
	memcpy(copy, path, len + 1);
	if (!split_path(copy, &parts))
		return IGNORE_KEEP;
	/* The last one that fits decides: from the end. */
	for (size_t i = ig->n; i-- > 0;) {
		if (!fits_or_above(&ig->v[i], &parts, row))
			continue;
		if (ig->v[i].exception)
			return IGNORE_KEEP;
		return ig->exceptions && exception_below(ig, path) ? IGNORE_DROP : IGNORE_PRUNE;
	}
	return IGNORE_KEEP;
}

/* ---- globs ---- */
bool ignore_has_glob(const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern == '\\' && pattern[1])
			pattern++;
		else if (strchr("*?[", *pattern))
			return true;
	}
	return false;
}

bool ignore_glob(const char *pattern, const char *path)
{
	char pattern_copy[PATH_MAX], path_copy[PATH_MAX];
	struct path p, s;

	if (strlen(pattern) >= PATH_MAX || strlen(path) >= PATH_MAX || !is_well_formed(pattern))
		return false;
	memcpy(pattern_copy, pattern, strlen(pattern) + 1);
	memcpy(path_copy, path, strlen(path) + 1);
	if (!split_path(pattern_copy, &p) || !split_path(path_copy, &s) || p.n != s.n)
		return false;
	for (size_t i = 0; i < p.n; i++)
		if (!component_fits(p.parts[i], s.parts[i]))
			return false;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * image/reference.c - the reference grammar of distribution/reference as small scanners, no regular expressions.
 *
 *   reference   := name [ ":" tag ] [ "@" digest ]
 *   name        := [ domain "/" ] component *( "/" component )
 *   domain      := ( label *( "." label ) | "[" ipv6 "]" ) [ ":" digits ]
 *   component   := alnum+ *( ( "." | "_" | "__" | "-"+ ) alnum+ )         (lower case)
 *   tag         := word-char *127( word-char | "." | "-" ) */
#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "image/digest.h"

#define DEFAULT_DOMAIN "docker.io"
#define DEFAULT_NAMESPACE "library/"

void reference_done(struct reference *r)
{
	free(r->domain);
	free(r->path);
	free(r->tag);
	free(r->digest);
	*r = (struct reference){};
}

static bool lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Length of one path component at s, 0 when there is none. */
static size_t component_len(const char *s)
{
	size_t n = 0;

	if (!lower_alnum(s[0]))
		return 0;
	for (;;) {
		while (lower_alnum(s[n]))
			n++;
		size_t sep = 0;
		if (s[n] == '.')
			sep = 1;
		else if (s[n] == '_')
			sep = s[n + 1] == '_' ? 2 : 1;
		else
			while (s[n + sep] == '-')
				sep++;
		if (!sep || !lower_alnum(s[n + sep]))
			return n;
		n += sep;
	}
}

static bool path_is_valid(const char *s)
{
	for (;;) {
		size_t n = component_len(s);
		if (!n)
			return false;
		s += n;
		if (!*s)
			return true;
		if (*s++ != '/')
			return false;
	}
}

static size_t host_len(const char *s)
{
	size_t n = 0;

	if (*s == '[') {
		for (n = 1; isxdigit((unsigned char)s[n]) || s[n] == ':'; n++)
			;
		return n > 1 && s[n] == ']' ? n + 1 : 0;
	}
	for (;;) {
		size_t start = n;
		while (isalnum((unsigned char)s[n]) || (s[n] == '-' && n > start))
			n++;
		if (n == start || s[n - 1] == '-')
			return 0;
		if (s[n] != '.')
			return n;
		n++;
	}
}

static bool domain_is_valid(const char *s)
{
	size_t n = host_len(s);

	if (!n)
		return false;
	s += n;
	if (!*s)
		return true;
	if (*s++ != ':' || !*s)
		return false;
	return s[strspn(s, "0123456789")] == '\0';
}

static bool tag_is_valid(const char *s)
{
	size_t n = 0;

	if (!word_char(s[0]))
		return false;
	while (word_char(s[n]) || s[n] == '.' || s[n] == '-')
		n++;
	return !s[n] && n <= REFERENCE_TAG_MAX;
}

static bool is_id(const char *s)
{
	return strlen(s) == 64 && s[strspn(s, "0123456789abcdef")] == '\0';
}

/* Does the text before the first slash name a registry host? */
static bool looks_like_domain(const char *s, size_t n)
{
	if (n == 9 && strncmp(s, "localhost", 9) == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || s[i] == '[' || isupper((unsigned char)s[i]))
			return true;
	return false;
}

static int bad(const char *s, struct error *err)
{
	return fail(err, ERROR_INVALID, "parsing reference \"%.200s\": invalid reference format", s);
}

/* Cuts "@digest" and ":tag" off the copy `s`. */
static int split_suffixes(const char *whole, char *s, struct reference *r, struct error *err)
{
	char *at = strchr(s, '@');

	if (at) {
		*at = '\0';
		if (!digest_is_valid(at + 1))
			return fail(err, ERROR_INVALID, "parsing reference \"%.200s\": invalid reference format: "
				    "\"%.100s\" is no digest", whole, at + 1);
		TRY(str_set(&r->digest, at + 1, err));
	}
	char *slash = strrchr(s, '/'), *colon = strrchr(slash ? slash : s, ':');
	if (!colon)
		return 0;
	*colon = '\0';
	if (!tag_is_valid(colon + 1))
		return bad(whole, err);
	return str_set(&r->tag, colon + 1, err);
}

static int split_name(const char *whole, const char *name, struct reference *r, struct error *err)
{
	const char *slash = strchr(name, '/'), *path = name;

	if (slash && looks_like_domain(name, (size_t)(slash - name))) {
		r->domain = strndup(name, (size_t)(slash - name));
		if (!r->domain)
			return fail_oom(err);
		if (!domain_is_valid(r->domain))
			return bad(whole, err);
		path = slash + 1;
	}
	if (!path_is_valid(path)) {
		for (const char *p = path; *p; p++)
			if (isupper((unsigned char)*p))
				return fail(err, ERROR_INVALID, "parsing reference \"%.200s\": invalid reference format: "
					    "repository name must be lowercase", whole);
		return bad(whole, err);
	}
	if (strlen(name) > REFERENCE_NAME_MAX)
		return fail(err, ERROR_INVALID, "parsing reference \"%.40s...\": repository name must not be more than %d "
			    "characters", whole, REFERENCE_NAME_MAX);
	if (!r->domain && is_id(path))
		return fail(err, ERROR_INVALID, "invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
			    path);
	return str_set(&r->path, path, err);
}

int reference_parse(const char *s, struct reference *ret, struct error *err)
{
	auto_reference r = {};

	if (!*s)
		return fail(err, ERROR_INVALID, "repository name must have at least one component");
	autofree char *copy = strdup(s);
	if (!copy)
		return fail_oom(err);
	TRY(split_suffixes(s, copy, &r, err));
	TRY(split_name(s, copy, &r, err));
	*ret = r;
	r = (struct reference){};
	return 0;
}

int reference_copy(const struct reference *from, struct reference *to, struct error *err)
{
	auto_reference r = {};

	TRY(str_set(&r.domain, from->domain, err));
	TRY(str_set(&r.path, from->path, err));
	TRY(str_set(&r.tag, from->tag, err));
	TRY(str_set(&r.digest, from->digest, err));
	reference_done(to);
	*to = r;
	r = (struct reference){};
	return 0;
}

int reference_default_tag(struct reference *r, struct error *err)
{
	return r->tag || r->digest ? 0 : str_set(&r->tag, "latest", err);
}

static int complete_docker_path(struct reference *r, struct error *err)
{
	if (streq(r->domain, "index.docker.io"))
		TRY(str_set(&r->domain, DEFAULT_DOMAIN, err));
	if (!streq(r->domain, DEFAULT_DOMAIN) || strchr(r->path, '/'))
		return 0;
	char *path;
	TRY(str_printf(&path, err, DEFAULT_NAMESPACE "%s", r->path));
	free(r->path);
	r->path = path;
	return 0;
}

int reference_normalize_docker(struct reference *r, struct error *err)
{
	if (!r->domain)
		TRY(str_set(&r->domain, DEFAULT_DOMAIN, err));
	return complete_docker_path(r, err);
}

int reference_normalize_local(struct reference *r, struct error *err)
{
	if (!r->domain)
		TRY(str_set(&r->domain, "localhost", err));
	TRY(complete_docker_path(r, err));
	if (r->digest && r->tag)
		TRY(str_set(&r->tag, NULL, err));
	return reference_default_tag(r, err);
}

static void add_name(struct buf *b, const struct reference *r)
{
	if (r->domain)
		buf_addf(b, "%s/", r->domain);
	buf_add_str(b, r->path);
}

char *reference_name(const struct reference *r)
{
	auto_buf b = BUF_INIT(4096);

	add_name(&b, r);
	return buf_steal(&b);
}

char *reference_text(const struct reference *r)
{
	auto_buf b = BUF_INIT(4096);

	add_name(&b, r);
	if (r->tag)
		buf_addf(&b, ":%s", r->tag);
	if (r->digest)
		buf_addf(&b, "@%s", r->digest);
	return buf_steal(&b);
}

/* SPDX-License-Identifier: Apache-2.0
 * worker/challenge.c - WWW-Authenticate and origins. */
#include "worker/challenge.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

void challenge_done(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){};
}

static bool token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blank(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == ',')
		p++;
	return p;
}

/* A token or quoted string at *p into out; moves *p behind it. */
static bool take_value(const char **p, char *out, size_t size)
{
	const char *s = *p;
	size_t n = 0;
	bool quoted = *s == '"';

	s += quoted;
	while (*s && (quoted ? *s != '"' : token_char(*s) || strchr("/:@=", *s))) {
		if (quoted && *s == '\\' && s[1])
			s++;
		if (n + 1 >= size)
			return false;
		out[n++] = *s++;
	}
	if (quoted && *s++ != '"')
		return false;
	out[n] = '\0';
	*p = s;
	return true;
}

static int take_parameter(struct challenge *c, const char *name, size_t n, const char *value, struct error *err)
{
	const struct { const char *name; char **to; } known[] = {
		{ "realm", &c->realm }, { "service", &c->service }, { "scope", &c->scope },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0)
			return str_set(known[i].to, value, err);
	return 0;
}

static enum auth_scheme scheme_of(const char *s, size_t n)
{
	if (n == 6 && strncasecmp(s, "Bearer", n) == 0)
		return AUTH_BEARER;
	return n == 5 && strncasecmp(s, "Basic", n) == 0 ? AUTH_BASIC : AUTH_NONE;
}

/* One "scheme name=value, name=value"; *p moves to the next challenge. */
static int parse_one(const char **p, struct challenge *c, struct error *err)
{
	char value[4096];
	size_t n = 0;

	while (token_char((*p)[n]))
		n++;
	if (!n)
		return fail(err, ERROR_CORRUPT, "malformed WWW-Authenticate header");
	c->scheme = scheme_of(*p, n);
	*p = skip_blank(*p + n);
	for (;;) {
		const char *name = *p;
		for (n = 0; token_char(name[n]); n++)
			;
		if (!n || name[n] != '=')
			return 0;
		*p = name + n + 1;
		if (!take_value(p, value, sizeof(value)))
			return fail(err, ERROR_CORRUPT, "malformed WWW-Authenticate header");
		TRY(take_parameter(c, name, n, value, err));
		*p = skip_blank(*p);
	}
}

int challenge_parse(const char *value, struct challenge *ret, struct error *err)
{
	for (const char *s = value; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return fail(err, ERROR_CORRUPT, "control characters in the WWW-Authenticate header");
	for (const char *p = skip_blank(value); *p;) {
		auto_challenge c = {};
		TRY(parse_one(&p, &c, err));
		if (c.scheme > ret->scheme) {
			challenge_done(ret);
			*ret = c;
			c = (struct challenge){};
		}
	}
	return 0;
}

/* ---- origins ---- */
static int bad_url(const char *url, struct error *err)
{
	return fail(err, ERROR_INVALID, "\"%.200s\": not an http or https address", url);
}

int origin_parse(const char *url, struct origin *ret, struct error *err)
{
	struct origin o = { .port = 443 };
	const char *rest = str_after(url, "https://");
	uint32_t port;

	snprintf(o.scheme, sizeof(o.scheme), "https");
	if (!rest) {
		rest = str_after(url, "http://");
		o.port = 80;
		snprintf(o.scheme, sizeof(o.scheme), "http");
	}
	if (!rest)
		return bad_url(url, err);
	size_t n = strcspn(rest, "/?#");
	char host[300];
	if (!n || n >= sizeof(host) || memchr(rest, '@', n))
		return bad_url(url, err);
	memcpy(host, rest, n);
	host[n] = '\0';
	char *close = strrchr(host, ']'), *colon = strrchr(close ? close : host, ':');
	if (colon) {
		*colon = '\0';
		if (!parse_u32(colon + 1, &port) || port == 0 || port > 65535)
			return bad_url(url, err);
		o.port = (int)port;
	}
	n = strlen(host);
	if (!n || n >= sizeof(o.host))
		return bad_url(url, err);
	for (size_t i = 0; i <= n; i++)
		o.host[i] = (char)tolower((unsigned char)host[i]);
	*ret = o;
	return 0;
}

bool origin_equal(const struct origin *a, const struct origin *b)
{
	return a->port == b->port && streq(a->scheme, b->scheme) && streq(a->host, b->host);
}

static bool is_address(const char *host)
{
	return host[0] == '[' || host[strspn(host, "0123456789.")] == '\0';
}

/* The registered domain by a rule of thumb: the last two labels, three below things like "co.uk". */
static const char *registered_domain(const char *host)
{
	const char *dots[3] = {};
	size_t n = 0;

	for (const char *p = host + strlen(host); p > host && n < 3; p--)
		if (p[-1] == '.')
			dots[n++] = p - 1;
	if (n == 0)
		return NULL;   /* a bare word has no domain */
	if (n == 1)
		return host;
	size_t top = strlen(dots[0] + 1), second = (size_t)(dots[0] - dots[1] - 1);
	if (top == 2 && second <= 3)
		return n >= 3 ? dots[2] + 1 : host;
	return dots[1] + 1;
}

bool origin_may_have_credentials(const struct origin *registry, const struct origin *realm)
{
	if (streq(registry->scheme, "https") && !streq(realm->scheme, "https"))
		return false;
	if (streq(registry->host, realm->host))
		return true;
	if (is_address(registry->host) || is_address(realm->host))
		return false;
	const char *a = registered_domain(registry->host), *b = registered_domain(realm->host);
	return a && b && streq(a, b);
}

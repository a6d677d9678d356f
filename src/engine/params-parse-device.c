/* SPDX-License-Identifier: Apache-2.0
 * --device, --device-read-bps and friends, --blkio-weight-device, --publish, --secret, sizes and seconds. */
#include <stdlib.h>

#include "base/argv.h"
#include "base/units.h"
#include "engine/params-parse.h"
#include "engine/cdi.h"
#include "os/path.h"

static bool permissions_ok(const char *s)
{
	return *s && strlen(s) <= 3 && strspn(s, "rwm") == strlen(s);
}

int param_device_parse(const char *value, struct list *devices, struct error *err)
{
	auto_strv parts = {};
	const char *container, *permissions = "rwm";
	struct param_device *d;

	if (cdi_is_name(value))   /* its name may hold a colon */
		TRY(strv_add(&parts, value, err));
	else
		TRY(strv_split(&parts, value, ':', err));
	if (parts.n > 3 || !*parts.v[0])
		return fail(err, ERROR_INVALID, "invalid device specification: %s", value);
	container = parts.v[0];
	if (parts.n == 2 && permissions_ok(parts.v[1]))
		permissions = parts.v[1];
	else if (parts.n >= 2 && *parts.v[1])
		container = parts.v[1];
	if (parts.n == 3)
		permissions = parts.v[2];
	if (!permissions_ok(permissions))
		return fail(err, ERROR_INVALID, "invalid device mode: %s", permissions);
	if (*parts.v[0] != '/' && !strchr(parts.v[0], '='))
		return fail(err, ERROR_INVALID, "invalid device specification: %s: the path must be absolute", value);
	d = list_add(devices, sizeof(*d), err);
	if (!d)
		return -1;
	TRY(str_set(&d->host, parts.v[0], err));
	TRY(str_set(&d->permissions, permissions, err));
	d->container = path_clean(container);
	return d->container ? 0 : fail_oom(err);
}

static int store_device(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return param_device_parse(value, at, err);
}
const struct field_custom param_device_custom = { .parse = store_device };

/* ---- PATH:RATE ---- */
static int add_rate(struct list *l, const char *value, bool bytes, uint64_t max, struct error *err)
{
	const char *colon = strrchr(value, ':');
	struct param_device_rate *r;
	int64_t n = 0;

	if (!colon || colon == value)
		return fail(err, ERROR_INVALID, "bad format: %s: should be <path>:<number>", value);
	if (strncmp(value, "/dev/", 5) != 0)
		return fail(err, ERROR_INVALID, "bad format for device path: %s", value);
	if (bytes ? size_parse(colon + 1, &n, err) < 0 : !parse_i64(colon + 1, &n))
		return fail(err, ERROR_INVALID, "invalid rate for device: %s: must be a positive %s", value,
			    bytes ? "size such as 1mb" : "number");
	if (n < 0 || (max && (n < 10 || (uint64_t)n > max)))
		return fail(err, ERROR_INVALID, "invalid value for device: %s", value);
	r = list_add(l, sizeof(*r), err);
	if (!r)
		return -1;
	r->rate = (uint64_t)n;
	r->path = strndup(value, (size_t)(colon - value));
	return r->path ? 0 : fail_oom(err);
}

static int store_bps(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return add_rate(at, value, true, 0, err);
}

static int store_iops(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return add_rate(at, value, false, 0, err);
}

static int store_weight(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return add_rate(at, value, false, 1000, err);
}
const struct field_custom param_rate_bps_custom = { .parse = store_bps };
const struct field_custom param_rate_iops_custom = { .parse = store_iops };
const struct field_custom param_weight_device_custom = { .parse = store_weight };

/* ---- [[ip:][host[-end]]:]container[-end][/protocol] ---- */
static int parse_range(const char *s, const char *whole, int64_t *ret_first, int64_t *ret_count, struct error *err)
{
	const char *dash = strchr(s, '-');
	autofree char *first = dash ? strndup(s, (size_t)(dash - s)) : strdup(s);
	int64_t a, b;

	if (!first)
		return fail_oom(err);
	if (!parse_i64(first, &a) || (dash && !parse_i64(dash + 1, &b)))
		return fail(err, ERROR_INVALID, "cannot parse \"%s\" as an IP port number in \"%s\"", s, whole);
	if (!dash)
		b = a;
	if (a < 1 || b > 65535 || b < a)
		return fail(err, ERROR_INVALID, "port numbers must be between 1 and 65535 (inclusive), got \"%s\"", s);
	*ret_first = a;
	*ret_count = b - a + 1;
	return 0;
}

/* Splits off the host address, which may be [IPv6] or contain no colon. Returns what is behind it. */
static int port_address(char *s, const char *whole, char **ret_ip, char **ret_rest, struct error *err)
{
	char *colon;

	*ret_ip = NULL;
	*ret_rest = s;
	if (*s == '[') {
		char *end = strchr(s, ']');
		if (!end || end[1] != ':')
			return fail(err, ERROR_INVALID, "invalid port format \"%s\": \"[\" without \"]:\"", whole);
		*end = '\0';
		*ret_ip = s + 1;
		*ret_rest = end + 2;
		return 0;
	}
	colon = strchr(s, ':');
	if (!colon || !strchr(colon + 1, ':'))
		return 0;
	*colon = '\0';
	*ret_ip = s;
	*ret_rest = colon + 1;
	return 0;
}

static int parse_port(const char *value, struct list *ports, struct error *err)
{
	autofree char *copy = strdup(value);
	char *ip, *rest, *slash, *colon;
	struct param_port *p;
	int64_t host = 0, host_count = 0, container, count;

	if (!copy)
		return fail_oom(err);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (slash && !streq(slash, "tcp") && !streq(slash, "udp") && !streq(slash, "sctp"))
		return fail(err, ERROR_INVALID, "invalid protocol \"%s\" in \"%s\": must be tcp, udp or sctp", slash, value);
	TRY(port_address(copy, value, &ip, &rest, err));
	colon = strchr(rest, ':');
	if (colon)
		*colon++ = '\0';
	TRY(parse_range(colon ? colon : rest, value, &container, &count, err));
	if (colon && *rest)
		TRY(parse_range(rest, value, &host, &host_count, err));
	if (host_count && host_count != count)
		return fail(err, ERROR_INVALID, "host and container port ranges have different lengths: %lld vs %lld: %s",
			    (long long)host_count, (long long)count, value);
	p = list_add(ports, sizeof(*p), err);
	if (!p)
		return -1;
	*p = (struct param_port){ .host_port = host, .container_port = container, .range = count };
	TRY(str_set(&p->host_ip, ip ? ip : "", err));
	return str_set(&p->protocol, slash ? slash : "tcp", err);
}

int param_port_parse(const char *value, struct list *ports, struct error *err)
{
	auto_strv words = {};

	TRY(csv_split(&words, value, err));
	for (size_t i = 0; i < words.n; i++)
		TRY(parse_port(words.v[i], ports, err));
	return 0;
}

/* An empty word is nothing, as in Podman: scripts write -p "$PORTS". */
static int store_port(const struct field *f, void *at, const char *value, struct error *err)
{
	(void)f;
	return !*value ? 0 : param_port_parse(value, at, err);
}
const struct field_custom param_port_custom = { .parse = store_port };

/* ---- NAME[,type=mount|env][,target=T][,uid=U][,gid=G][,mode=M] ---- */
static int secret_option(struct param_secret *s, const char *word, struct error *err)
{
	const char *v;
	uint32_t mode;

	if ((v = str_after(word, "source=")))
		return str_set(&s->name, v, err);
	if ((v = str_after(word, "target=")))
		return str_set(&s->target, v, err);
	if ((v = str_after(word, "type="))) {
		s->env = streq(v, "env");
		if (!s->env && !streq(v, "mount"))
			return fail(err, ERROR_INVALID, "type=%s is invalid: must be mount or env", v);
		return 0;
	}
	if ((v = str_after(word, "uid=")) && parse_i64(v, &s->uid))
		return 0;
	if ((v = str_after(word, "gid=")) && parse_i64(v, &s->gid))
		return 0;
	if ((v = str_after(word, "mode=")) && parse_mode(v, &mode)) {
		s->mode = mode;
		return str_set(&s->mode_text, v, err);
	}
	return fail(err, ERROR_INVALID, "option %s is invalid", word);
}

static int store_secret(const struct field *f, void *at, const char *value, struct error *err)
{
	auto_strv words = {};
	struct param_secret *s;

	(void)f;
	TRY(csv_split(&words, value, err));
	s = list_add(at, sizeof(*s), err);
	if (!s)
		return -1;
	s->mode = 0444;
	for (size_t i = 0; i < words.n; i++) {
		if (i == 0 && !strchr(words.v[i], '='))
			TRY(str_set(&s->name, words.v[i], err));
		else
			TRY(secret_option(s, words.v[i], err));
	}
	if (s->env && (s->uid || s->gid || s->mode_text))
		return fail(err, ERROR_INVALID, "UID, GID, Mode options cannot be set with secret type env: invalid argument");
	return str_empty(s->name) ? fail(err, ERROR_INVALID, "no source found %s: invalid argument", value) : 0;
}
const struct field_custom param_secret_custom = { .parse = store_secret };

/* ---- sizes, seconds ---- */
static int store_memory(const struct field *f, void *at, const char *value, struct error *err)
{
	struct opt_int *o = at;

	(void)f;
	if (streq(value, "-1"))
		o->value = -1;
	else if (size_parse(value, &o->value, err) < 0)
		return -1;
	o->set = true;
	return 0;
}
const struct field_custom param_memory_custom = { .parse = store_memory };

static int store_duration(const struct field *f, void *at, const char *value, struct error *err)
{
	struct opt_int *o = at;

	TRY(duration_parse(value, &o->value, err));
	if (o->value < 0)
		return fail(err, ERROR_INVALID, "%s must be 0s or greater", f->cli);
	o->set = true;
	return 0;
}
const struct field_custom param_seconds_custom = { .parse = store_duration };

static int store_switchable(const struct field *f, void *at, const char *value, struct error *err)
{
	if (!streq(value, "disable") && !streq(value, "0"))
		return store_duration(f, at, value, err);
	*(struct opt_int *)at = (struct opt_int){ .set = true };
	return 0;
}
const struct field_custom param_startup_interval_custom = { .parse = store_switchable };

static int store_interval(const struct field *f, void *at, const char *value, struct error *err)
{
	struct params_health *h = at;

	h->interval_off = streq(value, "disable") || streq(value, "0");
	return store_switchable(f, &h->interval, value, err);
}
const struct field_custom param_interval_custom = { .parse = store_interval };

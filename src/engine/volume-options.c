/* SPDX-License-Identifier: Apache-2.0
 * engine/volume-options.c - what `volume create --opt` may say to the local driver: one row per word. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/units.h"
#include "engine/volume.h"

static int take_id(const char *what, const char *value, int64_t *ret, struct volume *v, struct error *err)
{
	uint32_t id;

	if (!value)
		return fail(err, ERROR_INVALID, "%s option must provide a %s: invalid argument", what, what);
	if (!parse_u32(value, &id))
		return fail(err, ERROR_INVALID, "cannot convert %s %s to integer: invalid argument", what, value);
	*ret = id;
	v->needs_chown = false;
	return 0;
}

static int word_uid(struct volume *v, const char *value, struct error *err)
{
	TRY(take_id("uid", value, &v->uid, v, err));
	return strmap_set(&v->options, "UID", value, err);
}

static int word_gid(struct volume *v, const char *value, struct error *err)
{
	TRY(take_id("gid", value, &v->gid, v, err));
	return strmap_set(&v->options, "GID", value, err);
}

static int word_size(struct volume *v, const char *value, struct error *err)
{
	int64_t bytes;

	if (!value || size_parse(value, &bytes, err) < 0)
		return fail(err, ERROR_INVALID, "cannot convert size %s to integer: invalid size", value ? value : "");
	return strmap_set(&v->options, "SIZE", value, err);
}

static int word_inodes(struct volume *v, const char *value, struct error *err)
{
	uint64_t n;

	if (!value || !parse_u64(value, &n))
		return fail(err, ERROR_INVALID, "cannot convert inodes %s to integer: invalid argument", value ? value : "");
	return strmap_set(&v->options, "INODES", value, err);
}

static int word_noquota(struct volume *v, const char *value, struct error *err)
{
	(void)value;
	return strmap_set(&v->options, "NOQUOTA", "true", err);
}

static int word_timeout(struct volume *v, const char *value, struct error *err)
{
	uint32_t n;

	(void)v;
	return value && parse_u32(value, &n) ? 0 : fail(err, ERROR_INVALID, "timeout option must provide a valid timeout in seconds: "
							 "invalid argument");
}

static const struct {
	const char *word;
	int (*take)(struct volume *v, const char *value, struct error *err);
} words[] = {
	{ "uid", word_uid }, { "gid", word_gid }, { "size", word_size }, { "inodes", word_inodes }, { "noquota", word_noquota },
	{ "timeout", word_timeout },
};

static int take_word(struct volume *v, char *word, struct error *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i].word, word) == 0)
			return words[i].take(v, value, err);
	return 0;   /* mount(8) judges it */
}

static int check_keys(const struct volume *v, struct error *err)
{
	static const char *const known[] = { "device", "o", "type", "UID", "GID", "SIZE", "INODES", "NOQUOTA", "copy", "nocopy" };

	for (size_t i = 0; i < v->options.n; i++) {
		bool ok = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			ok |= streq(known[k], v->options.v[i].key);
		if (!ok)
			return fail(err, ERROR_INVALID, "invalid mount option %s for driver 'local': invalid argument", v->options.v[i].key);
	}
	return 0;
}

/* A tmpfs limits itself; the rest wants project quotas of the file system. */
int volume_options_quota(const struct volume *v, struct quota *ret, struct error *err)
{
	const char *size = strmap_get(&v->options, "SIZE"), *inodes = strmap_get(&v->options, "INODES");
	struct quota q = {};
	int64_t bytes = 0;

	if (streq0(strmap_get(&v->options, "type"), "tmpfs") || strmap_get(&v->options, "NOQUOTA"))
		return 0;
	if (size)
		TRY(size_parse(size, &bytes, err));
	if (inodes && !parse_u64(inodes, &q.inodes))
		return fail(err, ERROR_INVALID, "cannot convert inodes %s to integer: invalid argument", inodes);
	q.bytes = (uint64_t)bytes;
	*ret = q;
	return quota_limits(&q);
}

int volume_options_check(struct volume *v, struct error *err)
{
	const char *o = strmap_get(&v->options, "o"), *device = strmap_get(&v->options, "device");
	auto_strv list = {};

	TRY(check_keys(v, err));
	if (streq0(strmap_get(&v->options, "type"), "bind") && device && access(device, F_OK) < 0)
		return fail(err, ERROR_INVALID, "invalid volume option device for driver 'local': faccessat %s: %s", device,
			    errno == ENOENT ? "no such file or directory" : strerror(errno));
	if (!str_empty(o))
		TRY(strv_split(&list, o, ',', err));
	for (size_t i = 0; i < list.n; i++)
		TRY(take_word(v, list.v[i], err));
	return 0;
}

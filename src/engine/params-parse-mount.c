/* SPDX-License-Identifier: Apache-2.0
 * -v, --mount and --tmpfs. What an option means to the kernel is decided by spec-mounts.c; here it is only checked
 * that it is one and that it fits the type. */
#include <stdlib.h>

#include "base/argv.h"
#include "engine/params-parse.h"
#include "os/path.h"

void param_mount_done(struct param_mount *m)
{
	free(m->type);
	free(m->source);
	free(m->destination);
	free(m->subpath);
	strv_done(&m->options);
	free(m->origin);
	*m = (struct param_mount){};
}
#define auto_mount CLEANUP(param_mount_done) struct param_mount

static bool is_same(const struct param_mount *a, const struct param_mount *b)
{
	bool same = streq0(a->type, b->type) && streq0(a->source, b->source) && streq0(a->subpath, b->subpath) &&
		    a->options.n == b->options.n;

	for (size_t i = 0; same && i < a->options.n; i++)
		same = streq(a->options.v[i], b->options.v[i]);
	return same;
}

/* Two mounts on one place make no sense, whatever option they came from; the same one twice is one. */
static int append(struct list *mounts, struct param_mount *m, struct error *err)
{
	const struct param_mount *have = mounts->v;
	struct param_mount *to;

	for (size_t i = 0; i < mounts->n; i++)
		if (streq0(have[i].destination, m->destination) && is_same(&have[i], m)) {
			param_mount_done(m);
			return 0;
		} else if (streq0(have[i].destination, m->destination)) {
			return fail(err, ERROR_INVALID, "%s: duplicate mount destination", m->destination);
		}
	to = list_add(mounts, sizeof(*to), err);
	if (!to)
		return -1;
	*to = *m;
	*m = (struct param_mount){};
	return 0;
}

static int set_destination(struct param_mount *m, const char *path, struct error *err)
{
	if (str_empty(path))
		return fail(err, ERROR_INVALID, "container directory cannot be empty");
	if (*path != '/')
		return fail(err, ERROR_INVALID, "invalid container path \"%s\", must be an absolute path", path);
	free(m->destination);
	m->destination = path_clean(path);
	if (!m->destination)
		return fail_oom(err);
	if (streq(m->destination, "/"))
		return fail(err, ERROR_INVALID, "container path \"%s\" cannot be the root of the container", path);
	return 0;
}

/* ---- options both forms know ---- */
enum option_group { GROUP_NONE, GROUP_RW, GROUP_LABEL, GROUP_CHOWN, GROUP_EXEC, GROUP_SUID, GROUP_DEV, GROUP_BIND,
	GROUP_PROPAGATION, GROUP_OVERLAY, GROUP_COPY, GROUP_IDMAP };
static const struct {
	const char *name;
	enum option_group group;   /* at most one of a group */
} plain_options[] = {
	{ "ro", GROUP_RW }, { "rw", GROUP_RW }, { "O", GROUP_OVERLAY }, { "z", GROUP_LABEL }, { "Z", GROUP_LABEL },
	{ "U", GROUP_CHOWN }, { "exec", GROUP_EXEC }, { "noexec", GROUP_EXEC }, { "suid", GROUP_SUID },
	{ "nosuid", GROUP_SUID }, { "dev", GROUP_DEV }, { "nodev", GROUP_DEV }, { "bind", GROUP_BIND },
	{ "rbind", GROUP_BIND }, { "private", GROUP_PROPAGATION }, { "rprivate", GROUP_PROPAGATION },
	{ "slave", GROUP_PROPAGATION }, { "rslave", GROUP_PROPAGATION }, { "shared", GROUP_PROPAGATION },
	{ "rshared", GROUP_PROPAGATION }, { "unbindable", GROUP_PROPAGATION }, { "runbindable", GROUP_PROPAGATION },
	{ "copy", GROUP_COPY }, { "nocopy", GROUP_COPY }, { "idmap", GROUP_IDMAP }, { "no-dereference", GROUP_NONE },
	{ "cached", GROUP_NONE }, { "delegated", GROUP_NONE }, { "consistent", GROUP_NONE }, { "ro", GROUP_RW },
};

static int option_group(const char *option)
{
	for (size_t i = 0; i < ARRAY_LEN(plain_options); i++)
		if (streq(option, plain_options[i].name))
			return (int)plain_options[i].group;
	return -1;
}

static bool option_takes_value(const char *o)
{
	return str_after(o, "upperdir=") || str_after(o, "workdir=") || str_after(o, "idmap=") || str_after(o, "subpath=");
}

static int add_volume_option(struct param_mount *m, const char *o, unsigned *seen, struct error *err)
{
	int group = option_group(o);

	if (group < 0 && !option_takes_value(o))
		return fail(err, ERROR_INVALID, "invalid mount option \"%s\"", o);
	if (group > GROUP_NONE && (*seen & (1u << group)))
		return fail(err, ERROR_INVALID, "invalid mount option \"%s\": excludes another option of the same mount", o);
	if (group > GROUP_NONE)
		*seen |= 1u << group;
	const char *sub = str_after(o, "subpath=");
	if (sub)
		return str_set(&m->subpath, sub, err);
	return strv_add(&m->options, o, err);
}

/* ---- -v ---- */
static bool is_host_path(const char *s)
{
	return *s == '/' || *s == '.';
}

static bool volume_name_ok(const char *s)
{
	if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9')))
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_' ||
		      *s == '.' || *s == '-'))
			return false;
	return true;
}

static int set_source(struct param_mount *m, const char *source, struct error *err)
{
	if (str_empty(source))
		return fail(err, ERROR_INVALID, "host directory cannot be empty");
	if (is_host_path(source)) {
		autofree char *absolute = realpath(source, NULL);
		TRY(str_set(&m->type, "bind", err));
		if (absolute)
			return str_set(&m->source, absolute, err);
		if (*source == '/') {
			m->source = path_clean(source);
			return m->source ? 0 : fail_oom(err);
		}
		return fail_errno(err, "%s", source);
	}
	if (!volume_name_ok(source))
		return fail(err, ERROR_INVALID,
			    "invalid volume name \"%s\": names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument", source);
	TRY(str_set(&m->type, "volume", err));
	return str_set(&m->source, source, err);
}

int param_volume_parse(const char *value, struct list *mounts, struct error *err)
{
	auto_strv parts = {};
	auto_mount m = {};
	unsigned seen = 0;

	TRY(strv_split(&parts, value, ':', err));
	if (parts.n > 3)
		return fail(err, ERROR_INVALID, "incorrect volume format \"%s\": should be [host-dir:]ctr-dir[:option]", value);
	if (parts.n == 1) {
		TRY(str_set(&m.type, "volume", err));
		TRY(set_destination(&m, parts.v[0], err));
		return append(mounts, &m, err);
	}
	TRY(set_source(&m, parts.v[0], err));
	TRY(set_destination(&m, parts.v[1], err));
	if (parts.n == 3) {
		auto_strv options = {};
		TRY(strv_split(&options, parts.v[2], ',', err));
		for (size_t i = 0; i < options.n; i++)
			TRY(add_volume_option(&m, options.v[i], &seen, err));
	}
	if (strv_has(&m.options, "O"))
		TRY(str_set(&m.type, "overlay", err));
	return append(mounts, &m, err);
}

/* ---- --mount ---- */
enum mount_key { KEY_SOURCE, KEY_DESTINATION, KEY_READONLY, KEY_FLAG, KEY_VALUE, KEY_SUBPATH, KEY_PROPAGATION,
	KEY_RELABEL, KEY_CHOWN, KEY_TMPFS_SIZE, KEY_TMPFS_MODE, KEY_IGNORED, KEY_NO_COPY, KEY_READWRITE, KEY_NON_RECURSIVE };

#define BIND 1u
#define VOLUME 2u
#define TMPFS 4u
#define IMAGE 8u
#define DEVPTS 16u
#define GLOB 32u
#define ARTIFACT 64u
static const struct {
	const char *name;
	unsigned bit;
} mount_types[] = {
	{ "bind", BIND }, { "volume", VOLUME }, { "tmpfs", TMPFS }, { "ramfs", TMPFS }, { "image", IMAGE },
	{ "devpts", DEVPTS }, { "glob", GLOB }, { "artifact", ARTIFACT },
};

static const struct {
	const char *name;
	enum mount_key key;
	unsigned types;
} mount_keys[] = {
	{ "source", KEY_SOURCE, BIND | VOLUME | IMAGE | GLOB | ARTIFACT },
	{ "src", KEY_SOURCE, BIND | VOLUME | IMAGE | GLOB | ARTIFACT },
	{ "digest", KEY_VALUE, ARTIFACT }, { "title", KEY_VALUE, ARTIFACT }, { "name", KEY_VALUE, ARTIFACT },
	{ "destination", KEY_DESTINATION, ~0u }, { "dst", KEY_DESTINATION, ~0u }, { "target", KEY_DESTINATION, ~0u },
	{ "ro", KEY_READONLY, ~0u }, { "readonly", KEY_READONLY, ~0u }, { "rw", KEY_READWRITE, ~0u },
	{ "readwrite", KEY_READWRITE, IMAGE },
	{ "exec", KEY_FLAG, ~0u }, { "noexec", KEY_FLAG, ~0u }, { "suid", KEY_FLAG, ~0u }, { "nosuid", KEY_FLAG, ~0u },
	{ "dev", KEY_FLAG, ~0u }, { "nodev", KEY_FLAG, ~0u }, { "private", KEY_FLAG, BIND | GLOB },
	{ "rprivate", KEY_FLAG, BIND | GLOB }, { "slave", KEY_FLAG, BIND | GLOB }, { "rslave", KEY_FLAG, BIND | GLOB },
	{ "shared", KEY_FLAG, BIND | GLOB }, { "rshared", KEY_FLAG, BIND | GLOB }, { "unbindable", KEY_FLAG, BIND | GLOB },
	{ "runbindable", KEY_FLAG, BIND | GLOB }, { "bind", KEY_FLAG, BIND | GLOB }, { "rbind", KEY_FLAG, BIND | GLOB },
	{ "no-dereference", KEY_FLAG, BIND | GLOB }, { "z", KEY_FLAG, BIND | VOLUME | GLOB }, { "Z", KEY_FLAG, BIND | VOLUME | GLOB },
	{ "bind-propagation", KEY_PROPAGATION, BIND | GLOB }, { "bind-nonrecursive", KEY_NON_RECURSIVE, BIND | GLOB },
	{ "relabel", KEY_RELABEL, BIND | VOLUME | GLOB }, { "consistency", KEY_IGNORED, BIND | VOLUME | TMPFS },
	{ "U", KEY_CHOWN, ~0u }, { "chown", KEY_CHOWN, ~0u },
	{ "idmap", KEY_VALUE, BIND | VOLUME | GLOB }, { "subpath", KEY_SUBPATH, VOLUME | IMAGE },
	{ "volume-subpath", KEY_SUBPATH, VOLUME }, { "image-subpath", KEY_SUBPATH, IMAGE },
	{ "volume-nocopy", KEY_NO_COPY, VOLUME }, { "nocopy", KEY_NO_COPY, VOLUME }, { "copy", KEY_FLAG, VOLUME },
	{ "tmpfs-size", KEY_TMPFS_SIZE, TMPFS }, { "tmpfs-mode", KEY_TMPFS_MODE, TMPFS }, { "tmpcopyup", KEY_FLAG, TMPFS },
	{ "notmpcopyup", KEY_FLAG, TMPFS }, { "noswap", KEY_FLAG, TMPFS }, { "size", KEY_VALUE, TMPFS }, { "mode", KEY_VALUE, TMPFS | DEVPTS },
	{ "uid", KEY_VALUE, DEVPTS | TMPFS }, { "gid", KEY_VALUE, DEVPTS | TMPFS }, { "max", KEY_VALUE, DEVPTS },
};

static int mount_flag(const char *key, const char *value, bool *ret, struct error *err)
{
	*ret = true;
	if (value && !parse_bool(value, ret))
		return fail(err, ERROR_INVALID, "%s: must be true or false, not \"%s\": invalid mount option", key, value);
	return 0;
}

static int add_boolean(struct param_mount *m, const char *key, const char *value, const char *on, const char *off,
		       struct error *err)
{
	bool yes;

	TRY(mount_flag(key, value, &yes, err));
	if (!yes && !off)
		return 0;
	return strv_add(&m->options, yes ? on : off, err);
}

static int relabel(struct param_mount *m, const char *value, struct error *err)
{
	if (streq0(value, "private"))
		return strv_add(&m->options, "Z", err);
	if (streq0(value, "shared"))
		return strv_add(&m->options, "z", err);
	return fail(err, ERROR_INVALID, "relabel: must be 'private' or 'shared': invalid mount option");
}

static int need_value(const char *key, const char *value, struct error *err)
{
	if (str_empty(value))
		return fail(err, ERROR_INVALID, "%s: must provide an argument for option: invalid mount option", key);
	return 0;
}

static int mount_option(struct param_mount *m, enum mount_key k, const char *key, const char *value, struct error *err)
{
	switch (k) {
	case KEY_SOURCE:
		TRY(need_value(key, value, err));
		return str_set(&m->source, value, err);
	case KEY_DESTINATION:
		TRY(need_value(key, value, err));
		return set_destination(m, value, err);
	case KEY_READONLY:
		return add_boolean(m, key, value, "ro", "rw", err);
	case KEY_READWRITE:
		return add_boolean(m, key, value, "rw", "ro", err);
	case KEY_FLAG:
		return add_boolean(m, key, value, key, NULL, err);
	case KEY_CHOWN:
		return add_boolean(m, key, value, "U", NULL, err);
	case KEY_NO_COPY:
		return add_boolean(m, key, value, "nocopy", "copy", err);
	case KEY_NON_RECURSIVE:
		return add_boolean(m, key, value, "bind", "rbind", err);
	case KEY_PROPAGATION:
		TRY(need_value(key, value, err));
		if (option_group(value) != GROUP_PROPAGATION)
			return fail(err, ERROR_INVALID, "%s: unknown propagation \"%s\": invalid mount option", key, value);
		return strv_add(&m->options, value, err);
	case KEY_RELABEL:
		return relabel(m, value, err);
	case KEY_SUBPATH:
		TRY(need_value(key, value, err));
		return str_set(&m->subpath, value, err);
	case KEY_TMPFS_SIZE:
	case KEY_TMPFS_MODE:
		TRY(need_value(key, value, err));
		return strv_addf(&m->options, err, "%s=%s", k == KEY_TMPFS_SIZE ? "size" : "mode", value);
	case KEY_VALUE:
		return value ? strv_addf(&m->options, err, "%s=%s", key, value) : strv_add(&m->options, key, err);
	case KEY_IGNORED:
		return 0;
	}
	return 0;
}

static int parse_pair(struct param_mount *m, unsigned type, char *pair, struct error *err)
{
	char *value = strchr(pair, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(mount_keys); i++) {
		if (!streq(pair, mount_keys[i].name))
			continue;
		if (!(mount_keys[i].types & type))
			return fail(err, ERROR_INVALID, "%s: option is not supported for %s mounts: invalid mount option",
				    pair, m->type);
		return mount_option(m, mount_keys[i].key, pair, value, err);
	}
	return fail(err, ERROR_INVALID, "%s: invalid mount option", pair);
}

static int mount_type(struct param_mount *m, struct strv *pairs, unsigned *ret, struct error *err)
{
	const char *name = "volume";

	for (size_t i = 0; i < pairs->n; i++)
		if (str_after(pairs->v[i], "type="))
			name = str_after(pairs->v[i], "type=");
	for (size_t i = 0; i < ARRAY_LEN(mount_types); i++)
		if (streq(name, mount_types[i].name)) {
			*ret = mount_types[i].bit;
			return str_set(&m->type, name, err);
		}
	return fail(err, ERROR_INVALID, "invalid filesystem type \"%s\"", name);
}

static int check_mount(struct param_mount *m, unsigned type, struct error *err)
{
	if ((type & (BIND | IMAGE | GLOB | ARTIFACT)) && !m->source)
		return fail(err, ERROR_INVALID, "must set source volume: %s mounts need source=", m->type);
	if (!m->destination && type == GLOB)
		return 0;
	if (!m->destination)
		return fail(err, ERROR_INVALID, "must set volume destination");
	if (type == BIND) {
		autofree char *absolute = realpath(m->source, NULL);
		if (!absolute && *m->source != '/')
			return fail_errno(err, "%s", m->source);
		if (absolute && !strv_has(&m->options, "no-dereference"))
			TRY(str_set(&m->source, absolute, err));
	}
	if (type == VOLUME && m->source && !volume_name_ok(m->source))
		return fail(err, ERROR_INVALID,
			    "invalid volume name \"%s\": names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument", m->source);
	return 0;
}

int param_mount_parse(const char *value, struct list *mounts, struct error *err)
{
	auto_strv pairs = {};
	auto_mount m = {};
	unsigned type;

	TRY(csv_split(&pairs, value, err));
	TRY(mount_type(&m, &pairs, &type, err));
	for (size_t i = 0; i < pairs.n; i++)
		if (!str_after(pairs.v[i], "type="))
			TRY(parse_pair(&m, type, pairs.v[i], err));
	TRY(check_mount(&m, type, err));
	return append(mounts, &m, err);
}

/* ---- --tmpfs ---- */
static bool tmpfs_option_ok(const char *o)
{
	static const char *const names[] = { "rw", "ro", "noswap", "tmpcopyup", "notmpcopyup", "exec", "noexec", "suid",
		"nosuid", "dev", "nodev", "rprivate", "private", "rshared", "shared", "rslave", "slave", "U", "sync", "async",
		"atime", "noatime", "relatime", "strictatime", "nodiratime", "huge", "mpol" };
	static const char *const valued[] = { "size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "huge=", "mpol=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(o, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(valued); i++)
		if (str_after(o, valued[i]))
			return true;
	return false;
}

int param_tmpfs_parse(const char *value, struct list *mounts, struct error *err)
{
	auto_strv parts = {};
	auto_mount m = {};

	TRY(strv_split(&parts, value, ':', err));
	if (parts.n > 2)
		return fail(err, ERROR_INVALID, "invalid tmpfs format \"%s\": should be ctr-dir[:option]", value);
	TRY(str_set(&m.type, "tmpfs", err));
	TRY(set_destination(&m, parts.v[0], err));
	if (parts.n == 2) {
		TRY(strv_split(&m.options, parts.v[1], ',', err));
		for (size_t i = 0; i < m.options.n; i++)
			if (!tmpfs_option_ok(m.options.v[i]))
				return fail(err, ERROR_INVALID, "unknown mount option \"%s\": invalid mount option", m.options.v[i]);
	}
	return append(mounts, &m, err);
}

/* ---- the rows' side ---- */
#define PARSE_INTO(name)                                                                                   \
	static int store_##name(const struct field *f, void *at, const char *value, struct error *err)     \
	{                                                                                                  \
		(void)f;                                                                                   \
		return param_##name##_parse(value, at, err);                                               \
	}                                                                                                  \
	const struct field_custom param_##name##_custom = { .parse = store_##name }
PARSE_INTO(volume);
PARSE_INTO(mount);
PARSE_INTO(tmpfs);

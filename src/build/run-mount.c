/* SPDX-License-Identifier: Apache-2.0
 * build/run-mount.c - RUN --mount=type=...: every option is a row that says which types take it (security-matrix I3). */
#include "base/argv.h"
#include "base/units.h"
#include "build/containerfile.h"

const char *const run_mount_types[] = { "bind", "cache", "tmpfs", "secret", "ssh", NULL };
const char *const run_mount_sharings[] = { "shared", "private", "locked", NULL };

#define M struct run_mount
#define BIND (1u << RUN_MOUNT_BIND)
#define CACHE (1u << RUN_MOUNT_CACHE)
#define TMPFS (1u << RUN_MOUNT_TMPFS)
#define SECRET (1u << RUN_MOUNT_SECRET)
#define SSH (1u << RUN_MOUNT_SSH)
#define FILES (SECRET | SSH)
#define TREES (BIND | CACHE | TMPFS)

typedef int set_fn(struct run_mount *m, const char *value, struct error *err);

static int set_mode(struct run_mount *m, const char *value, struct error *err)
{
	uint32_t mode;

	if (!parse_mode(value, &mode))
		return fail(err, ERROR_INVALID, "mode \"%s\" is not an octal number", value);
	m->mode = (struct opt_uint){ true, mode };
	return 0;
}

static int set_size(struct run_mount *m, const char *value, struct error *err)
{
	m->size.set = true;
	return size_parse(value, &m->size.value, err);
}

static int set_relabel(struct run_mount *m, const char *value, struct error *err)
{
	if (!streq(value, "shared") && !streq(value, "private"))
		return fail(err, ERROR_INVALID, "relabel \"%s\" is neither shared nor private", value);
	m->relabel = *value == 's' ? 'z' : 'Z';
	return 0;
}

/* Whatever is mounted inside a step stays inside: all steps' mounts are private, so these say nothing new. */
static int set_propagation(struct run_mount *m, const char *value, struct error *err)
{
	static const char *const fine[] = { "private", "rprivate", "slave", "rslave" };

	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		if (streq(value, fine[i]))
			return 0;
	return fail(err, ERROR_INVALID, "invalid mount option: bind-propagation \"%s\" is not possible in a build", value);
}

/* Which struct member: text; or a truth value, and what the bare word means. */
static const struct option {
	const char *name;          /* with '|' between spellings */
	unsigned types;
	uint8_t kind;
	bool inverted;
	uint32_t off;
	set_fn *set;
} options[] = {
#define TEXT(m) FIELD_STR, false, FIELD_OFF(M, m, char *), NULL
#define TRUTH(m) FIELD_BOOL, false, FIELD_OFF(M, m, bool), NULL
#define FALSEHOOD(m) FIELD_BOOL, true, FIELD_OFF(M, m, bool), NULL
#define NUMBER(m) FIELD_OPT_UINT, false, FIELD_OFF(M, m, struct opt_uint), NULL
#define ENUM(m) FIELD_ENUM, false, FIELD_OFF(M, m, int), NULL
#define CUSTOM(fn) FIELD_CUSTOM, false, 0, fn
	{ "target|dst|destination", TREES | FILES, TEXT(target) },
	{ "source|src", BIND | CACHE, TEXT(source) },
	{ "from", BIND | CACHE, TEXT(from) },
	{ "id", CACHE | SSH, TEXT(id) },
	{ "id|src|source", SECRET, TEXT(id) },   /* the last two are Docker's older spelling */
	{ "env", SECRET, TEXT(env) },
	{ "sharing", CACHE, ENUM(sharing) },
	{ "ro|readonly", BIND | CACHE | TMPFS, TRUTH(read_only) },
	{ "rw|readwrite", BIND | CACHE | TMPFS, FALSEHOOD(read_only) },
	{ "bind-nonrecursive", BIND, TRUTH(not_recursive) },
	{ "required", FILES, TRUTH(required) },
	{ "mode", CACHE | FILES | TMPFS, CUSTOM(set_mode) },
	{ "uid", CACHE | FILES, NUMBER(uid) },
	{ "gid", CACHE | FILES, NUMBER(gid) },
	{ "size|tmpfs-size", TMPFS, CUSTOM(set_size) },
	{ "tmpfs-mode", TMPFS, CUSTOM(set_mode) },
	{ "tmpcopyup", TMPFS, TRUTH(tmp_copy_up) },
	{ "notmpcopyup", TMPFS, FALSEHOOD(tmp_copy_up) },
	{ "nosuid", TREES, TRUTH(no_suid) },
	{ "nodev", TREES, TRUTH(no_dev) },
	{ "noexec", TREES, TRUTH(no_exec) },
	{ "bind-propagation", BIND | CACHE, CUSTOM(set_propagation) },
	{ "relabel", BIND | CACHE, CUSTOM(set_relabel) },
};

/* Options that are a word alone. */
static const struct {
	const char *name;
	unsigned types;
	uint32_t off;
	char value;
} words[] = {
	{ "z", BIND | CACHE, offsetof(M, relabel), 'z' },
	{ "Z", BIND | CACHE, offsetof(M, relabel), 'Z' },
	{ "U", CACHE | TMPFS, offsetof(M, chown_user), 1 },
	{ "private", BIND | CACHE, 0, 0 }, { "rprivate", BIND | CACHE, 0, 0 },
	{ "slave", BIND | CACHE, 0, 0 }, { "rslave", BIND | CACHE, 0, 0 },
	{ "bind", BIND | CACHE, 0, 0 }, { "rbind", BIND | CACHE, 0, 0 },
};

static bool has_spelling(const char *names, const char *s, size_t len)
{
	for (;; names++) {
		size_t n = strcspn(names, "|");
		if (n == len && strncmp(names, s, n) == 0)
			return true;
		names += n;
		if (!*names)
			return false;
	}
}

void run_mount_done(struct run_mount *m)
{
	free(m->target);
	free(m->source);
	free(m->from);
	free(m->id);
	free(m->env);
	*m = (struct run_mount){};
}

static int find_choice(const char *const *choices, const char *value)
{
	for (int i = 0; choices[i]; i++)
		if (streq(choices[i], value))
			return i;
	return -1;
}

static int set_truth(const struct option *o, bool *at, const char *value, struct error *err)
{
	bool b = true;

	if (value && !parse_bool(value, &b))
		return fail(err, ERROR_INVALID, "%s: invalid boolean \"%s\"", o->name, value);
	*at = b != o->inverted;
	return 0;
}

static int set_option(const struct option *o, struct run_mount *m, const char *value, struct error *err)
{
	void *at = (char *)m + o->off;

	if (o->kind == FIELD_BOOL)
		return set_truth(o, at, value, err);
	if (str_empty(value))
		return fail(err, ERROR_INVALID, value ? "\"%s\" points to an empty value" : "\"%s\" needs a value", o->name);
	if (o->kind == FIELD_CUSTOM)
		return o->set(m, value, err);
	if (o->kind == FIELD_STR)
		return str_set(at, value, err);
	if (o->kind == FIELD_ENUM) {
		*(int *)at = find_choice(run_mount_sharings, value);
		return *(int *)at >= 0 ? 0 : fail(err, ERROR_INVALID, "unsupported sharing value \"%s\"", value);
	}
	struct opt_uint *number = at;
	uint32_t n;
	number->set = parse_u32(value, &n);
	number->value = n;
	return number->set ? 0 : fail(err, ERROR_INVALID, "%s \"%s\" is not a number", o->name, value);
}

static int set_word(struct run_mount *m, const char *name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!streq(words[i].name, name) || !(words[i].types & 1u << m->type))
			continue;
		if (words[i].value)
			((char *)m)[words[i].off] = words[i].value;
		return 0;
	}
	return fail(err, ERROR_INVALID, "unexpected key '%s' for mount type '%s'", name, run_mount_types[m->type]);
}

static int take_option(struct run_mount *m, const char *pair, uint64_t *seen, struct error *err)
{
	size_t len = strcspn(pair, "=");
	const char *value = pair[len] ? pair + len + 1 : NULL;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];
		if (!has_spelling(o->name, pair, len) || !(o->types & 1u << m->type))
			continue;
		if (*seen & UINT64_C(1) << i)
			return fail(err, ERROR_INVALID, "option \"%.*s\" given twice", (int)len, pair);
		*seen |= UINT64_C(1) << i;
		return set_option(o, m, value, err);
	}
	return set_word(m, pair, err);
}

/* The type comes first, wherever it stands; without one it is a bind mount. */
static int take_type(struct run_mount *m, const struct strv *pairs, struct error *err)
{
	bool seen = false;

	m->type = RUN_MOUNT_BIND;
	for (size_t i = 0; i < pairs->n; i++) {
		const char *type = str_after(pairs->v[i], "type=");
		if (!type)
			continue;
		if (seen)
			return fail(err, ERROR_INVALID, "option \"type\" given twice");
		seen = true;
		m->type = find_choice(run_mount_types, type);
		if (m->type < 0)
			return fail(err, ERROR_INVALID, "unsupported mount type \"%s\"", type);
	}
	m->read_only = m->type == RUN_MOUNT_BIND;
	return 0;
}

static int check(const struct run_mount *m, struct error *err)
{
	bool needs_target = m->type != RUN_MOUNT_SECRET && m->type != RUN_MOUNT_SSH;

	if (needs_target && !m->target)
		return fail(err, ERROR_INVALID, "no target specified");
	if (m->type == RUN_MOUNT_SECRET && !m->id && !m->target)
		return fail(err, ERROR_INVALID, "a secret mount needs id= or target=");
	if (m->size.set && m->size.value < 0)
		return fail(err, ERROR_INVALID, "size is negative");
	return 0;
}

static int parse(const char *text, struct run_mount *m, struct error *err)
{
	auto_strv pairs = {};
	uint64_t seen = 0;

	TRY(csv_split(&pairs, text, err));
	TRY(take_type(m, &pairs, err));
	for (size_t i = 0; i < pairs.n; i++)
		if (!str_after(pairs.v[i], "type="))
			TRY(take_option(m, pairs.v[i], &seen, err));
	return check(m, err);
}

int run_mount_parse(const char *text, struct run_mount *ret, struct error *err)
{
	auto_run_mount m = {};

	if (parse(text, &m, err) < 0)
		return fail_wrap(err, "--mount=%.200s", text);
	*ret = m;
	m = (struct run_mount){};
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-flags.c - the "--flags" of instructions: one row each, with the instructions that take it. */
#include "base/argv.h"
#include "build/containerfile-internal.h"

#define F struct instruction_flags
#define ON(k) (1u << INSTRUCTION_##k)

static const struct field rows[] = {
	{ .cli = "platform", F_STR(F, platform) },
	{ .cli = "after", F_STR(F, after) },
	{ .cli = "from", F_STR(F, from) },
	{ .cli = "chown", F_STR(F, chown) },
	{ .cli = "chmod", F_STR(F, chmod) },
	{ .cli = "checksum", F_STR(F, checksum) },
	{ .cli = "link", F_BOOL(F, link) },
	{ .cli = "parents", F_BOOL(F, parents) },
	{ .cli = "keep-git-dir", F_BOOL(F, keep_git_dir) },
	{ .cli = "unpack", F_OPT_BOOL(F, unpack) },
	{ .cli = "exclude", F_STRV(F, excludes) },
	{ .cli = "mount", F_STRV(F, mounts) },
	{ .cli = "device", F_STRV(F, devices) },
	{ .cli = "network", F_STR(F, network) },
	{ .cli = "security", F_STR(F, security) },
	{ .cli = "interval", F_DURATION(F, interval) },
	{ .cli = "timeout", F_DURATION(F, timeout) },
	{ .cli = "start-period", F_DURATION(F, start_period) },
	{ .cli = "start-interval", F_DURATION(F, start_interval) },
	{ .cli = "retries", F_INT(F, retries) },
	{}
};

static const struct {
	const char *name;
	uint32_t kinds;
} takers[] = {
	{ "platform", ON(FROM) }, { "after", ON(FROM) }, { "from", ON(COPY) | ON(ADD) }, { "chown", ON(COPY) | ON(ADD) },
	{ "chmod", ON(COPY) | ON(ADD) }, { "checksum", ON(ADD) }, { "link", ON(COPY) | ON(ADD) },
	{ "parents", ON(COPY) | ON(ADD) }, { "keep-git-dir", ON(ADD) }, { "unpack", ON(ADD) },
	{ "exclude", ON(COPY) | ON(ADD) }, { "mount", ON(RUN) }, { "device", ON(RUN) }, { "network", ON(RUN) },
	{ "security", ON(RUN) }, { "interval", ON(HEALTHCHECK) }, { "timeout", ON(HEALTHCHECK) },
	{ "start-period", ON(HEALTHCHECK) }, { "start-interval", ON(HEALTHCHECK) }, { "retries", ON(HEALTHCHECK) },
};
static_assert(ARRAY_LEN(takers) == ARRAY_LEN(rows) - 1, "one taker a row");

/* The row of the flag, if this instruction takes it. */
static const struct field *find(enum instruction_kind k, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(takers); i++)
		if (strlen(takers[i].name) == len && strncmp(takers[i].name, name, len) == 0)
			return takers[i].kinds & 1u << k ? &rows[i] : NULL;
	return NULL;
}

static bool is_list(const struct field *f)
{
	return f->type == FIELD_STRV;
}

/* COPY and ADD: in Buildah's words, too. */
static const char *only_supports(enum instruction_kind k)
{
	return k == INSTRUCTION_COPY ? " (COPY only supports the --chmod=<permissions> --chown=<uid:gid> --from=<image|stage> and the "
				       "--exclude=<pattern> flags, and others with a =)" :
	       k == INSTRUCTION_ADD ? " (ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum> "
				      "--exclude=<pattern> flags, and others with a =)" : "";
}

static int store(enum instruction_kind k, const struct field *f, const char *value, struct instruction_flags *ret, struct error *err)
{
	bool logical = f->type == FIELD_BOOL || f->type == FIELD_OPT_BOOL;

	if (!value && !logical)
		return fail(err, ERROR_INVALID, "missing a value on flag: %s%s", f->cli, only_supports(k));
	if (argv_store(f, ret, value ? value : "true", false, err) < 0)
		return fail_wrap(err, "--%s", f->cli);
	return 0;
}

int flags_parse(enum instruction_kind k, const struct strv *words, struct instruction_flags *ret, struct error *err)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < words->n; i++) {
		const char *name = words->v[i] + 2, *eq = strchr(name, '=');
		size_t len = eq ? (size_t)(eq - name) : strlen(name);
		const struct field *f = find(k, name, len);
		if (!f)
			return fail(err, ERROR_INVALID, "unknown flag: --%.*s", (int)len, name);
		if (seen & UINT64_C(1) << (f - rows) && !is_list(f))
			return fail(err, ERROR_INVALID, "duplicate flag specified: %s", f->cli);
		seen |= UINT64_C(1) << (f - rows);
		TRY(store(k, f, eq ? eq + 1 : NULL, ret, err));
	}
	return 0;
}

void flags_done(struct instruction_flags *f)
{
	fields_done(rows, f);
}

int flags_each_text(struct instruction_flags *f, flag_text_fn *fn, void *data, struct error *err)
{
	EACH_FIELD(row, rows) {
		void *at = (char *)f + row->off;
		if (row->type == FIELD_STR && *(char **)at)
			TRY(fn(at, data, err));
		struct strv *list = is_list(row) ? at : NULL;
		for (size_t i = 0; list && i < list->n; i++)
			TRY(fn(&list->v[i], data, err));
	}
	return 0;
}

int flags_copy(const struct instruction_flags *from, struct instruction_flags *to, struct error *err)
{
	*to = *from;   /* numbers and truth values; texts are replaced by copies below */
	EACH_FIELD(row, rows)
		if (row->type == FIELD_STR)
			*(char **)((char *)to + row->off) = NULL;
		else if (is_list(row))
			*(struct strv *)((char *)to + row->off) = (struct strv){};
	EACH_FIELD(row, rows) {
		const void *at = (const char *)from + row->off;
		if (row->type == FIELD_STR && *(char *const *)at)
			TRY(str_set((char **)((char *)to + row->off), *(char *const *)at, err));
		else if (is_list(row))
			TRY(strv_copy((struct strv *)((char *)to + row->off), at, err));
	}
	return 0;
}

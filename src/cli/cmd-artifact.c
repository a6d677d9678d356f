/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-artifact.c - `artifact`: files kept and sent like images. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/format.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "engine/artifact.h"
#include "engine/image-sign.h"

/* ---- add ---- */
struct add_params {
	struct artifact_add add;
	struct strv annotations;
};
#define A struct add_params
static const struct field add_rows[] = {
	{ .cli = "annotation", F_STRV(A, annotations), .arg = "annotation=value", .help = "Annotate the files (repeatable)" },
	{ .cli = "append", .abbr = 'a', F_BOOL(A, add.append), .help = "Add files to an artifact that is there" },
	{ .cli = "file-type", F_STR(A, add.file_type), .help = "Media type of the files" },
	{ .cli = "replace", F_BOOL(A, add.replace), .help = "Take the place of an artifact of that name" },
	{ .cli = "type", F_STR(A, add.type), .help = "Type of the artifact" },
	{}
};

static void add_done(void *params)
{
	strmap_done(&((struct add_params *)params)->add.annotations);
}

static int run_add(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct add_params *p = params;
	struct strv files = { args->v + 1, args->n - 1 };
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	for (size_t i = 0; i < p->annotations.n; i++) {
		if (!strchr(p->annotations.v[i], '='))
			return fail(err, ERROR_INVALID, "annotations must be formatted KEY=VALUE: \"%s\"", p->annotations.v[i]);
		TRY(strmap_add_pair(&p->add.annotations, p->annotations.v[i], err));
	}
	if (p->add.append && p->add.replace)
		return fail(err, ERROR_INVALID, "--append and --replace options cannot be used together");
	TRY(cli_engine(cli, &e, err));
	TRY(artifact_add(e, args->v[0], &files, &p->add, digest, err));
	printf("%s\n", digest_hex(digest));
	return 0;
}

const struct command cmd_artifact_add = {
	.summary = "Keep files as an artifact", .description = "Makes an artifact of files, or adds files to one.",
	.args = "ARTIFACT PATH [PATH...]", .min_args = 2, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { add_rows }, {} }, .params_size = sizeof(struct add_params), .done = add_done,
	.examples = "quay.io/team/model:1 weights.bin\n--append quay.io/team/model:1 README", .run = run_add,
	.flags = COMMAND_IN_USERNS,
};

/* ---- extract ---- */
struct extract_params { char *digest, *title; };
#define X struct extract_params
static const struct field extract_rows[] = {
	{ .cli = "digest", F_STR(X, digest), .arg = "digest", .help = "Only the file with this digest" },
	{ .cli = "title", F_STR(X, title), .arg = "title", .help = "Only the file with this title" },
	{}
};

static int run_extract(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct extract_params *p = params;
	struct artifact_choice c = { p->digest, p->title };
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	fflush(stdout);
	return artifact_extract(e, args->v[0], args->v[1], STDOUT_FILENO, &c, err);
}

const struct command cmd_artifact_extract = {
	.summary = "Write an artifact's files", .description = "Writes files of an artifact to a file, a directory or (-) as a tar stream.",
	.args = "ARTIFACT PATH", .min_args = 2, .max_args = 2, .groups = (const struct command_rows[]){ { extract_rows }, {} },
	.params_size = sizeof(struct extract_params), .examples = "quay.io/team/model:1 /tmp/\n--title README quay.io/team/model:1 r.txt",
	.run = run_extract, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect ---- */
struct inspect_params { char *format; };
static const struct field inspect_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct inspect_params, format), .arg = "format", .fallback = "json",
	  .help = "Show JSON, or what a Go template makes of it" }, {}
};

static int document_of(const struct artifact *a, struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add(o, "Manifest", json_object_get(a->manifest), err));
	TRY(json_add_str(o, "Name", a->name, err));
	TRY(json_add_str(o, "Digest", a->digest, err));
	*ret = take_ptr(o);
	return 0;
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	static const char *const maps[] = { "annotations", NULL };
	static const struct value_schema schema = { "libartifact.Artifact", maps, NULL };
	const struct inspect_params *p = params;
	auto_artifact a = {};
	auto_json *doc = NULL;
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(artifact_find(e, args->v[0], &a, err));
	TRY(document_of(&a, &doc, err));
	if (!p->format || format_is_json(p->format)) {
		json_format(&out, doc, 5);
		buf_add_char(&out, '\n');
		return text_print(&out, "artifact", err);
	}
	struct value v = value_document(&schema, doc), list = value_list(&v, 1);
	const struct format_request rq = { .name = "inspect", .format = p->format };
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "artifact", err);
}

/* For completion alone: what is shown is a document. */
static int member(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	(void)self, (void)c, (void)err;
	*ret = value_nil();
	return 0;
}
static const struct value_method inspect_members[] = { { "Digest", member }, { "Manifest", member }, { "Name", member }, {} };
static const struct value_type inspect_type = { .name = "libartifact.Artifact", .methods = inspect_members };

const struct command cmd_artifact_inspect = {
	.summary = "Show all about an artifact", .description = "Shows manifest, name and digest of an artifact.", .args = "ARTIFACT",
	.min_args = 1, .max_args = 1, .groups = (const struct command_rows[]){ { inspect_rows }, {} },
	.params_size = sizeof(struct inspect_params), .examples = "quay.io/team/model:1", .run = run_inspect,
	.format_type = &inspect_type,
	.flags = COMMAND_IN_USERNS,
};

/* ---- ls ---- */
struct ls_params {
	char *format;
	bool no_trunc, noheading;
};
#define L struct ls_params
static const struct field ls_rows[] = {
	{ .cli = "format", F_STR(L, format), .help = "Show JSON, or what a Go template makes of each artifact" },
	{ .cli = "no-trunc", F_BOOL(L, no_trunc), .help = "Do not shorten digests" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(L, noheading), .help = "Leave the headings out" },
	{}
};

struct ls_row {
	const struct artifact *a;
	bool no_trunc;
};

#define METHOD(name) static int row_##name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW                               \
	const struct ls_row *r = self;    \
	(void)c, (void)err

/* Where the tag's colon is, or the end. */
static size_t repository_len(const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');

	return colon ? (size_t)(colon - name) : strlen(name);
}

static int64_t created_of(const struct artifact *a)
{
	struct json_object *notes = json_get_object(a->manifest, "annotations");
	const char *text = notes ? json_get_str(notes, "org.opencontainers.image.created") : NULL;
	struct error ignored;
	int64_t ns;

	return text && time_parse(text, 0, &ns, &ignored) == 0 ? ns : 0;
}

METHOD(repository)
{
	ROW;
	*ret = value_str_n(r->a->name, repository_len(r->a->name));
	return 0;
}

METHOD(tag)
{
	ROW;
	const char *rest = r->a->name + repository_len(r->a->name);
	*ret = value_str(*rest ? rest + 1 : "");
	return 0;
}

METHOD(digest)
{
	ROW;
	const char *hex = digest_hex(r->a->digest);
	*ret = value_str_n(hex, r->no_trunc ? strlen(hex) : 12);
	return 0;
}

METHOD(size)
{
	ROW;
	char text[32];
	*ret = value_strf(c->pool, "%s", text_size(r->a->size, 4, "", text));
	return 0;
}

METHOD(virtual_size)
{
	ROW;
	*ret = value_strf(c->pool, "%lld", (long long)r->a->size);
	return 0;
}

METHOD(created)
{
	ROW;
	char ago[56];
	*ret = value_strf(c->pool, "%s", text_ago(created_of(r->a), ago));
	return 0;
}

METHOD(created_at)
{
	ROW;
	char at[40];
	*ret = value_strf(c->pool, "%s", text_utc(created_of(r->a) / NSEC_PER_SEC, at));
	return 0;
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct ls_row *r = self;
	auto_json *o = json_object_new_object();
	autofree char *repository = strndup(r->a->name, repository_len(r->a->name));
	const char *rest = r->a->name + (repository ? strlen(repository) : 0), *hex = digest_hex(r->a->digest);
	char size[32], virtual_size[24];

	if (!o || !repository)
		return fail_oom(err);
	snprintf(virtual_size, sizeof(virtual_size), "%lld", (long long)r->a->size);
	TRY(json_add(o, "Digest", json_object_new_string_len(hex, r->no_trunc ? (int)strlen(hex) : 12), err));
	TRY(json_add_str(o, "Repository", repository, err));
	TRY(json_add_str(o, "Size", text_size(r->a->size, 4, "", size), err));
	TRY(json_add_str(o, "Tag", *rest ? rest + 1 : "", err));
	TRY(json_add_str(o, "VirtualSize", virtual_size, err));
	*ret = take_ptr(o);
	return 0;
}

static const struct value_type row_type = {
	.name = "artifact.artifactListOutput", .json = row_json,
	.methods = (const struct value_method[]){ { "Repository", row_repository }, { "Tag", row_tag }, { "Digest", row_digest },
		{ "Size", row_size }, { "VirtualSize", row_virtual_size }, { "Created", row_created },
		{ "CreatedAt", row_created_at }, {} },
};

static int run_ls(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct ls_params *p = params;
	auto_artifacts all = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(artifact_list(e, &all, err));
	autofree struct ls_row *rows = calloc(all.n + 1, sizeof(*rows));
	size_t n = 0;
	if (!rows)
		return fail_oom(err);
	for (size_t i = 0; i < all.n; i++)
		if (ARTIFACT(&all, i)->name && digest_is_valid(ARTIFACT(&all, i)->digest))
			rows[n++] = (struct ls_row){ ARTIFACT(&all, i), p->no_trunc };
	struct value list = value_structs(&row_type, rows, n, sizeof(*rows));
	const struct format_request rq = {
		.name = "artifact ls", .format = p->format, .noheading = p->noheading, .type = &row_type,
		.fallback = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.Created}}\t{{.Size}}",
	};
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "artifact ls", err);
}

const struct command cmd_artifact_ls = {
	.summary = "List artifacts", .description = "Lists the artifacts kept here.",
	.groups = (const struct command_rows[]){ { ls_rows }, {} }, .params_size = sizeof(struct ls_params),
	.examples = "--format json", .run = run_ls, .format_type = &row_type, .flags = COMMAND_IN_USERNS,
};

/* ---- pull, push ---- */
struct pull_params {
	struct image_pull pull;
	bool quiet;
};
#define P struct pull_params
static const struct field pull_rows[] = {
	{ .cli = "decryption-key", F_STRV(P, pull.decryption_keys), .arg = "key[:passphrase]",
	  .help = "Key needed to decrypt the artifact (not supported)" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress" },
	{}
};

static int run_pull(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct pull_params *p = params;
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	if (p->pull.decryption_keys.n)
		return fail(err, ERROR_UNSUPPORTED, "--decryption-key: encrypted artifacts are not supported");
	p->pull.progress = cli_progress(p->quiet);
	TRY(cli_engine(cli, &e, err));
	TRY(artifact_pull(e, args->v[0], &p->pull, digest, err));
	printf("%s\n", digest_hex(digest));
	return 0;
}

const struct command cmd_artifact_pull = {
	.summary = "Fetch an artifact from a registry", .description = "Copies an artifact from a registry to this machine.",
	.args = "ARTIFACT", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ { pull_rows }, { image_remote_rows, offsetof(P, pull.remote) },
		{ image_pull_retry_rows, offsetof(P, pull.remote) }, {} },
	.params_size = sizeof(struct pull_params), .examples = "quay.io/team/model:1", .run = run_pull, .flags = COMMAND_IN_USERNS,
};

struct push_params {
	struct image_push push;
	struct image_signing signing;
	char *digestfile;
	bool quiet;
};
#define U struct push_params
static const struct field push_rows[] = {
	{ .cli = "digestfile", F_STR(U, digestfile), .arg = "Digestfile", .complete = "files",
	  .help = "Write the digest of what was sent to this file" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(U, quiet), .help = "Show no progress" },
	{}
};

static int run_push(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct push_params *p = params;
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	p->push.signing = image_signing_wanted(&p->signing) ? &p->signing : NULL;
	p->push.progress = cli_progress(p->quiet);
	TRY(cli_engine(cli, &e, err));
	TRY(artifact_push(e, args->v[0], args->n > 1 ? args->v[1] : NULL, &p->push, digest, err));
	if (p->digestfile) {
		autofclose FILE *f = fopen(p->digestfile, "we");
		if (!f || fputs(digest, f) < 0 || fflush(f) != 0)
			return fail_errno(err, "failed to write digest to file %s", p->digestfile);
	}
	printf("%s\n", digest_hex(digest));
	return 0;
}

const struct command cmd_artifact_push = {
	.summary = "Send an artifact to a registry", .description = "Copies an artifact of this machine to a registry.",
	.args = "ARTIFACT [DESTINATION]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { push_rows }, { image_remote_rows, offsetof(U, push.remote) },
		{ image_push_retry_rows, offsetof(U, push.remote) },
						{ image_signing_rows, offsetof(U, signing) }, {} },
	.params_size = sizeof(struct push_params), .examples = "quay.io/team/model:1", .run = run_push, .flags = COMMAND_IN_USERNS,
};

/* ---- rm ---- */
struct rm_params { bool all, ignore; };
static const struct field rm_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct rm_params, all), .help = "Remove all artifacts" },
	{ .cli = "ignore", .abbr = 'i', F_BOOL(struct rm_params, ignore), .help = "An artifact that is not here is no error" },
	{}
};

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rm_params *p = params;
	auto_strv digests = {};
	struct engine *e;

	if (p->all && args->n)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any artifact names or digests");
	if (!p->all && !args->n)
		return fail(err, ERROR_INVALID, "at least one artifact name or digest must be specified");
	TRY(cli_engine(cli, &e, err));
	TRY(artifact_remove(e, args, p->all, p->ignore, &digests, err));
	for (size_t i = 0; i < digests.n; i++)
		printf("%s\n", digest_is_valid(digests.v[i]) ? digest_hex(digests.v[i]) : digests.v[i]);
	return 0;
}

const struct command cmd_artifact_rm = {
	.summary = "Remove artifacts", .description = "Removes artifacts from this machine.", .args = "[ARTIFACT...]",
	.max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { rm_rows }, {} }, .params_size = sizeof(struct rm_params),
	.examples = "quay.io/team/model:1\n--all", .run = run_rm, .flags = COMMAND_IN_USERNS,
};

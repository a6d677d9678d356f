/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-manifest.c - `manifest`: lists of images for several platforms. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "engine/image-remove.h"
#include "engine/image-sign.h"
#include "engine/manifest-list.h"

/* --insecure is Docker's word for --tls-verify=false. */
static int finish_remote(struct cli *cli, bool insecure, struct image_remote *r, struct error *err)
{
	TRY(image_remote_check_authfile(r, err));
	if (!cli_given(cli, "insecure"))
		return 0;
	if (r->tls_verify.set)
		return fail(err, ERROR_INVALID, "--insecure may not be used with --tls-verify");
	r->tls_verify = (struct opt_bool){ true, !insecure };
	return 0;
}

/* "key=value" texts. */
static int parse_annotations(const struct strv *from, struct strmap *to, struct error *err)
{
	for (size_t i = 0; i < from->n; i++) {
		if (!strchr(from->v[i], '='))
			return fail(err, ERROR_INVALID, "no value given for annotation \"%s\"", from->v[i]);
		TRY(strmap_add_pair(to, from->v[i], err));
	}
	return 0;
}

/* ---- create ---- */
struct create_params {
	struct manifest_list_create create;
	struct manifest_list_add add;
	struct strv annotations;
	bool insecure;
};
#define C struct create_params
static const struct field create_rows[] = {
	{ .cli = "all", F_BOOL(C, add.all), .help = "Add every image of the lists that are added" },
	{ .cli = "amend", .abbr = 'a', F_BOOL(C, create.amend), .help = "Take a list of that name that is there already" },
	{ .cli = "annotation", F_STRV(C, annotations), .arg = "key=value", .help = "Annotate the list (repeatable)" },
	{ .cli = "insecure", F_BOOL(C, insecure), .flags = FIELD_HIDDEN, .help = "The same as --tls-verify=false" },
	{ .cli = "replace", F_BOOL(C, create.replace), .help = "Take the name away from what has it" },
	{ .cli = "tls-verify", F_OPT_BOOL(C, add.remote.tls_verify),
	  .help = "Insist on HTTPS and on valid certificates of registries" },
	{}
};

static void create_done(void *params)
{
	struct create_params *p = params;

	strmap_done(&p->create.annotations);
}

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct create_params *p = params;
	auto_strv digests = {};
	char id[65];
	struct engine *e;

	if (p->create.amend && p->create.replace)
		return fail(err, ERROR_INVALID, "--amend and --replace are mutually exclusive");
	TRY(finish_remote(cli, p->insecure, &p->add.remote, err));
	TRY(parse_annotations(&p->annotations, &p->create.annotations, err));
	TRY(cli_engine(cli, &e, err));
	TRY(manifest_list_create(e, args->v[0], &p->create, id, err));
	for (size_t i = 1; i < args->n; i++)
		TRY(manifest_list_add_image(e, id, args->v[i], &p->add, &digests, id, err));
	printf("%s\n", id);
	return 0;
}

const struct command cmd_manifest_create = {
	.summary = "Create a manifest list", .description = "Makes a list of images, empty or with first entries.",
	.args = "LIST [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { create_rows }, {} }, .params_size = sizeof(struct create_params),
	.done = create_done, .examples = "web:1\nweb:1 docker://quay.io/team/web-amd64:1", .run = run_create,
	.flags = COMMAND_IN_USERNS,
};

/* ---- add ---- */
struct add_params {
	struct manifest_list_add add;
	struct manifest_list_artifact artifact;
	struct manifest_list_annotate annotate;
	struct strv annotations;
	bool is_artifact, insecure;
};
#define A struct add_params
static const struct field add_rows[] = {
	{ .cli = "all", F_BOOL(A, add.all), .help = "Add every image of a list that is added" },
	{ .cli = "annotation", F_STRV(A, annotations), .arg = "annotation=value", .help = "Annotate the entry (repeatable)" },
	{ .cli = "arch", F_STR(A, annotate.arch), .arg = "architecture", .complete = "arch",
	  .help = "Say this architecture instead of the image's" },
	{ .cli = "artifact", F_BOOL(A, is_artifact), .help = "The words are files to add as one artifact" },
	{ .cli = "artifact-config", F_STR(A, artifact.config_file), .arg = "path", .complete = "files",
	  .help = "Configuration file of the artifact" },
	{ .cli = "artifact-config-type", F_STR(A, artifact.config_type), .arg = "type",
	  .help = "Media type of the artifact's configuration" },
	{ .cli = "artifact-exclude-titles", F_BOOL(A, artifact.exclude_titles), .help = "Do not note the files' names" },
	{ .cli = "artifact-layer-type", F_STR(A, artifact.layer_type), .arg = "type", .help = "Media type of the files" },
	{ .cli = "artifact-subject", F_STR(A, artifact.subject), .arg = "imageName", .help = "Image the artifact is about" },
	{ .cli = "artifact-type", F_STR(A, artifact.type), .arg = "type", .help = "Type of the artifact" },
	{ .cli = "authfile", F_STR(A, add.remote.authfile), .arg = "path", .complete = "files",
	  .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "cert-dir", F_STR(A, add.remote.cert_dir), .arg = "path", .complete = "files",
	  .help = "Directory with certificates of the registry and for it" },
	{ .cli = "creds", F_STR(A, add.remote.creds), .arg = "[username[:password]]",
	  .help = "Login for the registry (USER[:PASSWORD])" },
	{ .cli = "features", F_CSV(A, annotate.features), .arg = "feature", .help = "Features of the processor it wants" },
	{ .cli = "insecure", F_BOOL(A, insecure), .flags = FIELD_HIDDEN, .help = "The same as --tls-verify=false" },
	{ .cli = "os", F_STR(A, annotate.os), .arg = "OS", .help = "Say this operating system instead of the image's" },
	{ .cli = "os-version", F_STR(A, annotate.os_version), .arg = "version", .help = "Version of the operating system" },
	{ .cli = "tls-verify", F_OPT_BOOL(A, add.remote.tls_verify),
	  .help = "Insist on HTTPS and on valid certificates of registries" },
	{ .cli = "variant", F_STR(A, annotate.variant), .help = "Variant of the architecture" },
	{}
};

static void add_done(void *params)
{
	strmap_done(&((struct add_params *)params)->annotate.annotations);
}

static int check_artifact_options(struct cli *cli, struct error *err)
{
	static const char *const options[] = { "artifact-type", "artifact-config", "artifact-config-type", "artifact-layer-type",
					       "artifact-subject", "artifact-exclude-titles" };
	auto_buf given = BUF_INIT(512);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (cli_given(cli, options[i]))
			buf_addf(&given, "%s--%s", n++ ? "/" : "", options[i]);
	return n ? fail(err, ERROR_INVALID, "%s require%s --artifact", given.data, n == 1 ? "s" : "") : 0;
}

static bool says_something(const struct manifest_list_annotate *a)
{
	return a->arch || a->os || a->os_version || a->variant || a->features.n || a->annotations.n;
}

static int add_all(struct engine *e, struct add_params *p, const struct strv *args, struct strv *digests, char id[65],
		   struct error *err)
{
	struct strv words = { args->v + 1, args->n - 1 };
	char digest[DIGEST_TEXT_MAX];

	if (p->is_artifact) {
		TRY(manifest_list_add_files(e, args->v[0], &words, &p->artifact, digest, id, err));
		return strv_add(digests, digest, err);
	}
	for (size_t i = 0; i < words.n; i++)
		TRY(manifest_list_add_image(e, args->v[0], words.v[i], &p->add, digests, id, err));
	return 0;
}

static int run_add(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct add_params *p = params;
	auto_strv digests = {};
	char id[65];
	struct engine *e;

	TRY(finish_remote(cli, p->insecure, &p->add.remote, err));
	if (!p->is_artifact)
		TRY(check_artifact_options(cli, err));
	p->artifact.has_type = cli_given(cli, "artifact-type");
	TRY(parse_annotations(&p->annotations, &p->annotate.annotations, err));
	TRY(cli_engine(cli, &e, err));
	TRY(add_all(e, p, args, &digests, id, err));
	for (size_t i = 0; says_something(&p->annotate) && i < digests.n; i++)
		TRY(manifest_list_annotate(e, id, digests.v[i], &p->annotate, id, err));
	if (streq(cli->program, "buildah") && digests.n)
		printf("%s: %s\n", id, digests.v[0]);
	else
		printf("%s\n", id);
	return 0;
}

const struct command cmd_manifest_add = {
	.summary = "Add images or artifacts to a manifest list",
	.description = "Adds images (of a registry, or containers-storage:NAME of this machine) or files to a list.",
	.args = "LIST IMAGE [IMAGE...]", .min_args = 2, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { add_rows }, {} }, .params_size = sizeof(struct add_params), .done = add_done,
	.examples = "web:1 containers-storage:localhost/web:arm\nweb:1 docker://quay.io/team/web:1 --all", .run = run_add,
	.flags = COMMAND_IN_USERNS,
};

/* ---- annotate ---- */
struct annotate_params {
	struct manifest_list_annotate annotate;
	struct strv annotations;
};
#define N struct annotate_params
static const struct field annotate_rows[] = {
	{ .cli = "annotation", F_STRV(N, annotations), .arg = "annotation=value", .help = "Annotate the entry (repeatable)" },
	{ .cli = "arch", F_STR(N, annotate.arch), .arg = "architecture", .complete = "arch", .help = "Architecture of the entry" },
	{ .cli = "features", F_CSV(N, annotate.features), .arg = "feature", .help = "Features of the processor it wants" },
	{ .cli = "index", F_BOOL(N, annotate.index), .help = "Annotate the list as a whole" },
	{ .cli = "os", F_STR(N, annotate.os), .arg = "OS", .help = "Operating system of the entry" },
	{ .cli = "os-features", F_CSV(N, annotate.os_features), .arg = "feature",
	  .help = "Features of the operating system it wants" },
	{ .cli = "os-version", F_STR(N, annotate.os_version), .arg = "version", .help = "Version of the operating system" },
	{ .cli = "subject", F_STR(N, annotate.subject), .arg = "imageName", .help = "Image the list is about" },
	{ .cli = "variant", F_STR(N, annotate.variant), .help = "Variant of the architecture" },
	{}
};

static void annotate_done(void *params)
{
	strmap_done(&((struct annotate_params *)params)->annotate.annotations);
}

/* What says something of an entry wants one; what says something of the list wants none. */
static int check_annotate(struct cli *cli, const struct manifest_list_annotate *a, size_t n_args, struct error *err)
{
	static const struct { const char *option, *what; } of_entries[] = {
		{ "arch", "architecture" }, { "features", "features" }, { "os", "OS" }, { "os-features", "OS features" },
		{ "os-version", "OS version" }, { "variant", "variant" },
	};

	if (a->index && n_args > 1)
		return fail(err, ERROR_INVALID, "setting index-wide annotation in a manifest list requires no instance digest");
	if (a->subject && n_args > 1)
		return fail(err, ERROR_INVALID, "setting subject for a manifest list requires no instance digest");
	if (n_args > 1)
		return 0;
	if (!a->index && a->annotations.n)
		return fail(err, ERROR_INVALID, "setting annotation on an item in a manifest list requires an instance digest");
	for (size_t i = 0; i < ARRAY_LEN(of_entries); i++)
		if (cli_given(cli, of_entries[i].option))
			return fail(err, ERROR_INVALID, "setting %s on an item in a manifest list requires an instance digest",
				    of_entries[i].what);
	return 0;
}

static int run_annotate(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct annotate_params *p = params;
	char id[65];
	struct engine *e;

	TRY(parse_annotations(&p->annotations, &p->annotate.annotations, err));
	TRY(check_annotate(cli, &p->annotate, args->n, err));
	p->annotate.index = args->n == 1;
	TRY(cli_engine(cli, &e, err));
	TRY(manifest_list_annotate(e, args->v[0], args->n > 1 ? args->v[1] : NULL, &p->annotate, id, err));
	printf("%s\n", id);
	return 0;
}

const struct command cmd_manifest_annotate = {
	.summary = "Say more about an entry of a manifest list",
	.description = "Sets platform and annotations of an entry, or annotations of the list as a whole.",
	.args = "LIST [IMAGE|ARTIFACT]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { annotate_rows }, {} }, .params_size = sizeof(struct annotate_params),
	.done = annotate_done, .examples = "--arch arm64 --variant v8 web:1 sha256:15352d97...\n--index --annotation a=b web:1",
	.run = run_annotate, .flags = COMMAND_IN_USERNS,
};

/* ---- exists, remove, rm ---- */
static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	int there = manifest_list_exists(e, args->v[0], err);
	return there < 0 ? there : !there;
}

const struct command cmd_manifest_exists = {
	.summary = "Tell whether a manifest list is here", .description = "Ends with 0 when the list is here, else with 1.",
	.args = "LIST", .min_args = 1, .max_args = 1, .examples = "web:1", .run = run_exists, .flags = COMMAND_IN_USERNS,
};

static int run_remove(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	char id[65];
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	if (manifest_list_remove_entry(e, args->v[0], args->v[1], id, err) < 0)
		return fail_wrap(err, "removing from manifest list %s", args->v[0]);
	printf("%s\n", id);
	return 0;
}

const struct command cmd_manifest_remove = {
	.summary = "Take an entry out of a manifest list", .description = "Takes the entry with that digest out of a list.",
	.args = "LIST IMAGE", .min_args = 2, .max_args = 2, .examples = "web:1 sha256:15352d97...", .run = run_remove,
	.flags = COMMAND_IN_USERNS,
};

struct rm_params { bool ignore; };
static const struct field rm_rows[] = {
	{ .cli = "ignore", .abbr = 'i', F_BOOL(struct rm_params, ignore), .help = "A list that is not here is no error" }, {}
};

static void note_failure(void *arg, const struct error *e)
{
	cli_note_error(arg, e);
}

/* Only lists: an image of that name stays. */
static int select_lists(struct engine *e, const struct strv *names, bool ignore, struct cli *cli, struct strv *ret,
			struct error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		auto_manifest_list l = MANIFEST_LIST_INIT;
		struct error why;
		if (manifest_list_open(e, names->v[i], false, &l, &why) == 0)
			TRY(strv_add(ret, names->v[i], err));
		else if (why.kind != ERROR_NOT_FOUND || !ignore)
			cli_note_error(cli, &why);
	}
	return 0;
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rm_params *p = params;
	auto_image_removal r = { .ignore = p->ignore, .failed = note_failure, .arg = cli };
	auto_strv lists = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(select_lists(e, args, p->ignore, cli, &lists, err));
	if (lists.n)
		TRY(image_remove(e, &lists, &r, err));
	for (size_t i = 0; i < r.untagged.n; i++)
		printf("%sntagged: %s\n", streq(cli->program, "buildah") ? "u" : "U", r.untagged.v[i]);
	for (size_t i = 0; i < r.deleted.n; i++)
		printf("Deleted: %s\n", r.deleted.v[i]);
	return cli->has_pending && cli->pending.kind == ERROR_NOT_FOUND && !streq(cli->program, "buildah") ? 1 : 0;
}

const struct command cmd_manifest_rm = {
	.summary = "Remove manifest lists", .description = "Removes lists; the images in them stay.", .args = "LIST [LIST...]",
	.min_args = 1, .max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { rm_rows }, {} },
	.params_size = sizeof(struct rm_params), .examples = "web:1", .run = run_rm, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect ---- */
struct inspect_params {
	struct image_remote remote;
	bool insecure, verbose;
};
#define I struct inspect_params
static const struct field inspect_rows[] = {
	{ .cli = "authfile", F_STR(I, remote.authfile), .arg = "path", .complete = "files",
	  .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "insecure", F_BOOL(I, insecure), .flags = FIELD_HIDDEN, .help = "The same as --tls-verify=false" },
	{ .cli = "tls-verify", F_OPT_BOOL(I, remote.tls_verify),
	  .help = "Insist on HTTPS and on valid certificates of registries" },
	{ .cli = "verbose", .abbr = 'v', F_BOOL(I, verbose), .flags = FIELD_HIDDEN,
	  .help = "Accepted for Docker scripts: all is shown anyway" },
	{}
};

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct inspect_params *p = params;
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	TRY(finish_remote(cli, p->insecure, &p->remote, err));
	TRY(cli_engine(cli, &e, err));
	TRY(manifest_list_inspect(e, args->v[0], &p->remote, &out, err));
	buf_add_char(&out, '\n');
	return text_print(&out, "manifest", err);
}

const struct command cmd_manifest_inspect = {
	.summary = "Show a manifest list", .description = "Shows a list of this machine or, when it has none of that name, of a registry.",
	.args = "IMAGE", .min_args = 1, .max_args = 1, .groups = (const struct command_rows[]){ { inspect_rows }, {} },
	.params_size = sizeof(struct inspect_params), .examples = "web:1\nquay.io/podman/hello", .run = run_inspect,
	.flags = COMMAND_IN_USERNS,
};

/* ---- push ---- */
struct push_params {
	struct manifest_list_push push;
	struct image_signing signing;
	char *compression_format, *digestfile, *format;
	bool insecure, quiet, remove, remove_signatures;
};
#define P struct push_params
static const struct field push_rows[] = {
	{ .cli = "add-compression", F_CSV(P, push.add_compression), .arg = "compression",
	  .help = "Add the images once more in this compression" },
	{ .cli = "all", F_BOOL(P, push.all), .fallback = "true", .help = "Push the images of the list, too" },
	{ .cli = "compression-format", F_STR(P, compression_format), .arg = "gzip | zstd | zstd:chunked",
	  .help = "How layers are compressed" },
	{ .cli = "compression-level", F_OPT_INT(P, push.push.compression_level), .arg = "level",
	  .help = "How hard layers are compressed" },
	{ .cli = "digestfile", F_STR(P, digestfile), .arg = "Digestfile", .complete = "files",
	  .help = "Write the digest of the list sent to this file" },
	{ .cli = "force-compression", F_BOOL(P, push.push.force_compression),
	  .help = "Compress anew what has another compression" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "format", .help = "Manifest type of the list: oci or v2s2" },
	{ .cli = "insecure", F_BOOL(P, insecure), .flags = FIELD_HIDDEN, .help = "The same as --tls-verify=false" },
	{ .cli = "purge", .abbr = 'p', F_BOOL(P, remove), .flags = FIELD_HIDDEN, .help = "The same as --rm" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress" },
	{ .cli = "remove-signatures", F_BOOL(P, remove_signatures), .help = "Leave the images' signatures behind (they always are)" },
	{ .cli = "rm", F_BOOL(P, remove), .help = "Remove the list here after it was pushed" },
	{}
};

static void push_init(void *params)
{
	((struct push_params *)params)->push.all = true;
}

static int write_digest(const char *path, const char *digest, struct error *err)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f || fputs(digest, f) < 0 || fflush(f) != 0)
		return fail_errno(err, "failed to write digest to file %s", path);
	return 0;
}

static int remove_list(struct cli *cli, struct engine *e, const char *name, struct error *err)
{
	auto_image_removal r = { .failed = note_failure, .arg = cli };
	auto_strv names = {};

	TRY(strv_add(&names, name, err));
	return image_remove(e, &names, &r, err);
}

static int run_push(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct push_params *p = params;
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	TRY(finish_remote(cli, p->insecure, &p->push.push.remote, err));
	if (p->format)
		TRY(image_format_parse(p->format, &p->push.push.format, err));
	p->push.push.compression = p->compression_format;
	p->push.push.signing = &p->signing;
	p->push.push.progress = cli_progress(p->quiet);
	TRY(cli_engine(cli, &e, err));
	if (!p->push.add_compression.n)
		TRY(strv_copy(&p->push.add_compression, &e->conf.engine.add_compression, err));
	TRY(manifest_list_push(e, args->v[0], args->n > 1 ? args->v[1] : NULL, &p->push, digest, err));
	if (p->digestfile)
		TRY(write_digest(p->digestfile, digest, err));
	return p->remove ? remove_list(cli, e, args->v[0], err) : 0;
}

const struct command cmd_manifest_push = {
	.summary = "Send a manifest list to a registry", .description = "Sends a list and the images in it to a registry.",
	.args = "LIST [DESTINATION]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { push_rows }, { image_remote_rows, offsetof(P, push.push.remote) },
		{ image_push_retry_rows, offsetof(P, push.push.remote) },
						{ image_signing_rows, offsetof(P, signing) }, {} },
	.params_size = sizeof(struct push_params), .init = push_init,
	.examples = "web:1 docker://registry.example:5000/web:1\n--rm web:1 quay.io/team/web:1", .run = run_push,
	.flags = COMMAND_IN_USERNS,
};

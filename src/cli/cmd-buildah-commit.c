/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-commit.c - `buildah commit` and `buildah inspect`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"
#include "build/sbom.h"
#include "build/working.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "engine/image-remove.h"
#include "engine/image-sign.h"
#include "engine/manifest-list.h"
#include "engine/registry-sources.h"
#include "image/reference.h"
#include "store/stage.h"
#include <sys/stat.h>

struct commit_params {
	struct build_options b;      /* of bills of materials */
	struct image_push push;
	struct image_signing signing;
	struct strv changes, annotations, unset_annotations, unset_env, add_files;
	char *compression, *config, *cw, *format, *iidfile, *manifest, *metadata, *reference_time, *source_date_epoch;
	struct opt_bool identity_label, created_annotation, disable_compression;
	struct opt_int timestamp;
	bool omit_history, omit_timestamp, quiet, rewrite, rm, squash;
};
#define P struct commit_params
static const struct field commit_rows[] = {
	{ .cli = "add-file", F_STRV(P, add_files), .arg = "source[:destination]", .complete = "files",
	  .help = "File of this machine the image gets as well" },
	{ .cli = "annotation", F_STRV(P, annotations), .arg = "name[=value]", .help = "Annotation of the image" },
	{ .cli = "change", .abbr = 'c', F_STRV(P, changes), .arg = "instruction", .help = "Apply a Containerfile instruction to the image" },
	{ .cli = "compression-format", F_STR(P, compression), .arg = "format", .help = "How layers that are sent away are compressed" },
	{ .cli = "compression-level", F_OPT_INT(P, push.compression_level), .arg = "level", .help = "How hard they are compressed" },
	{ .cli = "config", F_STR(P, config), .arg = "file", .complete = "files", .help = "JSON file to merge into the configuration" },
	{ .cli = "created-annotation", F_OPT_BOOL(P, created_annotation), .fallback = "true", .help = "Note the time of creation in an annotation" },
	{ .cli = "cw", F_STR(P, cw), .arg = "options", .flags = FIELD_HIDDEN, .help = "Not supported" },
	{ .cli = "disable-compression", .abbr = 'D', F_OPT_BOOL(P, disable_compression), .flags = FIELD_HIDDEN,
	  .help = "Do not compress layers for a directory or an archive (on by default)" },
	{ .cli = "encrypt-layer", F_CSV(P, push.encrypt_layers), .arg = "layer", .help = "Only encrypt these layers (0: the first, -1: the last)" },
	{ .cli = "encryption-key", F_STRV(P, push.encryption_keys), .arg = "key", .help = "Encrypt layers that are sent away for this key (jwe:FILE)" },
	{ .cli = "force-compression", F_BOOL(P, push.force_compression), .help = "Compress again what is compressed in another way" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "format", .fallback = "oci", .help = "Format of the image: oci or docker" },
	{ .cli = "identity-label", F_OPT_BOOL(P, identity_label), .fallback = "true", .help = "Note the builder's version in a label" },
	{ .cli = "iidfile", F_STR(P, iidfile), .arg = "path", .complete = "files", .help = "File the image's id is written to" },
	{ .cli = "manifest", F_STR(P, manifest), .arg = "name", .help = "Manifest list the image is added to" },
	{ .cli = "metadata-file", F_STR(P, metadata), .arg = "path", .complete = "files", .help = "File that digests and names are written to" },
	{ .cli = "omit-history", F_BOOL(P, omit_history), .help = "Write no history into the image" },
	{ .cli = "omit-timestamp", F_BOOL(P, omit_timestamp), .flags = FIELD_HIDDEN, .help = "--timestamp 0" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress" },
	{ .cli = "reference-time", F_STR(P, reference_time), .arg = "file", .flags = FIELD_HIDDEN, .help = "--timestamp of when this file was changed" },
	{ .cli = "rewrite-timestamp", F_BOOL(P, rewrite), .help = "With --source-date-epoch: files are no younger than that" },
	{ .cli = "rm", F_BOOL(P, rm), .help = "Remove the working container afterwards" },
	{ .cli = "source-date-epoch", F_STR(P, source_date_epoch), .arg = "seconds",
	  .help = "Time of creation and of history, in seconds since 1970 (SOURCE_DATE_EPOCH)" },
	{ .cli = "squash", F_BOOL(P, squash), .help = "Put all layers into one" },
	{ .cli = "timestamp", F_OPT_INT(P, timestamp), .arg = "seconds", .help = "Time of creation, of history and of all files, since 1970" },
	{ .cli = "unsetannotation", F_CSV(P, unset_annotations), .arg = "annotation", .help = "Annotation to leave out" },
	{ .cli = "unsetenv", F_CSV(P, unset_env), .arg = "env", .help = "Environment variable to leave out" },
	{}
};

#define SBOM_OPTIONS "sbom sbom-scanner-image sbom-scanner-command sbom-merge-strategy sbom-output sbom-purl-output " \
	"sbom-image-output sbom-image-purl-output pull"

static int check(struct commit_params *p, bool away, struct error *err)
{
	if (p->cw)
		return fail(err, ERROR_UNSUPPORTED, "--cw: confidential workloads are not supported");
	if (!away && p->push.encryption_keys.n)
		return fail(err, ERROR_UNSUPPORTED, "--encryption-key: local images are not encrypted: name a destination with a transport");
	if (!away && image_signing_wanted(&p->signing))
		return fail(err, ERROR_UNSUPPORTED, "--sign-by: local images are not signed: name a destination with a transport");
	TRY(sbom_check(&p->b, err));
	if (p->disable_compression.set && p->disable_compression.value &&
	    (p->compression || p->push.compression_level.set || p->push.force_compression))
		return fail(err, ERROR_INVALID, "--disable-compression and %s cannot be used together",
			    p->compression ? "--compression-format" : p->push.force_compression ? "--force-compression" : "--compression-level");
	TRY(image_remote_check_authfile(&p->push.remote, err));
	struct stat st;
	if (p->reference_time && stat(p->reference_time, &st) < 0)
		return fail_errno(err, "--reference-time %s", p->reference_time);
	if (p->reference_time)
		p->timestamp = (struct opt_int){ true, st.st_mtime };
	if (p->omit_timestamp)
		p->timestamp = (struct opt_int){ true, 0 };
	if (p->timestamp.set && p->source_date_epoch)
		return fail(err, ERROR_INVALID, "timestamp and source-date-epoch would be ambiguous if allowed together");
	return 0;
}

static int choose_time(const struct commit_params *p, struct working_commit *o, struct error *err)
{
	const char *epoch = p->source_date_epoch ? p->source_date_epoch : getenv("SOURCE_DATE_EPOCH");
	char *end;

	o->timestamp = p->timestamp;
	o->set_times = p->timestamp.set;
	if (p->timestamp.set || str_empty(epoch))
		return 0;
	o->timestamp = (struct opt_int){ true, strtoll(epoch, &end, 10) };
	o->keep_times = !p->rewrite;
	return *end ? fail(err, ERROR_INVALID, "source-date-epoch \"%s\": want seconds since 1970", epoch) : 0;
}

/* Away to a place of another kind: nothing of the image stays here. */
static int send_away(struct engine *e, const struct commit_params *p, const char *destination, const char *id, struct error *err)
{
	auto_image_removal removal = { .force = true };
	struct image_push push = p->push;
	auto_strv ids = {};
	char digest[128];
	struct error ignored;

	if (p->compression)
		push.compression = p->compression;
	if (p->format)
		TRY(image_format_parse(p->format, &push.format, err));
	push.progress = cli_progress(p->quiet);
	push.signing = &p->signing;
	push.accept_uncompressed = !p->disable_compression.set || p->disable_compression.value;
	TRY(strv_add(&ids, id, err));
	int r = image_push(e, id, destination, &push, digest, err);
	image_remove(e, &ids, &removal, &ignored);
	return r;
}

static int write_metadata(const char *path, const char *id, const char *name, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 20);

	buf_addf(&text, "{\"containerimage.config.digest\":\"sha256:%s\"", id);
	if (name) {
		buf_add_str(&text, ",\"image.name\":");
		buf_add_json(&text, name);
	}
	buf_add_str(&text, "}\n");
	TRY(buf_ok(&text, "metadata", err));
	return text_write_file(path, text.data, text.len, err);
}

static int add_to_list(struct engine *e, const struct commit_params *p, const char *id, struct error *err)
{
	const struct manifest_list_create create = { .amend = true };
	const struct manifest_list_add add = { .remote = p->push.remote };
	autofree char *image = NULL;
	auto_strv digests = {};
	char list[65];

	if (!p->manifest)
		return 0;
	TRY(manifest_list_create(e, p->manifest, &create, list, err));
	TRY(str_printf(&image, err, "containers-storage:%.64s", id));
	return manifest_list_add_image(e, p->manifest, image, &add, &digests, list, err);
}

/* ---- bills of materials ---- */
static int add_scanned(struct strv *to, const char *dir, const char *name, const char *place, struct error *err)
{
	return place ? strv_addf(to, err, "%s/%s:%s", dir, name, place) : 0;
}

/* The image without a name is scanned and goes; the real one follows, with what the scan found. */
static int commit_scanned(struct working *w, const struct commit_params *p, struct working_commit *o, char id[65], struct error *err)
{
	struct engine *e = w->c->engine;
	auto_image_removal removal = { .force = true };
	struct working_commit first = *o;
	auto_strv files = {}, ids = {};
	auto_stage *stage = NULL;
	struct error ignored;
	struct store *s;
	int status = 0;

	if (!sbom_wanted(&p->b))
		return working_commit(w, o, id, err);
	first.name = NULL;
	TRY(engine_store(e, &s, err));
	TRY(stage_begin(s, "sbom", &stage, err));
	TRY(working_commit(w, &first, id, err));
	TRY(strv_add(&ids, id, err));
	int r = sbom_scan(e, &p->b, id, stage_fd(stage), &status, err);
	if (r >= 0 && (strv_copy(&files, &p->add_files, err) < 0 || add_scanned(&files, stage_path(stage), "sbom", p->b.sbom_image_output, err) < 0 ||
		       add_scanned(&files, stage_path(stage), "purls", p->b.sbom_image_purl, err) < 0))
		r = -1;
	o->add_files = &files;
	if (r >= 0)
		r = working_commit(w, o, id, err);
	o->add_files = &p->add_files;
	if (r < 0 || !streq(ids.v[0], id))
		image_remove(e, &ids, &removal, &ignored);
	return r;
}

/* Before anything is made: whether it may go there. */
static int check_destination(const char *name, struct error *err)
{
	auto_transport_name to = { .index = -1 };
	struct error why;

	TRY(transport_parse(name, &to, err));
	if (to.transport != TRANSPORT_DOCKER || registry_sources_check(to.reference.domain, &why) == 0)
		return 0;
	const char *reason = strstr(why.text, "denied");
	return reason ? fail(err, why.kind, "commit to registry at \"%s\" %s", to.reference.domain, reason) : (*err = why, -1);
}

static void commit_init(void *params)
{
	build_options_init(&((struct commit_params *)params)->b);
}

static void commit_done(void *params)
{
	build_options_done(&((struct commit_params *)params)->b);
}

static int run_commit(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct commit_params *p = params;
	const struct ctr_remove_options remove = { .force = true, .volumes = true };
	const char *name = args->n > 1 ? args->v[1] : NULL, *local = name ? str_after(name, "containers-storage:") : NULL;
	auto_working w = {};
	struct engine *e;
	char id[65], text[80];
	bool away = name && !local && transport_is_known(name);
	struct working_commit o = {
		.name = away ? NULL : local ? local : name, .format = p->format, .config_file = p->config, .changes = &p->changes,
		.annotations = &p->annotations, .unset_annotations = &p->unset_annotations, .unset_env = &p->unset_env,
		.identity_label = p->identity_label, .created_annotation = p->created_annotation, .omit_history = p->omit_history,
		.add_files = &p->add_files, .options = &p->b, .squash = p->squash, .progress = cli_progress(p->quiet),
	};

	TRY(check(p, away, err));
	if (away)
		TRY(check_destination(name, err));
	TRY(choose_time(p, &o, err));
	TRY(cli_engine(cli, &e, err));
	if (working_open(e, args->v[0], &w, err) < 0)
		return fail_wrap(err, "reading build container \"%s\"", args->v[0]);
	TRY(commit_scanned(&w, p, &o, id, err));
	if (away)
		TRY(send_away(e, p, name, id, err));
	else
		TRY(add_to_list(e, p, id, err));
	snprintf(text, sizeof(text), "sha256:%s", id);
	if (p->iidfile)
		TRY(text_write_file(p->iidfile, text, strlen(text), err));
	if (p->metadata)
		TRY(write_metadata(p->metadata, id, name, err));
	if (p->rm)
		TRY(ctr_remove(w.c, &remove, NULL, err));
	if (!p->iidfile)
		puts(id);
	return 0;
}

const struct command cmd_working_commit = {
	.summary = "Make an image of a working container",
	.description = "Makes an image of a working container: what was changed in it becomes one layer. An image name with a transport\n"
		"(oci:, dir:, docker-archive:, docker://) sends the image there.",
	.args = "CONTAINER [IMAGE]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { commit_rows, 0 }, { build_rows, 0, SBOM_OPTIONS }, { image_remote_rows, offsetof(P, push.remote) },
		{ image_push_retry_rows, offsetof(P, push.remote) }, { image_signing_rows, offsetof(P, signing), "sign-by" }, {} },
	.params_size = sizeof(P), .init = commit_init, .done = commit_done, .examples = "work app:1\n--rm --squash work app:2\nwork oci:/tmp/app:1", .run = run_commit,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};
#undef P

/* ---- inspect ---- */
struct inspect_params {
	char *format, *type;
};
#define P struct inspect_params
static const struct field inspect_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "template", .help = "Show what a Go template makes of it" },
	{ .cli = "type", .abbr = 't', F_STR(P, type), .arg = "type", .fallback = "container", .help = "What to look at: container, image, manifest" },
	{}
};
#undef P

static int inspect_container(struct engine *e, const char *name, struct working_info **ret, struct error *err)
{
	auto_working w = {};

	TRY(working_open(e, name, &w, err));
	return working_inspect(e, &w, ret, err);
}

static int find(struct engine *e, const struct inspect_params *p, const char *name, bool typed, struct working_info **ret, struct error *err)
{
	if (p->type && streq(p->type, "image"))
		return working_inspect_image(e, name, ret, err);
	if (p->type && !streq(p->type, "container"))
		return fail(err, ERROR_INVALID, "the only recognized types are \"container\", \"image\" and \"manifest\"");
	if (inspect_container(e, name, ret, err) == 0)
		return 0;
	if (typed || err->kind != ERROR_NOT_FOUND)
		return fail_wrap(err, "reading build container \"%s\"", name);
	return working_inspect_image(e, name, ret, err);
}

static int inspect_list(struct cli *cli, const char *name, struct error *err)
{
	auto_manifest_list list = MANIFEST_LIST_INIT;
	auto_buf text = BUF_INIT((size_t)64 << 20);
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(manifest_list_open(e, name, false, &list, err));
	json_format(&text, list.index, 4);
	buf_add_char(&text, '\n');
	return text_print(&text, "manifest list", err);
}

static int print_json(struct working_info *i, struct error *err)
{
	auto_buf text = BUF_INIT((size_t)64 << 20);
	auto_json *tree = NULL;

	TRY(working_info_type.json(i, &tree, err));
	json_format(&text, tree, 4);
	buf_add_char(&text, '\n');
	return text_print(&text, "inspect", err);
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct inspect_params *p = params;
	auto_buf text = BUF_INIT((size_t)64 << 20);
	auto_working_info *i = NULL;
	struct engine *e;

	if (p->type && streq(p->type, "manifest"))
		return inspect_list(cli, args->v[0], err);
	TRY(cli_engine(cli, &e, err));
	TRY(find(e, p, args->v[0], cli_given(cli, "type"), &i, err));
	if (!p->format)
		return print_json(i, err);
	const void *const one[] = { i };
	const struct value v = value_struct_ptrs(&working_info_type, one, 1);
	const struct format_request rq = { .name = "inspect", .format = p->format, .type = &working_info_type, .json_indent = 4 };
	TRY(format_each(&rq, &v, &text, err));
	return text_print(&text, "inspect", err);
}

const struct command cmd_working_inspect = {
	.summary = "Show the configuration of a working container or an image",
	.args = "CONTAINER|IMAGE", .min_args = 1, .max_args = 1, .missing = "container or image name must be specified",
	.groups = (const struct command_rows[]){ { inspect_rows, 0 }, {} }, .params_size = sizeof(struct inspect_params),
	.examples = "work\n--type image --format '{{.OCIv1.Config.Env}}' alpine", .run = run_inspect, .format_type = &working_info_type,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};

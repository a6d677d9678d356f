/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-sync.c - `image sync` (`skopeo sync`): whole repositories, or directories of images, to another place. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/skopeo.h"
#include "engine/image-look.h"
#include "engine/image-sign.h"
#include "os/file.h"

#define DEPTH_MAX 32

struct sync_params {
	struct skopeo_choice choice;
	struct skopeo_place from, to;
	struct skopeo_retry retry;
	struct image_signing signing;
	char *authfile, *src, *dest, *format, *append_suffix, *digestfile;
	bool all, dry_run, scoped, keep_going, preserve_digests, remove_signatures;
};

#define P struct sync_params
static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Copy every image of manifest lists" },
	{ .cli = "append-suffix", F_STR(P, append_suffix), .arg = "suffix", .help = "Text to append to the tags at the destination" },
	{ .cli = "authfile", F_STR(P, authfile), .arg = "path", .complete = "files", .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "dest", .abbr = 'd', F_STR(P, dest), .arg = "transport", .help = "Where to: docker or dir" },
	{ .cli = "digestfile", F_STR(P, digestfile), .arg = "path", .complete = "files", .help = "Write the digests of the images to this file" },
	{ .cli = "dry-run", F_BOOL(P, dry_run), .help = "Only tell what would be copied" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "string", .help = "Manifest type at the destination: oci or v2s2" },
	{ .cli = "keep-going", F_BOOL(P, keep_going), .help = "Go on with the next image after a failure" },
	{ .cli = "preserve-digests", F_BOOL(P, preserve_digests), .help = "Fail rather than change digests" },
	{ .cli = "remove-signatures", F_BOOL(P, remove_signatures), .help = "Leave the images' signatures behind" },
	{ .cli = "scoped", F_BOOL(P, scoped), .help = "Put the source's path before the names at the destination" },
	{ .cli = "src", .abbr = 's', F_STR(P, src), .arg = "transport", .help = "Where from: docker or dir" },
	{}
};

/* One image: its full name and what it is called below the destination. */
struct item {
	struct strv from, suffix;
};

static void item_done(struct item *i)
{
	strv_done(&i->from);
	strv_done(&i->suffix);
}

/* ---- what is there ---- */
static int add_docker(struct item *to, const struct reference *r, struct error *err)
{
	autofree char *text = reference_text(r);

	if (!text)
		return fail_oom(err);
	TRY(strv_addf(&to->from, err, "docker://%s", text));
	return strv_add(&to->suffix, text, err);
}

static int find_docker(struct engine *e, const char *source, const struct image_remote *remote, struct item *to,
		       struct error *err)
{
	auto_reference r = {};
	auto_strv tags = {};
	autofree char *name = NULL;
	autofree char *repository = NULL;

	if (reference_parse(source, &r, err) < 0)
		return fail_wrap(err, "Cannot obtain a valid image reference for \"%s\"", source);
	TRY(reference_normalize_docker(&r, err));
	if (r.tag || r.digest)
		return add_docker(to, &r, err);
	TRY(str_printf(&name, err, "docker://%s", source));
	TRY(image_list_tags(e, name, remote, &tags, &repository, err));
	for (size_t i = 0; i < tags.n; i++) {
		TRY(str_set(&r.tag, tags.v[i], err));
		TRY(add_docker(to, &r, err));
	}
	return 0;
}

static int find_dirs(const char *path, const char *below, int depth, struct item *to, struct error *err)
{
	autofree char *manifest = NULL;
	DIR *d;

	TRY(str_printf(&manifest, err, "%s/manifest.json", path));
	if (access(manifest, F_OK) == 0) {
		TRY(strv_addf(&to->from, err, "dir:%s", path));
		return strv_add(&to->suffix, *below ? below : strrchr(path, '/') ? strrchr(path, '/') + 1 : path, err);
	}
	d = depth < DEPTH_MAX ? opendir(path) : NULL;
	if (!d)
		return depth ? 0 : fail_errno(err, "%s", path);
	int r = 0;
	for (struct dirent *e; r == 0 && (e = file_next_entry(d, path, &r, err));) {
		autofree char *child = NULL;
		autofree char *rest = NULL;
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		r = str_printf(&child, err, "%s/%s", path, e->d_name);
		r = r < 0 ? r : str_printf(&rest, err, "%s%s%s", below, *below ? "/" : "", e->d_name);
		r = r < 0 ? r : find_dirs(child, rest, depth + 1, to, err);
	}
	closedir(d);
	return r;
}

static int find_images(struct engine *e, const struct sync_params *p, const char *source, const struct image_remote *remote,
		       struct item *to, struct error *err)
{
	if (streq(p->src, "docker"))
		TRY(find_docker(e, source, remote, to, err));
	else
		TRY(find_dirs(source, "", 0, to, err));
	return to->from.n ? 0 : fail(err, ERROR_NOT_FOUND, "No images to sync found in \"%s\"", source);
}

/* ---- copying ---- */
static int check(const struct sync_params *p, struct error *err)
{
	if (str_empty(p->src))
		return fail(err, ERROR_INVALID, "A source transport must be specified");
	if (streq(p->src, "yaml"))
		return fail(err, ERROR_UNSUPPORTED, "--src yaml is not supported: call sync once for each repository");
	if (!streq(p->src, "docker") && !streq(p->src, "dir"))
		return fail(err, ERROR_INVALID, "\"%s\" is not a valid source transport", p->src);
	if (str_empty(p->dest))
		return fail(err, ERROR_INVALID, "A destination transport must be specified");
	if (!streq(p->dest, "docker") && !streq(p->dest, "dir"))
		return fail(err, ERROR_INVALID, "\"%s\" is not a valid destination transport", p->dest);
	if (streq(p->src, "dir") && streq(p->dest, "dir"))
		return fail(err, ERROR_INVALID, "sync from 'dir' to 'dir' not implemented, consider using rsync instead");
	return 0;
}

static int destination(const struct sync_params *p, const char *where, const char *suffix, char **ret, struct error *err)
{
	const char *slash = strrchr(suffix, '/');
	const char *name = p->scoped || !slash ? suffix : slash + 1;

	return str_printf(ret, err, "%s%s/%s%s", streq(p->dest, "docker") ? "docker://" : "dir:", where, name,
			  p->append_suffix ? p->append_suffix : "");
}

static int make_parent(const char *to, struct error *err)
{
	autofree char *path = strdup(to + strlen("dir:"));
	char *slash = path ? strrchr(path, '/') : NULL;

	if (!path)
		return fail_oom(err);
	if (!slash || slash == path)
		return 0;
	*slash = '\0';
	return file_mkdirs(AT_FDCWD, path, 0755, err) < 0 ? -1 : 0;
}

struct sync_run {
	struct cli *cli;
	struct engine *e;
	const struct sync_params *p;
	struct image_copy o;
	FILE *digests;
	size_t done;
	bool failed;
};

static int copy_one(struct sync_run *r, const char *from, const char *to, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];

	if (streq(r->p->dest, "dir"))
		TRY(make_parent(to, err));
	TRY(image_copy(r->e, from, to, &r->o, digest, err));
	if (r->digests && fprintf(r->digests, "%s %s\n", digest, to) < 0)
		return fail_errno(err, "Failed to write digest to file \"%s\"", r->p->digestfile);
	return 0;
}

static int sync_one(struct sync_run *r, const struct item *items, size_t i, const char *where, struct error *err)
{
	autofree char *to = NULL;
	char text[96];

	TRY(destination(r->p, where, items->suffix.v[i], &to, err));
	snprintf(text, sizeof(text), "%s image ref %zu/%zu", r->p->dry_run ? "Would have copied" : "Copying", i + 1, items->from.n);
	log_pairs(&r->cli->log, LOG_LEVEL_INFO, text, "from", items->from.v[i], "to", to, NULL);
	if (!r->p->dry_run && copy_one(r, items->from.v[i], to, err) < 0) {
		if (!r->p->keep_going)
			return fail_wrap(err, "Error copying ref \"%s\"", items->from.v[i]);
		log_error(&r->cli->log, "Error copying ref \"%s\": %s", items->from.v[i], err->text);
		r->failed = true;
		return 0;
	}
	r->done++;
	return 0;
}

static int sync_all(struct sync_run *r, const char *source, const char *where, struct error *err)
{
	CLEANUP(item_done) struct item items = {};

	TRY(find_images(r->e, r->p, source, &r->o.from, &items, err));
	if (r->p->dry_run)
		log_warn(&r->cli->log, "Running in dry-run mode");
	for (size_t i = 0; i < items.from.n; i++)
		TRY(sync_one(r, &items, i, where, err));
	log_info(&r->cli->log, "%s %zu images from 1 sources", r->p->dry_run ? "Would have synced" : "Synced", r->done);
	if (r->failed)
		return fail(err, ERROR_INVALID, "Sync failed due to previous reported error(s) for one or more images");
	return 0;
}

static int run_sync(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct sync_params *p = params;
	struct sync_run r = { .cli = cli, .p = p };
	autofclose FILE *digests = NULL;

	TRY(check(p, err));
	if (p->format)
		TRY(image_format_parse(p->format, &r.o.format, err));
	r.o.multi = p->all ? COPY_ALL : COPY_SYSTEM;
	r.o.preserve_digests = p->preserve_digests;
	r.o.remove_signatures = p->remove_signatures;
	r.o.from = skopeo_remote(cli, &p->from, &p->choice, &p->retry, p->authfile);
	r.o.to = skopeo_remote(cli, &p->to, NULL, &p->retry, p->authfile);
	r.o.platform = skopeo_platform(cli, &p->choice);
	r.o.signing = &p->signing;
	r.o.progress = skopeo_progress(false);
	TRY(skopeo_globals_apply(cli, err));
	TRY(cli_engine(cli, &r.e, err));
	if (p->digestfile && !p->dry_run) {
		digests = r.digests = fopen(p->digestfile, "we");
		if (!digests)
			return fail_errno(err, "Error creating digest file %s", p->digestfile);
	}
	return sync_all(&r, args->v[0], args->v[1], err);
}

const struct command cmd_image_sync = {
	.summary = "Copy whole repositories or directories of images",
	.description = "Copies all tags of a repository, or all images below a directory, to a registry or a directory.",
	.args = "SOURCE DESTINATION", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){
		{ rows }, { skopeo_choice_rows, offsetof(P, choice) }, { skopeo_from_rows, offsetof(P, from) },
		{ skopeo_to_rows, offsetof(P, to) }, { skopeo_retry_rows, offsetof(P, retry) },
		{ image_signing_rows, offsetof(P, signing) }, {} },
	.params_size = sizeof(struct sync_params),
	.examples = "--src docker --dest dir registry.example/web /media/usb\n--src dir --dest docker /media/usb registry.example/mirror",
	.run = run_sync, .flags = COMMAND_IN_USERNS,
};

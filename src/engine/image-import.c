/* SPDX-License-Identifier: Apache-2.0
 * engine/image-import.c - a tar of a file system becomes an image of one layer. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "base/url.h"
#include "engine/commit.h"
#include "engine/event.h"
#include "engine/image-commit.h"
#include "image/config-change.h"
#include "image/policy.h"
#include "image/reference.h"

struct import {
	const char *what;   /* the source as it may be shown */
	struct image_transfer t;
	const struct image_import *o;
	struct image_config config;
	struct source_image image;
	struct source_job job;
	struct stage_layer tree;
	struct stage_blob blob;
};

static void import_done(struct import *p)
{
	stage_layer_abort(&p->tree);
	stage_blob_abort(&p->blob);
	source_job_done(&p->job);
	source_image_done(&p->image);
	image_config_done(&p->config);
	image_transfer_done(&p->t);
}

static bool is_url(const char *s)
{
	return s && (str_after(s, "http://") || str_after(s, "https://"));
}

static int download(struct import *p, struct error *err)
{
	autoclose int fd = openat(stage_fd(p->t.stage), "download", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_errno(err, "make a temporary file in %s", stage_path(p->t.stage));
	image_say(&p->o->progress, "Downloading from \"%s\"", p->what);
	if (source_get_url(p->t.source, p->o->path, fd, NULL, err) < 0)
		return fail_wrap(err, "downloading %s", p->what);
	return take_fd(fd);
}

static int open_input(struct import *p, struct error *err)
{
	const char *path = p->o->path;

	if (is_url(path))
		return download(p, err);
	int fd = !path || streq(path, "-") ? fcntl(p->o->fd, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "%s", path ? path : "standard input") : fd;
}

static int bring_layer(struct import *p, struct error *err)
{
	struct stat st;
	autoclose int in = open_input(p, err);

	if (in < 0)
		return -1;
	if (fstat(in, &st) < 0 || S_ISDIR(st.st_mode))
		return fail(err, ERROR_INVALID, "%s: is a directory, want a tar archive", p->o->path);
	TRY(stage_layer_begin(p->t.stage, &p->tree, err));
	TRY(stage_blob_begin(p->t.stage, &p->blob, err));
	p->job = (struct source_job){ .tree_fd = p->tree.tree_fd, .blob_fd = p->blob.fd };
	return source_run_tar(p->t.source, in, S_ISREG(st.st_mode) && lseek(in, 0, SEEK_CUR) == 0, &p->job, err);
}

static int commit_layer(struct import *p, struct error *err)
{
	const struct op_unpacked *u = &p->job.result;
	struct stage_layer_info info = { .diff_id = u->diff_id, .bytes = u->tree_bytes, .entries = u->entries };

	TRY(stage_lease(p->t.stage, u->diff_id, -1, err));
	image_say(&p->o->progress, "Copying blob %s", u->blob_digest);
	if (u->is_recipe)
		TRY(stage_layer_keep_recipe(&p->tree, &p->blob, err));
	else
		TRY(stage_blob_commit(&p->blob, u->blob_digest, u->blob_size, err));
	struct stage_layer tree = p->tree;
	p->tree = (struct stage_layer)STAGE_LAYER_INIT;
	return stage_layer_commit(&tree, &info, err);
}

/* ---- the config ---- */
static int describe(struct import *p, struct error *err)
{
	struct image_config *c = &p->config;
	const struct image_import *o = p->o;
	char when[48];
	int64_t ns;

	TRY(commit_time(&ns, err));
	TRY(str_set(&c->created, time_format_utc(ns, when), err));
	TRY(str_set(&c->platform.os, str_empty(o->os) ? platform_host_os() : o->os, err));
	TRY(str_set(&c->platform.architecture, str_empty(o->arch) ? platform_host_architecture() : o->arch, err));
	TRY(str_set(&c->platform.variant, o->variant, err));
	TRY(str_set(&c->rootfs_type, "layers", err));
	TRY(strv_add(&c->diff_ids, p->job.result.diff_id, err));
	struct image_history *h = list_add(&c->history, sizeof(*h), err);
	if (!h)
		return -1;
	TRY(str_set(&h->created, c->created, err));
	TRY(str_set(&h->comment, o->message, err));
	for (size_t i = 0; i < o->changes.n; i++)
		TRY(image_change_apply(c, o->changes.v[i], err));
	return 0;
}

static int write_config(struct import *p, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	char digest[DIGEST_TEXT_MAX];
	struct source_image *i = &p->image;

	TRY(image_config_format(&p->config, &text, err));
	TRY(source_digest(p->t.source, text.data, text.len, digest, err));
	i->config_len = text.len;
	i->config = buf_steal(&text);
	if (!i->config)
		return fail_oom(err);
	TRY(str_set(&i->config_digest, digest, err));
	TRY(str_set(&i->info.os, p->config.platform.os, err));
	TRY(str_set(&i->info.architecture, p->config.platform.architecture, err));
	TRY(str_set(&i->info.variant, p->config.platform.variant, err));
	TRY(str_set(&i->info.created, p->config.created, err));
	TRY(strmap_copy(&i->info.labels, &p->config.config.labels, err));
	TRY(strv_copy(&i->info.diff_ids, &p->config.diff_ids, err));
	if (!list_add(&i->layers, sizeof(struct op_descriptor), err))
		return -1;
	TRY(source_describe_layer(i, 0, &p->job.result, MEDIA_OCI_MANIFEST, err));
	return source_finish(p->t.source, i, MEDIA_OCI_MANIFEST, err);
}

static int local_name(const char *reference, struct strv *names, struct error *err)
{
	auto_reference r = {};

	if (str_empty(reference))
		return 0;
	TRY(reference_parse(reference, &r, err));
	TRY(reference_normalize_local(&r, err));
	autofree char *text = reference_text(&r);
	return text ? strv_add(names, text, err) : fail_oom(err);
}

int image_import(struct engine *e, const struct image_import *o, char ret_id[65], struct error *err)
{
	CLEANUP(import_done) struct import p = { .o = o, .tree = STAGE_LAYER_INIT, .blob = STAGE_BLOB_INIT };
	auto_strv names = {};
	struct image_config probe = {};
	autofree char *what = NULL, *secret = NULL;

	TRY(url_take_user(o->path ? o->path : "-", &what, &secret, err));
	p.what = what;
	TRY(local_name(o->reference, &names, err));
	for (size_t i = 0; i < o->changes.n; i++) {   /* a typo is told before gigabytes are unpacked */
		int r = image_change_apply(&probe, o->changes.v[i], err);
		image_config_done(&probe);
		TRY(r);
	}
	TRY(policy_check(&e->paths, o->signature_policy, TRANSPORT_NONE, what, err));
	TRY(image_transfer_begin(e, "import", &o->progress, &p.t, err));
	image_say(&o->progress, "Getting image source signatures");
	if (bring_layer(&p, err) < 0)
		return fail_wrap(err, "%s", what);
	TRY(commit_layer(&p, err));
	TRY(describe(&p, err));
	TRY(write_config(&p, err));
	TRY(image_commit_documents(&p.t, &p.image, &names, ret_id, err));
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_IMPORT, .id = ret_id,
					 .name = names.n ? names.v[0] : what });
	return 0;
}

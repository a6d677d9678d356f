/* SPDX-License-Identifier: Apache-2.0
 * engine/volume-archive.c - a volume's contents as a tar stream, and back. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/helpers.h"
#include "engine/event.h"
#include "engine/tree-pack.h"
#include "engine/volume.h"
#include "image/source.h"

/* Mounted for as long as it is read or written. */
struct use {
	struct engine *e;
	struct volume *v;
	int dir;
	bool mounted;
};

static void use_done(struct use *u)
{
	struct error ignored;

	close_p(&u->dir);
	if (u->mounted)
		volume_unmount_host(u->e, u->v, &ignored);
}

static int use_begin(struct use *u, struct error *err)
{
	TRY(volume_mount_host(u->e, u->v, err));
	u->mounted = true;
	u->dir = open(u->v->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return u->dir < 0 ? fail_errno(err, "open volume %s", u->v->name) : 0;
}

static void tell(struct engine *e, const struct volume *v, enum event_status status)
{
	engine_event(e, &(struct event){ .type = EVENT_VOLUME, .status = status, .name = v->name });
}

int volume_export(struct engine *e, struct volume *v, int out, struct error *err)
{
	CLEANUP(use_done) struct use u = { .e = e, .v = v, .dir = -1 };
	struct tree_pack pack = TREE_PACK_INIT;

	TRY(use_begin(&u, err));
	pack.from = u.dir;
	pack.out = out;
	pack.root_entry = true;
	if (tree_pack(&pack, err) < 0)
		return fail_wrap(err, "exporting volume %s", v->name);
	tell(e, v, EVENT_EXPORT);
	return 0;
}

/* The archive is a stranger's: the worker that unpacks it can reach nothing but the volume. */
int volume_import(struct engine *e, struct volume *v, int in, struct error *err)
{
	CLEANUP(use_done) struct use u = { .e = e, .v = v, .dir = -1 };
	auto_source *source = NULL;
	autofree char *worker = NULL;
	struct source_job job = { .blob_fd = -1 };
	struct stat st;

	TRY(use_begin(&u, err));
	TRY(helper_find("umiak-worker", &worker, err));
	const struct source_options o = { .worker = worker, .log = e->log, .stage_fd = u.dir, .userns = e->paths.rootless,
					  .ignore_chown = e->storage.ignore_chown_errors };
	TRY(source_new(&o, &source, err));
	job.tree_fd = u.dir;
	bool file = fstat(in, &st) == 0 && S_ISREG(st.st_mode) && lseek(in, 0, SEEK_CUR) == 0;
	int r = source_run_tar(source, in, file, &job, err);
	source_job_done(&job);
	if (r < 0)
		return fail_wrap(err, "importing into volume %s", v->name);
	v->needs_copy_up = v->needs_chown = false;   /* what the archive says stays */
	TRY(volume_save(e, v, err));
	tell(e, v, EVENT_IMPORT);
	return 0;
}

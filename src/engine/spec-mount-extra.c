/* SPDX-License-Identifier: Apache-2.0
 * Mounts of images, and option U (hand the tree to the container's user). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/access.h"
#include "engine/spec.h"
#include "engine/volume.h"
#include "os/file.h"

/* The layers were mounted before the fork (the store's database is not ours here); the runtime clones that mount. */
int spec_mount_image(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	const struct param_mount *all = x->params->storage.mounts.v;
	struct oci_mount *m;
	int fd = x->image_fds ? x->image_fds[p - all] : -1;

	if (fd < 0)
		return fail(err, ERROR_NOT_FOUND, "image %s for %s is not mounted", p->source, p->destination);
	m = list_add(&s->mounts, sizeof(*m), err);
	if (!m)
		return -1;
	TRY(str_set(&m->destination, p->destination, err));
	TRY(str_set(&m->type, "bind", err));
	TRY(p->subpath ? str_printf(&m->source, err, "/proc/self/fd/%d/%s", fd, p->subpath) :
			 str_printf(&m->source, err, "/proc/self/fd/%d", fd));
	TRY(strv_add(&m->options, strv_has(&p->options, "rw") ? "rw" : "ro", err));
	return strv_split(&m->options, "bind,rprivate,nosuid,nodev", ',', err);
}

/* Who is to own the files of a tree: one user, or, with `maps`, the ids they have inside. */
struct new_owner {
	uid_t uid;
	gid_t gid;
	const struct idmap_pair *maps;
};

static int chown_entry(int dir, const char *name, const struct new_owner *to, struct error *err)
{
	uid_t uid = to->uid;
	gid_t gid = to->gid;
	struct stat st;

	if (to->maps) {
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
			return fail_errno(err, "stat %s", name);
		if (!idmap_to_inside(&to->maps->uids, st.st_uid, &uid) || !idmap_to_inside(&to->maps->gids, st.st_gid, &gid))
			return 0;
	}
	return fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0 ? fail_errno(err, "chown %s", name) : 0;
}

static int chown_tree(int fd, const struct new_owner *to, unsigned depth, struct error *err)
{
	struct dirent *entry;
	DIR *d = file_stream(fd, ".");
	int r = 0;

	if (!d)
		return fail_errno(err, "open directory");
	while (r >= 0 && (entry = readdir(d))) {
		autoclose int sub = -1;
		if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
			continue;
		r = chown_entry(fd, entry->d_name, to, err);
		if (r < 0 || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) || depth > 512)
			continue;
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			r = chown_tree(sub, to, depth + 1, err);
		else if (errno != ENOTDIR && errno != ELOOP)
			r = fail_errno(err, "open %s", entry->d_name);
	}
	closedir(d);
	return r;
}

int spec_unmap_volume(const struct spec_context *x, struct volume *v, struct error *err)
{
	const struct new_owner inside = { .maps = x->maps };
	autoclose int fd = open(v->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!x->maps)
		return 0;
	if (fd < 0)
		return fail_errno(err, "open %s", v->mountpoint);
	if (chown_entry(fd, "", &inside, err) < 0 || chown_tree(fd, &inside, 0, err) < 0)
		return fail_wrap(err, "%s", v->mountpoint);
	v->needs_copy_up = v->needs_chown = false;
	return volume_save(x->engine, v, err);
}

static uint32_t outside(const struct idmap *m, uint64_t inside)
{
	uint32_t ret = (uint32_t)inside;

	if (m)
		idmap_to_outside(m, (uint32_t)inside, &ret);
	return ret;
}

int spec_chown_source(struct spec_context *x, const char *path, struct error *err)
{
	uid_t uid = outside(x->maps ? &x->maps->uids : NULL, x->uid);
	gid_t gid = outside(x->maps ? &x->maps->gids : NULL, x->gid);
	autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fail_errno(err, "chown %s", path);
		return fail_access(x->engine, ACCESS_CHOWN, path, err);
	}
	if (st.st_uid == uid && st.st_gid == gid)
		return 0;   /* handed over before: what was changed inside since then stays */
	if (fchown(fd, uid, gid) < 0) {
		fail_errno(err, "chown %s", path);
		return fail_access(x->engine, ACCESS_CHOWN, path, err);
	}
	if (S_ISDIR(st.st_mode) && chown_tree(fd, &(struct new_owner){ .uid = uid, .gid = gid }, 0, err) < 0)
		return fail_wrap(err, "%s", path);
	return 0;
}

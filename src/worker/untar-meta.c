/* SPDX-License-Identifier: Apache-2.0
 * worker/untar-meta.c - owners, extended attributes and times of unpacked entries. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#include "os/overlay-marks.h"
#include "worker/untar-internal.h"

#define NSEC INT64_C(1000000000)

/* ---- owners ---- */
static int tell_unmapped(const struct place *p, const struct tar_entry *e, struct error *err)
{
	return fail_errno(err, "potentially insufficient UIDs or GIDs available in user namespace (requested %llu:%llu "
			  "for /%.300s): Check /etc/subuid and /etc/subgid if configured locally and run \"umiak system "
			  "migrate\": lchown /%.300s", (unsigned long long)e->uid, (unsigned long long)e->gid, p->path,
			  p->path);
}

int untar_owner(struct untar *u, const struct place *p, const struct tar_entry *e, bool *ret_changed, struct error *err)
{
	*ret_changed = false;
	if (u->o->ignore_chown || (e->uid == 0 && e->gid == 0 && !p->parent->setgid))
		return 0;   /* it belongs to us already */
	if (e->uid >= UINT32_MAX || e->gid >= UINT32_MAX) {
		errno = EINVAL;
		return tell_unmapped(p, e, err);
	}
	if (fchownat(p->parent->fd, p->name, (uid_t)e->uid, (gid_t)e->gid, AT_SYMLINK_NOFOLLOW) < 0) {
		if (u->o->userns && (errno == EINVAL || errno == EPERM))
			return tell_unmapped(p, e, err);
		return fail_errno(err, "change the owner of %.300s", p->path);
	}
	*ret_changed = true;
	return 0;
}

/* ---- extended attributes ---- */
/* What a layer may carry. Overlay's own attributes would redirect the mount elsewhere (security-matrix F8); security
 * labels of the machine the layer was made on mean nothing here. */
static bool xattr_is_allowed(const char *name)
{
	if (str_after(name, "user."))
		return !str_after(name, "user.overlay.");
	return streq(name, "security.capability") || streq(name, "system.posix_acl_access") ||
	       streq(name, "system.posix_acl_default");
}

int untar_xattrs(struct untar *u, int fd, const struct tar_entry *e, struct error *err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tar_xattr *x = &e->xattrs[i];
		if (!xattr_is_allowed(x->name) || fsetxattr(fd, x->name, x->value, x->len, 0) == 0)
			continue;
		/* A file system without attributes, and what a user namespace may not set, are no reason to fail. */
		if (errno == ENOTSUP || errno == ENOSPC || errno == E2BIG || (u->o->userns && errno == EPERM))
			continue;
		return fail_errno(err, "set %.100s of %.300s", x->name, e->name);
	}
	return 0;
}

/* No CAP_SYS_ADMIN in the sandbox: then it is a note that the store settles. */
int untar_make_opaque(int directory, struct error *err)
{
	autoclose int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || opaque_make(fd) < 0 ? fail_errno(err, "make a directory opaque") : 0;
}

/* ---- times ---- */
static struct timespec to_timespec(int64_t ns)
{
	int64_t s = ns / NSEC, rest = ns % NSEC;

	if (rest < 0) {
		s--;
		rest += NSEC;
	}
	return (struct timespec){ .tv_sec = s, .tv_nsec = rest };
}

void untar_times(const struct tar_entry *e, struct timespec ts[2])
{
	ts[0] = ts[1] = to_timespec(e->mtime_ns);
}

int untar_late_add(struct untar *u, const char *path, int64_t mtime_ns, struct error *err)
{
	struct late_times *l = &u->late;

	if (l->bytes > UNTAR_DIRECTORY_NAMES_MAX)
		return fail(err, ERROR_UNSUPPORTED, "the layer has too many directories");
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct late *v = reallocarray(l->v, cap, sizeof(*v));
		if (!v)
			return fail_oom(err);
		l->v = v;
		l->cap = cap;
	}
	char *copy = strdup(path);
	if (!copy)
		return fail_oom(err);
	l->v[l->n++] = (struct late){ copy, mtime_ns };
	l->bytes += strlen(path) + 1 + sizeof(struct late);
	return 0;
}

/* Deepest first is not needed: setting times changes no other directory's. What was replaced since is left alone. */
int untar_late_apply(struct untar *u, struct error *err)
{
	struct stat st;

	for (size_t i = 0; i < u->late.n; i++) {
		struct timespec ts[2];
		struct place p;
		ts[0] = ts[1] = to_timespec(u->late.v[i].mtime_ns);
		if (!*u->late.v[i].path) {
			if (futimens(u->o->root, ts) < 0)
				return fail_errno(err, "set the times of the layer's root");
			continue;
		}
		snprintf(p.path, sizeof(p.path), "%s", u->late.v[i].path);
		TRY(untar_place(u, &p, err));
		if (fstatat(p.parent->fd, p.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (utimensat(p.parent->fd, p.name, ts, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_errno(err, "set the times of %.300s", p.path);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * store/util.c - paths, digests and lock files as the store's files use them. */
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/path.h"

int store_path_join(char **ret, struct error *err, const char *base, const char *a, const char *b)
{
	return str_printf(ret, err, "%s/%s%s%s", base, a, b ? "/" : "", b ? b : "");
}

int store_sync_dir(const struct store *s, int dirfd, const char *path, struct error *err)
{
	return s->no_sync ? 0 : file_sync_dir(dirfd, path, err);
}

/* ---- digests ---- */
bool is_hex64(const char *s)
{
	return strspn(s, "0123456789abcdef") == DIGEST_HEX && !s[DIGEST_HEX];
}

bool store_digest_is_valid(const char *digest)
{
	const char *hex = digest ? str_after(digest, "sha256:") : NULL;

	return hex && is_hex64(hex);
}

const char *store_digest_hex(const char *digest, struct error *err)
{
	if (store_digest_is_valid(digest))
		return digest + strlen("sha256:");
	fail(err, ERROR_INVALID, "\"%s\" is no sha256 digest", digest ? digest : "");
	return NULL;
}

int blob_relpath(const char *digest, char out[BLOB_PATH_MAX], struct error *err)
{
	const char *hex = store_digest_hex(digest, err);

	if (!hex)
		return -1;
	snprintf(out, BLOB_PATH_MAX, "blobs/sha256/%s", hex);
	return 0;
}

int layer_relpath(const char *diff_id, char out[BLOB_PATH_MAX], struct error *err)
{
	const char *hex = store_digest_hex(diff_id, err);

	if (!hex)
		return -1;
	snprintf(out, BLOB_PATH_MAX, "layers/sha256-%s", hex);
	return 0;
}

/* ---- directories ---- */
static void closedir_p(DIR **d)
{
	if (*d)
		closedir(*d);
}

int dir_each(int dirfd, const char *path, int (*fn)(void *arg, int dir, const char *name, struct error *err), void *arg,
	     struct error *err)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open directory %s", path);
	CLEANUP(closedir_p) DIR *d = fdopendir(fd);
	if (!d)
		return fail_errno(err, "read directory %s", path);
	int dir = take_fd(fd);
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (!e)
			return errno ? fail_errno(err, "read directory %s", path) : 0;
		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		TRY(fn(arg, dir, e->d_name, err));
	}
}

/* ---- locks ---- */
static int make_lock_dir(int dirfd, const char *kind, struct error *err)
{
	autofree char *dir = NULL;

	TRY(str_printf(&dir, err, "locks/%s", kind));
	return file_mkdirs(dirfd, dir, 0700, err);
}

static bool is_unlinked(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int lock_named(int dirfd, const char *kind, const char *name, struct lock_how how, struct lock *ret, struct error *err)
{
	char path[NAME_MAX + 64];

	if (!path_is_name(name) || !path_is_name(kind))
		return fail(err, ERROR_INVALID, "\"%s/%s\" cannot name a lock", kind, name);
	snprintf(path, sizeof(path), "locks/%s/%s", kind, name);
	for (;;) {
		int r = lock_acquire(dirfd, path, how, ret, err);
		if (r < 0 && err->errnum == ENOENT) {
			TRY(make_lock_dir(dirfd, kind, err));
			r = lock_acquire(dirfd, path, how, ret, err);
		}
		if (r != 1 || !is_unlinked(ret->fd))
			return r;
		lock_release(ret);   /* its last holder took the file away while we waited */
	}
}

void unlock_named(int dirfd, const char *kind, const char *name, struct lock *l)
{
	char path[NAME_MAX + 64];

	if (l->fd < 0)
		return;
	snprintf(path, sizeof(path), "locks/%s/%s", kind, name);
	unlinkat(dirfd, path, 0);
	lock_release(l);
}

int store_lock(struct store *s, const char *kind, const char *name, struct lock_how how, struct lock *ret,
	       struct error *err)
{
	how.timeout_ns = store_timeout(s, how.timeout_ns);
	return lock_named(s->root_fd, kind, name, how, ret, err);
}

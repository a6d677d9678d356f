/* SPDX-License-Identifier: Apache-2.0
 * worker/untar-path.c - names of entries and the directories they lie in. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "os/file.h"
#include "worker/untar-internal.h"

/* Go's filepath.Clean of "/" + name, without the slash; "a/../b" is "b", a name that climbs out is refused. */
int untar_clean(const char *name, char out[TAR_NAME_MAX + 1], struct error *err)
{
	size_t n = 0;

	for (const char *p = name; *p;) {
		size_t len = strcspn(p, "/");
		const char *next = p[len] ? p + len + 1 : p + len;
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			if (n == 0)
				return fail(err, ERROR_CORRUPT, "\"%.200s\" leads out of the layer", name);
			while (n > 0 && out[--n] != '/')
				;
		} else if (len && !(len == 1 && p[0] == '.')) {
			if (n + len + 1 > TAR_NAME_MAX)
				return fail(err, ERROR_CORRUPT, "\"%.100s...\": the name is too long", name);
			if (n)
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p = next;
	}
	out[n] = '\0';
	return 0;
}

static int open_directory(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	for (;;) {
		int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
}

/* Opens the directory, making what is missing: one component at a time, each through the root again. */
static int open_or_make(struct untar *u, const char *path, struct error *err)
{
	char part[TAR_NAME_MAX + 1];
	int fd = open_directory(u->o->root, *path ? path : ".");

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return fail_errno(err, "open directory %.300s", path);
	autoclose int at = open_directory(u->o->root, ".");
	for (const char *p = path; at >= 0 && *p;) {
		size_t len = strcspn(p, "/");
		size_t upto = (size_t)(p - path) + len;
		memcpy(part, p, len);
		part[len] = '\0';
		if (mkdirat(at, part, 0755) == 0)
			u->result.entries++;
		else if (errno != EEXIST)
			return fail_errno(err, "make directory %.300s", path);
		memcpy(part, path, upto);
		part[upto] = '\0';
		close_p(&at);
		at = open_directory(u->o->root, part);
		p += len + (p[len] == '/');
	}
	return at >= 0 ? take_fd(at) : fail_errno(err, "open directory %.300s", path);
}

static struct parent *oldest(struct untar *u)
{
	struct parent *old = &u->cache[0];

	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (u->cache[i].used < old->used)
			old = &u->cache[i];
	return old;
}

static void drop(struct parent *p)
{
	if (p->path)
		close(p->fd);
	free(p->path);
	*p = (struct parent){ .fd = -1 };
}

void untar_forget(struct untar *u)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		drop(&u->cache[i]);
}

static int find_parent(struct untar *u, const char *path, const struct parent **ret, struct error *err)
{
	struct stat st;

	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		struct parent *p = &u->cache[i];
		if (p->path && streq(p->path, path)) {
			p->used = ++u->clock;
			*ret = p;
			return 0;
		}
	}
	autoclose int fd = open_or_make(u, path, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "stat %.300s", path);
	autofree char *copy = strdup(path);
	if (!copy)
		return fail_oom(err);
	struct parent *slot = oldest(u);
	drop(slot);
	*slot = (struct parent){ take_ptr(copy), take_fd(fd), st.st_mode & S_ISGID, ++u->clock };
	*ret = slot;
	return 0;
}

int untar_place(struct untar *u, struct place *p, struct error *err)
{
	char dir[TAR_NAME_MAX + 1];
	const char *slash = strrchr(p->path, '/');
	size_t n = slash ? (size_t)(slash - p->path) : 0;

	memcpy(dir, p->path, n);
	dir[n] = '\0';
	p->name = slash ? slash + 1 : p->path;
	return find_parent(u, dir, &p->parent, err);
}

int untar_remove(struct untar *u, const struct place *p, struct error *err)
{
	struct stat st;
	int parent = p->parent->fd;

	u->replaced = true;
	if (fstatat(parent, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "stat %.300s", p->path);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(parent, p->name, 0) < 0)
			return fail_errno(err, "replace %.300s", p->path);
		return 0;
	}
	autoclose int readable = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (readable < 0)
		return fail_errno(err, "open the directory of %.300s", p->path);
	return file_remove_tree(readable, p->name, err);
}

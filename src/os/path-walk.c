/* SPDX-License-Identifier: Apache-2.0
 * os/path-walk.c - see the top of path.c for why it walks this way. */
#include "os/path-walk.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"

#define MAX_LINKS 40   /* the kernel's limit */

struct walker {
	int root;
	int cur;                   /* descriptor of the current directory; -1: the root */
	struct path_walk w;
	char done[PATH_MAX];       /* link-free names from the root to cur, "a/b/c" */
	char rest[PATH_MAX * 2];   /* what is still to be walked */
	size_t at;                 /* where rest starts */
	int links;
};

static int current_dir(const struct walker *k)
{
	return k->cur >= 0 ? k->cur : k->root;
}

static void enter(struct walker *k, int fd)
{
	if (k->cur >= 0)
		close(k->cur);
	k->cur = fd;
}

/* Cuts the next component out of rest; NULL at the end. *ret_last: only slashes follow. */
static char *next_component(struct walker *k, bool *ret_last)
{
	char *p = k->rest + k->at + strspn(k->rest + k->at, "/");
	size_t len = strcspn(p, "/");

	if (len == 0)
		return NULL;
	char *end = p + len;
	*ret_last = end[strspn(end, "/")] == '\0';
	k->at = (size_t)(end - k->rest) + (*end == '/');
	*end = '\0';
	return p;
}

/* ".." by text: back to the root, then down the names known to be free of links. */
static int step_up(struct walker *k)
{
	char *slash = strrchr(k->done, '/');
	char names[PATH_MAX];
	int fd = -1;

	if (slash)
		*slash = '\0';
	else
		k->done[0] = '\0';
	memcpy(names, k->done, sizeof(names));
	for (char *p = names; *p;) {
		size_t len = strcspn(p, "/");
		char *next = p + len + (p[len] == '/');
		p[len] = '\0';
		int down = openat(fd >= 0 ? fd : k->root, p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int e = errno;
		if (fd >= 0)
			close(fd);
		if (down < 0)
			return -e;
		fd = down;
		p = next;
	}
	enter(k, fd);
	return 0;
}

/* Puts the link's text before the rest; an absolute one starts again at the root. */
static int expand_link(struct walker *k, int link_fd)
{
	char text[PATH_MAX + 1];
	ssize_t n = readlinkat(link_fd, "", text, PATH_MAX);

	if (n < 0)
		return -errno;
	if (k->w.beneath || ++k->links > MAX_LINKS)
		return -ELOOP;
	size_t rest = strlen(k->rest + k->at);
	if (n >= PATH_MAX || (size_t)n + 1 + rest >= sizeof(k->rest))
		return -ENAMETOOLONG;
	memmove(k->rest + n + 1, k->rest + k->at, rest + 1);
	memcpy(k->rest, text, n);
	k->rest[n] = '/';
	k->at = 0;
	if (text[0] == '/') {
		enter(k, -1);
		k->done[0] = '\0';
	}
	return 0;
}

static int remember(struct walker *k, const char *name)
{
	size_t n = strlen(k->done), len = strlen(name);

	if (n + 1 + len >= sizeof(k->done))
		return -ENAMETOOLONG;
	if (n > 0)
		k->done[n++] = '/';
	memcpy(k->done + n, name, len + 1);
	return 0;
}

static int make_component(struct walker *k, const char *name, bool last)
{
	int dir = current_dir(k);

	if (last && k->w.make == PATH_WALK_MAKE_FILE) {
		int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return errno == EEXIST ? 0 : -errno;
		fchmod(fd, 0644);
		close(fd);
	} else {
		mode_t old = umask(0);
		int r = mkdirat(dir, name, last ? k->w.dir_mode : k->w.dir_mode | 0700);
		int e = errno;
		umask(old);
		if (r < 0)
			return e == EEXIST ? 0 : -e;
	}
	if (last && k->w.ret_made)
		*k->w.ret_made = 1;
	return 0;
}

/* Opens one component without following it, creating it first when asked to. Descriptor or -errno. */
static int open_component(struct walker *k, const char *name, bool last)
{
	int fd = openat(current_dir(k), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || k->w.make == PATH_WALK_MAKE_NOTHING)
		return fd >= 0 ? fd : -errno;
	int r = make_component(k, name, last);
	if (r < 0)
		return r;
	fd = openat(current_dir(k), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

/* The last component with the caller's own flags; it is known not to be a link to follow. O_NOFOLLOW makes a link that
 * was exchanged in just now ELOOP. */
static int open_last(struct walker *k, const char *name)
{
	int fd = openat(current_dir(k), name, k->w.how.oflags | O_NOFOLLOW | O_CLOEXEC, k->w.how.mode);

	return fd >= 0 ? fd : -errno;
}

/* 1: finished, *ret_fd; 0: one step further; -errno. */
static int step(struct walker *k, const char *name, bool last, int *ret_fd)
{
	bool keep_link = last && (k->w.how.oflags & O_NOFOLLOW);
	struct stat st;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return k->w.beneath ? -EXDEV : step_up(k);
	int r = open_component(k, name, last);
	if (r == -ENOENT && last && (k->w.how.oflags & O_CREAT)) {
		*ret_fd = open_last(k, name);
		return *ret_fd < 0 ? *ret_fd : 1;
	}
	if (r < 0)
		return r;
	autoclose int fd = r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !keep_link)
		return expand_link(k, fd);
	if (last) {
		*ret_fd = open_last(k, name);
		return *ret_fd < 0 ? *ret_fd : 1;
	}
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	r = remember(k, name);
	if (r == 0)
		enter(k, take_fd(fd));
	return r;
}

/* The path ended in the current directory itself ("", ".", "a/.."). */
static int open_current(struct walker *k)
{
	int fd = openat(current_dir(k), ".", (k->w.how.oflags & ~(O_CREAT | O_EXCL)) | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

static int walk(struct walker *k)
{
	bool last = false;
	char *name;
	int fd = -1;

	while ((name = next_component(k, &last))) {
		int r = step(k, name, last, &fd);
		if (r != 0)
			return r < 0 ? r : fd;
	}
	return open_current(k);
}

int path_walk(int root, const char *path, struct path_walk w)
{
	struct walker k = { .root = root, .cur = -1, .w = w };
	size_t len = strlen(path);

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (w.beneath && path[0] == '/')
		return -EXDEV;
	memcpy(k.rest, path, len + 1);
	/* "name/" must be a directory, and a link there is followed, as for open(2) */
	if (len > 0 && path[len - 1] == '/')
		k.w.how.oflags = (k.w.how.oflags | O_DIRECTORY) & ~O_NOFOLLOW;
	int r = walk(&k);
	enter(&k, -1);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0
 * os/path.c - resolving hostile paths: openat2 where there is one, else a walker that needs nothing but openat().
 *
 * The walker (also used to create what is missing) keeps the current directory as a descriptor and, as text, the
 * link-free names that led to it from the root. A component is opened with O_PATH | O_NOFOLLOW; a link's text is put in
 * front of the rest of the path; ".." cuts the last name and walks down again from the root: the kernel is never asked
 * for "..", so a directory that somebody moves away under us cannot become a ladder out of the root. */
#include "os/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "os/path-walk.h"

#define OPENAT2_TRIES 256   /* EAGAIN: a rename or mount raced with "..": it was not our fault, try again */

/* The descriptor, or -errno. */
static int openat2_retry(int dirfd, const char *path, const struct open_how *how)
{
	for (int i = 0;; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
		if (fd >= 0)
			return fd;
		if (errno != EINTR && (errno != EAGAIN || i >= OPENAT2_TRIES))
			return -errno;
	}
}

/* openat2() is missing (ENOSYS) or hidden by an old container's seccomp filter (EPERM without a path being looked at). */
static bool has_no_openat2(int r)
{
	struct open_how probe = { .flags = O_PATH | O_CLOEXEC };

	if (r == -ENOSYS)
		return true;
	if (r != -EPERM)
		return false;
	int fd = openat2_retry(AT_FDCWD, "/", &probe);
	if (fd >= 0)
		close(fd);
	return fd == -EPERM;
}

static struct open_how open_how_for(struct path_open how, uint64_t resolve)
{
	return (struct open_how){
		.flags = (uint64_t)(how.oflags | O_CLOEXEC),
		.mode = how.oflags & (O_CREAT | __O_TMPFILE) ? how.mode : 0,
		.resolve = resolve,
	};
}

static const char *path_or_dot(const char *path)
{
	return *path ? path : ".";
}

/* As path_open_in_root() without an error text: the descriptor or -errno. */
static int try_open_in_root(int root, const char *path, struct path_open how)
{
	int r = -ENOSYS;

	path = path_or_dot(path);
	if (!(how.flags & PATH_WALK)) {
		struct open_how oh = open_how_for(how, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		r = openat2_retry(root, path, &oh);
	}
	if ((how.flags & PATH_WALK) || has_no_openat2(r))
		r = path_walk(root, path, (struct path_walk){ .how = how });
	return r;
}

int path_open_in_root(int root, const char *path, struct path_open how, struct error *err)
{
	int r = try_open_in_root(root, path, how);

	return r >= 0 ? r : fail_with(err, -r, "%s", path_or_dot(path));
}

int path_open_beneath(int dir, const char *path, struct path_open how, struct error *err)
{
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	int r = -ENOSYS;

	path = path_or_dot(path);
	if (how.flags & PATH_NO_XDEV)
		resolve |= RESOLVE_NO_XDEV;
	if (!(how.flags & PATH_WALK)) {
		struct open_how oh = open_how_for(how, resolve);
		r = openat2_retry(dir, path, &oh);
	}
	if ((how.flags & PATH_WALK) || has_no_openat2(r))
		r = path_walk(dir, path, (struct path_walk){ .how = how, .beneath = true });
	return r >= 0 ? r : fail_with(err, -r, "%s", path);
}

/* Splits off the last component: its start and length; trailing slashes do not count. False: there is none. */
static bool last_component(const char *path, size_t *ret_start, size_t *ret_len)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	*ret_start = start;
	*ret_len = end - start;
	return end > start;
}

int path_open_parent_in_root(int root, const char *path, struct path_parent how, char name[NAME_MAX + 1],
			     struct error *err)
{
	struct path_open dir_how = { .oflags = O_PATH | O_DIRECTORY, .flags = how.flags };
	char parent[PATH_MAX];
	size_t start, len;

	if (!last_component(path, &start, &len))
		return fail_with(err, EISDIR, "%s", path_or_dot(path));
	if (len > NAME_MAX || start >= sizeof(parent))
		return fail_with(err, ENAMETOOLONG, "%s", path);
	if (strncmp(path + start, "..", len) == 0)   /* "." or "..": names no entry of its own */
		return fail_with(err, EINVAL, "%s", path);
	memcpy(parent, path, start);
	parent[start] = '\0';
	int fd = how.make ? path_mkdirs_in_root(root, parent, 0755, how.flags, err)
			  : path_open_in_root(root, parent, dir_how, err);
	if (fd < 0)
		return -1;
	memcpy(name, path + start, len);
	name[len] = '\0';
	return fd;
}

int path_mkdirs_in_root(int root, const char *path, mode_t mode, unsigned flags, struct error *err)
{
	struct path_open how = { .oflags = O_PATH | O_DIRECTORY, .flags = flags };
	int r = try_open_in_root(root, path, how);

	if (r == -ENOENT)
		r = path_walk(root, path_or_dot(path),
			      (struct path_walk){ .how = how, .make = PATH_WALK_MAKE_DIR, .dir_mode = mode });
	return r >= 0 ? r : fail_with(err, -r, "make directory %s", path_or_dot(path));
}

int path_make_target_in_root(int root, const char *path, bool directory, unsigned flags, bool *ret_made,
			     struct error *err)
{
	struct path_open how = { .oflags = O_PATH | (directory ? O_DIRECTORY : 0), .flags = flags };
	int made = 0, r = try_open_in_root(root, path, how);
	struct stat st;

	if (r == -ENOENT)
		r = path_walk(root, path_or_dot(path),
			      (struct path_walk){ .how = how,
						  .make = directory ? PATH_WALK_MAKE_DIR : PATH_WALK_MAKE_FILE,
						  .dir_mode = 0755, .ret_made = &made });
	if (r < 0)
		return fail_with(err, -r, "make mount target %s", path_or_dot(path));
	autoclose int fd = r;
	if (!directory && (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)))
		return fail_with(err, EISDIR, "make mount target %s", path);
	if (ret_made)
		*ret_made = made;
	return take_fd(fd);
}

int path_reopen(int fd, int oflags, struct error *err)
{
	char link[64];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "reopen a descriptor");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return fail(err, ERROR_INVALID, "neither a regular file nor a directory");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int r = open(link, (oflags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY);
	return r >= 0 ? r : fail_errno(err, "reopen a descriptor");
}

int path_of_fd(int fd, char buf[PATH_MAX], struct error *err)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, buf, PATH_MAX);
	if (n < 0)
		return fail_errno(err, "%s", link);
	if (n >= PATH_MAX)
		return fail_with(err, ENAMETOOLONG, "%s", link);
	buf[n] = '\0';
	return 0;
}

int path_verify_in_root(int root, int fd, struct error *err)
{
	char root_name[PATH_MAX], name[PATH_MAX];
	struct stat st;

	TRY(path_of_fd(root, root_name, err));
	TRY(path_of_fd(fd, name, err));
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "verify a path");
	if (name[0] != '/' || st.st_nlink == 0)
		return fail(err, ERROR_DENIED, "%s: deleted or unreachable", name);
	if (!path_text_is_below(root_name, name))
		return fail(err, ERROR_DENIED, "%s: outside of %s", name, root_name);
	return 0;
}

int path_verify_cwd(struct error *err)
{
	char cwd[PATH_MAX];

	/* the raw call: glibc's wrapper turns "(unreachable)" into a search through ".." */
	long n = syscall(SYS_getcwd, cwd, sizeof(cwd));
	if (n < 0)
		return fail_errno(err, "current directory");
	return cwd[0] == '/' ? 0 : fail(err, ERROR_DENIED, "the current directory is outside of the container's root");
}

int path_readlink(int dirfd, const char *name, char **ret, struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, text, sizeof(text));

	if (n < 0)
		return fail_errno(err, "readlink %s", name);
	if (n >= (ssize_t)sizeof(text))
		return fail_with(err, ENAMETOOLONG, "readlink %s", name);
	char *copy = strndup(text, n);
	if (!copy)
		return fail_oom(err);
	*ret = copy;
	return 0;
}

/* Removes the last component of the n bytes at out; false when ".." has nothing to cut. */
static bool cut_component(char *out, size_t *n, bool rooted)
{
	size_t i = *n;

	if (i == 0 || (i >= 2 && out[i - 1] == '.' && out[i - 2] == '.' && (i == 2 || out[i - 3] == '/')))
		return rooted;
	while (i > 0 && out[i - 1] != '/')
		i--;
	*n = i > 0 ? i - 1 : 0;
	return true;
}

char *path_clean(const char *path)
{
	bool rooted = path[0] == '/';
	char *out = malloc(strlen(path) + 2);
	size_t n = 0;   /* bytes behind the optional leading slash */

	if (!out)
		return NULL;
	char *body = out + rooted;
	out[0] = '/';
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		bool dotdot = len == 2 && p[0] == '.' && p[1] == '.';
		if (len > 0 && !(len == 1 && p[0] == '.') && !(dotdot && cut_component(body, &n, rooted))) {
			if (n > 0)
				body[n++] = '/';
			memmove(body + n, p, len);
			n += len;
		}
		p += len + (p[len] == '/');
	}
	if (n == 0 && !rooted)
		body[n++] = '.';
	body[n] = '\0';
	return out;
}

bool path_text_is_below(const char *dir, const char *p)
{
	size_t n = strlen(dir);

	if (n == 1 && dir[0] == '/')
		return p[0] == '/';
	return strncmp(dir, p, n) == 0 && (p[n] == '/' || p[n] == '\0');
}

bool path_is_name(const char *name)
{
	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
	       strlen(name) <= NAME_MAX;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "build/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "os/file.h"
#include "os/overlay-marks.h"
#include "os/path.h"

enum { LINKS_MAX = 40, LIST_MAX = 65536 };

/* ---- resolving ---- */
/* The kernel's name of fd, seen from root: a detached mount's names begin at its root, a directory's at the host's. */
static int name_below(int root, int fd, char ret[PATH_MAX], struct error *err)
{
	char top[PATH_MAX], name[PATH_MAX];

	if (path_of_fd(root, top, err) < 0 || path_of_fd(fd, name, err) < 0)
		return -1;
	const char *rest = streq(top, "/") ? name : str_after(name, top);
	if (!rest || (*rest && *rest != '/'))
		return fail(err, ERROR_DENIED, "%s: not below %s", name, top);
	snprintf(ret, PATH_MAX, "%s", *rest ? rest : "/");
	return 0;
}

/* 1: it exists, canonical name in ret; 0: ENOENT. */
static int try_open(int view, const char *path, char ret[PATH_MAX], mode_t *ret_type, struct error *err)
{
	struct stat st;
	autoclose int fd = view < 0 ? -1 : path_open_in_root(view, path, (struct path_open){ .oflags = O_PATH }, err);

	if (fd < 0)
		return view < 0 || err->errnum == ENOENT ? 0 : -1;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "stat %s", path);
	if (ret_type)
		*ret_type = st.st_mode & S_IFMT;
	return name_below(view, fd, ret, err) < 0 ? -1 : 1;
}

static int join(char to[PATH_MAX], const char *dir, const char *name, struct error *err)
{
	int n = snprintf(to, PATH_MAX, "%s%s%s", dir, streq(dir, "/") ? "" : "/", name);

	return n < PATH_MAX ? 0 : fail_with(err, ENAMETOOLONG, "%s/%s", dir, name);
}

/* The link `name` in the existing directory `dir` of the view: 1 and its target made absolute; 0: no link. */
static int read_link(int view, const char *dir, const char *name, char target[PATH_MAX], struct error *err)
{
	struct stat st;
	autofree char *text = NULL;
	autoclose int fd = path_open_in_root(view, dir, (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, err);

	if (fd < 0)
		return -1;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	TRY(path_readlink(fd, name, &text, err));
	if (*text == '/')
		return snprintf(target, PATH_MAX, "%s", text) < PATH_MAX ? 1 : fail_with(err, ENAMETOOLONG, "%s", text);
	return join(target, dir, text, err) < 0 ? -1 : 1;
}

static int resolve(int view, const char *path, char ret[PATH_MAX], mode_t *ret_type, int links, struct error *err)
{
	char parent[PATH_MAX], target[PATH_MAX];
	autofree char *clean = path_clean(path);

	if (!clean)
		return fail_oom(err);
	int found = try_open(view, clean, ret, ret_type, err);
	if (found)
		return found;
	char *slash = strrchr(clean, '/');
	if (!slash || !slash[1]) {
		snprintf(ret, PATH_MAX, "/");
		if (ret_type)
			*ret_type = S_IFDIR;
		return 1;
	}
	const char *name = slash + 1;
	*slash = '\0';
	found = resolve(view, *clean ? clean : "/", parent, NULL, links, err);
	if (found < 0)
		return -1;
	int is_link = found && view >= 0 ? read_link(view, parent, name, target, err) : 0;
	if (is_link < 0)
		return -1;
	if (is_link)
		return links ? resolve(view, target, ret, ret_type, links - 1, err) : fail_with(err, ELOOP, "%s", path);
	return join(ret, parent, name, err) < 0 ? -1 : 0;
}

int place_resolve(int view, const char *path, char ret[PATH_MAX], mode_t *ret_type, struct error *err)
{
	autofree char *absolute = NULL;

	TRY(str_printf(&absolute, err, "/%s", path));
	return resolve(view, absolute, ret, ret_type, LINKS_MAX, err);
}

/* ---- making ---- */
static bool counts(const char *name)
{
	return (str_after(name, "user.") && !str_after(name, "user.overlay.")) || streq(name, "security.capability");
}

static int copy_attributes(int from, int to, struct error *err)
{
	char list[LIST_MAX], value[LIST_MAX];
	ssize_t n = flistxattr(from, list, sizeof(list));

	for (char *name = list; n > 0 && name < list + n; name += strlen(name) + 1) {
		if (!counts(name))
			continue;
		ssize_t len = fgetxattr(from, name, value, sizeof(value));
		if (len < 0)
			continue;
		if (fsetxattr(to, name, value, (size_t)len, 0) < 0 && errno != EPERM && errno != EOPNOTSUPP)
			return fail_errno(err, "set attribute %s", name);
	}
	return 0;
}

/* Most have none: the buffers, which are zeroed, cost more than to ask. */
int place_copy_attributes(int from, int to, struct error *err)
{
	return flistxattr(from, NULL, 0) > 0 ? copy_attributes(from, to, err) : 0;
}

static int copy_directory_state(int view_fd, int fd, struct error *err)
{
	struct stat st;

	if (fstat(view_fd, &st) < 0)
		return fail_errno(err, "stat");
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return fail_errno(err, "set owner and mode of a directory");
	autoclose int readable = path_reopen(view_fd, O_RDONLY | O_DIRECTORY, err);
	if (readable < 0)
		return -1;
	TRY(place_copy_attributes(readable, fd, err));
	return futimens(fd, times) < 0 ? fail_errno(err, "set times of a directory") : 0;
}

static int open_child(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int own_new(int fd, struct place_owner owner, struct error *err)
{
	if (fchown(fd, owner.uid, owner.gid) < 0 || fchmod(fd, owner.mode) < 0)
		return fail_errno(err, "set owner and mode of a directory");
	return 0;
}

static bool is_whiteout(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is(dir, name, &st);
}

int place_mkdir(int dir, const char *name, bool *ret_made, struct error *err)
{
	int fd = open_child(dir, name);

	*ret_made = false;
	if (fd >= 0)
		return fd;
	bool hides = is_whiteout(dir, name);
	if (errno != ENOENT && unlinkat(dir, name, 0) < 0)
		return fail_errno(err, "replace %s", name);
	if (mkdirat(dir, name, 0700) < 0 || (fd = open_child(dir, name)) < 0)
		return fail_errno(err, "make directory %s", name);
	*ret_made = true;
	if (hides && opaque_make(fd) < 0) {
		fail_errno(err, "mark directory %s opaque", name);
		close(fd);
		return -1;
	}
	return fd;
}

/* One component: *up becomes the child, *view too (-1: the image has none). */
static int descend(int *view, int *up, const char *name, struct place_owner owner, bool *made, struct error *err)
{
	autoclose int below = *view < 0 ? -1 : openat(*view, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool is_new;
	autoclose int child = place_mkdir(*up, name, &is_new, err);

	if (child < 0)
		return -1;
	*made = is_new && below < 0;
	if (is_new)
		TRY(below < 0 ? own_new(child, owner, err) : copy_directory_state(below, child, err));
	close_p(up);
	close_p(view);
	*up = take_fd(child);
	*view = take_fd(below);
	return 0;
}

int place_mkdirs(int view, int upper, const char *path, struct place_owner owner, bool *ret_made, struct error *err)
{
	autoclose int up = openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int below = view < 0 ? -1 : openat(view, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool made = false;

	if (up < 0)
		return fail_errno(err, "open directory");
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		char name[NAME_MAX + 1];
		if (n > NAME_MAX)
			return fail_with(err, ENAMETOOLONG, "%s", path);
		memcpy(name, p, n);
		name[n] = '\0';
		if (n && descend(&below, &up, name, owner, &made, err) < 0)
			return fail_wrap(err, "%s", path);
		p += n + (p[n] == '/');
	}
	if (ret_made)
		*ret_made = made;
	return take_fd(up);
}

int place_target(int view, int tree, const char *path, bool directory, struct error *err)
{
	char real[PATH_MAX];
	int found = place_resolve(view, path, real, NULL, err);
	const struct place_owner root = { 0, 0, 0755 };

	if (found)
		return found < 0 ? -1 : 0;
	if (directory) {
		int fd = place_mkdirs(view, tree, real, root, NULL, err);
		close_p(&fd);
		return fd < 0 ? -1 : 1;
	}
	char *slash = strrchr(real, '/');
	*slash = '\0';
	autoclose int dir = place_mkdirs(view, tree, real, root, NULL, err);
	if (dir < 0)
		return -1;
	autoclose int fd = openat(dir, slash + 1, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? fail_errno(err, "make %s", path) : 1;
}

/* ---- names ---- */
int place_list(int dir, struct strv *ret, struct error *err)
{
	DIR *d = file_stream(dir, ".");
	struct dirent *e;
	int r = 0;

	if (!d)
		return fail_errno(err, "open directory");
	while (r >= 0 && (errno = 0, e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = strv_add(ret, e->d_name, err);
	if (r >= 0 && errno)
		r = fail_errno(err, "read directory");
	closedir(d);
	strv_sort(ret);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0
 * os/mount-table.c - what is mounted: mount ids, statmount, mountinfo. */
#include "os/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/field.h"
#include "os/file.h"
#include "os/path.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#define STATX_MNT_ID_UNIQUE_ 0x4000U   /* 6.8 */
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* statx() with the given mount id kind. True when the kernel filled it in. */
static bool read_mount_id(int fd, unsigned mask, struct statx *stx)
{
	/* glibc 2.36's struct has the field since 2.33 (stx_mnt_id) */
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, stx) == 0 && (stx->stx_mask & mask);
}

int mount_id(int fd, uint64_t *ret, struct error *err)
{
	struct statx stx;

	if (!read_mount_id(fd, STATX_MNT_ID_UNIQUE_, &stx) && !read_mount_id(fd, STATX_MNT_ID, &stx))
		return fail(err, ERROR_UNSUPPORTED, "the kernel does not tell mount ids: Linux 5.8 or later is needed");
	*ret = stx.stx_mnt_id;
	return 0;
}

/* The fixed part of the kernel's struct statmount (6.8); strings follow at 512. */
struct statmount_fixed {
	uint32_t size, mnt_opts;
	uint64_t mask;
	uint32_t sb_dev_major, sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags, fs_type;
	uint64_t mnt_id, mnt_parent_id;
	uint32_t mnt_id_old, mnt_parent_id_old;
	uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	uint32_t mnt_root, mnt_point;
	uint8_t spare[512 - 112];
	char str[1024];
};
_Static_assert(offsetof(struct statmount_fixed, str) == 512, "layout of struct statmount");

struct mnt_id_req_v0 {
	uint32_t size, spare;
	uint64_t mnt_id, param;
};

#define ASK_SB_BASIC  1
#define ASK_MNT_BASIC 2
#define ASK_ROOT      8
#define ASK_FSTYPE    0x20

static void copy_text(char *to, size_t size, const struct statmount_fixed *s, uint64_t bit, uint32_t off)
{
	if ((s->mask & bit) && off < sizeof(s->str))
		snprintf(to, size, "%.*s", (int)(sizeof(s->str) - off), s->str + off);
}

/* True when statmount(2) knew the mount. */
static bool stat_by_kernel(uint64_t id, struct mount_stat *ret)
{
	struct mnt_id_req_v0 req = { .size = sizeof(req), .mnt_id = id,
				     .param = ASK_SB_BASIC | ASK_MNT_BASIC | ASK_ROOT | ASK_FSTYPE };
	struct statmount_fixed s = { 0 };

	if (syscall(SYS_statmount, &req, &s, sizeof(s), 0) < 0)
		return false;
	*ret = (struct mount_stat){
		.id = s.mnt_id, .parent_id = s.mnt_parent_id, .attrs = s.mnt_attr, .propagation = s.mnt_propagation,
		.sb_magic = (uint32_t)s.sb_magic, .sb_flags = s.sb_flags,
		.dev_major = s.sb_dev_major, .dev_minor = s.sb_dev_minor,
	};
	copy_text(ret->fstype, sizeof(ret->fstype), &s, ASK_FSTYPE, s.fs_type);
	copy_text(ret->root, sizeof(ret->root), &s, ASK_ROOT, s.mnt_root);
	return true;
}

static uint64_t attrs_of_statfs(unsigned long flags)
{
	static const struct { unsigned long st; uint64_t attr; } map[] = {
		{ ST_RDONLY, MOUNT_ATTR_RDONLY }, { ST_NOSUID, MOUNT_ATTR_NOSUID }, { ST_NODEV, MOUNT_ATTR_NODEV },
		{ ST_NOEXEC, MOUNT_ATTR_NOEXEC }, { ST_NOATIME, MOUNT_ATTR_NOATIME },
		{ ST_NODIRATIME, MOUNT_ATTR_NODIRATIME }, { 0x2000 /* ST_NOSYMFOLLOW */, MOUNT_ATTR_NOSYMFOLLOW },
	};
	uint64_t attrs = 0;

	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		attrs |= flags & map[i].st ? map[i].attr : 0;
	return attrs;
}

int mount_stat(int fd, struct mount_stat *ret, struct error *err)
{
	struct statfs fs;
	struct stat st;
	uint64_t id;

	TRY(mount_id(fd, &id, err));
	if (stat_by_kernel(id, ret))
		return 0;
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return fail_errno(err, "look at a mount");
	*ret = (struct mount_stat){
		.id = id, .attrs = attrs_of_statfs((unsigned long)fs.f_flags), .sb_magic = (uint32_t)fs.f_type,
		.dev_major = major(st.st_dev), .dev_minor = minor(st.st_dev),
	};
	return 0;
}

bool mount_is_fstype(int fd, uint32_t magic)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == magic;
}

/* ---- mountinfo ---- */

static void mountinfo_entry_done(struct mountinfo *m)
{
	free(m->root);
	free(m->target);
	free(m->options);
	free(m->optional);
	free(m->fstype);
	free(m->source);
	free(m->super_options);
}

void mountinfo_done(struct mountinfo_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mountinfo_entry_done(&l->v[i]);
	free(l->v);
	*l = (struct mountinfo_list){ 0 };
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* A copy with \040 and friends undone; NULL when out of memory. */
static char *unescape(const char *s, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < len; i++) {
		if (s[i] == '\\' && i + 3 < len && is_octal(s[i + 1]) && is_octal(s[i + 2]) && is_octal(s[i + 3])) {
			out[n++] = (char)((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = s[i];
		}
	}
	if (out)
		out[n] = '\0';
	return out;
}

/* The next blank-separated word of the line; false at its end. */
static bool next_word(const char **p, const char **word, size_t *len)
{
	*p += strspn(*p, " ");
	*word = *p;
	*len = strcspn(*p, " \n");
	*p += *len;
	return *len > 0;
}

static bool take_word(const char **p, char **ret)
{
	const char *word;
	size_t len;

	if (!next_word(p, &word, &len))
		return false;
	*ret = unescape(word, len);
	return *ret != NULL;
}

/* Everything up to the lone "-". */
static bool take_optional(const char **p, char **ret)
{
	const char *word, *start = *p + strspn(*p, " ");
	size_t len;

	while (next_word(p, &word, &len))
		if (len == 1 && word[0] == '-') {
			size_t n = (size_t)(word - start);
			*ret = unescape(start, n > 0 ? n - 1 : 0);
			return *ret != NULL;
		}
	return false;
}

static bool parse_line(const char *p, struct mountinfo *m)
{
	unsigned long long id, parent;
	int used = 0;

	if (sscanf(p, "%llu %llu %u:%u%n", &id, &parent, &m->major, &m->minor, &used) != 4)
		return false;
	m->id = id;
	m->parent_id = parent;
	p += used;
	return take_word(&p, &m->root) && take_word(&p, &m->target) && take_word(&p, &m->options) &&
	       take_optional(&p, &m->optional) && take_word(&p, &m->fstype) && take_word(&p, &m->source) &&
	       take_word(&p, &m->super_options);
}

int mountinfo_parse(const char *text, struct mountinfo_list *ret, struct error *err)
{
	auto_mountinfo all = { 0 };
	struct list l = { 0 };

	for (const char *line = text; *line;) {
		struct mountinfo *m = list_add(&l, sizeof(*m), err);
		all = (struct mountinfo_list){ .v = l.v, .n = l.n };
		if (!m)
			return -1;
		if (!parse_line(line, m))
			return fail(err, ERROR_CORRUPT, "mountinfo: cannot understand line %zu", l.n);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	mountinfo_done(ret);
	*ret = all;
	all = (struct mountinfo_list){ 0 };
	return 0;
}

int mountinfo_load(pid_t pid, struct mountinfo_list *ret, struct error *err)
{
	char path[64];
	autofree char *text = NULL;

	if (pid == 0)
		snprintf(path, sizeof(path), "/proc/self/mountinfo");
	else
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	int r = file_read(AT_FDCWD, path, (size_t)64 << 20, &text, NULL, err);
	if (r == 0)
		return fail_with(err, ENOENT, "%s", path);
	return r < 0 ? -1 : mountinfo_parse(text, ret, err);
}

const struct mountinfo *mountinfo_find(const struct mountinfo_list *l, const char *path)
{
	const struct mountinfo *best = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct mountinfo *m = &l->v[i];
		if (path_text_is_below(m->target, path) && (!best || strlen(m->target) >= strlen(best->target)))
			best = m;
	}
	return best;
}

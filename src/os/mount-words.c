/* SPDX-License-Identifier: Apache-2.0
 * os/mount-words.c - the words of mount options and what they mean. The "r" forms are the runtime spec's recursive
 * ones. Setting an access-time mode must clear the whole field (mount_setattr(2)). */
#include "os/mount.h"

#include <string.h>
#include <sys/mount.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum word_kind { WORD_ATTR, WORD_PROPAGATION, WORD_FLAG, WORD_NOTHING };

struct word {
	const char *name;
	enum word_kind kind;
	uint64_t set, clear;      /* WORD_ATTR, WORD_PROPAGATION (set) */
	size_t off;               /* WORD_FLAG: the bool */
	bool off_value;           /* WORD_FLAG: what it becomes */
	bool recursive;
	bool super_ro, super_rw;
};

#define ATTR(n, s, c) { .name = n, .kind = WORD_ATTR, .set = s, .clear = c }, \
		      { .name = "r" n, .kind = WORD_ATTR, .set = s, .clear = c, .recursive = true }
#define FLAG(n, member, value) { .name = n, .kind = WORD_FLAG, .off = offsetof(struct mount_flags, member), \
				 .off_value = value }
#define PROP(n, s) { .name = n, .kind = WORD_PROPAGATION, .set = s }, \
		   { .name = "r" n, .kind = WORD_PROPAGATION, .set = s, .recursive = true }

static const struct word words[] = {
	{ .name = "defaults", .kind = WORD_NOTHING },
	{ .name = "ro", .kind = WORD_ATTR, .set = MOUNT_ATTR_RDONLY, .super_ro = true },
	{ .name = "rw", .kind = WORD_ATTR, .clear = MOUNT_ATTR_RDONLY, .super_rw = true },
	{ .name = "rro", .kind = WORD_ATTR, .set = MOUNT_ATTR_RDONLY, .recursive = true },
	{ .name = "rrw", .kind = WORD_ATTR, .clear = MOUNT_ATTR_RDONLY, .recursive = true },
	ATTR("nosuid", MOUNT_ATTR_NOSUID, 0),
	ATTR("suid", 0, MOUNT_ATTR_NOSUID),
	ATTR("nodev", MOUNT_ATTR_NODEV, 0),
	ATTR("dev", 0, MOUNT_ATTR_NODEV),
	ATTR("noexec", MOUNT_ATTR_NOEXEC, 0),
	ATTR("exec", 0, MOUNT_ATTR_NOEXEC),
	ATTR("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
	ATTR("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
	ATTR("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
	ATTR("diratime", 0, MOUNT_ATTR_NODIRATIME),
	ATTR("noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
	ATTR("atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
	ATTR("relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
	ATTR("norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
	ATTR("strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
	ATTR("nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
	PROP("private", MS_PRIVATE),
	PROP("shared", MS_SHARED),
	PROP("slave", MS_SLAVE),
	PROP("unbindable", MS_UNBINDABLE),
	FLAG("bind", bind, true),
	FLAG("rbind", rbind, true),
	FLAG("sync", sync, true),
	FLAG("async", sync, false),
	FLAG("dirsync", dirsync, true),
	FLAG("mand", mand, true),
	FLAG("nomand", mand, false),
	FLAG("lazytime", lazytime, true),
	FLAG("nolazytime", lazytime, false),
	FLAG("silent", silent, true),
	FLAG("loud", silent, false),
	FLAG("iversion", iversion, true),
	FLAG("noiversion", iversion, false),
	FLAG("tmpcopyup", tmpcopyup, true),
	FLAG("copy-symlink", copy_symlink, true),
	FLAG("idmap", idmap, true),
	FLAG("ridmap", ridmap, true),
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i].name, name))
			return &words[i];
	return NULL;
}

static void set_attr(const struct word *w, struct mount_flags *f)
{
	uint64_t *set = w->recursive ? &f->rec_set : &f->attr_set;
	uint64_t *clear = w->recursive ? &f->rec_clear : &f->attr_clear;

	*set = (*set & ~w->clear) | w->set;
	/* a bit asked for is not cleared, except that the access-time field is always cleared whole */
	*clear = (*clear & ~(w->set & ~MOUNT_ATTR__ATIME)) | w->clear;
	if (w->super_ro || w->super_rw)
		f->super_ro = w->super_ro;
}

/* "idmap=uids=0-1-10#5-6-10;gids=0-1-10": taken apart where the mapping is needed. */
static int parse_idmap(const char *word, struct mount_flags *f, struct error *err)
{
	const char *text = str_after(word, "idmap="), *rec = str_after(word, "ridmap=");

	if (!text && !rec)
		return 0;
	f->idmap = text != NULL;
	f->ridmap = rec != NULL;
	f->idmap_text = text ? text : rec;
	if (!*f->idmap_text)
		return fail(err, ERROR_INVALID, "mount option %s: empty mapping", word);
	return 1;
}

int mount_flag_parse(const char *word, struct mount_flags *f, struct error *err)
{
	const struct word *w = find_word(word);

	if (!w)
		return parse_idmap(word, f, err);
	switch (w->kind) {
	case WORD_ATTR:
		set_attr(w, f);
		break;
	case WORD_PROPAGATION:
		f->propagation = w->set;
		f->propagation_rec = w->recursive;
		break;
	case WORD_FLAG:
		*(bool *)((char *)f + w->off) = w->off_value;
		break;
	case WORD_NOTHING:
		break;
	}
	return 1;
}

const char *mount_flag_word(size_t i)
{
	return i < ARRAY_LEN(words) ? words[i].name : NULL;
}

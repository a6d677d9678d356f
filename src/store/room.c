/* SPDX-License-Identifier: Apache-2.0
 * store/room.c - the room that a removal needs on a full disk.
 *
 * Whoever removes writes first: lock files, a stage, pages of the index's WAL. On a full disk that fails, and with it the
 * only way to get room again. So the store owns a file of some pages that holds nothing: given up when there is less room
 * than it takes and somebody wants to remove something, made again when there is room (at the end of that command, or by
 * the next removal). Nobody needs it to be there. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "os/file.h"

#define RESERVE_NAME "reserve"
enum {
	RESERVE_BYTES = 512 << 10,
	LITTLE_BYTES = 512 << 10,    /* below this, the reserve goes */
	ENOUGH_BYTES = 2 << 20,      /* above this, it comes back */
};

static int64_t room_left(const struct store *s)
{
	struct statvfs fs;

	return fstatvfs(s->root_fd, &fs) < 0 ? INT64_MAX : (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

/* A copy of a store may have the file without its blocks. */
static bool is_reserved(const struct store *s)
{
	struct stat st;

	return fstatat(s->root_fd, RESERVE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_blocks * 512 >= RESERVE_BYTES;
}

void store_reserve_room(struct store *s)
{
	if (room_left(s) < ENOUGH_BYTES)
		return;
	autoclose int fd = openat(s->root_fd, RESERVE_NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	s->reserve_gone = false;
	if (fd < 0)
		return;
	/* a file system that cannot allocate ahead has no reserve */
	if (fallocate(fd, 0, 0, RESERVE_BYTES) < 0)
		unlinkat(s->root_fd, RESERVE_NAME, 0);
}

void store_make_room(struct store *s)
{
	if (s->reserve_gone)
		return;
	if (room_left(s) >= LITTLE_BYTES) {
		if (!is_reserved(s))
			store_reserve_room(s);
		return;
	}
	unlinkat(s->root_fd, RESERVE_NAME, 0);
	s->reserve_gone = true;
}

/* SPDX-License-Identifier: Apache-2.0
 * store/reset.c - system reset: everything goes, mounts first. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "os/file.h"
#include "os/mount.h"
#include "store/check.h"
#include "store/internal.h"

static int remove_entry(void *arg, int dir, const char *name, struct error *err)
{
	return file_remove_tree(dir, name, err);
}

static int detach_all(struct store *s, const char *root, struct error *err)
{
	auto_mountinfo mounts = { 0 };
	size_t n = strlen(root);

	TRY(mountinfo_load(0, &mounts, err));
	for (size_t i = mounts.n; i > 0; i--) {
		const char *target = mounts.v[i - 1].target;
		if (strncmp(target, root, n) == 0 && target[n] == '/')
			TRY(mount_detach(target, err));
	}
	return 0;
}

int store_reset(struct store *s, struct error *err)
{
	auto_lock l = LOCK_INIT;

	TRY(lock_acquire(s->root_fd, "locks/epoch", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, store_timeout(s, -1) }, &l,
			 err));
	store_forget_databases(s);
	TRY(detach_all(s, s->root, err));
	TRY(detach_all(s, s->runroot, err));
	/* the format mark first: killed half-way, the next command makes the store anew */
	if (unlinkat(s->root_fd, "format", 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove %s/format", s->root);
	TRY(dir_each(s->runroot_fd, ".", remove_entry, NULL, err));
	return dir_each(s->root_fd, ".", remove_entry, NULL, err);
}

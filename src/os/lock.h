/* SPDX-License-Identifier: Apache-2.0
 * os/lock.h - locks on files between processes (open file description locks).
 *
 * A lock belongs to its descriptor: it ends with lock_release(), or when the last duplicate of the descriptor is closed
 * (so with the process, however it dies). Close-on-exec; a forked child shares the parent's lock until it closes or
 * execs. Lock files are made on demand (mode 0600) and never removed while others may wait on them.
 *
 * One fixed order, top to bottom; several locks of one class in the order of their names. The database transaction is
 * the leaf. Held for changes of state only: never while a container runs or a registry is slow. Readers take none.
 * Builds without NDEBUG record what a thread holds and abort() on an inversion. Allocates only to name a holder after
 * a timeout: usable after fork(), not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum lock_class {
	LOCK_UNORDERED,   /* not part of the order: held alone or as the very leaf */
	LOCK_EPOCH,
	LOCK_STORE_GC,
	LOCK_IMAGE,
	LOCK_NETWORK,
	LOCK_VOLUME,
	LOCK_POD,
	LOCK_CONTAINER,
	LOCK_CLASS_MAX
};

enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock {
	int fd;                  /* -1: not held */
	enum lock_class class;
};
#define LOCK_INIT { .fd = -1 }

struct lock_how {
	enum lock_mode mode;
	enum lock_class class;
	int64_t timeout_ns;   /* 0: try once; < 0: LOCK_TIMEOUT_DEFAULT */
};
#define LOCK_TIMEOUT_DEFAULT INT64_C(60000000000)

/* Takes the lock on the file name in dirfd. 1: held, *ret owns it; 0: timeout_ns was 0 and somebody else holds it;
 * -1: error; waiting in vain is ERROR_TIMEOUT, the text names the holders (pid, command). */
int lock_acquire(int dirfd, const char *name, struct lock_how how, struct lock *ret, struct error *err);
/* The same on a file that is already open; *ret takes fd over when the lock is held. */
int lock_acquire_fd(int fd, const char *what, struct lock_how how, struct lock *ret, struct error *err);
/* Changes a held exclusive lock to a shared one, without a gap. */
int lock_downgrade(struct lock *l, struct error *err);
void lock_release(struct lock *l);   /* also of a lock that is not held */
/* Our descriptor goes, the lock lives on with the process that inherited it. */
void lock_hand_over(struct lock *l);
#define auto_lock CLEANUP(lock_release) struct lock

/* Whether somebody (else) holds a lock on the file that conflicts with `mode`. 1 yes, 0 no or no such file. */
int lock_is_held(int dirfd, const char *name, enum lock_mode mode, struct error *err);

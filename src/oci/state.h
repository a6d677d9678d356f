/* SPDX-License-Identifier: Apache-2.0
 * oci/state.h - the state directory of umiak-oci: what `create` leaves for `start`, `exec`, `kill` and `delete`.
 *
 * ROOT/ID/status       this record as JSON, replaced by rename
 * ROOT/ID/config.json  the bundle's configuration as it was at create
 * ROOT/ID/start        socket of the child that waits for *start*; gone once started
 * ROOT/ID/lock         OFD-locked while a command changes the container
 *
 * ROOT is --root, else $XDG_RUNTIME_DIR/umiak-oci, else /run/umiak-oci (for users other than root:
 * /run/user/UID/umiak-oci). The engine does not use this: it keeps its own records. A container whose process is
 * gone is "stopped", whatever the record says: the pid is believed only together with its start time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct oci_state {
	char *id, *bundle, *rootfs, *created, *cgroup_path, *owner;
	char *descriptors;        /* where stdin, stdout, stderr led at create: a JSON list of three strings */
	int64_t pid;
	uint64_t start_time;      /* field 22 of /proc/PID/stat */
	bool systemd_cgroup;
	struct strmap annotations;
};
void oci_state_done(struct oci_state *s);
#define auto_oci_state CLEANUP(oci_state_done) struct oci_state

enum oci_status { OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };
extern const char *const oci_status_names[];

struct oci_state_dir {
	char *path;   /* ROOT/ID */
	int fd;       /* the directory */
	int lock_fd;
};
#define OCI_STATE_DIR_INIT ((struct oci_state_dir){ .fd = -1, .lock_fd = -1 })
void oci_state_dir_done(struct oci_state_dir *d);
#define auto_oci_state_dir CLEANUP(oci_state_dir_done) struct oci_state_dir

/* "[A-Za-z0-9_][A-Za-z0-9_+.-]*", at most 1024 bytes. */
int oci_id_check(const char *id, struct error *err);
/* The root directory: made (0700) when missing; malloc'ed absolute path. */
int oci_state_root(const char *option, char **ret, struct error *err);
/* Makes ROOT/ID, locked. ERROR_EXISTS: "container `ID` already exists". */
int oci_state_create(const char *root, const char *id, struct oci_state_dir *ret, struct error *err);
/* Opens and, if asked, locks ROOT/ID. ERROR_NOT_FOUND: "container `ID` does not exist". */
int oci_state_open(const char *root, const char *id, bool lock, struct oci_state_dir *ret, struct error *err);
int oci_state_load(const struct oci_state_dir *d, struct oci_state *ret, struct error *err);
int oci_state_save(const struct oci_state_dir *d, const struct oci_state *s, struct error *err);
/* Removes everything of the container from the root. A missing one is no error. */
int oci_state_remove(const char *root, const char *id, struct error *err);
/* The ids in the root, sorted. */
int oci_state_list(const char *root, struct strv *ret, struct error *err);
/* Created, running or stopped (whether it is paused, only its cgroup knows); *ret_pidfd (may be NULL): a pidfd of the living init or -1. */
int oci_state_status(const struct oci_state_dir *d, const struct oci_state *s, enum oci_status *ret, int *ret_pidfd,
		     struct error *err);

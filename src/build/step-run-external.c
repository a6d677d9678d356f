/* SPDX-License-Identifier: Apache-2.0
 * build/step-run-external.c - RUN through another OCI runtime (--runtime). Its state lies in the step's directory, so a
 * killed build leaves none; sources of mounts, which are descriptors here, get paths in a mount namespace that only the
 * runtime sees, and M while it calls it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/step-run.h"
#include "engine/launch-external.h"
#include "engine/oci-error.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/process.h"

/* ---- sources ---- */
/* Before the namespace is ours: clones belong to none and can be attached in any. What lies in a mount that is attached
 * nowhere cannot be cloned yet: -1 for later. */
static int clone_sources(struct runner *k, int *from, int *clones, struct error *err)
{
	const struct oci_mount *m = k->spec.mounts.v;

	for (size_t i = 0; i < k->spec.mounts.n; i++) {
		const char *text = m[i].source ? str_after(m[i].source, "/proc/self/fd/") : NULL;
		struct error ignored;
		int64_t fd;

		from[i] = clones[i] = -1;
		if (!text)
			continue;
		if (!parse_i64(text, &fd))
			return fail(err, ERROR_INVALID, "mount source %s", m[i].source);
		from[i] = (int)fd;
		clones[i] = mount_clone(from[i], "", m[i].options.n && streq(m[i].options.v[0], "rbind"), &ignored);
	}
	return 0;
}

/* By its path: descriptors from before are of the other namespace's mounts. */
static int open_place(const char *path, bool directory, struct error *err)
{
	if (directory)
		return file_open_dir(AT_FDCWD, path, true, 0755, err);
	int fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? fail_errno(err, "make %s", path) : fd;
}

static int attach(struct runner *k, int mount, const char *kind, size_t i, char **ret_path, struct error *err)
{
	autofree char *path = NULL;
	struct stat st;

	if (fstat(mount, &st) < 0)
		return fail_errno(err, "mount source");
	TRY(str_printf(&path, err, "%s/%s%zu", k->run_dir, kind, i));
	autoclose int place = open_place(path, S_ISDIR(st.st_mode), err);
	if (place < 0 || mount_attach(mount, place, err) < 0)
		return -1;
	if (ret_path)
		*ret_path = take_ptr(path);
	return 0;
}

static int attach_source(struct runner *k, struct oci_mount *m, size_t i, int from, int clone, struct error *err)
{
	struct error ignored;
	autoclose int late = clone < 0 ? mount_clone(from, "", false, &ignored) : -1;
	const int mount = clone >= 0 ? clone : late >= 0 ? late : from;   /* from: a mount itself, attached nowhere */

	free(take_ptr(m->source));
	return attach(k, mount, "source", i, &m->source, err) < 0 ? fail_wrap(err, "mount of %s", m->destination) : 0;
}

static int attach_sources(struct runner *k, const int *from, const int *clones, struct error *err)
{
	const int *whole = k->detached.v;
	struct oci_mount *m = k->spec.mounts.v;

	if (unshare(CLONE_NEWNS) < 0)
		return fail_errno(err, "unshare");
	TRY(mount_set_propagation("/", MS_SLAVE, true, err));
	k->attached = true;
	for (size_t i = 0; i < k->detached.n; i++)
		TRY(attach(k, whole[i], "tree", i, NULL, err));
	for (size_t i = 0; i < k->spec.mounts.n; i++)
		if (from[i] >= 0)
			TRY(attach_source(k, &m[i], i, from[i], clones[i], err));
	return 0;
}

static int name_sources(struct runner *k, struct error *err)
{
	size_t n = k->spec.mounts.n;
	autofree int *from = calloc(n + 1, sizeof(int)), *clones = calloc(n + 1, sizeof(int));

	if (!from || !clones)
		return fail_oom(err);
	int r = clone_sources(k, from, clones, err);
	if (r >= 0)
		r = attach_sources(k, from, clones, err);
	for (size_t i = 0; r >= 0 && i < n; i++)
		close_p(&clones[i]);   /* else M ends anyway */
	return r;
}

/* ---- the runtime's commands ---- */
static int describe(const struct runner *k, struct strv *flags, struct external *ret, struct error *err)
{
	const struct strv *given = engine_runtime_flags(k->job->engine);

	TRY(strv_addf(flags, err, "root=%s/state", k->run_dir));
	if (given)
		TRY(strv_copy(flags, given, err));
	*ret = (struct external){ .path = k->job->run.runtime, .flags = flags, .id = k->c.id, .run_dir = k->run_dir };
	return 0;
}

int step_run_spawn_external(struct runner *k, int null, struct error *err)
{
	const struct external_create how = { .rootfs_fd = k->rootfs, .stdio = { null, k->job->out, k->job->err },
					     .terminal = k->c.params.process.tty, .no_pivot = k->job->engine->conf.engine.no_pivot_root };
	auto_strv flags = {};
	struct external x;

	TRY(describe(k, &flags, &x, err));
	/* afterwards M is where its layers are mounted again */
	autoclose int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return fail_errno(err, "open the mount namespace");
	int r = name_sources(k, err);
	if (r >= 0 && external_create(&x, &k->spec, &how, &k->process.pid, &k->process.console_master, err) < 0)
		r = oci_error(k->job->engine, err);
	if (setns(home, CLONE_NEWNS) < 0)
		return fail_errno(err, "return to the mount namespace");
	TRY(r);
	k->process.pidfd = process_open(k->process.pid, err);
	if (k->process.pidfd < 0)
		return -1;
	step_send(k->socket, &(struct step_message){ .event = STEP_RUNS, .status = k->process.pid });
	TRY(step_run_apply_network(k, err));
	return external_start(&x, err) < 0 ? oci_error(k->job->engine, err) : 0;
}

void step_run_end_external(struct runner *k)
{
	auto_strv flags = {};
	struct error ignored;
	struct external x;

	if (k->attached && describe(k, &flags, &x, &ignored) >= 0)
		external_delete(&x, &ignored);
}

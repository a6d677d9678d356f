/* SPDX-License-Identifier: Apache-2.0
 * os/idmap-write.c - giving a user namespace its mappings; finding out which ids the system grants. */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/caps.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/ns.h"
#include "os/process.h"
#include "os/spawn.h"

static int write_map(pid_t pid, const char *file, const struct idmap *m, struct error *err)
{
	char path[64], text[16384];   /* the kernel takes less than one page... of up to 340 lines since 4.15 */
	ssize_t len = idmap_format_kernel(m, text, sizeof(text));

	if (len < 0)
		return fail(err, ERROR_INVALID, "too many id mappings");
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return file_write(AT_FDCWD, path, text, (size_t)len, err);
}

int idmap_write_direct(pid_t pid, const struct idmap_pair *m, bool deny_setgroups, struct error *err)
{
	char path[64];

	if (deny_setgroups) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
		TRY(file_write_str(AT_FDCWD, path, "deny", err));
	}
	TRY(write_map(pid, "gid_map", &m->gids, err));
	return write_map(pid, "uid_map", &m->uids, err);
}

/* ---- newuidmap, newgidmap ---- */

static int find_program(const char *name, char *ret, size_t size, struct error *err)
{
	static const char *const dirs[] = { "/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(ret, size, "%s/%s", dirs[i], name);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	return fail(err, ERROR_UNSUPPORTED, "%s: not found: install the package uidmap (shadow-utils) to use subordinate ids",
		    name);
}

static int run_helper(const char *name, pid_t pid, const struct idmap *m, struct error *err)
{
	char path[64], number[16], words[3 * IDMAP_MAX][12], *argv[3 * IDMAP_MAX + 3];
	auto_buf said = BUF_INIT(4096);
	struct spawn s = SPAWN_INIT;
	int status, n = 0;

	TRY(find_program(name, path, sizeof(path), err));
	snprintf(number, sizeof(number), "%d", pid);
	argv[n++] = path;
	argv[n++] = number;
	for (size_t i = 0; i < m->n; i++) {
		const uint32_t v[3] = { m->v[i].inside, m->v[i].outside, m->v[i].count };
		for (int j = 0; j < 3; j++) {
			snprintf(words[3 * i + j], sizeof(words[0]), "%u", v[j]);
			argv[n++] = words[3 * i + j];
		}
	}
	argv[n] = NULL;
	s.path = path;
	s.argv = argv;
	TRY(spawn_run(&s, &(struct spawn_io){ .errout = &said, .timeout_ns = INT64_C(30000000000) }, &status, err));
	if (process_exit_code(status) == 0)
		return 0;
	const char *why = said.data ? said.data : "";
	return fail(err, ERROR_DENIED, "%s: exit code %d: %.*s", name, process_exit_code(status), (int)strcspn(why, "\n"),
		    why);
}

int idmap_write_helpers(pid_t pid, const struct idmap_pair *m, struct error *err)
{
	TRY(run_helper("newuidmap", pid, &m->uids, err));
	return run_helper("newgidmap", pid, &m->gids, err);
}

static bool is_single(const struct idmap *m, uint32_t own)
{
	return m->n == 1 && m->v[0].count == 1 && m->v[0].outside == own;
}

int idmap_write(pid_t pid, const struct idmap_pair *m, struct error *err)
{
	if (caps_have(CAP_SETUID) && caps_have(CAP_SETGID))
		return idmap_write_direct(pid, m, false, err);
	if (is_single(&m->uids, geteuid()) && is_single(&m->gids, getegid()))
		return idmap_write_direct(pid, m, true, err);
	return idmap_write_helpers(pid, m, err);
}

/* The process only holds the namespace while it gets its mappings; it never runs any of our code but a pause. */
static __attribute__((no_sanitize("address"))) int hold_namespace(void *arg)
{
	while (arg)
		pause();
	return 0;
}

int idmap_make_userns(const struct idmap_pair *m, struct error *err)
{
	char stack[8192] __attribute__((aligned(16)));
	struct error ignored;
	int status, pidfd = -1;

	pid_t pid = clone(hold_namespace, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM | CLONE_PIDFD | SIGCHLD, stack,
			  &pidfd);
	if (pid < 0)
		return fail_errno(err, "make a user namespace");
	autoclose int owned = pidfd;
	int r = idmap_write(pid, m, err);
	int fd = r == 0 ? ns_open(pid, NS_USER, err) : -1;
	process_signal(owned, SIGKILL, &ignored);
	process_reap(pid, &status, &ignored);
	return fd;
}

/* The kernel tells the mappings of processes only: one enters the namespace and is looked at. */
int idmap_load_userns(int userns, struct idmap_pair *ret, struct error *err)
{
	struct error ignored;
	int ready[2], status, why = -1;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int reader = ready[0], writer = ready[1];
	pid_t pid = fork();
	if (pid == 0) {
		int e = setns(userns, CLONE_NEWUSER) < 0 ? errno : 0;
		if (write(writer, &e, sizeof(e)) == sizeof(e))
			hold_namespace(&e);
		_exit(1);
	}
	if (pid < 0)
		return fail_errno(err, "fork");
	int r = read(reader, &why, sizeof(why)) == sizeof(why) && !why ? 0 : fail(err, ERROR_DENIED, "enter the user namespace: %s",
										  why > 0 ? strerrordesc_np(why) : "its process died");
	if (r == 0 && (idmap_load(pid, false, &ret->uids, err) < 0 || idmap_load(pid, true, &ret->gids, err) < 0))
		r = -1;
	kill(pid, SIGKILL);
	process_reap(pid, &status, &ignored);
	return r;
}

/* ---- subordinate ids ---- */

/* libsubid's interface (shadow 4.9 and later). */
struct libsubid_range {
	unsigned long start, count;
};
typedef int (*subid_get_fn)(const char *owner, struct libsubid_range **ranges);

static int load_by_libsubid(const char *user, bool gid, struct subid_ranges *ret, struct error *err)
{
	static const char *const names[] = { "libsubid.so.5", "libsubid.so.4", "libsubid.so.3" };
	void *lib = NULL;
	struct libsubid_range *ranges = NULL;
	subid_get_fn get;

	for (size_t i = 0; !lib && i < ARRAY_LEN(names); i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	/* old name first: both exist in version 4, only the new one in 5 */
	void *sym = lib ? dlsym(lib, gid ? "subid_get_gid_ranges" : "subid_get_uid_ranges") : NULL;
	if (lib && !sym)
		sym = dlsym(lib, gid ? "get_subgid_ranges" : "get_subuid_ranges");
	if (!sym)
		return fail(err, ERROR_UNSUPPORTED,
			    "/etc/nsswitch.conf names a source of subordinate ids, but libsubid is not installed");
	memcpy(&get, &sym, sizeof(get));
	int n = get(user, &ranges);
	for (int i = 0; i < n && ret->n < ARRAY_LEN(ret->v); i++)
		if (ranges[i].start <= UINT32_MAX && ranges[i].count > 0 && ranges[i].count <= UINT32_MAX)
			ret->v[ret->n++] = (struct subid_range){ (uint32_t)ranges[i].start, (uint32_t)ranges[i].count };
	free(ranges);
	/* the library stays loaded: it may have registered exit handlers of NSS modules */
	return 0;
}

/* Whether nsswitch.conf has a line "subid: SOURCE" with another source than files. */
static bool nsswitch_has_source(void)
{
	autofree char *text = NULL;
	struct error ignored;

	if (file_read(AT_FDCWD, "/etc/nsswitch.conf", 1 << 20, &text, NULL, &ignored) != 1)
		return false;
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *p = line + strspn(line, " \t");
		const char *source = str_after(p, "subid:");
		if (!source)
			continue;
		source += strspn(source, " \t");
		size_t len = strcspn(source, " \t\n#");
		return len > 0 && !(len == 5 && strncmp(source, "files", 5) == 0);
	}
	return false;
}

int subid_load(const char *user, uid_t uid, bool gid, struct subid_ranges *ret, struct error *err)
{
	const char *path = gid ? "/etc/subgid" : "/etc/subuid";
	autofree char *text = NULL;
	struct subid_ranges r = { .n = 0 };

	if (user && nsswitch_has_source()) {
		TRY(load_by_libsubid(user, gid, &r, err));
	} else {
		int have = file_read(AT_FDCWD, path, (size_t)4 << 20, &text, NULL, err);
		if (have < 0)
			return -1;
		if (have && subid_parse(text, user, uid, &r, err) < 0)
			return fail_wrap(err, "%s", path);
		if (have && uid != (uid_t)-1 && uid != 0 && subid_check_alone(text, user, uid, &r, err) < 0)
			return fail_wrap(err, "%s", path);
	}
	*ret = r;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * worker/sandbox.c - confining a role. */
#include "worker/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Newer members of the Landlock ABI than the oldest headers we build with. */
#define ACCESS_FS_REFER (1ull << 13)      /* ABI 2 */
#define ACCESS_FS_TRUNCATE (1ull << 14)   /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV (1ull << 15)  /* ABI 5 */
#define ACCESS_NET_TCP 3ull               /* ABI 4: bind and connect */
#define SCOPE_ALL 3ull                    /* ABI 6: abstract sockets, signals */
#define ACCESS_FS_ABI1 ((1ull << 13) - 1)
#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_READ_FILE LANDLOCK_ACCESS_FS_READ_FILE

struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

struct profile {
	uint64_t caps;         /* kept capabilities */
	bool network;
	bool writes_root;      /* may change what lies in its directory */
	rlim_t files;          /* RLIMIT_NOFILE */
};

#define CAP(c) (1ull << CAP_##c)
static const struct profile profiles[WORKER_ROLE_MAX] = {
	[WORKER_FETCH] = { .network = true, .files = 512 },
	[WORKER_UNPACK] = { .caps = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | CAP(MKNOD) | CAP(SETFCAP),
			    .writes_root = true, .files = 256 },
	[WORKER_ARCHIVE] = { .files = 256 },
	[WORKER_DIGEST] = { .files = 256 },
	[WORKER_PACK] = { .caps = CAP(DAC_READ_SEARCH) | CAP(DAC_OVERRIDE), .files = 512 },
};

/* ---- Landlock ---- */
static uint64_t fs_rights(int abi)
{
	uint64_t all = ACCESS_FS_ABI1;

	all |= abi >= 2 ? ACCESS_FS_REFER : 0;
	all |= abi >= 3 ? ACCESS_FS_TRUNCATE : 0;
	all |= abi >= 5 ? ACCESS_FS_IOCTL_DEV : 0;
	return all;
}

static int allow_path(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= ACCESS_READ_FILE;
	return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static void allow_reading(int ruleset, const char *path)
{
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		allow_path(ruleset, fd, ACCESS_READ);
}

/* What TLS and name resolution read. Libraries: name service modules are loaded on first use. */
static const char *const network_files[] = {
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
	"/usr/share/pki", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
	"/etc/gai.conf", "/etc/services", "/etc/ld.so.cache", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/dev/urandom",
	"/etc/localtime", "/usr/share/zoneinfo",
};

/* Returns the ABI, 0 when there is none to use. */
static int landlock_enter(const struct profile *p, const struct op_setup *setup, int root)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi <= 0)
		return 0;
	struct ruleset_attr attr = { .handled_access_fs = fs_rights(abi) };
	if (abi >= 4 && !p->network)
		attr.handled_access_net = ACCESS_NET_TCP;
	if (abi >= 6)
		attr.scoped = SCOPE_ALL;
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	autoclose int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return 0;
	if (root >= 0)
		allow_path(ruleset, root, p->writes_root ? attr.handled_access_fs & ~LANDLOCK_ACCESS_FS_EXECUTE : ACCESS_READ);
	for (size_t i = 0; p->network && i < ARRAY_LEN(network_files); i++)
		allow_reading(ruleset, network_files[i]);
	for (size_t i = 0; i < setup->read_paths.n; i++)
		allow_reading(ruleset, setup->read_paths.v[i]);
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? abi : 0;
}

/* ---- the rest ---- */
static void set_limits(const struct profile *p)
{
	const struct { int what; rlim_t n; } limits[] = {
		{ RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, p->files }, { RLIMIT_MEMLOCK, 0 }, { RLIMIT_MSGQUEUE, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct rlimit now, want = { limits[i].n, limits[i].n };
		if (getrlimit(limits[i].what, &now) == 0 && now.rlim_max < limits[i].n)
			continue;   /* tighter already */
		setrlimit(limits[i].what, &want);
	}
}

static int drop_capabilities(uint64_t keep, struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = {}, want[2];

	if (syscall(SYS_capget, &head, now) < 0)
		return fail_errno(err, "capget");
	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(keep & 1ull << c))
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0);   /* fails without SETPCAP: the sets below decide */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		uint32_t have = now[i].permitted & (uint32_t)(keep >> 32 * i);
		want[i] = (struct __user_cap_data_struct){ .effective = have, .permitted = have };
	}
	return syscall(SYS_capset, &head, want) < 0 ? fail_errno(err, "capset") : 0;
}

/* Into the one directory; a process without CAP_SYS_CHROOT stays where it is and has Landlock for that. */
static bool confine_to(int root)
{
	return root >= 0 && fchdir(root) == 0 && chroot(".") == 0;
}

int sandbox_enter(enum worker_role role, const struct op_setup *setup, int root, struct op_ready *ret,
		  struct error *err)
{
	const struct profile *p = &profiles[role];

	umask(0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(err, "no_new_privs");
	set_limits(p);
	ret->confined = confine_to(root);
	ret->landlock_abi = landlock_enter(p, setup, root);
	TRY(drop_capabilities(p->caps, err));
	int r = seccomp_filter_load(role, setup->unix_sockets);
	if (r < 0 && r != -ENOSYS && r != -EINVAL)
		return fail_with(err, -r, "load the seccomp filter");
	ret->seccomp = r == 0;
	return 0;
}

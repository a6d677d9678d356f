/* SPDX-License-Identifier: Apache-2.0
 * os/caps.c - capability names and sets. */
#include "os/caps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "os/file.h"

#define CAP(name) [CAP_##name] = "CAP_" #name
static const char *const names[] = {
	CAP(CHOWN), CAP(DAC_OVERRIDE), CAP(DAC_READ_SEARCH), CAP(FOWNER), CAP(FSETID), CAP(KILL), CAP(SETGID),
	CAP(SETUID), CAP(SETPCAP), CAP(LINUX_IMMUTABLE), CAP(NET_BIND_SERVICE), CAP(NET_BROADCAST), CAP(NET_ADMIN),
	CAP(NET_RAW), CAP(IPC_LOCK), CAP(IPC_OWNER), CAP(SYS_MODULE), CAP(SYS_RAWIO), CAP(SYS_CHROOT), CAP(SYS_PTRACE),
	CAP(SYS_PACCT), CAP(SYS_ADMIN), CAP(SYS_BOOT), CAP(SYS_NICE), CAP(SYS_RESOURCE), CAP(SYS_TIME),
	CAP(SYS_TTY_CONFIG), CAP(MKNOD), CAP(LEASE), CAP(AUDIT_WRITE), CAP(AUDIT_CONTROL), CAP(SETFCAP),
	CAP(MAC_OVERRIDE), CAP(MAC_ADMIN), CAP(SYSLOG), CAP(WAKE_ALARM), CAP(BLOCK_SUSPEND), CAP(AUDIT_READ),
	CAP(PERFMON), CAP(BPF), CAP(CHECKPOINT_RESTORE),
};

#define BIT(name) (UINT64_C(1) << CAP_##name)

const char *caps_name(unsigned number)
{
	return number < ARRAY_LEN(names) ? names[number] : NULL;
}

bool caps_number(const char *name, unsigned *ret)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(bare, names[i] + 4) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

int caps_parse(const char *name, capset *set, struct error *err)
{
	unsigned n;

	if (strcasecmp(name, "ALL") == 0) {
		*set |= caps_all();
		return 0;
	}
	if (!caps_number(name, &n))
		return fail(err, ERROR_INVALID, "unknown capability %s", name);
	*set |= UINT64_C(1) << n;
	return 0;
}

int caps_parse_list(const struct strv *list, capset *set, struct error *err)
{
	capset all = *set;

	for (size_t i = 0; i < list->n; i++)
		TRY(caps_parse(list->v[i], &all, err));
	*set = all;
	return 0;
}

int caps_format(capset set, struct strv *ret, struct error *err)
{
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (set & (UINT64_C(1) << i))
			TRY(strv_add(ret, names[i], err));
	return 0;
}

capset caps_default(void)
{
	return BIT(CHOWN) | BIT(DAC_OVERRIDE) | BIT(FOWNER) | BIT(FSETID) | BIT(KILL) | BIT(NET_BIND_SERVICE) |
	       BIT(SETFCAP) | BIT(SETGID) | BIT(SETPCAP) | BIT(SETUID) | BIT(SYS_CHROOT);
}

/* Reading one that does not exist is EINVAL: no file needed, so it works without /proc. Starting from what we know, two
 * calls are the usual price. */
unsigned caps_last(void)
{
	unsigned n = ARRAY_LEN(names) - 1;

	while (n > 0 && prctl(PR_CAPBSET_READ, n, 0, 0, 0) < 0)
		n--;
	while (n < 63 && prctl(PR_CAPBSET_READ, n + 1, 0, 0, 0) >= 0)
		n++;
	return n;
}

capset caps_all(void)
{
	unsigned last = caps_last();

	return last >= 63 ? ~UINT64_C(0) : (UINT64_C(1) << (last + 1)) - 1;
}

static int kernel_get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capget, &head, data);
}

/* One file instead of a call per capability, where there is a /proc. */
static bool bounding_from_proc(capset *ret)
{
	char text[4096];

	if (file_read_small(AT_FDCWD, "/proc/thread-self/status", text, sizeof(text)) < 0)
		return false;
	const char *line = strstr(text, "\nCapBnd:");
	return line && sscanf(line, "\nCapBnd: %" SCNx64, ret) == 1;
}

static capset bounding_by_calls(void)
{
	unsigned last = caps_last();
	capset set = 0;

	for (unsigned i = 0; i <= last; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}

int caps_get(struct caps *ret, struct error *err)
{
	struct __user_cap_data_struct d[2] = { 0 };
	struct caps c = { 0 };

	if (kernel_get(d) < 0)
		return fail_errno(err, "capget");
	c.permitted = d[0].permitted | (capset)d[1].permitted << 32;
	c.effective = d[0].effective | (capset)d[1].effective << 32;
	c.inheritable = d[0].inheritable | (capset)d[1].inheritable << 32;
	if (!bounding_from_proc(&c.bounding))
		c.bounding = bounding_by_calls();
	/* only what is permitted and inheritable can be ambient */
	capset may = c.permitted & c.inheritable;
	for (unsigned i = 0; may >> i && i < 64; i++)
		if ((may & (UINT64_C(1) << i)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
			c.ambient |= UINT64_C(1) << i;
	*ret = c;
	return 0;
}

bool caps_have(unsigned number)
{
	struct __user_cap_data_struct d[2] = { 0 };

	return number < 64 && kernel_get(d) == 0 && (d[number / 32].effective & (1U << (number % 32)));
}

static const char *name_or_number(unsigned number)
{
	return caps_name(number) ? caps_name(number) : "a capability without a name";
}

int caps_apply_bounding(const struct caps *c, struct error *err)
{
	for (unsigned i = 0; i < 64; i++) {
		if (c->bounding & (UINT64_C(1) << i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;   /* the first one this kernel does not know */
		/* without CAP_SETPCAP: fine as long as there is nothing to drop */
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 0)
			return fail_with(err, EPERM, "drop %s from the bounding set", name_or_number(i));
	}
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? fail_errno(err, "PR_SET_KEEPCAPS") : 0;
}

static int raise_ambient(capset ambient, bool lenient, struct error *err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return fail_errno(err, "clear the ambient capabilities");
	for (unsigned i = 0; i < 64; i++) {
		if (!(ambient & (UINT64_C(1) << i)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0 && !lenient)
			return fail_errno(err, "make %s ambient", name_or_number(i));
	}
	return 0;
}

int caps_apply(const struct caps *c, bool lenient, struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { 0 };

	if (kernel_get(now) < 0)
		return fail_errno(err, "capget");
	capset own = now[0].permitted | (capset)now[1].permitted << 32;
	capset may = lenient ? own : ~UINT64_C(0);
	capset p = c->permitted & may, e = c->effective & may, i = c->inheritable & (may | c->bounding);
	struct __user_cap_data_struct d[2] = {
		{ .permitted = (uint32_t)p, .effective = (uint32_t)e, .inheritable = (uint32_t)i },
		{ .permitted = (uint32_t)(p >> 32), .effective = (uint32_t)(e >> 32),
		  .inheritable = (uint32_t)(i >> 32) },
	};
	if (syscall(SYS_capset, &head, d) < 0)
		return fail_errno(err, "set capabilities");
	return raise_ambient(c->ambient, lenient, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-devices.c - which devices a group may use.
 *
 * The rules are an ordered list over "everything is allowed"; a later rule overrides an earlier one for the kinds of
 * access it names. v1's files apply them in that order. For v2 they become a BPF program that looks at them from the
 * last to the first: r5 holds the kinds of access not decided yet; a matching deny rule that touches one of them ends
 * with 0, a matching allow rule takes its kinds off and ends with 1 when none is left; behind the first rule: 1. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "os/cgroup-host.h"
#include "os/file.h"
#include "os/ns.h"

#define RULE_INSNS 12
#define RULES_MAX  300

/* ---- v1 ---- */

static void format_rule(const struct cgroup_device *d, char *out, size_t size)
{
	char major[24] = "*", minor[24] = "*";

	if (d->major >= 0)
		snprintf(major, sizeof(major), "%lld", (long long)d->major);
	if (d->minor >= 0)
		snprintf(minor, sizeof(minor), "%lld", (long long)d->minor);
	snprintf(out, size, "%c %s:%s %s%s%s", d->type, major, minor, d->read ? "r" : "", d->write ? "w" : "",
		 d->mknod ? "m" : "");
}

/* One write a rule, as the kernel wants it; each file is opened once. */
static int write_rule(int dir, int fds[2], const struct cgroup_device *d, const char *rule)
{
	int *fd = &fds[d->allow];

	if (*fd < 0)
		*fd = openat(dir, d->allow ? "devices.allow" : "devices.deny", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return *fd < 0 || write(*fd, rule, strlen(rule)) < 0 ? -1 : 0;
}

static int write_rules(int dir, int fds[2], const struct list *devices, struct error *err)
{
	const struct cgroup_device *d = devices->v;
	char rule[80];

	for (size_t i = 0; i < devices->n; i++) {
		/* v1 takes "a" only for everything at once, written without numbers */
		if (d[i].type == 'a' && d[i].major < 0 && d[i].minor < 0)
			snprintf(rule, sizeof(rule), "a");
		else
			format_rule(&d[i], rule, sizeof(rule));
		if (write_rule(dir, fds, &d[i], rule) < 0)
			return fail_errno(err, "device rule %s", rule);
	}
	return 0;
}

static int set_v1(int dir, const struct list *devices, struct error *err)
{
	int fds[2] = { -1, -1 };
	int r = write_rules(dir, fds, devices, err);

	close_p(&fds[0]);
	close_p(&fds[1]);
	return r;
}

/* ---- v2 ---- */

struct program {
	struct bpf_insn v[RULES_MAX * RULE_INSNS + 16];
	size_t n;
};

static void emit(struct program *p, struct bpf_insn i)
{
	p->v[p->n++] = i;
}

static struct bpf_insn load_ctx(int reg, short off)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = reg, .src_reg = BPF_REG_1, .off = off };
}

static struct bpf_insn alu(int op, int reg, int imm)
{
	return (struct bpf_insn){ .code = BPF_ALU | op | BPF_K, .dst_reg = reg, .imm = imm };
}

static struct bpf_insn move(int to, int from)
{
	return (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from };
}

static struct bpf_insn jump(int op, int reg, int imm, int insns)
{
	return (struct bpf_insn){ .code = BPF_JMP | op | BPF_K, .dst_reg = reg, .imm = imm, .off = insns };
}

static void emit_return(struct program *p, int value)
{
	emit(p, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value });
	emit(p, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

static int access_bits(const struct cgroup_device *d)
{
	return (d->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (d->read ? BPF_DEVCG_ACC_READ : 0) |
	       (d->write ? BPF_DEVCG_ACC_WRITE : 0);
}

/* r2 type, r3 major, r4 minor, r5 undecided access; r0 scratch. */
static void emit_rule(struct program *p, const struct cgroup_device *d)
{
	size_t mismatch[3], n = 0;
	int bits = access_bits(d);

	if (d->type != 'a') {
		mismatch[n++] = p->n;
		emit(p, jump(BPF_JNE, BPF_REG_2, d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0));
	}
	if (d->major >= 0) {
		mismatch[n++] = p->n;
		emit(p, jump(BPF_JNE, BPF_REG_3, (int)d->major, 0));
	}
	if (d->minor >= 0) {
		mismatch[n++] = p->n;
		emit(p, jump(BPF_JNE, BPF_REG_4, (int)d->minor, 0));
	}
	if (d->allow) {
		emit(p, alu(BPF_AND, BPF_REG_5, ~bits));
		emit(p, jump(BPF_JNE, BPF_REG_5, 0, 2));
		emit_return(p, 1);
	} else {
		emit(p, move(BPF_REG_0, BPF_REG_5));
		emit(p, alu(BPF_AND, BPF_REG_0, bits));
		emit(p, jump(BPF_JEQ, BPF_REG_0, 0, 2));
		emit_return(p, 0);
	}
	for (size_t i = 0; i < n; i++)
		p->v[mismatch[i]].off = (short)(p->n - mismatch[i] - 1);
}

static void build(struct program *p, const struct list *devices)
{
	const struct cgroup_device *d = devices->v;

	emit(p, load_ctx(BPF_REG_2, 0));
	emit(p, load_ctx(BPF_REG_3, 4));
	emit(p, load_ctx(BPF_REG_4, 8));
	emit(p, move(BPF_REG_5, BPF_REG_2));
	emit(p, alu(BPF_RSH, BPF_REG_5, 16));
	emit(p, alu(BPF_AND, BPF_REG_2, 0xffff));
	for (size_t i = devices->n; i > 0; i--)
		emit_rule(p, &d[i - 1]);
	emit_return(p, 1);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load(const struct program *p)
{
	union bpf_attr a = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = (uint32_t)p->n,
		.insns = (uint64_t)(uintptr_t)p->v, .license = (uint64_t)(uintptr_t)"Apache-2.0",
	};
	const char name[] = "umiak_devices";

	memcpy(a.prog_name, name, sizeof(name));
	return bpf(BPF_PROG_LOAD, &a);
}

/* The ids of the programs attached directly to the group. */
static uint32_t attached(int dir, uint32_t ids[8])
{
	union bpf_attr a = { 0 };

	a.query.target_fd = (uint32_t)dir;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uint64_t)(uintptr_t)ids;
	a.query.prog_cnt = 8;
	return bpf(BPF_PROG_QUERY, &a) == 0 ? a.query.prog_cnt : 0;
}

static void detach(int dir, uint32_t id)
{
	union bpf_attr a = { .prog_id = id };
	int fd = bpf(BPF_PROG_GET_FD_BY_ID, &a);

	if (fd < 0)
		return;
	union bpf_attr d = { .target_fd = (uint32_t)dir, .attach_bpf_fd = (uint32_t)fd, .attach_type = BPF_CGROUP_DEVICE };
	bpf(BPF_PROG_DETACH, &d);
	close(fd);
}

static int set_v2(int path_fd, const struct list *devices, struct error *err)
{
	struct program *p = calloc(1, sizeof(*p));
	uint32_t old[8];

	if (!p)
		return fail_oom(err);
	build(p, devices);
	autoclose int prog = load(p);
	int e = errno;
	free(p);
	if (prog < 0)
		return fail_with(err, e, "load the device rules");
	/* bpf(2) wants an open directory, not an O_PATH one */
	autoclose int dir = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, "control group");
	uint32_t n_old = attached(dir, old);
	union bpf_attr a = { .target_fd = (uint32_t)dir, .attach_bpf_fd = (uint32_t)prog,
			     .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI };
	if (bpf(BPF_PROG_ATTACH, &a) < 0)
		return fail_errno(err, "attach the device rules");
	/* all attached programs must agree: the old ones go only after the new one is in force */
	for (uint32_t i = 0; i < n_old; i++)
		detach(dir, old[i]);
	return 0;
}

static int check_rules(const struct list *devices, struct error *err)
{
	const struct cgroup_device *d = devices->v;

	if (devices->n > RULES_MAX)
		return fail(err, ERROR_INVALID, "more than %d device rules", RULES_MAX);
	for (size_t i = 0; i < devices->n; i++) {
		if (d[i].type != 'a' && d[i].type != 'b' && d[i].type != 'c')
			return fail(err, ERROR_INVALID, "device rule %zu: the type must be a, b or c", i + 1);
		if (d[i].major > INT32_MAX || d[i].minor > INT32_MAX)
			return fail(err, ERROR_INVALID, "device rule %zu: no such device number", i + 1);
	}
	return 0;
}

int cgroup_set_devices(const struct cgroup *c, const struct list *devices, struct cgroup_warnings *w, bool required,
		       struct error *err)
{
	int r;

	TRY(check_rules(devices, err));
	if (!cgroup_is_v2(c) && c->fds[CGROUP_DEVICES] >= 0)
		r = set_v1(c->fds[CGROUP_DEVICES], devices, err);
	else if (c->fds[CGROUP_UNIFIED] >= 0)
		r = set_v2(c->fds[CGROUP_UNIFIED], devices, err);
	else
		r = fail(err, ERROR_UNSUPPORTED, "no control group for device rules");
	if (r == 0 || required || (err->kind == ERROR_SYSTEM && err->errnum == EINVAL))
		return r;
	/* in a user namespace no device node can be made and nodev keeps existing ones shut: nothing is lost */
	if (ns_in_initial_user())
		cgroup_warn(w, "device rules are not applied: %.150s", err->text);
	return 0;
}

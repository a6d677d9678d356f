/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-compile.c - a runtime-spec linux.seccomp object through libseccomp. The library is opened only here, so
 * that starting a container with the built-in profile never loads it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "os/file.h"
#include "os/seccomp-policy.h"
#include "os/seccomp-profile.h"

/* ---- libseccomp's interface, as of 2.4 ---- */
struct scmp_arg {
	unsigned arg;
	int op;
	uint64_t a, b;
};
#define SCMP_ARCH_NATIVE_   0
#define SCMP_UNKNOWN        (-1)
#define FLTATR_ACT_BADARCH  2
#define FLTATR_CTL_OPTIMIZE 8

struct library {
	void *handle;
	void *(*init)(uint32_t action);
	void (*release)(void *ctx);
	int (*arch_add)(void *ctx, uint32_t arch);
	int (*arch_remove)(void *ctx, uint32_t arch);
	uint32_t (*arch_resolve_name)(const char *name);
	uint32_t (*arch_native)(void);
	int (*attr_set)(void *ctx, int attr, uint32_t value);
	int (*resolve_name)(const char *name);
	int (*rule_add_array)(void *ctx, uint32_t action, int nr, unsigned n, const struct scmp_arg *args);
	int (*export_bpf)(void *ctx, int fd);
};

static int library_open(struct library *l, struct error *err)
{
	const struct { const char *name; void *at; } symbols[] = {
		{ "seccomp_init", &l->init }, { "seccomp_release", &l->release }, { "seccomp_arch_add", &l->arch_add },
		{ "seccomp_arch_remove", &l->arch_remove }, { "seccomp_arch_resolve_name", &l->arch_resolve_name },
		{ "seccomp_arch_native", &l->arch_native }, { "seccomp_attr_set", &l->attr_set },
		{ "seccomp_syscall_resolve_name", &l->resolve_name }, { "seccomp_rule_add_array", &l->rule_add_array },
		{ "seccomp_export_bpf", &l->export_bpf },
	};

	l->handle = dlopen("libseccomp.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!l->handle)
		return fail(err, ERROR_UNSUPPORTED, "a JSON profile needs libseccomp: install the package libseccomp2");
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *sym = dlsym(l->handle, symbols[i].name);
		if (!sym)
			return fail(err, ERROR_UNSUPPORTED, "libseccomp lacks %s: too old", symbols[i].name);
		memcpy(symbols[i].at, &sym, sizeof(sym));
	}
	return 0;
}

/* ---- words ---- */

int seccomp_action_parse(const char *name, uint32_t errnum, uint32_t *ret, struct error *err)
{
	static const struct { const char *name; uint32_t action; bool data; } actions[] = {
		{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false }, { "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
		{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
		{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
		{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false }, { "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
		{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false }, { "SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (streq(actions[i].name, name)) {
			*ret = actions[i].action | (actions[i].data ? errnum & SECCOMP_RET_DATA : 0);
			return 0;
		}
	return fail(err, ERROR_INVALID, "action %.40s: unknown", name);
}

static int parse_op(const char *name, int *ret, struct error *err)
{
	static const char *const ops[] = { NULL, "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
					   "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ" };

	for (int i = 1; i < (int)ARRAY_LEN(ops); i++)
		if (streq(ops[i], name)) {
			*ret = i;
			return 0;
		}
	return fail(err, ERROR_INVALID, "operator %.40s: unknown", name);
}

static int parse_flag(const char *name, unsigned *flags, struct error *err)
{
	static const struct { const char *name; unsigned flag; } known[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", 1 }, { "SECCOMP_FILTER_FLAG_LOG", 2 },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4 }, { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32 },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (streq(known[i].name, name)) {
			*flags |= known[i].flag;
			return 0;
		}
	return fail(err, ERROR_INVALID, "flag %.60s: unknown", name);
}

/* The action of an object; EPERM where no errno is given. */
static int get_action(struct json_object *o, const char *key, const char *errno_key, uint32_t *ret, struct error *err)
{
	const char *name = json_get_str(o, key);
	int64_t errnum = json_get_i64(o, errno_key, 1);

	if (str_empty(name))
		return fail(err, ERROR_INVALID, "%s is missing", key);
	if (errnum < 0 || errnum > 4095)
		return fail(err, ERROR_INVALID, "%s: out of range", errno_key);
	return seccomp_action_parse(name, (uint32_t)errnum, ret, err);
}

/* ---- building ---- */

struct build {
	struct library *l;
	void *ctx;
	uint32_t fallback;        /* default action */
	bool ignore_unknown, notify;
};

/* "SCMP_ARCH_X86_64" is "x86_64" to libseccomp. */
static int add_architecture(struct build *b, const char *name, bool *native, struct error *err)
{
	const char *bare = str_after(name, "SCMP_ARCH_");
	char lower[32];
	size_t i = 0;

	for (; bare && bare[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)(bare[i] >= 'A' && bare[i] <= 'Z' ? bare[i] + 32 : bare[i]);
	lower[i] = '\0';
	uint32_t arch = bare ? b->l->arch_resolve_name(lower) : 0;
	if (!arch)
		return fail(err, ERROR_INVALID, "architecture %.40s: unknown", name);
	*native |= arch == b->l->arch_native();
	int r = b->l->arch_add(b->ctx, arch);
	return r < 0 && r != -EEXIST ? fail_with(err, -r, "architecture %s", name) : 0;
}

static int add_architectures(struct build *b, struct json_object *list, struct error *err)
{
	bool native = false;

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		TRY(add_architecture(b, name ? name : "", &native, err));
	}
	/* the context starts with the native one: out if the profile does not name it */
	if (list && json_object_array_length(list) && !native)
		b->l->arch_remove(b->ctx, SCMP_ARCH_NATIVE_);
	return 0;
}

/* SCMP_UNKNOWN: nobody knows it. */
static int number_of(const struct build *b, const char *name)
{
	int nr = b->l->resolve_name(name);

	for (size_t i = 0; nr == SCMP_UNKNOWN && i < ARRAY_LEN(seccomp_new_calls); i++)
		if (streq(seccomp_new_calls[i].name, name))
			return seccomp_new_calls[i].nr;
	return nr;
}

static int parse_args(struct json_object *list, struct scmp_arg args[6], unsigned *n, bool *repeated, struct error *err)
{
	unsigned seen = 0;

	*n = 0;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		int64_t index = json_get_i64(o, "index", -1);
		const char *op = json_get_str(o, "op");
		if (index < 0 || index > 5 || *n == 6)
			return fail(err, ERROR_INVALID, "args: index must be 0 to 5, at most 6 of them");
		struct scmp_arg a = { .arg = (unsigned)index };
		struct json_object *v;
		TRY(parse_op(op ? op : "", &a.op, err));
		a.a = json_object_object_get_ex(o, "value", &v) ? json_object_get_uint64(v) : 0;
		a.b = json_object_object_get_ex(o, "valueTwo", &v) ? json_object_get_uint64(v) : 0;
		*repeated |= seen & (1U << index);
		seen |= 1U << index;
		args[(*n)++] = a;
	}
	return 0;
}

static int add_rule(struct build *b, const char *name, uint32_t action, unsigned n, const struct scmp_arg *args,
		    struct error *err)
{
	int nr = number_of(b, name);

	if (nr == SCMP_UNKNOWN)
		return b->ignore_unknown ? 0 : fail(err, ERROR_INVALID, "system call %.60s: unknown", name);
	int r = b->l->rule_add_array(b->ctx, action, nr, n, args);
	/* a call another machine has, or the same rule again */
	if (r == 0 || r == -EDOM || r == -EEXIST)
		return 0;
	/* a number that this libseccomp is too old to translate between machines: as good as unknown */
	if (r == -EFAULT && b->ignore_unknown)
		return 0;
	return fail_with(err, -r, "system call %s", name);
}

static int add_entry(struct build *b, struct json_object *entry, struct error *err)
{
	struct json_object *names = json_get_array(entry, "names");
	struct scmp_arg args[6];
	unsigned n;
	bool repeated = false;
	uint32_t action;

	TRY(get_action(entry, "action", "errnoRet", &action, err));
	TRY(parse_args(json_get_array(entry, "args"), args, &n, &repeated, err));
	b->notify |= action == SECCOMP_RET_USER_NOTIF;
	/* the same as the default: libseccomp refuses such rules, and they say nothing */
	if (action == b->fallback)
		return 0;
	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));
		if (!repeated) {
			TRY(add_rule(b, name ? name : "", action, n, args, err));
			continue;
		}
		/* several conditions on one argument mean "any of them", as the other runtimes read it */
		for (unsigned j = 0; j < n; j++)
			TRY(add_rule(b, name ? name : "", action, 1, &args[j], err));
	}
	return 0;
}

static int export_program(struct build *b, struct seccomp_filter *ret, struct error *err)
{
	autoclose int fd = file_memfd("seccomp", err);
	struct stat st;

	if (fd < 0)
		return -1;
	int r = b->l->export_bpf(b->ctx, fd);
	if (r < 0)
		return fail_with(err, -r, "make the filter");
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "make the filter");
	size_t n = (size_t)st.st_size / sizeof(struct sock_filter);
	if (n == 0 || n > BPF_MAXINSNS)
		return fail(err, ERROR_INVALID, "%zu instructions: the kernel takes 1 to %d", n, BPF_MAXINSNS);
	autofree struct sock_filter *code = malloc((size_t)st.st_size);
	if (!code)
		return fail_oom(err);
	if (file_read_full(fd, code, (size_t)st.st_size, err) != st.st_size)
		return fail(err, ERROR_SYSTEM, "make the filter: short read");
	ret->code = take_ptr(code);
	ret->n = (uint16_t)n;
	return 0;
}

static int build_all(struct build *b, struct json_object *spec, struct seccomp_filter *ret, struct error *err)
{
	struct json_object *entries = json_get_array(spec, "syscalls"), *flags = json_get_array(spec, "flags");
	struct seccomp_filter f = { 0 };

	TRY(add_architectures(b, json_get_array(spec, "architectures"), err));
	/* 2.5 and later: a binary tree instead of one comparison per call; older ones ignore it */
	b->l->attr_set(b->ctx, FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; flags && i < json_object_array_length(flags); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(flags, i));
		TRY(parse_flag(name ? name : "", &f.flags, err));
	}
	for (size_t i = 0; entries && i < json_object_array_length(entries); i++)
		if (add_entry(b, json_object_array_get_idx(entries, i), err) < 0)
			return fail_wrap(err, "syscalls[%zu]", i);
	TRY(export_program(b, &f, err));
	f.notify = b->notify;
	*ret = f;
	return 0;
}

int seccomp_compile(struct json_object *spec, bool ignore_unknown, struct seccomp_filter *ret, struct error *err)
{
	struct library l = { 0 };
	struct build b = { .l = &l, .ignore_unknown = ignore_unknown };

	TRY(get_action(spec, "defaultAction", "defaultErrnoRet", &b.fallback, err));
	TRY(library_open(&l, err));
	b.ctx = l.init(b.fallback);
	if (!b.ctx)
		return fail(err, ERROR_INVALID, "default action: refused by libseccomp");
	int r = build_all(&b, spec, ret, err);
	l.release(b.ctx);
	return r;
}

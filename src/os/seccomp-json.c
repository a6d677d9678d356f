/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-json.c - JSON profiles: Docker's and OCI's file format becomes the runtime spec's linux.seccomp object,
 * that becomes BPF (seccomp-compile.c), and the BPF is kept by what it was made of. */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "os/file.h"
#include "os/seccomp-policy.h"
#include "os/seccomp-profile.h"

#define PROFILE_MAX ((size_t)4 << 20)
#define CACHE_MAGIC "umiak-seccomp-1\n"

/* ---- conditions ---- */

/* This machine in Docker's words (Go's GOARCH) and in libseccomp's. */
struct machine_name {
	const char *uname, *go, *scmp;
};
static const struct machine_name machines[] = {
	{ "x86_64", "amd64", "SCMP_ARCH_X86_64" }, { "i686", "x86", "SCMP_ARCH_X86" },
	{ "aarch64", "arm64", "SCMP_ARCH_AARCH64" }, { "armv7l", "arm", "SCMP_ARCH_ARM" },
	{ "riscv64", "riscv64", "SCMP_ARCH_RISCV64" }, { "ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE" },
	{ "s390x", "s390x", "SCMP_ARCH_S390X" }, { "loongarch64", "loong64", "SCMP_ARCH_LOONGARCH64" },
};

struct host {
	const struct machine_name *machine;
	unsigned major, minor;   /* kernel */
	capset caps;
};

static int find_host(capset caps, struct host *h, struct error *err)
{
	struct utsname u;

	*h = (struct host){ .caps = caps };
	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &h->major, &h->minor) != 2)
		return fail(err, ERROR_SYSTEM, "cannot tell the kernel's version");
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (streq(machines[i].uname, u.machine))
			h->machine = &machines[i];
	return h->machine ? 0 : fail(err, ERROR_UNSUPPORTED, "seccomp profiles: machine %s is not known", u.machine);
}

static int has_all_caps(struct json_object *list, const struct host *h, struct error *err)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		capset one = 0;
		TRY(caps_parse(name ? name : "", &one, err));
		if (!(h->caps & one))
			return 0;
	}
	return 1;
}

static int has_any_cap(struct json_object *list, const struct host *h, struct error *err)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		capset one = 0;
		TRY(caps_parse(name ? name : "", &one, err));
		if (h->caps & one)
			return 1;
	}
	return 0;
}

static bool names_machine(struct json_object *list, const struct host *h)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		if (name && streq(name, h->machine->go))
			return true;
	}
	return false;
}

static int kernel_is_at_least(const char *version, const struct host *h, struct error *err)
{
	unsigned major, minor;

	if (sscanf(version, "%u.%u", &major, &minor) != 2)
		return fail(err, ERROR_INVALID, "minKernel %.40s: expected for example 4.8", version);
	return h->major > major || (h->major == major && h->minor >= minor);
}

/* Docker's rules: all of includes' conditions must hold, none of excludes'. 1: the entry counts. */
static int entry_applies(struct json_object *entry, const struct host *h, struct error *err)
{
	struct json_object *in = json_get_object(entry, "includes"), *ex = json_get_object(entry, "excludes");
	const char *min;
	int r;

	if (ex) {
		r = has_any_cap(json_get_array(ex, "caps"), h, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (names_machine(json_get_array(ex, "arches"), h))
			return 0;
		min = json_get_str(ex, "minKernel");
		r = min ? kernel_is_at_least(min, h, err) : 0;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (!in)
		return 1;
	r = has_all_caps(json_get_array(in, "caps"), h, err);
	if (r <= 0)
		return r;
	struct json_object *arches = json_get_array(in, "arches");
	if (arches && json_object_array_length(arches) && !names_machine(arches, h))
		return 0;
	min = json_get_str(in, "minKernel");
	return min ? kernel_is_at_least(min, h, err) : 1;
}

/* ---- the profile as a runtime-spec object ---- */

static int errno_number(const char *name, int64_t *ret, struct error *err)
{
	for (int e = 1; e < 134; e++) {
		const char *n = strerrorname_np(e);
		if (n && streq(n, name)) {
			*ret = e;
			return 0;
		}
	}
	return fail(err, ERROR_INVALID, "errno %.40s: unknown", name);
}

/* "errno": "EPERM" (Podman) goes before "errnoRet": 1. Copies as errnoRet under to_key. */
static int copy_errno(struct json_object *from, const char *name_key, const char *number_key, struct json_object *to,
		      struct error *err)
{
	const char *name = json_get_str(from, name_key);
	struct json_object *number;
	int64_t v = 0;

	if (!str_empty(name))
		TRY(errno_number(name, &v, err));
	else if (json_object_object_get_ex(from, number_key, &number) && number)
		v = json_object_get_int64(number);
	else
		return 0;
	return json_add(to, number_key, json_object_new_int64(v), err);
}

static int copy_member(struct json_object *from, const char *key, struct json_object *to, struct error *err)
{
	struct json_object *v;

	if (!json_object_object_get_ex(from, key, &v) || !v)
		return 0;
	return json_add(to, key, json_object_get(v), err);
}

static int copy_names(struct json_object *entry, struct json_object *to, struct error *err)
{
	const char *one = json_get_str(entry, "name");
	struct json_object *list;

	if (json_get_array(entry, "names") || str_empty(one))
		return copy_member(entry, "names", to, err);
	list = json_object_new_array();
	if (!list || json_object_array_add(list, json_object_new_string(one)) < 0)
		return fail_oom(err);
	return json_add(to, "names", list, err);
}

static int add_entry(struct json_object *entry, const struct host *h, struct json_object *syscalls, struct error *err)
{
	int r = entry_applies(entry, h, err);

	if (r <= 0)
		return r;
	auto_json *o = json_object_new_object();
	if (!o)
		return fail_oom(err);
	TRY(copy_names(entry, o, err));
	TRY(copy_member(entry, "action", o, err));
	TRY(copy_errno(entry, "errno", "errnoRet", o, err));
	struct json_object *args = json_get_array(entry, "args");
	if (args && json_object_array_length(args) > 0)
		TRY(copy_member(entry, "args", o, err));
	return json_object_array_add(syscalls, json_object_get(o)) < 0 ? fail_oom(err) : 0;
}

/* archMap: the entry of this machine and its sub-architectures. */
static int add_mapped_architectures(struct json_object *map, const struct host *h, struct json_object *to,
				    struct error *err)
{
	for (size_t i = 0; i < json_object_array_length(map); i++) {
		struct json_object *e = json_object_array_get_idx(map, i), *subs;
		const char *arch = json_get_str(e, "architecture");
		if (!arch || !streq(arch, h->machine->scmp))
			continue;
		if (json_object_array_add(to, json_object_new_string(arch)) < 0)
			return fail_oom(err);
		subs = json_get_array(e, "subArchitectures");
		for (size_t j = 0; subs && j < json_object_array_length(subs); j++)
			if (json_object_array_add(to, json_object_get(json_object_array_get_idx(subs, j))) < 0)
				return fail_oom(err);
	}
	return 0;
}

static int copy_architectures(struct json_object *from, const struct host *h, struct json_object *to, struct error *err)
{
	struct json_object *map = json_get_array(from, "archMap"), *list = json_get_array(from, "architectures");

	if (map && json_object_array_length(map) && list && json_object_array_length(list))
		return fail(err, ERROR_INVALID, "both architectures and archMap are given: only one may be");
	if (!map)
		return copy_member(from, "architectures", to, err);
	auto_json *out = json_object_new_array();
	if (!out)
		return fail_oom(err);
	TRY(add_mapped_architectures(map, h, out, err));
	return json_add(to, "architectures", json_object_get(out), err);
}

static int profile_to_spec(struct json_object *profile, capset caps, struct json_object **ret, struct error *err)
{
	static const char *const plain[] = { "defaultAction", "flags", "listenerPath", "listenerMetadata" };
	struct json_object *entries = json_get_array(profile, "syscalls");
	auto_json *spec = json_object_new_object();
	auto_json *syscalls = json_object_new_array();
	struct host h;

	if (!spec || !syscalls)
		return fail_oom(err);
	TRY(find_host(caps, &h, err));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		TRY(copy_member(profile, plain[i], spec, err));
	TRY(copy_errno(profile, "defaultErrno", "defaultErrnoRet", spec, err));
	TRY(copy_architectures(profile, &h, spec, err));
	for (size_t i = 0; entries && i < json_object_array_length(entries); i++)
		if (add_entry(json_object_array_get_idx(entries, i), &h, syscalls, err) < 0)
			return fail_wrap(err, "syscalls[%zu]", i);
	TRY(json_add(spec, "syscalls", json_object_get(syscalls), err));
	*ret = take_ptr(spec);
	return 0;
}

static int parse_profile(const char *text, size_t len, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = PROFILE_MAX };

	TRY(json_parse("seccomp profile", text, len, &limits, ret, err));
	if (!json_object_is_type(*ret, json_type_object))
		return fail(err, ERROR_INVALID, "seccomp profile: not an object");
	return 0;
}

int seccomp_json_to_spec(const char *text, size_t len, capset caps, struct json_object **ret, struct error *err)
{
	auto_json *profile = NULL;

	TRY(parse_profile(text, len, &profile, err));
	return profile_to_spec(profile, caps, ret, err) < 0 ? fail_wrap(err, "seccomp profile") : 0;
}

/* ---- the cache: a file holds the exact key and the program, so a hash collision only costs a miss ---- */

struct key {
	struct buf text;
	char name[40];
};

static void key_done(struct key *k)
{
	buf_done(&k->text);
}

static int make_key(const char *text, size_t len, const struct seccomp_json *how, struct key *k, struct error *err)
{
	struct utsname u;
	uint64_t hash = UINT64_C(14695981039346656037);

	if (uname(&u) < 0)
		return fail_errno(err, "uname");
	k->text = BUF_INIT(PROFILE_MAX + 1024);
	buf_addf(&k->text, CACHE_MAGIC "%s %s %" PRIx64 " %d %zu\n", u.machine, u.release, how->caps, how->ignore_unknown,
		 len);
	buf_add(&k->text, text, len);
	TRY(buf_ok(&k->text, "seccomp profile", err));
	for (size_t i = 0; i < k->text.len; i++)
		hash = (hash ^ (unsigned char)k->text.data[i]) * UINT64_C(1099511628211);
	snprintf(k->name, sizeof(k->name), "seccomp-%016" PRIx64 ".bpf", hash);
	return 0;
}

struct cached {
	uint32_t n, flags, notify;
};

/* 1: found. Anything odd about the file is a miss. */
static int cache_get(const char *dir, const struct key *k, struct seccomp_filter *ret)
{
	autofree char *data = NULL;
	struct cached c;
	struct error ignored;
	size_t len = 0;
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || file_read(fd, k->name, PROFILE_MAX * 2, &data, &len, &ignored) != 1)
		return 0;
	if (len < k->text.len + sizeof(c) || memcmp(data, k->text.data, k->text.len) != 0)
		return 0;
	memcpy(&c, data + k->text.len, sizeof(c));
	size_t size = c.n * sizeof(struct sock_filter);
	if (c.n == 0 || c.n > UINT16_MAX || len != k->text.len + sizeof(c) + size)
		return 0;
	struct sock_filter *code = malloc(size);
	if (!code)
		return 0;
	memcpy(code, data + k->text.len + sizeof(c), size);
	*ret = (struct seccomp_filter){ .code = code, .n = (uint16_t)c.n, .flags = c.flags, .notify = c.notify };
	return 1;
}

/* Keeping is a favour: a full disk must not stop a container. */
static void cache_put(const char *dir, const struct key *k, const struct seccomp_filter *f)
{
	struct cached c = { .n = f->n, .flags = f->flags, .notify = f->notify };
	auto_buf b = BUF_INIT(PROFILE_MAX * 2);
	struct error ignored;
	autoclose int fd = file_open_dir(AT_FDCWD, dir, true, 0700, &ignored);

	buf_add(&b, k->text.data, k->text.len);
	buf_add(&b, &c, sizeof(c));
	buf_add(&b, f->code, f->n * sizeof(struct sock_filter));
	if (fd >= 0 && !b.failed)
		file_replace(fd, k->name, b.data, b.len, 0600, 0, &ignored);
}

int seccomp_from_json(const char *text, size_t len, const struct seccomp_json *how, struct seccomp_filter *ret,
		      struct error *err)
{
	CLEANUP(key_done) struct key k = { .name = "" };
	auto_json *spec = NULL;

	TRY(make_key(text, len, how, &k, err));
	if (how->cache_dir && cache_get(how->cache_dir, &k, ret) == 1)
		return 0;
	TRY(seccomp_json_to_spec(text, len, how->caps, &spec, err));
	if (seccomp_compile(spec, how->ignore_unknown, ret, err) < 0)
		return fail_wrap(err, "seccomp profile");
	if (how->cache_dir)
		cache_put(how->cache_dir, &k, ret);
	return 0;
}

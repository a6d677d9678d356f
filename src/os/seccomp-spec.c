/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-spec.c - the built-in policy written as a runtime-spec linux.seccomp object, for other runtimes and for
 * people who want to look at it. Says the same as the embedded program; test-seccomp compares the two. */
#include "base/json.h"
#include "os/seccomp-policy.h"
#include "os/seccomp-profile.h"

static int add_string(struct json_object *list, const char *s, struct error *err)
{
	return json_object_array_add(list, json_object_new_string(s)) < 0 ? fail_oom(err) : 0;
}

/* A new entry in the list, with its names array in *ret_names. Both borrowed from the list. */
static int add_entry(struct json_object *list, const char *action, int errnum, struct json_object **ret,
		     struct json_object **ret_names, struct error *err)
{
	struct json_object *o = json_object_new_object(), *names = json_object_new_array();

	if (!o || !names || json_object_array_add(list, o) < 0) {
		json_object_put(names);
		return fail_oom(err);
	}
	TRY(json_add(o, "names", names, err));
	TRY(json_add_str(o, "action", action, err));
	if (errnum)
		TRY(json_add(o, "errnoRet", json_object_new_int(errnum), err));
	*ret = o;
	*ret_names = names;
	return 0;
}

static int add_names(struct json_object *list, const char *action, int errnum, const char *const *names, size_t n,
		     struct error *err)
{
	struct json_object *o, *to;

	TRY(add_entry(list, action, errnum, &o, &to, err));
	for (size_t i = 0; i < n; i++)
		TRY(add_string(to, names[i], err));
	return 0;
}

static int add_condition(struct json_object *args, int index, const char *op, uint64_t a, uint64_t b, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add(o, "index", json_object_new_int(index), err));
	TRY(json_add(o, "value", json_object_new_uint64(a), err));
	TRY(json_add(o, "valueTwo", json_object_new_uint64(b), err));
	TRY(json_add_str(o, "op", op, err));
	return json_object_array_add(args, json_object_get(o)) < 0 ? fail_oom(err) : 0;
}

struct condition {
	int index;
	const char *op;
	uint64_t a, b;
};

/* Filters see 64 bits, the kernel looks at the low 32 of these arguments: so do the conditions. */
#define LOW_EQ(i, v) { i, "SCMP_CMP_MASKED_EQ", 0xFFFFFFFF, v }

static int allow_when(struct json_object *list, const char *name, const struct condition *c, size_t n, struct error *err)
{
	struct json_object *o, *names, *args = json_object_new_array();

	if (!args)
		return fail_oom(err);
	if (add_entry(list, "SCMP_ACT_ALLOW", 0, &o, &names, err) < 0 || json_add(o, "args", args, err) < 0)
		return -1;
	TRY(add_string(names, name, err));
	for (size_t i = 0; i < n; i++)
		TRY(add_condition(args, c[i].index, c[i].op, c[i].a, c[i].b, err));
	return 0;
}

static int add_gated(struct json_object *list, const struct seccomp_builtin *b, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(seccomp_gated); i++) {
		const struct seccomp_gated *g = &seccomp_gated[i];
		if (seccomp_group_is_allowed(b, g->group))
			TRY(add_names(list, "SCMP_ACT_ALLOW", 0, &g->name, 1, err));
		else
			TRY(add_names(list, "SCMP_ACT_ERRNO", seccomp_groups[g->group].errnum, &g->name, 1, err));
	}
	return 0;
}

static int add_socket(struct json_object *list, const char *name, const struct seccomp_builtin *b, struct error *err)
{
	const struct condition netlink[] = { LOW_EQ(0, SECCOMP_NETLINK) };

	for (size_t i = 0; i < ARRAY_LEN(seccomp_families); i++)
		TRY(allow_when(list, name, (struct condition[]){ LOW_EQ(0, seccomp_families[i]) }, 1, err));
	for (size_t i = 0; b->families && i < b->families->n; i++) {
		uint32_t family;
		TRY(seccomp_family_number(b->families->v[i], &family, err));
		TRY(allow_when(list, name, (struct condition[]){ LOW_EQ(0, family) }, 1, err));
	}
	if (seccomp_group_is_allowed(b, SECCOMP_GROUP_AUDIT_WRITE))
		return allow_when(list, name, netlink, 1, err);
	/* all protocols but the one for audit: 0..8 and above */
	const struct condition below[] = { netlink[0], { 2, "SCMP_CMP_LT", SECCOMP_NETLINK_AUDIT, 0 } };
	const struct condition above[] = { netlink[0], { 2, "SCMP_CMP_GT", SECCOMP_NETLINK_AUDIT, 0 } };
	TRY(allow_when(list, name, below, 2, err));
	return allow_when(list, name, above, 2, err);
}

static int add_by_argument(struct json_object *list, const struct seccomp_builtin *b, struct error *err)
{
	static const char *const clone_name[] = { "clone" };

	TRY(add_socket(list, "socket", b, err));
	TRY(add_socket(list, "socketpair", b, err));
	for (size_t i = 0; i < ARRAY_LEN(seccomp_personalities); i++)
		TRY(allow_when(list, "personality", (struct condition[]){ LOW_EQ(0, seccomp_personalities[i]) }, 1, err));
	if (seccomp_group_is_allowed(b, SECCOMP_GROUP_NESTED))
		return add_names(list, "SCMP_ACT_ALLOW", 0, clone_name, 1, err);
	return allow_when(list, "clone",
			  (struct condition[]){ { 0, "SCMP_CMP_MASKED_EQ", SECCOMP_CLONE_NEW_MASK, 0 } }, 1, err);
}

static int add_architectures(struct json_object *spec, struct error *err)
{
#if defined(__x86_64__)
	static const char *const arches[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86" };
#elif defined(__aarch64__)
	static const char *const arches[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
#else
	static const char *const arches[] = {};
#endif
	struct json_object *list = json_object_new_array();

	if (!list)
		return fail_oom(err);
	TRY(json_add(spec, "architectures", list, err));
	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		TRY(add_string(list, arches[i], err));
	return 0;
}

int seccomp_builtin_to_spec(const struct seccomp_builtin *b, struct json_object **ret, struct error *err)
{
	auto_json *spec = json_object_new_object();
	auto_json *list = json_object_new_array();

	if (!spec || !list)
		return fail_oom(err);
	TRY(json_add_str(spec, "defaultAction", b->log ? "SCMP_ACT_LOG" : "SCMP_ACT_ERRNO", err));
	if (!b->log)
		TRY(json_add(spec, "defaultErrnoRet", json_object_new_int(38), err));
	TRY(add_architectures(spec, err));
	TRY(add_names(list, "SCMP_ACT_ALLOW", 0, seccomp_allowed, ARRAY_LEN(seccomp_allowed), err));
	if (!b->log)
		TRY(add_names(list, "SCMP_ACT_ERRNO", 1, seccomp_eperm, ARRAY_LEN(seccomp_eperm), err));
	TRY(add_gated(list, b, err));
	TRY(add_by_argument(list, b, err));
	TRY(json_add(spec, "syscalls", json_object_get(list), err));
	*ret = take_ptr(spec);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * oci/cmd-features.c - the features document of the runtime specification. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "config.h"
#include "oci/cli.h"
#include "os/caps.h"
#include "os/mount.h"
#include "os/ns.h"

static const char *const actions[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL
};
static const char *const operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL
};
static const char *const archs[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", NULL };
static const char *const hooks[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL
};
static const char *const own_words[] = { "src-nofollow", "dest-nofollow", NULL };

static int add_word(struct json_object *list, const char *word, struct error *err)
{
	return json_object_array_add(list, json_object_new_string(word)) < 0 ? fail_oom(err) : 0;
}

static int add_words(struct json_object *o, const char *key, const char *const *words, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, key, list, err));
	for (; *words; words++)
		TRY(add_word(list, *words, err));
	return 0;
}

static int add_mount_options(struct json_object *o, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, "mountOptions", list, err));
	for (size_t i = 0; mount_flag_word(i); i++)
		TRY(add_word(list, mount_flag_word(i), err));
	for (size_t i = 0; own_words[i]; i++)
		TRY(add_word(list, own_words[i], err));
	return 0;
}

static int add_flag(struct json_object *o, const char *key, bool on, struct error *err)
{
	return json_add(o, key, json_object_new_boolean(on), err);
}

/* A new object as member `key`; NULL: *err. */
static struct json_object *add_object(struct json_object *o, const char *key, struct error *err)
{
	struct json_object *child = json_object_new_object();

	return json_add(o, key, child, err) < 0 ? NULL : child;
}

static int add_namespaces(struct json_object *o, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, "namespaces", list, err));
	for (int k = 0; k < NS_KIND_MAX; k++)
		TRY(add_word(list, ns_info((enum ns_kind)k)->oci, err));
	return 0;
}

static int add_caps(struct json_object *o, struct error *err)
{
	struct json_object *list = json_object_new_array();

	TRY(json_add(o, "capabilities", list, err));
	for (unsigned i = 0; i <= caps_last(); i++)
		if (caps_name(i))
			TRY(add_word(list, caps_name(i), err));
	return 0;
}

static int add_linux(struct json_object *features, struct error *err)
{
	struct json_object *o = add_object(features, "linux", err);
	if (!o)
		return -1;
	TRY(add_namespaces(o, err));
	TRY(add_caps(o, err));
	struct json_object *cgroup = add_object(o, "cgroup", err);
	if (!cgroup)
		return -1;
	TRY(add_flag(cgroup, "v1", true, err));
	TRY(add_flag(cgroup, "v2", true, err));
	TRY(add_flag(cgroup, "systemd", true, err));
	TRY(add_flag(cgroup, "systemdUser", true, err));
	struct json_object *seccomp = add_object(o, "seccomp", err);
	if (!seccomp)
		return -1;
	TRY(add_flag(seccomp, "enabled", true, err));
	TRY(add_words(seccomp, "actions", actions, err));
	TRY(add_words(seccomp, "operators", operators, err));
	TRY(add_words(seccomp, "archs", archs, err));
	for (int i = 0; i < 2; i++) {
		struct json_object *lsm = add_object(o, i ? "selinux" : "apparmor", err);
		if (!lsm || add_flag(lsm, "enabled", true, err) < 0)
			return -1;
	}
	struct json_object *extensions = add_object(o, "mountExtensions", err);
	struct json_object *idmap = extensions ? add_object(extensions, "idmap", err) : NULL;
	return idmap ? add_flag(idmap, "enabled", true, err) : -1;
}

int cmd_features(struct cli *c, const struct strv *args, struct error *err)
{
	auto_json *o = json_object_new_object();
	auto_buf b = BUF_INIT(1 << 20);

	(void)c, (void)args;
	if (!o)
		return fail_oom(err);
	TRY(json_add_str(o, "ociVersionMin", "1.0.0", err));
	TRY(json_add_str(o, "ociVersionMax", "1.2.1", err));
	TRY(add_words(o, "hooks", hooks, err));
	TRY(add_mount_options(o, err));
	TRY(add_linux(o, err));
	struct json_object *annotations = add_object(o, "annotations", err);
	if (!annotations)
		return -1;
	TRY(json_add_str(annotations, "io.umiak.oci.version", UMIAK_VERSION, err));
	TRY(add_words(o, "potentiallyUnsafeConfigAnnotations", (const char *const[]){ "run.oci.hooks.", NULL }, err));
	json_format(&b, o, 2);
	TRY(buf_ok(&b, "features", err));
	printf("%s\n", b.data);
	return 0;
}

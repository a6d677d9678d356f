/* SPDX-License-Identifier: Apache-2.0
 * Capabilities, system call filter, masked paths, labels: reference of the defaults is hardening in docs. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/spec.h"
#include "os/file.h"
#include "os/seccomp.h"

static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
	"/sys/firmware", "/sys/fs/selinux",
};
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" };

/* ---- --security-opt ---- */
struct security_options {
	bool no_new_privileges, hardened;
	const char *seccomp, *apparmor, *proc_opts;
	struct strv unmask, mask;
	struct strv families;
	bool unmask_all, nested;
};

static void security_options_done(struct security_options *o)
{
	strv_done(&o->unmask);
	strv_done(&o->mask);
	strv_done(&o->families);
}

static int parse_option(struct security_options *o, const char *text, struct error *err)
{
	const char *v = text + strcspn(text, "=:");
	size_t n = (size_t)(v - text);
	autofree char *key = strndup(text, n);

	if (!key)
		return fail_oom(err);
	if (*v)
		v++;
	if (streq(key, "no-new-privileges")) {
		o->no_new_privileges = true;
		return !*v || parse_bool(v, &o->no_new_privileges) ?
			       0 : fail(err, ERROR_INVALID, "invalid --security-opt 1: \"%s\"", text);
	}
	if (streq(key, "seccomp"))
		o->seccomp = v;
	else if (streq(key, "apparmor"))
		o->apparmor = v;
	else if (streq(key, "proc-opts"))
		o->proc_opts = v;
	else if (streq(key, "profile"))
		o->hardened = streq(v, "hardened");
	else if (streq(key, "socket-family"))
		return strv_split(&o->families, v, ',', err);
	else if (streq(key, "nested"))
		o->nested = true;
	else if (streq(key, "unmask")) {
		o->unmask_all |= streq(v, "ALL") || streq(v, "all");
		return strv_split(&o->unmask, v, ':', err);
	} else if (streq(key, "mask"))
		return strv_split(&o->mask, v, ':', err);
	else if (streq(key, "systempaths") && streq(v, "unconfined"))
		o->unmask_all = true;
	else if (!streq(key, "label") && !streq(key, "systempaths"))
		return fail(err, ERROR_INVALID, "invalid --security-opt 2: \"%s\"", text);
	return 0;
}

static int load_options(const struct container_params *p, struct security_options *o, struct error *err)
{
	for (size_t i = 0; i < p->security.security_opt.n; i++)
		TRY(parse_option(o, p->security.security_opt.v[i], err));
	return 0;
}

int security_options_check(const struct container_params *p, struct error *err)
{
	CLEANUP(security_options_done) struct security_options o = {};
	const char *policy = p->security.seccomp_policy;

	if (policy && !streq(policy, "default") && !streq(policy, "image"))
		return fail(err, ERROR_INVALID, "invalid seccomp policy \"%s\": valid policies are [default image]", policy);
	return load_options(p, &o, err);
}

/* ---- capabilities ---- */
static int parse_caps(const struct strv *names, capset *set, bool *all, struct error *err)
{
	*all = false;
	*set = 0;
	for (size_t i = 0; i < names->n; i++) {
		if (strcasecmp(names->v[i], "all") == 0)
			*all = true;
		else
			TRY(caps_parse(names->v[i], set, err));
	}
	return 0;
}

static int default_caps(const struct spec_context *x, capset *ret, struct error *err)
{
	const struct strv *names = &x->engine->conf.containers.default_capabilities;

	*ret = 0;
	if (!names->n)
		*ret = caps_default();
	return caps_parse_list(names, ret, err);
}

int security_caps(const struct container_params *p, capset base, capset *ret, struct error *err)
{
	capset add, drop;
	bool add_all, drop_all;

	TRY(parse_caps(&p->security.cap_add, &add, &add_all, err));
	TRY(parse_caps(&p->security.cap_drop, &drop, &drop_all, err));
	if (add_all && drop_all)
		return fail(err, ERROR_INVALID, "adding all caps and dropping all caps not allowed");
	if (add & drop)
		return fail(err, ERROR_INVALID, "capability cannot be dropped and added at the same time");
	if (add_all)
		base = caps_all();
	if (drop_all)
		base = 0;
	*ret = (base | add) & ~drop;
	return 0;
}

static int spec_capabilities(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct container_params *p = x->params;
	struct oci_capabilities *c = s->process->capabilities = calloc(1, sizeof(*c));
	struct caps own;
	capset base, set, user;
	bool ignored;

	if (!c)
		return fail_oom(err);
	TRY(caps_get(&own, err));
	if (p->security.privileged)
		base = own.bounding & caps_all();
	else
		TRY(default_caps(x, &base, err));
	TRY(security_caps(p, base, &set, err));
	set &= own.bounding;
	x->bounding = set;
	TRY(caps_format(set, &c->bounding, err));
	if (x->uid == 0) {
		TRY(caps_format(set, &c->effective, err));
		return caps_format(set, &c->permitted, err);
	}
	/* what was asked for by name reaches a user that is not root; defaults do not */
	TRY(parse_caps(&p->security.cap_add, &user, &ignored, err));
	user &= set;
	TRY(caps_format(user, &c->effective, err));
	TRY(caps_format(user, &c->permitted, err));
	TRY(caps_format(user, &c->inheritable, err));
	return caps_format(user, &c->ambient, err);
}

/* ---- system calls ---- */
static int profile_from_file(struct spec_context *x, struct oci_spec *s, const char *path, struct error *err)
{
	autofree char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, (size_t)4 << 20, &text, &len, err);

	if (r == 0)
		return fail_with(err, ENOENT, "opening seccomp profile failed: open %s", path);
	if (r < 0 || seccomp_json_to_spec(text, len, x->bounding, &s->lnx.seccomp, err) < 0)
		return fail_wrap(err, "loading seccomp profile (%s) failed", path);
	return 0;
}

static int spec_seccomp(struct spec_context *x, struct oci_spec *s, const struct security_options *o, struct error *err)
{
	const char *profile = o->seccomp;

	if (profile && streq(profile, "unconfined"))
		return 0;
	if (!profile && x->params->security.privileged)
		return 0;
	if (!profile)
		profile = x->engine->conf.containers.seccomp_profile;
	if (!str_empty(profile) && streq(profile, "unconfined"))
		return 0;
	if (!str_empty(profile) && !streq(profile, "default"))
		return profile_from_file(x, s, profile, err);
	const char *of_image = strmap_get(&x->params->basic.labels, "io.containers.seccomp.profile");
	if (x->params->security.seccomp_policy && streq(x->params->security.seccomp_policy, "image") && of_image)
		return seccomp_json_to_spec(of_image, strlen(of_image), x->bounding, &s->lnx.seccomp, err);
	x->seccomp_builtin = true;
	x->seccomp_hardened = o->hardened && !o->nested;
	if (!x->external)
		return 0;
	const struct seccomp_builtin b = { .profile = SECCOMP_PROFILE_DEFAULT, .caps = x->bounding };
	return seccomp_builtin_to_spec(&b, &s->lnx.seccomp, err);
}

/* ---- masks ---- */
static bool unmasked(const struct security_options *o, const char *path)
{
	if (o->unmask_all)
		return true;
	for (size_t i = 0; i < o->unmask.n; i++) {
		const char *u = o->unmask.v[i];
		size_t n = strlen(u);
		if (streq(u, path) || (n > 1 && u[n - 1] == '*' && strncmp(u, path, n - 1) == 0))
			return true;
	}
	return false;
}

static int spec_masks(struct spec_context *x, struct oci_spec *s, const struct security_options *o, struct error *err)
{
	if (x->params->security.privileged)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(masked); i++)
		if (!unmasked(o, masked[i]))
			TRY(strv_add(&s->lnx.masked_paths, masked[i], err));
	for (size_t i = 0; i < o->mask.n; i++)
		TRY(strv_add(&s->lnx.masked_paths, o->mask.v[i], err));
	/* with the host's pids /proc is a bind of the host's: as read-only as any other */
	for (size_t i = 0; i < ARRAY_LEN(readonly); i++)
		if (!unmasked(o, readonly[i]))
			TRY(strv_add(&s->lnx.readonly_paths, readonly[i], err));
	const struct params_storage *p = &x->params->storage;
	if (p->read_only.value && p->read_only_tmpfs.set && !p->read_only_tmpfs.value && !x->params->basic.infra)
		TRY(strv_add(&s->lnx.readonly_paths, "/dev", err));
	return 0;
}

static int spec_proc_opts(struct oci_spec *s, const char *options, struct error *err)
{
	struct oci_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++)
		if (streq(m[i].destination, "/proc"))
			return strv_split(&m[i].options, options, ',', err);
	return 0;
}

int spec_security(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	CLEANUP(security_options_done) struct security_options o = {};

	TRY(load_options(x->params, &o, err));
	s->process->no_new_privileges = o.no_new_privileges || o.hardened;
	if (o.apparmor && !streq(o.apparmor, "unconfined"))
		TRY(str_set(&s->process->apparmor_profile, o.apparmor, err));
	TRY(spec_capabilities(x, s, err));
	TRY(spec_seccomp(x, s, &o, err));
	TRY(spec_masks(x, s, &o, err));
	return o.proc_opts ? spec_proc_opts(s, o.proc_opts, err) : 0;
}

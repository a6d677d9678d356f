/* SPDX-License-Identifier: Apache-2.0
 * Device nodes and the rules of the device cgroup. The nodes every container has (null, zero, ...) and their rules are
 * the runtime's. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/cdi.h"
#include "engine/spec.h"

static int add_rule(struct oci_spec *s, bool allow, const char *type, int64_t major, int64_t minor, const char *access_text,
		    struct error *err)
{
	struct oci_device_rule *r;

	if (!s->lnx.resources) {
		s->lnx.resources = calloc(1, sizeof(*s->lnx.resources));
		if (!s->lnx.resources)
			return fail_oom(err);
	}
	r = list_add(&s->lnx.resources->devices, sizeof(*r), err);
	if (!r)
		return -1;
	r->allow = allow;
	if (major >= 0)
		r->major = (struct opt_int){ true, major };
	if (minor >= 0)
		r->minor = (struct opt_int){ true, minor };
	if (type)
		TRY(str_set(&r->type, type, err));
	return str_set(&r->access, access_text, err);
}

int spec_device_node(struct spec_context *x, struct oci_spec *s, const char *host, const char *inside,
		    const char *permissions, struct error *err)
{
	struct stat st;
	struct oci_device *d;

	if (stat(host, &st) < 0)
		return fail_errno(err, "stat %s", host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(err, ERROR_INVALID, "%s is not a device", host);
	const char *type = S_ISCHR(st.st_mode) ? "c" : "b";
	if (x->rootless || x->maps) {
		struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);   /* mknod is not ours to do: bind the host's */
		if (!m)
			return -1;
		TRY(str_set(&m->destination, inside, err));
		TRY(str_set(&m->source, host, err));
		TRY(str_set(&m->type, "bind", err));
		return strv_split(&m->options, "bind,rprivate,noexec,nosuid", ',', err);
	}
	d = list_add(&s->lnx.devices, sizeof(*d), err);
	if (!d)
		return -1;
	d->major = major(st.st_rdev);
	d->minor = minor(st.st_rdev);
	d->file_mode = (struct opt_uint){ true, st.st_mode & 07777 };
	d->uid = (struct opt_uint){ true, st.st_uid };
	d->gid = (struct opt_uint){ true, st.st_gid };
	TRY(str_set(&d->type, type, err));
	TRY(str_set(&d->path, inside, err));
	return add_rule(s, true, type, d->major, d->minor, permissions, err);
}

static int add_directory(struct spec_context *x, struct oci_spec *s, const char *host, const char *inside,
			 const char *permissions, struct error *err)
{
	struct dirent *entry;
	DIR *d = opendir(host);
	int r = 0;
	size_t found = 0;

	if (!d)
		return fail_errno(err, "open %s", host);
	while (r >= 0 && (entry = readdir(d))) {
		autofree char *from = NULL, *to = NULL;
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		r = str_printf(&from, err, "%s/%s", host, entry->d_name);
		if (r >= 0)
			r = str_printf(&to, err, "%s/%s", inside, entry->d_name);
		if (r < 0 || stat(from, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && !streq(entry->d_name, "pts") && !streq(entry->d_name, "shm") &&
		    !streq(entry->d_name, "mqueue")) {
			r = add_directory(x, s, from, to, permissions, err);
			found++;
		} else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
			r = spec_device_node(x, s, from, to, permissions, err);
			found++;
		}
	}
	closedir(d);
	if (r >= 0 && !found)
		return fail(err, ERROR_INVALID, "no devices found in %s", host);
	return r;
}

static int add_device(struct spec_context *x, struct oci_spec *s, const struct param_device *p, struct error *err)
{
	struct stat st;

	if (cdi_is_name(p->host))
		return spec_cdi_device(x, s, p->host, err);
	if (stat(p->host, &st) < 0)
		return fail_errno(err, "stat %s", p->host);
	return S_ISDIR(st.st_mode) ? add_directory(x, s, p->host, p->container, p->permissions, err) :
				     spec_device_node(x, s, p->host, p->container, p->permissions, err);
}

/* --privileged: every device of the host except terminals (a container must not meddle with the host's consoles). */
static bool privileged_skips(const struct spec_context *x, const char *name)
{
	static const char *const skip[] = { "pts", "shm", "fd", "mqueue", "console", "ptmx", "core", "stdin", "stdout", "stderr",
		"log", "tty", "null", "zero", "full", "random", "urandom", "hugepages", "initctl" };

	for (size_t i = 0; i < ARRAY_LEN(skip); i++)
		if (streq(name, skip[i]))
			return true;
	/* systemd would start a login on every virtual console of the host */
	return (x->params->process.systemd_mode || x->rootless) && str_after(name, "tty") && name[3] >= '0' && name[3] <= '9';
}

static int add_host_devices(struct spec_context *x, struct oci_spec *s, const char *dir, struct error *err)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return fail_errno(err, "open %s", dir);
	while (r >= 0 && (entry = readdir(d))) {
		autofree char *path = NULL;
		struct stat st;
		if (entry->d_name[0] == '.' || privileged_skips(x, entry->d_name))
			continue;
		r = str_printf(&path, err, "%s/%s", dir, entry->d_name);
		if (r < 0 || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			r = add_host_devices(x, s, path, err);
		else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			r = spec_device_node(x, s, path, path, "rwm", err);
	}
	closedir(d);
	return r;
}

/* "c 1:3 rwm", "a *:* m", "a 7 r": type, numbers, access. */
struct text_rule {
	struct strv words;
	int64_t numbers[2];   /* -1: any */
};

static void text_rule_done(struct text_rule *r)
{
	strv_done(&r->words);
}

static int parse_number(const char *text, int64_t *ret, struct error *err)
{
	uint64_t n;

	*ret = -1;
	if (streq(text, "*"))
		return 0;
	if (!parse_u64(text, &n) || n > UINT32_MAX)
		return fail(err, ERROR_INVALID, "strconv.ParseUint: parsing \"%s\": invalid syntax", text);
	*ret = (int64_t)n;
	return 0;
}

static int parse_text_rule(const char *text, struct text_rule *r, struct error *err)
{
	auto_strv numbers = {};

	TRY(strv_split(&r->words, text, ' ', err));
	if (r->words.n != 3)
		return fail(err, ERROR_INVALID,
			    "invalid device cgroup rule requires type, major:Minor, and access rules: \"%s\"", text);
	const char *type = r->words.v[0], *access_text = r->words.v[2];
	if (!*type || type[1] || !strchr("abc", *type))
		return fail(err, ERROR_INVALID, "invalid device type in device-access-add: %s", type);
	TRY(strv_split(&numbers, r->words.v[1], ':', err));
	if (numbers.n > 2)
		return fail(err, ERROR_INVALID, "invalid device cgroup rule requires type, major:Minor, and access rules: \"%s\"",
			    text);
	r->numbers[1] = -1;
	for (size_t i = 0; i < numbers.n; i++)
		TRY(parse_number(numbers.v[i], &r->numbers[i], err));
	for (const char *a = access_text; *a; a++)
		if (!strchr("rwm", *a))
			return fail(err, ERROR_INVALID, "invalid device access in device-access-add: %c", *a);
	return 0;
}

int spec_device_rule_check(const char *text, struct error *err)
{
	CLEANUP(text_rule_done) struct text_rule r = {};

	return parse_text_rule(text, &r, err);
}

static int add_text_rule(struct oci_spec *s, const char *text, struct error *err)
{
	CLEANUP(text_rule_done) struct text_rule r = {};

	TRY(parse_text_rule(text, &r, err));
	return add_rule(s, true, r.words.v[0], r.numbers[0], r.numbers[1], r.words.v[2], err);
}

static int add_gpus(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct strv *gpus = &x->params->storage.gpus;

	for (size_t i = 0; i < gpus->n; i++) {
		autofree char *name = NULL;
		TRY(cdi_gpu_name(gpus->v[i], &name, err));
		TRY(spec_cdi_device(x, s, name, err));
	}
	return 0;
}

/* All of the host's; those given are for other names. */
static int privileged_devices(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_storage *p = &x->params->storage;
	const struct param_device *d = p->devices.v;

	TRY(add_rule(s, true, "a", -1, -1, "rwm", err));
	TRY(add_host_devices(x, s, "/dev", err));
	for (size_t i = 0; i < p->devices.n; i++)
		if (!streq0(d[i].host, d[i].container) || cdi_is_name(d[i].host))
			TRY(add_device(x, s, &d[i], err));
	return add_gpus(x, s, err);
}

int spec_devices(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct params_storage *p = &x->params->storage;
	const struct param_device *d = p->devices.v;

	if (x->params->security.privileged)
		return privileged_devices(x, s, err);
	TRY(add_rule(s, false, "a", -1, -1, "rwm", err));
	for (size_t i = 0; i < p->devices.n; i++)
		TRY(add_device(x, s, &d[i], err));
	for (size_t i = 0; i < p->device_cgroup_rules.n; i++)
		TRY(add_text_rule(s, p->device_cgroup_rules.v[i], err));
	return add_gpus(x, s, err);
}

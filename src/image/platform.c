/* SPDX-License-Identifier: Apache-2.0
 * image/platform.c - platforms in Go's words, and which entry of an index fits one. */
#include <string.h>

#include "base/str.h"
#include "image/oci-image.h"

const struct field platform_rows[] = {
	{ F_STR(struct platform, architecture), .json = "architecture" },
	{ F_STR(struct platform, os), .json = "os" },
	{ F_STR(struct platform, os_version), .json = "os.version" },
	{ F_STRV(struct platform, os_features), .json = "os.features" },
	{ F_STR(struct platform, variant), .json = "variant" },
	{},
};

#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#define HOST_VARIANT ""
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#define HOST_VARIANT "v8"
#elif defined(__i386__)
#define HOST_ARCHITECTURE "386"
#define HOST_VARIANT ""
#elif defined(__arm__)
#define HOST_ARCHITECTURE "arm"
#define HOST_VARIANT "v7"
#elif defined(__riscv)
#define HOST_ARCHITECTURE "riscv64"
#define HOST_VARIANT ""
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HOST_ARCHITECTURE "ppc64le"
#define HOST_VARIANT ""
#elif defined(__s390x__)
#define HOST_ARCHITECTURE "s390x"
#define HOST_VARIANT ""
#elif defined(__loongarch64)
#define HOST_ARCHITECTURE "loong64"
#define HOST_VARIANT ""
#else
#error "name this architecture as Go does"
#endif

const char *platform_host_os(void)
{
	return "linux";
}

const char *platform_host_architecture(void)
{
	return HOST_ARCHITECTURE;
}

const char *platform_host_variant(void)
{
	return HOST_VARIANT;
}

void platform_done(struct platform *p)
{
	fields_done(platform_rows, p);
}

/* containerd's normalisation of names users type. */
static const struct {
	const char *alias, *architecture, *variant;
} aliases[] = {
	{ "x86_64", "amd64", NULL }, { "x86-64", "amd64", NULL }, { "i386", "386", NULL }, { "i686", "386", NULL },
	{ "aarch64", "arm64", NULL }, { "armhf", "arm", "v7" }, { "armel", "arm", "v6" },
};

static int set_architecture(struct platform *p, const char *name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (streq(aliases[i].alias, name)) {
			TRY(str_set(&p->architecture, aliases[i].architecture, err));
			return p->variant ? 0 : str_set(&p->variant, aliases[i].variant, err);
		}
	return str_set(&p->architecture, name, err);
}

static bool known_os(const char *s)
{
	static const char *const names[] = { "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris",
		"illumos", "aix", "android", "wasi", "wasip1", "js", "plan9" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (streq(names[i], s))
			return true;
	return false;
}

int platform_parse(const char *s, struct platform *ret, struct error *err)
{
	auto_strv parts = {};

	TRY(strv_split(&parts, s, '/', err));
	while (parts.n > 1 && !*parts.v[parts.n - 1])   /* "linux/", "linux//": as if nothing stood there */
		strv_remove(&parts, parts.n - 1);
	bool bad = parts.n > 3;
	for (size_t i = 0; i < parts.n; i++)
		bad |= !*parts.v[i] && (i > 0 || (parts.n == 1 && *s != '/'));
	if (bad)
		return fail(err, ERROR_INVALID, "invalid platform syntax for \"%s\" (use OS/ARCH[/VARIANT])", s);
	if (parts.n == 1 && !*parts.v[0])
		return 0;
	if (parts.n == 1 && !known_os(parts.v[0]))
		return set_architecture(ret, parts.v[0], err);
	TRY(str_set(&ret->os, *parts.v[0] ? parts.v[0] : NULL, err));
	if (parts.n > 2)
		TRY(str_set(&ret->variant, parts.v[2], err));
	return parts.n > 1 ? set_architecture(ret, parts.v[1], err) : 0;
}

/* ---- choosing ---- */
struct wanted {
	const char *os, *architecture, *variants[6];
	size_t n_variants;
};

/* A machine runs its own variant, older ones, and entries that name none. */
static void wanted_init(struct wanted *w, const struct platform *p)
{
	static const char *const arm[] = { "v8", "v7", "v6", "v5" };

	w->os = p->os ? p->os : platform_host_os();
	w->architecture = p->architecture ? p->architecture : platform_host_architecture();
	bool host = streq(w->architecture, platform_host_architecture());
	const char *v = p->variant ? p->variant : host ? platform_host_variant() : "";
	if (!p->variant && !*v && streq(w->architecture, "arm64"))
		v = "v8";
	if (!p->variant && !*v && streq(w->architecture, "arm"))
		v = "v7";
	w->n_variants = 0;
	if (streq(w->architecture, "arm")) {
		bool from = false;
		for (size_t i = 0; i < ARRAY_LEN(arm); i++)
			if ((from |= streq(arm[i], v)))
				w->variants[w->n_variants++] = arm[i];
	}
	if (!w->n_variants)
		w->variants[w->n_variants++] = v;
	if (*v)
		w->variants[w->n_variants++] = "";
}

static bool entry_fits(const struct oci_descriptor *d, const struct wanted *w, const char *variant)
{
	const struct platform *p = d->platform;

	if (!p)   /* an index of one platform may leave it out: taken only when nothing better is there */
		return false;
	return streq0(p->os, w->os) && streq0(p->architecture, w->architecture) &&
	       streq(p->variant ? p->variant : "", variant);
}

int oci_index_choose(const struct oci_manifest *index, const struct platform *want, const struct oci_descriptor **ret,
		     struct error *err)
{
	struct wanted w;
	const struct oci_descriptor *plain = NULL;

	wanted_init(&w, want);
	for (size_t v = 0; v < w.n_variants; v++)
		for (size_t i = 0; i < index->manifests.n; i++) {
			const struct oci_descriptor *d = DESCRIPTOR(&index->manifests, i);
			if (entry_fits(d, &w, w.variants[v])) {
				*ret = d;
				return 0;
			}
			if (!d->platform && !plain)
				plain = d;
		}
	if (plain) {
		*ret = plain;
		return 0;
	}
	return fail(err, ERROR_NOT_FOUND, "no image found in %s for architecture \"%s\", variant \"%s\", OS \"%s\"",
		    index->type == MEDIA_DOCKER_LIST ? "manifest list" : "image index", w.architecture, w.variants[0], w.os);
}

/* SPDX-License-Identifier: Apache-2.0
 * engine/image-pull.c - a name becomes candidates, a candidate places to look, one of them an image. */
#include <string.h>

#include <fcntl.h>

#include "base/units.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/image-crypt.h"
#include "engine/image-local.h"
#include "engine/image-remote.h"
#include "engine/image-trust.h"
#include "engine/registry-sources.h"
#include "store/image.h"

struct pull {
	struct engine *e;
	const struct image_pull *o;
	struct registries_conf conf;
	struct platform platform;
	struct image_transfer t;
	struct strv *ids;
};

static void pull_done(struct pull *p)
{
	image_transfer_done(&p->t);
	registries_conf_done(&p->conf);
	platform_done(&p->platform);
}

/* --platform, or --os, --arch and --variant. */
static int want_platform(const struct image_pull *o, struct platform *p, struct error *err)
{
	if (o->platform && (o->os || o->arch))
		return fail(err, ERROR_INVALID, "--platform option can not be specified with --arch or --os");
	if (o->platform)
		TRY(platform_parse(o->platform, p, err));
	if (o->arch) {
		autofree char *text = NULL;
		TRY(str_printf(&text, err, "%s/%s", o->os ? o->os : platform_host_os(), o->arch));
		TRY(platform_parse(text, p, err));
	}
	if (o->os)
		TRY(str_set(&p->os, o->os, err));
	return o->variant ? str_set(&p->variant, o->variant, err) : 0;
}

static int note_pulled(struct pull *p, const char *id, struct error *err)
{
	return strv_has(p->ids, id) ? 0 : strv_add(p->ids, id, err);
}

/* ---- registries ---- */
/* The name the image gets here: the one asked for, not the mirror's; a digest instead of a tag stays a digest. */
static int local_name(const struct reference *asked, const char *as, struct strv *names, char **ret, struct error *err)
{
	auto_reference r = {};

	if (as) {
		TRY(str_set(ret, as, err));
		return strv_add(names, as, err);
	}
	TRY(reference_copy(asked, &r, err));
	TRY(reference_default_tag(&r, err));
	if (r.digest && r.tag)
		TRY(str_set(&r.tag, NULL, err));
	*ret = reference_text(&r);
	return *ret ? strv_add(names, *ret, err) : fail_oom(err);
}

static int open_source(struct pull *p, const struct reference *at, bool insecure, bool patient, struct error *err)
{
	auto_endpoint ep = {};

	TRY(endpoint_params(p->e, &p->o->remote, &p->conf, at, insecure, &ep, err));
	ep.patient = patient;
	return source_open_registry(p->t.source, &ep, &ep.cert_dirs, err);
}

/* "newer": is what the registry has another image than ours? As Podman, manifests are compared, not configurations: an
 * image made here that was pushed counts as another one until it has been pulled once. */
static int is_same_here(struct pull *p, const struct source_image *i, const char *name, struct error *err)
{
	auto_store_image here = {};
	int r = store_image_find(p->t.store, name, NULL, STORE_IMAGE_NAMES, &here, NULL, err);

	if (r <= 0)
		return r;
	return strv_has(&here.digests, i->manifest_digest);
}

/* A single image is taken whatever it is made for; who asked for something else is told. */
static void warn_platform(struct pull *p, const struct source_image *i)
{
	const char *os = p->platform.os ? p->platform.os : platform_host_os();
	const char *arch = p->platform.architecture ? p->platform.architecture : platform_host_architecture();

	if (!streq0(i->info.os, os) || !streq0(i->info.architecture, arch))
		log_warn(p->e->log, "image platform (%s/%s) does not match the expected platform (%s/%s)",
			 i->info.os ? i->info.os : "", i->info.architecture ? i->info.architecture : "", os, arch);
}

/* The policy has the last word before anything is committed. */
static int check_trust(struct pull *p, const struct image_origin *from, const struct source_image *i, struct error *err)
{
	struct image_origin o = *from;
	auto_strv digests = {};

	TRY(strv_add(&digests, i->manifest_digest ? i->manifest_digest : "", err));
	TRY(strv_copy(&digests, &i->index_digests, err));
	if (p->o->remote.insecure_policy)
		return 0;
	o.digests = &digests;
	o.remote = &p->o->remote;
	return image_trust_check(p->e, p->o->remote.signature_policy, &o, err);
}

static int pull_from(struct pull *p, const struct reference *asked, const struct registry_source *place,
		     struct error *err)
{
	auto_reference at = {};
	auto_source_image i = {};
	auto_strv names = {};
	autofree char *name = NULL;
	char id[65];

	TRY(reference_parse(place->name, &at, err));
	TRY(reference_default_tag(&at, err));
	TRY(local_name(asked, p->o->as, &names, &name, err));
	if (!p->o->remote.insecure_policy)
		TRY(image_trust_precheck(p->e, p->o->remote.signature_policy, TRANSPORT_DOCKER, name, err));
	TRY(open_source(p, &at, place->insecure, !place->mirror, err));
	p->t.resumable = true;
	TRY(source_get_image(p->t.source, at.digest ? at.digest : at.tag, 0, &p->platform, &i, err));
	warn_platform(p, &i);
	if (p->o->policy == PULL_NEWER && is_same_here(p, &i, name, err) == 1)
		return note_pulled(p, digest_hex(i.config_digest), err);
	if (p->o->policy == PULL_NEWER)
		image_say(&p->o->progress, "Trying to pull %s...", name);
	image_say(&p->o->progress, "Getting image source signatures");
	TRY(check_trust(p, &(struct image_origin){ .transport = TRANSPORT_DOCKER, .scope = name, .name = asked, .place = &at }, &i,
			err));
	TRY(image_commit(&p->t, &i, &names, id, err));
	return note_pulled(p, id, err);
}

/* Layers are encrypted, and we may have keys: known when the manifest was read, before anything else came. */
static bool needs_keys(const struct image_pull *o, const struct error *e)
{
	return o->decryption_keys.n && e->kind == ERROR_UNSUPPORTED && strstr(e->text, "is encrypted");
}

/* Mirrors first, the registry itself last: its error is the one that counts. */
static int pull_full_name(struct pull *p, const char *full, struct error *err)
{
	auto_reference asked = {};
	CLEANUP(registry_sources_done) struct list places = {};

	TRY(reference_parse(full, &asked, err));
	TRY(reference_normalize_docker(&asked, err));
	TRY(reference_default_tag(&asked, err));
	TRY(registry_sources_check(asked.domain, err));
	autofree char *text = reference_text(&asked);
	if (!text)
		return fail_oom(err);
	TRY(registries_conf_sources(&p->conf, text, &places, err));
	if (p->o->policy != PULL_NEWER)   /* that one looks first, and says nothing when nothing is newer */
		image_say(&p->o->progress, "Trying to pull %s...", text);
	int r = fail(err, ERROR_NOT_FOUND, "%s: no place to pull it from", text);
	for (size_t k = 0; r < 0 && k < places.n; k++) {
		const struct registry_source *place = &((struct registry_source *)places.v)[k];
		r = pull_from(p, &asked, place, err);
		if (r < 0 && needs_keys(p->o, err)) {
			const struct transport_name n = { .transport = TRANSPORT_DOCKER, .reference = asked, .index = -1 };
			r = image_pull_encrypted(p->e, &n, text, &p->platform, p->o, p->ids, err);
		}
		if (r < 0 && place->mirror)
			log_debug(p->e->log, "mirror %s: %s", place->name, err->text);
	}
	return r;
}

/* ---- all tags ---- */
static int pull_all_tags(struct pull *p, const char *full, struct error *err)
{
	auto_reference r = {};
	auto_strv tags = {};

	TRY(reference_parse(full, &r, err));
	TRY(reference_normalize_docker(&r, err));
	if (r.tag || r.digest)
		return fail(err, ERROR_USAGE, "tag can't be used with --all-tags");
	TRY(open_source(p, &r, false, true, err));
	TRY(source_list_tags(p->t.source, &tags, err));
	if (!tags.n)
		return fail(err, ERROR_NOT_FOUND, "%s has no tags", full);
	for (size_t i = 0; i < tags.n; i++) {
		TRY(str_set(&r.tag, tags.v[i], err));
		autofree char *text = reference_text(&r);
		if (!text)
			return fail_oom(err);
		TRY(pull_full_name(p, text, err));
	}
	return 0;
}

/* ---- names ---- */
/* A short name asked of every search registry: all failures are told, as Podman does. */
static int pull_candidates(struct pull *p, const struct strv *names, const char *what, struct error *err)
{
	auto_buf story = BUF_INIT(900);
	struct error last = {};

	for (size_t i = 0; i < names->n; i++) {
		int r = p->o->all_tags ? pull_all_tags(p, names->v[i], &last) : pull_full_name(p, names->v[i], &last);
		if (r == 0)
			return 0;
		fail_wrap(&last, "initializing source docker://%s", names->v[i]);
		buf_addf(&story, "%s* %s", story.len ? "; " : "", last.text);
	}
	if (names->n == 1) {
		*err = last;
		return -1;
	}
	return fail(err, last.kind, "%zu errors occurred while pulling %s: %s", names->n, what, story.data ? story.data : last.text);
}

static int pull_reference(struct pull *p, const struct reference *r, const char *what, struct error *err)
{
	auto_strv names = {};
	autofree char *text = reference_text(r);
	bool ambiguous = false;

	if (!text)
		return fail_oom(err);
	TRY(registries_conf_load(&p->conf, &p->e->paths, err));
	for (size_t i = 0; i < p->conf.warnings.n; i++)
		log_warn(p->e->log, "%s", p->conf.warnings.v[i]);
	TRY(registries_conf_resolve(&p->conf, text, &names, &ambiguous, err));
	if (ambiguous && !isatty(STDIN_FILENO))
		return fail(err, ERROR_INVALID, "short-name resolution enforced but cannot prompt without a TTY: give the full name "
			    "of \"%s\"", what);
	return pull_candidates(p, &names, what, err);
}

/* ---- other transports ---- */
/* "foo:1" is "docker.io/library/foo:1" in a docker archive. */
static bool is_same_name(const char *a, const char *b)
{
	auto_reference x = {}, y = {};
	struct error ignored;

	if (reference_parse(a, &x, &ignored) < 0 || reference_parse(b, &y, &ignored) < 0 ||
	    reference_normalize_docker(&x, &ignored) < 0 || reference_normalize_docker(&y, &ignored) < 0 ||
	    reference_default_tag(&x, &ignored) < 0 || reference_default_tag(&y, &ignored) < 0)
		return false;
	return streq(x.domain, y.domain) && streq(x.path, y.path) && streq0(x.tag, y.tag) && streq0(x.digest, y.digest);
}

static bool has_name(const struct op_archive *a, const struct op_archive_entry *e, const char *name)
{
	if (strv_has(&e->names, name))
		return true;
	for (size_t i = 0; a->format == ARCHIVE_DOCKER && i < e->names.n; i++)
		if (is_same_name(e->names.v[i], name))
			return true;
	return false;
}

int image_find_entry(const struct op_archive *a, const struct transport_name *n, size_t *ret, struct error *err)
{
	if (n->index >= 0) {
		*ret = (size_t)n->index;
		return n->index < (int64_t)a->images.n ? 0 : fail(err, ERROR_NOT_FOUND, "%s: there is no image %lld", n->path,
								   (long long)n->index);
	}
	for (size_t i = 0; i < a->images.n; i++) {
		const struct op_archive_entry *e = &((struct op_archive_entry *)a->images.v)[i];
		if (!n->selector ? a->images.n == 1 : has_name(a, e, n->selector)) {
			*ret = i;
			return 0;
		}
	}
	if (!n->selector)
		return fail(err, ERROR_INVALID, "%s: more than one image in it, choose one by \"%s:%s:NAME\"", n->path,
			    transport_prefix(n->transport), n->path);
	return fail(err, ERROR_NOT_FOUND, "%s: no image named %s in it", n->path, n->selector);
}

/* "docker-daemon:sha256:HEX" is an image's id. */
static bool is_daemon_id(const struct transport_name *n)
{
	return !n->reference.domain && streq0(n->reference.path, "sha256") && n->reference.tag && strlen(n->reference.tag) == 64;
}

/* Files and directories lie there; a daemon hands out an archive, which is taken to the name that was asked for. */
static int open_local(struct pull *p, const struct transport_name *n, const char *what, struct strv *names, struct error *err)
{
	if (n->transport != TRANSPORT_DOCKER_DAEMON) {
		int fd = open(n->path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? fail_errno(err, "%s", n->path) : fd;
	}
	autoclose int fd = image_scratch(p->e, err);
	TRY(fd);
	TRY(image_fetch_daemon(p->e, NULL, what, fd, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek in the daemon's archive");
	if (n->reference.tag && !is_daemon_id(n))
		TRY(strv_add(names, what, err));
	return take_fd(fd);
}

/* What messages and rules call it: a path, or the whole name of a daemon's image. */
static int local_scope(const struct transport_name *n, char **ret, struct error *err)
{
	auto_reference r = {};

	if (n->transport != TRANSPORT_DOCKER_DAEMON)
		return str_set(ret, n->path, err);
	if (!n->reference.tag && !n->reference.digest)
		return fail(err, ERROR_INVALID, "docker-daemon:%s: want NAME:TAG, NAME@DIGEST or sha256:ID", n->reference.path);
	TRY(reference_copy(&n->reference, &r, err));
	if (!is_daemon_id(n))
		TRY(reference_normalize_docker(&r, err));
	*ret = reference_text(&r);
	return *ret ? 0 : fail_oom(err);
}

static int pull_opened(struct pull *p, const struct transport_name *n, const char *what, struct strv *names, struct error *err)
{
	auto_source_image i = {};
	const struct op_archive *a = source_archive(p->t.source);
	char id[65];
	size_t index = 0;

	if (n->transport != TRANSPORT_DOCKER_DAEMON)
		TRY(image_find_entry(a, n, &index, err));
	if (p->o->as) {
		strv_done(names);
		TRY(strv_add(names, p->o->as, err));
	} else if (!names->n) {
		TRY(image_local_names(a, &((struct op_archive_entry *)a->images.v)[index], names, err));
	}
	image_say(&p->o->progress, "Getting image source signatures");
	TRY(source_get_image(p->t.source, NULL, index, &p->platform, &i, err));
	TRY(check_trust(p, &(struct image_origin){ .transport = n->transport, .scope = what,
						   .directory = n->transport == TRANSPORT_DIR ? n->path : NULL }, &i, err));
	TRY(image_commit(&p->t, &i, names, id, err));
	return note_pulled(p, id, err);
}

static int pull_local(struct pull *p, const struct transport_name *n, struct error *err)
{
	autofree char *what = NULL;
	auto_strv names = {};

	TRY(local_scope(n, &what, err));
	if (!p->o->remote.insecure_policy)
		TRY(image_trust_precheck(p->e, p->o->remote.signature_policy, n->transport, what, err));
	autoclose int fd = open_local(p, n, what, &names, err);
	TRY(fd);
	TRY(image_open_local(&p->t, fd, what, err));
	return pull_opened(p, n, what, &names, err);
}

static bool is_for(const struct store_image *image, const struct platform *wanted)
{
	CLEANUP(image_config_done) struct image_config c = {};
	struct error ignored;

	if ((!wanted->os && !wanted->architecture) || !image->config ||
	    image_config_parse(image->config, strlen(image->config), &c, &ignored) < 0)
		return true;
	return (!wanted->os || streq0(c.platform.os, wanted->os)) &&
	       (!wanted->architecture || streq0(c.platform.architecture, wanted->architecture));
}

/* What is here is enough when the policy says so. 1: it was. */
static int satisfied_here(struct engine *e, const char *name, const struct image_pull *o, const struct platform *wanted,
			  struct strv *ids, struct error *err)
{
	auto_store_image here = {};
	struct error missing;

	if (o->policy != PULL_MISSING && o->policy != PULL_NEVER)
		return 0;
	if (image_find(e, name, STORE_IMAGE_CONFIG, &here, NULL, &missing) == 1) {
		if (is_for(&here, wanted))
			return strv_add(ids, here.id, err) < 0 ? -1 : 1;
		fail(&missing, ERROR_NOT_FOUND, "%s: image not known", name);
	}
	if (missing.kind != ERROR_NOT_FOUND || o->policy == PULL_NEVER) {
		*err = missing;
		return -1;
	}
	return 0;
}

static int pull(struct engine *e, const char *name, const struct image_pull *o, struct strv *ret_ids, struct error *err)
{
	CLEANUP(pull_done) struct pull p = { .o = o, .ids = ret_ids };
	auto_transport_name n = { .index = -1 };

	TRY(engine_of_images(e, &e, err));
	p.e = e;
	TRY(image_remote_check(&o->remote, err));
	TRY(transport_parse(name, &n, err));
	if (n.transport == TRANSPORT_STORAGE)
		return fail(err, ERROR_UNSUPPORTED, "%s: pulling from %s is not supported", name, transport_prefix(n.transport));
	TRY(want_platform(o, &p.platform, err));
	bool registry = n.transport == TRANSPORT_NONE || n.transport == TRANSPORT_DOCKER;
	if (registry && !o->all_tags) {
		int r = satisfied_here(e, name, o, &p.platform, ret_ids, err);
		if (r)
			return r < 0 ? r : 0;
	}
	if (registry)
		fetcher_begin(e);
	TRY(image_transfer_begin(e, "pull", &o->progress, &p.t, err));
	if (!registry && o->all_tags) {
		const char *prefix = transport_prefix(n.transport);
		return fail(err, ERROR_INVALID, "pulling all tags is not supported for %.*s transport", (int)strcspn(prefix, ":"), prefix);
	}
	if (!registry) {
		int r = pull_local(&p, &n, err);
		return r < 0 && n.path && needs_keys(o, err) ? image_pull_encrypted(e, &n, n.path, &p.platform, o, ret_ids, err) : r;
	}
	return pull_reference(&p, &n.reference, name, err);
}

/* Events have the name as it was typed: with its transport, without a tag that nobody gave. */
int image_pull(struct engine *e, const char *name, const struct image_pull *o, struct strv *ret_ids, struct error *err)
{
	size_t before = ret_ids->n;

	if (pull(e, name, o, ret_ids, err) < 0) {
		engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PULL_ERROR, .name = name,
						 .error = err->text });
		return -1;
	}
	for (size_t i = before; i < ret_ids->n; i++)
		image_pull_event(e, ret_ids->v[i], name);
	return 0;
}

void image_pull_event(const struct engine *e, const char *id, const char *name)
{
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PULL, .id = id, .name = name });
}

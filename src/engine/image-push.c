/* SPDX-License-Identifier: Apache-2.0
 * engine/image-push.c - an image of the store goes to a registry, blob by blob as it came. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "conf/helpers.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/image-out.h"
#include "engine/image-remote.h"
#include "engine/image-sign.h"
#include "store/layer.h"

struct push {
	struct image_out out;
	const struct image_push *o;
	struct worker *fetch;
	int64_t endpoint;
};

static void push_done(struct push *p)
{
	worker_free(p->fetch);
	image_out_done(&p->out);
}

static int start_fetcher(struct push *p, const struct reference *to, struct error *err)
{
	struct engine *e = p->out.engine;
	CLEANUP(registries_conf_done) struct registries_conf conf = {};
	auto_endpoint ep = {};
	autofree char *program = NULL;
	struct op_number n = {};
	autofree char *name = reference_text(to);

	if (!name)
		return fail_oom(err);
	TRY(registries_conf_load(&conf, &e->paths, err));
	const struct registry *rule = registries_conf_find(&conf, name);
	if (rule && rule->blocked)
		return fail(err, ERROR_DENIED, "registry %s is blocked in registries.conf", to->domain);
	TRY(endpoint_params(e, &p->o->remote, &conf, to, rule && rule->insecure, &ep, err));
	ep.push = true;
	TRY(helper_find("umiak-worker", &program, err));
	struct worker_options w = { .program = program, .setup = { .read_paths = ep.cert_dirs }, .root_fd = -1, .log = e->log };
	TRY(worker_start(WORKER_FETCH, &w, &p->fetch, err));
	TRY(worker_call(p->fetch, OP_ENDPOINT, &ep, NULL, 0, &n, NULL, err));
	p->endpoint = n.n;
	return 0;
}

static int push_blob(struct push *p, const char *digest, const char *what, struct error *err)
{
	struct op_get q = { .endpoint = p->endpoint, .reference = (char *)(uintptr_t)digest };
	struct op_got got = {};

	TRY(worker_call(p->fetch, OP_HAS_BLOB, &q, NULL, 0, &got, NULL, err));
	bool there = got.found;
	fields_done(worker_ops[OP_HAS_BLOB].reply, &got);
	image_say(&p->o->progress, "Copying %s %s%s", what, digest, there ? " skipped: already exists  " : "");
	if (there)
		return 0;
	autoclose int fd = image_out_open_blob(&p->out, digest, err);
	if (fd < 0)
		return -1;
	TRY(worker_call(p->fetch, OP_PUT_BLOB, &q, &fd, 1, &got, NULL, err));
	fields_done(worker_ops[OP_PUT_BLOB].reply, &got);
	return 0;
}

static int push_manifest(struct push *p, const struct reference *to, struct error *err)
{
	struct image_out *o = &p->out;
	struct op_get q = { .endpoint = p->endpoint, .reference = to->digest ? to->digest : to->tag,
			    .media_type = (char *)(uintptr_t)media_type_name(o->type) };
	struct op_got got = {};
	autoclose int fd = file_memfd_data("manifest", o->manifest.data, o->manifest.len, err);

	if (fd < 0)
		return -1;
	if (to->digest && !streq(to->digest, o->digest))
		return fail(err, ERROR_INVALID, "the manifest's digest is %s, it cannot be pushed as %s", o->digest, to->digest);
	image_say(&p->o->progress, "Writing manifest to image destination");
	TRY(worker_call(p->fetch, OP_PUT_MANIFEST, &q, &fd, 1, &got, NULL, err));
	bool differs = got.digest && !streq(got.digest, o->digest);
	fields_done(worker_ops[OP_PUT_MANIFEST].reply, &got);
	return differs ? fail(err, ERROR_CORRUPT, "the registry stored another manifest than was sent") : 0;
}

/* --compression-format, --compression-level, --force-compression; bare tars are compressed in any case. */
static int apply_compression(struct push *p, struct error *err)
{
	static const struct {
		const char *name;
		enum compression format;
	} names[] = { { "gzip", COMPRESSION_GZIP }, { "zstd", COMPRESSION_ZSTD } };
	struct image_compression want = { .level = p->o->compression_level.set ? p->o->compression_level.value : -1,
					  .force = p->o->force_compression };
	const char *given = p->o->compression ? p->o->compression : p->o->force_compression ? "gzip" : NULL;

	for (size_t i = 0; given && i < ARRAY_LEN(names); i++)
		if (streq(names[i].name, given))
			want.format = names[i].format;
	if (given && want.format == COMPRESSION_NONE)
		return fail(err, ERROR_UNSUPPORTED, "--compression-format %s is not supported (use gzip or zstd)", given);
	int64_t most = want.format == COMPRESSION_ZSTD ? 19 : 9;
	if (want.level < -1 || want.level > most)
		return fail(err, ERROR_INVALID, "--compression-level %lld: want 0 to %lld", (long long)want.level,
			    (long long)most);
	return image_out_recompress(&p->out, &want, err);
}

static int sign(struct push *p, const struct image_signer *signer, const struct reference *to, struct error *err)
{
	auto_repository *repository = NULL;

	if (!signer->gpg_key && !signer->sigstore_pem)
		return 0;
	image_say(&p->o->progress, "Creating signature: Signing image using %s", signer->gpg_key ? "simple signing" : "a sigstore signature");
	TRY(repository_open_reference(p->out.engine, &p->o->remote, to, REPOSITORY_WRITE, &repository, err));
	return image_signer_sign(p->out.engine, signer, repository, to, p->out.digest, err);
}

static int push_to_registry(struct push *p, const struct reference *to, struct error *err)
{
	auto_image_signer signer = {};

	if (p->o->signing)
		TRY(image_signer_open(p->out.engine, p->o->signing, &p->o->remote, to, &signer, err));
	TRY(apply_compression(p, err));
	TRY(start_fetcher(p, to, err));
	image_say(&p->o->progress, "Getting image source signatures");
	for (size_t i = 0; i < p->out.image.n_layers; i++)
		TRY(push_blob(p, p->out.image.layers[i].blob, "blob", err));
	TRY(push_blob(p, p->out.config_digest, "config", err));
	TRY(push_manifest(p, to, err));
	return sign(p, &signer, to, err);
}

/* "oci-archive:x.tar:name" and the like: what save does, with a name of its own. */
static int push_to_file(struct push *p, const char *what, const struct transport_name *n, struct error *err)
{
	static const int kinds[TRANSPORT_MAX] = {
		[TRANSPORT_DOCKER_ARCHIVE] = SAVE_DOCKER_ARCHIVE + 1, [TRANSPORT_OCI] = SAVE_OCI_DIR + 1,
		[TRANSPORT_OCI_ARCHIVE] = SAVE_OCI_ARCHIVE + 1, [TRANSPORT_DIR] = SAVE_DOCKER_DIR + 1,
	};

	if (p->o->signing)
		TRY(image_signing_refuse(p->o->signing, transport_prefix(n->transport), err));
	if (!kinds[n->transport])
		return fail(err, ERROR_UNSUPPORTED, "pushing to %s: is not supported", transport_prefix(n->transport));
	struct image_save s = { .kind = (enum archive_kind)(kinds[n->transport] - 1), .path = n->path,
				.format = p->o->format, .progress = p->o->progress };
	return image_save_as(p->out.engine, what, n->selector, &s, err);
}

static int decide_destination(const char *destination, const char *found_name, const char *what,
			      struct transport_name *to, struct error *err)
{
	if (!destination && !found_name)
		return fail(err, ERROR_INVALID, "%s has no name: say where to push it", what);
	TRY(transport_parse(destination ? destination : found_name, to, err));
	if (to->path)
		return 0;
	if (!to->reference.domain && to->transport == TRANSPORT_NONE && !destination)
		return fail(err, ERROR_INVALID, "%s: a short name cannot be pushed: say where to", what);
	TRY(reference_normalize_docker(&to->reference, err));
	return reference_default_tag(&to->reference, err);
}

int image_push(struct engine *e, const char *what, const char *destination, const struct image_push *o, char *ret_digest,
	       struct error *err)
{
	CLEANUP(push_done) struct push p = { .o = o };
	auto_transport_name to = { .index = -1 };
	autofree char *name = NULL;

	TRY(image_out_begin(e, what, o->format, &p.out, &name, err));
	TRY(decide_destination(destination, name, what, &to, err));
	if (to.transport == TRANSPORT_NONE || to.transport == TRANSPORT_DOCKER)
		TRY(push_to_registry(&p, &to.reference, err));
	else
		TRY(push_to_file(&p, what, &to, err));
	snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", p.out.digest);
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PUSH, .id = p.out.image.id,
					 .name = destination ? destination : name });
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-copy.c - `image copy` (`skopeo copy`): from any transport to any other. */
#include <stdio.h>

#include "cli/skopeo.h"
#include "engine/image-sign.h"
#include "image/digest.h"

struct copy_params {
	struct skopeo_choice choice;
	struct skopeo_place from, to;
	struct skopeo_retry retry;
	char *authfile, *format, *multi_arch, *digestfile, *compress_format;
	struct image_signing signing;
	char *sign_identity;
	struct strv tags, decryption_keys, encryption_keys, encrypt_layers;
	struct opt_int compress_level;
	uint64_t parallel;
	bool all, quiet, remove_signatures, preserve_digests, compress, decompress, force_format, accept_uncompressed;
	bool precompute;
};

#define P struct copy_params
static const struct field rows[] = {
	{ .cli = "additional-tag", F_STRV(P, tags), .arg = "strings", .help = "Further name for the image (docker-archive)" },
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Copy every image of a manifest list" },
	{ .cli = "authfile", F_STR(P, authfile), .arg = "path", .complete = "files", .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "decryption-key", F_STRV(P, decryption_keys), .arg = "key[:passphrase]", .help = "Key needed to decrypt the image" },
	{ .cli = "dest-compress", F_BOOL(P, compress), .help = "Compress layers (dir: and oci:)" },
	{ .cli = "dest-compress-format", F_STR(P, compress_format), .arg = "format", .help = "Compression of layers: gzip, zstd or zstd:chunked" },
	{ .cli = "dest-compress-level", F_OPT_INT(P, compress_level), .arg = "level", .help = "How hard layers are compressed" },
	{ .cli = "dest-decompress", F_BOOL(P, decompress), .help = "Decompress layers (dir: and oci:)" },
	{ .cli = "dest-force-compress-format", F_BOOL(P, force_format), .help = "Send in this compression although another is there" },
	{ .cli = "dest-oci-accept-uncompressed-layers", F_BOOL(P, accept_uncompressed), .help = "oci: leave layers that are not compressed as they are" },
	{ .cli = "dest-precompute-digests", F_BOOL(P, precompute), .help = "Digests are always known before layers are sent" },
	{ .cli = "digestfile", F_STR(P, digestfile), .arg = "path", .complete = "files", .help = "Write the digest of the image to this file" },
	{ .cli = "encrypt-layer", F_CSV(P, encrypt_layers), .arg = "ints", .help = "Numbers of the layers to encrypt (default: all)" },
	{ .cli = "encryption-key", F_STRV(P, encryption_keys), .arg = "key", .help = "Public key to encrypt layers with: jwe:FILE" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "string", .help = "Manifest type at the destination: oci or v2s2" },
	{ .cli = "image-parallel-copies", F_UINT(P, parallel), .arg = "n", .help = "How many layers are copied at once" },
	{ .cli = "multi-arch", F_STR(P, multi_arch), .arg = "option", .help = "What of a manifest list is copied: system, all or index-only" },
	{ .cli = "preserve-digests", F_BOOL(P, preserve_digests), .help = "Fail rather than change the image's digests" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress" },
	{ .cli = "remove-signatures", F_BOOL(P, remove_signatures), .help = "Leave the image's signatures behind" },
	{ .cli = "sign-identity", F_STR(P, sign_identity), .arg = "reference", .help = "Name to sign the image as" },
	{}
};

static int check(const struct copy_params *p, struct error *err)
{
	if (p->all && p->multi_arch)
		return fail(err, ERROR_INVALID, "Cannot use --all and --multi-arch flags together");
	if (p->compress && p->decompress)
		return fail(err, ERROR_INVALID, "--dest-compress and --dest-decompress exclude each other");
	return 0;
}

static int decide_multi(const struct copy_params *p, enum copy_multi *ret, struct error *err)
{
	static const char *const words[] = { [COPY_SYSTEM] = "system", [COPY_ALL] = "all", [COPY_INDEX_ONLY] = "index-only" };

	*ret = p->all ? COPY_ALL : COPY_SYSTEM;
	if (!p->multi_arch)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i], p->multi_arch)) {
			*ret = (enum copy_multi)i;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unknown multi-arch option \"%s\". Choose one of the supported options: 'system', 'all', or "
		    "'index-only'", p->multi_arch);
}

static int prepare(struct cli *cli, const struct copy_params *p, struct image_copy *o, struct error *err)
{
	TRY(check(p, err));
	TRY(decide_multi(p, &o->multi, err));
	if (p->format)
		TRY(image_format_parse(p->format, &o->format, err));
	o->from = skopeo_remote(cli, &p->from, &p->choice, &p->retry, p->authfile);
	o->to = skopeo_remote(cli, &p->to, NULL, &p->retry, p->authfile);
	o->platform = skopeo_platform(cli, &p->choice);
	o->compression = p->compress_format;
	o->compression_level = p->compress_level;
	o->force_compression = p->force_format;
	o->compress = p->compress;
	o->decompress = p->decompress;
	o->accept_uncompressed = p->accept_uncompressed;
	o->preserve_digests = p->preserve_digests;
	o->remove_signatures = p->remove_signatures;
	o->tags = p->tags;
	o->from_blobs = p->from.shared_blob_dir;
	o->to_blobs = p->to.shared_blob_dir;
	o->from_daemon = p->from.daemon_host;
	o->to_daemon = p->to.daemon_host;
	o->decryption_keys = p->decryption_keys;
	o->encryption_keys = p->encryption_keys;
	o->encrypt_layers = p->encrypt_layers;
	o->parallel = p->parallel;
	o->signing = &p->signing;
	o->sign_identity = p->sign_identity;
	o->progress = skopeo_progress(p->quiet);
	return 0;
}

static int write_digest(const char *path, const char *digest, struct error *err)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f || fputs(digest, f) < 0 || fflush(f) != 0)
		return fail_errno(err, "Failed to write digest to file \"%s\"", path);
	return 0;
}

static int run_copy(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct copy_params *p = params;
	struct image_copy o = {};
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	TRY(prepare(cli, p, &o, err));
	TRY(skopeo_globals_apply(cli, err));
	TRY(cli_engine(cli, &e, err));
	TRY(image_copy(e, args->v[0], args->v[1], &o, digest, err));
	return p->digestfile ? write_digest(p->digestfile, digest, err) : 0;
}

const struct command cmd_image_copy = {
	.summary = "Copy an image from one place to another",
	.description = "Copies an image between registries (docker://), archives (docker-archive:, oci-archive:), directories (oci:, "
		"dir:),\nthe local storage (containers-storage:) and Docker daemons (docker-daemon:), without unpacking it. The options\n"
		"are those of skopeo copy.",
	.args = "SOURCE-IMAGE DESTINATION-IMAGE", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){
		{ rows }, { skopeo_choice_rows, offsetof(P, choice) }, { skopeo_from_rows, offsetof(P, from) },
		{ skopeo_to_rows, offsetof(P, to) }, { skopeo_retry_rows, offsetof(P, retry) },
		{ image_signing_rows, offsetof(P, signing) }, {} },
	.params_size = sizeof(struct copy_params),
	.examples = "docker://registry.example/web:1 oci:web:1\n--all docker://registry.example/web:1 docker://mirror.example/web:1",
	.run = run_copy, .flags = COMMAND_IN_USERNS,
};

/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-push.c - `push`: an image to a registry or another place. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/transfer.h"
#include "engine/image-sign.h"
#include "engine/manifest-list.h"
#include "image/digest.h"

struct push_params {
	struct image_push push;
	struct image_signing signing;
	char *compression_format, *digestfile, *format;
	bool compress, disable_compression, disable_content_trust, quiet, remove_signatures;
};

#define P struct push_params
static const struct field rows[] = {
	{ .cli = "compress", F_BOOL(P, compress),
	  .help = "With the dir transport: compress layers that are not" },
	{ .cli = "compression-format", F_STR(P, compression_format), .arg = "string",
	  .help = "How layers are compressed (gzip, zstd, zstd:chunked)" },
	{ .cli = "compression-level", F_OPT_INT(P, push.compression_level), .arg = "int",
	  .help = "How hard layers are compressed" },
	{ .cli = "digestfile", F_STR(P, digestfile), .arg = "string", .complete = "files",
	  .help = "Write the digest of the image sent to this file" },
	{ .cli = "disable-compression", .abbr = 'D', F_BOOL(P, disable_compression), .flags = FIELD_HIDDEN,
	  .help = "Compress no layer for directories and layouts" },
	{ .cli = "disable-content-trust", F_BOOL(P, disable_content_trust),
	  .help = "Accepted for Docker scripts, without effect" },
	{ .cli = "encrypt-layer", F_CSV(P, push.encrypt_layers), .arg = "ints",
	  .help = "Numbers of the layers to encrypt (default: all)" },
	{ .cli = "encryption-key", F_STRV(P, push.encryption_keys), .arg = "key",
	  .help = "Public key to encrypt layers with: jwe:FILE (repeatable)" },
	{ .cli = "force-compression", F_BOOL(P, push.force_compression),
	  .help = "Send in this compression although the registry has the layer in another" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "string",
	  .help = "Manifest type to use when pushing: oci or v2s2" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress while sending" },
	{ .cli = "remove-signatures", F_BOOL(P, remove_signatures),
	  .help = "Leave the image's signatures behind" },
	{}
};

static int write_digest(const char *path, const char *digest, struct error *err)
{
	autofclose FILE *f = fopen(path, "we");

	if (!f || fputs(digest, f) < 0 || fflush(f) != 0)
		return fail_errno(err, "failed to write digest to file %s", path);
	return 0;
}

/* A manifest list that has no image for this machine here is pushed as such. */
static int push(struct engine *e, const char *what, const char *destination, struct push_params *p, char *digest,
		struct error *err)
{
	struct manifest_list_push list = { .push = p->push, .all = true };
	struct error ignored;

	if (image_push(e, what, destination, &p->push, digest, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND || manifest_list_exists(e, what, &ignored) != 1)
		return -1;
	return manifest_list_push(e, what, destination, &list, digest, err);
}

static int run_push(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct push_params *p = params;
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	if (p->format)
		TRY(image_format_parse(p->format, &p->push.format, err));
	p->push.compression = p->compression_format;
	p->push.signing = &p->signing;
	p->push.compress = p->compress;
	p->push.accept_uncompressed = p->disable_compression;
	p->push.progress = cli_progress(p->quiet);
	TRY(cli_engine(cli, &e, err));
	TRY(push(e, args->v[0], args->n > 1 ? args->v[1] : NULL, p, digest, err));
	return p->digestfile ? write_digest(p->digestfile, digest, err) : 0;
}

const struct command cmd_push = {
	.summary = "Send an image to a registry or another transport",
	.description = "Copies an image from the local storage to a registry (docker://, the default), an archive or a directory.",
	.args = "IMAGE [DESTINATION]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { rows }, { image_remote_rows, offsetof(P, push.remote) },
		{ image_push_retry_rows, offsetof(P, push.remote) },
					    { image_signing_rows, offsetof(P, signing) }, {} },
	.params_size = sizeof(struct push_params),
	.examples = "web:1.4 registry.example:5000/web:1.4\nweb:1.4 oci-archive:web.tar:web:1.4",
	.run = run_push, .flags = COMMAND_IN_USERNS,
};

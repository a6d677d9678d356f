/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-sign.c - `image sign`, and the tools for single signatures: standalone-sign, standalone-verify,
 * generate-sigstore-key, manifest-digest. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/sha256.h"
#include "cli/cli.h"
#include "engine/documents.h"
#include "engine/gpg.h"
#include "engine/image-sign.h"
#include "image/payload.h"
#include "os/file.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

/* ---- image sign ---- */
#define P struct image_sign_options
static const struct field sign_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Sign every image of a list" },
	{ .cli = "authfile", F_STR(P, remote.authfile), .arg = "path", .complete = "files",
	  .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "cert-dir", F_STR(P, remote.cert_dir), .arg = "path", .complete = "files",
	  .help = "Directory with certificates of the registry and for it" },
	{ .cli = "directory", .abbr = 'd', F_STR(P, directory), .arg = "dir", .complete = "files",
	  .help = "Where signatures are put, instead of what registries.d says" },
	{ .cli = "sign-by", F_STR(P, sign_by), .arg = "identity", .help = "GPG key to sign with" },
	{}
};

static int run_sign(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct image_sign_options *p = params;
	struct engine *e;

	TRY(image_remote_check_authfile(&p->remote, err));
	if (str_empty(p->sign_by))
		return fail(err, ERROR_INVALID, "no identity provided: use --sign-by");
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 0; i < args->n; i++)
		TRY(image_sign(e, args->v[i], p, err));
	return 0;
}

const struct command cmd_image_sign = {
	.summary = "Sign an image",
	.description = "Makes a GPG signature for images, given with their transport, and puts it into a directory.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { sign_rows }, {} }, .params_size = sizeof(struct image_sign_options),
	.examples = "--sign-by ann -d /tmp/sigs docker://quay.io/web:1", .run = run_sign,
	.flags = COMMAND_IN_USERNS,
};

/* ---- single files ---- */
static int read_file(const char *path, char **ret, size_t *ret_len, struct error *err)
{
	auto_buf b = BUF_INIT(FILE_BYTES_MAX);
	char chunk[16384];
	ssize_t n;
	autoclose int fd = streq(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? fail(err, ERROR_NOT_FOUND, "Error reading %s: no such file", path) :
			fail_errno(err, "Error reading %s", path);
	while ((n = file_read_full(fd, chunk, sizeof(chunk), err)) > 0)   /* pipes and devices, too */
		buf_add(&b, chunk, (size_t)n);
	if (n < 0 || buf_ok(&b, path, err) < 0)
		return -1;
	*ret_len = b.len;
	*ret = buf_steal(&b);
	return *ret ? 0 : fail_oom(err);
}

/* A device or pipe is written to, a file replaced. */
static int write_file(const char *path, const struct buf *bytes, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return file_replace(AT_FDCWD, path, bytes->data, bytes->len, 0644, 0, err);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "%s", path);
	return file_write_all(fd, bytes->data, bytes->len, err);
}

static int manifest_digest(const char *path, char ret[DIGEST_TEXT_MAX], struct error *err)
{
	autofree char *bytes = NULL;
	size_t len;

	TRY(read_file(path, &bytes, &len, err));
	sha256_text(bytes, len, ret);
	return 0;
}

static int run_digest(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];

	(void)cli, (void)params;
	TRY(manifest_digest(args->v[0], digest, err));
	printf("%s\n", digest);
	return 0;
}

const struct command cmd_manifest_digest = {
	.summary = "Compute the digest of a manifest file",
	.description = "Prints the digest a registry knows a manifest by.", .args = "MANIFEST", .min_args = 1, .max_args = 1,
	.examples = "manifest.json", .run = run_digest, .flags = COMMAND_IN_USERNS,
};

struct standalone_params {
	char *output, *passphrase_file, *public_key_file, *output_prefix;
};
#define T struct standalone_params
static const struct field standalone_sign_rows[] = {
	{ .cli = "output", .abbr = 'o', F_STR(T, output), .arg = "path", .complete = "files",
	  .help = "File the signature is written to" },
	{ .cli = "passphrase-file", F_STR(T, passphrase_file), .arg = "path", .complete = "files",
	  .help = "File with the passphrase of the key" },
	{}
};

static int run_standalone_sign(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct standalone_params *p = params;
	auto_buf signature = BUF_INIT(FILE_BYTES_MAX);
	autofree char *passphrase = NULL;
	char digest[DIGEST_TEXT_MAX];
	struct engine *e;

	if (str_empty(p->output))
		return fail(err, ERROR_USAGE, "Usage: standalone-sign manifest docker-reference key-fingerprint -o signature");
	TRY(cli_engine(cli, &e, err));
	if (p->passphrase_file)
		TRY(image_read_passphrase(p->passphrase_file, &passphrase, err));
	TRY(manifest_digest(args->v[0], digest, err));
	TRY(image_sign_simple(args->v[2], passphrase, args->v[1], digest, &signature, err));
	return write_file(p->output, &signature, err);
}

const struct command cmd_standalone_sign = {
	.summary = "Make a signature with local files only",
	.description = "Signs a manifest file under an image name with a GPG key.",
	.args = "MANIFEST NAME KEY", .min_args = 3, .max_args = 3,
	.groups = (const struct command_rows[]){ { standalone_sign_rows }, {} },
	.params_size = sizeof(struct standalone_params),
	.examples = "m.json example.org/web:1 ABCD1234 -o web.sig", .run = run_standalone_sign,
	.flags = COMMAND_IN_USERNS,
};

/* ---- standalone-verify ---- */
static const struct field standalone_verify_rows[] = {
	{ .cli = "public-key-file", F_STR(T, public_key_file), .arg = "path", .complete = "files",
	  .help = "File with the GPG public key, instead of the user's keys" },
	{}
};

/* Fingerprints are compared by their end: a key id is the end of one. */
static bool fingerprint_matches(const char *wanted, const char *got)
{
	size_t n = strlen(wanted), m = strlen(got);

	return n >= 16 && n <= m && strcasecmp(got + m - n, wanted) == 0;
}

static int verify(struct engine *e, const struct standalone_params *p, const struct strv *args, char fingerprint[65],
		  struct op_signed *claim, struct error *err)
{
	auto_documents d = { .engine = e };
	autofree char *signature = NULL, *key = NULL;
	auto_buf payload = BUF_INIT(PAYLOAD_BYTES_MAX), keys = BUF_INIT(FILE_BYTES_MAX);
	struct op_payload q = {};
	size_t len, key_len;

	TRY(read_file(args->v[3], &signature, &len, err));
	if (p->public_key_file) {
		TRY(read_file(p->public_key_file, &key, &key_len, err));
		buf_add(&keys, key, key_len);
	} else {
		TRY(gpg_export(streq(args->v[2], "any") ? NULL : args->v[2], &keys, err));
	}
	TRY(gpg_verify(e, &keys, 1, signature, len, &payload, fingerprint, err));
	return documents_ask(&d, OP_PARSE_PAYLOAD, &q, payload.data ? payload.data : "", payload.len, claim, err);
}

static int run_standalone_verify(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_payload claim = {};
	char digest[DIGEST_TEXT_MAX], fingerprint[65];
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(manifest_digest(args->v[0], digest, err));
	TRY(verify(e, params, args, fingerprint, &claim, err));
	if (!streq(args->v[2], "any") && !fingerprint_matches(args->v[2], fingerprint))
		return fail(err, ERROR_DENIED, "Error verifying signature: Signature by %s, expected %s", fingerprint, args->v[2]);
	if (!streq(claim.reference, args->v[1]))
		return fail(err, ERROR_DENIED, "Error verifying signature: Docker reference \"%s\" does not match \"%s\"",
			    claim.reference, args->v[1]);
	if (!streq(claim.digest, digest))
		return fail(err, ERROR_DENIED, "Error verifying signature: Docker manifest digest \"%s\" does not match \"%s\"",
			    claim.digest, digest);
	printf("Signature verified using fingerprint %s, digest %s\n", fingerprint, digest);
	return 0;
}

const struct command cmd_standalone_verify = {
	.summary = "Verify a signature with local files only",
	.description = "Checks that a signature is for this manifest and image name, by this key.",
	.args = "MANIFEST NAME KEY SIGNATURE", .min_args = 4, .max_args = 4,
	.groups = (const struct command_rows[]){ { standalone_verify_rows }, {} },
	.params_size = sizeof(struct standalone_params),
	.examples = "m.json example.org/web:1 ABCD1234ABCD1234 w.sig", .run = run_standalone_verify,
	.flags = COMMAND_IN_USERNS,
};

/* ---- generate-sigstore-key ---- */
static const struct field key_rows[] = {
	{ .cli = "output-prefix", F_STR(T, output_prefix), .arg = "prefix", .complete = "files",
	  .help = "The keys become PREFIX.private and PREFIX.pub" },
	{ .cli = "passphrase-file", F_STR(T, passphrase_file), .arg = "path", .complete = "files",
	  .help = "File with the passphrase for the private key" },
	{}
};

/* Asks twice on the terminal, without echo. */
static int ask_passphrase(char **ret, struct error *err)
{
	struct termios before, silent;
	autofree char *first = NULL, *second = NULL;
	char **lines[] = { &first, &second };
	size_t cap;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return fail(err, ERROR_INVALID, "Cannot read passphrase: standard input is not a terminal (use --passphrase-file)");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	for (int i = 0; i < 2; i++) {
		fprintf(stderr, i ? "\nRepeat passphrase: " : "Passphrase for key: ");
		cap = 0;
		if (getline(lines[i], &cap, stdin) < 0)
			break;
	}
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fprintf(stderr, "\n");
	if (!first || !second || !streq(first, second))
		return fail(err, ERROR_INVALID, "passphrases do not match");
	first[strcspn(first, "\r\n")] = '\0';
	*ret = take_ptr(first);
	return 0;
}

static int run_key(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct standalone_params *p = params;
	autofree char *passphrase = NULL;
	struct engine *e;

	(void)args;
	if (str_empty(p->output_prefix))
		return fail(err, ERROR_USAGE, "The required --output-prefix option was not specified");
	TRY(cli_engine(cli, &e, err));
	TRY(p->passphrase_file ? image_read_passphrase(p->passphrase_file, &passphrase, err) : ask_passphrase(&passphrase, err));
	TRY(image_make_sigstore_key(e, p->output_prefix, passphrase, err));
	printf("Key written to \"%s.private\" and \"%s.pub\"\n", p->output_prefix, p->output_prefix);
	return 0;
}

const struct command cmd_generate_sigstore_key = {
	.summary = "Make a pair of keys for sigstore signatures",
	.description = "Writes an encrypted private key and its public key.",
	.groups = (const struct command_rows[]){ { key_rows }, {} }, .params_size = sizeof(struct standalone_params),
	.examples = "--output-prefix key --passphrase-file pw", .run = run_key, .flags = COMMAND_IN_USERNS,
};

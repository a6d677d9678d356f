/* SPDX-License-Identifier: Apache-2.0
 * engine/image-sign.c - making signatures and putting them where registries.d says they are looked for. */
#include "engine/image-sign.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "config.h"

#include "conf/registries-d.h"
#include "conf/yaml-map.h"
#include "engine/documents.h"
#include "engine/gpg.h"
#include "image/payload.h"
#include "os/file.h"

#define KEY_BYTES_MAX 65536
#define SIGNATURES_MAX 128
#define CREATOR "umiak " UMIAK_VERSION

#define S struct image_signing
const struct field image_signing_rows[] = {
	{ .cli = "sign-by", F_STR(S, sign_by), .arg = "key", .help = "Sign with this GPG key" },
	{ .cli = "sign-by-sigstore", F_STR(S, sigstore_params), .arg = "param-file", .complete = "files",
	  .help = "Sign as this sigstore parameter file says" },
	{ .cli = "sign-by-sigstore-private-key", F_STR(S, sigstore_key), .arg = "path", .complete = "files",
	  .help = "Sign with this sigstore private key" },
	{ .cli = "sign-by-sq-fingerprint", F_STR(S, sequoia), .arg = "fingerprint",
	  .help = "Sign with a Sequoia-PGP key (not supported: use --sign-by)" },
	{ .cli = "sign-passphrase-file", F_STR(S, passphrase_file), .arg = "path", .complete = "files",
	  .help = "File with the passphrase of the signing key" },
	{},
};

bool image_signing_wanted(const struct image_signing *s)
{
	return s->sign_by || s->sigstore_params || s->sigstore_key || s->sequoia;
}

int image_signing_refuse(const struct image_signing *s, const char *destination, struct error *err)
{
	return image_signing_wanted(s) ? fail(err, ERROR_UNSUPPORTED, "Can not store signatures to %s: push to a registry", destination)
				       : 0;
}

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void image_signer_done(struct image_signer *s)
{
	free(s->gpg_key);
	free(s->write_url);
	wipe(&s->sigstore_pem);
	wipe(&s->passphrase);
}

/* ---- what is asked for ---- */
int image_read_passphrase(const char *file, char **ret, struct error *err)
{
	size_t len;
	int r = file_read(AT_FDCWD, file, KEY_BYTES_MAX, ret, &len, err);

	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "passphrase file %s: no such file", file);
	if (r > 0)
		(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return r < 0 ? r : 0;
}

static int read_key(const char *file, char **ret, struct error *err)
{
	int r = file_read(AT_FDCWD, file, KEY_BYTES_MAX, ret, NULL, err);

	return r ? r : fail(err, ERROR_NOT_FOUND, "sigstore private key %s: no such file", file);
}

/* Keyless signing talks to services of others: not here. */
static int read_params(const char *file, struct image_signer *s, struct error *err)
{
	autofree char *text = NULL;
	auto_json *doc = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, file, YAML_MAP_BYTES_MAX, &text, &len, err);

	if (r <= 0)
		return r ? r : fail(err, ERROR_NOT_FOUND, "sigstore parameter file %s: no such file", file);
	TRY(yaml_map_parse(file, text, len, &doc, err));
	json_object_object_foreach(doc, key, value) {
		if (streq(key, "fulcio") || streq(key, "rekorURL"))
			return fail(err, ERROR_UNSUPPORTED, "%s: %s is not supported: sign with privateKeyFile", file, key);
		if (!json_object_is_type(value, json_type_string))
			return fail(err, ERROR_INVALID, "%s: %s: a text is expected", file, key);
		if (streq(key, "privateKeyFile"))
			r = read_key(json_object_get_string(value), &s->sigstore_pem, err);
		else if (streq(key, "privateKeyPassphraseFile"))
			r = image_read_passphrase(json_object_get_string(value), &s->passphrase, err);
		else
			return fail(err, ERROR_INVALID, "%s: unknown key \"%.60s\"", file, key);
		TRY(r);
	}
	return s->sigstore_pem ? 0 : fail(err, ERROR_INVALID, "%s: privateKeyFile is missing", file);
}

static int read_request(const struct image_signing *s, struct image_signer *to, struct error *err)
{
	if (s->sequoia)
		return fail(err, ERROR_UNSUPPORTED, "--sign-by-sq-fingerprint: Sequoia-PGP is not supported (use --sign-by with gpg)");
	if (!!s->sign_by + !!s->sigstore_params + !!s->sigstore_key > 1 && s->passphrase_file)
		return fail(err, ERROR_INVALID, "Only one signing option can be used together with --sign-passphrase-file");
	TRY(str_set(&to->gpg_key, s->sign_by, err));
	if (s->passphrase_file)
		TRY(image_read_passphrase(s->passphrase_file, &to->passphrase, err));
	if (s->sigstore_key)
		TRY(read_key(s->sigstore_key, &to->sigstore_pem, err));
	return s->sigstore_params ? read_params(s->sigstore_params, to, err) : 0;
}

int image_signer_open(struct engine *e, const struct image_signing *s, const struct image_remote *o,
		      const struct reference *to, struct image_signer *ret, struct error *err)
{
	auto_image_signer signer = {};
	auto_lookaside at = {};
	autofree char *name = reference_text(to);

	if (!image_signing_wanted(s))
		return 0;
	if (!name)
		return fail_oom(err);
	TRY(read_request(s, &signer, err));
	TRY(lookaside_find(&e->paths, o->registries_d, name, &at, err));
	if (signer.sigstore_pem && !at.attachments)
		return fail(err, ERROR_INVALID, "writing sigstore attachments is disabled by configuration: set use-sigstore-attachments "
			    "for %s in registries.d", to->domain);
	if (signer.gpg_key && !str_after(at.write, "file://"))
		return fail(err, ERROR_UNSUPPORTED, "Writing directly to %s is not supported. Configure a lookaside-staging: location "
			    "(file://) in registries.d", at.write);
	signer.write_url = take_ptr(at.write);
	signer.attachments = at.attachments;
	*ret = signer;
	signer = (struct image_signer){};
	return 0;
}

/* ---- simple signing ---- */
int image_sign_simple(const char *key, const char *passphrase, const char *reference, const char *digest, struct buf *ret,
		      struct error *err)
{
	struct op_signed claim = { .reference = (char *)(uintptr_t)reference, .digest = (char *)(uintptr_t)digest,
				   .creator = (char *)(uintptr_t)CREATOR, .time = (int64_t)time(NULL) };
	auto_buf payload = BUF_INIT(PAYLOAD_BYTES_MAX);

	TRY(payload_format(&claim, false, &payload, err));
	return gpg_sign(key, passphrase, payload.data, payload.len, ret, err);
}

int image_signature_save(const char *dir, const struct reference *name, const char *digest, const struct buf *signature,
			 struct error *err)
{
	const char *colon = strchr(digest, ':');
	autofree char *place = NULL;

	TRY(str_printf(&place, err, "%s/%s@%.*s=%s", dir, name->path, (int)(colon - digest), digest, colon + 1));
	if (file_mkdirs(AT_FDCWD, place, 0755, err) < 0)
		return -1;
	for (int i = 1; i <= SIGNATURES_MAX; i++) {
		autofree char *path = NULL;
		TRY(str_printf(&path, err, "%s/signature-%d", place, i));
		if (file_replace(AT_FDCWD, path, signature->data, signature->len, 0644, FILE_SYNC | FILE_EXCLUSIVE, err) == 0)
			return 0;
		if (err->errnum != EEXIST)
			return fail_wrap(err, "write %s", path);
	}
	return fail(err, ERROR_INVALID, "%s: more than %d signatures", place, SIGNATURES_MAX);
}

int image_signature_dir(struct engine *e, const char *registries_d, const struct reference *name, char **ret,
			struct error *err)
{
	auto_lookaside at = {};
	autofree char *text = reference_text(name);

	if (!text)
		return fail_oom(err);
	TRY(lookaside_find(&e->paths, registries_d, text, &at, err));
	const char *path = str_after(at.write, "file://");
	return path ? str_set(ret, path, err) : fail(err, ERROR_UNSUPPORTED, "signatures of %s would go to %s: use --directory", text,
						     at.write);
}

static int sign_by_gpg(const struct image_signer *s, const struct reference *to, const char *digest, struct error *err)
{
	auto_buf signature = BUF_INIT(PAYLOAD_BYTES_MAX);
	autofree char *name = reference_text(to);

	if (!name)
		return fail_oom(err);
	TRY(image_sign_simple(s->gpg_key, s->passphrase, name, digest, &signature, err));
	return image_signature_save(str_after(s->write_url, "file://"), to, digest, &signature, err);
}

int image_signer_sign(struct engine *e, const struct image_signer *s, struct repository *repository,
		      const struct reference *to, const char *digest, struct error *err)
{
	if (s->gpg_key && sign_by_gpg(s, to, digest, err) < 0)
		return fail_wrap(err, "signing %s", digest);
	if (s->sigstore_pem && image_sign_sigstore(e, s, repository, to, digest, err) < 0)
		return fail_wrap(err, "signing %s", digest);
	return 0;
}

/* ---- new keys ---- */
int image_make_sigstore_key(struct engine *e, const char *prefix, const char *passphrase, struct error *err)
{
	auto_documents d = { .engine = e };
	struct op_make_key q = { .passphrase = (char *)(uintptr_t)passphrase };
	struct op_key_pair pair = {};
	autofree char *private_path = NULL, *public_path = NULL;
	struct stat st;

	TRY(str_printf(&private_path, err, "%s.private", prefix));
	TRY(str_printf(&public_path, err, "%s.pub", prefix));
	if (lstat(private_path, &st) == 0 || lstat(public_path, &st) == 0)
		return fail(err, ERROR_EXISTS, "Refusing to overwrite existing %s",
			    lstat(private_path, &st) == 0 ? private_path : public_path);
	TRY(documents_ask(&d, OP_MAKE_KEY, &q, NULL, 0, &pair, err));
	int r = file_replace(AT_FDCWD, private_path, pair.private_key, strlen(pair.private_key), 0600, FILE_EXCLUSIVE, err);
	if (r == 0)
		r = file_replace(AT_FDCWD, public_path, pair.public_key, strlen(pair.public_key), 0644, FILE_EXCLUSIVE, err);
	wipe(&pair.private_key);
	free(pair.public_key);
	return r;
}

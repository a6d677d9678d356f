/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-crypt.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/event.h"
#include "engine/image-commit.h"
#include "engine/image-local.h"
#include "os/file.h"

#define KEY_MAX ((size_t)64 << 10)

static void wipe(struct strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		explicit_bzero(v->v[i], strlen(v->v[i]));
	strv_done(v);
}

void image_crypt_done(struct image_crypt *c)
{
	strv_done(&c->encrypt);
	strv_done(&c->layers);
	wipe(&c->decrypt);
	wipe(&c->passphrases);
}

/* ---- reading ---- */
static int read_text(const char *path, char **ret, struct error *err)
{
	size_t len;
	int found = file_read(AT_FDCWD, path, KEY_MAX, ret, &len, err);

	TRY(found);
	return found ? 0 : fail(err, ERROR_NOT_FOUND, "%s: no such file", path);
}

static int refuse_scheme(const char *option, const char *key, struct error *err)
{
	static const char *const known[] = { "pgp", "pkcs7", "pkcs11", "provider" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *rest = str_after(key, known[i]);
		if (rest && *rest == ':')
			return fail(err, ERROR_UNSUPPORTED, "%s %s: the scheme %s is not supported (jwe is, with RSA and EC keys)", option, key, known[i]);
	}
	return 0;
}

static int add_encryption(struct image_crypt *c, const char *key, struct error *err)
{
	const char *path = str_after(key, "jwe:");
	autofree char *text = NULL;

	TRY(refuse_scheme("--encryption-key", key, err));
	if (str_empty(path))
		return fail(err, ERROR_INVALID, "--encryption-key %s: want PROTOCOL:KEY, as in jwe:public.pem", key);
	if (read_text(path, &text, err) < 0)
		return fail_wrap(err, "--encryption-key");
	return strv_add(&c->encrypt, text, err);
}

/* What stands behind the file's name. */
static int read_passphrase(const char *s, char **ret, struct error *err)
{
	const char *word = str_after(s, "pass="), *file = str_after(s, "file=");

	if (str_after(s, "fd="))
		return fail(err, ERROR_UNSUPPORTED, "--decryption-key: fd= is not supported (use file=/dev/fd/N)");
	if (!file)
		return str_set(ret, word ? word : s, err);
	TRY(read_text(file, ret, err));
	(*ret)[strcspn(*ret, "\n")] = '\0';
	return 0;
}

static int add_decryption(struct image_crypt *c, const char *key, struct error *err)
{
	autofree char *path = strdup(key), *text = NULL, *passphrase = NULL;
	char *colon = path ? strchr(path, ':') : NULL;

	if (!path)
		return fail_oom(err);
	TRY(refuse_scheme("--decryption-key", key, err));
	if (colon)
		*colon = '\0';
	TRY(read_passphrase(colon ? colon + 1 : "", &passphrase, err));
	if (read_text(path, &text, err) < 0)
		return fail_wrap(err, "--decryption-key");
	TRY(strv_add(&c->decrypt, text, err));
	explicit_bzero(text, strlen(text));
	return strv_add(&c->passphrases, passphrase, err);
}

static int check_number(const char *s, struct error *err)
{
	int64_t n;

	return parse_i64(s, &n) ? 0 : fail(err, ERROR_INVALID, "--encrypt-layer %s: want the number of a layer", s);
}

int image_crypt_load(const struct strv *encryption, const struct strv *layers, const struct strv *decryption,
		     struct image_crypt *ret, struct error *err)
{
	auto_image_crypt c = {};

	for (size_t i = 0; encryption && i < encryption->n; i++)
		TRY(add_encryption(&c, encryption->v[i], err));
	for (size_t i = 0; decryption && i < decryption->n; i++)
		TRY(add_decryption(&c, decryption->v[i], err));
	for (size_t i = 0; layers && i < layers->n; i++)
		TRY(check_number(layers->v[i], err));
	if (layers && layers->n && !c.encrypt.n)
		return fail(err, ERROR_INVALID, "--encrypt-layer can only be used with --encryption-key");
	if (layers)
		TRY(strv_copy(&c.layers, layers, err));
	*ret = c;
	c = (struct image_crypt){};
	return 0;
}

bool image_crypt_wants(const struct image_crypt *c, size_t i, size_t n)
{
	if (!c || !c->encrypt.n)
		return false;
	for (size_t k = 0; k < c->layers.n; k++) {
		int64_t want = 0;
		parse_i64(c->layers.v[k], &want);
		if (want == (int64_t)i || (want < 0 && want + (int64_t)n == (int64_t)i))
			return true;
	}
	return !c->layers.n;
}

/* ---- pulling ---- */
static int load(struct engine *e, int fd, const char *full, const struct platform *platform, const struct image_pull *o,
		char id[65], struct error *err)
{
	auto_image_transfer t = {};
	auto_source_image i = {};
	auto_strv names = {};

	TRY(image_transfer_begin(e, "pull", &o->progress, &t, err));
	TRY(image_open_local(&t, fd, full, err));
	TRY(source_get_image(t.source, NULL, 0, platform, &i, err));
	TRY(strv_add(&names, o->as ? o->as : full, err));
	return image_commit(&t, &i, &names, id, err);
}

int image_pull_encrypted(struct engine *e, const struct transport_name *n, const char *full, const struct platform *platform,
			 const struct image_pull *o, struct strv *ids, struct error *err)
{
	auto_image_crypt keys = {};
	const struct transport_name to = { .transport = TRANSPORT_OCI_ARCHIVE, .index = -1 };
	char id[65];

	TRY(image_crypt_load(NULL, NULL, &o->decryption_keys, &keys, err));
	autoclose int fd = image_scratch(e, err);
	TRY(fd);
	const struct image_copy c = { .from = o->remote, .platform = *platform, .crypt = &keys, .to_fd = fd, .progress = o->progress };
	TRY(image_copy_parsed(e, n, full, &to, &c, NULL, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek in the decrypted image");
	TRY(load(e, fd, full, platform, o, id, err));
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PULL, .id = id, .name = full });
	return strv_has(ids, id) ? 0 : strv_add(ids, id, err);
}

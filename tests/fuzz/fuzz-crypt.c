/* SPDX-License-Identifier: Apache-2.0 - annotations of encrypted layers: the wrapped key and the public options. A line break
 * parts them; both come as plain JSON and are made base64 here, so that the fuzzer gets past it. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "worker/crypt.h"

static void add_key(struct strv *to, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct error ignored;
	char *text = NULL;

	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	BIO_write(bio, "", 1);
	BIO_get_mem_data(bio, &text);
	strv_add(to, text, &ignored);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct strv keys;
	const uint8_t *cut = memchr(bytes, '\n', len);
	auto_buf jwe = BUF_INIT(1 << 20), options = BUF_INIT(1 << 20);
	struct strv none = {};
	auto_crypt *c = NULL;
	struct error err;

	if (!keys.n) {
		add_key(&keys, EVP_RSA_gen(2048));
		add_key(&keys, EVP_EC_gen("prime256v1"));
	}
	if (!cut || len > 65536)
		return 0;
	base64_encode(&jwe, bytes, (size_t)(cut - bytes));
	base64_encode(&options, cut + 1, len - (size_t)(cut - bytes) - 1);
	(void)crypt_new_decrypt(&keys, &none, jwe.data ? jwe.data : "", options.data ? options.data : "", &c, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 - sigstore material: keys, certificates, Rekor bundles. The input is all of them. */
#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "worker/sigstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char key[] = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
				  "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
	autofree char *text = strndup((const char *)bytes, len);
	struct op_verify v = {};
	struct signed_bytes s = { "payload", 7, BUF_INIT(64) };
	auto_pkey *pem = NULL, *fixed = NULL;
	auto_x509 *certificate = NULL;
	auto_strv keys = {};
	struct error err;
	int64_t when;

	if (!text || public_key_parse(key, &fixed, &err) < 0 || strv_add(&keys, key, &err) < 0)
		return 0;
	public_key_parse(text, &pem, &err);
	bundle_verify(text, &keys, &s, fixed, &when, &err);
	if (certificate_parse(text, &certificate, &err) == 0 && strv_add(&v.roots, text, &err) == 0)
		certificate_verify(&v, certificate, 1700000000, &err);
	strv_done(&v.roots);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 - policy.json and auth.json: any document, decided and searched. */
#include <stdint.h>

#include "image/auth.h"
#include "image/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	auto_json *doc = NULL;
	auto_auth a = {};
	autofree char *helper = NULL;
	struct error err;

	if (json_parse("document", (const char *)bytes, len, NULL, &doc, &err) < 0)
		return 0;
	auto_policy_needs needs = {};
	struct policy policy = { .doc = doc };
	policy_decide(&policy, TRANSPORT_DOCKER, "quay.io/a/b:1", &needs, &err);
	policy_decide(&policy, TRANSPORT_DIR, "/a/b", &needs, &err);
	for (size_t i = 0; i < needs.n; i++)
		policy_identity_check(POLICY_NEED(&needs, i)->identity, NULL, "quay.io/a/b:1", &err);
	if (auth_find_in(doc, false, "quay.io/a/b", &a, &helper, &err) == 0 && !helper)
		auth_find_in(doc, true, "docker.io/library/x", &a, &helper, &err);
	return 0;
}

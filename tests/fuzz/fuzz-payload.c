/* SPDX-License-Identifier: Apache-2.0 - what a signature says, and whether the name in it is let through. */
#include <stdint.h>

#include "image/payload.h"
#include "image/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char prefix[] = "quay.io/a", mapped[] = "corp.example/b", type[] = "remapIdentity";
	struct policy_identity id = { .type = type, .prefix = prefix, .signed_prefix = mapped };
	auto_reference name = {};
	struct error err;

	if (reference_parse("quay.io/a/b:1", &name, &err) < 0)
		return 0;
	for (int sigstore = 0; sigstore < 2; sigstore++) {
		auto_payload s = {};
		auto_buf text = BUF_INIT(PAYLOAD_BYTES_MAX);
		if (payload_parse(bytes, len, sigstore, &s, &err) < 0)
			continue;
		policy_identity_check(&id, &name, s.reference, &err);
		/* what was understood is written again and understood the same way */
		auto_payload again = {};
		if (payload_format(&s, sigstore, &text, &err) == 0 && payload_parse(text.data, text.len, sigstore, &again, &err) < 0)
			__builtin_trap();
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * fuzz-seccomp: a JSON profile, to the runtime-spec form and (where libseccomp is there) to a filter. */
#include <stdint.h>

#include "base/json.h"
#include "os/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_json how = { .caps = UINT64_C(0xa80425fb), .ignore_unknown = true };
	auto_seccomp f = {};
	auto_json *spec = NULL;
	struct error err = {};

	(void)seccomp_json_to_spec((const char *)data, size, how.caps, &spec, &err);
	if (seccomp_from_json((const char *)data, size, &how, &f, &err) == 0)
		(void)seccomp_evaluate(&f, &(struct seccomp_call){ .arch = 0xC000003E, .nr = 1 });
	return 0;
}

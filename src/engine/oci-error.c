/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/oci-error.h"

#include <stdio.h>
#include <string.h>

static const struct {
	enum error_kind kind;
	const char *before, *behind;
} forms[] = {
	{ ERROR_NO_COMMAND, "", ": OCI runtime attempted to invoke a command that was not found" },
	{ ERROR_NOT_EXECUTABLE, "", ": OCI permission denied" },
	{ ERROR_RUNTIME, "OCI runtime error: ", "" },
	{ ERROR_SYSTEM, "OCI runtime error: ", "" },
	{ ERROR_INVALID, "OCI runtime error: ", "" },
	{ ERROR_DENIED, "OCI runtime error: ", "" },
	{ ERROR_UNSUPPORTED, "OCI runtime error: ", "" },
};

int oci_error(const struct engine *e, struct error *err)
{
	struct error inner = *err;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].kind == inner.kind) {
			fail(err, inner.kind, "%s%s: %s%s", forms[i].before, engine_runtime_name(e), inner.text, forms[i].behind);
			err->errnum = inner.errnum;
		}
	return -1;
}

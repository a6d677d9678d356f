/* SPDX-License-Identifier: Apache-2.0
 * fuzz-user: user specification, passwd and group of an image, separated by NUL bytes. */
#include <stdint.h>

#include "os/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = malloc(size + 3);
	auto_user r = {};
	auto_strv extra = {};
	struct error err = {};

	if (!text)
		return 0;
	memcpy(text, data, size);
	memset(text + size, 0, 3);
	const char *spec = text, *passwd = spec + strlen(spec) + 1;
	size_t passwd_len = passwd < text + size ? strlen(passwd) : 0;
	const char *group = passwd_len ? passwd + passwd_len + 1 : "";
	size_t group_len = group > text && group < text + size ? (size_t)(text + size - group) : 0;
	struct user_lookup l = { .spec = spec, .extra = &extra };
	(void)strv_add(&extra, "extra", &err);
	(void)user_lookup_in_text(passwd_len ? passwd : "", passwd_len, group, group_len, &l, &r, &err);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * fuzz-mount-words: comma-separated option words, capability names, paths as text, cpu lists. */
#include <stdint.h>
#include <stdlib.h>

#include "os/caps.h"
#include "os/cgroup.h"
#include "os/mount.h"
#include "os/ns.h"
#include "os/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	auto_strv words = {};
	struct mount_flags f = {};
	struct error err = {};
	capset caps = 0;
	enum ns_kind kind;

	if (!text || strv_split(&words, text, ',', &err) < 0)
		return 0;
	for (size_t i = 0; i < words.n; i++) {
		(void)mount_flag_parse(words.v[i], &f, &err);
		(void)caps_parse(words.v[i], &caps, &err);
		(void)ns_kind_parse(words.v[i], &kind);
	}
	(void)cgroup_list_is_valid(text);
	autofree char *clean = path_clean(text);
	autofree char *again = clean ? path_clean(clean) : NULL;
	if (again && !streq(clean, again))
		abort();   /* cleaning what is clean changes nothing */
	return 0;
}

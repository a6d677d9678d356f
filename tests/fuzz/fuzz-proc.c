/* SPDX-License-Identifier: Apache-2.0
 * fuzz-proc: texts of procfs that a container can influence (names, mounts): stat, status, cgroup, mountinfo. */
#include <stdint.h>

#include "os/cgroup.h"
#include "os/mount.h"
#include "os/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	auto_mountinfo mounts = {};
	struct process_stat stat;
	struct process_status status;
	struct error err = {};
	char path[64];

	if (!text)
		return 0;
	(void)process_parse_stat(text, &stat);
	(void)process_parse_status(text, &status);
	for (int c = 0; c < CGROUP_CONTROLLER_MAX; c++)
		(void)cgroup_parse_process(text, c, path, sizeof(path), &err);
	if (mountinfo_parse(text, &mounts, &err) == 0)
		(void)mountinfo_find(&mounts, "/proc/self");
	return 0;
}

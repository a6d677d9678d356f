/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/descriptors.h"

#include <fcntl.h>
#include <stdio.h>

static void close_at_exec_unless(const struct strv *fds, uint32_t highest)
{
	for (uint32_t fd = 3; fd < highest; fd++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", fd);
		if (!strv_has(fds, text) && fcntl((int)fd, F_GETFD) >= 0)
			fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	}
}

int descriptors_keep(const struct strv *fds, struct opt_uint *preserve, struct error *err)
{
	uint32_t fd, highest = 2;

	if (!fds->n)
		return 0;
	if (preserve->set && preserve->value)
		return fail(err, ERROR_INVALID, "--preserve-fds and --preserve-fd cannot be used together");
	for (size_t i = 0; i < fds->n; i++) {
		if (!parse_u32(fds->v[i], &fd) || fd < 3 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
			return fail(err, ERROR_INVALID, "file descriptor %s is not available: must be greater than 2 and open",
				    fds->v[i]);
		highest = fd > highest ? fd : highest;
	}
	close_at_exec_unless(fds, highest);
	*preserve = (struct opt_uint){ true, highest - 2 };
	return 0;
}

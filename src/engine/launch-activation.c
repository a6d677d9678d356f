/* SPDX-License-Identifier: Apache-2.0
 * Sockets that a service manager opened for us (sd_listen_fds(3)) belong to the container's process. LISTEN_PID names who they
 * are for: what an ancestor was given means nothing here. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/launch-impl.h"

enum { FIRST = 3, MAX = 1024 };

unsigned launch_activated(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int64_t n, who;
	struct stat st;

	if (str_empty(fds) || !parse_i64(fds, &n) || n < 1 || n > MAX || (pid && (!parse_i64(pid, &who) || who != getpid())))
		return 0;
	for (int64_t i = 0; i < n; i++)
		if (fstat((int)(FIRST + i), &st) < 0 || !S_ISSOCK(st.st_mode) || (fcntl((int)(FIRST + i), F_GETFD) & FD_CLOEXEC))
			return 0;
	return (unsigned)n;
}

int launch_activation_env(unsigned n, struct strv *env, struct error *err)
{
	const char *names = getenv("LISTEN_FDNAMES");
	char text[16];

	if (!n)
		return 0;
	snprintf(text, sizeof(text), "%u", n);
	TRY(strv_env_set(env, "LISTEN_FDS", text, err));
	TRY(strv_env_set(env, "LISTEN_PID", "1", err));
	return names ? strv_env_set(env, "LISTEN_FDNAMES", names, err) : 0;
}

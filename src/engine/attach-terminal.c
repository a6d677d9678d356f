/* SPDX-License-Identifier: Apache-2.0
 * The user's terminal: raw mode and back. */
#include <termios.h>

#include "engine/attach.h"

struct terminal {
	int fd;   /* borrowed */
	struct termios before;
};

int terminal_raw(int fd, struct terminal **ret, struct error *err)
{
	autofree struct terminal *t = calloc(1, sizeof(*t));
	struct termios raw;

	if (!t)
		return fail_oom(err);
	t->fd = fd;
	if (tcgetattr(fd, &t->before) < 0)
		return 0;
	raw = t->before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) < 0)
		return fail_errno(err, "put the terminal into raw mode");
	*ret = take_ptr(t);
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (!t)
		return;
	tcsetattr(t->fd, TCSADRAIN, &t->before);
	free(t);
}

bool terminal_size(const int *fds, size_t n, struct winsize *ret)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && ioctl(fds[i], TIOCGWINSZ, ret) == 0 && ret->ws_col > 0)
			return true;
	return false;
}

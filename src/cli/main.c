/* SPDX-License-Identifier: Apache-2.0
 * cli/main.c - the program: `umiak`, also called `podman` or `docker`. */
#include <fcntl.h>
#include <malloc.h>

#include "cli/cli.h"
#include "cli/preexec.h"

/* Standard descriptors that are closed would be handed to the next file opened, and errors written into it. */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(125);
}

int main(int argc, char **argv)
{
	static struct cli cli;

	open_standard_descriptors();
	/* One command, then exit: giving memory back to the kernel only to fault it in again costs more than it saves. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 256 << 10);
	int code = preexec_hooks(argc, argv);
	if (code >= 0)
		return code;
	/* No cli_done(): what it gives back one by one the kernel takes at once. */
	return cli_main(&cli, argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0
 * tests/fault/godown.c - godown MOUNT [1|2]: cuts the power of a mounted ext4 or xfs (FS_IOC_SHUTDOWN).
 * 2 (default): neither journal nor data reach the disk any more; 1: the journal is flushed first, data is lost. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#endif

int main(int argc, char **argv)
{
	uint32_t flag = argc > 2 && strcmp(argv[2], "1") == 0 ? 1 : 2;
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

	if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &flag) < 0) {
		perror("godown");
		return 1;
	}
	return 0;
}

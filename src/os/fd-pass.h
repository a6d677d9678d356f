/* SPDX-License-Identifier: Apache-2.0
 * os/fd-pass.h - a descriptor beside the bytes of a Unix socket's packet. Owns nothing, allocates nothing: may be used
 * after fork() and between clone() and exec(). */
#pragma once
#include <sys/types.h>

/* One packet, MSG_NOSIGNAL; fd < 0: bytes alone. -1 and errno. */
ssize_t fd_send(int sock, const void *data, size_t len, int fd);
/* One packet; *ret_fd: the descriptor that came along (the caller's, close-on-exec) or -1. 0: end of file; -1 and errno. */
ssize_t fd_receive(int sock, void *data, size_t size, int *ret_fd);

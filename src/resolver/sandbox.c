/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/syscall.h>

#include "base/cage.h"
#include "base/own.h"
#include "resolver/resolver.h"

void sandbox_enter(void)
{
	/* its directory, /etc and /run (/etc/resolv.conf may lead there) */
	static const char *const places[] = { ".", "/etc", "/run" };
	static const int calls[] = {
#if defined(__x86_64__)
		SYS_epoll_wait, SYS_stat, SYS_open,
#endif
		SYS_fstat, SYS_newfstatat, SYS_epoll_pwait, SYS_epoll_ctl, SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_read,
		SYS_readv, SYS_write, SYS_close, SYS_bind, SYS_connect, SYS_listen, SYS_accept4, SYS_setsockopt, SYS_getsockopt, SYS_fcntl,
		SYS_openat, SYS_statx, SYS_getdents64, SYS_lseek, SYS_dup, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
		SYS_getrandom, SYS_clock_gettime, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_rt_sigreturn,
		SYS_rt_sigprocmask, SYS_exit, SYS_exit_group, SYS_restart_syscall,
	};

	cage_enter(&(struct cage){ places, ARRAY_LEN(places), calls, ARRAY_LEN(calls), true });
}

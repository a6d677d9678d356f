/* SPDX-License-Identifier: Apache-2.0
 * tests/lib/probe.c - what the security tests do inside (and around) containers that a shell cannot. Static. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* exchange A B: swaps two names until killed */
static __attribute__((noreturn)) int exchange(char **v)
{
	for (;;)
		syscall(SYS_renameat2, AT_FDCWD, v[0], AT_FDCWD, v[1], 2 /* RENAME_EXCHANGE */);
}

/* socket FAMILY: errno of socket(), 0 when it works with some type */
static int try_socket(char **v)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	int e = 0;

	for (size_t i = 0; i < 4; i++) {
		if (socket(atoi(v[0]), types[i], 0) >= 0) {
			printf("0\n");
			return 0;
		}
		e = e == EPROTONOSUPPORT || e == 0 || e == ESOCKTNOSUPPORT ? errno : e;
	}
	printf("%d\n", e);
	return 0;
}

/* syscall NR: errno with arguments of -1 */
static int try_syscall(char **v)
{
	long r = syscall(atol(v[0]), -1L, -1L, -1L, -1L, -1L, -1L);

	printf("%d\n", r < 0 ? errno : 0);
	return 0;
}

/* exes MILLISECONDS: opens every /proc/PID/exe that is not ourselves for writing, all the time; prints what worked. Keeps
 * read-only handles and tries them again later, when the program may have ended. */
static int write_exes(char **v)
{
	struct timespec now, end;
	int kept[64], n = 0;
	unsigned long seen = 0;
	char own[64];

	snprintf(own, sizeof(own), "%d", getpid());
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += (atol(v[0]) % 1000) * 1000000L;
	end.tv_sec += atol(v[0]) / 1000 + end.tv_nsec / 1000000000L;
	end.tv_nsec %= 1000000000L;
	do {
		DIR *d = opendir("/proc");
		struct dirent *e;
		while (d && (e = readdir(d))) {
			char path[300];
			struct stat st;
			if (e->d_name[0] < '0' || e->d_name[0] > '9' || strcmp(e->d_name, own) == 0)
				continue;
			snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
			int fd = open(path, O_RDONLY);
			if (fd < 0 || fstat(fd, &st) < 0)
				continue;
			/* the container's own programs are of no interest */
			struct stat root;
			if (stat("/", &root) == 0 && st.st_dev == root.st_dev) {
				close(fd);
				continue;
			}
			seen++;
			if (n < 64)
				kept[n++] = fd;
			else
				close(fd);
			fd = open(path, O_WRONLY);
			if (fd >= 0)
				printf("WRITABLE %s\n", path);
		}
		if (d)
			closedir(d);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	for (int i = 0; i < n; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", kept[i]);
		if (open(path, O_WRONLY) >= 0)
			printf("WRITABLE later\n");
	}
	printf("seen %lu\n", seen);
	return 0;
}

/* fds: descriptors above 2 and where they lead */
static int list_fds(char **v)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char to[4096];
		int fd = atoi(e->d_name);
		if (fd <= 2 || fd == dirfd(d))
			continue;
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);
		printf("%d %.*s\n", fd, (int)(n > 0 ? n : 0), to);
	}
	return 0;
}

/* tiocsti: puts a line into the terminal's input */
static int push_input(char **v)
{
	const char *text = "echo PUSHED\n";
	int r = 0;

	for (int fd = 0; fd < 3; fd++)
		for (const char *p = text; *p; p++)
			r |= ioctl(fd, 0x5412 /* TIOCSTI */, p) == 0;
	printf("%s\n", r ? "pushed" : "refused");
	return 0;
}

/* look MILLISECONDS: reads the descriptors of whatever else turns up in /proc and says whose they are */
static int look_at_all(char **v)
{
	unsigned long tries = atol(v[0]) * 20;

	while (tries-- > 0) {
		DIR *d = opendir("/proc");
		struct dirent *e;
		while (d && (e = readdir(d))) {
			int pid = atoi(e->d_name);
			char path[64], to[256];
			if (pid <= 1 || pid == getpid())
				continue;
			snprintf(path, sizeof(path), "/proc/%d/fd", pid);
			DIR *fds = opendir(path);
			if (!fds)
				continue;
			snprintf(path, sizeof(path), "/proc/%d/exe", pid);
			ssize_t n = readlink(path, to, sizeof(to) - 1);
			to[n > 0 ? n : 0] = '\0';
			struct dirent *f;
			while ((f = readdir(fds))) {
				char link[256];
				n = readlinkat(dirfd(fds), f->d_name, link, sizeof(link) - 1);
				if (n > 0) {
					link[n] = '\0';
					printf("%s has %s\n", to, link);
				}
			}
			closedir(fds);
		}
		if (d)
			closedir(d);
		usleep(50);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int args; int (*fn)(char **); } table[] = {
		{ "exchange", 2, exchange }, { "socket", 1, try_socket }, { "syscall", 1, try_syscall },
		{ "exes", 1, write_exes }, { "fds", 0, list_fds }, { "tiocsti", 0, push_input }, { "look", 1, look_at_all },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, argv[1]) == 0 && argc - 2 >= table[i].args)
			return table[i].fn(argv + 2);
	fprintf(stderr, "probe: unknown or missing words\n");
	return 64;
}

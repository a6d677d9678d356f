/* SPDX-License-Identifier: Apache-2.0
 * bench/timeit.c - time one command as a whole process: timeit [-u UID:GID] CMD ARG...
 * Runs it with output thrown away and prints the wall-clock milliseconds from fork to exit. Exits 1, naming the
 * command, when it fails: a benchmark must not time an error message. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void run(char **argv, const char *ids)
{
	unsigned uid, gid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (ids && (sscanf(ids, "%u:%u", &uid, &gid) != 2 || setgroups(0, NULL) || setgid(gid) || setuid(uid)))
		_exit(126);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *ids = argc > 2 && strcmp(argv[1], "-u") == 0 ? argv[2] : NULL;
	char **command = argv + (ids ? 3 : 1);
	int status;

	if (!command[0]) {
		fprintf(stderr, "usage: timeit [-u UID:GID] CMD ARG...\n");
		return 64;
	}
	double start = now_ms();
	pid_t pid = fork();
	if (pid == 0)
		run(command, ids);
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		fprintf(stderr, "timeit: %s: %s\n", command[0], strerror(errno));
		return 1;
	}
	double took = now_ms() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "timeit: %s failed (status 0x%x)\n", command[0], (unsigned)status);
		return 1;
	}
	printf("%.3f\n", took);
	return 0;
}

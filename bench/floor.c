/* SPDX-License-Identifier: Apache-2.0
 * bench/floor.c - the bare kernel work of one container, as the yardstick of `run`.
 *
 * floor COUNT DIR [--user] : COUNT times, in DIR (DIR/lower holds a root with /bin/busybox): make upper and work
 * directories, clone3() with all namespaces (and a user namespace with --user), overlay, proc, dev, pts, shm, mqueue
 * and sys mounts, pivot_root, exec of `true`, wait, remove the directories. Prints the milliseconds each took, one
 * per line, so that the caller can interleave runs and take medians. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

static const struct mount_row {
	const char *type, *at, *data;
	unsigned long flags;
} mounts[] = {
	{ "proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "dev", "mode=755", MS_NOSUID },
	{ "devpts", "dev/pts", "newinstance,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "dev/shm", NULL, MS_NOSUID | MS_NODEV },
	{ "mqueue", "dev/mqueue", NULL, MS_NOSUID | MS_NODEV },
	{ "sysfs", "sys", NULL, MS_RDONLY | MS_NOSUID | MS_NODEV },
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void child(const char *overlay, int go)
{
	char c;

	if (read(go, &c, 1) != 0)   /* the parent closes it when the id maps are written */
		die("wait for the parent");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		die("make / a slave");
	if (mount("overlay", "m", "overlay", 0, overlay) < 0)
		die("mount overlay");
	if (chdir("m") < 0)
		die("chdir");
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].at, 0755);
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags, mounts[i].data) < 0)
			die(mounts[i].at);
	}
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
	execl("/bin/busybox", "true", (char *)NULL);
	die("exec /bin/busybox");
}

static void write_map(pid_t pid, const char *file, unsigned id)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), strcmp(file, "setgroups") == 0 ? "deny" : "0 %u 1", id);
	if (fd < 0 || write(fd, text, n) != n)
		die(path);
	close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void one(int user)
{
	static const char *const dirs[] = { "u", "w", "m" };
	int go[2];

	for (size_t i = 0; i < 3; i++)
		if (mkdir(dirs[i], 0755) < 0)
			die(dirs[i]);
	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe");
	struct clone_args args = { .flags = NAMESPACES | (user ? CLONE_NEWUSER : 0), .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		die("clone3");
	if (pid == 0) {
		close(go[1]);
		child(user ? "lowerdir=lower,upperdir=u,workdir=w,userxattr" : "lowerdir=lower,upperdir=u,workdir=w", go[0]);
	}
	if (user) {
		write_map(pid, "setgroups", 0);
		write_map(pid, "uid_map", geteuid());
		write_map(pid, "gid_map", getegid());
	}
	close(go[0]);
	close(go[1]);
	int status;
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		die("child failed");
	for (size_t i = 0; i < 3; i++)
		nftw(dirs[i], remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[2]) < 0) {
		fprintf(stderr, "usage: floor COUNT DIR [--user]\n");
		return 64;
	}
	long count = strtol(argv[1], NULL, 10);
	for (long i = 0; i < count; i++) {
		double start = now_ms();
		one(argc > 3);
		printf("%.3f\n", now_ms() - start);
	}
	return 0;
}

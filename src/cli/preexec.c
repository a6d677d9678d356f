/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/preexec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "os/spawn.h"

#define SWITCH "/etc/containers/podman_preexec_hooks.txt"

extern char **environ;

static int complain(const char *what, const struct error *e)
{
	fprintf(stderr, "Error: pre-exec hook %s: %s\n", what, e->text);
	return 125;
}

/* -1: it agrees. One that vanished meanwhile says nothing. */
static int run_hook(const char *path, int argc, char **argv)
{
	autofree char **words = calloc((size_t)argc + 2, sizeof(*words));
	struct spawn s = SPAWN_INIT;
	const struct spawn_io io = {};
	struct error err;
	int status = 0;

	if (!words)
		return 125;
	words[0] = (char *)(uintptr_t)path;
	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	s.path = path;
	s.argv = words;
	s.envp = environ;
	s.stdin_fd = 0;
	s.stdout_fd = 1;
	s.stderr_fd = 2;
	if (spawn_run(&s, &io, &status, &err) < 0)
		return err.errnum == ENOENT ? -1 : complain(path, &err);
	if (WIFSIGNALED(status))
		return 127 + WTERMSIG(status);
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : -1;
}

static int list_hooks(const char *dir, struct strv *ret, struct error *err)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", dir);
	while (r >= 0 && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			r = strv_addf(ret, err, "%s/%s", dir, entry->d_name);
	closedir(d);
	strv_sort(ret);
	return r;
}

static int run_directory(const char *dir, int argc, char **argv)
{
	auto_strv hooks = {};
	struct error err;
	struct stat st;

	if (list_hooks(dir, &hooks, &err) < 0)
		return complain(dir, &err);
	for (size_t i = 0; i < hooks.n; i++) {
		if (stat(hooks.v[i], &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
			continue;
		int code = run_hook(hooks.v[i], argc, argv);
		if (code >= 0)
			return code;
	}
	return -1;
}

int preexec_hooks(int argc, char **argv)
{
	const char *own = getenv("PODMAN_PREEXEC_HOOKS_DIR");
	const char *dirs[] = { "/usr/libexec/podman/pre-exec-hooks", "/etc/containers/pre-exec-hooks", own };

	if (access(SWITCH, F_OK) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		int code = str_empty(dirs[i]) ? -1 : run_directory(dirs[i], argc, argv);
		if (code >= 0)
			return code;
	}
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0
 * engine/pause-file.c - see pause-file.h. */
#include "engine/pause-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"
#include "os/file.h"
#include "os/process.h"

#define DIR_NAME  "libpod/tmp"
#define FILE_NAME "pause.pid"

bool pause_file_wanted(const char *program)
{
	return program && streq(program, "podman");
}

bool pause_file_exists(const char *runtime_dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" DIR_NAME "/" FILE_NAME, runtime_dir);

	return n > 0 && n < (int)sizeof(path) && access(path, F_OK) == 0;
}

static int open_dir(const char *runtime_dir, bool create, struct error *err)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" DIR_NAME, runtime_dir);

	if (n < 0 || n >= (int)sizeof(path))
		return fail(err, ERROR_INVALID, "the name is too long");
	return file_open_dir(AT_FDCWD, path, create, 0700, err);
}

/* 0: no file, or no number in it. */
static pid_t named_pid(int dir)
{
	char text[32];
	uint32_t pid;

	return file_read_small(dir, FILE_NAME, text, sizeof(text)) > 0 && parse_u32(text, &pid) && pid > 1 ? (pid_t)pid : 0;
}

static bool is_sleeping(const struct process_stat *st)
{
	static const char *const names[] = { "umiak-pause", PAUSE_TITLE, "catatonit", "podman", NULL };

	for (const char *const *name = names; *name; name++)
		if (streq(st->comm, *name))
			return st->state != 'Z';
	return false;
}

void pause_file_write(const char *runtime_dir, pid_t pid, char *note, size_t note_size)
{
	struct process_stat st;
	struct error ignored;
	char text[16];

	note[0] = '\0';
	autoclose int dir = open_dir(runtime_dir, true, &ignored);
	if (dir < 0)
		return;
	pid_t old = named_pid(dir);
	bool lives = old && process_stat(PROC_HOST, old, &st, &ignored) == 1;
	if (old == pid || (lives && is_sleeping(&st)))
		return;
	if (lives)
		snprintf(note, note_size, "pause.pid file refers to PID %d which is not a pause process: the number is another "
			 "one's by now. Removing %.200s/" DIR_NAME "/" FILE_NAME, (int)old, runtime_dir);
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	(void)!file_replace(dir, FILE_NAME, text, (size_t)n, 0600, 0, &ignored);
}

void pause_file_remove(const char *runtime_dir, pid_t pid)
{
	struct error ignored;
	autoclose int dir = open_dir(runtime_dir, false, &ignored);

	if (dir >= 0 && named_pid(dir) == pid)
		unlinkat(dir, FILE_NAME, 0);
}

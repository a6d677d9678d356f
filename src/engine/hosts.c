/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/container-impl.h"
#include "os/file.h"
#include "os/lock.h"

#define LOCK ".hosts.lock"
enum { HOSTS_MAX = 1 << 21 };

int hosts_edit(int run_dir_fd, const struct hosts_edit *e, struct error *err)
{
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = LOCK_TIMEOUT_DEFAULT };
	auto_buf text = BUF_INIT(HOSTS_MAX * 2);
	autofree char *old = NULL;
	auto_lock lock = LOCK_INIT;
	auto_strv lines = {};

	if (faccessat(run_dir_fd, "hosts", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	TRY(lock_acquire(run_dir_fd, LOCK, how, &lock, err));
	if (file_read(run_dir_fd, "hosts", HOSTS_MAX, &old, NULL, err) <= 0)
		return 0;
	TRY(strv_split(&lines, old, '\n', err));
	for (size_t i = 0; i < lines.n; i++)
		if (*lines.v[i] && !e->drops(e->arg, lines.v[i]))
			buf_addf(&text, "%s\n", lines.v[i]);
	buf_add_str(&text, e->add);
	TRY(buf_ok(&text, "hosts", err));
	autoclose int fd = openat(run_dir_fd, "hosts", O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open hosts");
	return text.len ? file_write_all(fd, text.data, text.len, err) : 0;
}

/* ---- guests ---- */
static bool is_line(const void *line, const char *other)
{
	return streq(line, other);
}

static int edit_guest(int dir, const char *name, bool add, struct error *err)
{
	autofree char *line = NULL, *whole = NULL;

	TRY(str_printf(&line, err, "127.0.0.1\t%s", name));
	TRY(str_printf(&whole, err, "%s\n", line));
	const struct hosts_edit e = { .drops = is_line, .arg = line, .add = add ? whole : "" };
	return hosts_edit(dir, &e, err);
}

int hosts_guest_add(const char *run_dir, const char *name, struct error *err)
{
	autoclose int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? 0 : edit_guest(dir, name, true, err);
}

void hosts_guest_leave(struct ctr *c)
{
	struct error ignored;   /* the other container may be gone with its file */
	auto_ctr *host = NULL;

	if (ctr_load(c, &ignored) < 0 || c->params.ns.net.mode != NS_CONTAINER ||
	    ctr_find(c->engine, c->params.ns.net.value, &host, &ignored) < 0)
		return;
	autoclose int dir = ctr_open_run_dir(host, &ignored);
	if (dir >= 0)
		edit_guest(dir, c->at.record.name, false, &ignored);
}

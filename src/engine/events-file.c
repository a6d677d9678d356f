/* SPDX-License-Identifier: Apache-2.0
 * The file backend.
 *
 * Writers hold a shared lock on the file while they append; who finds it too large takes the lock exclusively, copies
 * the newer half into a new file between a "begin" and an "end" event, and renames it over the old one. A writer that
 * waited meanwhile sees that its file has no name any more and opens again. The new file is the end of the whole
 * history: a follower looks for the event it read last in it and goes on behind that; if it is not there, everything
 * in the file is news. */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/units.h"
#include "engine/events-impl.h"
#include "engine/log-file.h"
#include "os/file.h"

#define LINE_MAX_BYTES ((size_t)4 << 20)
#define ROTATE_KEY "io.podman.event.rotate"

static int set_lock(int fd, short type, struct error *err)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLKW, &l) < 0)
		if (errno != EINTR)
			return fail_errno(err, "lock the event log");
	return 0;
}

static int make_directory(const char *path, struct error *err)
{
	autofree char *copy = NULL;

	TRY(str_set(&copy, path, err));
	TRY(file_mkdirs(AT_FDCWD, dirname(copy), 0700, err));
	return 0;
}

/* Opens for appending with the lock held; the file is the one the path names. */
static int open_locked(const char *path, short type, struct stat *ret, struct error *err)
{
	for (;;) {
		autoclose int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

		if (fd < 0 && errno == ENOENT) {
			TRY(make_directory(path, err));
			continue;
		}
		if (fd < 0)
			return fail_errno(err, "open event log %s", path);
		TRY(set_lock(fd, type, err));
		if (fstat(fd, ret) < 0)
			return fail_errno(err, "look at event log %s", path);
		if (ret->st_nlink > 0)
			return take_fd(fd);
	}
}

/* ---- rotation ---- */

static int write_marker(int fd, const char *path, const char *value, struct error *err)
{
	auto_strmap attributes = {};
	auto_buf line = BUF_INIT(LINE_MAX_BYTES);

	TRY(strmap_set(&attributes, ROTATE_KEY, value, err));
	event_format_line(&(struct event){.type = EVENT_SYSTEM,
					  .status = EVENT_ROTATE,
					  .name = path,
					  .time_ns = time_now(),
					  .attributes = &attributes},
			  &line);
	buf_add_char(&line, '\n');
	TRY(buf_ok(&line, "event", err));
	return file_write_all(fd, line.data, line.len, err);
}

/* Moves to behind the first newline at or after `offset`. */
static int seek_line(int fd, off_t offset, struct error *err)
{
	char block[4096];
	ssize_t n;

	for (; (n = pread(fd, block, sizeof(block), offset)) > 0; offset += n) {
		const char *nl = memchr(block, '\n', (size_t)n);
		if (nl) {
			offset += nl - block + 1;
			break;
		}
	}
	if (n < 0 || lseek(fd, offset, SEEK_SET) < 0)
		return fail_errno(err, "read the event log");
	return 0;
}

/* A full disk or a lost machine may have cut the last line: ours begins on one of its own. Appends are whole otherwise, so
 * nobody who writes at this moment is taken for that. */
static bool ends_torn(int fd, const struct stat *st)
{
	char last;

	return st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

static int copy_half(int from, int to, const struct stat *st, const char *path, struct error *err)
{
	TRY(seek_line(from, st->st_size / 2, err));
	TRY(write_marker(to, path, "begin", err));
	TRY(file_copy_fd(from, to, NULL, err));
	if (ends_torn(from, st))
		TRY(file_write_all(to, "\n", 1, err));
	return write_marker(to, path, "end", err);
}

static int rotate(const char *path, size_t room, int64_t max, struct error *err)
{
	struct stat st;
	autofree char *temp = NULL;
	autoclose int old = open_locked(path, F_WRLCK, &st, err);

	if (old < 0)
		return -1;
	if (st.st_size + (int64_t)room < max)
		return 0;   /* somebody was faster */
	TRY(str_printf(&temp, err, "%s.rotate", path));
	autoclose int to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return fail_errno(err, "make %s", temp);
	if (copy_half(old, to, &st, path, err) < 0) {
		unlink(temp);
		return -1;
	}
	if (rename(temp, path) < 0)
		return fail_errno(err, "rename %s", temp);
	return 0;
}

int events_file_write(const struct events *e, const struct event *ev, struct error *err)
{
	auto_buf line = BUF_INIT(LINE_MAX_BYTES);
	struct stat st;

	event_format_line(ev, &line);
	buf_add_char(&line, '\n');
	TRY(buf_ok(&line, "event", err));
	autoclose int fd = open_locked(e->path, F_RDLCK, &st, err);
	if (fd < 0)
		return -1;
	/* Podman counts without the newline, and rotates when the limit would be reached. */
	if (e->max_size > 0 && st.st_size > 0 && st.st_size + (int64_t)line.len - 1 >= e->max_size) {
		struct error ignored;
		close(take_fd(fd));
		rotate(e->path, line.len - 1, e->max_size, &ignored);   /* the event is worth more than the limit; the next one tries again */
		fd = open_locked(e->path, F_RDLCK, &st, err);
		if (fd < 0)
			return -1;
	}
	bool torn = ends_torn(fd, &st);
	const struct iovec parts[] = { { (char[]){ '\n' }, torn }, { line.data, line.len } };
	if (writev(fd, parts, 2) != (ssize_t)(line.len + torn))
		return fail_errno(err, "write event log %s", e->path);
	return 0;
}

/* ---- reading ---- */

struct file_reader {
	struct log_file file;
	struct event_reader *r;
	unsigned generation;
	struct buf last;     /* the line read last */
};

static int offer_line(struct file_reader *f, const char *line, size_t len, struct error *err)
{
	auto_event_read e = {};

	return event_parse_line(line, len, &e) <= 0 ? 0 : event_offer(f->r, &e.event, err);
}

/* The line is the first of a file that took our file's place. 1: what we know was skipped, read again. */
static int catch_up(struct file_reader *f, struct error *err)
{
	f->generation = f->file.generation;
	return f->last.len ? log_file_skip_past(&f->file, f->last.data, f->last.len, err) : 0;
}

static int read_to_end(struct file_reader *f, bool last, struct error *err)
{
	const char *line;
	size_t len;
	int r;

	while ((r = log_file_next(&f->file, last, &line, &len, err)) > 0) {
		int skipped = f->generation != f->file.generation ? catch_up(f, err) : 0;
		if (skipped < 0)
			return skipped;
		if (skipped > 0)
			continue;
		buf_truncate(&f->last, 0);
		buf_add(&f->last, line, len);
		TRY(offer_line(f, line, len, err));
	}
	return r;
}

/* 1: look again; 0: stop. */
static int wait_for_change(int inotify, const struct event_reader *r, struct error *err)
{
	struct pollfd p[2] = { { inotify, POLLIN, 0 }, { r->query->stop_fd, POLLIN, 0 } };
	int64_t wait = inotify < 0 ? 250000000 : -1;
	char events[4096];

	if (r->until_ns) {
		int64_t left = r->until_ns - time_now();
		if (left <= 0)
			return 0;
		wait = wait < 0 || left < wait ? left : wait;
	}
	struct timespec ts = { wait / NSEC_PER_SEC, wait % NSEC_PER_SEC };
	if (ppoll(p, 2, wait < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR)
		return fail_errno(err, "wait for events");
	while (p[0].revents && read(inotify, events, sizeof(events)) > 0)
		;
	return !p[1].revents;
}

static int follow(struct file_reader *f, const char *path, struct error *err)
{
	autofree char *copy = NULL;
	autoclose int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int r;

	TRY(str_set(&copy, path, err));
	if (inotify >= 0 &&
	    inotify_add_watch(inotify, dirname(copy), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		close(take_fd(inotify));
	do {
		TRY(read_to_end(f, false, err));
		r = wait_for_change(inotify, f->r, err);
	} while (r > 0);
	return r < 0 ? r : read_to_end(f, true, err);
}

int events_file_read(const struct events *e, struct event_reader *r, struct error *err)
{
	struct file_reader f = { .file = LOG_FILE_INIT, .r = r, .last = BUF_INIT(LINE_MAX_BYTES) };
	bool only_new = r->query->stream && !r->since_ns && !r->until_ns;
	int result;

	/* Made now, so that a follower has a directory to watch. */
	if (r->query->stream)
		TRY(make_directory(e->path, err));
	if (only_new)
		r->since_ns = r->begin_ns;   /* a rotation may bring old ones to our eyes */
	result = only_new ? log_file_open_end(&f.file, e->path, err) : log_file_open(&f.file, e->path, err);
	if (result == 0)
		result = r->query->stream ? follow(&f, e->path, err) : read_to_end(&f, true, err);
	log_file_done(&f.file);
	buf_done(&f.last);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log-file.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "engine/log-line.h"

#define BLOCK 65536

void log_file_done(struct log_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->buffer);
	*f = LOG_FILE_INIT;
}

static void file_name(const char *path, unsigned index, char out[PATH_MAX])
{
	if (index == 0)
		snprintf(out, PATH_MAX, "%s", path);
	else
		snprintf(out, PATH_MAX, "%s.%u", path, index);
}

/* 1: *ret_fd; 0: no such file. Only regular files: a FIFO would hang us. */
static int open_one(const char *path, unsigned index, int *ret_fd, struct error *err)
{
	char name[PATH_MAX];
	struct stat st;

	file_name(path, index, name);
	autoclose int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);   /* as monitor/log-open.c writes it */
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "open log %s", name);
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "look at log %s", name);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_UNSUPPORTED, "log %s is not a regular file, it cannot be read back", name);
	*ret_fd = take_fd(fd);
	return 1;
}

/* How many rotated files there are. */
static unsigned count_rotated(const char *path)
{
	char name[PATH_MAX];
	unsigned n = 0;

	for (; n < LOG_FILES_MAX; n++) {
		file_name(path, n + 1, name);
		if (access(name, F_OK) < 0)
			break;
	}
	return n;
}

static void use_file(struct log_file *f, int fd, unsigned index, off_t offset)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->index = index;
	f->offset = offset;
	f->start = f->len = 0;
	f->skipping = false;
}

/* Opens the oldest that is there from `index` down to 0. */
static int open_from(struct log_file *f, unsigned index, struct error *err)
{
	for (;; index--) {
		int fd = -1, r = open_one(f->path, index, &fd, err);
		if (r < 0)
			return r;
		if (r > 0)
			use_file(f, fd, index, 0);
		if (r > 0 || index == 0)
			return 0;
	}
}

int log_file_open(struct log_file *f, const char *path, struct error *err)
{
	*f = LOG_FILE_INIT;
	f->path = path;
	return open_from(f, count_rotated(path), err);
}

int log_file_open_end(struct log_file *f, const char *path, struct error *err)
{
	struct stat st;

	*f = LOG_FILE_INIT;
	f->path = path;
	TRY(open_from(f, 0, err));
	if (f->fd >= 0 && fstat(f->fd, &st) == 0)
		f->offset = st.st_size;
	return 0;
}

/* ---- backwards ---- */

struct backwards {
	int fd;
	off_t end;          /* the line to find ends here (at its newline, or at the end of file) */
	char *window;       /* bytes [from, from + len) */
	size_t room, len;
	off_t from;
	bool cut;           /* the piece found last is the end of a line that is too long */
};

/* Makes the window end at b->end and hold `size` bytes before it. */
static int load_window(struct backwards *b, size_t size, struct error *err)
{
	size_t want = (off_t)size < b->end ? size : (size_t)b->end;

	if (want > b->room) {
		char *bigger = realloc(b->window, want);
		if (!bigger)
			return fail_oom(err);
		b->window = bigger;
		b->room = want;
	}
	b->from = b->end - (off_t)want;
	for (b->len = 0; b->len < want;) {
		ssize_t n = pread(b->fd, b->window + b->len, want - b->len, b->from + (off_t)b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "read log");
		if (n == 0)
			return fail(err, ERROR_SYSTEM, "log was truncated while being read");
		b->len += (size_t)n;
	}
	return 0;
}

/* The line that ends at b->end: *ret in the window, its beginning's offset returned. */
static int previous_line(struct backwards *b, const char **ret, size_t *ret_len, off_t *ret_start, struct error *err)
{
	for (size_t size = BLOCK;; size *= 2) {
		const char *nl;

		if (!b->len || b->end <= b->from || b->end > b->from + (off_t)b->len || size > BLOCK)
			TRY(load_window(b, size, err));
		size_t upto = (size_t)(b->end - b->from);
		nl = memrchr(b->window, '\n', upto);
		if (!nl && b->from > 0 && upto < LOG_FILE_LINE_MAX)
			continue;
		*ret = nl ? nl + 1 : b->window;
		*ret_len = upto - (size_t)(*ret - b->window);
		*ret_start = b->from + (*ret - b->window);
		b->cut = !nl && b->from > 0;
		return 0;
	}
}

/* Counts one line of the tail. True: it is one too many, the tail begins behind it. */
static bool count_line(const char *line, size_t len, struct buf *scratch, int64_t *left, bool *first)
{
	struct log_line l;

	if (len == 0 || !log_line_parse(line, len, scratch, &l))
		return false;
	/* The pieces of a line belong to what follows them; at the very end they are a line of their own. */
	if (l.partial && !*first)
		return false;
	*first = false;
	return --*left < 0;
}

/* Walks one file backwards. 1: *ret_offset is where the tail begins; 0: all of the file belongs to it. */
static int tail_in_file(int fd, int64_t *left, bool *first, off_t *ret_offset, struct error *err)
{
	struct backwards b = { .fd = fd };
	auto_buf scratch = BUF_INIT(LOG_FILE_LINE_MAX);
	struct stat st;
	char last;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "look at log");
	b.end = st.st_size;
	if (b.end > 0 && pread(fd, &last, 1, b.end - 1) == 1 && last == '\n')
		b.end--;
	while (r == 0 && b.end >= 0) {
		const char *line = "";
		size_t len = 0;
		off_t start = 0;
		bool rest = b.cut;   /* the beginning of that line: forwards it is skipped, too */

		if (b.end > 0)
			r = previous_line(&b, &line, &len, &start, err);
		if (r == 0 && !rest && !b.cut && count_line(line, len, &scratch, left, first)) {
			*ret_offset = b.end + 1 < st.st_size ? b.end + 1 : st.st_size;
			r = 1;
		}
		b.end = start - 1;
	}
	free(b.window);
	return r;
}

int log_file_open_tail(struct log_file *f, const char *path, int64_t tail, struct error *err)
{
	unsigned rotated = count_rotated(path);
	bool first = true;

	*f = LOG_FILE_INIT;
	f->path = path;
	for (unsigned i = 0; i <= rotated; i++) {
		autoclose int fd = -1;
		off_t offset = 0;
		int r = open_one(path, i, &fd, err);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		r = tail_in_file(fd, &tail, &first, &offset, err);
		if (r < 0)
			return r;
		use_file(f, take_fd(fd), i, offset);
		if (r > 0)
			break;
	}
	return 0;
}

/* ---- forwards ---- */

static bool is_same_file(int fd, const char *path, unsigned index)
{
	char name[PATH_MAX];
	struct stat a, b;

	file_name(path, index, name);
	return fstat(fd, &a) == 0 && stat(name, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Where our file is now, after however many rotations. -1: removed. */
static int find_index(const struct log_file *f)
{
	for (unsigned i = f->index; i <= LOG_FILES_MAX; i++) {
		char name[PATH_MAX];
		if (is_same_file(f->fd, f->path, i))
			return (int)i;
		file_name(f->path, i, name);
		if (i > f->index && access(name, F_OK) < 0)
			break;
	}
	return -1;
}

/* At the end of the file: is there a newer one? 1: now reading it; 0: no. */
static int next_file(struct log_file *f, struct error *err)
{
	int fd, now = f->fd < 0 ? -1 : find_index(f);

	if (now == 0)
		return 0;
	if (now > 0) {
		f->index = (unsigned)now;
		int r = open_one(f->path, f->index - 1, &fd, err);
		if (r > 0)
			use_file(f, fd, f->index - 1, 0);
		return r;
	}
	/* New, or ours was removed: whatever there is, from its beginning. */
	int before = f->fd;
	f->fd = -1;
	int r = open_from(f, before < 0 ? count_rotated(f->path) : 0, err);
	if (r == 0 && f->fd < 0) {
		f->fd = before;
		return 0;
	}
	if (before >= 0)
		close(before);
	f->generation++;
	return r < 0 ? r : 1;
}

int log_file_skip_past(struct log_file *f, const char *line, size_t len, struct error *err)
{
	auto_buf all = BUF_INIT((size_t)256 << 20);
	ssize_t n;

	do {
		char *at = buf_reserve(&all, BLOCK);
		if (!at)
			return buf_ok(&all, f->path, err);
		n = pread(f->fd, at, BLOCK, (off_t)all.len);
		if (n < 0 && errno != EINTR)
			return fail_errno(err, "read log %s", f->path);
		all.len += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	for (size_t at = 0; at < all.len;) {
		const char *nl = memchr(all.data + at, '\n', all.len - at);
		size_t end = nl ? (size_t)(nl - all.data) : all.len;

		if (end - at == len && memcmp(all.data + at, line, len) == 0) {
			f->offset = (off_t)(end + 1 < all.len ? end + 1 : all.len);
			f->start = f->len = 0;
			f->skipping = false;
			return 1;
		}
		at = end + 1;
	}
	return 0;
}

static int make_room(struct log_file *f, struct error *err)
{
	if (f->start > 0) {
		memmove(f->buffer, f->buffer + f->start, f->len - f->start);
		f->len -= f->start;
		f->start = 0;
	}
	if (f->room - f->len >= BLOCK)
		return 0;
	char *bigger = realloc(f->buffer, f->len + 2 * BLOCK);
	if (!bigger)
		return fail_oom(err);
	f->buffer = bigger;
	f->room = f->len + 2 * BLOCK;
	return 0;
}

/* Reads more of the current file. 1, 0: at its end. */
static int fill(struct log_file *f, struct error *err)
{
	struct stat st;
	ssize_t n;

	if (f->fd < 0)
		return 0;
	TRY(make_room(f, err));
	do
		n = pread(f->fd, f->buffer + f->len, f->room - f->len, f->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(err, "read log %s", f->path);
	if (n == 0 && fstat(f->fd, &st) == 0 && st.st_size < f->offset) {
		f->offset = 0;   /* truncated: logrotate's copytruncate, or max-file=1 */
		f->start = f->len = 0;
		return fill(f, err);
	}
	f->offset += n;
	f->len += (size_t)n;
	return n > 0;
}

/* A whole line from the buffer. */
static bool take_line(struct log_file *f, const char **ret, size_t *ret_len)
{
	const char *start = f->buffer + f->start, *nl;

	if (f->start == f->len)
		return false;
	nl = memchr(start, '\n', f->len - f->start);
	if (!nl && f->len - f->start > LOG_FILE_LINE_MAX) {
		f->skipping = true;
		f->start = f->len;
	}
	if (!nl)
		return false;
	f->start += (size_t)(nl - start) + 1;
	*ret = start;
	*ret_len = f->skipping ? 0 : (size_t)(nl - start);
	f->skipping = false;
	return true;
}

int log_file_next(struct log_file *f, bool last, const char **ret, size_t *ret_len, struct error *err)
{
	for (;;) {
		if (take_line(f, ret, ret_len))
			return 1;
		int r = fill(f, err);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		/* The end of this file for now; only a newer file makes it final. Look for that first, then read once
		 * more: what was written before the rotation must not be missed. */
		if (f->fd >= 0 && !is_same_file(f->fd, f->path, 0)) {
			r = fill(f, err);
			if (r != 0) {
				if (r < 0)
					return r;
				continue;
			}
		}
		bool torn = f->start < f->len && !f->skipping;
		if (torn && (last || (f->fd >= 0 && find_index(f) != 0))) {
			*ret = f->buffer + f->start;
			*ret_len = f->len - f->start;
			f->start = f->len;
			return 1;
		}
		r = next_file(f, err);
		if (r <= 0)
			return r;
	}
}

/* SPDX-License-Identifier: Apache-2.0
 * worker/archive-table.c - one pass over an archive's headers. */
#include "worker/archive-table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "image/tar.h"
#include "os/file.h"
#include "worker/inflate.h"
#include "worker/input.h"
#include "worker/untar-internal.h"

#define LINKS_MAX 8
#define OUT_BUFFER ((size_t)256 << 10)
#define SPOOL_MAX (INT64_C(1) << 40)

/* ---- where the tar bytes come from ---- */
struct stream {
	struct input in;
	struct inflate *inflate;
	const uint8_t *bytes;     /* compressed bytes at hand */
	size_t len;
	uint8_t *out;
	int spool;                /* -1: nothing is kept */
	int64_t spooled;
	bool ended;
};

/* A file read in place: a header, then a seek. */
static int plain_next(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct stream *s = data;
	ssize_t n;

	while ((n = pread(s->in.fd, s->out, TAR_BLOCK, s->in.offset)) < 0)
		if (errno != EINTR)
			return fail_errno(err, "read");
	s->in.offset += n;
	*ret = s->out;
	*ret_len = (size_t)n;
	return n > 0;
}

static int plain_skip(void *data, int64_t n, struct error *err)
{
	struct stream *s = data;

	if (n > INT64_MAX - s->in.offset)
		return fail(err, ERROR_CORRUPT, "impossible size in the archive");
	s->in.offset += n;
	return 0;
}

static int more_input(struct stream *s, struct error *err)
{
	bool fresh;
	int n = input_next(&s->in, &s->bytes, &s->len, &fresh, err);

	if (n > 0 && !s->inflate)
		TRY(inflate_new(compression_detect(s->bytes, s->len), &s->inflate, err));
	return n;
}

/* Inflates the next piece, keeps it in the spool, hands it to the tar reader. */
static int spool_next(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct stream *s = data;

	for (;;) {
		if (s->len == 0 && !s->ended) {
			int n = more_input(s, err);
			TRY(n);
			s->ended = n == 0;
		}
		if (!s->inflate)
			return 0;
		struct inflate_io io = { s->bytes, s->len, s->out, OUT_BUFFER };
		TRY(inflate_run(s->inflate, &io, err));
		bool stuck = io.in_len == s->len && io.out_len == OUT_BUFFER;
		s->bytes = io.in;
		s->len = io.in_len;
		if (io.out_len < OUT_BUFFER) {
			*ret = s->out;
			*ret_len = OUT_BUFFER - io.out_len;
			s->spooled += (int64_t)*ret_len;
			if (s->spooled > SPOOL_MAX)
				return fail(err, ERROR_CORRUPT, "the archive unpacks to more than %lld bytes", (long long)SPOOL_MAX);
			return file_write_all(s->spool, *ret, *ret_len, err) < 0 ? -1 : 1;
		}
		if (s->ended)
			return inflate_end(s->inflate, err);
		if (stuck && s->len)
			return fail(err, ERROR_CORRUPT, "the compressed archive is damaged");
	}
}

static void stream_done(struct stream *s)
{
	inflate_free(s->inflate);
	input_done(&s->in);
	free(s->out);
}

/* ---- the table ---- */
static int add(struct archive_table *t, const struct tar_entry *e, int64_t offset, struct error *err)
{
	char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
	struct error ignored;

	if (e->type != TAR_FILE && e->type != TAR_SYMLINK && e->type != TAR_HARDLINK)
		return 0;
	if (untar_clean(e->name, name, &ignored) < 0 || e->is_sparse)
		return 0;   /* never looked up */
	if (t->n >= ARCHIVE_FILES_MAX || t->bytes > ARCHIVE_NAMES_MAX)
		return fail(err, ERROR_CORRUPT, "too many files in the archive");
	struct archive_file f = { .offset = offset, .size = e->size };
	if (e->type != TAR_FILE) {
		char joined[2 * TAR_NAME_MAX + 8];
		const char *slash = strrchr(name, '/');
		int dir = e->type == TAR_SYMLINK && slash && e->link[0] != '/' ? (int)(slash - name) : 0;
		snprintf(joined, sizeof(joined), "%.*s/%s", dir, name, e->link);
		if (untar_clean(joined, link, &ignored) < 0)
			return 0;
		f.link = strdup(link);
		if (!f.link)
			return fail_oom(err);
	}
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct archive_file *v = reallocarray(t->v, cap, sizeof(*v));
		if (!v) {
			free(f.link);
			return fail_oom(err);
		}
		t->v = v;
		t->cap = cap;
	}
	f.name = strdup(name);
	t->v[t->n++] = f;
	t->bytes += strlen(name) + (f.link ? strlen(f.link) : 0) + sizeof(f);
	return f.name ? 0 : fail_oom(err);
}

static int read_table(struct archive_table *t, struct tar_source source, struct error *err)
{
	const struct tar_entry *e;
	auto_tar_reader *r = NULL;
	int n;

	TRY(tar_reader_new(source, &r, err));
	while ((n = tar_next(r, &e, err)) > 0)
		TRY(add(t, e, tar_offset(r), err));
	return n;
}

/* Files must lie inside what is really there: headers were skipped over, not read through. */
static int check_ranges(const struct archive_table *t, struct error *err)
{
	struct stat st;

	if (fstat(t->fd, &st) < 0)
		return fail_errno(err, "stat");
	for (size_t i = 0; i < t->n; i++)
		if (!t->v[i].link && (t->v[i].offset > st.st_size || t->v[i].size > st.st_size - t->v[i].offset))
			return fail(err, ERROR_CORRUPT, "the archive is cut off in %.200s", t->v[i].name);
	return 0;
}

static bool is_plain(int fd)
{
	uint8_t head[COMPRESSION_MAGIC_BYTES];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	return n >= 0 && compression_detect(head, (size_t)n) == COMPRESSION_NONE;
}

int archive_table_read(struct archive_table *t, int in, int spool, bool seekable, struct error *err)
{
	bool plain = seekable && is_plain(in);
	CLEANUP(stream_done) struct stream s = { .in = { .fd = in, .offset = seekable ? 0 : -1, .left = -1, .head_fd = -1 },
						 .spool = spool };
	struct tar_source source = { plain ? plain_next : spool_next, &s, plain ? plain_skip : NULL };

	s.out = malloc(OUT_BUFFER);
	if (!s.out)
		return fail_oom(err);
	TRY(input_init(&s.in, err));
	t->fd = fcntl(plain ? in : spool, F_DUPFD_CLOEXEC, 0);
	if (t->fd < 0)
		return fail_errno(err, "dup");
	t->spooled = !plain;
	TRY(read_table(t, source, err));
	return check_ranges(t, err);
}

void archive_table_done(struct archive_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free(t->v[i].link);
	}
	free(t->v);
	close_p(&t->fd);
	*t = (struct archive_table){ .fd = -1 };
}

const struct archive_file *archive_table_find(const struct archive_table *t, const char *name)
{
	char clean[TAR_NAME_MAX + 1];
	struct error ignored;

	if (untar_clean(name, clean, &ignored) < 0)
		return NULL;
	for (int links = 0; links < LINKS_MAX; links++) {
		const struct archive_file *found = NULL;
		for (size_t i = t->n; i-- > 0 && !found;)
			if (streq(t->v[i].name, clean))
				found = &t->v[i];
		if (!found || !found->link)
			return found;
		snprintf(clean, sizeof(clean), "%s", found->link);
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 * image/tar-recipe.c - recipes written, parsed and played. */
#include "image/tar-recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sha256.h"
#include "base/str.h"
#include "image/tar.h"
#include "os/file.h"
#include "os/path.h"

#define FLUSH_BYTES ((size_t)64 << 10)
#define ZEROS_MIN 24                  /* a shorter run is not worth an item */
#define PLAY_BYTES ((size_t)256 << 10)

static const char magic[] = "umiak-recipe 1\n";
static const char letters[] = { [RECIPE_LITERAL] = 'L', [RECIPE_ZEROS] = 'Z', [RECIPE_FILE] = 'F', [RECIPE_END] = 'E' };

/* ---- writing ---- */
void recipe_tap_init(struct recipe_tap *t, int fd)
{
	*t = (struct recipe_tap){ .fd = fd, .text = BUF_INIT((size_t)16 << 20) };
	buf_add(&t->text, magic, sizeof(magic) - 1);
}

void recipe_tap_done(struct recipe_tap *t)
{
	buf_done(&t->text);
	free(t->path);
	*t = (struct recipe_tap){ .fd = -1 };
}

static void put_number(struct buf *b, uint64_t n)
{
	for (; n > 0x7f; n >>= 7)
		buf_add_char(b, (char)(n | 0x80));
	buf_add_char(b, (char)n);
}

static void put_item(struct buf *b, enum recipe_kind kind, uint64_t n)
{
	buf_add_char(b, letters[kind]);
	put_number(b, n);
}

static int flush(struct recipe_tap *t, size_t keep, struct error *err)
{
	TRY(buf_ok(&t->text, "recipe", err));
	if (t->text.len <= keep)
		return 0;
	TRY(file_write_all(t->fd, t->text.data, t->text.len, err));
	buf_truncate(&t->text, 0);
	return 0;
}

static void put_pending_file(struct recipe_tap *t)
{
	if (!t->path)
		return;
	put_item(&t->text, RECIPE_FILE, strlen(t->path));
	buf_add_str(&t->text, t->path);
	put_number(&t->text, (uint64_t)t->file_at);
	put_number(&t->text, (uint64_t)t->file_len);
	free(take_ptr(t->path));
}

static size_t zeros_at(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !p[i])
		i++;
	return i;
}

static void put_literal(struct recipe_tap *t, const uint8_t *p, size_t n)
{
	size_t from = 0, i = 0;

	while (i < n) {
		size_t zeros = p[i] ? 0 : zeros_at(p + i, n - i);
		if (zeros < ZEROS_MIN) {
			i += zeros ? zeros : 1;
			continue;
		}
		if (i > from) {
			put_item(&t->text, RECIPE_LITERAL, i - from);
			buf_add(&t->text, p + from, i - from);
		}
		put_item(&t->text, RECIPE_ZEROS, zeros);
		from = i += zeros;
	}
	if (i > from) {
		put_item(&t->text, RECIPE_LITERAL, i - from);
		buf_add(&t->text, p + from, i - from);
	}
}

/* What came before `to` stands in no file. */
static int tell_up_to(struct recipe_tap *t, const uint8_t *to, struct error *err)
{
	size_t n = (size_t)(to - t->at);

	if (!n)
		return 0;
	put_pending_file(t);
	put_literal(t, t->at, n);
	t->total += (int64_t)n;
	t->at += n;
	t->len -= n;
	return flush(t, FLUSH_BYTES, err);
}

int recipe_tap_chunk(struct recipe_tap *t, const uint8_t *bytes, size_t len, struct error *err)
{
	if (t->fd < 0)
		return 0;
	if (t->len)
		TRY(tell_up_to(t, t->at + t->len, err));
	t->at = bytes;
	t->len = len;
	return 0;
}

int recipe_tap_data(struct recipe_tap *t, const char *path, int64_t at, const uint8_t *bytes, size_t len, struct error *err)
{
	if (t->fd < 0 || !len)
		return 0;
	if (bytes < t->at || len > t->len || (size_t)(bytes - t->at) > t->len - len)
		return fail(err, ERROR_SYSTEM, "recipe: bytes of another chunk");
	TRY(tell_up_to(t, bytes, err));
	if (t->path && (t->file_at + t->file_len != at || !streq(t->path, path)))
		put_pending_file(t);
	if (!t->path) {
		t->path = strdup(path);
		if (!t->path)
			return fail_oom(err);
		t->file_at = at;
		t->file_len = 0;
	}
	t->file_len += (int64_t)len;
	t->total += (int64_t)len;
	t->at += len;
	t->len -= len;
	return 0;
}

int recipe_tap_end(struct recipe_tap *t, struct error *err)
{
	if (t->fd < 0)
		return 0;
	TRY(recipe_tap_chunk(t, NULL, 0, err));
	put_pending_file(t);
	put_item(&t->text, RECIPE_END, (uint64_t)t->total);
	return flush(t, 0, err);
}

/* ---- reading ---- */
static int bad(const char *why, struct error *err)
{
	return fail(err, ERROR_CORRUPT, "the recipe of the layer's tar is damaged: %s", why);
}

static int take_number(struct recipe_cursor *c, int64_t *ret, struct error *err)
{
	uint64_t n = 0;

	for (unsigned shift = 0; c->at < c->end && shift < 63; shift += 7) {
		uint8_t b = *c->at++;
		n |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		*ret = (int64_t)n;
		return 0;
	}
	return bad("a broken number", err);
}

static int take_bytes(struct recipe_cursor *c, int64_t n, struct recipe_item *ret, struct error *err)
{
	if (n > c->end - c->at)
		return bad("it is cut off", err);
	ret->bytes = c->at;
	ret->n = (size_t)n;
	c->at += n;
	return 0;
}

static int take_file(struct recipe_cursor *c, int64_t n, struct recipe_item *ret, struct error *err)
{
	if (n > TAR_NAME_MAX)
		return bad("a path is too long", err);
	TRY(take_bytes(c, n, ret, err));
	if (memchr(ret->bytes, '\0', ret->n))
		return bad("a path with a zero byte", err);
	TRY(take_number(c, &ret->at, err));
	TRY(take_number(c, &ret->len, err));
	return ret->at > INT64_MAX - ret->len ? bad("an impossible range", err) : 0;
}

static int take_kind(struct recipe_cursor *c, enum recipe_kind *ret, struct error *err)
{
	for (size_t i = 0; c->at < c->end && i < sizeof(letters); i++)
		if (*c->at == letters[i]) {
			c->at++;
			*ret = (enum recipe_kind)i;
			return 0;
		}
	return bad(c->at < c->end ? "an unknown item" : "it has no end", err);
}

int recipe_next(struct recipe_cursor *c, struct recipe_item *ret, struct error *err)
{
	const size_t head = sizeof(magic) - 1;
	int64_t n;

	*ret = (struct recipe_item){ 0 };
	if (!c->begun) {
		if ((size_t)(c->end - c->at) < head || memcmp(c->at, magic, head) != 0)
			return bad("it does not begin as one", err);
		c->at += head;
		c->begun = true;
	}
	TRY(take_kind(c, &ret->kind, err));
	TRY(take_number(c, &n, err));
	if (ret->kind == RECIPE_LITERAL)
		return take_bytes(c, n, ret, err) < 0 ? -1 : 1;
	if (ret->kind == RECIPE_FILE)
		return take_file(c, n, ret, err) < 0 ? -1 : 1;
	ret->len = n;
	return ret->kind != RECIPE_END;
}

/* ---- playing ---- */
struct player {
	int tree, out;
	struct sha256 *hash;
	uint8_t *buffer;
	size_t used;
	int64_t left;      /* of the tar, as far as it is not in the buffer */
};

static int send_on(struct player *p, struct error *err)
{
	if (p->hash)
		sha256_add(p->hash, p->buffer, p->used);
	if (p->out >= 0)
		TRY(file_write_all(p->out, p->buffer, p->used, err));
	p->used = 0;
	return 0;
}

/* Room for at most `want` bytes at the end of the buffer. */
static int make_room(struct player *p, int64_t want, size_t *ret, struct error *err)
{
	if (want > p->left)
		return bad("its parts are more than the whole", err);
	if (p->used == PLAY_BYTES)
		TRY(send_on(p, err));
	*ret = PLAY_BYTES - p->used;
	if ((uint64_t)want < *ret)
		*ret = (size_t)want;
	return 0;
}

/* bytes NULL: zeros. */
static int play_bytes(struct player *p, const uint8_t *bytes, int64_t n, struct error *err)
{
	while (n > 0) {
		size_t some;
		TRY(make_room(p, n, &some, err));
		if (bytes) {
			memcpy(p->buffer + p->used, bytes, some);
			bytes += some;
		} else {
			memset(p->buffer + p->used, 0, some);
		}
		p->used += some;
		p->left -= (int64_t)some;
		n -= (int64_t)some;
	}
	return 0;
}

static int play_file(struct player *p, const struct recipe_item *i, struct error *err)
{
	char path[TAR_NAME_MAX + 1];
	struct stat st;

	memcpy(path, i->bytes, i->n);
	path[i->n] = '\0';
	autoclose int fd = path_open_in_root(p->tree, path, (struct path_open){ .oflags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW },
					     err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size - i->len < i->at)
		return fail(err, ERROR_CORRUPT, "/%.300s is not the file it was", path);
	for (int64_t done = 0; done < i->len;) {
		size_t some;
		TRY(make_room(p, i->len - done, &some, err));
		ssize_t n = pread(fd, p->buffer + p->used, some, i->at + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_errno(err, "read /%.300s", path);
		p->used += (size_t)n;
		p->left -= n;
		done += n;
	}
	return 0;
}

static int play_item(struct player *p, const struct recipe_item *i, struct error *err)
{
	if (i->kind == RECIPE_FILE)
		return play_file(p, i, err);
	return play_bytes(p, i->bytes, i->kind == RECIPE_LITERAL ? (int64_t)i->n : i->len, err);
}

static int play_all(struct player *p, struct recipe_cursor c, struct error *err)
{
	struct recipe_item i;
	int n;

	while ((n = recipe_next(&c, &i, err)) > 0)
		TRY(play_item(p, &i, err));
	TRY(n);
	TRY(send_on(p, err));
	return p->left == 0 ? 0 : bad("its parts are less than the whole", err);
}

/* What the end item says. */
static int whole_size(struct recipe_cursor c, int64_t *ret, struct error *err)
{
	struct recipe_item i;
	int n;

	while ((n = recipe_next(&c, &i, err)) > 0)
		;
	*ret = i.len;
	return n;
}

int recipe_play(int recipe, int tree, int out, struct sha256 *hash, int64_t bytes, struct error *err)
{
	struct stat st;

	if (fstat(recipe, &st) < 0)
		return fail_errno(err, "the recipe of the layer's tar");
	if (st.st_size <= 0)
		return bad("it is empty", err);
	const uint8_t *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, recipe, 0);
	if (text == MAP_FAILED)
		return fail_errno(err, "map the recipe of the layer's tar");
	struct player p = { .tree = tree, .out = out, .hash = hash, .left = bytes,
			    .buffer = malloc(PLAY_BYTES) };
	const struct recipe_cursor from = { .at = text, .end = text + st.st_size };
	int r = !p.buffer ? fail_oom(err) : bytes < 0 ? whole_size(from, &p.left, err) : 0;
	if (r == 0)
		r = play_all(&p, from, err);
	free(p.buffer);
	munmap((void *)text, (size_t)st.st_size);
	return r;
}

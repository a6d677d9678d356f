/* SPDX-License-Identifier: Apache-2.0
 * worker/chunked-write.c - a tar stream becomes a zstd:chunked blob.
 *
 * The tar reader tells where every file's bytes lie; what it was given is kept back until that is known. A frame ends
 * where a file's bytes begin and where they end, so each file is a whole number of frames. */
#include <string.h>
#include <zstd.h>

#include "base/base64.h"
#include "base/units.h"
#include "image/tar.h"
#include "worker/chunked.h"
#include "worker/hash.h"

#define WINDOW_MAX ((size_t)8 << 20)
#define OUT_BYTES ((size_t)128 << 10)

struct writer {
	struct tar_source *source;
	const struct chunked_sink *sink;
	ZSTD_CCtx *z;
	uint8_t *out;
	struct buf window;        /* bytes of the tar read and not yet compressed ... */
	size_t window_from;       /* ... from here on */
	int64_t window_at;        /* offset of the first of them in the tar */
	int64_t at;               /* bytes of the blob so far */
	bool open;                /* a frame is under way */
	struct buf table;
	size_t entries;
	bool plain;               /* no table: something cannot be described */
};

static void writer_done(struct writer *w)
{
	ZSTD_freeCCtx(w->z);
	free(w->out);
	buf_done(&w->window);
	buf_done(&w->table);
}

/* ---- bytes out ---- */
static int put(struct writer *w, const void *bytes, size_t len, struct error *err)
{
	w->at += (int64_t)len;
	return len ? w->sink->put(w->sink->data, bytes, len, err) : 0;
}

static int compress(struct writer *w, const void *bytes, size_t len, bool end, struct error *err)
{
	ZSTD_inBuffer in = { bytes, len, 0 };

	if (!len && !(end && w->open))
		return 0;
	for (;;) {
		ZSTD_outBuffer out = { w->out, OUT_BYTES, 0 };
		size_t left = ZSTD_compressStream2(w->z, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return fail(err, ERROR_SYSTEM, "zstd: %s", ZSTD_getErrorName(left));
		TRY(put(w, w->out, out.pos, err));
		if (in.pos == in.size && (!end || !left))
			break;
	}
	w->open = !end;
	return 0;
}

/* Compresses what is kept back up to an offset of the tar. */
static int flush_to(struct writer *w, int64_t offset, bool end, struct error *err)
{
	size_t n = (size_t)(offset - w->window_at), have = w->window.len - w->window_from;

	if (offset < w->window_at || n > have)
		return fail(err, ERROR_CORRUPT, "the tar stream jumps");
	TRY(compress(w, w->window.data ? w->window.data + w->window_from : "", n, end, err));
	w->window_from += n;
	w->window_at = offset;
	if (w->window_from == w->window.len) {
		buf_truncate(&w->window, 0);
		w->window_from = 0;
	}
	return 0;
}

static int next_piece(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct writer *w = data;
	int n = w->source->next(w->source->data, ret, ret_len, err);

	if (n <= 0)
		return n;
	if (w->window_from) {
		memmove(w->window.data, w->window.data + w->window_from, w->window.len - w->window_from);
		buf_truncate(&w->window, w->window.len - w->window_from);
		w->window_from = 0;
	}
	buf_add(&w->window, *ret, *ret_len);
	return buf_ok(&w->window, "tar header", err) < 0 ? -1 : 1;
}

/* ---- the table ---- */
static const char *const type_names[TAR_TYPE_MAX] = {
	[TAR_FILE] = "reg", [TAR_HARDLINK] = "hardlink", [TAR_SYMLINK] = "symlink", [TAR_CHAR] = "char",
	[TAR_BLOCK_DEVICE] = "block", [TAR_DIRECTORY] = "dir", [TAR_FIFO] = "fifo",
};

static void add_number(struct buf *b, const char *key, int64_t n)
{
	if (n)
		buf_addf(b, ",\"%s\":%lld", key, (long long)n);
}

static void add_xattrs(struct buf *b, const struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		buf_add_str(b, i ? "," : ",\"xattrs\":{");
		buf_add_json(b, e->xattrs[i].name);
		buf_add_str(b, ":\"");
		base64_encode(b, e->xattrs[i].value, e->xattrs[i].len);
		buf_add_char(b, '"');
	}
	if (e->n_xattrs)
		buf_add_char(b, '}');
}

static void add_entry(struct writer *w, const struct tar_entry *e)
{
	char time[48];
	struct buf *b = &w->table;

	buf_addf(b, "%s{\"type\":\"%s\",\"name\":", w->entries++ ? "," : "", type_names[e->type]);
	buf_add_json(b, e->name);
	if (*e->link) {
		buf_add_str(b, ",\"linkName\":");
		buf_add_json(b, e->link);
	}
	add_number(b, "mode", e->mode);
	add_number(b, "size", e->size);
	add_number(b, "uid", (int64_t)e->uid);
	add_number(b, "gid", (int64_t)e->gid);
	buf_addf(b, ",\"modtime\":\"%s\"", time_format_utc(e->mtime_ns, time));
	add_number(b, "devMajor", e->major);
	add_number(b, "devMinor", e->minor);
	add_xattrs(b, e);
}

/* A file's bytes: frames of their own. */
static int write_data(struct writer *w, struct tar_reader *r, int64_t size, struct error *err)
{
	auto_hash hash = {};
	char digest[DIGEST_TEXT_MAX];
	const uint8_t *bytes;
	size_t len;
	int n;

	TRY(flush_to(w, tar_offset(r), true, err));
	int64_t from = w->at;
	TRY(hash_init(&hash, DIGEST_SHA256, err));
	while ((n = tar_data(r, &bytes, &len, err)) > 0) {
		hash_add(&hash, bytes, len);
		TRY(flush_to(w, tar_offset(r), false, err));
	}
	TRY(n);
	TRY(flush_to(w, tar_offset(r), true, err));
	hash_text(&hash, digest);
	buf_addf(&w->table, ",\"digest\":\"%s\"", digest);
	add_number(&w->table, "offset", from);
	add_number(&w->table, "endOffset", w->at);
	buf_addf(&w->table, ",\"chunkSize\":%lld,\"chunkDigest\":\"%s\"", (long long)size, digest);
	return 0;
}

static int write_entries(struct writer *w, struct error *err)
{
	auto_tar_reader *r = NULL;
	const struct tar_entry *e;
	const uint8_t *bytes;
	size_t len;
	int n;

	TRY(tar_reader_new((struct tar_source){ .next = next_piece, .data = w }, &r, err));
	while ((n = tar_next(r, &e, err)) > 0) {
		w->plain |= e->is_sparse;
		if (e->type == TAR_GLOBAL)
			continue;
		add_entry(w, e);
		if (e->type == TAR_FILE && e->stored > 0)
			TRY(write_data(w, r, e->size, err));
		buf_add_char(&w->table, '}');
		w->plain |= w->table.failed;   /* too many files for a table that anybody would read */
	}
	TRY(n);
	/* the rest belongs to the layer's digest only */
	do {
		TRY(flush_to(w, w->window_at + (int64_t)(w->window.len - w->window_from), false, err));
	} while ((n = next_piece(w, &bytes, &len, err)) > 0);
	TRY(n);
	return compress(w, "", 0, true, err);
}

/* ---- the end of the blob ---- */
static void put64(uint8_t *to, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(n >> (8 * i));
}

static int put_skippable(struct writer *w, const void *bytes, size_t len, struct error *err)
{
	uint8_t head[8] = { 0x50, 0x2a, 0x4d, 0x18, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), (uint8_t)(len >> 24) };

	TRY(put(w, head, sizeof(head), err));
	return put(w, bytes, len, err);
}

static int write_table(struct writer *w, struct chunked_result *ret, struct error *err)
{
	uint8_t footer[64] = {};
	auto_hash hash = {};

	buf_add_str(&w->table, "]}");
	if (w->plain || w->table.failed)
		return 0;
	size_t room = ZSTD_compressBound(w->table.len);
	autofree char *packed = malloc(room);
	if (!packed)
		return fail_oom(err);
	size_t n = ZSTD_compress2(w->z, packed, room, w->table.data, w->table.len);
	if (ZSTD_isError(n))
		return fail(err, ERROR_SYSTEM, "zstd: %s", ZSTD_getErrorName(n));
	TRY(hash_init(&hash, DIGEST_SHA256, err));
	hash_add(&hash, packed, n);
	hash_text(&hash, ret->digest);
	int64_t offset = w->at + 8;
	snprintf(ret->place, sizeof(ret->place), "%lld:%zu:%zu:1", (long long)offset, n, w->table.len);
	TRY(put_skippable(w, packed, n, err));
	put64(footer, (uint64_t)offset);
	put64(footer + 8, n);
	put64(footer + 16, w->table.len);
	put64(footer + 24, 1);
	memcpy(footer + 56, "GNUlInUx", 8);
	return put_skippable(w, footer, sizeof(footer), err);
}

int chunked_write(struct tar_source *source, int64_t level, const struct chunked_sink *sink, struct chunked_result *ret,
		  struct error *err)
{
	CLEANUP(writer_done) struct writer w = { .source = source, .sink = sink, .window = BUF_INIT(WINDOW_MAX),
						 .table = BUF_INIT(CHUNKED_TABLE_MAX), .z = ZSTD_createCCtx(), .out = malloc(OUT_BYTES) };

	if (!w.z || !w.out)
		return fail_oom(err);
	if (level >= 0)
		ZSTD_CCtx_setParameter(w.z, ZSTD_c_compressionLevel, (int)level);
	buf_add_str(&w.table, "{\"version\":1,\"entries\":[");
	TRY(write_entries(&w, err));
	return write_table(&w, ret, err);
}

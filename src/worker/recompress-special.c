/* SPDX-License-Identifier: Apache-2.0
 * worker/recompress-special.c - a blob as zstd:chunked, or on its way decrypted (before everything else) or encrypted (after
 * everything else). */
#include <string.h>

#include "image/tar.h"
#include "os/file.h"
#include "worker/chunked.h"
#include "worker/crypt.h"
#include "worker/deflate.h"
#include "worker/hash.h"
#include "worker/inflate.h"
#include "worker/input.h"
#include "worker/recompress.h"

#define PIECE ((size_t)256 << 10)

struct recompress {
	int out;
	struct hash out_hash, tar_hash;
	int64_t out_bytes, tar_bytes;
	struct input in;
	struct inflate *inflate;
	struct inflate_io io;     /* zstd:chunked: input at hand */
	bool more;                /* ... and the codec may have output without any */
	struct deflate *deflate;
	uint8_t *piece;
	struct crypt *decrypt, *encrypt;   /* NULL: not wanted */
	struct hash plain_hash;            /* of what is not encrypted */
	uint8_t *decrypted;
};

static void recompress_done(struct recompress *c)
{
	hash_done(&c->out_hash);
	hash_done(&c->tar_hash);
	input_done(&c->in);
	inflate_free(c->inflate);
	deflate_free(c->deflate);
	free(c->piece);
	free(c->decrypted);
	crypt_free(c->decrypt);
	crypt_free(c->encrypt);
	hash_done(&c->plain_hash);
}

static int put_encrypted(struct recompress *c, const uint8_t *bytes, size_t len, struct error *err)
{
	uint8_t out[32768];

	hash_add(&c->plain_hash, bytes, len);
	for (size_t n; len; bytes += n, len -= n) {
		n = len < sizeof(out) ? len : sizeof(out);
		TRY(crypt_run(c->encrypt, bytes, out, n, err));
		hash_add(&c->out_hash, out, n);
		c->out_bytes += (int64_t)n;
		TRY(file_write_all(c->out, out, n, err));
	}
	return 0;
}

static int put(void *data, const void *bytes, size_t len, struct error *err)
{
	struct recompress *c = data;

	if (c->encrypt)
		return put_encrypted(c, bytes, len, err);

	hash_add(&c->out_hash, bytes, len);
	c->out_bytes += (int64_t)len;
	return file_write_all(c->out, bytes, len, err);
}

/* input_next() of what was decrypted. */
static int next_input(struct recompress *c, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	bool fresh;
	int n = input_next(&c->in, ret, ret_len, &fresh, err);

	if (n <= 0 || !c->decrypt)
		return n;
	if (*ret_len > INPUT_BUFFER)
		return fail(err, ERROR_CORRUPT, "too much input at once");
	TRY(crypt_run(c->decrypt, *ret, c->decrypted, *ret_len, err));
	hash_add(&c->plain_hash, c->decrypted, *ret_len);
	*ret = c->decrypted;
	return 1;
}

static int run_raw(struct recompress *c, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	int n;

	while ((n = next_input(c, &bytes, &len, err)) > 0)
		TRY(put(c, bytes, len, err));
	return n;
}

static int take(struct recompress *c, const uint8_t *bytes, size_t len, struct error *err)
{
	struct inflate_io io = { .in = bytes, .in_len = len };
	size_t made;

	if (!c->inflate)
		TRY(inflate_new(compression_detect(bytes, len), &c->inflate, err));
	do {
		size_t before = io.in_len;
		io.out = c->piece;
		io.out_len = PIECE;
		TRY(inflate_run(c->inflate, &io, err));
		made = PIECE - io.out_len;
		if (!made && io.in_len && io.in_len == before)
			return fail(err, ERROR_CORRUPT, "the compressed stream is damaged");
		hash_add(&c->tar_hash, c->piece, made);
		c->tar_bytes += (int64_t)made;
		TRY(deflate_add(c->deflate, c->piece, made, false, err));
	} while (io.in_len || made == PIECE);
	return 0;
}

/* ---- zstd:chunked: the tar is pulled, not pushed ---- */
static int next_tar(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct recompress *c = data;

	for (;;) {
		if (c->io.in_len || c->more) {
			size_t before = c->io.in_len;
			c->io.out = c->piece;
			c->io.out_len = PIECE;
			TRY(inflate_run(c->inflate, &c->io, err));
			size_t made = PIECE - c->io.out_len;
			if (!made && c->io.in_len && c->io.in_len == before)
				return fail(err, ERROR_CORRUPT, "the compressed stream is damaged");
			c->more = made == PIECE;
			if (made) {
				hash_add(&c->tar_hash, c->piece, made);
				c->tar_bytes += (int64_t)made;
				*ret = c->piece;
				*ret_len = made;
				return 1;
			}
		}
		int n = next_input(c, &c->io.in, &c->io.in_len, err);
		if (n == 0)
			return c->inflate ? inflate_end(c->inflate, err) : 0;
		TRY(n);
		if (!c->inflate)
			TRY(inflate_new(compression_detect(c->io.in, c->io.in_len), &c->inflate, err));
	}
}

static int run_chunked(struct recompress *c, int64_t level, struct op_unpacked *ret, struct error *err)
{
	struct tar_source tar = { .next = next_tar, .data = c };
	struct chunked_sink sink = { put, c };
	struct chunked_result result = {};

	TRY(chunked_write(&tar, level, &sink, &result, err));
	if (!*result.digest)
		return 0;
	TRY(str_set(&ret->toc_place, result.place, err));
	return str_set(&ret->toc_digest, result.digest, err);
}

static int run(struct recompress *c, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	int n;

	while ((n = next_input(c, &bytes, &len, err)) > 0)
		TRY(take(c, bytes, len, err));
	TRY(n);
	if (c->inflate)
		TRY(inflate_end(c->inflate, err));
	return deflate_add(c->deflate, "", 0, true, err);
}

static int begin_crypt(struct recompress *c, const struct op_recompress *a, struct error *err)
{
	if (a->encrypt.n && a->decrypt.n)
		return fail(err, ERROR_INVALID, "recompress: one of decryption and encryption");
	if (a->encrypt.n || a->decrypt.n)
		TRY(hash_init(&c->plain_hash, DIGEST_SHA256, err));
	if (a->encrypt.n)
		return crypt_new_encrypt(&c->encrypt, err);
	if (!a->decrypt.n)
		return 0;
	c->decrypted = malloc(INPUT_BUFFER);
	if (!c->decrypted)
		return fail_oom(err);
	return crypt_new_decrypt(&a->decrypt, &a->passphrases, a->enc_jwe ? a->enc_jwe : "", a->enc_pubopts ? a->enc_pubopts : "",
				 &c->decrypt, err);
}

static int end_crypt(struct recompress *c, const struct op_recompress *a, struct op_unpacked *ret, struct error *err)
{
	char text[DIGEST_TEXT_MAX];

	if (c->encrypt)
		return crypt_end_encrypt(c->encrypt, &a->encrypt, hash_text(&c->plain_hash, text), &ret->enc_jwe, &ret->enc_pubopts, err);
	return c->decrypt ? crypt_end_decrypt(c->decrypt, hash_text(&c->plain_hash, text), err) : 0;
}

static int change(struct recompress *c, const struct op_recompress *a, struct op_unpacked *ret, struct error *err)
{
	if (a->raw)
		return run_raw(c, err);
	if (a->compression == COMPRESSION_ZSTD_CHUNKED)
		return run_chunked(c, a->level, ret, err);
	TRY(deflate_new((enum compression)a->compression, a->level, (struct deflate_sink){ put, c }, &c->deflate, err));
	return run(c, err);
}

bool recompress_is_special(const struct op_recompress *a)
{
	return a->raw || a->encrypt.n || a->decrypt.n || a->compression == COMPRESSION_ZSTD_CHUNKED;
}

int recompress_special(const struct request *r, struct op_unpacked *ret, struct error *err)
{
	const struct op_recompress *a = r->args;
	char text[DIGEST_TEXT_MAX];

	CLEANUP(recompress_done) struct recompress c = { .out = r->fds[1], .piece = malloc(PIECE) };
	if (!c.piece)
		return fail_oom(err);
	c.in = (struct input){ .fd = r->fds[0], .offset = a->in_offset, .left = a->in_size, .head_fd = -1 };
	TRY(input_init(&c.in, err));
	TRY(hash_init(&c.out_hash, DIGEST_SHA256, err));
	TRY(hash_init(&c.tar_hash, DIGEST_SHA256, err));
	TRY(begin_crypt(&c, a, err));
	TRY(change(&c, a, ret, err));
	TRY(end_crypt(&c, a, ret, err));
	ret->blob_size = c.out_bytes;
	ret->tar_size = c.tar_bytes;
	ret->compression = a->compression;
	TRY(str_set(&ret->blob_digest, hash_text(&c.out_hash, text), err));
	return str_set(&ret->diff_id, hash_text(&c.tar_hash, text), err);
}

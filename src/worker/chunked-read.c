/* SPDX-License-Identifier: Apache-2.0
 * worker/chunked-read.c - tables of contents of zstd:chunked blobs become units that can be compared.
 *
 * A file's bytes are a unit whose key is their digest and their compressed length. What lies between two of them are tar
 * headers: its key is all the table says of the entries there and its length. */
#include <string.h>

#include "base/json.h"
#include "base/sha256.h"
#include "worker/chunked.h"
#include "worker/inflate.h"

static_assert(CHUNKED_KEY == SHA256_BYTES, "keys are SHA-256");

void chunked_units_done(struct chunked_units *u)
{
	free(u->v);
	*u = (struct chunked_units){};
}

/* ---- the footer ---- */
static uint64_t get64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 7; i >= 0; i--)
		n = n << 8 | p[i];
	return n;
}

static bool is_footer(const uint8_t *tail, size_t len, size_t payload)
{
	static const uint8_t magic[4] = { 0x50, 0x2a, 0x4d, 0x18 };

	if (len < payload + 8)
		return false;
	const uint8_t *p = tail + len - payload - 8;
	return memcmp(p, magic, 4) == 0 && p[4] == payload && !p[5] && !p[6] && !p[7];
}

int chunked_footer(const uint8_t *tail, size_t len, int64_t blob_size, struct op_toc *ret)
{
	/* the shorter one, before tar-split, ends in a word of its own */
	size_t payload = is_footer(tail, len, 64) ? 64 : is_footer(tail, len, 40) ? 40 : 0;

	if (!payload || memcmp(tail + len - 8, payload == 64 ? "GNUlInUx" : "GnUlInUx", 8) != 0)
		return 0;
	const uint8_t *p = tail + len - payload;
	uint64_t offset = get64(p), size = get64(p + 8), table = get64(p + 16), end = (uint64_t)blob_size - payload - 8;
	if (get64(p + 24) != 1 || offset < 8 || size > end || offset > end - size || table > CHUNKED_TABLE_MAX)
		return 0;
	*ret = (struct op_toc){ .offset = (int64_t)offset, .size = (int64_t)size, .table_size = (int64_t)table, .found = true };
	return 1;
}

/* ---- the table ---- */
static int inflate_table(const void *bytes, size_t len, int64_t size, char **ret, struct error *err)
{
	auto_inflate *z = NULL;
	autofree char *text = size > 0 && (size_t)size <= CHUNKED_TABLE_MAX ? malloc((size_t)size + 1) : NULL;
	struct inflate_io io = { .in = bytes, .in_len = len, .out = (uint8_t *)text, .out_len = (size_t)size };

	if (!text)
		return fail(err, ERROR_UNSUPPORTED, "the table of contents is larger than %zu MiB", CHUNKED_TABLE_MAX >> 20);
	TRY(inflate_new(COMPRESSION_ZSTD, &z, err));
	for (size_t before = SIZE_MAX; io.in_len && io.in_len + io.out_len < before;) {
		before = io.in_len + io.out_len;
		TRY(inflate_run(z, &io, err));
	}
	if (io.in_len || io.out_len)
		return fail(err, ERROR_CORRUPT, "the table of contents has another size than announced");
	TRY(inflate_end(z, err));
	text[size] = '\0';
	*ret = take_ptr(text);
	return 0;
}

struct builder {
	struct chunked_units *units;
	struct sha256 gap;      /* what was said of the entries since the last chunk */
	int64_t pad;            /* bytes of the last file behind its last whole block: as many zeros less follow it */
	int64_t at, end;
};

static int add_unit(struct builder *b, struct sha256 *key, int64_t to, struct error *err)
{
	struct chunked_units *u = b->units;
	int64_t size = to - b->at;

	if (size <= 0)
		return 0;
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 1024;
		struct chunked_unit *v = cap > CHUNKED_UNITS_MAX ? NULL : reallocarray(u->v, cap, sizeof(*v));
		if (!v)
			return fail(err, ERROR_UNSUPPORTED, "the table of contents has too many entries");
		u->v = v;
		u->cap = cap;
	}
	struct chunked_unit *unit = &u->v[u->n++];
	*unit = (struct chunked_unit){ .offset = b->at, .size = size };
	sha256_add(key, &size, sizeof(size));
	sha256_end(key, unit->key);
	b->at = to;
	return 0;
}

/* All members but those that say where it lies. */
static void describe(struct sha256 *to, struct json_object *entry)
{
	json_object_object_foreach(entry, key, value) {
		if (streq(key, "offset") || streq(key, "endOffset"))
			continue;
		const char *text = json_object_get_string(value);
		sha256_add(to, key, strlen(key) + 1);
		sha256_add(to, text ? text : "", text ? strlen(text) + 1 : 1);
	}
}

static int add_entry(struct builder *b, struct json_object *entry, struct error *err)
{
	int64_t from = json_get_i64(entry, "offset", 0), to = json_get_i64(entry, "endOffset", 0);
	const char *digest = json_get_str(entry, "chunkDigest");
	struct sha256 key;

	if (!json_object_is_type(entry, json_type_object))
		return fail(err, ERROR_CORRUPT, "the table of contents makes no sense");
	describe(&b->gap, entry);
	if (to <= 0)
		return 0;   /* no bytes of its own */
	if (str_empty(digest))
		digest = json_get_str(entry, "digest");
	if (from < b->at || to < from || to > b->end || str_empty(digest))
		return fail(err, ERROR_CORRUPT, "the table of contents names impossible places");
	TRY(add_unit(b, &b->gap, from, err));
	if (json_get_i64(entry, "size", 0) > 0)   /* not for further chunks of a file */
		b->pad = json_get_i64(entry, "size", 0) % 512;
	sha256_init(&b->gap);
	sha256_add(&b->gap, &b->pad, sizeof(b->pad));
	sha256_init(&key);
	sha256_add(&key, "chunk", 6);
	sha256_add(&key, digest, strlen(digest));
	return add_unit(b, &key, to, err);
}

/* A file in several chunks: the first entry's end may be the file's, so each ends where the next begins. */
static void cut_overlaps(struct json_object *entries)
{
	int64_t next = INT64_MAX;

	for (size_t i = json_object_array_length(entries); i-- > 0;) {
		struct json_object *e = json_object_array_get_idx(entries, i);
		if (!json_object_is_type(e, json_type_object) || json_get_i64(e, "endOffset", 0) <= 0)
			continue;
		if (json_get_i64(e, "endOffset", 0) > next)
			json_object_object_add(e, "endOffset", json_object_new_int64(next));
		next = json_get_i64(e, "offset", 0);
	}
}

int chunked_parse(const void *bytes, size_t len, int64_t table_size, int64_t end, struct chunked_units *ret,
		  struct error *err)
{
	struct json_limits limits = { .max_bytes = CHUNKED_TABLE_MAX, .max_depth = 8 };
	struct builder b = { .units = ret, .end = end };
	autofree char *text = NULL;
	auto_json *tree = NULL;

	TRY(inflate_table(bytes, len, table_size, &text, err));
	TRY(json_parse("table of contents", text, (size_t)table_size, &limits, &tree, err));
	struct json_object *entries = json_get_array(tree, "entries");
	if (json_get_i64(tree, "version", 0) != 1 || !entries)
		return fail(err, ERROR_UNSUPPORTED, "the table of contents is of an unknown version");
	cut_overlaps(entries);
	sha256_init(&b.gap);
	for (size_t i = 0; i < json_object_array_length(entries); i++)
		TRY(add_entry(&b, json_object_array_get_idx(entries, i), err));
	sha256_add(&b.gap, text, (size_t)table_size);   /* how many zeros end the tar is not said: like no other blob's end */
	return add_unit(&b, &b.gap, end, err);
}

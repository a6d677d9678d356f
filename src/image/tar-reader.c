/* SPDX-License-Identifier: Apache-2.0
 * image/tar-reader.c - a tar stream as entries.
 *
 * How an entry comes together: special headers (PAX "x" and "g", GNU "L" and "K") are read whole into a bounded
 * buffer and remembered; the first ordinary header ends the collection; then fields are taken from the header, GNU
 * long names replace them, PAX records replace those. Sparse maps come from GNU "S" headers, from PAX records
 * (formats 0.0 and 0.1) or from the start of the data (1.0); see tar-sparse.c. */
#include <string.h>

#include "image/tar-format.h"
#include "image/tar-internal.h"

/* ---- the stream ---- */
static int fill(struct tar_reader *r, struct error *err)
{
	while (r->len == 0) {
		int n = r->source.next(r->source.data, &r->at, &r->len, err);
		if (n <= 0)
			return n;
	}
	return 1;
}

static void advance(struct tar_reader *r, size_t n)
{
	r->at += n;
	r->len -= n;
	r->offset += (int64_t)n;
}

static int cut(struct tar_reader *r, struct error *err)
{
	return fail(err, ERROR_CORRUPT, "tar: the archive is cut off at byte %lld%s%.200s", (long long)r->offset,
		    r->entry.name ? ", behind " : "", r->entry.name ? r->entry.name : "");
}

int tar_bad(struct tar_reader *r, const char *why, struct error *err)
{
	return fail(err, ERROR_CORRUPT, "tar: byte %lld: %s%s%.200s", (long long)r->offset, why,
		    r->entry.name ? ", behind " : "", r->entry.name ? r->entry.name : "");
}

/* Exactly n bytes into `to`; 0: the stream ended before the first; short after that is an error. */
static int read_exactly(struct tar_reader *r, void *to, size_t n, struct error *err)
{
	for (size_t done = 0; done < n;) {
		int more = fill(r, err);
		if (more < 0)
			return -1;
		if (more == 0)
			return done ? cut(r, err) : 0;
		size_t take = r->len < n - done ? r->len : n - done;
		memcpy((char *)to + done, r->at, take);
		advance(r, take);
		done += take;
	}
	return 1;
}

static int skip(struct tar_reader *r, int64_t n, struct error *err)
{
	while (n > 0) {
		if (r->len == 0 && r->source.skip) {
			r->offset += n;
			return r->source.skip(r->source.data, n, err);
		}
		int more = fill(r, err);
		if (more < 0)
			return -1;
		if (more == 0)
			return cut(r, err);
		size_t take = r->len < (uint64_t)n ? r->len : (size_t)n;
		advance(r, take);
		n -= (int64_t)take;
	}
	return 0;
}

int tar_read_block(struct tar_reader *r, void *block, struct error *err)
{
	int n = read_exactly(r, block, TAR_BLOCK, err);

	return n == 0 ? cut(r, err) : n;
}

static int64_t padding(int64_t size)
{
	return -size & (TAR_BLOCK - 1);
}

/* ---- header fields ---- */
/* Octal, blanks and NULs around it, or base-256 (top bit set). Empty is 0. */
int tar_number(const char *field, size_t n, int64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t v = 0;

	if (p[0] & 0x80) {
		bool negative = p[0] & 0x40;
		for (size_t i = 0; i < n; i++) {
			unsigned char c = i ? p[i] : (unsigned char)(p[0] & 0x7f);
			if (negative)
				c = (unsigned char)~(i ? c : c | 0x80);
			if (v >> 56)
				return -1;
			v = v << 8 | c;
		}
		if (v >> 63)
			return -1;
		*ret = negative ? (int64_t)~v : (int64_t)v;
		return 0;
	}
	size_t i = 0;
	while (i < n && (p[i] == ' ' || p[i] == 0))
		i++;
	while (n > i && (p[n - 1] == ' ' || p[n - 1] == 0))
		n--;
	for (; i < n && p[i]; i++) {
		if (p[i] < '0' || p[i] > '7' || v >> 60)
			return -1;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*ret = (int64_t)v;
	return 0;
}
#define NUMBER(field, ret) tar_number(field, sizeof(field), ret)

static bool checksum_ok(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	int64_t stored, sum = 0, signed_sum = 0;   /* old Sun tars summed signed characters */

	if (NUMBER(h->checksum, &stored) < 0)
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool inside = i >= offsetof(struct tar_header, checksum) &&
			      i < offsetof(struct tar_header, checksum) + sizeof(h->checksum);
		sum += inside ? ' ' : p[i];
		signed_sum += inside ? ' ' : (signed char)p[i];
	}
	return stored == sum || stored == signed_sum;
}

static bool is_zero(const void *block)
{
	const char *p = block;

	return p[0] == 0 && memcmp(p, p + 1, TAR_BLOCK - 1) == 0;
}

static int set_text(char **to, const char *s, size_t n, struct error *err)
{
	char *copy = strndup(s, n);

	if (!copy)
		return fail_oom(err);
	free(*to);
	*to = copy;
	return 0;
}

static bool is_gnu(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar  ", 8) == 0;
}

static bool is_posix(const struct tar_header *h)
{
	return memcmp(h->magic, "ustar", 6) == 0;
}

static int take_name(struct tar_reader *r, const struct tar_header *h, struct error *err)
{
	size_t prefix_max = memcmp(h->tail + 8, "tar", 4) == 0 ? sizeof(h->star.prefix) : sizeof(h->prefix);
	size_t prefix = is_posix(h) ? strnlen(h->prefix, prefix_max) : 0;
	char name[sizeof(h->prefix) + 1 + sizeof(h->name) + 1];
	size_t n = strnlen(h->name, sizeof(h->name));

	if (!prefix)
		return set_text(&r->entry.name, h->name, n, err);
	memcpy(name, h->prefix, prefix);
	name[prefix] = '/';
	memcpy(name + prefix + 1, h->name, n);
	return set_text(&r->entry.name, name, prefix + 1 + n, err);
}

/* ---- types ---- */
static const struct {
	char flag;
	enum tar_type type;
} type_flags[] = {
	{ '0', TAR_FILE }, { 0, TAR_FILE }, { '7', TAR_FILE }, { 'S', TAR_FILE }, { '1', TAR_HARDLINK },
	{ '2', TAR_SYMLINK }, { '3', TAR_CHAR }, { '4', TAR_BLOCK_DEVICE }, { '5', TAR_DIRECTORY }, { '6', TAR_FIFO },
	{ 'D', TAR_DIRECTORY },
};

static int take_type(struct tar_reader *r, char flag, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(type_flags); i++)
		if (type_flags[i].flag == flag) {
			r->entry.type = type_flags[i].type;
			return 0;
		}
	char why[64];
	snprintf(why, sizeof(why), "unknown entry type 0x%02x", (unsigned char)flag);
	return tar_bad(r, why, err);
}

static int take_numbers(struct tar_reader *r, const struct tar_header *h, struct error *err)
{
	struct tar_entry *e = &r->entry;
	int64_t mode, uid, gid, size, mtime, major = 0, minor = 0;

	if (NUMBER(h->mode, &mode) < 0 || NUMBER(h->uid, &uid) < 0 || NUMBER(h->gid, &gid) < 0 ||
	    NUMBER(h->size, &size) < 0 || NUMBER(h->mtime, &mtime) < 0 || size < 0)
		return tar_bad(r, "bad number in a header", err);
	if ((is_gnu(h) || is_posix(h)) && (NUMBER(h->devmajor, &major) < 0 || NUMBER(h->devminor, &minor) < 0))
		major = minor = 0;
	e->mode = (uint32_t)mode & 07777;
	e->uid = (uint64_t)uid;
	e->gid = (uint64_t)gid;
	e->size = e->stored = size;
	e->major = (uint32_t)major;
	e->minor = (uint32_t)minor;
	e->mtime_ns = tar_time(mtime, 0);
	return 0;
}

/* Unix nanoseconds; seconds beyond what 64 bits hold are clamped, not wrapped. */
int64_t tar_time(int64_t seconds, int64_t ns)
{
	const int64_t limit = INT64_MAX / 1000000000 - 1;

	seconds = seconds > limit ? limit : seconds < -limit ? -limit : seconds;
	return seconds * 1000000000 + ns;
}

/* ---- special headers ---- */
static int read_special(struct tar_reader *r, int64_t size, struct error *err)
{
	if (size > (int64_t)TAR_SPECIAL_MAX)
		return tar_bad(r, "a special header is larger than 1 MiB", err);
	buf_truncate(&r->special, 0);
	char *to = buf_reserve(&r->special, (size_t)size + 1);
	if (!to)
		return fail_oom(err);
	int n = size ? read_exactly(r, to, (size_t)size, err) : 1;
	if (n <= 0)
		return n < 0 ? -1 : cut(r, err);
	to[size] = '\0';
	r->special.len = (size_t)size;
	return skip(r, padding(size), err);
}

static int take_long_name(struct tar_reader *r, char **to, struct error *err)
{
	return set_text(to, r->special.data, strnlen(r->special.data, r->special.len), err);
}

/* 1: the header was a special one and is used up; 0: an ordinary one. */
static int take_special(struct tar_reader *r, const struct tar_header *h, struct error *err)
{
	int64_t size;

	if (!h->typeflag || !strchr("xXgLKV", h->typeflag))
		return 0;
	if (NUMBER(h->size, &size) < 0 || size < 0)
		return tar_bad(r, "bad size of a special header", err);
	if (h->typeflag == 'V')   /* GNU volume label: carries no data */
		return skip(r, size + padding(size), err) < 0 ? -1 : 1;
	TRY(read_special(r, size, err));
	switch (h->typeflag) {
	case 'L': TRY(take_long_name(r, &r->long_name, err)); break;
	case 'K': TRY(take_long_name(r, &r->long_link, err)); break;
	case 'g': TRY(tar_pax_parse(r, &r->global, err)); break;
	default:  TRY(tar_pax_parse(r, &r->local, err));
	}
	return 1;
}

/* 1: *h is a header; 0: end of archive. */
static int read_header(struct tar_reader *r, struct tar_header *h, struct error *err)
{
	int n = read_exactly(r, h, TAR_BLOCK, err);

	if (n <= 0)
		return n;
	if (!is_zero(h)) {
		if (!checksum_ok(h))
			return tar_bad(r, "the header's checksum is wrong", err);
		return 1;
	}
	n = read_exactly(r, h, TAR_BLOCK, err);
	if (n > 0 && !is_zero(h))
		return tar_bad(r, "a lone zero block", err);
	return n < 0 ? -1 : 0;
}

/* ---- entries ---- */
static void entry_reset(struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	free(e->extents);
	free(e->name);
	free(e->link);
	free(e->uname);
	free(e->gname);
	*e = (struct tar_entry){};
}

static void use_long(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = take_ptr(*from);
}

/* Only files carry data, whatever the size field says (Go does the same); except that a hard link's is real in PAX. */
static void settle_size(struct tar_reader *r)
{
	struct tar_entry *e = &r->entry;

	if (e->type != TAR_FILE)
		e->size = e->stored = 0;
}

static int check_entry(struct tar_reader *r, struct error *err)
{
	struct tar_entry *e = &r->entry;
	size_t n = strlen(e->name);

	if (n == 0 && e->type == TAR_FILE && e->size == 0) {   /* some writers begin so; Docker passes over it */
		e->type = TAR_GLOBAL;
		return set_text(&e->name, ".", 1, err);
	}
	if (n == 0)
		return tar_bad(r, "an entry without a name", err);
	if (n > TAR_NAME_MAX || strlen(e->link) > TAR_NAME_MAX)
		return tar_bad(r, "a name longer than 4096 bytes", err);
	if (e->size < 0 || e->stored < 0)
		return tar_bad(r, "a negative size", err);
	if (e->type == TAR_FILE && e->name[n - 1] == '/' && !e->is_sparse)   /* v7: a directory has a slash */
		e->type = TAR_DIRECTORY;
	if ((e->type == TAR_SYMLINK || e->type == TAR_HARDLINK) && !*e->link)
		return tar_bad(r, "a link without a target", err);
	return 0;
}

static int build_entry(struct tar_reader *r, const struct tar_header *h, struct error *err)
{
	struct tar_entry *e = &r->entry;

	TRY(take_type(r, h->typeflag, err));
	entry_reset(e);
	TRY(take_type(r, h->typeflag, err));
	TRY(take_name(r, h, err));
	TRY(set_text(&e->link, h->linkname, strnlen(h->linkname, sizeof(h->linkname)), err));
	TRY(set_text(&e->uname, h->uname, is_gnu(h) || is_posix(h) ? strnlen(h->uname, 32) : 0, err));
	TRY(set_text(&e->gname, h->gname, is_gnu(h) || is_posix(h) ? strnlen(h->gname, 32) : 0, err));
	TRY(take_numbers(r, h, err));
	use_long(&e->name, &r->long_name);
	use_long(&e->link, &r->long_link);
	TRY(tar_pax_apply(r, &r->global, err));
	TRY(tar_pax_apply(r, &r->local, err));
	settle_size(r);
	if (h->typeflag == 'S')
		TRY(tar_sparse_gnu(r, h, err));
	r->left = e->stored;
	r->pad = padding(e->stored);
	TRY(tar_sparse_pax(r, err));
	return check_entry(r, err);
}

static int next_entry(struct tar_reader *r, struct error *err)
{
	struct tar_header h;

	TRY(skip(r, r->left, err));
	if (r->source.skip) {
		TRY(skip(r, r->pad, err));
		r->pad = 0;
	}
	/* A last entry without its padding is an archive cut short, but harmlessly so: Go accepts it, so do we. */
	for (; r->pad; r->pad--) {
		int more = fill(r, err);
		if (more <= 0)
			return more;
		advance(r, 1);
	}
	r->left = 0;
	tar_pax_clear(&r->local);
	for (;;) {
		int n = read_header(r, &h, err);
		if (n <= 0)
			return n;
		n = take_special(r, &h, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
	}
	TRY(build_entry(r, &h, err));
	return 1;
}

int tar_next(struct tar_reader *r, const struct tar_entry **ret, struct error *err)
{
	if (r->ended)
		return 0;
	int n = next_entry(r, err);
	if (n <= 0) {
		r->ended = true;
		return n;
	}
	r->extent = 0;
	r->extent_done = 0;
	*ret = &r->entry;
	return 1;
}

int tar_data(struct tar_reader *r, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	if (r->left == 0)
		return 0;
	int more = fill(r, err);
	if (more < 0)
		return -1;
	if (more == 0)
		return cut(r, err);
	size_t n = r->len < (uint64_t)r->left ? r->len : (size_t)r->left;
	*ret = r->at;
	*ret_len = n;
	advance(r, n);
	r->left -= (int64_t)n;
	return 1;
}

int64_t tar_offset(const struct tar_reader *r)
{
	return r->offset;
}

int tar_reader_new(struct tar_source source, struct tar_reader **ret, struct error *err)
{
	struct tar_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return fail_oom(err);
	r->source = source;
	r->special = BUF_INIT(TAR_SPECIAL_MAX + 1);
	*ret = r;
	return 0;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	entry_reset(&r->entry);
	tar_pax_clear(&r->local);
	tar_pax_clear(&r->global);
	buf_done(&r->special);
	free(r->long_name);
	free(r->long_link);
	free(r);
}

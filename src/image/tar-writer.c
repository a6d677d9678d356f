/* SPDX-License-Identifier: Apache-2.0
 * image/tar-writer.c - entries as bytes, the way Go's archive/tar writes them: ustar where it can say everything, else
 * a PAX header in front for exactly what it cannot. */
#include <string.h>

#include "base/str.h"
#include "image/tar-format.h"
#include "image/tar.h"

#define NSEC INT64_C(1000000000)

/* ---- fields ---- */
/* Octal, zero-padded, NUL behind; false: it does not fit. */
static bool put_octal(char *field, size_t n, uint64_t v)
{
	for (size_t i = n - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
	field[n - 1] = '\0';
	return v == 0;
}
#define OCTAL(field, v) put_octal(field, sizeof(field), v)

static bool put_text(char *field, size_t n, const char *s)
{
	size_t len = strlen(s);

	memcpy(field, s, len < n ? len : n);
	return len <= n;
}
#define TEXT(field, s) put_text(field, sizeof(field), s)

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Name over prefix and name fields, split at a slash, as late as possible in the prefix. */
static bool put_name(struct tar_header *h, const char *s)
{
	size_t len = strlen(s);

	if (len <= sizeof(h->name))
		return TEXT(h->name, s) && is_ascii(s);
	size_t i = len > sizeof(h->prefix) + 1 ? sizeof(h->prefix) : len - (s[len - 1] == '/') - 1;
	while (i > 0 && s[i] != '/')
		i--;
	size_t rest = len - i - 1;
	bool fits = i > 0 && rest > 0 && rest <= sizeof(h->name) && i <= sizeof(h->prefix) && is_ascii(s);
	memcpy(h->name, fits ? s + i + 1 : s, fits ? rest : sizeof(h->name));
	if (fits)
		memcpy(h->prefix, s, i);
	return fits;
}

static void put_checksum(struct tar_header *h)
{
	unsigned sum = 0;

	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	put_octal(h->checksum, 7, sum);
	h->checksum[7] = ' ';
}

static void add_header(struct buf *to, struct tar_header *h)
{
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	put_checksum(h);
	buf_add(to, h, sizeof(*h));
}

/* ---- PAX records ---- */
/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void add_record(struct buf *to, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, size = rest, digits = 0;

	for (size_t again = 0; again != size;) {
		again = size;
		digits = 0;
		for (size_t v = size; v; v /= 10)
			digits++;
		size = rest + digits;
	}
	buf_addf(to, "%zu %s=", size, key);
	buf_add(to, value, len);
	buf_add_char(to, '\n');
}

static void add_number(struct buf *to, const char *key, uint64_t v)
{
	char text[24];

	add_record(to, key, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)v));
}

static void add_time(struct buf *to, const char *key, int64_t ns)
{
	int64_t s = ns / NSEC, rest = ns % NSEC;
	char text[48];

	/* Go writes the sign in front of the whole: -1.5 s is "-1.5". */
	size_t n = (size_t)snprintf(text, sizeof(text), "%s%lld.%09lld", ns < 0 && s == 0 ? "-" : "", (long long)s,
				    (long long)(rest < 0 ? -rest : rest));
	while (text[n - 1] == '0')
		n--;
	n -= text[n - 1] == '.';
	add_record(to, key, text, n);
}

static const char type_flags[TAR_TYPE_MAX] = {
	[TAR_FILE] = '0', [TAR_HARDLINK] = '1', [TAR_SYMLINK] = '2', [TAR_CHAR] = '3', [TAR_BLOCK_DEVICE] = '4',
	[TAR_DIRECTORY] = '5', [TAR_FIFO] = '6', [TAR_GLOBAL] = 'g',
};

/* Fills h; what does not fit goes into pax, keys in order (Go sorts them). */
static void fill(struct tar_header *h, const struct tar_entry *e, struct buf *pax)
{
	bool whole = e->mtime_ns % NSEC == 0 && e->mtime_ns >= 0;

	for (size_t i = 0; i < e->n_xattrs; i++) {
		char key[320];
		snprintf(key, sizeof(key), "SCHILY.xattr.%s", e->xattrs[i].name);
		add_record(pax, key, e->xattrs[i].value, e->xattrs[i].len);
	}
	h->typeflag = type_flags[e->type];
	OCTAL(h->mode, e->mode);
	if (!OCTAL(h->gid, e->gid))
		OCTAL(h->gid, 0), add_number(pax, "gid", e->gid);
	if (e->link && (!TEXT(h->linkname, e->link) || !is_ascii(e->link)))
		add_record(pax, "linkpath", e->link, strlen(e->link));
	if (!OCTAL(h->mtime, e->mtime_ns < 0 ? 0 : (uint64_t)(e->mtime_ns / NSEC)) || !whole)
		add_time(pax, "mtime", e->mtime_ns);
	if (!put_name(h, e->name))
		add_record(pax, "path", e->name, strlen(e->name));
	if (!OCTAL(h->size, (uint64_t)e->stored))
		OCTAL(h->size, 0), add_number(pax, "size", (uint64_t)e->stored);
	if (!OCTAL(h->uid, e->uid))
		OCTAL(h->uid, 0), add_number(pax, "uid", e->uid);
	TEXT(h->uname, e->uname ? e->uname : "");
	TEXT(h->gname, e->gname ? e->gname : "");
	OCTAL(h->devmajor, e->major);
	OCTAL(h->devminor, e->minor);
}

/* The header of the PAX header: "<dir>/PaxHeaders.0/<base>", all else zero. */
static void add_pax_header(struct buf *to, const char *name, const struct buf *pax)
{
	struct tar_header h = { .typeflag = 'x' };
	size_t n = strlen(name);
	char path[TAR_NAME_MAX + 32];

	while (n > 1 && name[n - 1] == '/')
		n--;
	size_t base = n;
	while (base > 0 && name[base - 1] != '/')
		base--;
	snprintf(path, sizeof(path), "%.*sPaxHeaders.0/%.*s", (int)base, name, (int)(n - base), name + base);
	TEXT(h.name, path);
	OCTAL(h.mode, 0);
	OCTAL(h.uid, 0);
	OCTAL(h.gid, 0);
	OCTAL(h.size, pax->len);
	OCTAL(h.mtime, 0);
	OCTAL(h.devmajor, 0);
	OCTAL(h.devminor, 0);
	add_header(to, &h);
	buf_add(to, pax->data, pax->len);
	tar_write_padding(to, (int64_t)pax->len);
}

int tar_write_header(struct buf *to, const struct tar_entry *e, struct error *err)
{
	struct tar_header h = {};
	auto_buf pax = BUF_INIT(TAR_SPECIAL_MAX);

	fill(&h, e, &pax);
	TRY(buf_ok(&pax, "tar header", err));
	if (pax.len)
		add_pax_header(to, e->name, &pax);
	add_header(to, &h);
	return buf_ok(to, "tar header", err);
}

void tar_write_padding(struct buf *to, int64_t size)
{
	static const char zeros[TAR_BLOCK];

	buf_add(to, zeros, (size_t)(-size & (TAR_BLOCK - 1)));
}

void tar_write_end(struct buf *to)
{
	static const char zeros[2 * TAR_BLOCK];

	buf_add(to, zeros, sizeof(zeros));
}

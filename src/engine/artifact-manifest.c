/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/artifact-manifest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/sha256.h"
#include "os/file.h"

/* ---- content types (the WHATWG's "MIME sniffing", as far as Go follows it) ---- */
static const struct {
	const char *magic, *type;
	unsigned char len, offset;
} signatures[] = {
	{ "%PDF-", "application/pdf", 5, 0 }, { "%!PS-Adobe-", "application/postscript", 11, 0 },
	{ "\xfe\xff", "text/plain; charset=utf-16be", 2, 0 }, { "\xff\xfe", "text/plain; charset=utf-16le", 2, 0 },
	{ "\xef\xbb\xbf", "text/plain; charset=utf-8", 3, 0 }, { "\0\0\1\0", "image/x-icon", 4, 0 }, { "BM", "image/bmp", 2, 0 },
	{ "GIF87a", "image/gif", 6, 0 }, { "GIF89a", "image/gif", 6, 0 }, { "\x89PNG\r\n\x1a\n", "image/png", 8, 0 },
	{ "\xff\xd8\xff", "image/jpeg", 3, 0 }, { "WEBPVP", "image/webp", 6, 8 }, { "OggS\0", "application/ogg", 5, 0 },
	{ "ID3", "audio/mpeg", 3, 0 }, { "\x1a\x45\xdf\xa3", "video/webm", 4, 0 }, { "\x1f\x8b\x08", "application/x-gzip", 3, 0 },
	{ "PK\3\4", "application/zip", 4, 0 }, { "Rar!\x1a\x07", "application/x-rar-compressed", 6, 0 },
	{ "\0asm", "application/wasm", 4, 0 },
};
/* Words after leading blanks, in any case, before a blank or '>'. */
static const struct { const char *word, *type; } tags[] = {
	{ "<!DOCTYPE HTML", "text/html; charset=utf-8" }, { "<HTML", "text/html; charset=utf-8" },
	{ "<HEAD", "text/html; charset=utf-8" }, { "<BODY", "text/html; charset=utf-8" },
	{ "<SCRIPT", "text/html; charset=utf-8" }, { "<TABLE", "text/html; charset=utf-8" },
};

static const char *detect_markup(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len && strchr("\t\n\f\r ", s[at]) && s[at])
		at++;
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		size_t n = strlen(tags[i].word);
		if (len - at > n && strncasecmp(s + at, tags[i].word, n) == 0 && (s[at + n] == ' ' || s[at + n] == '>'))
			return tags[i].type;
	}
	return len - at >= 5 && strncmp(s + at, "<?xml", 5) == 0 ? "text/xml; charset=utf-8" : NULL;
}

const char *content_type_detect(const void *head, size_t len)
{
	const unsigned char *p = head;

	for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
		if (len >= (size_t)signatures[i].offset + signatures[i].len &&
		    memcmp(p + signatures[i].offset, signatures[i].magic, signatures[i].len) == 0)
			return signatures[i].type;
	const char *markup = detect_markup(head, len);
	if (markup)
		return markup;
	for (size_t i = 0; i < len; i++)
		if (p[i] <= 8 || p[i] == 11 || (p[i] >= 14 && p[i] <= 26) || (p[i] >= 28 && p[i] <= 31))
			return "application/octet-stream";
	return "text/plain; charset=utf-8";
}

/* ---- blobs ---- */
static int hash_file(int fd, char digest[SHA256_TEXT_MAX], int64_t *ret_size, char head[512], size_t *ret_head,
		     struct error *err)
{
	char buffer[1 << 15];
	struct sha256 h;
	ssize_t n;

	sha256_init(&h);
	*ret_size = 0;
	while ((n = file_read_full(fd, buffer, sizeof(buffer), err)) > 0) {
		if (!*ret_size) {
			*ret_head = (size_t)n < 512 ? (size_t)n : 512;
			memcpy(head, buffer, *ret_head);
		}
		sha256_add(&h, buffer, (size_t)n);
		*ret_size += n;
	}
	sha256_end_text(&h, digest);
	return n < 0 ? -1 : 0;
}

int artifact_add_file(struct stage *st, const char *path, struct oci_descriptor *ret, struct error *err)
{
	auto_stage_blob blob = STAGE_BLOB_INIT;
	char digest[SHA256_TEXT_MAX], head[512];
	size_t head_len = 0;
	struct stat info;
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &info) < 0)
		return fail_errno(err, "open %s", path);
	if (!S_ISREG(info.st_mode))
		return fail(err, ERROR_INVALID, "%s: not a regular file", path);
	TRY(stage_blob_begin(st, &blob, err));
	TRY(file_copy_fd(fd, blob.fd, NULL, err));
	if (lseek(blob.fd, 0, SEEK_SET) < 0)   /* what was copied is what is hashed */
		return fail_errno(err, "seek");
	TRY(hash_file(blob.fd, digest, &ret->size, head, &head_len, err));
	TRY(str_set(&ret->digest, digest, err));
	if (!ret->media_type)
		TRY(str_set(&ret->media_type, content_type_detect(head, head_len), err));
	return stage_blob_commit(&blob, digest, ret->size, err);
}

int artifact_add_bytes(struct stage *st, const void *bytes, size_t len, const char *media_type, struct oci_descriptor *ret,
		       struct error *err)
{
	char digest[SHA256_TEXT_MAX];

	sha256_text(bytes, len, digest);
	ret->size = (int64_t)len;
	TRY(str_set(&ret->digest, digest, err));
	TRY(str_set(&ret->media_type, media_type, err));
	return stage_blob_add(st, digest, bytes, len, err);
}

int artifact_empty_config(struct stage *st, struct oci_descriptor *ret, struct error *err)
{
	TRY(artifact_add_bytes(st, "{}", 2, media_type_name(MEDIA_OCI_EMPTY), ret, err));
	return str_set(&ret->data, "e30=", err);
}

/* ---- the manifest ---- */
static int save_descriptor(const struct oci_descriptor *d, struct json_object **ret, struct error *err)
{
	return fields_save(oci_descriptor_rows, FIELD_COLUMN_JSON, d, ret, err);
}

int artifact_format(const struct oci_manifest *m, struct buf *to, struct error *err)
{
	auto_json *doc = json_object_new_object();
	struct json_object *layers = json_object_new_array(), *o = NULL, *notes = json_object_new_object();

	if (!doc || !layers || !notes)
		return fail_oom(err);
	TRY(json_add(doc, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(doc, "mediaType", media_type_name(MEDIA_OCI_MANIFEST), err));
	if (!str_empty(m->artifact_type))
		TRY(json_add_str(doc, "artifactType", m->artifact_type, err));
	TRY(save_descriptor(&m->config, &o, err));
	TRY(json_add(doc, "config", o, err));
	TRY(json_add(doc, "layers", layers, err));
	for (size_t i = 0; i < m->layers.n; i++) {
		TRY(save_descriptor(DESCRIPTOR(&m->layers, i), &o, err));
		if (json_object_array_add(layers, o) < 0)
			return fail_oom(err);
	}
	if (m->subject) {
		TRY(save_descriptor(m->subject, &o, err));
		TRY(json_add(doc, "subject", o, err));
	}
	for (size_t i = 0; i < m->annotations.n; i++)
		TRY(json_add_str(notes, m->annotations.v[i].key, m->annotations.v[i].value, err));
	if (m->annotations.n)
		TRY(json_add(doc, "annotations", notes, err));
	else
		json_object_put(notes);
	json_format(to, doc, 0);
	return buf_ok(to, "artifact manifest", err);
}

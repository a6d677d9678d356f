/* SPDX-License-Identifier: Apache-2.0
 * image/worker-ops.c - the worker's operations: one row each, and the rows of their messages. */
#include "image/worker.h"

#define ROW(T, m, TYPE) { F_##TYPE(struct T, m) }

static const struct field setup_rows[] = {
	ROW(op_setup, read_paths, STRV), ROW(op_setup, userns, BOOL), ROW(op_setup, has_root, BOOL),
	ROW(op_setup, unix_sockets, BOOL),
	ROW(op_setup, log_level, INT), {},
};
static const struct field ready_rows[] = {
	ROW(op_ready, landlock_abi, INT), ROW(op_ready, confined, BOOL), ROW(op_ready, seccomp, BOOL), {},
};
static const struct field endpoint_rows[] = {
	ROW(op_endpoint, host, STR), ROW(op_endpoint, repository, STR), ROW(op_endpoint, insecure, BOOL),
	ROW(op_endpoint, cert_dirs, STRV), ROW(op_endpoint, username, STR), ROW(op_endpoint, password, STR),
	ROW(op_endpoint, identity_token, STR), ROW(op_endpoint, registry_token, STR), ROW(op_endpoint, push, BOOL),
	ROW(op_endpoint, remove, BOOL), ROW(op_endpoint, catalog, BOOL),
	ROW(op_endpoint, mount_from, STRV), ROW(op_endpoint, retries, INT), ROW(op_endpoint, retry_delay_ns, INT),
	ROW(op_endpoint, patient, BOOL),
	ROW(op_endpoint, user_agent, STR), {},
};
static const struct field number_rows[] = { ROW(op_number, n, INT), {} };
static const struct field get_rows[] = {
	ROW(op_get, endpoint, INT), ROW(op_get, reference, STR), ROW(op_get, offset, INT), ROW(op_get, size, INT),
	ROW(op_get, max, INT), ROW(op_get, insecure, BOOL), ROW(op_get, media_type, STR), ROW(op_get, mount_from, STR),
	ROW(op_get, in_offset, INT), ROW(op_get, verify, BOOL), ROW(op_get, mount_only, BOOL), ROW(op_get, socket, STR),
	ROW(op_get, end, INT), ROW(op_get, location, STR), ROW(op_get, cert_dir, STR), {},
};
static const struct field got_rows[] = {
	ROW(op_got, media_type, STR), ROW(op_got, digest, STR), ROW(op_got, bytes, INT), ROW(op_got, found, BOOL),
	ROW(op_got, next, STR), ROW(op_got, mtime, INT), {},
};
static const struct field parse_rows[] = {
	ROW(op_parse, digest, STR), ROW(op_parse, size, INT), ROW(op_parse, media_type, STR),
	{ F_OBJECT(struct op_parse, platform, platform_rows) }, ROW(op_parse, whole_index, BOOL), {},
};
static const struct field descriptor_rows[] = {
	ROW(op_descriptor, media_type, STR), ROW(op_descriptor, digest, STR), ROW(op_descriptor, size, INT),
	ROW(op_descriptor, toc_place, STR), ROW(op_descriptor, toc_digest, STR),
	ROW(op_descriptor, enc_jwe, STR), ROW(op_descriptor, enc_pubopts, STR), {},
};
static const struct field manifest_rows[] = {
	ROW(op_manifest, digest, STR), ROW(op_manifest, size, INT), ROW(op_manifest, type, INT),
	{ F_OBJECT(struct op_manifest, chosen, descriptor_rows) },
	{ F_OBJECT(struct op_manifest, config, descriptor_rows) },
	{ F_LIST(struct op_manifest, layers, struct op_descriptor, descriptor_rows) },
	ROW(op_manifest, artifact_type, STR), {},
};
static const struct field config_rows[] = {
	ROW(op_config, digest, STR), ROW(op_config, size, INT), ROW(op_config, os, STR),
	ROW(op_config, architecture, STR), ROW(op_config, variant, STR), ROW(op_config, created, STR),
	ROW(op_config, labels, MAP), ROW(op_config, diff_ids, STRV), {},
};
static const struct field describe_rows[] = { ROW(op_describe, digest, STR), ROW(op_describe, media_type, STR), {} };
static const struct field entry_rows[] = {
	ROW(oci_descriptor, media_type, STR), ROW(oci_descriptor, digest, STR), ROW(oci_descriptor, artifact_type, STR),
	ROW(oci_descriptor, data, STR), ROW(oci_descriptor, size, INT), ROW(oci_descriptor, urls, STRV),
	ROW(oci_descriptor, annotations, MAP),
	{ F_OPT_OBJECT(struct oci_descriptor, platform, struct platform, platform_rows) }, {},
};
static const struct field described_rows[] = {
	ROW(op_described, digest, STR), ROW(op_described, size, INT), ROW(op_described, type, INT),
	ROW(op_described, artifact_type, STR), ROW(op_described, subject, STR),
	{ F_OBJECT(struct op_described, config, entry_rows) },
	{ F_LIST(struct op_described, entries, struct oci_descriptor, entry_rows) },
	ROW(op_described, annotations, MAP), ROW(op_described, text, STR), {},
};
static const struct field signed_rows[] = {
	ROW(op_signed, reference, STR), ROW(op_signed, digest, STR), ROW(op_signed, creator, STR), ROW(op_signed, time, INT),
	ROW(op_signed, matched, INT), {},
};
static const struct field payload_rows[] = { ROW(op_payload, sigstore, BOOL), {} };
static const struct field verify_rows[] = {
	ROW(op_verify, signature, STR), ROW(op_verify, keys, STRV), ROW(op_verify, certificate, STR),
	ROW(op_verify, chain, STR), ROW(op_verify, bundle, STR), ROW(op_verify, rekor_keys, STRV),
	ROW(op_verify, roots, STRV), ROW(op_verify, intermediates, STRV), ROW(op_verify, oidc_issuer, STR),
	ROW(op_verify, email, STR), ROW(op_verify, hostname, STR), {},
};
static const struct field sign_rows[] = { ROW(op_sign, key, STR), ROW(op_sign, passphrase, STR), {} };
static const struct field signature_rows[] = { ROW(op_signature, signature, STR), {} };
static const struct field make_key_rows[] = { ROW(op_make_key, passphrase, STR), {} };
static const struct field key_pair_rows[] = {
	ROW(op_key_pair, private_key, STR), ROW(op_key_pair, public_key, STR), {},
};
static const struct field open_archive_rows[] = {
	ROW(op_open_archive, what, STR), ROW(op_open_archive, in_offset, INT), {},
};
static const struct field archive_entry_rows[] = {
	ROW(op_archive_entry, names, STRV), ROW(op_archive_entry, digest, STR), ROW(op_archive_entry, media_type, STR),
	ROW(op_archive_entry, size, INT), {},
};
static const struct field archive_rows[] = {
	ROW(op_archive, format, INT), ROW(op_archive, spooled, BOOL),
	{ F_LIST(struct op_archive, images, struct op_archive_entry, archive_entry_rows) }, {},
};
static const struct field archive_image_rows[] = { ROW(op_archive_image, index, INT), {} };
static const struct field archive_blob_rows[] = { ROW(op_archive_blob, name, STR), {} };
static const struct field archive_layers_rows[] = {
	ROW(op_archive_layers, config, STR), ROW(op_archive_layers, layers, STRV), {},
};
static const struct field blob_place_rows[] = {
	ROW(op_blob_place, offset, INT), ROW(op_blob_place, size, INT), ROW(op_blob_place, found, BOOL), {},
};
static const struct field unpack_rows[] = {
	ROW(op_unpack, in_offset, INT), ROW(op_unpack, in_size, INT), ROW(op_unpack, have, INT),
	ROW(op_unpack, blob_digest, STR), ROW(op_unpack, blob_size, INT), ROW(op_unpack, diff_id, STR),
	ROW(op_unpack, max_bytes, INT), ROW(op_unpack, max_entries, INT), ROW(op_unpack, ignore_chown, BOOL),
	ROW(op_unpack, has_tree, BOOL), ROW(op_unpack, has_blob, BOOL), ROW(op_unpack, plain_tree, BOOL),
	ROW(op_unpack, recompress, INT), ROW(op_unpack, recipe, BOOL), {},
};
static const struct field unpacked_rows[] = {
	ROW(op_unpacked, blob_digest, STR), ROW(op_unpacked, diff_id, STR), ROW(op_unpacked, blob_size, INT),
	ROW(op_unpacked, tar_size, INT), ROW(op_unpacked, entries, INT), ROW(op_unpacked, tree_bytes, INT),
	ROW(op_unpacked, compression, INT), ROW(op_unpacked, is_recipe, BOOL),
	ROW(op_unpacked, toc_place, STR), ROW(op_unpacked, toc_digest, STR),
	ROW(op_unpacked, enc_jwe, STR), ROW(op_unpacked, enc_pubopts, STR), {},
};
static const struct field digest_rows[] = {
	ROW(op_digest, algorithm, INT), ROW(op_digest, offset, INT), ROW(op_digest, size, INT), {},
};
static const struct field digested_rows[] = { ROW(op_digested, digest, STR), ROW(op_digested, bytes, INT), {} };
static const struct field pack_rows[] = {
	ROW(op_pack, compression, INT), ROW(op_pack, level, INT), ROW(op_pack, overlay, BOOL), ROW(op_pack, has_clamp, BOOL),
	ROW(op_pack, clamp_mtime_ns, INT), ROW(op_pack, squash_owner, BOOL), {},
};
static const struct field recompress_rows[] = {
	ROW(op_recompress, compression, INT), ROW(op_recompress, level, INT), ROW(op_recompress, in_offset, INT),
	ROW(op_recompress, in_size, INT), ROW(op_recompress, raw, BOOL), ROW(op_recompress, no_diff_id, BOOL), ROW(op_recompress, encrypt, STRV),
	ROW(op_recompress, decrypt, STRV), ROW(op_recompress, passphrases, STRV), ROW(op_recompress, enc_jwe, STR),
	ROW(op_recompress, enc_pubopts, STR), {},
};

static const struct field toc_of_rows[] = { ROW(op_toc_of, blob_size, INT), {} };
static const struct field toc_rows[] = {
	ROW(op_toc, offset, INT), ROW(op_toc, size, INT), ROW(op_toc, table_size, INT), ROW(op_toc, end, INT),
	ROW(op_toc, found, BOOL), {},
};
static const struct field chunk_want_rows[] = {
	{ F_LIST(struct op_chunk_want, tables, struct op_toc, toc_rows) }, ROW(op_chunk_want, digest, STR), {},
};
static const struct field piece_rows[] = {
	ROW(op_piece, from, INT), ROW(op_piece, source, INT), ROW(op_piece, at, INT), ROW(op_piece, size, INT), {},
};
static const struct field chunk_plan_rows[] = {
	{ F_LIST(struct op_chunk_plan, pieces, struct op_piece, piece_rows) }, {},
};

#define TYPES(req, rep) \
	.request = req##_rows, .request_size = sizeof(struct op_##req), .reply = rep##_rows, \
	.reply_size = sizeof(struct op_##rep)
#define ROLE(r) (1u << WORKER_##r)

const struct worker_op_info worker_ops[OP_MAX] = {
	[OP_SETUP] = { "setup", TYPES(setup, ready), .roles = ~0u, .fds = 1 },
	[OP_ENDPOINT] = { "endpoint", TYPES(endpoint, number), .roles = ROLE(FETCH) },
	[OP_GET_MANIFEST] = { "get-manifest", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_GET_BLOB] = { "get-blob", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_GET_URL] = { "get-url", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_PUT_URL] = { "put-url", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_LIST_TAGS] = { "list-tags", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_GET_PATH] = { "get-path", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_DELETE] = { "delete", TYPES(get, got), .roles = ROLE(FETCH) },
	[OP_HAS_BLOB] = { "has-blob", TYPES(get, got), .roles = ROLE(FETCH) },
	[OP_PUT_BLOB] = { "put-blob", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_PUT_STREAM] = { "put-stream", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_PUT_END] = { "put-end", TYPES(get, got), .roles = ROLE(FETCH) },
	[OP_PUT_MANIFEST] = { "put-manifest", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_SEARCH] = { "search", TYPES(get, got), .roles = ROLE(FETCH), .fds = 1 },
	[OP_DESCRIBE_MANIFEST] = { "describe-manifest", TYPES(describe, described), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_PARSE_PAYLOAD] = { "parse-payload", TYPES(payload, signed), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_VERIFY_SIGSTORE] = { "verify-sigstore", TYPES(verify, signed), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_SIGN_SIGSTORE] = { "sign-sigstore", TYPES(sign, signature), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_MAKE_KEY] = { "make-key", TYPES(make_key, key_pair), .roles = ROLE(ARCHIVE) },
	[OP_PARSE_MANIFEST] = { "parse-manifest", TYPES(parse, manifest), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_PARSE_CONFIG] = { "parse-config", TYPES(parse, config), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_OPEN_ARCHIVE] = { "open-archive", TYPES(open_archive, archive), .roles = ROLE(ARCHIVE), .fds = 2 },
	[OP_ARCHIVE_IMAGE] = { "archive-image", TYPES(archive_image, archive_layers), .roles = ROLE(ARCHIVE) },
	[OP_ARCHIVE_BLOB] = { "archive-blob", TYPES(archive_blob, blob_place), .roles = ROLE(ARCHIVE) },
	[OP_CHUNK_TOC] = { "chunk-toc", TYPES(toc_of, toc), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_CHUNK_PLAN] = { "chunk-plan", TYPES(chunk_want, chunk_plan), .roles = ROLE(ARCHIVE), .fds = 1 },
	[OP_UNPACK] = { "unpack", TYPES(unpack, unpacked), .roles = ROLE(UNPACK), .fds = 3 },
	[OP_DIGEST] = { "digest", TYPES(digest, digested), .roles = ROLE(DIGEST) | ROLE(ARCHIVE), .fds = 1 },
	[OP_PACK] = { "pack", TYPES(pack, unpacked), .roles = ROLE(PACK), .fds = 2 },
	[OP_RECOMPRESS] = { "recompress", TYPES(recompress, unpacked), .roles = ROLE(PACK), .fds = 2 },
};

static const char *const role_names[WORKER_ROLE_MAX] = {
	[WORKER_FETCH] = "fetch", [WORKER_UNPACK] = "unpack", [WORKER_ARCHIVE] = "archive", [WORKER_DIGEST] = "digest",
	[WORKER_PACK] = "pack",
};

const char *worker_role_name(enum worker_role r)
{
	return role_names[r];
}

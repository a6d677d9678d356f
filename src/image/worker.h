/* SPDX-License-Identifier: Apache-2.0
 * image/worker.h - the client side of `umiak-worker`: who parses, fetches, hashes, unpacks and packs untrusted bytes.
 *
 * One process per struct worker, started for one role, sandboxed after OP_SETUP, ended by worker_free() (it also ends
 * by itself when its socket closes, so it never outlives us). Requests and replies are the structs below over a
 * SOCK_SEQPACKET pair, one message each, descriptors beside them; several requests may be under way, each reply carries
 * its request's id. Replies are checked as hostile input: lengths, ids, enums, digests.
 * Bulk bytes never pass through here: they go through pipes, memfds and files whose descriptors are sent along.
 * Allocates: not between clone() and exec(). A struct worker belongs to the process that started it. */
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "base/field.h"
#include "base/log.h"
#include "image/compress.h"
#include "image/oci-image.h"

enum worker_role {
	WORKER_FETCH,     /* network; no file system beyond CA and resolver files; no parsing of images */
	WORKER_UNPACK,    /* writes below one staging directory; no network */
	WORKER_ARCHIVE,   /* parses manifests, configs, indexes, archive tables; no network, no files but those sent */
	WORKER_DIGEST,    /* hashes descriptors it is sent */
	WORKER_PACK,      /* reads one tree, writes one tar stream */
	WORKER_ROLE_MAX
};

enum worker_op {
	OP_SETUP,            /* must be first */
	OP_ENDPOINT,         /* fetch: describe a registry */
	OP_GET_MANIFEST,     /* fetch: fds {out}: into a memfd */
	OP_GET_BLOB,         /* fetch: fds {out}: into a pipe or file */
	OP_GET_URL,          /* fetch: fds {out} */
	OP_PUT_URL,          /* fetch: fds {in}: POST of a file to a daemon */
	OP_LIST_TAGS,        /* fetch: fds {out}: names, one a line */
	OP_GET_PATH,         /* fetch: fds {out}: any document of the registry's API; 404 is an answer, not a failure */
	OP_DELETE,           /* fetch: a manifest or blob, by path */
	OP_HAS_BLOB,         /* fetch */
	OP_PUT_BLOB,         /* fetch: fds {in}: a file, a range of one, or a pipe */
	OP_PUT_STREAM,       /* fetch: fds {in}: a pipe; a blob whose size and digest will be known at its end ... */
	OP_PUT_END,          /* fetch: ... that is now, with what OP_PUT_STREAM answered as `location` */
	OP_PUT_MANIFEST,     /* fetch: fds {in} */
	OP_SEARCH,           /* fetch: fds {out}: repositories that contain `reference`, at most `max`, one a line:
	                      * name, stars, "1" for official, "1" for automated, description, tabs between them */
	OP_PARSE_MANIFEST,   /* archive: fds {in} */
	OP_PARSE_CONFIG,     /* archive: fds {in} */
	OP_DESCRIBE_MANIFEST,/* archive: fds {in}: everything a manifest or index says, and its text for people */
	OP_PARSE_PAYLOAD,    /* archive: fds {in}: what a signature says ("simple signing") */
	OP_VERIFY_SIGSTORE,  /* archive: fds {payload}: is one of these keys behind this signature, and what does it say */
	OP_SIGN_SIGSTORE,    /* archive: fds {payload} */
	OP_MAKE_KEY,         /* archive: a new pair of keys for signing */
	OP_OPEN_ARCHIVE,     /* archive: fds {file} or {directory} */
	OP_ARCHIVE_IMAGE,    /* archive: names inside of one image of a docker-archive */
	OP_ARCHIVE_BLOB,     /* archive: where a blob lies */
	OP_CHUNK_TOC,        /* archive: fds {blob}: where a zstd:chunked blob's table of contents is */
	OP_CHUNK_PLAN,       /* archive: fds {tables}: which pieces of a blob are in others that are here */
	OP_UNPACK,           /* unpack: fds {in, directory?, blob?} */
	OP_DIGEST,           /* digest: fds {in} */
	OP_PACK,             /* pack: fds {directory, out} */
	OP_RECOMPRESS,       /* pack: fds {in, out}: a blob or tar in another compression */
	OP_MAX
};

/* ---- requests and replies; *_rows describe them for the wire ---- */
struct op_setup {
	struct strv read_paths;    /* fetch: files and directories it may read (CA, certs.d); missing ones are skipped */
	bool userns;               /* we are in a user namespace: trusted.* and devices are not ours */
	bool has_root;             /* a descriptor comes along: the directory to be confined to */
	bool unix_sockets;         /* fetch: may connect to Unix sockets (docker-daemon:) */
	int64_t log_level;         /* enum log_level */
};
struct op_ready {
	int64_t landlock_abi;      /* 0: the kernel has none */
	bool confined, seccomp;
};

struct op_endpoint {
	char *host;                /* "quay.io", "127.0.0.1:5000" */
	char *repository;          /* "library/busybox"; "": none, the registry as such (login, catalog) */
	bool insecure;             /* certificate errors are accepted, plain HTTP is tried when TLS gets no answer */
	struct strv cert_dirs;     /* certs.d/HOST directories, strongest first: *.crt, *.cert + *.key */
	char *username, *password, *identity_token, *registry_token;   /* NULL: anonymous */
	bool push;                 /* ask for a token that may push */
	bool remove;               /* ... that may delete */
	bool catalog;              /* without a repository: ... that may list repositories */
	struct strv mount_from;    /* push: repositories to ask pull rights for, for cross-repository mounts */
	int64_t retries, retry_delay_ns;   /* delay 0: exponential, from 1 s */
	bool patient;              /* a refused connection is a passing failure, too: the registry may be about to start */
	char *user_agent;
};
struct op_number { int64_t n; };

struct op_get {
	int64_t endpoint;
	char *reference;           /* manifest: tag or digest; blob: digest; URL; path below the repository, or "/v2/..." */
	int64_t offset;            /* blob: first byte wanted */
	int64_t size;              /* blob: whole size when known, else -1; more or less is an error */
	int64_t in_offset;         /* put blob: where in the file its `size` bytes lie (size 0: all of it); -1: a pipe */
	bool mount_only;           /* put blob: try mount_from, send nothing; found: it is there now */
	int64_t end;               /* blob: first byte not wanted any more; 0: all the rest */
	bool verify;               /* get blob from offset 0: compute the digest, fail when it is another */
	int64_t max;               /* refuse more bytes than this; 0: the role's limit */
	bool insecure;             /* URL */
	char *cert_dir;            /* URL: as one of op_endpoint.cert_dirs; NULL: none */
	char *socket;              /* URL: talk to this Unix socket instead of the URL's host */
	char *media_type;          /* put manifest: Content-Type; get manifest, get path: Accept, NULL: all we know */
	char *mount_from;          /* put blob: repository that has it */
	char *location;            /* put end: of the upload */
};
struct op_got {
	char *media_type, *digest; /* Content-Type and Docker-Content-Digest as sent (unchecked hints), or NULL */
	int64_t bytes;
	int64_t mtime;             /* URL: Last-Modified as Unix seconds; 0: none */
	bool found;                /* has blob; put blob: it was there or mounted; get path, delete: no 404 */
	char *next;                /* get path: path of the next page (Link), or NULL; put stream: location of the upload */
};

struct op_parse {
	char *digest;              /* expected digest of the bytes; NULL: none known yet */
	int64_t size;              /* expected; -1: not known */
	char *media_type;          /* hint */
	struct platform platform;  /* which entry of an index; os NULL = this machine's */
	bool whole_index;          /* an index is wanted as such: list its entries instead of choosing */
};
struct op_descriptor {
	char *media_type, *digest;
	int64_t size;
	char *toc_place, *toc_digest;    /* zstd:chunked: where its table of contents is, as annotated; or NULL */
	char *enc_jwe, *enc_pubopts;     /* encrypted: annotations, or NULL */
};
struct op_manifest {
	char *digest;                    /* of the bytes, computed */
	int64_t size;
	int64_t type;                    /* enum media_type */
	struct op_descriptor chosen;     /* index: the entry for the platform */
	struct op_descriptor config;     /* manifest */
	struct list layers;              /* manifest, or whole_index: struct op_descriptor */
	char *artifact_type;
};
struct op_config {
	char *digest;
	int64_t size;
	char *os, *architecture, *variant, *created;
	struct strmap labels;
	struct strv diff_ids;
};

struct op_describe { char *digest, *media_type; };   /* expected digest, hint; either may be NULL */
struct op_described {
	char *digest;                    /* computed */
	int64_t size, type;              /* enum media_type */
	char *artifact_type, *subject;   /* subject: its digest */
	struct oci_descriptor config;    /* manifests */
	struct list entries;             /* struct oci_descriptor: layers, or the index's manifests */
	struct strmap annotations;
	char *text;                      /* the document, indented by four blanks as Podman prints it */
};

/* What a simple signing payload says (containers-signature(5)); all of it is the signer's word. */
struct op_signed {
	char *reference, *digest;        /* critical.identity.docker-reference, critical.image.docker-manifest-digest */
	char *creator;
	int64_t time;
	int64_t matched;                 /* verify: which of the keys it was; -1: a certificate */
};
struct op_payload { bool sigstore; };
struct op_verify {
	char *signature;                 /* base64 */
	struct strv keys;                /* PEM public keys of which one must fit; none: certificate */
	char *certificate, *chain;       /* PEM, from the signature */
	char *bundle;                    /* Rekor's word about the signature (JSON) */
	struct strv rekor_keys;          /* PEM; one of them must have signed the bundle; none: no bundle wanted */
	struct strv roots, intermediates;/* PEM: who may sign certificates */
	char *oidc_issuer, *email, *hostname;   /* what the certificate must say; NULL: not asked */
};
struct op_sign { char *key, *passphrase; };    /* PEM: plain PKCS#8, or cosign's encrypted form */
struct op_signature { char *signature; };      /* base64 */
struct op_make_key { char *passphrase; };
struct op_key_pair { char *private_key, *public_key; };   /* PEM */

enum archive_format { ARCHIVE_OCI, ARCHIVE_DOCKER, ARCHIVE_DIR, ARCHIVE_FORMAT_MAX };
struct op_open_archive {
	char *what;                /* path for messages */
	int64_t in_offset;         /* >= 0: fds {seekable file, spool}; -1: fds {pipe, spool}; -2: fds {index.json of a layout
	                            * directory}. The spool takes what is no plain tar file: it must be empty */
};
struct op_archive_entry {
	struct strv names;         /* docker: RepoTags; OCI: ref.name annotation (0 or 1); unchecked text */
	char *digest;              /* OCI: of the manifest or index; docker: none */
	char *media_type;
	int64_t size;
};
struct op_archive {
	int64_t format;            /* enum archive_format */
	bool spooled;              /* OP_ARCHIVE_BLOB's places lie in the spool, not in the file */
	struct list images;        /* struct op_archive_entry */
};
struct op_archive_image { int64_t index; };
struct op_archive_layers {     /* docker-archive: what manifest.json says of the image */
	char *config;              /* names inside the archive, for OP_ARCHIVE_BLOB */
	struct strv layers;
};
struct op_archive_blob { char *name; };   /* "sha256:..." (oci, dir) or a name inside a docker-archive */
struct op_blob_place {
	int64_t offset, size;      /* in the archive file (or its spool) */
	bool found;                /* false: the archive has no such file */
};

struct op_unpack {
	int64_t in_offset, in_size;  /* in_offset >= 0: read the file there with pread, in_size bytes; -1: a pipe */
	int64_t have;                /* bytes of the blob already in the blob file: hashed from there first (resume) */
	char *blob_digest;           /* expected; NULL: unknown, to be told */
	int64_t blob_size;           /* expected; -1 */
	char *diff_id;               /* expected; NULL */
	int64_t max_bytes, max_entries;   /* limits of the unpacked tree; 0: built in */
	bool ignore_chown;           /* single-uid rootless: all files belong to us */
	bool has_tree, has_blob;     /* which descriptors come along: {in, tree, blob} */
	bool plain_tree;             /* import: no whiteouts, ".wh." names are ordinary files */
	int64_t recompress;          /* enum compression: write the blob file so instead of byte-exact; NONE: exact */
	bool recipe;                 /* instead of that, a recipe of the tar (image/tar-recipe.h) when the tree can give it back */
};
struct op_unpacked {
	char *blob_digest, *diff_id;      /* of what was read (recompress: of what was written), and of the tar */
	int64_t blob_size, tar_size;
	int64_t entries, tree_bytes;
	int64_t compression;              /* enum compression, as found (or written) */
	bool is_recipe;                   /* that is what the blob file holds; the blob is the tar itself */
	char *toc_place, *toc_digest;     /* written as zstd:chunked: annotations; NULL: it has no table */
	char *enc_jwe, *enc_pubopts;      /* encrypted: annotations */
};

struct op_digest { int64_t algorithm; int64_t offset, size; };   /* offset -1: a pipe; size -1: to the end */
struct op_digested { char *digest; int64_t bytes; };

struct op_pack {
	int64_t compression, level;  /* level -1: default */
	bool overlay;                /* the tree is an overlay upper directory: 0:0 devices and opaque xattrs -> whiteouts */
	bool has_clamp;
	int64_t clamp_mtime_ns;      /* has_clamp: no later than this (SOURCE_DATE_EPOCH) */
	bool squash_owner;           /* all entries 0:0 */
};
struct op_recompress {
	int64_t compression, level, in_offset, in_size;
	bool raw;                        /* the compression stays: only de- or encrypt; diff_id is not told */
	bool no_diff_id;                 /* nobody asks for the tar's digest: it need not be computed */
	struct strv encrypt;             /* PEM public keys: what is written is encrypted for them */
	struct strv decrypt, passphrases;/* PEM private keys: what is read is decrypted, with ... */
	char *enc_jwe, *enc_pubopts;     /* ... these annotations */
};

/* ---- zstd:chunked (worker/chunked.h) ---- */
struct op_toc_of { int64_t blob_size; };
struct op_toc {
	int64_t offset, size;        /* of the compressed table */
	int64_t table_size;          /* inflated */
	int64_t end;                 /* bytes of the blob it describes */
	bool found;
};
struct op_chunk_want {
	struct list tables;          /* struct op_toc: of the blob wanted, then of blobs that are here; places in the file sent */
	char *digest;                /* of the first compressed table */
};
struct op_piece {
	int64_t from;                /* number of the blob that is here; -1: to be fetched */
	int64_t source, at, size;    /* where in that one, where in the blob wanted */
};
struct op_chunk_plan { struct list pieces; };   /* struct op_piece, in order, without gaps */

struct worker_op_info {
	const char *name;
	const struct field *request, *reply;
	size_t request_size, reply_size;
	unsigned roles;              /* 1 << enum worker_role */
	unsigned fds;                /* descriptors a request may carry, at most */
};
extern const struct worker_op_info worker_ops[OP_MAX];
const char *worker_role_name(enum worker_role r);

/* ---- client ---- */
struct worker;
struct worker_options {
	const char *program;         /* path of umiak-worker */
	struct op_setup setup;
	int root_fd;                 /* with setup.has_root; borrowed */
	const struct log *log;       /* may be NULL */
};

/* Starts the process and sends OP_SETUP; does not wait for the answer (the first receive does). */
int worker_start(enum worker_role role, const struct worker_options *o, struct worker **ret, struct error *err);
/* The same in two steps, so that the process loads its libraries while the caller finds out what it is for. */
int worker_begin(enum worker_role role, const char *program, const struct log *log, struct worker **ret, struct error *err);
int worker_set_up(struct worker *w, const struct op_setup *setup, int root_fd, struct error *err);
/* Says goodbye without waiting; only worker_free() may follow. NULL is fine. */
void worker_dismiss(struct worker *w);
/* Ends the process: closes its socket, waits a moment, kills. NULL is fine. */
void worker_free(struct worker *w);
DEFINE_CLEANUP(struct worker, worker_free);
#define auto_worker CLEANUP(worker_free_p) struct worker
int worker_fd(const struct worker *w);   /* for poll(POLLIN) */

/* Sends a request (descriptors are duplicated by the kernel, the caller keeps its own). Returns its id (> 0). */
int worker_send(struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n_fds,
		struct error *err);
/* The same for a request nobody waits for: its answer is never seen, its failure is that of the next worker_receive(). */
int worker_tell(struct worker *w, enum worker_op op, const void *request, struct error *err);

enum worker_event { WORKER_REPLY, WORKER_FAILED, WORKER_PROGRESS };
struct worker_message {
	enum worker_event event;
	int id;
	enum worker_op op;
	void *reply;                 /* REPLY: the op's reply struct, owned: worker_message_done() */
	struct error error;          /* FAILED: the worker's own sentence */
	int64_t bytes;               /* PROGRESS */
	int fd;                      /* descriptor sent along, owned; -1 */
	bool quiet;                  /* answers a worker_tell(): never handed out */
};
void worker_message_done(struct worker_message *m);
#define auto_worker_message CLEANUP(worker_message_done) struct worker_message
/* Waits for the next message. A dead worker is an error that says how it ended. */
int worker_receive(struct worker *w, struct worker_message *ret, struct error *err);
/* Send + receive for when nothing else is under way. *reply (zeroed, may be NULL) is filled; fields_done() frees it.
 * ret_fd may be NULL. A failure of the request is our failure. */
int worker_call(struct worker *w, enum worker_op op, const void *request, const int *fds, size_t n_fds, void *reply,
		int *ret_fd, struct error *err);

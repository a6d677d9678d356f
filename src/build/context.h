/* SPDX-License-Identifier: Apache-2.0
 * build/context.h - where the files of a build come from.
 *
 *   DIR | . | -        a directory; a tar or a Containerfile on standard input
 *   FILE.tar[.gz|.zst] an archive
 *   http(s)://...      a tar, or a Containerfile
 *   https://HOST/X.git[#REF[:SUBDIR]], git://..., git@HOST:X, ssh://..., ...?ref=..&subdir=..   a git repository
 *   docker-image://REF, container-image://REF, oci-layout://DIR[@DIGEST|:TAG]   (--build-context only): an image
 * All of it becomes one directory descriptor; nothing outside of it can be named through it (os/path.h, "in root").
 * Fetched and unpacked files lie below the scratch directory the caller gives (a stage's directory: it goes with the
 * build, also after kill -9). Bytes from outside are fetched and unpacked by workers; git runs without hooks, without
 * GIT_* of the environment, without submodules unless asked for, over https, http, git and ssh only (the user's own
 * configuration counts: private repositories need it). Security-matrix I8-I11.
 * Allocates; not after fork(). */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "build/ignore.h"

enum context_kind { CONTEXT_NONE, CONTEXT_TREE, CONTEXT_IMAGE, CONTEXT_OCI_LAYOUT };

struct build_context {
	int kind;            /* enum context_kind; NONE: only a Containerfile came (stdin, URL): an empty directory */
	int fd;              /* TREE, NONE: O_PATH | O_DIRECTORY; else -1 */
	char *name;          /* for messages: the text it was opened from */
	char *path;          /* TREE: where it lies on the host, for messages and -v; NULL: none */
	char *image;         /* IMAGE: reference; OCI_LAYOUT: "DIR[:TAG|@DIGEST]" */
	char *containerfile; /* its text when the context itself was one ('-', URL); NULL otherwise */
	size_t containerfile_len;
	struct ignore *ignore;   /* NULL: nothing is left out */
	char *ignore_name;       /* of the file it came from, or NULL */
	bool scratch;        /* lies in the scratch directory: fetched or unpacked */
};
#define BUILD_CONTEXT_INIT { .fd = -1 }
void build_context_done(struct build_context *c);
#define auto_build_context CLEANUP(build_context_done) struct build_context

struct context_options {
	bool as_buildah;     /* its words where they differ from Podman's */
	const char *worker;          /* path of umiak-worker (conf/helpers.h) */
	const struct log *log;       /* may be NULL */
	int scratch_fd;              /* private directory for what is fetched and unpacked */
	const char *scratch_path;    /* absolute */
	bool userns, ignore_chown;   /* as in image/source.h */
	bool insecure;               /* --tls-verify=false */
	const char *cert_dir;        /* certificates for downloads besides the system's; NULL: none */
	uint64_t retries;            /* of a download, this long apart */
	int64_t retry_delay_ns;
	const struct strv *read_paths;   /* CA files for https; NULL: the system's */
	bool named;                  /* --build-context: image kinds are allowed, '-' is not */
	int stdin_fd;                /* what '-' reads; -1: refused */
};
struct image_remote;
/* What the options about registries say about downloads, too. */
int context_options_remote(struct context_options *o, const struct image_remote *r, struct error *err);
int build_context_open(const struct context_options *o, const char *spec, struct build_context *ret, struct error *err);

/* Reads the Containerfile: `file` as given to -f (NULL: Containerfile, then Dockerfile in the context; "-": standard
 * input; else a path of the host, then one in the context; a directory: the two names in it; http(s)://). Names ending
 * in ".in" go through cpp with these flags, but not out of a fetched context (it could include files of the host). */
struct containerfile_text {
	char *name, *text;           /* name: what messages call it */
	char *path;                  /* of the host, or relative to the context; NULL: it has none. For ..._load_ignore() */
	char *warning;               /* what cpp complained about while it still gave a text; NULL: nothing */
	size_t len;
	bool in_context;             /* path is relative to the context */
};
void containerfile_text_done(struct containerfile_text *t);
#define auto_containerfile_text CLEANUP(containerfile_text_done) struct containerfile_text
int build_context_read_file(const struct context_options *o, const struct build_context *c, const char *file,
			    const struct strv *cpp_flags, struct containerfile_text *ret, struct error *err);
/* Loads the ignore patterns into c->ignore: --ignorefile, else FILE.containerignore / FILE.dockerignore beside the
 * Containerfile (may be NULL), else .containerignore, .dockerignore of the context. */
int build_context_load_ignore(struct build_context *c, const char *ignorefile, const struct containerfile_text *file,
			      struct error *err);

/* ---- ADD ---- */
enum add_source { ADD_PATH, ADD_URL, ADD_GIT };
enum add_source add_source_kind(const char *source);
struct add_fetched {
	int fd;              /* URL: a regular file, offset 0; GIT: a directory (O_PATH | O_DIRECTORY) */
	char *name;          /* URL: the last component of its path: what the file is called in a directory; NULL: none */
	int64_t mtime;       /* Last-Modified as Unix seconds; 0: none */
};
#define ADD_FETCHED_INIT { .fd = -1 }
void add_fetched_done(struct add_fetched *f);
#define auto_add_fetched CLEANUP(add_fetched_done) struct add_fetched
/* checksum: "sha256:HEX" of a URL's bytes, a commit (prefix) for git; NULL: any. */
int add_fetch(const struct context_options *o, const char *source, const char *checksum, bool keep_git_dir,
	      struct add_fetched *ret, struct error *err);
/* Unpacks a local archive (tar, plain or gz, bz2, xz, zst) into the empty directory `to` (must lie below scratch; it
 * gets the archive's owners and modes). fd: a regular file. 1: done; 0: it is no archive, nothing was written. */
int add_unpack(const struct context_options *o, int fd, const char *what, int to, struct error *err);

/* ---- git addresses (pure; also the fuzz target) ---- */
struct git_address {
	char *remote;        /* what git is given; without the user of an http(s) address */
	char *authorization; /* that user, as a value of an Authorization header: kept off command lines and messages */
	char *ref;           /* NULL: the remote's HEAD */
	char *subdir;        /* clean and relative; NULL: the whole tree */
	char *commit;        /* ?checksum= / ?commit=: NULL: any */
	bool keep_git_dir, submodules;
};
void git_address_done(struct git_address *g);
#define auto_git_address CLEANUP(git_address_done) struct git_address
/* 1: a git address, *ret filled; 0: something else; ERROR_INVALID: one that must not be used (".." in subdir, a ref
 * that begins with '-', another protocol). */
int git_address_parse(const char *s, struct git_address *ret, struct error *err);

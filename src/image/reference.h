/* SPDX-License-Identifier: Apache-2.0
 * image/reference.h - image names: Docker's reference grammar, its normal forms, and transport prefixes.
 *
 *   [domain[:port]/]path[:tag][@digest]        (distribution/reference: the grammar and its limits)
 *   transport:rest                             (containers-transports(5))
 *
 * Text only: no look-ups, no registries.conf (short names are resolved by engine/image.h). A struct owns its strings.
 * Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/own.h"

#define REFERENCE_NAME_MAX 255   /* domain + '/' + path */
#define REFERENCE_TAG_MAX 128

struct reference {
	char *domain;   /* NULL: none was written (a short name); else "quay.io", "localhost:5000", "[::1]:5000" */
	char *path;     /* "library/busybox" */
	char *tag;      /* NULL: none */
	char *digest;   /* NULL: none; valid for digest_parse() */
};

void reference_done(struct reference *r);
#define auto_reference CLEANUP(reference_done) struct reference

/* Parses by the grammar alone. The first component is a domain when it has a '.' or ':' or is "localhost", or an upper
 * case letter (Docker's rule). ERROR_INVALID "invalid reference format" and its variants as Podman prints them; 64 hex
 * digits are refused as a name. *ret must be zeroed. */
int reference_parse(const char *s, struct reference *ret, struct error *err);
int reference_copy(const struct reference *from, struct reference *to, struct error *err);

/* Podman's name for something local: a short name gets "localhost/", docker.io names their full form, no tag and no
 * digest becomes ":latest", a tag beside a digest is dropped. For tag, load, import, commit, build -t. */
int reference_normalize_local(struct reference *r, struct error *err);
/* Docker's name: a short name gets "docker.io/", one-component docker.io paths "library/"; "index.docker.io" becomes
 * "docker.io". Tag and digest stay as they are. */
int reference_normalize_docker(struct reference *r, struct error *err);
/* Adds ":latest" when there is neither tag nor digest. */
int reference_default_tag(struct reference *r, struct error *err);

/* malloc'ed text; NULL: out of memory. name: "domain/path"; text: with tag and digest. */
char *reference_name(const struct reference *r);
char *reference_text(const struct reference *r);

enum transport {
	TRANSPORT_NONE,             /* no prefix: a reference or an id */
	TRANSPORT_DOCKER,           /* docker://REF */
	TRANSPORT_DOCKER_ARCHIVE,   /* docker-archive:PATH[:REF|:@INDEX] */
	TRANSPORT_DOCKER_DAEMON,    /* docker-daemon:REF */
	TRANSPORT_OCI,              /* oci:PATH[:REF|:@INDEX] */
	TRANSPORT_OCI_ARCHIVE,      /* oci-archive:PATH[:REF|:@INDEX] */
	TRANSPORT_DIR,              /* dir:PATH */
	TRANSPORT_STORAGE,          /* containers-storage:[STORE]REF */
	TRANSPORT_MAX
};

struct transport_name {
	enum transport transport;
	char *path;        /* the archives, oci, dir; NULL otherwise */
	char *selector;    /* what follows PATH: a reference or ref.name; NULL: none */
	int64_t index;     /* "@N": which image of the archive; -1: none */
	struct reference reference;   /* docker, docker-daemon, containers-storage and NONE */
};

const char *transport_prefix(enum transport t);   /* "oci-archive"; "" for NONE */
void transport_name_done(struct transport_name *t);
#define auto_transport_name CLEANUP(transport_name_done) struct transport_name
/* Does the text start with "TRANSPORT:" of a known transport? */
bool transport_is_known(const char *s);
/* Splits off a known transport; without one the whole text is parsed as a reference. *ret must be zeroed. */
int transport_parse(const char *s, struct transport_name *ret, struct error *err);

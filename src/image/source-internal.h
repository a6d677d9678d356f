/* SPDX-License-Identifier: Apache-2.0
 * image/source-internal.h - what the parts of a source share; nobody else includes it. */
#pragma once
#include <poll.h>

#include "base/str.h"
#include "image/source.h"

#define UNPACKERS_MAX 6
#define FETCHES_MAX 6

enum source_kind { SOURCE_NONE, SOURCE_REGISTRY, SOURCE_ARCHIVE, SOURCE_DIRECTORY };

struct source {
	struct source_options o;
	enum source_kind kind;
	struct worker *fetch, *parse, *unpack[UNPACKERS_MAX];
	int64_t endpoint;
	int fd, spool;              /* archive file or directory; owned duplicates */
	int shared;                 /* directory of an OCI layout's blobs; borrowed; 0: its own */
	char *what, *worker;
	struct op_archive archive;
	int64_t position;           /* docker archives: the image chosen */
};

/* source.c */
int source_worker(struct source *s, enum worker_role role, const struct strv *read_paths, struct worker **at,
		  struct error *err);
/* A small document (manifest, config) of the source as a memfd: by digest, or tag (registries), or member name
 * (docker archives). *ret_type (may be NULL) gets the announced media type, malloc'ed or NULL. */
int source_document(struct source *s, const char *name, size_t max, char **ret_type, struct error *err);

/* A range of a file as a memfd. */
int source_copy_range(const struct blob_place *p, size_t max, const char *what, struct error *err);
/* The whole of a descriptor from its start, malloc'ed. */
int source_slurp(int fd, const char *what, size_t max, char **ret, size_t *ret_len, struct error *err);
/* A digest the worker says it computed. */
int source_check_digest(const char *digest, const char *what, struct error *err);
